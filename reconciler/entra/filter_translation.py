"""Translate scoping filters of a synchronization schema to `filters:` of scope.yaml; the loader validates them.

A clause without an equivalent removes its whole group: without the clause the group would let more users pass. A
condition on all groups without an equivalent closes the scope, until its owner decides which users pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.scope import operators
from reconciler.core.scope.operators import EXTENSIONS, Operand, Operator
from reconciler.core.text import pluralize, quote, shorten
from reconciler.core.values import fold_case
from reconciler.desired import schema
from reconciler.desired.scoping_filters import compile_filters
from reconciler.desired.validation import LocatedModel
from reconciler.entra.synchronization_schema import SchemaClause, SchemaFilter, SchemaFilterGroup
from reconciler.entra.translation import Finding, FindingKind, TranslatedFilterGroup, TranslatedFilters
from reconciler.entra.yaml_writer import fits_on_line
from reconciler.expressions.value_types import MAX_LENGTH

_INPUT = "an early filter, and Entra does not deprovision users that it excludes"
_CATEGORY = "experimental and undocumented"


def translate_filters(scope: SchemaFilter, today: date) -> tuple[TranslatedFilters, list[Finding]]:
    """Translate the groups; return them with what has no equivalent."""
    findings: list[Finding] = []
    names: set[str] = set()
    groups = [_translate_group(index, group, names, today, findings) for index, group in enumerate(scope.groups)]
    narrowing = [
        *((f"scope.inputFilterGroups[{index}]", each, _INPUT) for index, each in enumerate(scope.input_filter_groups)),
        *((f"scope.categoryFilterGroups[{i}]", each, _CATEGORY) for i, each in enumerate(scope.category_filter_groups)),
    ]
    for place, group, why in narrowing:
        reason = f"{why}: {quote(shorten(group.name, 80))} with {pluralize(len(group.clauses), 'clause')}"
        findings.append(Finding(FindingKind.NO_EQUIVALENT, place, reason))
        groups.append(_keep_as_comment(place, group, [why]))
    none_left = bool(groups) and not any(group.active for group in groups)
    return TranslatedFilters(tuple(groups), closed=bool(narrowing) or none_left), findings


def _translate_group(
    index: int, given: SchemaFilterGroup, names: set[str], today: date, findings: list[Finding]
) -> TranslatedFilterGroup:
    place = f"scope.groups[{index}]"
    subject = f"{place} ({shorten(given.name, 80)})"
    reasons = [
        *([] if given.clauses else ["a group without clauses is undocumented"]),
        *(f"clauses[{number}]: {why}" for number, each in enumerate(given.clauses) for why in _find_reasons(each)),
    ]
    clauses = tuple(map(_translate_clause, given.clauses)) if not reasons else ()
    comments = [
        f"clauses[{number}]: {each.operator_name} takes no value, but the schema has one"
        for number, each in enumerate(given.clauses)
        if "value" not in _translate_clause(each) and any(each.target_operand.values)
    ]
    name = _make_unique(shorten(given.name.strip() or f"group {index + 1}"), names)
    for item in _check_with_loader(name, clauses, today) if clauses else ():
        text = f"{item.summary}. {item.detail}" if item.detail else item.summary
        (reasons if item.severity is Severity.ERROR else comments).append(text)
    if reasons:
        findings += (Finding(FindingKind.NO_EQUIVALENT, subject, reason) for reason in reasons)
        return _keep_as_comment(place, given, reasons)
    names.add(fold_case(name))
    if name != given.name:
        comments.append(f"Entra's name: {given.name}")
    findings += (Finding(FindingKind.DIFFERS, subject, comment) for comment in comments)
    return TranslatedFilterGroup(name, clauses, (place, *comments))


def _make_unique(name: str, names: set[str]) -> str:
    """Add a number to `name` if another filter has it: plans name filters."""
    number, found = 1, name
    while fold_case(found) in names:
        number += 1
        found = f"{name} ({number})"
    return found


def _check_with_loader(name: str, clauses: Sequence[dict[str, str]], today: date) -> list[Diagnostic]:
    """Return the diagnostics of the loader for the group."""
    group = {"name": name, "clauses": list(clauses)}
    scope = schema.ScopeEntry.model_validate({"sync": "all", "filters": [group]})
    diagnostics: list[Diagnostic] = []
    compile_filters(LocatedModel(scope, None), {}, today, diagnostics.append)
    return diagnostics


def _find_reasons(clause: SchemaClause) -> Iterator[str]:
    """Yield why the clause has no equivalent, before the loader validates it."""
    operator = operators.find_operator(clause.operator_name)
    values = clause.target_operand.values
    if operator is None or operator in EXTENSIONS:
        near = operators.suggest_operator(clause.operator_name[:40])
        hint = f"; the nearest is {near}" if near is not None and near not in EXTENSIONS else ""
        yield f"the operator {quote(shorten(clause.operator_name, 80))} is not documented by Entra{hint}"
    elif _takes_value(operator) and len(values) != 1:
        problem = "several values, which is undocumented" if values else "no value to compare with"
        yield f"{operator} has {problem}"
    texts = (clause.source_operand_name, clause.operator_name, *values)
    if any(len(text) > MAX_LENGTH for text in texts) or not fits_on_line(_translate_clause(clause)):
        yield f"longer than {MAX_LENGTH:,} characters"


def _takes_value(operator: Operator) -> bool:
    return operators.classify_operand(operator) is not Operand.NONE


def _translate_clause(clause: SchemaClause) -> dict[str, str]:
    operator = operators.find_operator(clause.operator_name)
    found = {"attribute": clause.source_operand_name, "operator": str(operator or clause.operator_name)}
    values = clause.target_operand.values
    if values and (operator is None or _takes_value(operator)):
        found["value"] = " | ".join(values)
    return found


def _keep_as_comment(place: str, group: SchemaFilterGroup, reasons: Sequence[str]) -> TranslatedFilterGroup:
    comments = (place, *(f"No equivalent: {reason}" for reason in reasons))
    return TranslatedFilterGroup(
        shorten(group.name), tuple(map(_translate_clause, group.clauses)), comments, active=False
    )
