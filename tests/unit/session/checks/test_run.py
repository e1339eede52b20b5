from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.core.check import Answer, CheckVerdict
from reconciler.errors import ReconcilerError, StopRequestedError
from reconciler.scim.read_budget import TimeOverError
from reconciler.scim.secret import Secret
from reconciler.session.checks.budget import CHECK_SECONDS, TIME_OVER, CheckBudget
from reconciler.session.checks.context import CheckContext, CheckGroup, open_context
from reconciler.session.checks.run import run_checks
from reconciler.session.workspace import Workspace

TOKEN = "tok-3n.J9x_Zq~Vb7"


def context(**changes: bool) -> CheckContext:
    workspace = Workspace(Path("desired-state"), Path("plans"), sandbox=False, now=datetime.now(UTC))
    return open_context(workspace, RecordingTerminal(), ExitStack(), environment={}, **changes)


def ok(*questions: str) -> CheckGroup:
    def ask(_context: CheckContext) -> Iterator[Answer]:
        yield from (Answer(question, CheckVerdict.OK, "fine") for question in questions)

    return CheckGroup(ask, questions)


def failing(*questions: str, answered: int = 0) -> CheckGroup:
    def ask(_context: CheckContext) -> Iterator[Answer]:
        yield from (Answer(question, CheckVerdict.OK, "fine") for question in questions[:answered])
        raise ReconcilerError("it is broken", "Mend it.\nThen run again.")

    return CheckGroup(ask, questions)


def needing(group: CheckGroup, *needs: str, network: bool = False) -> CheckGroup:
    return CheckGroup(group.ask, group.questions, needs=needs, network=network)


def ask(found: CheckContext, *groups: CheckGroup) -> list[str]:
    return [f"{each.verdict} {each.question}: {each.summary}" for each in run_checks(found, groups)]


def test_the_answers_come_in_the_order_of_the_groups_and_are_kept() -> None:
    here = context()
    assert ask(here, ok("one", "two"), ok("three")) == ["ok one: fine", "ok two: fine", "ok three: fine"]
    assert list(here.answers) == ["one", "two", "three"]


def test_an_error_fails_the_first_open_question_and_skips_the_rest() -> None:
    found = list(run_checks(context(), [failing("one", "two", "last_one", answered=1)]))
    assert [each.verdict for each in found] == [CheckVerdict.OK, CheckVerdict.FAILED, CheckVerdict.SKIPPED]
    assert (found[1].summary, found[1].advice) == ("it is broken", ("Mend it.", "Then run again."))
    assert found[2].summary == "not asked: two failed"


def test_one_cause_is_one_failure_however_long_the_chain_of_needs_is() -> None:
    groups = [failing("host_name"), needing(ok("tcp"), "host_name"), needing(ok("token", "access"), "tcp")]
    assert ask(context(), *groups) == [
        "failed host_name: it is broken",
        "skipped tcp: not asked: host name failed",
        "skipped token: not asked: host name failed",
        "skipped access: not asked: host name failed",
    ]


def test_a_warning_does_not_stop_later_questions() -> None:
    def warn(_context: CheckContext) -> Iterator[Answer]:
        yield Answer("one", CheckVerdict.WARNING, "hm")

    assert ask(context(), CheckGroup(warn, ("one",)), needing(ok("two"), "one"))[1] == "ok two: fine"


def test_offline_skips_what_needs_the_network_without_asking() -> None:
    groups = [ok("one"), needing(failing("two"), network=True), needing(failing("three"), "two", network=True)]
    assert ask(context(offline=True), *groups) == [
        "ok one: fine",
        "skipped two: not asked: it needs the network (--offline)",
        "skipped three: not asked: it needs the network (--offline)",
    ]


def test_no_question_on_the_network_is_asked_after_the_time_is_over() -> None:
    here = context()
    times = iter([0.0, 0.0, CHECK_SECONDS + 1])
    here.budget = CheckBudget(lambda: next(times))
    assert ask(here, needing(ok("one"), network=True), ok("two")) == [
        "skipped one: not asked: the time for this check is over",
        "ok two: fine",
    ]


def test_the_time_that_is_over_is_no_failure() -> None:
    def run_out(_context: CheckContext) -> Iterator[Answer]:
        yield Answer("one", CheckVerdict.OK, "fine")
        raise TimeOverError(TIME_OVER)

    groups = (CheckGroup(run_out, ("one", "two", "three")), needing(ok("four"), "three"))
    assert ask(context(), *groups) == [
        "ok one: fine",
        "skipped two: not asked: the time for this check is over",
        "skipped three: not asked: the time for this check is over",
        "skipped four: not asked: the time for this check is over",
    ]


def test_a_question_that_was_never_asked_is_not_known() -> None:
    assert ask(context(), needing(ok("one"), "zero")) == ["skipped one: not asked: zero is not known"]


def test_an_interruption_is_no_answer() -> None:
    def stop(_context: CheckContext) -> Iterator[Answer]:
        yield Answer("one", CheckVerdict.OK, "fine")
        raise StopRequestedError("interrupted")

    with pytest.raises(StopRequestedError):
        ask(context(), CheckGroup(stop, ("one", "two")))


def test_the_token_is_in_no_answer_that_repeats_it() -> None:
    here = context()
    here.secrets.append(Secret(TOKEN))

    def repeat(_context: CheckContext) -> Iterator[Answer]:
        yield Answer("one", CheckVerdict.WARNING, f"<{TOKEN}>", (f"try {TOKEN}",), (("header", TOKEN), ("count", 1)))

    (found,) = run_checks(here, [CheckGroup(repeat, ("one",))])
    assert found == Answer(
        "one", CheckVerdict.WARNING, "<(token)>", ("try (token)",), (("header", "(token)"), ("count", 1))
    )
