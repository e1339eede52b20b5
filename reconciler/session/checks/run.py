"""Ask the questions of `check`, group by group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from reconciler.core.check import NOT_ASKED, Answer, CheckVerdict, format_question
from reconciler.errors import ReconcilerError, StopRequestedError
from reconciler.scim.read_budget import TimeOverError
from reconciler.scim.secret import SentTokens
from reconciler.session.checks.budget import TIME_OVER
from reconciler.session.checks.context import CheckContext, CheckGroup


def run_checks(context: CheckContext, groups: Iterable[CheckGroup]) -> Iterator[Answer]:
    """Yield the answers as they come, those of a group together; `context.answers` has them, too."""
    for group in groups:
        for answer in _ask(context, group):
            shown = _hide_secrets(context, answer)
            context.answers[shown.question] = shown
            yield shown


def _ask(context: CheckContext, group: CheckGroup) -> Iterator[Answer]:
    reason = _find_reason_to_skip(context, group)
    if reason:
        yield from _skip(group.questions, reason)
        return
    answered: list[str] = []
    try:
        for answer in group.ask(context):
            answered.append(answer.question)
            yield answer
    except StopRequestedError:
        raise
    except TimeOverError as exc:
        yield from _skip([each for each in group.questions if each not in answered], exc.summary)
    except ReconcilerError as exc:
        first, *others = [each for each in group.questions if each not in answered] or [group.questions[-1]]
        yield Answer(first, CheckVerdict.FAILED, exc.summary, tuple(exc.detail.splitlines()))
        yield from _skip(others, f"{format_question(first)} failed")


def _find_reason_to_skip(context: CheckContext, group: CheckGroup) -> str:
    """Return why no question of a group can be asked; "" if they can."""
    if group.network and context.offline:
        return "it needs the network (--offline)"
    for question in group.needs:
        if not context.passed(question):
            return _explain_need(question, context.answers.get(question))
    if group.network and context.budget.seconds_left <= 0:
        return TIME_OVER
    return ""


def _explain_need(question: str, found: Answer | None) -> str:
    """Return why a question that another one needs was not answered: the first cause."""
    if found is not None and found.verdict is CheckVerdict.SKIPPED:
        return found.summary.removeprefix(NOT_ASKED)
    return f"{format_question(question)} {'failed' if found is not None else 'is not known'}"


def _skip(questions: Sequence[str], reason: str) -> Iterator[Answer]:
    for question in questions:
        yield Answer(question, CheckVerdict.SKIPPED, f"{NOT_ASKED}{reason}")


def _hide_secrets(context: CheckContext, answer: Answer) -> Answer:
    """Hide tokens in an answer: a service may repeat them in anything that it says."""
    hide = SentTokens(*context.secrets).hide
    facts = tuple((key, hide(value) if isinstance(value, str) else value) for key, value in answer.facts)
    return replace(answer, summary=hide(answer.summary), advice=tuple(map(hide, answer.advice)), facts=facts)
