"""Receipts that are lost, and what an apply leaves that was killed before it sent anything."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import PlanFileError, RepositoryError
from reconciler.record.damaged_receipts import check_branch_files, check_receipts
from reconciler.record.reader import read_record
from reconciler.record.record_files import read_record_files
from reconciler.render.record_page import render_record

NAME, OTHER = "2026-03-01-0123456789ab", "2026-03-02-0123456789ab"
LINE = '{"format_version": "1.0", "event": "apply_started", "plan_id": "sha256:x"}\n'
KILLED = {"no receipt": None, "empty": "", "cut": LINE[:30]}


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    directory = tmp_path / "plans" / NAME
    directory.mkdir(parents=True)
    (directory / "plan.json").write_text("{}")
    return tmp_path / "plans"


def leave(plans: Path, content: str | None) -> Path:
    receipt = plans / NAME / "receipt.jsonl"
    receipt.unlink(missing_ok=True)
    if content is not None:
        receipt.write_text(content)
    return receipt


@pytest.mark.parametrize("content", KILLED.values(), ids=KILLED)
def test_what_a_kill_leaves_is_in_the_way_of_no_apply(plans: Path, content: str | None) -> None:
    leave(plans, content)
    check_receipts(plans)
    GitRepository(plans.parent).commit("other", {f"plans/{OTHER}/receipt.jsonl": LINE}, tracked=f"plans/{OTHER}")
    check_receipts(plans)


def test_directories_that_are_no_records_do_not_count(plans: Path) -> None:
    (plans / NAME).rename(plans / "reviewed")
    (plans / "reviewed/README.md").write_text("Plans under review.")
    (plans / "README.md").write_text("What this directory is for.")
    (plans / "receipt.jsonl").write_text("")
    check_receipts(plans)
    check_receipts(plans / "nowhere")


@pytest.mark.parametrize("content", KILLED.values(), ids=KILLED)
def test_a_receipt_whose_page_is_there_had_lines(plans: Path, content: str | None) -> None:
    receipt = leave(plans, content)
    (plans / NAME / "README.md").write_text("# Plan")
    with pytest.raises(PlanFileError, match=r"README\.md in the same directory lists its applies") as caught:
        check_receipts(plans)
    assert str(receipt) in caught.value.summary
    command = caught.value.detail.partition("If you know that nothing was applied: ")[2]
    subprocess.run(shlex.split(command), check=True)
    check_receipts(plans)


@pytest.mark.parametrize("content", KILLED.values(), ids=KILLED)
def test_a_receipt_that_git_has_had_lines(plans: Path, content: str | None) -> None:
    repository = GitRepository(plans.parent, "plans")
    repository.commit("record", {f"plans/{NAME}/receipt.jsonl": LINE})
    leave(plans, content)
    with pytest.raises(PlanFileError, match="although git has it") as caught:
        check_receipts(plans)
    command = caught.value.detail.split("`")[1]
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    check_receipts(plans)
    assert (plans / NAME / "receipt.jsonl").read_text() == LINE


def test_if_git_cannot_tell_whether_it_has_a_receipt_that_is_an_error(plans: Path) -> None:
    repository = GitRepository(plans.parent, "plans")
    leave(plans, LINE)
    (repository.root / ".git/HEAD").write_text("")
    check_receipts(plans)
    leave(plans, "")
    with pytest.raises(RepositoryError):
        check_receipts(plans)
    shutil.rmtree(repository.root / ".git")
    check_receipts(plans)


def test_a_broken_receipt_is_named(plans: Path) -> None:
    receipt = leave(plans, LINE + "x\n" + LINE)
    with pytest.raises(PlanFileError, match=f"^{receipt}:2: not a receipt line$"):
        check_receipts(plans)


@pytest.mark.parametrize("content", ["", LINE[:30], "\0\0", LINE + "x\n"])
def test_receipts_of_the_branch_have_lines(plans: Path, content: str) -> None:
    leave(plans, LINE)
    files = list(read_record_files(plans))
    assert list(check_branch_files(files, "record")) == files
    leave(plans, content)
    with pytest.raises(PlanFileError, match=f'^{NAME}/receipt.jsonl on the record branch "record":'):
        list(check_branch_files(read_record_files(plans), "record"))


# --- lost lines ---------------------------------------------------------------------


def line(event: str, minute: int, plan: str = "sha256:x", **values: object) -> str:
    head = {"format_version": "1.0", "time": f"2026-03-01T08:{minute:02}:00+00:00", "event": event, "plan_id": plan}
    return json.dumps({**head, **values}) + "\n"


FIRST = [
    line("apply_started", 0),
    line("started", 1, address="a"),
    line("finished", 2, address="a", result="failed"),
    line("quarantined", 3, reason="r", message="m"),
    line("apply_finished", 4, how="quarantined"),
]
SECOND = [line("apply_started", 10), line("finished", 11, address="a", result="done"), line("apply_finished", 12)]


def write_page(plans: Path, *, old: bool = False) -> None:
    record = read_record(plans / NAME)
    page = render_record(record.target, record.plan_id, record.runs, record.planned, None, lines=record.lines)
    kept = [each for each in page.splitlines() if not (old and each.startswith("- Receipt: "))]
    (plans / NAME / "README.md").write_text("\n".join(kept))


LOSSES = {
    "the last line": FIRST[:-1],
    "two lines": FIRST[:-2],
    "inside a line": [*FIRST[:-2], FIRST[3][:40]],
    "all but one": FIRST[:1],
}


@pytest.mark.parametrize("old", [False, True], ids=["page", "page of an earlier version"])
@pytest.mark.parametrize("lines", LOSSES.values(), ids=LOSSES)
def test_a_receipt_has_what_its_page_lists(plans: Path, lines: list[str], old: bool) -> None:
    receipt = leave(plans, "".join(FIRST))
    write_page(plans, old=old)
    check_receipts(plans)
    leave(plans, "".join(lines))
    with pytest.raises(PlanFileError, match=r"README\.md in the same directory lists") as caught:
        check_receipts(plans)
    assert caught.value.summary.startswith(f"{receipt}: the receipt ")
    subprocess.run(shlex.split(caught.value.detail.partition("delete the page: ")[2]), check=True)
    check_receipts(plans)


def test_a_second_apply_can_be_lost_as_a_whole(plans: Path) -> None:
    for old in (False, True):
        leave(plans, "".join([*FIRST, *SECOND]))
        write_page(plans, old=old)
        leave(plans, "".join(FIRST))
        with pytest.raises(PlanFileError, match=r"lists$"):
            check_receipts(plans)


def test_the_end_of_an_apply_that_was_complete_can_be_lost(plans: Path) -> None:
    leave(plans, "".join(SECOND))
    write_page(plans, old=True)
    leave(plans, "".join(SECOND[:-1]))
    with pytest.raises(PlanFileError, match="the receipt lacks the end of an apply"):
        check_receipts(plans)


def test_lines_after_a_crash_can_be_lost_too(plans: Path) -> None:
    leave(plans, "".join(FIRST[:3]))
    write_page(plans)
    leave(plans, "".join(FIRST[:2]))
    with pytest.raises(PlanFileError, match="the receipt has 2 of the 3 lines"):
        check_receipts(plans)


def test_a_quarantine_that_only_the_page_has_was_lost(plans: Path) -> None:
    leave(plans, "".join(FIRST))
    write_page(plans, old=True)
    leave(plans, "".join([*FIRST[:3], *SECOND[1:]]))
    with pytest.raises(PlanFileError, match="the receipt lacks the quarantine"):
        check_receipts(plans)


@pytest.mark.parametrize("old", [False, True], ids=["page", "page of an earlier version"])
def test_an_apply_that_was_killed_can_be_followed_by_another(plans: Path, old: bool) -> None:
    """It has a receipt without an end, and no page, or one that was made of less."""
    for written in range(1, len(FIRST) + 1):
        leave(plans, "".join(FIRST[:written]))
        check_receipts(plans)
        write_page(plans, old=old)
        for more in range(len(SECOND) + 1):
            leave(plans, "".join([*FIRST[:written], *SECOND[:more]]))
            check_receipts(plans)
        (plans / NAME / "README.md").unlink()


def test_lines_of_two_receipts_are_no_receipt(plans: Path) -> None:
    other = [line("apply_started", 0, "sha256:y"), line("apply_finished", 9, "sha256:y")]
    receipt = leave(plans, "".join([other[0], *FIRST, other[1]]))
    with pytest.raises(PlanFileError, match=f"^{receipt}: the receipt has lines of several plans$"):
        check_receipts(plans)


def test_a_receipt_has_what_git_has(plans: Path) -> None:
    repository = GitRepository(plans.parent, "plans")
    repository.commit("record", {f"plans/{NAME}/receipt.jsonl": "".join(FIRST)})
    leave(plans, "".join([*FIRST, *SECOND]))
    check_receipts(plans)
    leave(plans, "".join(FIRST[:2]))
    with pytest.raises(PlanFileError, match=r"the receipt has fewer lines than git has$") as caught:
        check_receipts(plans)
    command = caught.value.detail.split("`")[1]
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    check_receipts(plans)
    assert (plans / NAME / "receipt.jsonl").read_text() == "".join(FIRST)
    leave(plans, "".join(FIRST[:2]))
    write_page(plans)
    check_receipts(plans)  # the page was made of these lines
    (plans / NAME / "README.md").unlink()
    (repository.root / ".git/HEAD").write_text("")
    check_receipts(plans)
