"""Wrong clocks: of the machine, of the service and of an earlier apply. None of them takes an account away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.sample_org import SampleOrg, account, person
from support.servers.fake_scim import FakeScimServer, ServerFaults
from support.workspace import CommandResult, OpenWorkspace

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def today() -> date:
    """Not a constant: a run of all tests can pass midnight."""
    return datetime.now(UTC).date()


def open_org(open_workspace: OpenWorkspace, service: FakeScimServer, **settings: Any) -> SampleOrg:
    org = SampleOrg(open_workspace(service), "scim")
    org.settings(**settings)
    return org


def serve(*accounts: dict[str, Any], ahead: timedelta | None = timedelta(0)) -> FakeScimServer:
    service = FakeScimServer(ServerFaults(clock_ahead=ahead))
    service.now = datetime.now(UTC)
    for each in (account("keeper"), *accounts):
        service.add(each)
    return service


def age_record(plans: Path, length: timedelta) -> None:
    """Make every receipt so much older, as a machine with such a clock would have written it."""
    for receipt in plans.glob("*/receipt.jsonl"):
        lines = [json.loads(line) for line in receipt.read_text().splitlines()]
        for line in lines:
            line["time"] = (datetime.fromisoformat(line["time"]) - length).isoformat()
        receipt.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def summaries(result: CommandResult) -> list[tuple[str, str]]:
    return [(item["severity"], item["summary"]) for item in result.plan["diagnostics"]]


# --- the age of a deactivation ---------------------------------------------------------------

DELETING = {"lifecycle": {"delete_after_days": 30}}


def test_a_deactivation_recorded_in_the_past_is_not_followed_by_a_deletion(open_workspace: OpenWorkspace) -> None:
    """The machine that deactivated the account had a clock 60 days behind; the service knows better."""
    org = open_org(open_workspace, serve(account("ada")), **DELETING)
    org.wants()
    org.applied()
    age_record(org.workspace.plans, 60 * DAY)
    assert org.actions() == {}
    assert org.workspace.apply().code == 0
    assert org.live()["ada"]["active"] is False


def test_a_deactivation_of_which_all_witnesses_agree_is_followed_by_a_deletion(open_workspace: OpenWorkspace) -> None:
    service = serve(account("ada"))
    service.now -= 60 * DAY
    org = open_org(open_workspace, service, **DELETING)
    org.wants()
    org.applied()
    assert org.actions() == {}, "the receipt is of today"
    age_record(org.workspace.plans, 60 * DAY)
    assert org.actions() == {"ada": "delete"}
    org.applied()
    assert "ada" not in org.live()


@pytest.mark.parametrize("omitted", [True, False])
def test_a_forged_receipt_adds_no_deletion(open_workspace: OpenWorkspace, omitted: bool) -> None:
    service = serve(account("ada", active=False))
    service.faults = ServerFaults(omit_meta=omitted)
    org = open_org(open_workspace, service, **DELETING)
    org.wants()
    forged = org.workspace.plans / "2026-01-01-aaaaaaaaaaaa" / "receipt.jsonl"
    forged.parent.mkdir(parents=True)
    then = datetime.now(UTC) - 90 * DAY
    head = {"format_version": "1.0", "time": then.isoformat(), "plan_id": "sha256:" + "a" * 64}
    target = {"target": service.base_url, "profile": "scim", "changes": 1, "whole": True}
    done = {"address": 'user["ada@example.com"]', "action": "deactivate", "result": "done"}
    identity = org.live()["ada"]["id"]
    lines = [{"event": "apply_started", **target}, {"event": "finished", "id": identity, **done}]
    forged.write_text("".join(f"{json.dumps({**head, **line})}\n" for line in lines))
    assert org.actions() == {}


# --- the clock of the machine ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "problem"),
    [
        (3 * HOUR, "the clock of this machine is 3 hours behind the service's"),
        (-3 * HOUR, "the clock of this machine is 3 hours ahead of the service's"),
        (-60 * DAY, "the clock of this machine is 60 days ahead of the service's"),
        (timedelta(minutes=9), "the clock of this machine is 9 minutes behind the service's"),
        (None, "the service sends no Date header, so the clock of this machine cannot be checked"),
    ],
)
def test_with_a_wrong_clock_deletions_and_changes_by_date_are_withheld(
    open_workspace: OpenWorkspace, ahead: timedelta | None, problem: str
) -> None:
    accounts = [account(who) for who in ("expired", "gone", "disabled", "moved")]
    service = serve(*accounts, account("back", active=False), ahead=ahead)
    service.now -= 90 * DAY
    service.add(account("old", active=False))
    org = open_org(open_workspace, service, **DELETING)
    org.wants(
        person("expired", lifecycle={"expires": str(today())}),
        person("back", lifecycle={"starts": str(today())}),
        person("new", lifecycle={"expires": str(today() + DAY)}),
        person("disabled", accountEnabled=False, lifecycle={"expires": str(today())}),
        person("moved", department="Sales", lifecycle={"expires": str(today() + DAY)}),
        person("hired"),
    )
    planned = org.plan()
    assert planned.actions == {
        "hired@example.com": "create",
        "moved@example.com": "update",
        "disabled@example.com": "deactivate",
        "gone@example.com": "deactivate",
    }
    assert summaries(planned) == [
        ("error", f"1 create withheld: {problem}"),
        ("error", f"1 deactivate withheld: {problem}"),
        ("error", f"1 delete withheld: {problem}"),
        ("error", f"1 reactivate withheld: {problem}"),
    ]
    assert planned.code == 5
    assert org.workspace.apply().code == 5
    live = org.live()
    assert ("old" in live, live["expired"]["active"], live["back"]["active"]) == (True, True, False)
    assert ("new" in live, "hired" in live, live["gone"]["active"]) == (False, True, False)
    service.faults = ServerFaults()
    assert org.actions() == {"expired": "deactivate", "back": "reactivate", "new": "create", "old": "delete"}


def test_a_date_that_cannot_be_read_is_shown(open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    service = serve(account("expired"))
    reply = service._reply
    monkeypatch.setattr(service, "_reply", lambda entry: replace(reply(entry), headers={"Date": "yesterday"}))
    org = open_org(open_workspace, service, **DELETING)
    org.wants(person("expired", lifecycle={"expires": str(today())}))
    problem = 'a Date header that cannot be read, "yesterday", so the clock of this machine cannot be checked'
    assert summaries(org.plan()) == [("error", f"1 deactivate withheld: the service sends {problem}")]


@pytest.mark.parametrize("ahead", [timedelta(minutes=4), timedelta(minutes=-4)])
def test_clocks_that_differ_by_a_few_minutes_agree(open_workspace: OpenWorkspace, ahead: timedelta) -> None:
    org = open_org(open_workspace, serve(account("ada"), ahead=ahead))
    org.wants(person("ada", lifecycle={"expires": str(today())}))
    assert (org.plan().code, summaries(org.plan())) == (2, [])
    org.applied()


def test_a_wrong_clock_is_reported_if_nothing_rests_on_it(open_workspace: OpenWorkspace) -> None:
    org = open_org(open_workspace, serve(ahead=3 * HOUR))
    org.wants(person("ada"))
    planned = org.plan()
    assert (planned.code, summaries(planned)) == (
        2,
        [("warning", "the clock of this machine is 3 hours behind the service's")],
    )
    assert org.workspace.apply().code == 0


def test_scoping_filters_that_use_today_rest_on_the_clock(open_workspace: OpenWorkspace) -> None:
    clauses = [{"attribute": "employeeHireDate", "operator": "DATE_ON_OR_BEFORE", "value": "today+14"}]
    service = serve(account("ada"), ahead=-26 * HOUR)
    org = open_org(open_workspace, service)
    scope = {"sync": "all", "filters": [{"name": "hired", "clauses": clauses}]}
    org.workspace.write("scope.yaml", json.dumps(scope))
    hired = str(today() + 15 * DAY)
    org.workspace.users([person("ada", employeeHireDate=hired), person("keeper", employeeHireDate="2020-01-01")])
    planned = org.plan()
    assert (planned.actions, planned.code) == ({}, 5)
    service.faults = ServerFaults()
    assert org.actions() == {"ada": "deactivate"}


def test_a_mapping_of_active_that_reads_the_clock_rests_on_it(open_workspace: OpenWorkspace) -> None:
    service = serve(account("ada"), ahead=-26 * HOUR)
    org = open_org(open_workspace, service)
    rows = [
        {"target": "externalId", "source": "objectId", "match": 1},
        {"target": "userName", "source": "userPrincipalName"},
        {"target": "active", "expression": 'Switch(DateDiff("d", Now(), Now()), "True", "0", "False")'},
    ]
    org.workspace.write("mappings.yaml", json.dumps(rows))
    org.workspace.users([person("ada"), person("keeper")])
    planned = org.plan()
    assert ("deactivate" in planned.actions.values(), planned.code) == (False, 5)
    service.faults = ServerFaults()
    assert org.actions()["ada"] == "deactivate"


ROWS = [
    {"target": "externalId", "source": "objectId", "match": 1},
    {"target": "userName", "source": "userPrincipalName", "match": 2},
    {"target": "name.givenName", "source": "givenName"},
    {"target": "name.familyName", "source": "surname"},
]
UNTIL_THE_LAST_DAY = 'IIF(DateDiff("d", Now(), CDate([extensionAttribute1])) > 0, "True", "False")'


@pytest.mark.parametrize("ahead", [40 * DAY, -40 * DAY], ids=["behind", "ahead"])
def test_no_leaver_comes_back_and_no_user_goes_by_the_day_of_a_wrong_clock(
    open_workspace: OpenWorkspace, ahead: timedelta
) -> None:
    """`ada` is to be active on one of the two days only: the machine's or the service's."""
    service = serve(account("ada", active=ahead < timedelta()), ahead=ahead)
    org = open_org(open_workspace, service)
    active = {"target": "active", "expression": UNTIL_THE_LAST_DAY}
    org.workspace.write("mappings.yaml", json.dumps([*ROWS, active]))
    last = {"extensionAttribute1": str(today() + (20 if ahead > timedelta() else -20) * DAY)}
    later = {"extensionAttribute1": str(today() + 400 * DAY)}
    org.workspace.users([person("ada", **last), person("new", **later), person("keeper", **later)])
    before = org.live()
    applied = org.workspace.apply()
    assert applied.code == 5, applied.out
    assert "1 create withheld: the clock of this machine is 40 days" in applied.err + applied.out
    assert org.live() == before
    service.faults = ServerFaults()
    expected = "reactivate" if ahead > timedelta() else "deactivate"
    assert org.actions() == {"ada": expected, "new": "create"}


def test_a_value_by_a_wrong_clock_is_withheld(open_workspace: OpenWorkspace) -> None:
    service = serve(account("ada"), ahead=3 * HOUR)
    org = open_org(open_workspace, service)
    title = {"target": "title", "expression": 'Append("Pilot, ", Left(Now(), 10))'}
    org.workspace.write("mappings.yaml", json.dumps([*ROWS, title]))
    org.workspace.users([person("ada"), person("keeper", accountEnabled=False)])
    planned = org.plan()
    assert (planned.actions, planned.code) == ({"keeper@example.com": "deactivate"}, 5)
    assert ("error", "1 update withheld: the clock of this machine is 3 hours behind the service's") in summaries(
        planned
    )


# --- approvals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "code"), [(0 * DAY, 0), (3 * DAY, 0), (12 * DAY, 3), (None, 0)])
def test_an_approval_that_expired_by_the_service_does_not_work(
    open_workspace: OpenWorkspace, ahead: timedelta | None, code: int
) -> None:
    """The machine's clock is behind: by it the approval is valid for another week."""
    service = serve(*(account(f"u{number}") for number in range(30)), ahead=ahead)
    org = open_org(open_workspace, service)
    org.wants()
    plan_id = org.plan().plan["plan_id"]
    approval = {"plan": plan_id, "lifts": ["removals"], "until": str(today() + 7 * DAY), "reason": "An office closes"}
    org.settings(approvals=[approval], guards={"foreign_accounts": {"count": 100}})
    applied = org.workspace.apply()
    assert applied.code == code, applied.out
    assert ("expired on" in applied.out + applied.err) == (code == 3)


@pytest.mark.parametrize(("ahead", "code"), [(0 * DAY, 0), (6 * DAY, 0), (8 * DAY, 4)])
def test_a_plan_that_expired_by_the_service_is_not_applied(
    open_workspace: OpenWorkspace, tmp_path: Path, ahead: timedelta, code: int
) -> None:
    service = serve()
    org = open_org(open_workspace, service)
    org.wants(person("ada"))
    file = tmp_path / "plan.json"
    org.plan("-o", str(file))
    service.faults = ServerFaults(clock_ahead=ahead)
    applied = org.workspace.run("apply", str(file))
    assert (applied.code, "the plan expired on" in applied.err) == (code, code == 4), applied.err
    assert ("ada" in org.live()) == (code == 0)


# --- --now -----------------------------------------------------------------------------------


def test_another_day_is_chosen_on_purpose_and_the_clock_of_the_machine_is_checked_all_the_same(
    open_workspace: OpenWorkspace,
) -> None:
    service = serve(account("ada"))
    org = open_org(open_workspace, service)
    org.wants(person("ada", lifecycle={"expires": str(today() + 30 * DAY)}))
    later = ("--now", str(today() + 40 * DAY))
    assert (org.actions(), org.actions(*later)) == ({}, {"ada": "deactivate"})
    service.faults = ServerFaults(clock_ahead=3 * HOUR)
    assert org.actions(*later) == {}
    service.faults = ServerFaults()
    org.applied(*later)
