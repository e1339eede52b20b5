from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import APPLE, OUT, change, desired, live, plan_of, plan_with, rename, values_of
from support.plans import MISTAKES, ROWS, WHERE, compared, every_action
from support.untrusted_text import plan_that_says, texts
from syrupy.assertion import SnapshotAssertion

from reconciler.core.model import Diagnostic, Origin, Severity, error, warning
from reconciler.core.plan import Action, Outcome, Plan, Result
from reconciler.core.policy import Approval, Policy
from reconciler.render.apply_report import render_outcome, render_report
from reconciler.render.diagnostics import render_diagnostics
from reconciler.render.style import Style
from reconciler.render.text import render_text

PLAIN, REDACTED, COLOURED = Style(), Style(redact=True), Style(colour=True)


def shown(plan: Plan, style: Style = PLAIN, *, summary_only: bool = False) -> str:
    return render_text(plan, APPLE, style, summary_only=summary_only)


# --- golden files -------------------------------------------------------------------------------


def test_a_plan_with_every_action(snapshot: SnapshotAssertion) -> None:
    plan = every_action()
    assert {item.action for item in plan.changes} == set(Action)
    assert shown(plan) == snapshot


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


def test_diagnostics(snapshot: SnapshotAssertion) -> None:
    told = [
        *MISTAKES,
        error("no place, but a user", "Do something.", None, 'user["ada"]'),
        error("a place alone", "", Origin("settings.yaml", 1, 1)),
        Diagnostic(Severity.WARNING, "all\nof it\x1b[2J", "d\r\n::error::x", WHERE, "a\u202eb", "\tkey:\x07 value"),
    ]
    assert render_diagnostics(told, PLAIN) == snapshot
    assert render_diagnostics(told, COLOURED) == snapshot
    assert render_diagnostics([], PLAIN) == ""


def test_a_mistake_of_everybody_is_not_told_of_everybody() -> None:
    told = [error(f"mistake {number}", "", Origin("users/a.yaml", number, 3)) for number in range(1, 61)]
    told.insert(55, error("elsewhere", "", Origin("users/b.yaml", 1, 1)))
    told += [warning(f"warning {number}", "", Origin("users/a.yaml", number, 3)) for number in range(1, 52)]
    told += [error(f"nowhere {number}") for number in range(60)]
    shown = render_diagnostics(told, PLAIN)
    assert [line for line in shown.splitlines() if line.startswith(("Error", "Warning"))] == [
        *(f"Error: mistake {number}" for number in range(1, 51)),
        "Error: elsewhere",
        *(f"Warning: warning {number}" for number in range(1, 51)),
        *(f"Error: nowhere {number}" for number in range(60)),
        "Error: 10 more errors in users/a.yaml are not shown",
        "Warning: 1 more warning in users/a.yaml is not shown",
    ]
    assert "Fix those above first" in shown


OUTCOMES = [
    Outcome(change("new", Action.CREATE), Result.DONE, "", "live-new"),
    Outcome(change("ada"), Result.DONE, "already in effect", "live-ada"),
    Outcome(change("m", Action.ADOPT), Result.DONE, "", "live-m"),
    Outcome(change("b", Action.REACTIVATE), Result.DONE, "", "live-b"),
    Outcome(change("d", Action.DEACTIVATE), Result.DONE, "", "live-d"),
    Outcome(change("x", Action.DELETE), Result.DONE, "", "live-x"),
]
UNDONE = [
    Outcome(change("f"), Result.FAILED, 'The user name "f@example.com" belongs to account "9"'),
    Outcome(change("n"), Result.NOT_IN_EFFECT, "the service accepted it, but it is not in effect: userName"),
    Outcome(change("u", Action.CREATE), Result.UNKNOWN, "timed out"),
    Outcome(change("s"), Result.SKIPPED, 'not started: waiting for user["f@example.com"]'),
]


def test_a_report_of_a_complete_apply(snapshot: SnapshotAssertion) -> None:
    assert render_report(OUTCOMES, PLAIN) == snapshot
    assert render_report([], PLAIN) == "Apply complete! Users: 0 created, 0 updated, 0 deleted.\n"


def test_a_report_of_an_incomplete_apply(snapshot: SnapshotAssertion) -> None:
    assert render_report([*OUTCOMES, *UNDONE], PLAIN) == snapshot
    assert render_report([*OUTCOMES, *UNDONE], REDACTED) == snapshot
    assert render_report([*OUTCOMES, *UNDONE], COLOURED) == snapshot


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
            "Plan: 1 to adopt, 1 to create, 1 to update, 1 to reactivate, 1 to deactivate, 1 to delete.",
        ),
    ],
)
def test_the_summary_line(actions: list[Action], line: str) -> None:
    plan = plan_with(*(change(f"u{number}", action) for number, action in enumerate(actions)))
    assert (line in shown(plan).split("\n")) == bool(actions)
    assert (line in shown(plan, REDACTED).split("\n")) == bool(actions)


@pytest.mark.parametrize(
    ("done", "line"),
    [
        ([Action.CREATE], "Apply complete! Users: 1 created, 0 updated, 0 deleted.\n"),
        ([Action.DEACTIVATE] * 2, "Apply complete! Users: 0 created, 0 updated, 2 deactivated, 0 deleted.\n"),
        (
            list(Action),
            "Apply complete! Users: 1 adopted, 1 created, 1 updated, 1 reactivated, 1 deactivated, 1 deleted.\n",
        ),
    ],
)
def test_the_line_of_a_complete_apply(done: list[Action], line: str) -> None:
    assert render_report([Outcome(change("x", action), Result.DONE) for action in done], PLAIN) == line


def test_without_colour_there_is_no_escape_and_with_it_the_words_are_the_same() -> None:
    coloured, plain = shown(every_action(), COLOURED), shown(every_action())
    assert "\x1b" not in plain
    for code in ("31", "32", "33", "36", "90", "1", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


# --- redaction ----------------------------------------------------------------------------------

PRIVATE = "Zebulon"


@pytest.mark.parametrize("summary_only", [False, True])
def test_no_value_and_no_name_of_a_person_is_in_a_redacted_plan(summary_only: bool) -> None:
    plan = plan_that_says(PRIVATE)
    assert shown(plan, summary_only=summary_only).count(PRIVATE) > 20
    assert PRIVATE.casefold() not in shown(plan, REDACTED, summary_only=summary_only).casefold()


def test_no_value_and_no_name_of_a_person_is_in_a_redacted_report() -> None:
    outcomes = [
        Outcome(change("x", action, key=PRIVATE), result, f"about {PRIVATE}" if result is not Result.DONE else "", "7")
        for action in Action
        for result in Result
    ]
    assert PRIVATE in render_report(outcomes, PLAIN)
    assert PRIVATE not in render_report(outcomes, REDACTED)
    assert PRIVATE not in "".join(render_outcome(item, REDACTED) for item in outcomes)


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


@settings(deadline=None)
@given(texts(), st.sampled_from(Result), st.sampled_from(Action))
def test_an_outcome_is_one_line(value: str, result: Result, action: Action) -> None:
    outcome = Outcome(change("x", action, key=value), result, value, value)
    for style in (PLAIN, REDACTED):
        line = render_outcome(outcome, style)
        assert len(line.splitlines()) == 1
        assert not any(character < " " for character in line)


def test_an_unchanged_user_name_is_always_shown_and_the_rest_counted() -> None:
    text = shown(plan_with(change("ada", after=values_of("ada", family="King"))))
    assert '        userName        = "ada@example.com"\n' in text
    assert "        # (4 unchanged attributes hidden)\n" in text
    renamed: Any = shown(plan_with(rename("ada", "bob")))
    assert '      ~ userName = "ada@example.com" -> "bob@example.com"\n' in renamed
