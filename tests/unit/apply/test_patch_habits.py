"""What a run learns about the forms of PATCH."""

from __future__ import annotations

import pytest

from reconciler.apply.patch_habits import PatchHabits, describe_refused
from reconciler.apply.patch_styles import Intent, PatchStyle, PatchStyles, build_steps
from reconciler.core.plan import AttributeChange
from reconciler.errors import ScimError

SET = build_steps([AttributeChange("title", "a", "b")], {}, PatchStyles())
CLEAR = build_steps([AttributeChange("title", "a", None)], {}, PatchStyles())
ONE = PatchStyles(single=True)


def refused(status: int, scim_type: str = "") -> ScimError:
    return ScimError(status, scim_type, "no")


@pytest.mark.parametrize(
    ("status", "scim_type", "of_set", "of_clear"),
    [
        (501, "", True, True),
        (405, "", True, True),
        (404, "", True, True),
        (422, "", False, True),
        (400, "", False, True),
        (400, "invalidPath", True, True),
        (400, "invalidValue", False, True),
        (400, "mutability", False, False),
        (409, "uniqueness", False, False),
        (409, "", False, False),
        (412, "", False, False),
        (429, "", False, False),
    ],
)
def test_a_refusal_may_be_about_the_form(status: int, scim_type: str, of_set: bool, of_clear: bool) -> None:
    habits = PatchHabits(lambda _said: None)
    error = refused(status, scim_type)
    assert [habits.may_be_form(steps, error, ONE) for steps in (SET, CLEAR)] == [of_set, of_clear]


@pytest.mark.parametrize(
    ("words", "scim_type", "may_be"),
    [
        ("no such path", "", True),
        ("replace is unsupported", "", True),
        ("pathological", "", False),
        ("no such path", "invalidValue", False),
    ],
)
def test_a_service_may_say_what_it_refuses(words: str, scim_type: str, may_be: bool) -> None:
    assert PatchHabits(lambda _said: None).may_be_form(SET, ScimError(400, scim_type, words), ONE) is may_be


def test_a_declaration_is_asked_for_once_and_only_before_anything_was_accepted() -> None:
    habits = PatchHabits(lambda _said: None)
    assert [habits.asks_for_declaration(refused(status)) for status in (400, 403, 501)] == [False, True, False]
    fresh = PatchHabits(lambda _said: None)
    fresh.note_accepted(SET, several=False)
    assert not fresh.asks_for_declaration(refused(501))
    assert not fresh.may_be_unsupported(refused(501))


def test_each_habit_is_said_once() -> None:
    said: list[str] = []
    habits = PatchHabits(said.append)
    for _ in range(2):
        habits.learn_single()
        habits.learn_style(Intent.CLEAR, PatchStyle.NULL)
        habits.learn_unsupported(refused(501))
        habits.note_failed_trial(CLEAR[0], [refused(501), refused(405)])
    assert [sentence.split(":")[0] for sentence in said] == [
        "The service refuses several operations in one PATCH",
        "The service refuses PATCH with remove to clear an attribute",
        "The service takes no PATCH",
        "The service takes no PATCH to clear an attribute (405, 501)",
    ]
    assert habits.styles.chosen[Intent.CLEAR] is PatchStyle.NULL


def test_refusals_that_may_be_about_a_value_forbid_nothing() -> None:
    habits = PatchHabits(lambda _said: None)
    habits.note_failed_trial(CLEAR[0], [refused(501), refused(400)])
    assert habits.explain_refused("clear an attribute") == ""
    assert describe_refused("clear an attribute") == "the service takes no PATCH to clear an attribute"
