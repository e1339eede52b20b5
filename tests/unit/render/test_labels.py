import pytest
from support.builders import change

from reconciler.core.plan import REMOVALS, Action, Attribution
from reconciler.render.labels import (
    ACTION_STYLES,
    DISPLAY_ORDER,
    SECTION_LABELS,
    format_counts,
    format_counts_done,
    in_display_order,
    label_of,
)


@pytest.mark.parametrize("action", list(Action))
def test_an_action_has_one_word_in_legend_heading_and_counts(action: Action) -> None:
    style = ACTION_STYLES[action]
    assert style.legend.split(":")[0].split(" ")[0] == action.value
    assert style.past == action.value + ("d" if action.value.endswith("e") else "ed")
    assert style.heading.removesuffix(" in-place").casefold() == f"will be {style.past}"
    assert f"1 to {action.value}" in format_counts([change("a", action)])
    assert f"1 {style.past}" in format_counts_done([change("a", action)])


def test_only_removals_are_in_capitals() -> None:
    assert {action for action, style in ACTION_STYLES.items() if style.past.upper() in style.heading} == REMOVALS


def test_symbols_are_unique() -> None:
    assert len({style.symbol for style in ACTION_STYLES.values()}) == len(Action)


@pytest.mark.parametrize(
    ("actions", "counts", "done"),
    [
        ([], "0 to create, 0 to update, 0 to delete", "0 created, 0 updated, 0 deleted"),
        (
            [Action.CREATE, Action.CREATE, Action.DEACTIVATE],
            "2 to create, 0 to update, 1 to deactivate, 0 to delete",
            "2 created, 0 updated, 1 deactivated, 0 deleted",
        ),
        (
            list(Action),
            "1 to adopt, 1 to relink, 1 to create, 1 to update, 1 to reactivate, 1 to deactivate, 1 to delete",
            "1 adopted, 1 relinked, 1 created, 1 updated, 1 reactivated, 1 deactivated, 1 deleted",
        ),
    ],
)
def test_terraforms_actions_are_always_counted_and_the_others_when_there_are_any(
    actions: list[Action], counts: str, done: str
) -> None:
    changes = [change("a", action) for action in actions]
    assert (format_counts(changes), format_counts_done(changes)) == (counts, done)


def test_removals_come_first_for_readers() -> None:
    changes = [change(action.value, action) for action in Action] + [
        change("Zed", Action.DELETE),
        change("B"),
        change("a"),
    ]
    assert [item.key.split("@")[0] for item in in_display_order(changes)] == [
        "delete",
        "Zed",
        "deactivate",
        "create",
        "adopt",
        "relink",
        "reactivate",
        "a",
        "B",
        "update",
    ]
    assert set(DISPLAY_ORDER) == set(Action)


def test_every_attribution_has_a_label_and_a_change_without_one_has_none() -> None:
    assert set(SECTION_LABELS) == set(Attribution)
    assert {label_of(each).label for each in Attribution} == {
        "this change set",
        "already pending",
        "edited in the target",
        "not applied",
        "undetermined",
    }
    assert label_of(None).label == label_of(None).heading == ""
