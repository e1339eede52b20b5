import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import change
from support.untrusted_text import texts
from syrupy.assertion import SnapshotAssertion

from reconciler.core.plan import Action, Outcome, Result
from reconciler.render.apply_report import render_outcome, render_report, was_not_started
from reconciler.render.style import Style

PLAIN, REDACTED, COLOURED = Style(), Style(redact=True), Style(colour=True)
PRIVATE = "Zebulon"
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


def test_a_command_that_cannot_help_is_not_advised() -> None:
    left = Outcome(change("p"), Result.SKIPPED, "not changed: the service takes no PATCH (501)", permanent=True)
    advice = "Run the same command again"
    assert [advice in render_report([*OUTCOMES, *rest], PLAIN) for rest in ([left], [left, UNDONE[0]])] == [False, True]


@pytest.mark.parametrize(
    ("done", "line"),
    [
        ([Action.CREATE], "Apply complete! Users: 1 created, 0 updated, 0 deleted.\n"),
        ([Action.DEACTIVATE] * 2, "Apply complete! Users: 0 created, 0 updated, 2 deactivated, 0 deleted.\n"),
        (
            list(Action),
            (
                "Apply complete! Users: 1 adopted, 1 relinked, 1 created, 1 updated, 1 reactivated, 1 deactivated, "
                "1 deleted.\n"
            ),
        ),
    ],
)
def test_the_line_of_a_complete_apply(done: list[Action], line: str) -> None:
    assert render_report([Outcome(change("x", action), Result.DONE) for action in done], PLAIN) == line


@pytest.mark.parametrize(
    ("result", "message", "expected"),
    [
        (Result.SKIPPED, "not started: interrupted", True),
        (Result.SKIPPED, "not started: the run was stopped", True),
        (Result.SKIPPED, 'not started: it waits for user["ada"]', False),
        (Result.FAILED, "not started: interrupted", False),
    ],
)
def test_changes_that_the_end_of_a_run_left_out_are_counted(result: Result, message: str, expected: bool) -> None:
    outcomes = [Outcome(change(name), result, message) for name in ("a", "b")]
    assert was_not_started(outcomes[0]) is expected
    report = render_report(outcomes, PLAIN)
    assert ("2 changes not started: " in report) is expected
    assert ('user["a@example.com"]' in report) is not expected


def test_the_count_includes_changes_that_are_listed_with_their_reason() -> None:
    outcomes = [
        Outcome(change("a"), Result.SKIPPED, "not started: interrupted"),
        Outcome(change("b"), Result.SKIPPED, 'not started: waiting for user["c@example.com"]'),
        Outcome(change("c"), Result.SKIPPED, "no longer as planned: title changed"),
    ]
    shown = render_report(outcomes, PLAIN)
    assert 'user["b@example.com"]: Skipped: not started: waiting' in shown
    assert "  1 change not started: interrupted; with those above, 2 changes not started\n" in shown


def test_a_redacted_report_holds_no_name_or_value_of_a_user() -> None:
    outcomes = [
        Outcome(change("x", action, key=PRIVATE), result, f"about {PRIVATE}" if result is not Result.DONE else "", "7")
        for action in Action
        for result in Result
    ]
    assert PRIVATE in render_report(outcomes, PLAIN)
    assert PRIVATE not in render_report(outcomes, REDACTED)
    assert PRIVATE not in "".join(render_outcome(item, REDACTED) for item in outcomes)


@settings(deadline=None)
@given(texts(), st.sampled_from(Result), st.sampled_from(Action))
def test_an_outcome_is_one_line(value: str, result: Result, action: Action) -> None:
    outcome = Outcome(change("x", action, key=value), result, value, value)
    for style in (PLAIN, REDACTED):
        line = render_outcome(outcome, style)
        assert len(line.splitlines()) == 1
        assert not any(character < " " for character in line)


@pytest.mark.parametrize(
    ("message", "step"),
    [
        ("the service said no", "Run the same command again for the rest"),
        ("the account is gone; plan again", "Plan again, and apply that plan, for the rest"),
        ("nothing was sent. Plan again later", "Plan again, and apply that plan, for the rest"),
    ],
)
def test_what_a_run_of_the_same_plan_cannot_change_is_to_be_planned_again(message: str, step: str) -> None:
    outcomes = [Outcome(change("a"), Result.FAILED, "refused"), Outcome(change("b"), Result.SKIPPED, message)]
    assert render_report(outcomes, PLAIN).endswith(f"\n\n{step}: nothing is done twice.\n")
