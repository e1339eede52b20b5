"""Files that a full disk or an interrupted copy cut off must not look like removed users or like edits."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.git_workspace import GitWorkspace
from support.servers.fake_scim import FakeScimServer
from support.workspace import OpenWorkspace

USERS = "".join(
    f"- objectId: id-{who}\n  givenName: {who.title()}\n  surname: Lee\n  userPrincipalName: {who}@example.com\n"
    for who in ("ada", "bob", "cid")
)
SUMMARY = "the file is cut off: git's index has more of its last line"


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> GitWorkspace:
    """Three users in users/people.yaml, all applied."""
    service = FakeScimServer()
    found = GitWorkspace(open_workspace(service), service)
    found.work.settings()
    found.work.write("users/people.yaml", USERS)
    found.git.commit("Add")
    assert found.work.apply().code == 0
    return found


def names(company: GitWorkspace) -> set[str]:
    return {str(user["userName"]) for user in company.service.users.values() if user.get("active", True)}


EVERYONE = {f"{who}@example.com" for who in ("ada", "bob", "cid")}


@pytest.mark.parametrize(
    ("cut", "line"), [("bob@exam", 8), ("surname: Le", 3), ("- objectId: id-b", 5), ("givenName: C", 10)]
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_file_that_is_cut_off_is_an_error_at_its_last_line(
    company: GitWorkspace, cut: str, line: int, ends: str
) -> None:
    content = USERS[: USERS.index(cut) + len(cut)]
    (company.work.state / "users/people.yaml").write_text(content, newline=ends)
    for result in (company.work.run("plan"), company.work.run("validate"), company.work.apply()):
        assert result.code == 1, result
        assert SUMMARY in result.err
        assert f"on users/people.yaml:{line}" in result.err
    assert names(company) == EVERYONE


def test_each_way_out_of_a_file_that_is_cut_off_works(company: GitWorkspace) -> None:
    people = company.work.state / "users/people.yaml"
    content = USERS[: USERS.index("bob@example.com") + len("bob@example.co")]
    people.write_text(content)
    commands = re.findall(r"`([^`]*)`", company.work.plan().err)
    assert [command.split()[0] for command in commands] == ["git", "echo"]
    for command, codes in zip(commands, (0, 0), strict=True):
        people.write_text(content)
        subprocess.run(command, shell=True, check=True, capture_output=True)  # noqa: S602 - as a user types it
        assert company.work.run("plan").code == codes
    assert people.read_text() == content + "\n"


def test_edits_of_a_file_without_a_last_line_break_are_edits(company: GitWorkspace) -> None:
    """Many editors leave the last line break out."""
    people = company.work.state / "users/people.yaml"
    people.write_text(USERS.removesuffix("\n"))
    assert company.work.plan().actions == {}
    people.write_text(USERS[: USERS.index("- objectId: id-cid")].removesuffix("\n"))
    assert company.work.plan().actions == {"cid@example.com": "deactivate"}
    people.write_text(USERS.replace("Lee", "Ray").removesuffix("\n"))
    assert set(company.work.plan().actions.values()) == {"update"}


def test_a_scope_that_is_cut_off_is_an_error(company: GitWorkspace) -> None:
    company.work.write("scope.yaml", "sync: assigned\nassigned: {users: [ada@example.com]}\nexcluded: {users: []}\n")
    company.git.commit("Scope")
    (company.work.state / "scope.yaml").write_text("sync: a")
    result = company.work.apply()
    assert result.code == 1
    assert SUMMARY in result.err
    company.work.write("scope.yaml", "sync: assigned\nassigned: {users: [ada@example.com]}\nexcluded: {")
    assert company.work.apply().code == 1
    assert names(company) == EVERYONE
