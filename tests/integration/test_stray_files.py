"""Files that are not read must not look like users that were removed, or like a scope that includes everybody."""

from __future__ import annotations

import pytest
from support.git_workspace import person
from support.servers.fake_scim import FakeScimServer
from support.servers.patching import User
from support.workspace import ENTERPRISE, OpenWorkspace, Workspace

LEAVERS = [f"leaver{number}" for number in range(30)]
SCOPE = "sync: assigned\nassigned: {users: [ada@example.com]}\n"


def account(who: str, *, active: bool = True) -> User:
    return {
        "id": f"live-{who}",
        "userName": f"{who}@example.com",
        "externalId": f"id-{who}",
        "active": active,
        "name": {"givenName": who.title(), "familyName": "Lee"},
        ENTERPRISE: {"department": "Sales"},
    }


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> tuple[Workspace, FakeScimServer]:
    """One user in scope, and thirty leavers whose accounts are deactivated."""
    service = FakeScimServer(None, [account("ada"), *(account(who, active=False) for who in LEAVERS)])
    work = open_workspace(service)
    work.users([person(who) for who in ("ada", *LEAVERS)])
    work.write("scope.yaml", SCOPE)
    return work, service


def assert_refused(work: Workspace, service: FakeScimServer, *expected: str) -> None:
    """Check that plan and apply refuse, naming the file, and that nothing was written."""
    before = {user["id"]: dict(user) for user in service.users.values()}
    for result in (work.run("validate"), work.plan(), work.apply()):
        assert result.code == 1, result
        for text in expected:
            assert text in result.err
    assert {user["id"]: dict(user) for user in service.users.values()} == before


def test_the_company_is_as_desired(company: tuple[Workspace, FakeScimServer]) -> None:
    work, _ = company
    assert work.plan().code == 0


@pytest.mark.parametrize(
    "name",
    [
        *("scope.yaml.orig", "scope.yaml.rej", "scope.yaml.bak", "scope.yaml~", ".scope.yaml.swp", ".scope.yaml"),
        *("scope.yml", "Scope.yaml", "scope.yaml ", "scope\u2024yaml", "sc\u043epe.y\u0430ml", "scope_BASE_4711.yaml"),
        *("#scope.yaml#", "scope", "scope.txt", ".state/scope.yaml", "Users/scope.yaml"),
    ],
)
def test_a_renamed_scope_reactivates_no_leavers(company: tuple[Workspace, FakeScimServer], name: str) -> None:
    work, service = company
    moved = work.state / name
    moved.parent.mkdir(exist_ok=True)
    (work.state / "scope.yaml").rename(moved)
    assert_refused(work, service, name.partition("/")[0].replace("\u2024", "").strip()[:2])


@pytest.mark.parametrize("name", [".more.yaml", ".team/more.yaml", "people.yaml.orig", "people_LOCAL_12.yaml"])
def test_users_in_a_file_that_is_not_read_are_not_deactivated(
    company: tuple[Workspace, FakeScimServer], name: str
) -> None:
    work, service = company
    people = work.state / "users/people.yaml"
    moved = people.parent / name
    moved.parent.mkdir(exist_ok=True)
    people.rename(moved)
    work.users([person(who) for who in LEAVERS])
    assert_refused(work, service, f"users/{name.partition('/')[0]}")


def test_conflict_markers_are_one_error(company: tuple[Workspace, FakeScimServer]) -> None:
    work, service = company
    work.write("scope.yaml", f"<<<<<<< HEAD\n{SCOPE}=======\nsync: all\n>>>>>>> branch\n")
    assert_refused(work, service, "scope.yaml:1:1", "an unresolved merge conflict")
    assert work.run("validate").out.startswith("1 error in ")


def test_files_of_other_tools_are_left_alone(company: tuple[Workspace, FakeScimServer]) -> None:
    work, _ = company
    for name in ("README.md", ".gitignore", ".DS_Store", "users/.gitkeep", "users/README.md", ".github/w.yml"):
        work.write(name, "")
    assert work.plan().code == 0
