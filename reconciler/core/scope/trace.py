"""Why one user is in or out of scope, step by step in Entra's order; for `explain`. It agrees with `scope.verdict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from reconciler.core.model import IN_SCOPE, Origin, ScopeReason, SourceUser, Verdict
from reconciler.core.scope.filters import (
    Clause,
    FilterEvaluationError,
    ObservedValue,
    ScopingFilter,
    report_filtered,
    report_unjudged,
)
from reconciler.core.scope.groups import GroupMembers, find_membership_path, fold_names
from reconciler.core.scope.verdict import ScopeRules
from reconciler.core.text import quote


class ClauseResult(StrEnum):
    """What one step came to; TRUE always speaks for the user."""

    TRUE = "true"
    FALSE = "false"
    UNJUDGED = "cannot be judged"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step. `name`, `value` and `text` hold strangers' text; a `value` of None is no value."""

    name: str
    answer: ClauseResult
    value: ObservedValue = None
    text: str = ""
    steps: tuple[TraceStep, ...] = ()
    """Of the filters: each filter; of a filter: each clause, those after a false one included."""
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """All steps, and what they come to."""

    steps: tuple[TraceStep, ...]
    verdict: Verdict


_StepResult = tuple[TraceStep, Verdict]


def trace_scope(user: SourceUser, rules: ScopeRules, today: date) -> Trace:
    """The steps for `user` on `today` (UTC); those after the first that is not true are not reached."""
    steps: list[TraceStep] = []
    verdict = IN_SCOPE
    for name, take in _steps(user, rules, today):
        if verdict.in_scope:
            step, verdict = take()
            steps.append(step)
        else:
            steps.append(TraceStep(name, ClauseResult.NOT_REACHED))
    return Trace(tuple(steps), verdict)


def _steps(user: SourceUser, rules: ScopeRules, today: date) -> Iterator[tuple[str, Callable[[], _StepResult]]]:
    yield "accountEnabled", lambda: _enabled(user)
    yield "lifecycle.expires", lambda: _expires(user, today)
    yield "lifecycle.starts", lambda: _starts(user, today)
    yield "assigned", lambda: _assigned(user, rules)
    yield "excluded", lambda: _excluded(user, rules)
    yield "filters", lambda: _filters(user, rules.filters)


def _passed(name: str, value: ObservedValue, text: str) -> _StepResult:
    return TraceStep(name, ClauseResult.TRUE, value, text), IN_SCOPE


def _failed(name: str, value: ObservedValue, reason: ScopeReason, text: str) -> _StepResult:
    return TraceStep(name, ClauseResult.FALSE, value, text), Verdict(reason, text)


def _enabled(user: SourceUser) -> _StepResult:
    value = user.attributes.get("accountEnabled")
    if value is False:
        return _failed("accountEnabled", value, ScopeReason.DISABLED, "accountEnabled is false")
    return _passed("accountEnabled", value, "not disabled")


def _expires(user: SourceUser, today: date) -> _StepResult:
    value = user.lifecycle.expires
    if value is not None and value <= today:
        return _failed("lifecycle.expires", value, ScopeReason.EXPIRED, f"expired {quote(str(value))}")
    return _passed("lifecycle.expires", value, "never expires" if value is None else f"expires {quote(str(value))}")


def _starts(user: SourceUser, today: date) -> _StepResult:
    value = user.lifecycle.starts
    if value is not None and value > today:
        return _failed("lifecycle.starts", value, ScopeReason.NOT_STARTED, f"starts {quote(str(value))}")
    return _passed("lifecycle.starts", value, "no first day" if value is None else f"started {quote(str(value))}")


def _assigned(user: SourceUser, rules: ScopeRules) -> _StepResult:
    if rules.assigned is None:
        return _passed("assigned", None, "all users are assigned (sync: all)")
    if rules.assigned.isdisjoint(fold_names(user)):
        return _failed("assigned", None, ScopeReason.NOT_ASSIGNED, "not assigned in scope.yaml")
    return _passed("assigned", _way(user, rules, rules.roster.assigned), "assigned in scope.yaml")


def _excluded(user: SourceUser, rules: ScopeRules) -> _StepResult:
    if rules.excluded.isdisjoint(fold_names(user)):
        return _passed("excluded", None, "not excluded")
    value = _way(user, rules, rules.roster.excluded)
    return _failed("excluded", value, ScopeReason.EXCLUDED, "excluded in scope.yaml")


def _way(user: SourceUser, rules: ScopeRules, members: GroupMembers) -> ObservedValue:
    """Through which groups and by which entry, as `find_membership_path`."""
    return find_membership_path(user, members, rules.roster.groups)


# --- filters ------------------------------------------------------------------


def _filters(user: SourceUser, filters: tuple[ScopingFilter, ...]) -> _StepResult:
    if not filters:
        return _passed("filters", None, "no filters")
    judged: list[TraceStep] = []
    for each in filters:
        passed = any(step.answer is ClauseResult.TRUE for step in judged)
        judged.append(
            TraceStep(each.name, ClauseResult.NOT_REACHED, origin=each.origin) if passed else _filter(user, each)
        )
    verdict = _concluded(filters, judged)
    answer = {ScopeReason.IN_SCOPE: ClauseResult.TRUE, ScopeReason.UNJUDGED: ClauseResult.UNJUDGED}.get(
        verdict.reason, ClauseResult.FALSE
    )
    text = verdict.text or next(f"passes {quote(step.name)}" for step in judged if step.answer is ClauseResult.TRUE)
    return TraceStep("filters", answer, None, text, tuple(judged)), verdict


def _concluded(filters: tuple[ScopingFilter, ...], judged: list[TraceStep]) -> Verdict:
    if any(step.answer is ClauseResult.TRUE for step in judged):
        return IN_SCOPE
    for each, step in zip(filters, judged, strict=True):
        if step.answer is ClauseResult.UNJUDGED:
            clause, found = _with(ClauseResult.UNJUDGED, each, step)[0]
            return report_unjudged(found.text, clause.attribute)
    failing = _with(ClauseResult.FALSE, filters[0], judged[0])
    return report_filtered(filters, failing[0][0] if failing else None)


def _with(answer: ClauseResult, one: ScopingFilter, judged: TraceStep) -> list[tuple[Clause, TraceStep]]:
    """The clauses of a judged filter with this answer, in order."""
    return [pair for pair in zip(one.clauses, judged.steps, strict=True) if pair[1].answer is answer]


def _filter(user: SourceUser, one: ScopingFilter) -> TraceStep:
    clauses = tuple(_clause(user, clause) for clause in one.clauses)
    text = "negated by not" if one.negated else ""
    return TraceStep(one.name, _joined({step.answer for step in clauses}, one.negated), None, text, clauses, one.origin)


def _joined(answers: set[ClauseResult], negated: bool) -> ClauseResult:
    if ClauseResult.UNJUDGED in answers and ClauseResult.FALSE not in answers:
        return ClauseResult.UNJUDGED
    return _answer((ClauseResult.FALSE in answers) is negated)


def _clause(user: SourceUser, clause: Clause) -> TraceStep:
    value = clause.read(user)
    try:
        return TraceStep(clause.text, _answer(clause.test(user)), value, origin=clause.origin)
    except FilterEvaluationError as fault:
        return TraceStep(clause.text, ClauseResult.UNJUDGED, value, str(fault), origin=clause.origin)


def _answer(true: bool) -> ClauseResult:
    return ClauseResult.TRUE if true else ClauseResult.FALSE
