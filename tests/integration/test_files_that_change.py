"""Files that another program writes while they are read: what was not read must not look like removed users."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.git_workspace import GitWorkspace, person
from support.servers.fake_scim import FakeScimServer
from support.workspace import OpenWorkspace

from reconciler.desired import loader
from reconciler.desired.directory import Directory

CHANGED = "the desired state changed while it was read"
MAPPINGS = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
"""
EVERYONE = {"ada", "bob", "cid", "dot"}


class Company(GitWorkspace):
    """Two users in users/people.yaml, two in users/more.yaml, all applied."""

    def start(self) -> None:
        self.work.write("users/more.yaml", json.dumps([person("cid"), person("dot")]) + "\n")
        self.work.write("scope.yaml", "sync: all\n")
        self.work.settings()
        self.commit(person("ada"), person("bob"))
        assert self.work.apply().code == 0

    @property
    def more(self) -> Path:
        return self.work.state / "users/more.yaml"

    @property
    def lock(self) -> Path:
        return self.work.root / ".git/index.lock"

    def active(self) -> set[str]:
        return {
            str(user["userName"]).partition("@")[0] for user in self.service.users.values() if user.get("active", True)
        }


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> Company:
    service = FakeScimServer()
    found = Company(open_workspace(service), service)
    found.start()
    return found


@pytest.fixture
def when_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Makes each load call a function when the files were read, and before they are compared with git's index."""

    def hook(function: Callable[[], object]) -> None:
        check = loader.check_work_tree

        def call(directory: Directory) -> str | None:
            function()
            return check(directory)

        monkeypatch.setattr(loader, "check_work_tree", call)

    return hook


WhenRead = Callable[[Callable[[], object]], None]


def checkout(company: Company) -> Callable[[], object]:
    """git removes a file before it writes the new one. Return what writes it."""
    text = company.more.read_text()
    company.more.unlink()
    return lambda: company.more.write_text(text)


@pytest.mark.parametrize("git", [True, False])
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_file_that_is_written_again_is_not_a_file_that_was_read(
    company: Company, when_read: WhenRead, git: bool, command: str
) -> None:
    if not git:
        shutil.rmtree(company.work.root / ".git")
    when_read(checkout(company))
    result = company.work.apply() if command == "apply" else company.work.run(command)
    assert result.code == 1, result
    assert f'{CHANGED}: "users/more.yaml"' in " ".join(result.err.split())
    assert company.active() == EVERYONE
    assert company.work.apply().code == 0, "the same command again"


@pytest.mark.parametrize("git", [True, False])
def test_users_that_move_to_a_file_that_was_read_before_are_not_removed(
    company: Company, when_read: WhenRead, git: bool
) -> None:
    if not git:
        shutil.rmtree(company.work.root / ".git")
    people = company.work.state / "users/people.yaml"
    everyone = [person(who) for who in ("ada", "bob", "cid", "dot")]
    people.write_text("[]\n")

    def finish() -> None:
        company.more.write_text(json.dumps(everyone) + "\n")

    when_read(finish)
    result = company.work.apply()
    assert result.code == 1, result
    assert f'{CHANGED}: "users/more.yaml"' in " ".join(result.err.split())
    assert company.active() == EVERYONE


@pytest.mark.parametrize("appears", [True, False])
@pytest.mark.parametrize("name", ["users/new.yaml", "scope.yaml", "mappings.yaml", "groups/a.yaml", "users/x/y.yaml"])
def test_a_file_that_appears_or_goes_is_a_change(
    company: Company, when_read: WhenRead, name: str, appears: bool
) -> None:
    path = company.work.state / name
    path.parent.mkdir(exist_ok=True)
    text = {"scope.yaml": "sync: all\n", "mappings.yaml": MAPPINGS}.get(name, "[]\n")
    if appears:
        path.unlink(missing_ok=True)
        when_read(lambda: path.write_text(text))
    else:
        path.write_text(text)
        when_read(path.unlink)
    result = company.work.apply()
    assert (result.code, f'{CHANGED}: "{name}"' in " ".join(result.err.split())) == (1, True), result
    assert company.active() == EVERYONE


def test_while_git_holds_its_lock_no_account_is_removed(company: Company) -> None:
    """git may have written the file that loses a user, and not the one that gets the user."""
    company.write(person("ada"), person("eve"))
    company.git.commit("Move")
    company.lock.touch()
    for result in (company.work.run("plan"), company.work.apply()):
        assert result.code == 5, result
        shown = " ".join((result.out + result.err).split())
        assert f"rm -f -- {company.lock}" in shown
        assert "no account is deactivated or deleted" in shown
    assert company.active() == {*EVERYONE, "eve"}
    assert company.work.run("validate").code == 0
    company.lock.unlink()
    assert company.work.apply().code == 0
    assert company.active() == {*EVERYONE, "eve"} - {"bob"}


def test_files_that_are_not_read_may_change(company: Company, when_read: WhenRead) -> None:
    notes = company.work.state / "users/README.md"
    when_read(lambda: notes.write_text("notes\n"))
    assert company.work.apply().code == 0
    when_read(company.more.touch)
    assert company.work.apply().code == 0
