from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.builders import change
from support.sample_org import account, person
from support.servers.server_faults import ServerFaults
from support.target_workspace import TargetWorkspace

from reconciler.apply.creation_lookups import Kept
from reconciler.core.model import AwaitedAccount
from reconciler.core.plan import Action, Incremental, Plan
from reconciler.core.planning.request import LiveState
from reconciler.errors import TargetError
from reconciler.record.recorded_accounts import RecordedAccount, RecordedAccounts
from reconciler.session.absent_users import build_creation_lookups, leaves_doubt
from reconciler.session.live_plan import make_plan, proves_absence
from reconciler.session.session import Session
from reconciler.session.workspace import current_time

NEW = change("new", Action.CREATE)
NOW = datetime.now(UTC)


def decide(
    target: TargetWorkspace,
    alter: Callable[[Session, Plan], Plan] = lambda _session, plan: plan,
    *,
    whole: bool = True,
    users: tuple[str, ...] = (),
) -> Kept | None:
    """Return the decision about a new user after the plan of `target` was made."""
    with target.session() as session:
        plan = alter(session, make_plan(session, users, target.terminal))
        rule = build_creation_lookups(plan, session, whole=whole)
        return rule.decide(NEW, current_time(), late=False)


@pytest.fixture
def apple(target: TargetWorkspace) -> TargetWorkspace:
    """A target whose profile says that names are unique."""
    profile = {"profile": "apple-business-manager", "base_url": target.service.base_url, "domains": ["example.com"]}
    target.files.settings(target=profile)
    target.desire(person("ada"))
    return target


def test_after_a_complete_read_only_the_first_names_are_looked_up(apple: TargetWorkspace) -> None:
    assert decide(apple) is Kept.FIRST


def test_a_service_of_which_nothing_is_known_is_asked_about_each_name(target: TargetWorkspace) -> None:
    assert decide(target) is Kept.NOT_UNIQUE


def test_an_incomplete_list_proves_nothing(apple: TargetWorkspace) -> None:
    apple.service.faults = ServerFaults(claim_total=5)
    apple.service.add(account("bob"))
    assert decide(apple) is Kept.UNPROVEN


def test_a_plan_of_some_users_proves_nothing(apple: TargetWorkspace) -> None:
    assert decide(apple, whole=False, users=("ada@example.com",)) is Kept.UNPROVEN


def test_an_incremental_plan_proves_nothing(apple: TargetWorkspace) -> None:
    part = Incremental("record", NOW, NOW, 1, 2)
    assert decide(apple, lambda _session, plan: replace(plan, incremental=part)) is Kept.UNPROVEN


def test_names_on_record_that_cannot_be_compared_leave_doubt(
    apple: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "unreadable", property(lambda _session: True))
    assert decide(apple) is Kept.UNPROVEN


def test_a_list_that_cannot_be_read_again_proves_nothing(apple: TargetWorkspace) -> None:
    with apple.session() as session:
        make_plan(session, (), apple.terminal)
        assert session.complete_since is not None
        apple.service.token = "another"
        with pytest.raises(TargetError):
            make_plan(session, (), apple.terminal)
        assert session.complete_since is None


def test_a_list_is_as_old_as_the_beginning_of_its_read(apple: TargetWorkspace) -> None:
    before = current_time()
    with apple.session() as session:
        begun: list[datetime] = []
        apple.service.after = lambda _entry: begun.append(current_time())
        make_plan(session, (), apple.terminal)
        assert session.complete_since is not None
        assert before <= session.complete_since <= begun[0]


def record(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch, recorded: RecordedAccounts) -> Kept | None:
    """Return the decision with these accounts on record."""

    def alter(session: Session, plan: Plan) -> Plan:
        history = replace(session.history(), recorded=recorded)
        monkeypatch.setattr(Session, "history", lambda _session: history)
        return plan

    return decide(target, alter)


def test_an_account_on_record_that_is_not_shown_leaves_doubt(
    apple: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert record(apple, monkeypatch, RecordedAccounts({"1": RecordedAccount("1", unseen=NOW)})) is Kept.UNPROVEN


def test_a_create_without_an_answer_on_record_is_looked_up(
    apple: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert record(apple, monkeypatch, RecordedAccounts(unanswered={NEW.address: NOW})) is Kept.UNANSWERED
    assert record(apple, monkeypatch, RecordedAccounts(unanswered={"another": NOW})) is Kept.FIRST


HOUR_AGO, MOMENT_AGO = NOW - timedelta(hours=2), NOW - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("fields", "doubt"),
    [
        ({"shown": HOUR_AGO, "created": HOUR_AGO}, False),
        ({"created": MOMENT_AGO, "shown": NOW}, False),
        ({"created": MOMENT_AGO}, True),
        ({"shown": HOUR_AGO, "returning": MOMENT_AGO}, True),
        ({"created": HOUR_AGO}, False),
        ({"shown": HOUR_AGO, "unseen": MOMENT_AGO}, True),
        ({"shown": HOUR_AGO, "deactivated": MOMENT_AGO}, True),
        ({"shown": HOUR_AGO, "deactivated": MOMENT_AGO, "activity": NOW}, False),
        ({"shown": HOUR_AGO, "unconfirmed": {"title": (MOMENT_AGO, "digest")}}, True),
        ({"shown": HOUR_AGO, "unconfirmed": {"title": (HOUR_AGO, "digest")}}, False),
        ({"shown": HOUR_AGO, "unseen": MOMENT_AGO, "gone": NOW}, False),
    ],
)
def test_what_is_hidden_late_or_unconfirmed_leaves_doubt(fields: dict[str, Any], *, doubt: bool) -> None:
    recorded = RecordedAccounts({"1": RecordedAccount("1", **fields), "2": RecordedAccount("2", shown=HOUR_AGO)})
    assert leaves_doubt(recorded) is doubt


@pytest.mark.parametrize(
    "fields",
    [
        {"problem": "it is not complete"},
        {"hidden": {"1": NOW}},
        {"awaited": {"ada": AwaitedAccount("1", NOW, NOW)}},
        {"unshown": [AwaitedAccount("1", NOW, NOW)]},
        {"notes": ("an account was read by id",)},
    ],
)
def test_a_read_with_a_doubt_proves_nothing(fields: dict[str, Any]) -> None:
    assert proves_absence(LiveState([]))
    assert not proves_absence(LiveState([], **fields))
