from dataclasses import replace

import pytest
from support.builders import NOW, OUT, desired, live, mapping, mappings, plan_of
from support.small_company import ACCOUNTS, GENEROUS, PEOPLE, actions

from reconciler.core.model import DesiredUser, warning
from reconciler.core.planning.guards.approvals import carry_over_approval
from reconciler.core.policy import Approval
from reconciler.core.scope.scim_filter import Predicate


def test_after_an_incomplete_read_no_user_is_created_or_removed_and_the_plan_is_blocked() -> None:
    people = [desired("new"), desired("edited", family="King"), desired("back")]
    plan = plan_of(people, [live("edited"), live("back", active=False), live("gone")], problem="page 2 failed")
    assert actions(plan) == {"edited": "update", "back": "reactivate"}
    assert plan.diagnostics == (
        warning("1 create withheld: the live users could not be read completely"),
        warning("1 deactivate withheld: the live users could not be read completely"),
    )
    assert (plan.complete, plan.blocked, plan.tally.withheld) == (False, True, 2)
    assert not carry_over_approval(plan, [Approval(plan.plan_id)], NOW.date()).applyable


def test_while_a_user_is_unidentified_no_user_is_removed() -> None:
    people = [desired("a"), desired("b", failed=True, external_id=None), desired("new")]
    plan = plan_of(people, [live("a"), live("gone"), live("gone2")], policy=GENEROUS)
    assert actions(plan) == {"new": "create"}
    assert plan.diagnostics == (
        warning(
            "2 deactivates withheld: 1 user with an error could not be identified, so their live accounts are unknown"
        ),
    )
    assert plan.tally.withheld == 2


UNKNOWN = "with an error could not be identified, so their live accounts are unknown"
BY_NAME = mappings(mapping("userName", "userPrincipalName", match=1))[1:]
"""Matching by userName; externalId is not mapped."""


def named(user: DesiredUser) -> DesiredUser:
    """The user under `BY_NAME`."""
    return replace(user, match=user.match[1:], anchor=None)


def owning(*names: str) -> Predicate:
    """Only these accounts would be managed."""
    return lambda resource: resource.get("userName") in names


@pytest.mark.parametrize(
    ("people", "withheld"),
    [
        # Nothing links the user that lost its id to an account, and it cannot be created.
        ([desired("new", external_id=None)], {"gone", "bare"}),
        # A new user: no account has its externalId.
        ([desired("new")], set()),
        ([desired("new", failed=True)], set()),
        ([desired("x", user_name="taken@example.com")], set()),
        ([desired("x", failed=True, external_id=None)], {"gone", "bare"}),
        # Its userName is wrong: it may be that of an account without externalId.
        ([replace(desired("new", failed=True), doubtful=frozenset({"userName"}))], {"bare"}),
        ([desired("new", failed=True, user_name=None)], {"bare"}),
        ([replace(desired("new", failed=True), doubtful=frozenset({"externalId"}))], {"gone", "bare"}),
        # Two users have one externalId: whose account the other one has is unknown.
        ([desired("a", external_id="id-kept"), desired("kept")], {"gone", "bare"}),
        # Their userNames are the same, their externalIds are not.
        ([desired("a", user_name="x@example.com"), desired("b", user_name="x@example.com")], {"bare"}),
        ([desired("a", failed=True, verdict=OUT)], set()),
        ([desired("a", verdict=OUT, external_id=None)], set()),
    ],
)
def test_an_account_that_may_be_that_of_a_user_with_an_error_is_not_removed(
    people: list[DesiredUser], withheld: set[str]
) -> None:
    accounts = [live("gone"), live("bare", external_id=None, managed=True), live("kept"), live("out")]
    accounts.append(live("taken", managed=False))
    everybody = [*people, desired("out", verdict=OUT)]
    everybody += [] if any(user.key == "kept@example.com" for user in people) else [desired("kept")]
    plan = plan_of(everybody, accounts, policy=GENEROUS, owned=owning("kept@example.com"))
    removed = {who for who, action in actions(plan).items() if action == "deactivate"}
    assert removed == {"gone", "bare", "out"} - withheld
    reported = [item.summary for item in plan.diagnostics if UNKNOWN in item.summary]
    assert len(reported) == bool(withheld)
    assert plan.tally.withheld == len(withheld)


@pytest.mark.parametrize("mistake", ["created", "failed"])
def test_without_external_ids_no_user_with_an_error_is_known_to_be_new(mistake: str) -> None:
    user = named(desired("new", external_id=None, failed=mistake == "failed"))
    gone = replace(live("gone"), match=("gone@example.com",))
    plan = plan_of([user], [gone], policy=GENEROUS, rows=BY_NAME, owned=owning())
    assert actions(plan) == {}
    assert plan.tally.withheld == 1


def test_a_user_without_a_free_value_is_known_by_its_external_id() -> None:
    rows = mappings(mapping("userName", "userPrincipalName", rule=lambda _: ("gone@example.com",), unique=True))
    for external_id, withheld in (("id-new", 0), (None, 1)):
        user = desired("new", external_id=external_id, user_name=None)
        user = replace(user, match=user.match[:1], candidates=(("userName", ("gone@example.com",)),))
        gone = replace(live("gone"), match=("id-gone",))
        plan = plan_of([user], [gone], policy=GENEROUS, rows=rows)
        assert [item.summary for item in plan.diagnostics if item.address] == ["no value for userName is free"]
        assert plan.tally.withheld == withheld


@pytest.mark.parametrize(
    ("permitted", "left"),
    [
        ({"create", "update", "deactivate"}, {"edited", "manual", "new", "back", "gone", "out"}),
        ({"create"}, {"new"}),
        ({"update"}, {"edited", "manual", "back"}),
        ({"deactivate"}, {"gone", "out"}),
        ({"delete"}, {"late"}),
        (set(), set()),
    ],
)
def test_what_settings_do_not_permit_is_withheld(permitted: set[str], left: set[str]) -> None:
    policy = replace(GENEROUS, delete_after_days=30, permitted=frozenset(permitted))
    plan = plan_of(PEOPLE, ACCOUNTS, policy=policy)
    assert actions(plan).keys() == left
    assert plan.tally.withheld == 7 - len(left)
    assert all(
        item.summary.endswith("lifecycle.actions in settings.yaml does not permit it") for item in plan.diagnostics
    )


def test_a_user_that_waits_for_a_withheld_rename_gets_a_name_taken_error() -> None:
    people = [desired("bob", user_name="robert@example.com"), desired("new", user_name="bob@example.com")]
    plan = plan_of(people, [live("bob")], policy=replace(GENEROUS, permitted=frozenset({"create"})))
    assert plan.changes == ()
    assert [item.address for item in plan.diagnostics] == ['user["bob@example.com"]', None]
