"""Files that are not read must not look like users that were removed, or like a scope that includes everybody."""

from __future__ import annotations

import json
from pathlib import Path

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


GROUPS = """\
- {name: apple-users, members: {groups: [sales, berlin], users: [ada@example.com]}}
- {name: sales, members: {users: [bob@example.com, id-cid]}}
- {name: outside, members: {users: [partner@elsewhere.org]}}
"""
BERLIN = "- {name: berlin, members: {users: [dot@example.com]}}\n"
GROUP_SCOPE = """\
sync: assigned
assigned: {groups: [apple-users]}
excluded: {groups: [outside]}
filters:
  - name: sales
    clauses: [{operator: IS NOT MEMBER OF, value: berlin}]
"""
MAPPINGS = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, source: givenName, default: none}
- {target: name.familyName, source: surname, default: none}
- {target: "enterprise:department", source: team}
"""
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
CONFLICT = "<<<<<<< HEAD\n- {{}}\n=======\n{}>>>>>>> other\n"


@pytest.fixture
def groups(open_workspace: OpenWorkspace) -> Workspace:
    """A company whose scope is groups of users, in several files, with users that only other rules can map."""
    work = open_workspace(FakeScimServer(None, []))
    work.settings(target={"profile": "apple-business-manager", "base_url": work.base_url, "domains": ["example.com"]})
    work.users([person("ada", team="A"), person("bob", surname=""), person("cid")])
    partner = person("partner", userPrincipalName="partner@elsewhere.org")
    work.write("users/more.yaml", f"- {json.dumps(person('dot'))}\n- {json.dumps(partner)}\n")
    work.write("groups/main.yaml", GROUPS)
    work.write("groups/berlin.yaml", BERLIN)
    work.write("scope.yaml", GROUP_SCOPE)
    work.write("mappings.yaml", MAPPINGS)
    return work


def test_the_company_with_groups_is_valid(groups: Workspace) -> None:
    validated = groups.run("validate")
    assert (validated.code, validated.err) == (0, "")


@pytest.mark.parametrize(
    "name", ["users/people.yaml", "users/more.yaml", "groups/main.yaml", "groups/berlin.yaml", "scope.yaml"]
)
@pytest.mark.parametrize(
    "damage", ["lfs", "conflict", "orig", "hidden", "syntax", "bytes", "alias", "not a list", "unknown key"]
)
def test_a_file_that_is_not_read_is_exactly_one_error(groups: Workspace, name: str, damage: str) -> None:
    harm(groups.state / name, damage)
    assert_one_error(groups)


@pytest.mark.parametrize("damage", ["lfs", "conflict", "orig", "hidden", "syntax", "bytes"])
def test_mappings_that_are_not_read_are_exactly_one_error(groups: Workspace, damage: str) -> None:
    harm(groups.state / "mappings.yaml", damage)
    assert_one_error(groups)


@pytest.mark.parametrize("folder", ["users", "groups"])
@pytest.mark.parametrize("name", ["People", ".{}", "{}.d", "old-{}"])
def test_a_folder_with_another_name_is_exactly_one_error(groups: Workspace, folder: str, name: str) -> None:
    (groups.state / folder).rename(groups.state / name.format(folder))
    assert_one_error(groups)


def test_a_misspelt_reference_is_an_error_beside_others(groups: Workspace) -> None:
    """Only references to what was not read are left out."""
    groups.write("scope.yaml", GROUP_SCOPE.replace("[outside]", "[outsid]"))
    (groups.state / "users/people.yaml").write_text(LFS)
    result = groups.run("validate")
    assert 'there is no group "outsid"' in result.err
    assert result.out.startswith("2 errors in ")


def harm(path: Path, damage: str) -> None:
    text = path.read_text("utf-8")
    if damage in ("orig", "hidden"):
        path.rename(path.with_name(f"{path.name}.orig" if damage == "orig" else f".{path.name}"))
        return
    damaged = {
        "lfs": LFS,
        "conflict": CONFLICT.format(text),
        "syntax": text + "]: {",
        "bytes": text + "# \udcff\n",
        "alias": text + ("x: *a\n" if path.name == "scope.yaml" else "- *a\n"),
        "not a list": "text\n",
        "unknown key": text + ("extra: 1\n" if path.name == "scope.yaml" else "- text\n"),
    }
    path.write_bytes(damaged[damage].encode("utf-8", "surrogateescape"))


def assert_one_error(work: Workspace) -> None:
    result = work.run("validate")
    assert result.out.startswith("1 error in "), result
    assert result.err.count("Error: ") == 1
    assert result.err.count("Warning: ") == 0
    assert work.plan().code == 1
