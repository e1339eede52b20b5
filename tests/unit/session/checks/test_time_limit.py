from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from support.checks import ask_all, build_check_context

from reconciler.core.check import Answer, CheckVerdict
from reconciler.session.checks.budget import TIME_OVER
from reconciler.session.checks.context import CheckGroup
from reconciler.session.checks.time_limit import QUESTION, ask_time_limit

GROUP = CheckGroup(ask_time_limit, (QUESTION,))


def ask(root: Path, *answers: Answer) -> list[Answer]:
    with ExitStack() as resources:
        context = build_check_context(root, resources)
        context.answers = {answer.question: answer for answer in answers}
        return ask_all(context, GROUP)


def skipped(question: str, summary: str) -> Answer:
    return Answer(question, CheckVerdict.SKIPPED, summary)


def test_nothing_is_said_while_there_is_time(tmp_path: Path) -> None:
    assert ask(tmp_path, Answer("one", CheckVerdict.OK, "fine"), skipped("two", "not asked: offline")) == []


def test_one_warning_for_all_that_was_left_out(tmp_path: Path) -> None:
    left_out = (skipped("one", f"not asked: {TIME_OVER}"), skipped("two", f"not learnt: {TIME_OVER}"))
    (found,) = ask(tmp_path, *left_out, Answer("three", CheckVerdict.OK, "fine"))
    assert found.verdict is CheckVerdict.WARNING
    assert found.summary == "the 60 seconds of a check are over: 2 questions were not answered"
    assert found.advice == (
        "That is no fault of the connection, but the service answers slowly: plans and applies have more time.",
        "Run this again when it is less busy. If it is always slow, ask who runs the service.",
    )
    assert found.facts == (("seconds", 60), ("left_out", 2))
