from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.builders import DEPARTMENT, change, desired, live, plan_of, plan_with, rename, values_of

from reconciler.core.plan import Action, Attribution, Change, Plan
from reconciler.core.plan_id import compute_plan_id
from reconciler.core.planning.attribution import attribute_plan, changes_attributed_to, no_longer_pending

MINE, PENDING = Attribution.THIS_CHANGE_SET, Attribution.ALREADY_PENDING


def moved(who: str = "ada", **after: str) -> Change:
    return change(who, after=values_of(who, **after))


def of(now: Change, before: Change | None) -> tuple[Attribution | None, tuple[str, ...]]:
    """How `now` is attributed when the base has `before`."""
    (found,) = attribute_plan(plan_with(now), plan_with(*([before] if before else []))).changes
    return found.attribution, found.pending


def test_what_the_base_plans_too_is_pending() -> None:
    assert of(moved(family="King"), moved(family="King")) == (PENDING, ())


def test_what_only_this_state_plans_is_this_change_sets() -> None:
    assert of(moved(family="King"), None) == (MINE, ())


def test_another_value_is_this_change_sets() -> None:
    assert of(moved(family="King"), moved(family="Byron")) == (MINE, ())


def test_the_rows_that_were_pending_anyway_are_named() -> None:
    assert of(moved(family="King", department="IT"), moved(family="King")) == (MINE, ("name.familyName",))


def test_a_row_that_the_change_set_takes_back_leaves_a_change_of_its_own() -> None:
    assert of(moved(family="King"), moved(family="King", department="IT")) == (MINE, ("name.familyName",))


def test_another_action_is_this_change_sets() -> None:
    gone = change("ada", Action.DEACTIVATE, after=values_of("ada", active=False))
    assert of(change("ada", Action.DELETE), gone) == (MINE, ())


def test_to_adopt_an_account_is_not_to_update_it() -> None:
    rows = {"before": values_of("ada", external_id=None), "after": values_of("ada")}
    assert of(change("ada", **rows), change("ada", Action.ADOPT, **rows))[0] is MINE


def test_deletions_are_the_same_whatever_else_is_looked_at() -> None:
    more = change("ada", Action.DELETE, before=values_of("ada", title="Countess"))
    assert of(more, change("ada", Action.DELETE)) == (PENDING, ())


def test_a_wider_look_at_the_same_account_is_no_change() -> None:
    before, after = values_of("ada", title="Countess"), values_of("ada", title="Countess", family="King")
    assert of(change("ada", before=before, after=after), moved(family="King")) == (PENDING, ())


def test_wording_and_places_do_not_count() -> None:
    assert of(replace(moved(family="King"), detail="other", origin=None), moved(family="King")) == (PENDING, ())


def test_an_account_is_known_by_its_id_and_not_by_what_it_is_called() -> None:
    assert of(replace(moved(family="King"), key="countess"), moved(family="King")) == (PENDING, ())
    assert of(replace(moved(family="King"), live_id="other"), moved(family="King")) == (MINE, ())


def test_a_new_user_is_known_by_the_name() -> None:
    assert of(change("ada", Action.CREATE), change("ada", Action.CREATE)) == (PENDING, ())
    other = values_of("ada", department="IT")
    attribution, pending = of(change("ada", Action.CREATE, after=other), change("ada", Action.CREATE))
    assert attribution is MINE
    assert DEPARTMENT not in pending
    assert "userName" in pending
    assert of(change("bob", Action.CREATE), change("ada", Action.CREATE)) == (MINE, ())


def test_a_detour_by_another_name_is_this_change_sets() -> None:
    swap = plan_with(rename("a", "b"), rename("b", "a"), accounts=[live("a"), live("b")])
    alone = plan_with(rename("a", "b"))
    found = {change.key: change.attribution for change in attribute_plan(swap, alone).changes}
    temporary = next(change.key for change in swap.changes if change.temporary_user_name)
    assert found[temporary] is MINE


def test_without_a_plan_of_the_base_everything_is_this_change_sets() -> None:
    plan = attribute_plan(plan_with(moved(family="King")), None)
    assert [change.attribution for change in plan.changes] == [MINE]


def test_changes_are_selected_by_attribution_in_the_plans_order() -> None:
    plan = plan_with(moved("a", family="X"), moved("b", family="X"), moved("c", family="X"))
    found = attribute_plan(plan, plan_with(moved("b", family="X")))
    assert [change.key[0] for change in changes_attributed_to(found, MINE)] == ["a", "c"]
    assert [change.key[0] for change in changes_attributed_to(found, PENDING)] == ["b"]
    assert changes_attributed_to(found, Attribution.UNKNOWN) == ()


FAMILIES = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["Lovelace", "X", "Y"]))


def planned(families: dict[str, str], accounts: dict[str, str]) -> Plan:
    return plan_of(
        [desired(who, family=family) for who, family in families.items()],
        [live(who, family=family) for who, family in accounts.items()],
    )


@given(FAMILIES, FAMILIES, FAMILIES)
def test_pending_is_exactly_what_both_states_do_to_an_account(
    now: dict[str, str], base: dict[str, str], accounts: dict[str, str]
) -> None:
    plan, before = planned(now, accounts), planned(base, accounts)
    found = attribute_plan(plan, before)
    assert compute_plan_id(found.target, found.changes) == plan.plan_id
    for each in found.changes:
        who = each.key.partition("@")[0]
        assert (each.attribution is PENDING) == (now.get(who) == base.get(who))


@given(FAMILIES, FAMILIES)
def test_the_base_itself_changes_nothing(base: dict[str, str], accounts: dict[str, str]) -> None:
    plan = planned(base, accounts)
    assert {change.attribution for change in attribute_plan(plan, plan).changes} <= {PENDING}


def test_what_only_the_base_does_to_an_account_is_no_longer_pending() -> None:
    base = plan_with(moved("a", family="X"), moved("b", family="X"), change("c", Action.CREATE))
    plan = plan_with(moved("b", family="Y"))
    gone = no_longer_pending(plan, base)
    assert [(item.key[0], item.action) for item in gone] == [("a", Action.UPDATE), ("c", Action.CREATE)]
    assert {(item.origin, item.requires, item.wave) for item in gone} == {(None, (), 0)}
    assert no_longer_pending(base, base) == ()


@given(FAMILIES, FAMILIES, FAMILIES)
def test_every_account_that_the_base_would_change_is_in_one_of_the_lists(
    now: dict[str, str], base: dict[str, str], accounts: dict[str, str]
) -> None:
    plan, before = planned(now, accounts), planned(base, accounts)
    told = {change.key for change in plan.changes} | {change.key for change in no_longer_pending(plan, before)}
    assert {change.key for change in before.changes} <= told
    assert told <= {change.key for change in (*plan.changes, *before.changes)}
