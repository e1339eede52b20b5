"""Explain why one user is in or out of scope, step by step in Entra's order. Always agrees with `scope.verdict`."""

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
    build_filtered_verdict,
    build_unjudged_verdict,
)
from reconciler.core.scope.groups import GroupMembers, find_membership_path, fold_names
from reconciler.core.scope.verdict import ScopeRules
from reconciler.core.text import quote


class ClauseResult(StrEnum):
    """The result of one step; TRUE always means that the user passes."""

    TRUE = "true"
    FALSE = "false"
    UNJUDGED = "cannot be judged"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step. `name`, `value` and `text` hold untrusted text; a `value` of None: unassigned."""

    name: str
    answer: ClauseResult
    value: ObservedValue = None
    text: str = ""
    steps: tuple[TraceStep, ...] = ()
    """Of the filters: each filter. Of a filter: each clause, also those after a false one."""
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """All steps and the verdict."""

    steps: tuple[TraceStep, ...]
    verdict: Verdict


_StepResult = tuple[TraceStep, Verdict]


def trace_scope(user: SourceUser, rules: ScopeRules, today: date) -> Trace:
    """Trace the steps for `user` on `today` (UTC); those after the first that is not true are not reached."""
    steps: list[TraceStep] = []
    verdict = IN_SCOPE
    for name, run in _iterate_steps(user, rules, today):
        if verdict.in_scope:
            step, verdict = run()
            steps.append(step)
        else:
            steps.append(TraceStep(name, ClauseResult.NOT_REACHED))
    return Trace(tuple(steps), verdict)


def _iterate_steps(user: SourceUser, rules: ScopeRules, today: date) -> Iterator[tuple[str, Callable[[], _StepResult]]]:
    yield "accountEnabled", lambda: _check_enabled(user)
    yield "lifecycle.expires", lambda: _check_expires(user, today)
    yield "lifecycle.starts", lambda: _check_starts(user, today)
    yield "assigned", lambda: _check_assigned(user, rules)
    yield "excluded", lambda: _check_excluded(user, rules)
    yield "filters", lambda: _evaluate_filters(user, rules.filters)


def _pass_step(name: str, value: ObservedValue, text: str) -> _StepResult:
    return TraceStep(name, ClauseResult.TRUE, value, text), IN_SCOPE


def _fail_step(name: str, value: ObservedValue, reason: ScopeReason, text: str) -> _StepResult:
    return TraceStep(name, ClauseResult.FALSE, value, text), Verdict(reason, text)


def _check_enabled(user: SourceUser) -> _StepResult:
    value = user.attributes.get("accountEnabled")
    if value is False:
        return _fail_step("accountEnabled", value, ScopeReason.DISABLED, "accountEnabled is false")
    return _pass_step("accountEnabled", value, "not disabled")


def _check_expires(user: SourceUser, today: date) -> _StepResult:
    value = user.lifecycle.expires
    if value is not None and value <= today:
        return _fail_step("lifecycle.expires", value, ScopeReason.EXPIRED, f"expired {quote(str(value))}")
    return _pass_step("lifecycle.expires", value, "never expires" if value is None else f"expires {quote(str(value))}")


def _check_starts(user: SourceUser, today: date) -> _StepResult:
    value = user.lifecycle.starts
    if value is not None and value > today:
        return _fail_step("lifecycle.starts", value, ScopeReason.NOT_STARTED, f"starts {quote(str(value))}")
    return _pass_step("lifecycle.starts", value, "no first day" if value is None else f"started {quote(str(value))}")


def _check_assigned(user: SourceUser, rules: ScopeRules) -> _StepResult:
    if rules.assigned is None:
        return _pass_step("assigned", None, "all users are assigned (sync: all)")
    if rules.assigned.isdisjoint(fold_names(user)):
        return _fail_step("assigned", None, ScopeReason.NOT_ASSIGNED, "not assigned in scope.yaml")
    return _pass_step("assigned", _find_path(user, rules, rules.roster.assigned), "assigned in scope.yaml")


def _check_excluded(user: SourceUser, rules: ScopeRules) -> _StepResult:
    if rules.excluded.isdisjoint(fold_names(user)):
        return _pass_step("excluded", None, "not excluded")
    value = _find_path(user, rules, rules.roster.excluded)
    return _fail_step("excluded", value, ScopeReason.EXCLUDED, "excluded in scope.yaml")


def _find_path(user: SourceUser, rules: ScopeRules, members: GroupMembers) -> ObservedValue:
    """Return the groups and the entry, as `find_membership_path`."""
    return find_membership_path(user, members, rules.roster.groups)


# --- filters ------------------------------------------------------------------


def _evaluate_filters(user: SourceUser, filters: tuple[ScopingFilter, ...]) -> _StepResult:
    if not filters:
        return _pass_step("filters", None, "no filters")
    evaluated: list[TraceStep] = []
    for each in filters:
        passed = any(step.answer is ClauseResult.TRUE for step in evaluated)
        evaluated.append(
            TraceStep(each.name, ClauseResult.NOT_REACHED, origin=each.origin)
            if passed
            else _evaluate_filter(user, each)
        )
    verdict = _conclude(filters, evaluated)
    answer = {ScopeReason.IN_SCOPE: ClauseResult.TRUE, ScopeReason.UNJUDGED: ClauseResult.UNJUDGED}.get(
        verdict.reason, ClauseResult.FALSE
    )
    text = verdict.text or next(f"passes {quote(step.name)}" for step in evaluated if step.answer is ClauseResult.TRUE)
    return TraceStep("filters", answer, None, text, tuple(evaluated)), verdict


def _conclude(filters: tuple[ScopingFilter, ...], evaluated: list[TraceStep]) -> Verdict:
    if any(step.answer is ClauseResult.TRUE for step in evaluated):
        return IN_SCOPE
    for each, step in zip(filters, evaluated, strict=True):
        if step.answer is ClauseResult.UNJUDGED:
            clause, found = _select_clauses(ClauseResult.UNJUDGED, each, step)[0]
            return build_unjudged_verdict(found.text, clause.attribute)
    failing = _select_clauses(ClauseResult.FALSE, filters[0], evaluated[0])
    return build_filtered_verdict(filters, failing[0][0] if failing else None)


def _select_clauses(answer: ClauseResult, one: ScopingFilter, evaluated: TraceStep) -> list[tuple[Clause, TraceStep]]:
    """Select the clauses of an evaluated filter with this answer, in order."""
    return [pair for pair in zip(one.clauses, evaluated.steps, strict=True) if pair[1].answer is answer]


def _evaluate_filter(user: SourceUser, one: ScopingFilter) -> TraceStep:
    clauses = tuple(_evaluate_clause(user, clause) for clause in one.clauses)
    text = "negated by not" if one.negated else ""
    return TraceStep(one.name, _join({step.answer for step in clauses}, one.negated), None, text, clauses, one.origin)


def _join(answers: set[ClauseResult], negated: bool) -> ClauseResult:
    if ClauseResult.UNJUDGED in answers and ClauseResult.FALSE not in answers:
        return ClauseResult.UNJUDGED
    return _to_result((ClauseResult.FALSE in answers) is negated)


def _evaluate_clause(user: SourceUser, clause: Clause) -> TraceStep:
    value = clause.read(user)
    try:
        return TraceStep(clause.text, _to_result(clause.test(user)), value, origin=clause.origin)
    except FilterEvaluationError as exc:
        return TraceStep(clause.text, ClauseResult.UNJUDGED, value, str(exc), origin=clause.origin)


def _to_result(true: bool) -> ClauseResult:
    return ClauseResult.TRUE if true else ClauseResult.FALSE
