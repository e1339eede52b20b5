from dataclasses import replace

import pytest
from support.builders import DEPARTMENT, change, values_of

from reconciler.core.plan import Action, Change
from reconciler.render.stale_plan import render_differences

ADA = change("ada", after=values_of("ada", family="King"))


@pytest.mark.parametrize(
    ("action", "word"),
    [
        (Action.CREATE, "created"),
        (Action.UPDATE, "updated"),
        (Action.ADOPT, "adopted"),
        (Action.REACTIVATE, "reactivated"),
        (Action.DEACTIVATE, "deactivated"),
        (Action.DELETE, "deleted"),
    ],
)
def test_a_change_that_is_new_or_gone_is_shown_in_one_line(action: Action, word: str) -> None:
    found = change("ada", action)
    assert render_differences([(None, found)]) == (
        f'  user["ada@example.com"]: would now be {word}, which was not reviewed'
    )
    assert render_differences([(found, None)]) == f'  user["ada@example.com"]: no longer needs to be {word}'


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (
            replace(ADA, after={**ADA.after, "name.familyName": "Byron"}),
            'after name.familyName was "King", is now "Byron"',
        ),
        (
            replace(ADA, before={**ADA.before, DEPARTMENT: "R&D"}),
            'before enterprise:department was "Engineering", is now "R&D"',
        ),
        (replace(ADA, after={**ADA.after, "active": False}), "after active was True, is now False"),
        (replace(ADA, after={**ADA.after, "title": "x"}), 'after title was absent, is now "x"'),
        (
            replace(ADA, after={key: value for key, value in ADA.after.items() if key != "active"}),
            "after active was True, is now absent",
        ),
        (replace(ADA, action=Action.REACTIVATE), 'action was "update", is now "reactivate"'),
        (replace(ADA, live_id="x\n"), r'id was "live-ada", is now "x\n"'),
    ],
)
def test_a_different_change_is_shown_attribute_by_attribute(now: Change, line: str) -> None:
    assert render_differences([(ADA, now)]) == f'  user["ada@example.com"]: {line}'


def test_equal_changes_are_not_reported() -> None:
    assert render_differences([(ADA, replace(ADA, detail="other words", wave=3))]) == ""
    assert render_differences([]) == ""


def test_many_differences_are_cut_and_counted() -> None:
    text = render_differences([(None, change(f"u{number:04}")) for number in range(1_200)])
    assert len(text.split("\n")) == 21
    assert text.endswith("\n  and 1,180 more")


def test_an_attribute_whose_name_looks_private_is_shown_too() -> None:
    one, other = (change("ada", after=values_of("ada", family="King", __x=value)) for value in ("a", "b"))
    assert 'after __x was "a", is now "b"' in render_differences([(one, other)])
