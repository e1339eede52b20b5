from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest
from support import builders
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal
from support.sample_org import account, person
from support.target_workspace import TargetWorkspace

from reconciler.core.model import warning
from reconciler.core.planning.request import LiveState
from reconciler.errors import TargetError, UsageError
from reconciler.scim.client import ScimClient
from reconciler.session import connection, live_plan
from reconciler.session.baseline import load_baseline
from reconciler.session.live_plan import build_session_request, check_users_exist, make_plan


def test_a_plan_reports_details_with_verbose(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.service.add(account("other", externalId=None))
    terminal = RecordingTerminal(verbose=True)
    with target.session() as session:
        plan = make_plan(session, (), terminal)
    assert [change.key for change in plan.changes] == ["ada@example.com"]
    assert terminal.notes[:3] == [
        f"Target: {target.service.base_url} (scim)",
        "Desired state: 2 users, 2 in scope",
        "Live: 1 managed users, 1 others",
    ]
    assert all(note.startswith("Guard ") for note in terminal.notes[3:])


def test_blocks_in_memory_are_a_warning(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_plan, "take_warning", lambda: warning("kept in memory"))
    target.desire(person("ada"))
    with target.session() as session:
        make_plan(session, (), target.terminal)
    assert target.terminal.summaries == ["kept in memory"]


def test_the_client_of_a_plan_cannot_write(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []
    real = connection.open_client

    def open_client(to: connection.Connection, *, writes: bool, **options: Any) -> AbstractContextManager[ScimClient]:
        opened.append(writes)
        return real(to, writes=writes, **options)

    monkeypatch.setattr(connection, "open_client", open_client)
    target.desire(person("ada"))
    with target.session() as session:
        make_plan(session, (), target.terminal)
    assert opened == [False]
    assert {request.method for request in target.service.log} == {"GET"}


def test_a_service_that_refuses_is_an_error(target: TargetWorkspace) -> None:
    target.service.token = "another"
    with target.session() as session, pytest.raises(TargetError):
        make_plan(session, (), target.terminal)


def test_a_request_is_for_the_target_of_the_session(target: TargetWorkspace) -> None:
    with target.session() as session:
        request = build_session_request(session, LiveState([]), ("Ada@Example.com",))
    assert (request.target, request.only) == (session.target, {"ada@example.com"})


@pytest.mark.parametrize(
    "name", ["keeper@example.com", "KEEPER@example.com", "id-keeper", "live-gone", "gone@example.com"]
)
def test_desired_and_live_users_exist_by_any_name(target: TargetWorkspace, name: str) -> None:
    check_users_exist((name,), target.state(), LiveState([builders.live("gone")]))


def test_another_name_is_a_usage_error(target: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match='user not found: "nora"'):
        check_users_exist(("nora",), target.state(), LiveState([]))


@pytest.mark.parametrize("ownership", ["externalId pr", "userName pr"])
def test_a_base_is_compared_with_the_same_live_users_however_it_is_read(
    target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch, ownership: str
) -> None:
    target.files.settings(ownership=ownership)
    people = [person(name) for name in ("ada", "bob", "eve", "joe")]
    target.desire(*people)
    GitRepository(target.files.root).commit("Begin")
    target.apply()
    target.live("bob")["name"]["familyName"] = "Edited"
    target.live("joe")["active"] = False
    target.desire(person("ada", department="Research"), *people[1:2], *people[3:], person("new"))
    plans, built = [], []
    real = live_plan.reads_alike
    for alike in (real, lambda _one, _other: False):
        monkeypatch.setattr(live_plan, "reads_alike", alike)
        with target.session() as session:
            base = load_baseline(session.workspace, session.state, "HEAD")
            built.append(live_plan._build_combined_reader(session.state, base.states) is not None)
            plans.append(make_plan(session, (), target.terminal, base))
    one, other = plans
    assert one.changes == other.changes
    assert len({each.attribution for each in one.changes}) == 2
    assert one.no_longer_pending == other.no_longer_pending
    assert built == [ownership != "externalId pr", True]


def test_states_that_several_applies_share_are_joined_once(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    state, other = target.state(), target.state()
    one, same, different = live_plan._read_for_others(LiveState([]), state, [other, other, state], None)
    assert one.users is same.users
    assert one.users is not different.users
