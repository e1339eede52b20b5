import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import (
    NOW,
    OUT,
    TARGET,
    DesiredUser,
    LiveUser,
    desired,
    live,
    mapping,
    mappings,
    plan_of,
    rename,
    values_of,
)
from support.laws import examples
from support.small_company import ACCOUNTS, GENEROUS, PEOPLE, actions

from reconciler.core.model import Origin, ScopeReason, Target, Verdict, error, warning
from reconciler.core.plan import Action, Plan, Tally
from reconciler.core.plan_id import canonicalize_change, compute_plan_id
from reconciler.core.planning.guards.approvals import carry_over_approval
from reconciler.core.planning.planner import PLAN_LIFETIME
from reconciler.core.policy import Approval, Limit, Policy, Removal
from reconciler.core.text import quote
from reconciler.record.plan_file import to_json


def test_each_user_gets_what_it_needs() -> None:
    plan = plan_of(PEOPLE, ACCOUNTS, policy=replace(GENEROUS, delete_after_days=30))
    assert actions(plan) == {
        "edited": "update",
        "manual": "adopt",
        "new": "create",
        "back": "reactivate",
        "gone": "deactivate",
        "out": "deactivate",
        "late": "delete",
    }
    assert plan.tally == Tally(unchanged=1, unmanaged=1, managed=7)
    assert (plan.complete, plan.blocked, plan.applyable, plan.diagnostics) == (True, False, True, ())


def test_a_plan_names_what_it_was_built_from() -> None:
    plan = plan_of([desired()], [], config_digest="sha256:x", commit="abc")
    assert (plan.target, plan.config_digest, plan.commit, plan.reconciler_version) == (
        TARGET,
        "sha256:x",
        "abc",
        "0.1.0",
    )
    assert (plan.created_at, plan.expires_at) == (NOW, NOW + PLAN_LIFETIME)


def test_equal_states_need_nothing() -> None:
    plan = plan_of([desired("a"), desired("b")], [live("a"), live("b")])
    assert (plan.changes, plan.diagnostics, plan.applyable) == ((), (), False)
    assert plan.tally == Tally(unchanged=2, managed=2)


def test_settings_can_keep_accounts_without_a_desired_user() -> None:
    policy = Policy(out_of_scope=Removal.KEEP, removed=Removal.KEEP)
    plan = plan_of([desired("a"), desired("out", verdict=OUT)], [live("a"), live("out"), live("gone")], policy=policy)
    assert plan.changes == ()
    assert plan.tally == Tally(unchanged=1, kept=2, managed=3)


def test_unmanaged_accounts_are_counted_and_left_alone() -> None:
    plan = plan_of(
        [desired("a"), desired("out", verdict=OUT)],
        [live("a"), live("out", managed=False), live("admin", external_id=None), live("x", managed=False)],
    )
    assert plan.changes == ()
    assert plan.tally == Tally(unchanged=1, unmanaged=3, managed=1)


def test_a_conflict_is_reported_and_counted_and_changes_no_user() -> None:
    plan = plan_of([desired("ada"), desired("b")], [live("ada", external_id="other"), live("b")])
    assert plan.changes == ()
    assert [item.address for item in plan.diagnostics] == ['user["ada@example.com"]']
    assert plan.tally == Tally(unchanged=1, failed=1, managed=2)


def test_a_user_with_two_errors_is_one_failed_user() -> None:
    problems = [error("one", address="x"), error("two", address="x"), warning("three", address="y"), error("four")]
    assert plan_of([desired()], [live()], diagnostics=problems).tally.failed == 1


def test_a_failed_user_is_neither_changed_nor_removed() -> None:
    plan = plan_of([desired("a"), desired("bad", failed=True)], [live("a"), live("bad", family="drifted")])
    assert plan.changes == ()


# --- removals of accounts that are named like another user ----------------------------------


def test_two_accounts_of_one_user_are_reported_and_left_untouched() -> None:
    plan = plan_of([desired("ada", user_name="bob@example.com")], [live("ada"), live("bob")], policy=GENEROUS)
    assert plan.changes == ()
    assert sorted(item.summary for item in plan.diagnostics) == [
        "the removal is withheld: another user needs this account's user name",
        'userName "bob@example.com" is taken by another live account (id "live-bob", externalId "id-bob")',
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_an_account_named_like_the_key_of_another_user_is_removed_under_its_own_address(turned: bool) -> None:
    people = [desired("bob", user_name="x@example.com", key="ada@example.com")]
    accounts = [live("bob"), live("ada"), live("z", user_name="ADA@example.com", id="third")]
    plan = plan_of(people, accounts[::-1] if turned else accounts, policy=GENEROUS)
    assert sorted((change.action.value, change.live_id) for change in plan.changes) == [
        ("deactivate", "live-ada"),
        ("deactivate", "third"),
        ("update", "live-bob"),
    ]
    assert len({change.address for change in plan.changes}) == 3


# --- accounts that cannot be read ---------------------------------------------------------------


def test_unreadable_accounts_are_left_untouched_and_reported() -> None:
    accounts = [
        live("ada", unreadable="x"),
        live("gone", unreadable="y"),
        live("admin", external_id=None, unreadable="z"),
    ]
    plan = plan_of([desired("ada")], accounts)
    assert plan.changes == ()
    assert [(item.address, item.summary) for item in plan.diagnostics] == [
        ('user["gone@example.com"]', "a live account without a desired user cannot be read: y"),
        ('user["ada@example.com"]', "the live account cannot be read: x"),
    ]
    assert plan.tally == Tally(unmanaged=1, failed=2, managed=2)


# --- guards -------------------------------------------------------------------------------------


def test_removals_beyond_the_limit_block_the_plan_until_it_is_approved() -> None:
    accounts = [live("a"), *(live(f"gone{number}") for number in range(11))]
    plan = plan_of([desired("a")], accounts)
    assert (len(plan.changes), plan.blocked, plan.applyable) == (11, True, False)
    assert [guard.name for guard in plan.guards if guard.blocks] == ["removals"]
    for approval, applyable in (
        (Approval(plan.plan_id, removals=11, until=NOW.date()), True),
        (Approval(plan.plan_id, removals=10), False),
        (Approval(plan.plan_id, until=NOW.date() - timedelta(days=1)), False),
        (Approval("sha256:" + "0" * 64), False),
    ):
        assert carry_over_approval(plan, [approval], NOW.date()).applyable is applyable
        policy = replace(Policy(), approvals=(approval,))
        assert plan_of([desired("a")], accounts, policy=policy).applyable is applyable


def test_guards_look_at_managed_accounts_and_at_recent_deletions() -> None:
    plan = plan_of([desired("a")], [live("x", external_id=None)], recently_deleted={"a@example.com": date(2026, 4, 1)})
    assert [guard.name for guard in plan.guards if guard.blocks] == ["name-reuse"]
    plan = plan_of([desired("a", verdict=OUT)], [live("a")])
    assert [guard.name for guard in plan.guards if guard.blocks] == ["last-active-user", "empty-desired-state"]
    plan = plan_of([], [live("x", external_id=None)])
    assert not plan.blocked


def test_a_protected_user_blocks_its_removal() -> None:
    user = desired("out", verdict=OUT, protected=True)
    plan = plan_of([desired("a"), user], [live("a"), live("out")])
    assert [guard.name for guard in plan.guards if guard.blocks] == ["protected"]
    assert not carry_over_approval(plan, [Approval(plan.plan_id)], NOW.date()).applyable


# --- determinism --------------------------------------------------------------------------------

CROWD = [
    *PEOPLE,
    desired("t1", external_id="twin", line=7),
    desired("t2", external_id="twin", line=8),
    desired("t3", external_id="twin", line=9),
    desired("swap1", user_name="swap2@example.com"),
    desired("swap2", user_name="swap1@example.com"),
    desired("want1", user_name="wanted@example.com"),
    desired("taken", user_name="other@example.com"),
]
LIVE_CROWD = [
    *ACCOUNTS,
    live("swap1"),
    live("swap2"),
    live("t1"),
    live("broken1", unreadable="userName holds dict", user_name=None),
    live("broken2", unreadable="userName holds dict", user_name=None),
    live("doubled", id="d1"),
    live("doubled", id="d2", user_name="other@example.com"),
]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_input_does_not_matter(seed: int) -> None:
    shuffle = random.Random(seed).sample  # noqa: S311 - shuffles test data
    expected = to_json(plan_of(CROWD, LIVE_CROWD, policy=GENEROUS))
    assert '"temporary_user_name": "renaming-' in expected
    assert (
        to_json(plan_of(shuffle(CROWD, len(CROWD)), shuffle(LIVE_CROWD, len(LIVE_CROWD)), policy=GENEROUS)) == expected
    )


def test_two_accounts_called_the_same_have_the_same_addresses_in_any_order() -> None:
    accounts = [live("z", id="1", external_id="one"), live("z", id="2", external_id="two"), live("a")]
    plans = [plan_of([desired("a")], turned, policy=GENEROUS) for turned in (accounts, accounts[::-1])]
    assert len({change.address for change in plans[0].changes}) == 2
    assert to_json(plans[0]) == to_json(plans[1])


def test_diagnostics_are_sorted_by_severity_place_and_words() -> None:
    problems = [
        warning("w"),
        *(error("same", detail, address=address) for address in ("x", "y") for detail in ("1", "2")),
        *(error("z", origin=Origin("f", line, column)) for line in (1, 2) for column in (1, 2)),
        error("a", origin=Origin("g", 1, 1)),
    ]
    expected = (*problems[1:], problems[0])
    assert plan_of([desired()], [live()], diagnostics=problems).diagnostics == expected
    assert plan_of([desired()], [live()], diagnostics=problems[::-1]).diagnostics == expected


def test_a_plan_id_does_not_depend_on_time_wording_places_or_versions() -> None:
    plan = plan_of(PEOPLE, ACCOUNTS, policy=GENEROUS)
    again = plan_of(
        [replace(user, origin=None) for user in PEOPLE],
        ACCOUNTS,
        policy=replace(GENEROUS, approvals=(Approval("x"),), creates=Limit(0)),
        now=NOW + timedelta(hours=5),
        version="9.9.9",
        commit="abc",
        diagnostics=[warning("x")],
    )
    assert again.plan_id == plan.plan_id
    assert plan.plan_id.startswith("sha256:")
    assert len(plan.plan_id) == 71


CHANGE = rename("ada", "bob")


@pytest.mark.parametrize(
    "other",
    [
        replace(CHANGE, key="x"),
        replace(CHANGE, action=Action.REACTIVATE),
        replace(CHANGE, live_id="x"),
        replace(CHANGE, before={**CHANGE.before, "title": "x"}),
        replace(CHANGE, after={**CHANGE.after, "title": "x"}),
        replace(CHANGE, temporary_user_name="x"),
    ],
)
def test_a_plan_id_depends_on_all_that_would_be_done(other: Any) -> None:
    assert compute_plan_id(TARGET, [CHANGE]) != compute_plan_id(TARGET, [other])
    assert canonicalize_change(CHANGE) != canonicalize_change(other)


def test_a_plan_id_depends_on_the_target_and_the_number_of_changes() -> None:
    seen = {
        compute_plan_id(TARGET, [CHANGE]),
        compute_plan_id(replace(TARGET, base_url="https://other.example/scim"), [CHANGE]),
        compute_plan_id(Target("scim", TARGET.base_url), [CHANGE]),
        compute_plan_id(TARGET, []),
        compute_plan_id(TARGET, [CHANGE, CHANGE]),
    }
    assert len(seen) == 5


@pytest.mark.parametrize(
    "other",
    [
        replace(CHANGE, detail="x"),
        replace(CHANGE, wave=7),
        replace(CHANGE, origin=None),
        replace(CHANGE, requires=("x",)),
    ],
)
def test_wording_and_order_are_not_what_makes_a_change(other: Any) -> None:
    assert compute_plan_id(TARGET, [CHANGE]) == compute_plan_id(TARGET, [other])


# --- the law: a plan after an apply is empty ---------------------------------------------------

WHO = st.sampled_from(["a", "b", "c", "d", "e"])
STATES = st.lists(
    st.builds(
        dict,
        who=WHO,
        family=st.sampled_from(["King", "Lovelace", "lovelace"]),
        department=st.sampled_from([None, "R&D"]),
        user_name=st.sampled_from([f"{name}@example.com" for name in "abcdexyz"]),
    ),
    unique_by=(lambda user: user["who"], lambda user: user["user_name"]),
)
CLEARING = mappings(mapping("enterprise:department", "department", clear=True))


def applied(plan: Plan, accounts: list[LiveUser]) -> list[LiveUser]:
    """The accounts after all changes of the plan."""
    left = {account.id: account for account in accounts}
    for change in plan.changes:
        values = dict(change.after)
        identity = change.live_id or f"made-{change.key}"
        if change.action is Action.DELETE:
            del left[identity]
            continue
        left[identity] = live(
            "x",
            id=identity,
            **{**dict.fromkeys(values_of("x")), **values},
        )
    return list(left.values())


@settings(max_examples=examples(200))
@given(STATES, STATES, st.sampled_from(Removal))
def test_a_plan_after_an_apply_has_no_changes(
    wanted: list[dict[str, Any]], found: list[dict[str, Any]], removal: Removal
) -> None:
    people: list[DesiredUser] = [desired(**user) for user in wanted]
    accounts = [live(**user) for user in found]
    policy = replace(GENEROUS, removed=removal)
    plan = plan_of(people, accounts, rows=CLEARING, policy=policy)
    again = plan_of(people, applied(plan, accounts), rows=CLEARING, policy=policy)
    # A user whose name was taken may get it once its holder is gone.
    assert again.changes == () or (plan.diagnostics and removal is Removal.DELETE)


# --- replacement of every active user ----------------------------------------------------------------


def test_removals_of_all_active_users_require_one_replacement() -> None:
    plan = plan_of([desired("new"), desired("next")], [live("old"), live("older")], policy=GENEROUS)
    needed = {change.key: change.requires for change in plan.changes}
    assert needed["old@example.com"] == needed["older@example.com"] == ('user["new@example.com"]',)
    assert needed["new@example.com"] == ()


def test_removals_require_no_replacement_if_an_active_user_remains() -> None:
    plan = plan_of([desired("new"), desired("stays")], [live("old"), live("stays")], policy=GENEROUS)
    assert all(change.requires == () for change in plan.changes)


def test_a_user_created_or_adopted_inactive_is_no_replacement() -> None:
    people = [desired("made", active=False), desired("new")]
    accounts = [live("made", external_id=None, active=False), live("old")]
    plan = plan_of(people, accounts, policy=GENEROUS)
    (goes,) = [change for change in plan.changes if change.key == "old@example.com"]
    assert quote("new@example.com") in goes.requires[0]


def test_users_that_no_assignment_covers_are_counted_and_some_are_named() -> None:
    left_out = Verdict(ScopeReason.NOT_ASSIGNED, "not assigned in scope.yaml")
    people = [desired(f"n{number}", verdict=left_out) for number in range(5)]
    plan = plan_of([*people, desired("new"), desired("disabled", verdict=OUT)], [])
    assert plan.tally.unassigned == 5
    assert plan.unassigned == ("n0@example.com", "n1@example.com", "n2@example.com")
    alone = plan_of([*people, desired("new")], [], only=("N4@example.com", "new@example.com"))
    assert (alone.tally.unassigned, alone.unassigned) == (1, ("n4@example.com",))
