"""Import a synchronization schema: choose its mapping of users, translate it, and report everything else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize, quote, shorten
from reconciler.entra.filter_translation import translate_filters
from reconciler.entra.mapping_translation import Definitions, translate_rows
from reconciler.entra.synchronization_schema import ObjectMapping, SchemaRule, SynchronizationSchema, list_unknown_keys
from reconciler.entra.translation import Finding, FindingKind, ImportedSchema, TranslatedFilters, TranslatedMapping
from reconciler.errors import SchemaError

_USER = re.compile(r"(?:.*[:.0-9])?users?", re.IGNORECASE)
_ENTRA = re.compile(r"azure ?active ?directory|microsoft entra id|azure ?ad", re.IGNORECASE)
_DISABLES = re.compile(r"\[\s*(?:IsSoftDeleted|accountEnabled)\s*\]")
_ACTIONS = {"add": ("create",), "update": ("update", "deactivate"), "delete": ("delete",), "none": ()}
_ON_CREATE = ("objectaddonly", "attributeaddonly")
"""Flow types that never overwrite a value."""
_SHOWN = 8
"""Names that a finding lists."""


@dataclass(frozen=True, slots=True)
class _MappingCandidate:
    """An object mapping with its rule and its path."""

    rule: SchemaRule
    mapping: ObjectMapping
    path: str

    def is_named(self, name: str) -> bool:
        """Whether `name` is the rule's name or id, or the mapping's own name."""
        return name.casefold() in {self.rule.name.casefold(), self.rule.id.casefold(), self.mapping.name.casefold()}

    @property
    def label(self) -> str:
        """The mapping's name in the report."""
        names = quote(shorten(self.mapping.name, 80))
        off = "" if self.mapping.enabled else ", not enabled"
        return f"{names} of rule {quote(shorten(self.rule.name, 80))}{off}"

    @property
    def takes_users(self) -> bool:
        """Whether its target object is a User; some schemas lack the colon before `User`."""
        return _USER.fullmatch(self.mapping.target_object_name.strip()) is not None


def import_schema(
    schema: SynchronizationSchema, profile: TargetProfile, rule: str | None, now: datetime
) -> ImportedSchema:
    """Translate the schema's mapping of users for `profile`; `rule` chooses one of several.

    Raises `SchemaError` if there is none, or `rule` does not name one of them.
    """
    candidates = _list_candidates(schema)
    chosen = _choose(candidates, rule)
    mapping = chosen.mapping
    definitions = Definitions(
        schema.find_attributes(chosen.rule.source_directory_name, mapping.source_object_name),
        schema.find_attributes(chosen.rule.target_directory_name, mapping.target_object_name),
    )
    rows, about_rows, attributes = translate_rows(mapping.attribute_mappings, definitions, profile, now)
    filters, about_filters = translate_filters(mapping.scope, now.date())
    about_mapping = list(_check_chosen(chosen))
    actions, about_actions = _translate_actions(mapping)
    read = dict.fromkeys([*attributes, *(clause["attribute"] for each in filters.groups for clause in each.clauses)])
    findings = [
        *(_describe_unchosen(each, rule) for each in candidates if each is not chosen),
        *about_mapping,
        *about_rows,
        *_check_required_rows(rows),
        *about_filters,
        *about_actions,
        *_list_ignored(schema, chosen, profile),
    ]
    return ImportedSchema(
        provenance=tuple(_describe_provenance(schema, chosen, profile)),
        rows=tuple(rows),
        filters=TranslatedFilters(
            filters.groups, closed=filters.closed or any(_narrows_scope(item) for item in about_mapping)
        ),
        actions=actions,
        attributes=tuple(name for name in read if name != "IsSoftDeleted"),
        findings=tuple(findings),
    )


# --- which mapping --------------------------------------------------------------


def _list_candidates(schema: SynchronizationSchema) -> list[_MappingCandidate]:
    return [
        _MappingCandidate(rule, mapping, f"synchronizationRules[{number}].objectMappings[{index}]")
        for number, rule in enumerate(schema.synchronization_rules)
        for index, mapping in enumerate(rule.object_mappings)
    ]


def _choose(candidates: Sequence[_MappingCandidate], rule: str | None) -> _MappingCandidate:
    users = [each for each in candidates if each.takes_users]
    exist = "; ".join(each.label for each in users[:_SHOWN]) or "none"
    if rule is not None:
        found = [each for each in users if each.is_named(rule)]
        if len(found) != 1:
            reason = "several mappings of users are" if found else "no mapping of users is"
            raise SchemaError(f"{reason} called {quote(shorten(rule, 80))}", f"There are: {exist}.")
        return found[0]
    enabled = [each for each in users if each.mapping.enabled]
    if len(enabled) == 1:
        return enabled[0]
    if enabled:
        raise SchemaError("the schema has several mappings of users", f"Choose one with --rule NAME: {exist}.")
    if users:
        raise SchemaError("no mapping of users is enabled", f"Choose one anyway with --rule NAME: {exist}.")
    kinds = ", ".join(sorted({quote(shorten(each.mapping.target_object_name, 80)) for each in candidates})[:_SHOWN])
    raise SchemaError("the schema has no mapping of users", f"Target objects are: {kinds or 'none'}.")


def _describe_unchosen(candidate: _MappingCandidate, rule: str | None) -> Finding:
    mapping = candidate.mapping
    subject = f"{candidate.path} ({shorten(mapping.name, 80)})"
    if not mapping.enabled:
        return Finding(FindingKind.IGNORED, subject, "not enabled")
    if candidate.takes_users and rule is not None:
        return Finding(FindingKind.IGNORED, subject, "another mapping of users was chosen with --rule")
    kind = quote(shorten(mapping.target_object_name, 80))
    return Finding(FindingKind.NO_EQUIVALENT, subject, f"its target object is {kind}; only users are provisioned here")


def _check_chosen(chosen: _MappingCandidate) -> Iterator[Finding]:
    """Yield findings about the chosen mapping as a whole."""
    if not chosen.mapping.enabled:
        yield Finding(FindingKind.DIFFERS, chosen.path, "not enabled in Entra, so it provisions no users there")
    source = chosen.rule.source_directory_name
    if source and not _ENTRA.fullmatch(source.strip()):
        reason = f"the source is {quote(shorten(source, 80))}, not Entra: users need attributes by its names"
        yield Finding(FindingKind.DIFFERS, f"rule {shorten(chosen.rule.name, 80)}", reason)
    for key, given in (("containerFilter", chosen.rule.container_filter), ("groupFilter", chosen.rule.group_filter)):
        if _limits(given):
            reason = "it limits the synchronized users; assign groups instead"
            yield Finding(FindingKind.NO_EQUIVALENT, f"rule {shorten(chosen.rule.name, 80)}.{key}", reason)


def _limits(given: Any) -> bool:
    """Whether a filter of the rule names anything: lists and objects without content limit nothing."""
    parts = [given]  # not by recursion: the document decides how deep it nests
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts += part.values()
        elif isinstance(part, list):
            parts += part
        elif part is not None:
            return True
    return False


def _narrows_scope(finding: Finding) -> bool:
    return finding.kind is FindingKind.NO_EQUIVALENT


def _describe_provenance(
    schema: SynchronizationSchema, chosen: _MappingCandidate, profile: TargetProfile
) -> Iterator[str]:
    rule, mapping = chosen.rule, chosen.mapping
    yield f"Schema {shorten(schema.id) or '(no id)'}, version {shorten(schema.version, 40) or '(none)'}"
    yield f"Rule {shorten(rule.name)}, id {shorten(rule.id) or '(none)'}"
    yield f"Mapping {shorten(mapping.name)} ({chosen.path})"
    target = shorten(rule.target_directory_name)
    yield f"From {shorten(rule.source_directory_name)} to {target}; here for the profile {profile.name}"


# --- what follows ---------------------------------------------------------------


def _translate_actions(mapping: ObjectMapping) -> tuple[tuple[str, ...], list[Finding]]:
    """Translate flowTypes to `lifecycle.actions`. Entra disables by an update of `active`, if a row maps it."""
    findings: list[Finding] = []
    actions: list[str] = []
    for flow in mapping.flow_types:
        known = _ACTIONS.get(flow.casefold().strip())
        if known is None:
            reason = f"{quote(shorten(flow, 40))} is not Add, Update or Delete"
            findings.append(Finding(FindingKind.NO_EQUIVALENT, "flowTypes", reason))
        else:
            actions += known
    if "deactivate" in actions and (why := _find_disabling_gap(mapping)):
        actions.remove("deactivate")
        findings.append(Finding(FindingKind.DIFFERS, "active", f"{why}, so actions omit deactivate"))
    usual = ("create", "update", "deactivate", "delete")
    return tuple(action for action in usual if action in actions), findings


def _find_disabling_gap(mapping: ObjectMapping) -> str | None:
    """Return why Entra disables no users with this mapping; None if it does."""
    rows = [row for row in mapping.attribute_mappings if row.target_attribute_name.casefold() == "active"]
    disabling = [row for row in rows if row.source and _DISABLES.search(f"{row.source.expression} [{row.source.name}]")]
    if not disabling:
        return "no mapping reads IsSoftDeleted, so Entra disables no users"
    once = [row.flow_type for row in disabling if row.flow_type.casefold().strip() in _ON_CREATE]
    return f"flowType {shorten(once[0], 40)}: Entra disables no users with it" if len(once) == len(disabling) else None


def _check_required_rows(rows: Sequence[TranslatedMapping]) -> Iterator[Finding]:
    """Yield what mappings.yaml needs, or should have, and the schema lacks."""
    active = [row for row in rows if row.active]
    matching = [row.entries["target"] for row in active if "match" in row.entries]
    if matching and "externalId" not in matching:
        reason = (
            "Entra remembers the account of a user, here it is found by matching: without externalId among the "
            "matching attributes, a changed user name creates a new account. Prefer to start with "
            "{target: externalId, source: objectId, match: 1}"
        )
        yield Finding(FindingKind.DIFFERS, "matchingPriority", reason)
    if not any(row.entries["target"] == "userName" for row in active):
        yield Finding(
            FindingKind.NO_EQUIVALENT, "userName", "no row is left for it: add one, the file is rejected without it"
        )
    if not matching:
        reason = "no row is left with one: add `match: 1` to externalId or userName, the file is rejected without it"
        yield Finding(FindingKind.NO_EQUIVALENT, "matchingPriority", reason)


# --- what has no meaning here ---------------------------------------------------


def _list_ignored(
    schema: SynchronizationSchema, chosen: _MappingCandidate, profile: TargetProfile
) -> Iterator[Finding]:
    mapping = chosen.mapping
    rows = mapping.attribute_mappings
    yield from _count_values(
        "flowBehavior",
        "each plan compares with the live users, so nothing has to be sent again",
        Counter(row.flow_behavior for row in rows),
    )
    missing = sum(row.export_missing_references for row in rows)
    if missing:
        reason = f"true {pluralize(missing, 'time')}: about references, which are not mapped"
        yield Finding(FindingKind.IGNORED, "exportMissingReferences", reason)
    trees = sum(bool(row.source and row.source.parameters) for row in rows)
    if trees:
        reason = f"{pluralize(trees, 'tree')}: source.expression has the same content and is used"
        yield Finding(FindingKind.IGNORED, "source.parameters", reason)
    yield from _list_ignored_definitions(schema, chosen, profile)
    yield from _list_ignored_metadata(schema, chosen)
    unknown = list(list_unknown_keys(schema))
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        reason = f"not documented: {', '.join(shorten(path, 80) for path in unknown[:_SHOWN])}{more}"
        yield Finding(FindingKind.IGNORED, "further keys", reason)


def _count_values(subject: str, why: str, counts: Counter[str]) -> Iterator[Finding]:
    if counts:
        reason = ", ".join(f"{shorten(name, 40)} {pluralize(number, 'time')}" for name, number in counts.most_common(3))
        yield Finding(FindingKind.IGNORED, subject, f"{reason}: {why}")


def _list_ignored_definitions(
    schema: SynchronizationSchema, chosen: _MappingCandidate, profile: TargetProfile
) -> Iterator[Finding]:
    objects = sum(len(directory.objects) for directory in schema.directories)
    count = sum(len(each.attributes) for directory in schema.directories for each in directory.objects)
    if count:
        reason = (
            f"{pluralize(count, 'attribute definition')} of {pluralize(objects, 'object')}: required, defaultValue, "
            f"Reference and ReadOnly were considered where mapped; types, caseExact and multivalued come from the "
            f"profile {profile.name}, not from here"
        )
        yield Finding(FindingKind.IGNORED, "directories", reason)
    target = schema.find_attributes(chosen.rule.target_directory_name, chosen.mapping.target_object_name)
    mapped = {row.target_attribute_name.casefold() for row in chosen.mapping.attribute_mappings}
    nulls = [each.name for each in target.values() if each.flow_null_values and each.name.casefold() in mapped]
    if nulls:
        names = ", ".join(shorten(name, 80) for name in nulls[:_SHOWN])
        reason = f"{names}: Entra applies it inbound only; here use when_null: clear"
        yield Finding(FindingKind.IGNORED, "flowNullValues", reason)


def _list_ignored_metadata(schema: SynchronizationSchema, chosen: _MappingCandidate) -> Iterator[Finding]:
    entries = [*chosen.rule.metadata, *chosen.mapping.metadata]
    if entries:
        reason = ", ".join(f"{shorten(each.key, 40)} = {shorten(str(each.value), 40)}" for each in entries[:20])
        yield Finding(FindingKind.IGNORED, "metadata", f"Entra's own metadata: {reason}")
    bookkeeping = "id, version, priority, editable of the schema and its rules"
    yield Finding(FindingKind.IGNORED, bookkeeping, "bookkeeping of Entra")
    if len(schema.synchronization_rules) > 1:
        reason = f"there are {len(schema.synchronization_rules)}; the mappings of the others are named above"
        yield Finding(FindingKind.IGNORED, "synchronizationRules", reason)
