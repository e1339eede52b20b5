from __future__ import annotations

from pathlib import Path

import pytest
from support.git_workspace import GitWorkspace, person
from support.servers.fake_scim import FakeScimServer
from support.workspace import CommandResult, Workspace, run


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitWorkspace:
    with FakeScimServer(None, [], "t0ken") as service:
        made = GitWorkspace(Workspace(tmp_path, service.base_url, "t0ken", monkeypatch), service)
        made.commit(person("ada"), person("bob"), subject="Begin")
        assert made.work.apply().code == 0
        made.commit(person("ada"), person("bob", department="IT"), person("eve"), subject="Edit")
    return made


def report(space: GitWorkspace, *more: str) -> CommandResult:
    place = ["--state", str(space.work.state), "--plans", str(space.work.plans)]
    return run(["reconciler", "report", *place, "--now", "2026-12-01", *more])


def test_the_service_is_not_asked_and_the_bytes_are_the_same(space: GitWorkspace, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert report(space, "-o", str(tmp_path / name)).code == 0
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert set(files) == {
        *("index.html", "users.html", "users-0001.html", "history.html", "changes-1.html", "reconciler-report.json")
    }
    index = files["index.html"].decode()
    assert "1 to create, 1 to update, 0 to delete" in index
    assert "What this report cannot say" not in index
    users = files["users.html"].decode()
    assert users.count('<li class="account">') == 2
    assert users.count('<li class="waiting">') == 1


def test_a_saved_plan_is_shown_in_place_of_the_comparison(space: GitWorkspace, tmp_path: Path) -> None:
    with FakeScimServer(None, [], "t0ken") as service:
        space.work.base_url = service.base_url
        space.work.settings()
        saved = tmp_path / "saved.json"
        assert space.work.run("plan", "-o", str(saved)).code in (0, 3)
        out = tmp_path / "site"
        assert report(space, "-o", str(out), "--plan", str(saved)).code == 0
        assert "what happened since is not in it" in (out / "index.html").read_text()
        space.work.base_url = "http://127.0.0.1:9"
        space.work.settings()
        answer = report(space, "-o", str(out), "--plan", str(saved))
    assert (answer.code, "is for another target" in answer.err) == (64, True)


def test_a_place_in_the_desired_state_or_the_record_is_refused(space: GitWorkspace) -> None:
    for place, what in ((space.work.state / "x", "the desired state"), (space.work.plans, "the record")):
        answer = report(space, "-o", str(place))
        assert answer.code == 64
        assert f"is inside of {what}" in answer.err


def test_a_damaged_receipt_is_an_error_that_the_page_shows(space: GitWorkspace, tmp_path: Path) -> None:
    (receipt,) = space.work.plans.glob("*/receipt.jsonl")
    receipt.write_text("[]\n")
    answer = report(space, "-o", str(tmp_path / "site"))
    assert answer.code == 1
    assert "Error:" in answer.err
    assert receipt.name in (tmp_path / "site/index.html").read_text()


def test_errors_in_the_desired_state_write_no_site(space: GitWorkspace, tmp_path: Path) -> None:
    space.work.write("users/people.yaml", "- x: [")
    assert report(space, "-o", str(tmp_path / "site")).code == 1
    assert not (tmp_path / "site").exists()


def test_a_report_inside_of_what_git_or_the_program_reads_is_refused(space: GitWorkspace) -> None:
    root = space.work.state.parent
    for place in (space.work.state / "report", space.work.plans / "report", root / ".git" / "report"):
        found = report(space, "-o", str(place))
        assert found.code == 64
        assert " is inside of " in found.err
        assert not place.exists()
