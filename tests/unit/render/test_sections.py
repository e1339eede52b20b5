from dataclasses import replace

import pytest
from support.builders import change, plan_with, values_of
from support.plans import compared, every_action

from reconciler.core.plan import Action, Attribution, Base, Change, Drift, Plan
from reconciler.core.planning.attribution import attribute_plan
from reconciler.render.sections import ChangeGroup, Section, removals_first, split_into_sections

MINE, PENDING = Attribution.THIS_CHANGE_SET, Attribution.ALREADY_PENDING
EDITED, NOT_APPLIED, UNKNOWN = Attribution.EDITED_IN_TARGET, Attribution.NOT_APPLIED, Attribution.UNKNOWN
BASE = Base("main", "a" * 40)


def updated(who: str, attribution: Attribution | None = None) -> Change:
    return replace(change(who, after=values_of(who, family="X")), attribution=attribution)


def listed(plan: Plan) -> list[tuple[Attribution | None, str]]:
    sections = split_into_sections(plan)
    return [(section.attribution, "".join(item.key[0] for item in section.changes)) for section in sections]


def test_a_plan_without_base_and_drift_has_one_section_without_heading() -> None:
    plan = plan_with(updated("a"), updated("b"))
    assert listed(plan) == [(None, "ab")]
    assert split_into_sections(plan)[0].label.heading == ""
    assert listed(plan_with()) == [(None, "")]


def test_the_two_sections_of_a_base_are_all_changes_in_the_plans_order() -> None:
    plan = plan_with(updated("a"), updated("b"), updated("c"))
    split = replace(attribute_plan(plan, plan_with(updated("b"))), base=BASE)
    assert listed(split) == [(MINE, "ac"), (PENDING, "b")]
    assert listed(replace(plan_with(), base=BASE)) == [(MINE, ""), (PENDING, "")], "also when they are empty"


def test_an_offline_plan_has_one_section() -> None:
    plan = attribute_plan(plan_with(updated("a")), None)
    assert listed(replace(plan, base=replace(BASE, offline=True))) == [(None, "a")]


def test_the_sections_of_drift_have_one_more_for_what_cannot_be_determined() -> None:
    one, other = updated("a", UNKNOWN), updated("b", NOT_APPLIED)
    assert listed(plan_with(one, other)) == [(None, "ab")]
    assert listed(plan_with(one, other, drift=Drift())) == [(EDITED, ""), (NOT_APPLIED, "b"), (UNKNOWN, "a")]
    assert listed(plan_with(other, drift=Drift())) == [(EDITED, ""), (NOT_APPLIED, "b")]
    assert listed(plan_with(one, drift=Drift())) == [(None, "a")], "nothing is determined"


@pytest.mark.parametrize("attribution", [None, UNKNOWN])
def test_no_section_leaves_a_change_out_whatever_a_plan_file_says(attribution: Attribution | None) -> None:
    plan = attribute_plan(plan_with(updated("a"), updated("b")), None)
    first, second = plan.changes
    assert listed(replace(plan, changes=(first, replace(second, attribution=attribution)), base=BASE)) == [(None, "ab")]
    edited = replace(first, attribution=EDITED)
    assert listed(replace(plan, changes=(edited, second), drift=Drift())) == [(None, "ab")]


def test_the_groups_of_a_section_are_its_actions_in_display_order_sorted_by_user() -> None:
    section = Section(MINE, (change("b"), change("A"), change("x", Action.DELETE), change("y", Action.CREATE)))
    assert [(group.action, [item.key[0] for item in group.changes]) for group in section.groups] == [
        (Action.DELETE, ["x"]),
        (Action.CREATE, ["y"]),
        (Action.UPDATE, ["A", "b"]),
    ]
    assert {group.attribution for group in section.groups} == {MINE}


def test_every_change_is_in_exactly_one_group() -> None:
    for plan in (every_action(), compared()):
        shown = [item for section in split_into_sections(plan) for group in section.groups for item in group.changes]
        assert sorted(shown, key=lambda item: item.key) == sorted(plan.changes, key=lambda item: item.key)


@pytest.mark.parametrize(
    ("action", "count", "title", "is_removal"),
    [
        (Action.DEACTIVATE, 1, "1 user will be DEACTIVATED", True),
        (Action.DELETE, 1_200, "1,200 users will be DELETED", True),
        (Action.ADOPT, 2, "2 users will be adopted", False),
    ],
)
def test_a_group_has_a_title_and_says_whether_it_removes_users(
    action: Action, count: int, title: str, is_removal: bool
) -> None:
    group = ChangeGroup(action, None, tuple(change(f"u{number}", action) for number in range(count)))
    assert (group.title, group.is_removal) == (title, is_removal)


def test_removals_of_all_sections_get_space_first_and_the_rest_keeps_its_order() -> None:
    groups = [group for section in split_into_sections(compared()) for group in section.groups]
    assert [(group.attribution, group.action) for group in removals_first(groups)] == [
        (MINE, Action.DEACTIVATE),
        (PENDING, Action.DEACTIVATE),
        (MINE, Action.CREATE),
        (MINE, Action.UPDATE),
        (PENDING, Action.CREATE),
        (PENDING, Action.UPDATE),
    ]
