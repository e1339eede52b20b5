from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import OUT, SCIM, TODAY, desired, mapping, mappings, reader, request, values_of

from reconciler.core.model import DesiredUser, ScopeReason, Verdict
from reconciler.core.plan import Action, Plan
from reconciler.core.planning.offline import build_offline_plan, count_affected, simulate_accounts
from reconciler.core.policy import Limit, Policy, Removal

STRICT = Policy(permitted=frozenset(), removals=Limit(0), creates=Limit(0))


def offline(before: list[DesiredUser], after: list[DesiredUser], **fields: object) -> Plan:
    live = simulate_accounts(request(before), reader())
    return build_offline_plan(request(after, **fields), before, live)


def actions(plan: Plan) -> dict[str, tuple[Action, str]]:
    return {change.key.partition("@")[0]: (change.action, change.detail) for change in plan.changes}


# --- simulated accounts ---------------------------------------------------------------


def test_every_desired_user_in_scope_has_a_simulated_account() -> None:
    people = [desired("ada"), desired("bob", active=False), desired("out", verdict=OUT), desired("wrong", failed=True)]
    found = simulate_accounts(request(people), reader())
    assert {user.user_name: user.attributes for user in found} == {
        "ada@example.com": values_of("ada"),
        "bob@example.com": values_of("bob", active=False),
    }
    assert all(user.managed for user in found)
    assert len({user.id for user in found}) == 2


def test_a_value_sent_on_create_only_is_in_the_account() -> None:
    read = reader(mappings(mapping("title", profile=SCIM)), profile=SCIM)
    user = desired("ada", create_only={"title": "t"})
    (found,) = simulate_accounts(request([user]), read)
    assert found.attributes["title"] == "t"


def test_accounts_do_not_depend_on_policy_selection_or_deleted_names() -> None:
    usual = simulate_accounts(request([desired("ada"), desired("bob")]), reader())
    other = request([desired("ada"), desired("bob")], policy=STRICT, only={"ada@example.com"})
    assert simulate_accounts(other, reader()) == usual


# --- the plan ---------------------------------------------------------------------------


def test_the_same_desired_state_has_no_changes() -> None:
    people = [desired("ada"), desired("out", verdict=OUT)]
    plan = offline(people, people)
    assert (plan.changes, plan.tally.unchanged) == ((), 1)


def test_each_change_of_the_desired_state_is_planned() -> None:
    before = [desired("same"), desired("edited"), desired("gone"), desired("leaves")]
    after = [desired("same"), desired("edited", family="King"), desired("leaves", verdict=OUT), desired("new")]
    assert actions(offline(before, after)) == {
        "edited": (Action.UPDATE, "attributes differ from the desired state"),
        "gone": (Action.DEACTIVATE, "no longer in the desired state"),
        "leaves": (Action.DEACTIVATE, "accountEnabled is false"),
        "new": (Action.CREATE, "new in the desired state"),
    }


def test_a_user_that_comes_into_scope_is_explained_by_its_scope_in_the_base() -> None:
    later = Verdict(ScopeReason.NOT_STARTED, 'starts "2026-09-01"')
    before = [desired("ada", verdict=later), desired("bob", verdict=Verdict(ScopeReason.EXCLUDED)), desired("x")]
    before[2] = replace(before[2], failed=True)
    assert actions(offline(before, [desired("ada"), desired("bob"), desired("x")])) == {
        "ada": (Action.CREATE, 'comes into scope; in the base: starts "2026-09-01"'),
        "bob": (Action.CREATE, "comes into scope; in the base: excluded"),
        "x": (Action.CREATE, "could not be planned in the base, can be now"),
    }


def test_a_renamed_user_is_found_in_the_base_by_its_matching_attribute() -> None:
    later = Verdict(ScopeReason.NOT_STARTED, "later")
    before = [desired("ada", verdict=later)]
    after = [desired("ada", key="augusta@example.com", user_name="augusta@example.com")]
    assert actions(offline(before, after)) == {
        "augusta": (Action.CREATE, "comes into scope; in the base: later"),
    }


def test_guards_that_need_the_service_are_left_out_and_the_others_stay() -> None:
    plan = offline(
        [desired("ada")],
        [desired("ada"), desired("new")],
        policy=Policy(creates=Limit(0)),
        recently_deleted={"new@example.com": TODAY + timedelta(days=9)},
        moved_from="https://elsewhere.example.com",
    )
    assert [guard.name for guard in plan.guards] == [
        "removals",
        "reactivations",
        "updates",
        "creates",
        "protected",
        "last-active-user",
        "empty-desired-state",
        "name-takeovers",
        "identity-changes",
        "relink",
    ]
    assert [guard.name for guard in plan.guards if not guard.passed] == ["creates"]


def test_the_policy_of_the_new_state_applies() -> None:
    plan = offline([desired("ada"), desired("gone")], [desired("ada")], policy=Policy(removed=Removal.DELETE))
    assert [change.action for change in plan.changes] == [Action.DELETE]


# --- other rules ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        (desired("ada"), (0, 0)),
        (desired("ada", family="King"), (0, 1)),
        (desired("ada", verdict=OUT), (1, 1)),
        (replace(desired("ada"), verdict=OUT), (1, 0)),
        (replace(desired("ada"), failed=True), (0, 1)),
        (replace(desired("ada"), create_only={"title": "t"}), (0, 1)),
        (replace(desired("ada"), candidates=(("title", ("a",)),)), (0, 1)),
        (replace(desired("ada"), match=("other", None)), (0, 1)),
        (desired("bob"), (0, 0)),
    ],
)
def test_users_that_both_lists_have_are_counted_by_what_differs(other: DesiredUser, counts: tuple[int, int]) -> None:
    same = desired("same")
    assert count_affected([same, desired("ada")], [other, same]) == counts
