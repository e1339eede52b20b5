"""Live accounts as a desired state: the plan for it is empty, at every kind of server, or what differs is listed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.habit_cycle import BEFORE, MAPPINGS, NO_CHANGES, ROLE
from support.servers.fake_scim import FakeScimServer, make_user
from support.servers.kinds import KINDS
from support.servers.plain_scim import PlainScim
from support.servers.server_faults import ServerFaults
from support.servers.service_habits import HabitServer, ServiceHabits, lower_case, trimmed
from support.workspace import CommandResult, OpenWorkspace, Workspace, run

LEAVER, UNMANAGED = 3, 4
PEOPLE = 7


def accounts() -> list[dict[str, Any]]:
    """Seven accounts, of which one is inactive and one is not managed."""
    users = [make_user(number) for number in range(PEOPLE)]
    users[LEAVER]["active"] = False
    del users[UNMANAGED]["externalId"]
    return users


@dataclass(frozen=True)
class Adoption:
    """An export, and the plan for what it wrote."""

    out: Path
    exported: CommandResult
    planned: CommandResult

    @property
    def at_rest(self) -> bool:
        return (self.exported.code, self.planned.code) == (0, 0) and all(
            NO_CHANGES in each.out for each in (self.exported, self.planned)
        )

    @property
    def words(self) -> str:
        results = self.exported, self.planned
        return "\n".join(part for each in results for part in (each.out, each.err))


def adopt(workspace: Workspace, *arguments: str, plans: str = "plans") -> Adoption:
    """Export with no users in the desired state, then plan for the result."""
    out = workspace.root / "adopted"
    workspace.users([])
    exported = workspace.run("export", "-o", str(out), "--plans", str(workspace.root / plans), *arguments)
    assert "Traceback" not in exported.err
    planned = run(["reconciler", "plan", "--state", str(out), "--plans", str(workspace.root / plans)])
    return Adoption(out, exported, planned)


def read_files(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("faults", KINDS, ids=lambda faults: str(faults).partition("(")[2][:60])
def test_each_kind_of_server_is_adopted_without_a_change(faults: ServerFaults, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(faults, accounts())
    found = adopt(open_workspace(service))
    assert found.at_rest, found.words
    assert "6 managed accounts" in found.exported.out
    assert {each.method for each in service.log} == {"GET"}


def test_scim2_server_is_adopted_without_a_change(open_workspace: OpenWorkspace) -> None:
    found = adopt(open_workspace(PlainScim(accounts())))
    assert found.at_rest, found.words


HABITS = {
    "none": ServiceHabits(),
    "leaves active out when it is true": ServiceHabits(hides_active=True),
    "leaves active out when it is false": ServiceHabits(hides_active=False, filters_active=True),
    "trims": ServiceHabits(stores={"emails": trimmed, "title": trimmed}),
    "values in lower case": ServiceHabits(stores=dict.fromkeys(("userName", "title", "name", "emails"), lower_case)),
    "drops type": ServiceHabits(drops=frozenset({"type"})),
    "drops type and primary": ServiceHabits(drops=frozenset({"type", "primary"})),
}


@pytest.mark.parametrize("habit", HABITS)
def test_what_a_service_with_habits_shows_is_adopted(habit: str, open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(HabitServer(HABITS[habit]))
    workspace.write("mappings.yaml", MAPPINGS + ROLE)
    workspace.users([*BEFORE[1:], {**BEFORE[0], "accountEnabled": True}])
    assert workspace.apply().code == 0
    workspace.users([*BEFORE[1:], {**BEFORE[0], "accountEnabled": False}])
    assert workspace.apply().code == 0
    # Without the record, as for a tenant that another product provisioned.
    found = adopt(workspace, plans="no-plans")
    assert found.at_rest, found.words
    assert found.exported.out.startswith("Exported 5 managed accounts")
    assert "4 active, 1 inactive (accountEnabled: false)" in found.exported.out


def test_accounts_of_which_nothing_shows_whether_they_are_active_are_not_exported(
    open_workspace: OpenWorkspace,
) -> None:
    workspace = open_workspace(HabitServer(ServiceHabits(hides_active=False)))
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.users(BEFORE)
    workspace.apply()
    workspace.users([*BEFORE[1:], {**BEFORE[0], "accountEnabled": False}])
    workspace.apply()
    found = adopt(workspace, plans="no-plans")
    assert (found.exported.code, found.out.exists()) == (1, False)
    assert 'does not show whether 1 account is active: "ada@example.com"' in found.exported.err
    workspace.settings(target={"profile": "scim", "base_url": workspace.base_url, "active_when_absent": False})
    found = adopt(workspace, plans="no-plans")
    assert found.at_rest, found.words


def test_only_pages_are_requested(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=map(make_user, range(450)))
    workspace = open_workspace(service)
    workspace.users([])
    assert workspace.run("export", "-o", str(workspace.root / "adopted")).code == 0
    pages = [each.query.get("startIndex") for each in service.log if each.path.endswith("/Users")]
    # Three pages, and one past the end, which shows that the total is not capped.
    assert sorted(pages, key=str) == ["1", "201", "401", "451"]
    # A few users are read by id, whatever their number: do lists leave attributes out?
    assert len(service.log) - len(pages) <= 6


def test_the_files(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer(users=accounts()[LEAVER : UNMANAGED + 2]))
    found = adopt(workspace, "--unmanaged")
    assert found.at_rest, found.words
    files = read_files(found.out)
    target = f"{workspace.base_url} (scim)"
    assert files.pop("settings.yaml") == (workspace.state / "settings.yaml").read_text("utf-8")
    assert files.pop("scope.yaml").endswith("\nsync: all\n")
    users = files.pop("users/accounts.yaml")
    assert users.startswith(f"# Accounts of {target}, by `reconciler export`.\n- objectId: ")
    assert users.count("- objectId: ") == 2
    assert users.partition("userPrincipalName: linus")[2].partition("- ")[0] == (
        ".3@example.com\n"
        "  givenName: Linus\n"
        "  surname: Hopper\n"
        "  department: Finance\n"
        "  division: EMEA\n"
        "  costCenter: CC-0013\n"
        "  employeeId: '000003'\n"
        "  accountEnabled: false\n"
    )
    lines = [json.loads(line) for line in files.pop("accounts.jsonl").splitlines()]
    assert [(each["userName"], each["active"], each["managed"]) for each in lines] == [
        ("jose.4@example.com", True, False),
        ("linus.3@example.com", False, True),
        ("nguyen.5@example.com", True, True),
    ]
    unmanaged = files.pop("users/unmanaged.yaml")
    assert "# - userPrincipalName: jose.4@example.com\n#   givenName: 'José'\n" in unmanaged
    assert {line for line in unmanaged.splitlines() if not line.startswith("#")} == {"[]"}
    assert files == {}


def test_without_a_directory_the_users_go_to_stdout(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer(users=accounts()))
    result = workspace.run("export")
    assert result.code == 0
    assert result.out.count("- objectId: ") == PEOPLE - 1
    assert "No changes." in result.err
    assert sorted(each.name for each in workspace.root.iterdir()) == ["desired-state"]


def test_mappings_that_lose_a_value_are_listed(open_workspace: OpenWorkspace) -> None:
    users = accounts()
    users[0]["title"] = "Engineer"
    workspace = open_workspace(FakeScimServer(users=users))
    workspace.write(
        "mappings.yaml",
        """
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: title, template: "{{ jobTitle | lower }}"}
- {target: name.givenName, source: givenName}
- {target: name.familyName, constant: "Müller"}
""",
    )
    found = adopt(workspace)
    assert (found.exported.code, found.planned.code) == (5, 0)
    assert "title, template: {{ jobTitle | lower }}\n    1 account: no source value gives this" in found.exported.out
    assert 'mapped "Müller"' in found.exported.out
    assert "5 accounts, 1 of them inactive: the mapping gives another value\n" in found.exported.out
    assert "not empty: 4 accounts would change (0 to create, 4 to update, 0 to delete)." in found.exported.out
    assert found.planned.out.count("name.familyName =") == 4


@pytest.mark.parametrize("where", ["desired-state/more", "desired-state", "full"])
def test_existing_files_are_never_touched(where: str, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=accounts())
    workspace = open_workspace(service)
    workspace.users([])
    (workspace.root / "full").mkdir()
    (workspace.root / "full" / "notes.txt").write_text("mine")
    before = read_files(workspace.root)
    result = workspace.run("export", "-o", str(workspace.root / where))
    assert result.code == 64
    assert (read_files(workspace.root), service.log) == (before, [])


@pytest.mark.parametrize(
    "faults",
    [
        ServerFaults(cap_total=4),
        ServerFaults(page_cap=3, duplicate_on_page=2),
        ServerFaults(page_cap=3, cap_depth=3),
        ServerFaults(claim_total=9),
        ServerFaults(total_missing=True),
        ServerFaults(empty_lie=True),
    ],
    ids=lambda faults: str(faults).partition("(")[2][:60],
)
def test_an_incomplete_read_writes_nothing(faults: ServerFaults, open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer(faults, accounts()))
    workspace.users([])
    before = read_files(workspace.root)
    result = workspace.run("export", "-o", str(workspace.root / "adopted"))
    assert (result.code, read_files(workspace.root)) == (1, before)


def test_the_token_is_in_no_file_and_no_output(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=accounts(), token="s3cr3t-t0k3n")
    found = adopt(open_workspace(service))
    texts: Iterable[str] = (*read_files(found.out).values(), found.words)
    assert not any(service.token in text for text in texts)


def test_options_before_the_subcommand_are_refused(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer())
    result = run(["reconciler", "export", "--state", str(workspace.state), "entra-schema"])
    assert (result.code, result.out) == (64, "")
    assert "--state is written before entra-schema" in result.err
    assert run(["reconciler", "export", "entra-schema", "--state", str(workspace.state)]).code in (0, 5)


def test_values_of_the_service_stay_values(open_workspace: OpenWorkspace) -> None:
    hostile = "x\n- userPrincipalName: eve@example.com\u2028: # \x00\x85'\"[{&*!|>%@`"
    users = accounts()
    for user in (users[0], users[UNMANAGED]):
        user["title"] = user["displayName"] = user["name"]["givenName"] = hostile
    users[0]["externalId"] = "~"
    users[1]["userName"] = "no\n@example.com"
    users[2]["externalId"] = "!!python/object 0012: #"
    workspace = open_workspace(FakeScimServer(users=users))
    found = adopt(workspace, "--unmanaged")
    files = read_files(found.out)
    assert {line for line in files["users/unmanaged.yaml"].split("\n") if not line.startswith("#")} == {"[]", ""}
    assert "eve@example.com" not in [line.strip().removeprefix("- ") for line in found.words.splitlines()]
    assert files["users/accounts.yaml"].count("\n- ") == PEOPLE - 1
    assert (found.exported.code, found.planned.code) == (5, 5)
    # Control characters are errors of these users, who are left untouched. No account is changed.
    assert "2 users have errors" in found.exported.out
    assert "will be" not in found.planned.out


@pytest.mark.parametrize("names", [("ada@example.com", "ADA@example.com"), ("Stra\u00dfe@example.com",) * 2])
def test_accounts_that_share_a_name_are_not_two_users(names: tuple[str, str], open_workspace: OpenWorkspace) -> None:
    users = accounts()
    users[0]["userName"], users[1]["userName"] = names
    users[1]["active"] = False
    workspace = open_workspace(FakeScimServer(users=users))
    found = adopt(workspace)
    assert found.exported.code == 5
    assert "1 managed account has no entry" in found.exported.out
    text = (found.out / "users/accounts.yaml").read_text("utf-8")
    assert f"# - objectId: {users[1]['externalId']}" in text.replace("'", "")
    assert "Left out: another account has the userPrincipalName" in text


def test_a_value_that_fits_on_no_line_is_left_at_the_target(open_workspace: OpenWorkspace) -> None:
    users = accounts()
    users[0]["title"] = "\u200b" * 30_000
    workspace = open_workspace(FakeScimServer(users=users))
    found = adopt(workspace)
    assert "title, source: jobTitle\n    1 account: no source value gives this" in found.exported.out
    assert found.at_rest, found.words


def test_an_account_that_cannot_be_read_is_exported_and_reported(open_workspace: OpenWorkspace) -> None:
    users = accounts()
    users[0]["title"] = {"is": "no text"}
    found = adopt(open_workspace(FakeScimServer(users=users)))
    assert found.exported.code == 5
    assert "title holds dict, not a string" in found.exported.err
    assert "ada.0@example.com" in (found.out / "users/accounts.yaml").read_text("utf-8")


def test_nothing_to_export_is_an_error(open_workspace: OpenWorkspace) -> None:
    users = accounts()[UNMANAGED : UNMANAGED + 1]
    workspace = open_workspace(FakeScimServer(users=users))
    found = adopt(workspace)
    assert (found.exported.code, found.out.exists()) == (1, False)
    assert "--unmanaged exports them" in found.exported.err
    found = adopt(workspace, "--unmanaged")
    assert found.exported.code in (0, 5)
    assert "# - userPrincipalName: jose.4@example.com" in (found.out / "users/unmanaged.yaml").read_text("utf-8")


def test_accounts_that_the_lifecycle_deletes_are_no_empty_plan(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer(users=accounts()))
    workspace.settings(lifecycle={"actions": ["create", "update", "deactivate", "delete"], "delete_after_days": 1})
    found = adopt(workspace)
    assert found.exported.code == 5
    assert "1 account would change (0 to create, 0 to update, 1 to delete)" in found.exported.out


# --- a disconnect ----------------------------------------------------------------


@pytest.fixture
def disconnected(open_workspace: OpenWorkspace) -> tuple[Workspace, FakeScimServer, Path]:
    """A workspace, its service, and what was exported before the accounts are changed."""
    service = FakeScimServer(users=[user for user in accounts() if "externalId" in user])
    workspace = open_workspace(service)
    workspace.settings(guards={"updates": {"percent": 100}, "name_takeovers": {"count": 100}})
    found = adopt(workspace)
    assert found.at_rest
    return workspace, service, found.out


def test_accounts_that_lost_their_ids_are_adopted_again(
    disconnected: tuple[Workspace, FakeScimServer, Path],
) -> None:
    workspace, service, before = disconnected
    for user in service.users.values():
        del user["externalId"]
    line = ["plan", "--state", str(before), "--plans", str(workspace.plans), "--format", "json"]
    planned = run(["reconciler", *line])
    assert list(planned.actions.values()) == ["adopt"] * 5


def test_accounts_with_other_ids_are_relinked_by_the_rows_of_the_documentation(
    disconnected: tuple[Workspace, FakeScimServer, Path],
) -> None:
    workspace, service, before = disconnected
    for number, user in enumerate(service.users.values()):
        user["externalId"] = f"new '{number}'"
        user["userName"] = f"renamed.{number}@example.com"
    after = workspace.run("export", "-o", str(workspace.root / "after"), "--plans", str(workspace.plans))
    assert after.code == 0
    text = (Path(__file__).parents[2] / "docs" / "adopting.md").read_text("utf-8")
    program = text.partition("accounts.jsonl '\n")[2].partition("'\n```")[0]
    jq = shutil.which("jq")
    if jq is None:
        pytest.skip("jq is not installed")
    files = [f"{before}/accounts.jsonl", f"{workspace.root}/after/accounts.jsonl"]
    rows = subprocess.run(
        [jq, "-nr", "--slurpfile", "before", files[0], "--slurpfile", "after", files[1], program],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    settings = json.loads((before / "settings.yaml").read_text("utf-8"))
    content = "\n".join(f"{key}: {json.dumps(value)}" for key, value in settings.items())
    (before / "settings.yaml").write_text(f"{content}\nrelink:\n  ids:\n{rows}", "utf-8")
    line = ["plan", "--state", str(before), "--plans", str(workspace.plans), "--format", "json"]
    planned = run(["reconciler", *line])
    changes = planned.plan["resource_changes"]
    assert {change["action"] for change in changes} == {"relink"}, planned.out + planned.err
    known = map(json.loads, (before / "accounts.jsonl").read_text("ascii").splitlines())
    ids = {each["userName"]: each["id"] for each in known if each["active"]}
    assert {change["key"]: change["id"] for change in changes} == ids


# --- accounts that the service does not show -------------------------------------


def test_a_hidden_account_is_not_exported_and_the_plan_leaves_it_alone(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(HabitServer(ServiceHabits(hides_inactive=True)))
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.users(BEFORE)
    workspace.apply()
    workspace.users([*BEFORE[1:], {**BEFORE[0], "accountEnabled": False}])
    assert workspace.apply().code == 0
    out = workspace.root / "adopted"
    exported = workspace.run("export", "-o", str(out), "--plans", str(workspace.plans))
    assert exported.code == 0, exported.out + exported.err
    planned = run(["reconciler", "plan", "--state", str(out), "--plans", str(workspace.plans)])
    assert (planned.code, NO_CHANGES in planned.out) == (0, True), planned.out + planned.err
    text = (out / "users/accounts.yaml").read_text("utf-8")
    assert (text.count("- objectId: "), "ada@example.com" in text) == (len(BEFORE) - 1, False)
