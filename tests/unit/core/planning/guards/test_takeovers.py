from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import change, live, rename, values_of

from reconciler.core.model import LiveUser
from reconciler.core.plan import Action, Change
from reconciler.core.planning.guards.context import GuardContext, RecentChange
from reconciler.core.planning.guards.identities import check_identity_changes, check_name_takeovers
from reconciler.core.planning.guards.takeovers import find_day_takeovers, find_swap
from reconciler.core.planning.temporary_names import make_temporary_name
from reconciler.core.policy import Limit

GUARD = "name-takeovers"


def renamed(who: str, *before: str, action: Action = Action.UPDATE, **fields: frozenset[str]) -> RecentChange:
    """An apply renamed this account, which was called `before`."""
    names = tuple(f"{name}@example.com" if name else "" for name in before)
    changed = {"attributes": frozenset({"userName"}), **fields}
    return RecentChange("", f"live-{who}", action, user_names=names, **changed)


def context(*changes: Change, recent: list[RecentChange], accounts: list[LiveUser] | None = None) -> GuardContext:
    users = [live(who) for who in "abc"] if accounts is None else accounts
    return GuardContext(changes, [], users, None, {}, recent=recent, live=users)


def takeovers(
    *changes: Change, recent: list[RecentChange], accounts: list[LiveUser] | None = None
) -> dict[str, set[str]]:
    found = find_day_takeovers(context(*changes, recent=recent, accounts=accounts), GUARD)
    return {
        account.removeprefix("live-"): {each.removeprefix("live-") for each in taken}
        for account, taken in found.items()
    }


def test_a_name_that_another_account_had_is_taken_over() -> None:
    assert takeovers(rename("b", "a"), recent=[renamed("a", "a")]) == {"b": {"a"}}
    newcomer = change("new", Action.CREATE, after=values_of("a"))
    assert takeovers(newcomer, recent=[renamed("a", "a")]) == {newcomer.address: {"a"}}
    assert takeovers(rename("b", "a"), recent=[]) == {}
    assert takeovers(rename("b", "x"), recent=[renamed("a", "a")]) == {}


def test_the_name_of_a_deleted_account_is_taken_from_no_account() -> None:
    deleted = renamed("a", "a", action=Action.DELETE)
    newcomer = change("new", Action.CREATE, after=values_of("a"))
    assert takeovers(newcomer, recent=[deleted], accounts=[live("b")]) == {}
    # A record that says so of an account that exists makes its name no less its own.
    assert takeovers(newcomer, recent=[deleted]) == {newcomer.address: {"a"}}


def test_the_name_that_an_account_began_with_is_its_own() -> None:
    also_had = renamed("b", "a")
    assert takeovers(rename("a", "a2"), recent=[renamed("a", "a2", "a"), renamed("b", "a2")]) == {}
    assert takeovers(rename("a", "b"), recent=[renamed("a", "a", "b"), renamed("b", "b")]) == {"a": {"b"}}
    assert takeovers(rename("a", "a3"), recent=[also_had]) == {}


def test_takeovers_on_record_count_unless_they_were_approved() -> None:
    accounts = [live("a", user_name="b@example.com"), live("b", user_name="a@example.com")]
    recent = [renamed("a", "a"), renamed("b", "b")]
    assert takeovers(recent=recent, accounts=accounts) == {"a": {"b"}, "b": {"a"}}
    approved = [replace(each, lifted=frozenset({GUARD})) for each in recent]
    assert takeovers(recent=approved, accounts=accounts) == {}
    # What they were called stays true.
    assert takeovers(rename("c", "b"), recent=approved, accounts=accounts) == {"c": {"b"}}


def test_an_account_that_was_created_with_the_name_of_another_counts() -> None:
    created = renamed("new", "", action=Action.CREATE)
    later = renamed("new", "a", attributes=frozenset({"title"}))
    accounts = [live("new", user_name="a@example.com"), live("a", user_name="a2@example.com")]
    assert takeovers(recent=[renamed("a", "a"), created, later], accounts=accounts) == {"new": {"a"}}


@pytest.mark.parametrize(
    ("taken", "planned", "swap"),
    [
        ({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}, (), {"a", "b"}),
        ({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}, ("a", "b"), {"c", "d"}),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}}, (), set()),
        ({"a": {"b", "c"}, "c": {"x", "a"}}, (), {"a", "c"}),
    ],
)
def test_a_swap_on_record_is_rather_the_one_that_is_free(
    taken: dict[str, set[str]], planned: tuple[str, ...], swap: set[str]
) -> None:
    assert find_swap({account: frozenset(names) for account, names in taken.items()}, planned) == swap


def guard(
    *changes: Change, recent: list[RecentChange], accounts: list[LiveUser] | None = None, allowed: int = 0
) -> str:
    found = check_name_takeovers(context(*changes, recent=recent, accounts=accounts), Limit(allowed))
    return ("" if found.passed else "BLOCKED ") + found.message


def test_the_message_names_those_of_the_plan_and_counts_the_others() -> None:
    recent = [renamed("a", "a"), renamed("b", "b")]
    swapped = [live("a", user_name="b@example.com"), live("b", user_name="a@example.com")]
    swap = [rename("c", "d"), rename("d", "c")]
    assert guard(*swap, recent=recent, accounts=swapped) == (
        "BLOCKED 2 users would take a userName that another account has today, beyond one swap,"
        ' more than the limit of 0 (guards.name_takeovers.count: 0): "c@example.com", "d@example.com"'
    )
    assert guard(rename("c", "a"), recent=[renamed("a", "a")]).startswith(
        "BLOCKED 1 user would take a userName that another account has today or had in the last 24 hours, more than"
    )


def test_a_rotation_that_goes_on_with_an_exchange_on_record_counts_as_one() -> None:
    present = {**values_of("b"), "userName": "a@example.com"}
    going_on = [replace(rename("b", "c"), before=present), rename("c", "a")]
    accounts = [live("a", user_name="b@example.com"), live("b", user_name="a@example.com"), live("c")]
    assert guard(*going_on, recent=[renamed("a", "a"), renamed("b", "b")], accounts=accounts) == (
        "BLOCKED 2 users would take a userName that another account has today, beyond one swap, 1 more did in the last"
        ' 24 hours, more than the limit of 0 (guards.name_takeovers.count: 0): "b@example.com", "c@example.com"'
    )


def test_what_is_done_is_not_blocked() -> None:
    accounts = [live(who, user_name=f"{name}@example.com") for who, name in ("ab", "bc", "ca")]
    recent = [renamed(who, who) for who in "abc"]
    assert guard(rename("d", "e"), recent=recent, accounts=accounts).startswith("no user would take")
    assert guard(change("d"), recent=recent, accounts=accounts).startswith("no user would take")
    # One more counts with them.
    assert ", 3 more did in the last 24 hours, more than the limit of 3" in guard(
        rename("d", "e"), rename("e", "f"), recent=recent, accounts=accounts, allowed=3
    )
    assert guard(rename("d", "e"), rename("e", "f"), recent=recent, accounts=accounts, allowed=4)[:7] != "BLOCKED"


def test_an_exchange_that_was_cut_short_is_finished() -> None:
    began = rename("a", "b")
    temporary = make_temporary_name(began, ())
    cut_short = replace(began, before={**began.before, "userName": temporary})
    recent = [
        RecentChange("", "live-a", Action.UPDATE, attributes=frozenset({"userName"}), user_names=("a@example.com",))
    ]
    accounts = [live("a", user_name=temporary), live("b")]
    assert not guard(cut_short, rename("b", "a"), recent=recent, accounts=accounts).startswith("BLOCKED")


def test_the_last_of_an_exchange_that_was_cut_short_is_not_blocked_by_the_others() -> None:
    began = rename("a", "b")
    temporary = make_temporary_name(began, ())
    cut_short = replace(began, before={**began.before, "userName": temporary})
    done = {"b": "c@example.com", "c": "a@example.com"}
    accounts = [live("a", user_name=temporary), *(live(who, user_name=name) for who, name in done.items())]
    recent = [renamed(who, who) for who in "abc"]
    assert guard(cut_short, recent=recent, accounts=accounts)[:7] != "BLOCKED"
    assert guard(rename("a", "b"), recent=recent, accounts=accounts)[:7] == "BLOCKED"


# --- a record can only add --------------------------------------------------------

NAMES = ["a", "b", "c", "x"]
_RECORD = st.lists(
    st.builds(
        RecentChange,
        st.just(""),
        st.sampled_from([f"live-{name}" for name in NAMES]),
        st.sampled_from(list(Action)),
        was_active=st.booleans(),
        reactivated=st.booleans(),
        lifted=st.sampled_from([frozenset(), frozenset({GUARD, "identity-changes"})]),
        attributes=st.frozensets(st.sampled_from(["userName", "name.givenName", "name.familyName"])),
        user_names=st.lists(st.sampled_from(["", *(f"{name}@example.com" for name in NAMES)]), max_size=3).map(tuple),
        full_names=st.lists(st.sampled_from(["", "a lovelace", "b lovelace", "b king"]), max_size=3).map(tuple),
    ),
    max_size=5,
)
_CHANGES = st.lists(
    st.builds(
        lambda who, to, given_name, family, active: change(
            who,
            before=values_of(who, active=active),
            after=values_of(who, user_name=f"{to}@example.com", given=given_name, family=family),
        ),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.sampled_from(["A", "B", "C"]),
        st.sampled_from(["Lovelace", "King"]),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda each: each.live_id,
)


@settings(deadline=None)
@given(_CHANGES, _RECORD)
def test_no_record_makes_a_guard_pass_that_fails_without_it(changes: list[Change], record: list[RecentChange]) -> None:
    users = [live(name) for name in NAMES]
    without, forged = (context(*changes, recent=recent, accounts=users) for recent in ([], record))
    for check, allowed in product((check_name_takeovers, check_identity_changes), (0, 1)):
        if not check(without, Limit(allowed)).passed:
            assert not check(forged, Limit(allowed)).passed


# --- users whose names nobody knows -----------------------------------------------


def nameless(who: str, to: str, **names: str | None) -> Change:
    before = values_of(who, **{"given": None, "family": None, **names})
    return change(who, before=before, after={**before, "userName": f"{to}@example.com"})


def test_the_swap_of_two_accounts_without_names_counts() -> None:
    def passes(*swap: Change, recent: list[RecentChange] | None = None) -> bool:
        return check_name_takeovers(context(*swap, recent=recent or []), Limit(0)).passed

    assert passes(rename("a", "b"), rename("b", "a"))
    assert passes(nameless("a", "b", displayName="A"), nameless("b", "a", displayName="B"))
    assert not passes(nameless("a", "b"), nameless("b", "a"))
    assert not passes(nameless("a", "b"), rename("b", "a"))
    assert not passes(rename("a", "b"), nameless("b", "a", user_name="b@example.com"))


def test_so_does_one_by_a_third_name() -> None:
    recent = [renamed("a", "a"), renamed("b", "b")]
    for family, passed in (("Lovelace", True), (None, False)):
        accounts = [
            live("a", user_name="x@example.com", given=None, family=family),
            live("b", user_name="a@example.com"),
        ]
        before = accounts[0].attributes
        step = change("a", before=before, after={**before, "userName": "b@example.com"})
        found = check_name_takeovers(context(step, recent=recent, accounts=accounts), Limit(0))
        assert found.passed is passed
