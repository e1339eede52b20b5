from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import APPLE, OUT, change, desired, live, plan_of, plan_with
from support.plans import MISTAKES, ROWS, compared, every_action
from support.untrusted_text import plan_that_says, texts
from syrupy.assertion import SnapshotAssertion

from reconciler.core.plan import Action, Plan
from reconciler.core.policy import Approval, Policy, RelinkRules
from reconciler.core.provisioning import Provisioning
from reconciler.render.style import Style
from reconciler.render.text import render_text

PLAIN, REDACTED, COLOURED = Style(), Style(redact=True), Style(colour=True)


def shown(plan: Plan, style: Style = PLAIN, *, summary_only: bool = False) -> str:
    return render_text(plan, APPLE, style, summary_only=summary_only)


# --- golden files -------------------------------------------------------------------------------


def test_a_plan_with_every_action(snapshot: SnapshotAssertion) -> None:
    plan = every_action()
    assert {item.action for item in plan.changes} == set(Action) - {Action.RELINK}
    assert shown(plan) == snapshot


def test_a_plan_that_relinks_an_account() -> None:
    plan = plan_of([desired("a")], [live("a", external_id="old-a")], policy=Policy(relink=RelinkRules((), True)))
    text = shown(plan)
    assert '# user["a@example.com"] will be relinked' in text
    assert '> user "a@example.com" {' in text
    assert '~ externalId = "old-a" -> "id-a"' in text
    assert "Plan: 1 to relink, 0 to create, 0 to update, 0 to delete." in text
    assert "1 managed account would get another externalId, as `relink` in settings.yaml says" in text


def test_the_reason_why_provisioning_is_off_is_hidden_with_other_words() -> None:
    plan = replace(every_action(), provisioning=Provisioning(enabled=False, reason="Ada leaves"))
    assert 'Provisioning is off: "Ada leaves". Nothing of this plan is applied until it is on again.\n' in shown(plan)
    assert "Provisioning is off: (hidden). Nothing of this plan" in shown(plan, REDACTED)


def test_a_plan_compared_with_a_base(snapshot: SnapshotAssertion) -> None:
    assert shown(compared(), summary_only=True) == snapshot
    assert "(hidden)  lifecycle.expires = (hidden) -> (hidden)" in shown(compared(), REDACTED)


def test_a_plan_in_colour(snapshot: SnapshotAssertion) -> None:
    assert shown(every_action(), COLOURED) == snapshot


def test_a_plan_with_a_line_for_each_user(snapshot: SnapshotAssertion) -> None:
    assert shown(every_action(), summary_only=True) == snapshot


def test_a_plan_without_changes(snapshot: SnapshotAssertion) -> None:
    assert shown(plan_of([desired("a")], [live("a"), live("stranger", external_id=None)])) == snapshot


def test_a_plan_of_which_nothing_is_left(snapshot: SnapshotAssertion) -> None:
    policy = Policy(permitted=frozenset())
    assert (
        shown(plan_of([desired("a"), desired("b")], [live("a")], policy=policy, diagnostics=MISTAKES[:1])) == snapshot
    )


def test_a_plan_that_is_blocked_until_it_is_approved(snapshot: SnapshotAssertion) -> None:
    accounts = [live("a"), live("gone1"), live("gone2")]
    assert shown(plan_of([desired("a")], accounts), summary_only=True) == snapshot


def test_a_plan_that_was_approved(snapshot: SnapshotAssertion) -> None:
    accounts = [live("a"), live("gone1"), live("gone2")]
    approval = Approval(plan_of([desired("a")], accounts).plan_id)
    policy = Policy(approvals=(approval,))
    assert shown(plan_of([desired("a")], accounts, policy=policy), summary_only=True) == snapshot


def test_a_plan_that_cannot_be_approved(snapshot: SnapshotAssertion) -> None:
    people = [desired("a"), desired("boss", verdict=OUT, protected=True)]
    plan = plan_of(people, [live("a"), live("boss"), live("gone")], problem="page 2 failed", rows=ROWS)
    kept = plan_of(people, [live("a"), live("boss"), live("gone")], rows=ROWS)
    assert shown(plan) + shown(kept, summary_only=True) == snapshot


def test_a_plan_for_a_public_place(snapshot: SnapshotAssertion) -> None:
    assert shown(every_action(), REDACTED) == snapshot
    assert shown(every_action(), REDACTED, summary_only=True) == snapshot


# --- the summary line is an interface -----------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "line"),
    [
        ([], "Plan: 0 to create, 0 to update, 0 to delete."),
        ([Action.CREATE, Action.CREATE, Action.UPDATE], "Plan: 2 to create, 1 to update, 0 to delete."),
        ([Action.DEACTIVATE], "Plan: 0 to create, 0 to update, 1 to deactivate, 0 to delete."),
        ([Action.ADOPT], "Plan: 1 to adopt, 0 to create, 0 to update, 0 to delete."),
        ([Action.REACTIVATE, Action.DELETE], "Plan: 0 to create, 0 to update, 1 to reactivate, 1 to delete."),
        (
            list(Action),
            "Plan: 1 to adopt, 1 to relink, 1 to create, 1 to update, 1 to reactivate, 1 to deactivate, 1 to delete.",
        ),
    ],
)
def test_the_summary_line(actions: list[Action], line: str) -> None:
    plan = plan_with(*(change(f"u{number}", action) for number, action in enumerate(actions)))
    assert (line in shown(plan).split("\n")) == bool(actions)
    assert (line in shown(plan, REDACTED).split("\n")) == bool(actions)


def test_without_colour_there_is_no_escape_and_with_it_the_words_are_the_same() -> None:
    coloured, plain = shown(every_action(), COLOURED), shown(every_action())
    assert "\x1b" not in plain
    for code in ("31", "32", "33", "36", "90", "1", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


# --- redaction ----------------------------------------------------------------------------------

PRIVATE = "Zebulon"


@pytest.mark.parametrize("summary_only", [False, True])
def test_a_redacted_plan_holds_no_name_or_value_of_a_user(summary_only: bool) -> None:
    plan = plan_that_says(PRIVATE)
    assert shown(plan, summary_only=summary_only).count(PRIVATE) > 20
    assert PRIVATE.casefold() not in shown(plan, REDACTED, summary_only=summary_only).casefold()


# --- hostile values -----------------------------------------------------------------------------


@settings(deadline=None)
@given(texts(), st.sampled_from([PLAIN, REDACTED]), st.booleans())
def test_no_value_adds_a_line_or_an_escape(value: str, style: Style, summary_only: bool) -> None:
    found = shown(plan_that_says(value or "x"), style, summary_only=summary_only)
    # Each diagnostic and user is rendered in as many lines as with a harmless value.
    assert len(found.splitlines()) == len(found.split("\n")) - 1
    assert count_lines(found) <= count_lines(shown(plan_that_says("Zebulon"), style, summary_only=summary_only))
    assert not any(character < " " and character != "\n" for character in found)
    assert not set(found) & set("\x7f\x85\x9b\u2028\u2029\u202e")


def count_lines(text: str) -> int:
    return text.count("\n")
