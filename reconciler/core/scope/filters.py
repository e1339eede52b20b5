"""Evaluate scoping filters: clauses are joined by AND, filters by OR. Compiled to closures once, run for each user.

A clause can be undecidable for a user (`FilterEvaluationError`). That counts only if it decides: a filter with a false
clause is false anyway, and one true filter is enough. So the order of clauses and of filters never matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from reconciler.core.model import IN_SCOPE, Origin, ScopeReason, SourceUser, SourceValue, Verdict
from reconciler.core.scope.groups import GroupMembers, Groups, find_membership_path, fold_names, resolve_members
from reconciler.core.scope.operators import DayTest, Operator, TextTest, UnreadableValueError
from reconciler.core.text import pluralize, quote

ObservedValue = SourceValue | date | None
"""The value that a clause tested: a tuple for several, for groups the path to the user. None: unassigned."""

Test = Callable[[SourceUser], bool]
"""Raises `FilterEvaluationError`."""

ValuesMatch = Literal["any", "all"]
LifecycleDate = Literal["starts", "expires"]


class FilterEvaluationError(ValueError):
    """A clause cannot be evaluated for this user; `attribute` is the one it tests."""

    def __init__(self, message: str, attribute: str) -> None:
        super().__init__(message)
        self.attribute = attribute


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition. `text` is for display, untrusted values quoted: `department EQUALS "Sales"`."""

    text: str
    attribute: str
    """The source attribute it tests; empty: none."""
    test: Test
    read: Callable[[SourceUser], ObservedValue]
    origin: Origin | None = None
    uses_today: bool = False
    """It compares with a day relative to the plan's."""


@dataclass(frozen=True, slots=True)
class ScopingFilter:
    """Clauses that must all be true; `negated`: the result is negated."""

    name: str
    clauses: tuple[Clause, ...]
    negated: bool = False
    origin: Origin | None = None

    def passes(self, user: SourceUser) -> bool:
        """Whether the user passes. Raises `FilterEvaluationError` if an undecidable clause decides."""
        first: FilterEvaluationError | None = None
        for clause in self.clauses:
            try:
                if not clause.test(user):
                    return self.negated
            except FilterEvaluationError as exc:
                first = first or exc
        if first is not None:
            raise first
        return not self.negated


def evaluate_filters(user: SourceUser, filters: Sequence[ScopingFilter]) -> Verdict:
    """Evaluate the filters: in scope if there is none or one is true, else why not."""
    first: FilterEvaluationError | None = None
    for each in filters:
        try:
            if each.passes(user):
                return IN_SCOPE
        except FilterEvaluationError as exc:
            first = first or exc
    if first is not None:
        return build_unjudged_verdict(str(first), first.attribute)
    if not filters:
        return IN_SCOPE
    return build_filtered_verdict(filters, None if len(filters) > 1 else _find_first_false(user, filters[0]))


def _find_first_false(user: SourceUser, one: ScopingFilter) -> Clause | None:
    for clause in one.clauses:
        try:
            if not clause.test(user):
                return clause
        except FilterEvaluationError:
            continue
    return None


def build_unjudged_verdict(why: str, attribute: str) -> Verdict:
    """Return the verdict for a user that the filters cannot be evaluated for."""
    return Verdict(ScopeReason.UNJUDGED, why, attribute)


def build_filtered_verdict(filters: Sequence[ScopingFilter], failing: Clause | None) -> Verdict:
    """Return the verdict for a user that passes no filter; `failing`: the first false clause of a single filter."""
    if len(filters) > 1:
        text = f"passes none of {pluralize(len(filters), 'scoping filter')}"
    elif failing is None or filters[0].negated:
        text = f"passes no scoping filter: {quote(filters[0].name)} is negated, and all its clauses are true"
    else:
        text = f"passes no scoping filter: {quote(filters[0].name)} requires {failing.text}"
    return Verdict(ScopeReason.FILTERED, text)


# --- clauses ------------------------------------------------------------------


def to_texts(value: SourceValue | None) -> tuple[str, ...]:
    """Return the non-empty values of an attribute as Entra has them: text, booleans as True and False."""
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, bool):
        return (str(value),)
    return tuple(each for each in value if each) if value else ()


def build_attribute_test(
    name: str, test: TextTest, values_match: ValuesMatch | None = None, origin: Origin | None = None
) -> Test:
    """Build a test of a source attribute: false if it is unassigned.

    Of several values any or all must pass, by `values_match`. The test raises `FilterEvaluationError` for several
    values without it, and for a value that decides and that the operator cannot judge.
    """
    combine: Callable[[Iterable[bool]], bool] = any if values_match == "any" else all

    def evaluate(user: SourceUser) -> bool:
        value = user.attributes.get(name)
        try:
            if value.__class__ is str:
                return value != "" and test(value)
            values = to_texts(value)
            if len(values) > 1 and values_match is None:
                where = f" at {origin}" if origin else ""
                why = f"{name} has {len(values)} values, and the clause{where} does not say values_match: any or all"
                raise FilterEvaluationError(why, name)
            return bool(values) and _combine(combine, test, values)
        except UnreadableValueError as exc:
            where = f" (clause at {origin})" if origin else ""
            raise FilterEvaluationError(f"{name} {exc}{where}", name) from exc

    return evaluate


def _combine(combine: Callable[[Iterable[bool]], bool], test: TextTest, values: Sequence[str]) -> bool:
    """Return what the values give together. Raises `UnreadableValueError` if one that cannot be judged decides."""
    results: list[bool] = []
    first: UnreadableValueError | None = None
    for value in values:
        try:
            results.append(test(value))
        except UnreadableValueError as exc:
            first = first or exc
    found = combine(results)
    # One true value is enough for `any`, one false value for `all`.
    if first is not None and found is (combine is all):
        raise first
    return found


def build_presence_test(name: str, operator: Operator) -> Test:
    """Build IS NULL or IS NOT NULL of a source attribute, with any number of values."""
    wanted = operator is Operator.IS_NOT_NULL
    return lambda user: bool(to_texts(user.attributes.get(name))) is wanted


def build_lifecycle_test(name: LifecycleDate, test: DayTest) -> Test:
    """Build a test of a lifecycle date: false if it is unassigned."""

    def evaluate(user: SourceUser) -> bool:
        found: date | None = getattr(user.lifecycle, name)
        return found is not None and test(found)

    return evaluate


def build_lifecycle_presence_test(name: LifecycleDate, operator: Operator) -> Test:
    """Build IS NULL or IS NOT NULL of a lifecycle date."""
    wanted = operator is Operator.IS_NOT_NULL
    return lambda user: (getattr(user.lifecycle, name) is not None) is wanted


def build_protected_test(operator: Operator) -> Test:
    """Build IS TRUE or IS FALSE of `lifecycle.protected`."""
    wanted = operator is Operator.IS_TRUE
    return lambda user: user.lifecycle.protected is wanted


def build_membership_test(group: str, groups: Groups, operator: Operator) -> Test:
    """Build a test of group membership, nested groups included."""
    members = resolve_members(GroupMembers(groups=(group,)), groups)
    wanted = operator is Operator.IS_MEMBER_OF
    return lambda user: members.isdisjoint(fold_names(user)) is not wanted


# --- observed values ------------------------------------------------------------


def build_attribute_reader(name: str) -> Callable[[SourceUser], ObservedValue]:
    """Build a reader of a source attribute."""
    return lambda user: user.attributes.get(name)


def build_lifecycle_reader(name: str) -> Callable[[SourceUser], ObservedValue]:
    """Build a reader of a field of `lifecycle`."""
    return lambda user: getattr(user.lifecycle, name)


def build_membership_reader(group: str, groups: Groups) -> Callable[[SourceUser], ObservedValue]:
    """Build a reader of the path through groups to the user, as `find_membership_path`."""
    return lambda user: find_membership_path(user, GroupMembers(groups=(group,)), groups)
