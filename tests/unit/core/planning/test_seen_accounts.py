from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import desired, live, plan_of

from reconciler.core.model import LiveUser, ScopeReason, Verdict
from reconciler.core.plan import Plan
from reconciler.core.planning.lost_accounts import FEWEST_LOST, are_nearly_all
from reconciler.core.planning.seen_accounts import MOST_SEEN, choose_seen

PEOPLE = [f"u{number:02}" for number in range(20)]
some = st.sets(st.sampled_from(PEOPLE))


def account(who: str, **fields: Any) -> LiveUser:
    return live(who, id=who, **fields)


def noted(wanted: list[str], accounts: list[LiveUser], **fields: Any) -> tuple[str, ...] | None:
    return plan_of(list(map(desired, wanted)), accounts, **{"seen": (), **fields}).seen


def test_the_active_accounts_of_users_in_scope_are_noted() -> None:
    accounts = [account("a"), account("b", active=False), account("c", external_id=None), account("nobody")]
    assert noted(["a", "b", "c", "new"], accounts) == ("a",)
    outside = desired("a", verdict=Verdict(ScopeReason.NOT_ASSIGNED))
    assert plan_of([outside, desired("b")], [account("a"), account("b")], seen=()).seen == ("b",)


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({}, tuple(PEOPLE)),
        ({"recorded": PEOPLE}, None),
        ({"recorded": PEOPLE, "seen": PEOPLE}, None),
        ({"recorded": PEOPLE[1:]}, None),
        ({"recorded": PEOPLE[2:]}, tuple(PEOPLE)),
        ({"recorded": [*PEOPLE, "x"], "seen": [*PEOPLE, "x"]}, None),
        ({"recorded": [*PEOPLE, "x", "y", "z"], "seen": [*PEOPLE, "x", "y", "z"]}, tuple(PEOPLE)),
        ({"seen": None}, None),
        ({"problem": "page 2 is short"}, None),
        ({"unseen": "a file was not read"}, None),
    ],
)
def test_it_is_noted_if_a_tenth_is_not_as_on_record(fields: dict[str, Any], ids: tuple[str, ...] | None) -> None:
    assert noted(PEOPLE, list(map(account, PEOPLE)), **fields) == ids


def test_without_an_approved_change_lost_accounts_are_not_forgotten() -> None:
    gone = {"recorded": PEOPLE, "seen": PEOPLE}
    assert noted([], [], **gone) is None
    assert noted(PEOPLE, [], **gone) == ()


def test_of_many_accounts_a_sample_is_noted_that_stays_the_same() -> None:
    many = [f"id-{number}" for number in range(5 * MOST_SEEN)]
    sample = choose_seen(many)
    assert len(sample) == MOST_SEEN
    assert choose_seen(many[::-1]) == sample
    fewer = choose_seen(many[: -MOST_SEEN // 4])
    assert len(fewer & sample) > 0.9 * MOST_SEEN
    assert choose_seen(many[:MOST_SEEN]) == frozenset(many[:MOST_SEEN])


# --- laws ------------------------------------------------------------------------------------------


def blocked(plan: Plan) -> bool:
    return any(guard.name == "disconnect" and guard.blocks for guard in plan.guards)


@given(there=some, removed=some, moved=some)
def test_a_tenant_that_only_applies_emptied_is_never_blocked(
    there: set[str], removed: set[str], moved: set[str]
) -> None:
    """Those that applies removed since are not in `seen`; `moved` have another externalId or are left out now."""
    seen = there - removed
    accounts = [account(who, managed=who not in moved) for who in sorted(seen)]
    assert not blocked(plan_of(list(map(desired, PEOPLE)), accounts, recorded=seen, seen=seen))


@given(seen=some, still=some)
def test_what_users_had_is_not_made_again_if_nine_tenths_of_it_are_gone(seen: set[str], still: set[str]) -> None:
    accounts = list(map(account, sorted(seen & still)))
    plan = plan_of(list(map(desired, sorted(seen))), accounts, recorded=seen, seen=seen)
    lost = len(seen - still)
    assert blocked(plan) == are_nearly_all(lost, len(seen & still))
    if not plan.blocked:
        assert lost < FEWEST_LOST or lost < 0.9 * len(seen)


@given(seen=some, there=some)
def test_what_an_apply_notes_the_next_plan_need_not_note_again(seen: set[str], there: set[str]) -> None:
    accounts, people = list(map(account, sorted(there))), list(map(desired, sorted(there)))
    first = plan_of(people, accounts, recorded=seen, seen=seen).seen
    after = frozenset(seen if first is None else first)
    assert plan_of(people, accounts, recorded=after, seen=after).seen is None
