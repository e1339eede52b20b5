"""Compile the scoping filters of scope.yaml: check every clause and turn it into a closure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import assert_never

from reconciler.core.model import Diagnostic, Origin, error, warning
from reconciler.core.scope import dates, filters, operators
from reconciler.core.scope.filters import Clause, ScopingFilter, Test
from reconciler.core.scope.groups import Groups
from reconciler.core.scope.operators import Operand, Operator, TextTest, UnreadableValueError
from reconciler.core.text import quote, shorten
from reconciler.core.values import fold_case
from reconciler.desired import schema
from reconciler.desired.validation import LocatedModel
from reconciler.expressions.value_types import EvaluationError

Report = Callable[[Diagnostic], None]
AttributeUse = tuple[str, Origin | None, str]
"""A source attribute, where it is read, and the consequence if no user has it."""

LIFECYCLE_ATTRIBUTES = {
    "lifecycle.starts": operators.PRESENCE | operators.DAYS,
    "lifecycle.expires": operators.PRESENCE | operators.DAYS,
    "lifecycle.protected": operators.BOOLEANS,
}
"""Fields of the lifecycle that clauses may name, with the operators for each."""
_RELATIVE = re.compile(r"today(?:\s*([+-])\s*([0-9]{1,5}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CompiledFilters:
    """The filters, the attributes that they read, and the groups that they name, as written."""

    filters: tuple[ScopingFilter, ...] = ()
    inputs: tuple[AttributeUse, ...] = ()
    groups: tuple[tuple[str, Origin | None], ...] = ()


def compile_filters(
    located: LocatedModel[schema.ScopeEntry], groups: Groups, today: date, report: Report
) -> CompiledFilters:
    """Compile all filters. Errors are diagnostics, and the state must not be planned then."""
    compiler = _Compiler(located, groups, today, report)
    filters = tuple(compiler.compile_filter(index, entry) for index, entry in enumerate(located.value.filters))
    return CompiledFilters(filters, tuple(compiler.inputs), tuple(compiler.group_names))


class _InvalidClauseError(ValueError):
    """A clause's value is invalid; the message says why, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True)
class _Compiler:
    """Compiles filters one by one and collects what they reference."""

    located: LocatedModel[schema.ScopeEntry]
    groups: Groups
    today: date
    report: Report
    inputs: list[AttributeUse] = field(default_factory=list)
    group_names: list[tuple[str, Origin | None]] = field(default_factory=list)
    filter_origins: dict[str, Origin | None] = field(default_factory=dict)

    def compile_filter(self, index: int, entry: schema.FilterEntry) -> ScopingFilter:
        origin = self.located.at("filters", index, "name")
        if fold_case(entry.name) in self.filter_origins:
            summary = f"filter {quote(entry.name)} is defined twice"
            detail = f"The other is at {self.filter_origins[fold_case(entry.name)]}: plans name filters, so rename one."
            self.report(error(summary, detail, origin))
        self.filter_origins.setdefault(fold_case(entry.name), origin)
        if not entry.clauses:
            summary = f"filter {quote(entry.name)} has no clauses"
            detail = "Every user would pass it: add a clause, or remove the filter."
            self.report(error(summary, detail, self.located.at("filters", index, "clauses")))
        rows = [_ClauseRow(each, self.located, (index, number)) for number, each in enumerate(entry.clauses)]
        clauses = [clause for row in rows if (clause := self.compile_clause(row)) is not None]
        return ScopingFilter(entry.name, tuple(clauses), entry.negated, origin)

    def compile_clause(self, row: _ClauseRow) -> Clause | None:
        entry = row.entry
        operator = operators.find_operator(entry.operator)
        if operator is None:
            self.report(_diagnose_unknown_operator(row))
            return None
        errors = list(_find_errors(entry, operator))
        for key, summary, detail in errors:
            self.report(error(summary, detail, row.at(key)))
        if operator in operators.AMBIGUOUS:
            self.report(_warn_ambiguous(row, operator))
        attribute = entry.attribute or ""
        if attribute and attribute not in LIFECYCLE_ATTRIBUTES and "attribute" not in {key for key, _, _ in errors}:
            truth = "true" if operator is Operator.IS_NULL else "false"
            self.inputs.append((attribute, row.at("attribute"), f"The clause is {truth} for every user."))
        if operator in operators.MEMBERSHIP and entry.value:
            self.group_names.append((entry.value, row.at("value")))
        try:
            clause = None if _is_incomplete(entry, operator) else self.build_clause(row, operator)
        except _InvalidClauseError as exc:
            self.report(error(str(exc), exc.hint, row.at("value")))
            return None
        # A clause with an error is not evaluated: one error is enough, without one for each user.
        return None if errors else clause

    def build_clause(self, row: _ClauseRow, operator: Operator) -> Clause:
        attribute, value = row.entry.attribute or "", row.entry.value or ""
        if operator in operators.MEMBERSHIP:
            test, see = (
                filters.build_membership_test(value, self.groups, operator),
                filters.build_membership_reader(value, self.groups),
            )
        elif attribute in LIFECYCLE_ATTRIBUTES:
            name = attribute.partition(".")[2]
            test, see = self.build_lifecycle_test(row, operator), filters.build_lifecycle_reader(name)
        else:
            test, see = self.build_attribute_test(row, operator), filters.build_attribute_reader(attribute)
        uses_today = operator in operators.DAYS and _RELATIVE.fullmatch(value.strip()) is not None
        return Clause(self.format_clause(row, operator), attribute, test, see, row.origin, uses_today)

    def build_lifecycle_test(self, row: _ClauseRow, operator: Operator) -> Test:
        attribute = row.entry.attribute
        if attribute == "lifecycle.protected":
            return filters.build_protected_test(operator)
        name: filters.LifecycleDate = "starts" if attribute == "lifecycle.starts" else "expires"
        if operator in operators.DAYS:
            return filters.build_lifecycle_test(name, operators.build_day_test(operator, self.parse_clause_day(row)))
        return filters.build_lifecycle_presence_test(name, operator)

    def build_attribute_test(self, row: _ClauseRow, operator: Operator) -> Test:
        name = row.entry.attribute or ""
        if operator in operators.PRESENCE:
            return filters.build_presence_test(name, operator)
        return filters.build_attribute_test(
            name, self.build_text_test(row, operator), row.entry.values_match, row.origin
        )

    def build_text_test(self, row: _ClauseRow, operator: Operator) -> TextTest:
        value = row.entry.value or ""
        match operators.classify_operand(operator):
            case Operand.TEXT:
                return operators.build_text_test(operator, value, ignore_case=row.entry.ignore_case)
            case Operand.PATTERN:
                return operators.build_pattern_test(operator, _compile_pattern(row))
            case Operand.INTEGER:
                return operators.build_integer_test(operator, _parse_integer(value))
            case Operand.DAY:
                # In Active Directory an account with accountExpires 0 never expires; elsewhere 0 is a value not set.
                never = (row.entry.attribute or "").casefold() == "accountexpires"
                return operators.build_day_text_test(operator, self.parse_clause_day(row), zero_is_never=never)
            case Operand.NONE:
                return operators.build_boolean_test(operator)
            case Operand.GROUP:
                raise AssertionError("a group is not compared as text")
            case never:
                assert_never(never)

    def parse_clause_day(self, row: _ClauseRow) -> date:
        """Return the clause's date, relative to the plan's `today`."""
        value = (row.entry.value or "").strip()
        relative = _RELATIVE.fullmatch(value)
        found = dates.parse_day(value) if dates.DAY.fullmatch(value) else None
        try:
            if relative is not None:
                found = self.today + timedelta(days=int(f"{relative[1] or '+'}{relative[2] or 0}"))
        except OverflowError:
            found = None
        if found is None:
            summary = f"{quote(shorten(value, 40))} is not a date"
            raise _InvalidClauseError(summary, "Write 2026-12-31, today, today+N or today-N (N days).")
        return found

    def format_clause(self, row: _ClauseRow, operator: Operator) -> str:
        entry = row.entry
        parts = [entry.attribute or "", operator.value]
        if operator in operators.DAYS:
            parts.append(str(self.parse_clause_day(row)))
        elif entry.value:
            parts.append(quote(shorten(entry.value, 80)))
        if entry.ignore_case:
            parts.append("ignoring case")
        if entry.values_match:
            parts.append(f"for {entry.values_match} value")
        return " ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class _ClauseRow:
    """One clause as written; `index` is that of its filter and its own."""

    entry: schema.ClauseEntry
    located: LocatedModel[schema.ScopeEntry]
    index: tuple[int, int]

    def at(self, *key: str) -> Origin | None:
        """Return the origin of the value of `key`, or of the clause."""
        return self.located.at("filters", self.index[0], "clauses", self.index[1], *key)

    @property
    def origin(self) -> Origin | None:
        """The file, line and column where the clause starts."""
        return self.at()


# --- checks -----------------------------------------------------------------

ClauseError = tuple[str, str, str]
"""The key, the summary and the hint of an error."""


def _diagnose_unknown_operator(row: _ClauseRow) -> Diagnostic:
    near = operators.suggest_operator(row.entry.operator)
    known = ", ".join(operators.Operator)
    detail = f"Did you mean {near.value}?" if near else f"There are {known}."
    return error(f"there is no operator {quote(shorten(row.entry.operator, 40))}", detail, row.at("operator"))


def _warn_ambiguous(row: _ClauseRow, operator: Operator) -> Diagnostic:
    found = "is found" if operator is Operator.AND else "is not found"
    summary = f"Microsoft's documentation does not define {operator.value}"
    detail = f"Here it is true when the attribute's value {found} in the clause's. Prefer Includes or REGEX MATCH."
    return warning(summary, detail, row.at("operator"))


def _is_incomplete(entry: schema.ClauseEntry, operator: Operator) -> bool:
    """Whether a clause cannot be built at all."""
    fits = operator in LIFECYCLE_ATTRIBUTES.get(entry.attribute or "", {operator})
    return not fits or (operators.classify_operand(operator) is not Operand.NONE and not entry.value)


def _find_errors(entry: schema.ClauseEntry, operator: Operator) -> Iterator[ClauseError]:
    yield from _find_attribute_errors(entry, operator)
    takes = operators.classify_operand(operator)
    if takes is Operand.NONE and entry.value:
        yield "value", f"{operator.value} takes no value", "Remove it."
    if takes is not Operand.NONE and not entry.value:
        yield "value", f"{operator.value} needs a value", f"Add `value:` with {takes.value}."
    if entry.ignore_case and operator not in operators.TEXT | operators.PATTERNS:
        yield "ignore_case", f"ignore_case has no effect on {operator.value}", "Remove it."
    if entry.values_match and not _has_values(entry, operator):
        yield "values_match", f"values_match has no effect on {_describe_operand(entry, operator)}", "Remove it."


def _has_values(entry: schema.ClauseEntry, operator: Operator) -> bool:
    """Whether the operator compares values one by one."""
    return entry.attribute not in LIFECYCLE_ATTRIBUTES and operator not in operators.PRESENCE | operators.MEMBERSHIP


def _describe_operand(entry: schema.ClauseEntry, operator: Operator) -> str:
    return str(entry.attribute) if entry.attribute in LIFECYCLE_ATTRIBUTES else operator.value


def _find_attribute_errors(entry: schema.ClauseEntry, operator: Operator) -> Iterator[ClauseError]:
    name = entry.attribute
    if operator in operators.MEMBERSHIP:
        if name:
            yield "attribute", f"{operator.value} takes no attribute", "It is about the user: remove the attribute."
    elif not name:
        yield "attribute", "the clause has no attribute", "Add `attribute:` with the name of a source attribute."
    elif name.casefold() == "issoftdeleted":
        detail = "Use accountEnabled, or lifecycle.starts and lifecycle.expires."
        yield "attribute", "IsSoftDeleted follows from scope: it cannot be a condition of it", detail
    elif name.casefold().partition(".")[0] == "lifecycle":
        yield from _find_lifecycle_errors(name, operator)


def _find_lifecycle_errors(name: str, operator: Operator) -> Iterator[ClauseError]:
    permitted = LIFECYCLE_ATTRIBUTES.get(name)
    if permitted is None:
        near = difflib.get_close_matches(name.casefold(), LIFECYCLE_ATTRIBUTES, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        yield (
            "attribute",
            f"there is no {quote(shorten(name, 40))}",
            f"{hint}There are {', '.join(LIFECYCLE_ATTRIBUTES)}.",
        )
    elif operator not in permitted:
        known = ", ".join(each.value for each in Operator if each in permitted)
        yield "operator", f"{operator.value} cannot be used on {name}", f"It accepts {known}."


# --- values -------------------------------------------------------------------


def _parse_integer(value: str) -> int:
    found = operators.parse_integer(value)
    if found is None:
        summary = f"{quote(shorten(value, 40))} is not a whole number"
        raise _InvalidClauseError(summary, "Entra compares whole numbers only: write digits, such as 10.")
    return found


def _compile_pattern(row: _ClauseRow) -> TextTest:
    """Compile the regular expression; its test raises `UnreadableValueError` for a value that it cannot match."""
    # RE2 takes 20 ms to import, and most directories have no pattern.
    from reconciler.expressions import regex  # noqa: PLC0415

    value = row.entry.value or ""
    try:
        matches = regex.compile_full_match(value, ignore_case=row.entry.ignore_case)
    except EvaluationError as exc:
        hint = "Patterns use the .NET syntax that RE2 supports."
        raise _InvalidClauseError(f"the pattern cannot be used: {exc}", hint) from exc

    def test(text: str) -> bool:
        try:
            return matches(text)
        except EvaluationError as exc:
            raise UnreadableValueError(f"cannot be matched: {exc}") from exc

    return test
