"""Export mappings and filters as a synchronization schema, in the format that Microsoft Graph documents."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core import paths
from reconciler.core.profile import Comparison, TargetProfile
from reconciler.core.scope import operators
from reconciler.core.scope.operators import EXTENSIONS
from reconciler.core.text import quote, shorten
from reconciler.desired import schema
from reconciler.entra.mapping_sources import build_attribute_source, build_constant_source, build_expression_source
from reconciler.entra.translation import Finding, FindingKind
from reconciler.errors import SchemaError
from reconciler.expressions import language
from reconciler.expressions.template_translation import translate_template

_FLOWS = {"always": "Always", "create": "ObjectAddOnly", "if_empty": "AttributeAddOnly"}
_ENTRA = "Azure Active Directory"
_BOOLEANS = ("IsSoftDeleted", "accountEnabled")
_UNWRITABLE = frozenset('[]"\r\n')


@dataclass(frozen=True, slots=True)
class ExportInput:
    """The exported parts of a desired state; `rows` include that of `active`, `inputs` are the source attributes.

    `once`: the targets of rows that flow on create only, explicitly or not.
    """

    profile: TargetProfile
    rows: Sequence[schema.MappingEntry]
    filters: Sequence[schema.FilterEntry]
    actions: Sequence[str]
    inputs: Iterable[str]
    once: Collection[str] = ()


def export_schema(given: ExportInput) -> tuple[dict[str, Any], list[Finding]]:
    """Return the document, and what has no equivalent in it.

    Raises `SchemaError` if no filter has an equivalent: without filters every user would pass.
    """
    findings: list[Finding] = []
    mappings = [found for row in given.rows if (found := _export_mapping(row, given.once, findings)) is not None]
    groups = [found for each in given.filters if (found := _export_filter(each, findings)) is not None]
    if given.filters and not groups:
        raise SchemaError(
            "no scoping filter has an equivalent in Entra: without filters every assigned user would pass",
            "\n".join(f"{finding.subject}: {finding.reason}" for finding in findings),
        )
    flow_types, about_actions = _export_actions(given.actions)
    name = "".join(word.capitalize() for word in given.profile.name.split("-"))
    document = {
        "id": _build_id(given.profile, "schema"),
        "version": "1.0",
        "directories": [
            _build_directory(_build_id(given.profile, "source"), _ENTRA, "User", _build_source_definitions(given)),
            _build_directory(
                _build_id(given.profile, "target"),
                name,
                paths.ENTERPRISE,
                _build_target_definitions(given.profile, mappings),
            ),
        ],
        "synchronizationRules": [_build_rule(given.profile, name, flow_types, groups, mappings)],
    }
    return document, [*findings, *about_actions]


def _build_rule(
    profile: TargetProfile, name: str, flow_types: str, groups: list[dict[str, Any]], mappings: list[dict[str, Any]]
) -> dict[str, Any]:
    """Build the synchronization rule to the target directory `name`."""
    return {
        "editable": True,
        "id": _build_id(profile, "rule"),
        "name": "USER_OUTBOUND_USER",
        "priority": 1,
        "sourceDirectoryName": _ENTRA,
        "targetDirectoryName": name,
        "metadata": [],
        "objectMappings": [
            {
                "enabled": True,
                "flowTypes": flow_types,
                "name": "Provision Microsoft Entra ID Users",
                "sourceObjectName": "User",
                "targetObjectName": paths.ENTERPRISE,
                "scope": {"categoryFilterGroups": [], "inputFilterGroups": [], "groups": groups},
                "attributeMappings": mappings,
                "metadata": [],
            }
        ],
    }


def _build_id(profile: TargetProfile, part: str) -> str:
    """Return the same id each time, so that the same state is exported as the same text."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"reconciler:{profile.name}:{part}"))


# --- mappings -------------------------------------------------------------------


def _export_mapping(row: schema.MappingEntry, once: Collection[str], findings: list[Finding]) -> dict[str, Any] | None:
    subject, target = paths.shorten_path(row.target), str(paths.parse(row.target))
    source = _build_source(row)
    if isinstance(source, str):
        findings.append(Finding(FindingKind.NO_EQUIVALENT, subject, source))
        return None
    if row.when_null == "clear":
        reason = "when_null: clear: Entra never clears a value; the row is exported without it"
        findings.append(Finding(FindingKind.NO_EQUIVALENT, subject, reason))
    if row.template and ("ToLower(" in source["expression"] or "ToUpper(" in source["expression"]):
        reason = "Entra changes the case of a few letters (ß, İ) differently from a template"
        findings.append(Finding(FindingKind.DIFFERS, subject, reason))
    return {
        "defaultValue": row.default,
        "exportMissingReferences": False,
        "flowBehavior": "FlowWhenChanged",
        "flowType": _FLOWS["create" if target in once else row.apply],
        "matchingPriority": row.match or 0,
        "targetAttributeName": _format_target(row.target),
        "source": source,
    }


def _format_target(target: str) -> str:
    """Return a target in Entra's spelling, which has booleans in quotes: `roles[primary eq "True"].value`."""
    path = paths.parse(target)
    conditions = tuple((name, str(value)) for name, value in path.filter or ())
    return str(replace(path, filter=conditions or None))


def _build_source(row: schema.MappingEntry) -> dict[str, Any] | str:
    """Return the source, or why there is none."""
    if row.source is not None:
        return _build_direct_source(row.source)
    if row.constant is not None:
        return build_constant_source(row.constant)
    if row.expression is not None:
        return build_expression_source(row.expression)
    text = translate_template(row.template or "")
    try:
        return "a template without an equivalent expression" if text is None else _build_checked_source(text)
    except language.ExpressionError as exc:
        return f"the template's expression would be rejected: {exc}"


def _build_direct_source(name: str) -> dict[str, Any] | str:
    if _UNWRITABLE & set(name) or name != name.strip():
        return f"the attribute {quote(shorten(name, 80))} cannot be written in brackets"
    if name.casefold() == "issoftdeleted":
        return "a direct mapping of IsSoftDeleted has no value here, but one in Entra"
    return build_attribute_source(name)


def _build_checked_source(text: str) -> dict[str, Any]:
    language.compile_expression(text)
    return build_expression_source(text)


# --- filters, actions -----------------------------------------------------------


def _export_filter(given: schema.FilterEntry, findings: list[Finding]) -> dict[str, Any] | None:
    reasons = [
        *(["not: true"] if given.negated else []),
        *(each for row in given.clauses for each in _find_extensions(row)),
    ]
    if reasons:
        reason = f"Entra has no {', no '.join(dict.fromkeys(reasons))}; the filter is left out, so fewer users pass"
        findings.append(Finding(FindingKind.NO_EQUIVALENT, f"filter {shorten(given.name, 80)}", reason))
        return None
    return {"name": given.name, "clauses": [_export_clause(clause) for clause in given.clauses]}


def _find_extensions(clause: schema.ClauseEntry) -> Iterator[str]:
    operator = operators.find_operator(clause.operator)
    if operator in EXTENSIONS:
        yield str(operator)
    if clause.ignore_case:
        yield "ignore_case"
    if clause.values_match:
        yield "values_match"
    if (clause.attribute or "").startswith("lifecycle."):
        yield f"attribute {clause.attribute}"


def _export_clause(clause: schema.ClauseEntry) -> dict[str, Any]:
    return {
        "operatorName": str(operators.find_operator(clause.operator)),
        "sourceOperandName": clause.attribute,
        "targetOperand": {"values": [clause.value] if clause.value else []},
    }


def _export_actions(actions: Sequence[str]) -> tuple[str, list[Finding]]:
    flows = {"Add": "create" in actions, "Update": "update" in actions, "Delete": "delete" in actions}
    findings = []
    if ("update" in actions) != ("deactivate" in actions):
        reason = "Entra disables users by an update: it cannot do only one of update and deactivate"
        findings.append(Finding(FindingKind.NO_EQUIVALENT, "lifecycle.actions", reason))
        flows["Update"] = False
    return ", ".join(flow for flow, wanted in flows.items() if wanted), findings


# --- directories ----------------------------------------------------------------


def _build_directory(identity: str, name: str, kind: str, attributes: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {"id": identity, "name": name, "objects": [{"name": kind, "attributes": attributes}]}


def _build_definition(name: str, kind: str = "String", **facets: Any) -> dict[str, Any]:
    return {
        "anchor": False,
        "caseExact": False,
        "defaultValue": None,
        "flowNullValues": False,
        "metadata": [],
        "multivalued": False,
        "mutability": "ReadWrite",
        "name": name,
        "referencedObjects": [],
        "required": False,
        "type": kind,
        **facets,
    }


def _build_source_definitions(given: ExportInput) -> list[Mapping[str, Any]]:
    names = dict.fromkeys(["objectId", "IsSoftDeleted", *sorted(given.inputs)])
    return [
        _build_definition(name, "Boolean" if name in _BOOLEANS else "String", anchor=name == "objectId")
        for name in names
    ]


def _build_target_definitions(profile: TargetProfile, mappings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    rows = {row.path.casefold(): row for row in profile.attributes}
    found = [_build_definition("id", anchor=True, caseExact=True, mutability="ReadOnly")]
    for mapping in mappings:
        path = mapping["targetAttributeName"]
        row = rows.get(paths.parse(path).unfiltered.casefold())
        comparison = row.comparison if row else Comparison.EXACT
        found.append(
            _build_definition(
                path,
                "Boolean" if comparison is Comparison.BOOLEAN else "String",
                caseExact=comparison is Comparison.EXACT,
                required=row is not None and row.required,
            )
        )
    return list(found)
