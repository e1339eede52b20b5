"""Invariants for random organisations, random targets and every server quirk."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from support.laws import examples
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.servers.kinds import KINDS
from support.workspace import Workspace, source

PEOPLE = 7
NAMES = [f"name-{number}@example.com" for number in range(PEOPLE + 2)]


@st.composite
def orgs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    """Source users, live users and lifecycle settings. Names are permuted on both sides: renames, swaps, cycles."""
    here = draw(st.permutations(NAMES))
    there = draw(st.permutations(NAMES))
    sources, live = [], []
    for number in range(PEOPLE):
        person = make_user(number)
        if draw(st.booleans()):
            sources.append(source(person, **_source_attributes(draw, here[number])))
        if draw(st.booleans()):
            live.append(make_user(number, **_live_attributes(draw, there[number])))
    removal = st.sampled_from(["deactivate", "delete", "keep"])
    return sources, live, {"removed": draw(removal), "out_of_scope": draw(removal)}


def _source_attributes(draw: st.DrawFn, name: str) -> dict[str, Any]:
    return {
        "userPrincipalName": draw(st.sampled_from([name, name.upper()])),
        "department": draw(st.sampled_from(["Sales", " Sales ", "R&D", None])),
        "surname": draw(st.sampled_from(["Åström", "A\u030astro\u0308m", "No", "山田"])),
        "accountEnabled": draw(st.sampled_from([True, True, False, None])),
    }


def _live_attributes(draw: st.DrawFn, name: str) -> dict[str, Any]:
    found = {
        "userName": name,
        "active": draw(st.booleans()),
        "department": draw(st.sampled_from(["Sales", "Old", None])),
        "familyName": draw(st.sampled_from(["Åström", "No", "Smith"])),
    }
    return found if draw(st.integers(0, 4)) else {**found, "externalId": None}


@pytest.fixture(scope="module")
def patch() -> Any:
    with pytest.MonkeyPatch.context() as context:
        yield context


def open_at(service: FakeScimServer, folder: str, org: Any, patch: pytest.MonkeyPatch) -> Workspace:
    sources, _, lifecycle = org
    workspace = Workspace(Path(folder), service.base_url, service.token, patch)
    guards = {
        "removals": {"count": 100, "percent": 100},
        "reactivations": {"count": 100, "percent": 100, "floor": 100},
        # Names are permuted, and adopted accounts may be another person's.
        "name_takeovers": {"count": 100},
        "identity_changes": {"count": 100},
    }
    # This user keeps the guards for an empty desired state and for the last user from blocking.
    keeper = source(make_user(99))
    workspace.settings(lifecycle=lifecycle, guards=guards)
    workspace.users([*sources, keeper])
    return workspace


LAW = settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))


@LAW
@given(org=orgs(), faults=st.sampled_from(KINDS))
def test_apply_then_plan_is_empty_and_planning_does_not_write(org: Any, faults: ServerFaults, patch: Any) -> None:
    with tempfile.TemporaryDirectory() as folder, FakeScimServer(faults, org[1]) as service:
        workspace = open_at(service, folder, org, patch)
        first = workspace.plan("--now", "2026-11-24")
        again = workspace.plan("--now", "2026-11-24")
        assert first.out == again.out, "planning twice must give the same bytes"
        assert service.writes == []
        applied = workspace.apply()
        note(applied.out + applied.err)
        assert applied.code in (0, 5)
        after = workspace.plan()
        # A user that wants the name of an existing account gets a diagnostic, and the name after its deletion.
        deleted = any(action == "delete" for action in first.actions.values())
        waited = {item["address"] for item in first.plan["diagnostics"] if "is taken by" in item["summary"]}
        left = {change["address"] for change in after.plan["resource_changes"]}
        assert left <= (waited if deleted else set())
        if left:
            assert workspace.apply().code in (0, 5)
            after = workspace.plan()
        assert after.plan["resource_changes"] == []
        # A user whose account is deleted may have the name of an unmanaged account: a conflict from now on.
        assert after.code == 0 or applied.code == 5 or deleted, "only unplannable users are left"


@LAW
@given(org=orgs(), data=st.data())
def test_a_lost_or_refused_request_converges_on_the_next_run(org: Any, data: st.DataObject, patch: Any) -> None:
    with tempfile.TemporaryDirectory() as folder, FakeScimServer(ServerFaults(), org[1]) as service:
        workspace = open_at(service, folder, org, patch)
        planned = len(workspace.plan().plan["resource_changes"])
        at = data.draw(st.integers(1, max(planned, 1)))
        faults = [
            {"lose_answer_on_write": at},
            {"cut_on_write": at},
            {"write_error_on": at, "write_error_status": 500},
        ]
        fault = data.draw(st.sampled_from(faults))
        service.faults = replace(service.faults, **fault)
        first = workspace.apply()
        note(f"{fault}\n{first.out}{first.err}")
        assert first.code in (0, 5)
        service.faults = ServerFaults()
        workspace.apply()
        workspace.apply()
        after = workspace.plan()
        assert after.plan["resource_changes"] == []
        names = [user["userName"].casefold() for user in service.users.values()]
        assert len(names) == len(set(names)), "no user exists twice"
        external = [user["externalId"] for user in service.users.values() if user.get("externalId")]
        assert len(external) == len(set(external)), "no user was created twice"


@LAW
@given(org=orgs())
def test_only_planned_users_are_written(org: Any, patch: Any) -> None:
    with tempfile.TemporaryDirectory() as folder, FakeScimServer(ServerFaults(), org[1]) as service:
        workspace = open_at(service, folder, org, patch)
        before = {identity: dict(user) for identity, user in service.users.items()}
        changes = workspace.plan().plan["resource_changes"]
        workspace.apply()
        touched = {change["id"] for change in changes}
        for identity, user in before.items():
            if identity not in touched:
                assert service.users.get(identity) == user
        deleted = {change["id"] for change in changes if change["action"] == "delete"}
        assert before.keys() - service.users.keys() == deleted
        assert len(service.users) == len(before) - len(deleted) + sum(c["action"] == "create" for c in changes)
