"""Compile attribute mappings: the rows of mappings.yaml or of the profile, checked against the target's attributes."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from reconciler.core import paths
from reconciler.core.model import (
    AttributeMapping,
    AttributePath,
    Diagnostic,
    Flow,
    Origin,
    Severity,
    Value,
    error,
    warning,
)
from reconciler.core.paths import shorten_path
from reconciler.core.planning.mapping import find_attribute, find_value_error
from reconciler.core.profile import Attribute, Mutability, TargetProfile
from reconciler.core.text import escape_control, quote
from reconciler.core.values import InvalidValueError, parse_value
from reconciler.desired import schema
from reconciler.desired.directory import Directory
from reconciler.desired.mapping_rules import CompiledRule, compile_rule, format_rule
from reconciler.desired.validation import LocatedModel


@dataclass(frozen=True, slots=True)
class CompiledMappings:
    """The valid rows. `invalid`: targets with an invalid row, whose missing values are not reported."""

    rows: tuple[AttributeMapping, ...]
    invalid: frozenset[AttributePath] = frozenset()


def compile_mappings(directory: Directory, profile: TargetProfile, now: datetime) -> CompiledMappings:
    """Compile the mappings of the directory, with a diagnostic for every invalid row."""
    key = (profile.name, profile.active_when_absent, now)
    return directory.read_of_layers("mappings.yaml", key, lambda reader: _compile_mappings(reader, profile, now))


def _compile_mappings(directory: Directory, profile: TargetProfile, now: datetime) -> CompiledMappings:
    compiled: dict[str, AttributeMapping] = {}
    twins: dict[str, AttributeMapping] = {}
    known = len(directory.diagnostics)
    rows = read_mapping_rows(directory, profile)
    # The target of an unreadable row is unknown: it may be any.
    unread = _has_errors(directory, known)
    invalid = {row.path for row in profile.attributes} if unread else set()
    for row in rows:
        known = len(directory.diagnostics)
        mapping = _compile(row, profile, directory, now)
        if _has_errors(directory, known):
            invalid |= _resolve_target(row.value.target, profile)
        if mapping is None:
            continue
        # Names, and the values that a filter compares, have no case.
        twin = twins.setdefault(mapping.target.casefold(), mapping)
        compiled.setdefault(twin.target, twin)
        if twin is not mapping:
            line = f"line {twin.origin.line}" if twin.origin else "another row"
            summary = f"{shorten_path(mapping.target)} is mapped twice"
            directory.report(error(summary, f"{line} maps it too: keep one.", row.at("target")))
    _check_precedences(rows, directory)
    _check_elements(compiled.values(), directory)
    if "active" not in compiled:
        active = _compile(LocatedModel(build_active_row(profile), None), profile, directory, now)
        if active is not None:
            compiled["active"] = active
    if directory.has("mappings.yaml") and not unread:
        _check_complete(rows, {*compiled, *invalid}, directory)
    return CompiledMappings(tuple(compiled.values()), frozenset(invalid))


def _has_errors(directory: Directory, known: int) -> bool:
    """Whether an error was reported after the first `known` diagnostics."""
    return any(item.severity is Severity.ERROR for item in directory.diagnostics[known:])


def _resolve_target(target: str, profile: TargetProfile) -> set[AttributePath]:
    """Return the profile attribute that `target` names or probably misspells."""
    try:
        path = paths.parse(target)
    except paths.PathError:
        return set()
    attribute = find_attribute(profile, str(path), path.unfiltered)
    near = attribute.path if attribute else _suggest_target(str(path), profile)
    return {near} if near else set()


def read_mapping_rows(directory: Directory, profile: TargetProfile) -> list[LocatedModel[schema.MappingEntry]]:
    """Read the rows of mappings.yaml; without the file, return those of the profile."""
    rows = directory.read_mappings()
    if rows or directory.has("mappings.yaml"):
        return rows
    return [LocatedModel(schema.MappingEntry.model_validate(_to_entry(row)), None) for row in profile.mappings]


def compile_row(
    row: schema.MappingEntry, profile: TargetProfile, now: datetime
) -> tuple[AttributeMapping | None, tuple[Diagnostic, ...]]:
    """Compile a single row; return it with its diagnostics."""
    alone = Directory(Path())
    compiled = _compile(LocatedModel(row, None), profile, alone, now)
    return compiled, tuple(alone.diagnostics)


def build_active_row(profile: TargetProfile) -> schema.MappingEntry:
    """Return the row of `active` that applies if mappings.yaml has none."""
    return schema.MappingEntry.model_validate(
        _to_entry(next(row for row in profile.mappings if row.target == "active"))
    )


def _to_entry(row: Any) -> dict[str, Any]:
    names = ("target", "source", "expression", "default", "match")
    return {name: getattr(row, name) for name in names if getattr(row, name) is not None}


def _check_precedences(rows: Sequence[LocatedModel[schema.MappingEntry]], directory: Directory) -> None:
    """Report rows with the same matching precedence: the order in the file would decide which user is matched."""
    seen: dict[int, LocatedModel[schema.MappingEntry]] = {}
    numbers = {row.value.match for row in rows}
    for row in rows:
        number = row.value.match
        if number is None or (twin := seen.setdefault(number, row)) is row:
            continue
        if twin.value.target.casefold() == row.value.target.casefold():
            continue  # reported as mapped twice
        at, name = twin.at("match"), escape_control(twin.value.target)
        owner = f"{name} in line {at.line}" if at else name
        free = next(each for each in count(number + 1) if each not in numbers)
        numbers.add(free)
        detail = f"The row of {owner} uses it too, and only one row can be tried first: {free} is free."
        directory.report(error(f"match: {number} is used twice", detail, row.at("match")))


def _check_elements(rows: Collection[AttributeMapping], directory: Directory) -> None:
    """Report rows that give one element two values: each plan would change it for the other one."""
    parsed = [(row, path) for row in rows if (path := paths.parse(row.target)).filter]
    for row, path in parsed:
        for other, wider in parsed:
            wide, narrow = _fold_filter(wider), _fold_filter(path)
            if wider.unfiltered == path.unfiltered and wide < narrow:
                summary = f"{shorten_path(row.target)} and {shorten_path(other.target)} select the same element"
                line = f"in line {other.origin.line} " if other.origin else ""
                detail = f"The row {line}selects every element that this row selects: keep one, or change a filter."
                directory.report(error(summary, detail, row.origin))


def _fold_filter(path: paths.Path) -> set[tuple[str, str]]:
    return {(name.casefold(), str(value).casefold()) for name, value in path.filter or ()}


def _check_complete(
    rows: Sequence[LocatedModel[schema.MappingEntry]], targets: Collection[AttributePath], directory: Directory
) -> None:
    """Report missing rows: userName, which SCIM requires, and a matching attribute."""
    at = Origin("mappings.yaml", 1, 1)
    if "userName" not in targets:
        directory.report(error("no mapping has the target userName", "SCIM requires it: add a row for it.", at))
    if not any(row.value.match for row in rows):
        detail = "Live users could not be matched: add `match: 1` to the row of externalId or userName."
        directory.report(error("no mapping has a matching precedence", detail, at))


def _compile(
    row: LocatedModel[schema.MappingEntry], profile: TargetProfile, directory: Directory, now: datetime
) -> AttributeMapping | None:
    entry = row.value
    attribute = _find_target(row, profile, directory)
    if attribute is None:
        return None
    compiled = compile_rule(row, attribute, directory, now)
    if compiled is None or not _is_constant_usable(row, attribute, directory):
        return None
    _check_contradictions(row, attribute, compiled, directory)
    return AttributeMapping(
        attribute=attribute,
        rule=compiled.rule,
        inputs=compiled.inputs,
        default=_read_default(row, attribute, directory),
        match=entry.match,
        flow=Flow.CREATE if compiled.once else Flow(entry.apply),
        clear=entry.when_null == "clear",
        unique=compiled.unique,
        once=compiled.once,
        uses_now=compiled.uses_now,
        direct=entry.source,
        origin=row.at("target"),
        rule_text=format_rule(entry),
        explain=compiled.explain,
    )


def _find_target(
    row: LocatedModel[schema.MappingEntry], profile: TargetProfile, directory: Directory
) -> Attribute | None:
    """Return the attribute that a row gives its value; None if it cannot have one, which is reported."""
    try:
        path = paths.parse(row.value.target)
    except paths.PathError as exc:
        directory.report(error(str(exc), "", row.at("target")))
        return None
    attribute = find_attribute(profile, str(path), path.unfiltered)
    if attribute is None:
        directory.report(_diagnose_unknown_target(str(path), profile, row.at("target")))
        return None
    if attribute.multi_valued and path.filter is None:
        detail = f'Choose one, such as {path.attribute}[type eq "work"].{path.sub or "value"}.'
        directory.report(error(f"{shorten_path(str(path))} has several elements", detail, row.at("target")))
        return None
    if not attribute.mappable:
        directory.report(_diagnose_unmappable(attribute, row.at("target")))
        return None
    return attribute


def _diagnose_unmappable(attribute: Attribute, origin: Origin | None) -> Diagnostic:
    name = shorten_path(attribute.path)
    if attribute.mutability is Mutability.READ_ONLY:
        return error(f"{name} is read-only ({attribute.source})", "The service sets it: remove the row.", origin)
    detail = "The service never returns it, so its value cannot be verified: remove the row."
    return error(f"{name} is write-only ({attribute.source}) and not supported", detail, origin)


def _check_contradictions(
    row: LocatedModel[schema.MappingEntry], attribute: Attribute, compiled: CompiledRule, directory: Directory
) -> None:
    """Report parts of a row that contradict each other."""
    entry, name = row.value, shorten_path(attribute.path)
    flow = "create" if compiled.once else entry.apply
    if attribute.path == "active" and entry.when_null == "clear":
        detail = "active always has a value: remove when_null."
        directory.report(error("active cannot be cleared", detail, row.at("when_null")))
    elif flow != "always" and entry.when_null == "clear":
        detail = f"With apply: {flow}, a value is never cleared: remove one of them."
        directory.report(
            error(f"apply: {flow} and when_null: clear contradict each other", detail, row.at("when_null"))
        )
    elif flow != "always" and attribute.path == "active":
        summary = f"active flows with apply: {flow}: users that return to scope are not reactivated"
        directory.report(warning(summary, "Leave `apply` out, unless that is what you want.", row.at("apply")))
    if not compiled.once:
        return
    if entry.match is not None:
        detail = "It would be generated again for a user that already has one: remove `match`."
        directory.report(error(f"{name} is generated once, so it cannot identify a user", detail, row.at("match")))
    if compiled.unique and entry.default is not None:
        detail = "Every user without a free value would share it: write it as the last rule, or remove it."
        directory.report(error("a default is not unique", detail, row.at("default")))
    if "apply" in entry.model_fields_set and entry.apply != "create":
        detail = "A value that is generated once is never compared. Write apply: create."
        directory.report(warning(f"{name} flows on create only, not {entry.apply}", detail, row.at("apply")))


def _read_default(row: LocatedModel[schema.MappingEntry], attribute: Attribute, directory: Directory) -> Value | None:
    entry = row.value
    if entry.default is None:
        return None
    if entry.match is not None:
        summary = f"a default cannot identify a user: {shorten_path(attribute.path)} is a matching attribute"
        directory.report(error(summary, "Remove the default, or `match`.", row.at("default")))
    if entry.when_null == "clear":
        summary = "default and when_null: clear contradict each other"
        detail = "The default would be set on create and cleared by the next plan: keep one of them."
        directory.report(error(summary, detail, row.at("when_null")))
    problem = _find_problem(attribute, entry.default)
    if problem is not None:
        directory.report(error(f"the default cannot be used: {problem}", "", row.at("default")))
        return None
    return parse_value(attribute, entry.default)


def _is_constant_usable(row: LocatedModel[schema.MappingEntry], attribute: Attribute, directory: Directory) -> bool:
    """Whether the row's constant, if any, is a valid value; otherwise every user would fail (reported)."""
    constant = row.value.constant
    problem = None if constant is None else _find_problem(attribute, constant)
    if problem is not None:
        directory.report(error(f"the constant cannot be used: {problem}", "", row.at("constant")))
    return problem is None


def _find_problem(attribute: Attribute, text: str) -> str | None:
    """Return why `text` is not a value of `attribute`; None if it is."""
    try:
        value = parse_value(attribute, text)
    except InvalidValueError as exc:
        return str(exc)
    return find_value_error(attribute, value) if isinstance(value, str) else None


def _diagnose_unknown_target(path: str, profile: TargetProfile, origin: Origin | None) -> Diagnostic:
    near = _suggest_target(path, profile)
    hint = f"Did you mean {shorten_path(near)}? " if near else ""
    why = "It is not accepted, and sending it can break the connection. " if profile.closed.value else ""
    known = ", ".join(_list_targets(profile))
    return error(
        f"{profile.title} has no attribute {quote(shorten_path(path))}", f"{why}{hint}It accepts {known}.", origin
    )


def _suggest_target(path: str, profile: TargetProfile) -> AttributePath | None:
    """Return the profile attribute that `path` probably misspells."""
    known = _list_targets(profile)
    near = difflib.get_close_matches(shorten_path(path), known, 1)
    return known[near[0]] if near else None


def _list_targets(profile: TargetProfile) -> dict[str, AttributePath]:
    """Return the mappable attributes by their short names."""
    return {shorten_path(row.path): row.path for row in profile.attributes if row.mappable}
