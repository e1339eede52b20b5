"""Scoping filters from scope.yaml to the sandbox: which users are removed and why, and which are not changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.servers.fake_scim import make_user
from support.workspace import Workspace, source

from reconciler.sandbox.seed import list_users, seed
from reconciler.sandbox.server import start

NAMES = [f"name-{number}@example.com" for number in range(4)]
LIVE = [make_user(number, userName=name) for number, name in enumerate(NAMES)]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Four users in the sandbox, equal to the desired state; the first is in Sales."""
    seed(tmp_path / "sandbox.db", {"domains": ["example.com"], "users": LIVE})
    with start(tmp_path / "sandbox.db") as running:
        work = Workspace(tmp_path, running.base_url, running.token, monkeypatch)
        write_users(work)
        yield work


def write_users(work: Workspace, **changes: dict[str, Any]) -> None:
    """Write the four users; `name_0={…}` changes the first."""
    work.users(source(user, **changes.get(f"name_{number}", {})) for number, user in enumerate(LIVE))


def write_filters(work: Workspace, *written: dict[str, Any]) -> None:
    named = [{"name": f"filter {number}", **each} for number, each in enumerate(written)]
    work.write("scope.yaml", json.dumps({"sync": "all", "filters": named}))


def active(work: Workspace) -> list[bool]:
    found = {user["userName"]: user.get("active", True) for user in list_users(work.root / "sandbox.db")}
    return [found[name] for name in NAMES]


def test_a_user_that_passes_no_filter_is_deactivated_with_the_reason_in_the_plan(workspace: Workspace) -> None:
    departments = [user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["department"] for user in LIVE]
    wanted = {"attribute": "department", "operator": "NOT EQUALS", "value": departments[1]}
    write_filters(workspace, {"name": "Not in the second's department", "clauses": [wanted]})
    out = [name for name, department in zip(NAMES, departments, strict=True) if department == departments[1]]
    planned = workspace.plan()
    assert planned.code == 2, planned.err
    assert planned.actions == dict.fromkeys(out, "deactivate")
    change = planned.plan["resource_changes"][0]
    assert change["action_reason"] == "out_of_scope"
    shown = f'"Not in the second\'s department" requires department NOT EQUALS "{departments[1]}"'
    why = f"passes no scoping filter: {shown}"
    assert why in workspace.run("plan").out
    assert workspace.apply().code == 0
    assert active(workspace) == [name not in out for name in NAMES]
    assert workspace.plan().code == 0, "a plan after an apply is empty"
    workspace.write("scope.yaml", "sync: all\n")
    assert set(workspace.plan().actions.values()) == {"reactivate"}, "back in scope"


def test_the_removal_mode_is_that_of_users_out_of_scope(workspace: Workspace) -> None:
    write_filters(
        workspace, {"clauses": [{"attribute": "userPrincipalName", "operator": "ENDS_WITH", "value": NAMES[0]}]}
    )
    for mode, action in (("delete", {"delete"}), ("keep", set())):
        workspace.settings(lifecycle={"out_of_scope": mode})
        assert set(workspace.plan().actions.values()) == action


def test_a_filter_that_excludes_all_users_is_blocked(workspace: Workspace) -> None:
    workspace.settings(guards={})
    write_filters(workspace, {"clauses": [{"attribute": "departmnt", "operator": "EQUALS", "value": "Sales"}]})
    planned = workspace.plan()
    assert planned.code == 3
    (warning,) = planned.plan["diagnostics"]
    assert warning["summary"] == 'no user has an attribute "departmnt"'
    assert warning["detail"] == "Did you mean department?"
    failed = {guard["name"] for guard in planned.plan["guards"] if not guard["passed"]}
    assert {"removals", "empty-desired-state"} <= failed
    assert planned.actions == dict.fromkeys(NAMES, "deactivate")
    assert workspace.apply().code == 3
    assert active(workspace) == [True] * 4


def test_a_user_whose_scope_is_undecidable_is_not_changed_and_others_are_planned(workspace: Workspace) -> None:
    several = ["a@example.com", "b@example.com"]
    one, other = {"proxyAddresses": ["x@example.com"]}, {"proxyAddresses": ["x@example.org"]}
    write_users(workspace, name_0={"proxyAddresses": several, "surname": "New"}, name_1=one, name_2=other)
    clause = {"attribute": "proxyAddresses", "operator": "ENDS_WITH", "value": "@example.com"}
    write_filters(workspace, {"clauses": [clause]})
    result = workspace.apply()
    assert result.code == 5, result.out
    assert (
        "the scoping filters cannot be evaluated for this user: proxyAddresses has 2 values" in result.out + result.err
    )
    assert active(workspace) == [True, True, False, False], "neither changed nor removed"
    family = {user["userName"]: user["name"]["familyName"] for user in list_users(workspace.root / "sandbox.db")}
    assert family[NAMES[0]] == LIVE[0]["name"]["familyName"]
    write_filters(workspace, {"clauses": [{**clause, "values_match": "any"}]})
    assert workspace.plan().actions == {NAMES[0]: "update"}


LEAVERS = (
    {"name": "no leave date", "clauses": [{"attribute": "employeeLeaveDateTime", "operator": "IS NULL"}]},
    {
        "name": "leaves later",
        "clauses": [{"attribute": "employeeLeaveDateTime", "operator": "DATE AFTER", "value": "today"}],
    },
)


@pytest.mark.parametrize("held", ["31.12.2027", "12/31/2027", "soon", "1830211200"])
def test_a_leave_date_that_cannot_be_read_changes_no_account(workspace: Workspace, held: str) -> None:
    leave = {"employeeLeaveDateTime": held}
    write_users(workspace, name_0={**leave, "surname": "New"}, name_1={"employeeLeaveDateTime": "2020-01-01"})
    write_filters(workspace, *LEAVERS)
    valid = workspace.run("validate")
    assert valid.code == 1, valid.out + valid.err
    result = workspace.apply("--now", "2026-11-29")
    assert result.code == 5, result.out
    for said in (valid.out + valid.err, result.out + result.err):
        assert f'employeeLeaveDateTime holds "{held}", which is not a date such as 2027-12-31' in " ".join(said.split())
        assert "users/people.yaml:" in said
    assert active(workspace) == [True, False, True, True], "the others go on"
    family = {user["userName"]: user["name"]["familyName"] for user in list_users(workspace.root / "sandbox.db")}
    assert family[NAMES[0]] == LIVE[0]["name"]["familyName"], "neither changed nor removed"
    explained = workspace.run("explain", NAMES[0], "--now", "2026-11-29")
    assert f'holds "{held}", which is not a date' in " ".join(explained.out.split())
    assert "deactivate" not in explained.out


@pytest.mark.parametrize(
    "held", ["2027-12-31T00:00:00Z", "20271231000000.0Z", "134431488000000000", "9223372036854775807", "20271231"]
)
def test_a_leave_date_in_a_form_of_active_directory_is_read(workspace: Workspace, held: str) -> None:
    write_users(workspace, **{f"name_{number}": {"employeeLeaveDateTime": held} for number in range(4)})
    write_filters(workspace, *LEAVERS)
    assert workspace.plan("--now", "2026-11-29").code == 0


def test_redacted_plans_hide_the_values_of_filters(workspace: Workspace) -> None:
    write_filters(workspace, {"clauses": [{"attribute": "userPrincipalName", "operator": "EQUALS", "value": NAMES[0]}]})
    for more in ((), ("-q",)):
        shown = workspace.run("plan", "--redact", *more)
        assert "passes no scoping filter: (hidden) requires userPrincipalName EQUALS (hidden)" in shown.out
        assert "name-0" not in shown.out + shown.err


def test_names_of_filters_and_values_are_not_interpreted_as_commands(workspace: Workspace) -> None:
    hostile = "x\u202e\n::error::\u001b[31m"
    write_filters(
        workspace, {"name": hostile, "clauses": [{"attribute": "surname", "operator": "EQUALS", "value": hostile}]}
    )
    shown = workspace.run("plan")
    assert r'"x\u{202e}\n::error::\u{1b}[31m" requires surname EQUALS' in shown.out
    assert not {"\u202e", "\u001b"} & set(shown.out + shown.err)


@pytest.mark.parametrize(
    ("now", "out"),
    [
        ("2026-03-01", True),
        ("2026-03-01T23:59:59Z", True),
        ("2026-03-02T00:30:00+01:00", True),
        ("2026-03-02T00:00:00Z", False),
        ("2026-03-01T23:30:00-01:00", False),
    ],
)
def test_the_date_of_a_plan_is_in_utc(workspace: Workspace, now: str, out: bool) -> None:
    write_users(workspace, name_0={"employeeHireDate": "2026-03-16"}, name_1={"employeeHireDate": "2026-03-10"})
    clause = {"attribute": "employeeHireDate", "operator": "DATE ON OR BEFORE", "value": "today+14"}
    write_filters(workspace, {"clauses": [clause]})
    assert (NAMES[0] in workspace.plan("--now", now).actions) is out
