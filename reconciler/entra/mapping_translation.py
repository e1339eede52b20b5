"""Translate attribute mappings of a synchronization schema to rows of mappings.yaml; the loader validates them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.core import paths
from reconciler.core.model import Severity
from reconciler.core.paths import shorten_path
from reconciler.core.profile import TargetProfile
from reconciler.core.text import quote, shorten
from reconciler.desired import schema
from reconciler.desired.mappings import compile_row
from reconciler.entra.synchronization_schema import AttributeDefinition, SchemaAttributeMapping, SchemaSource
from reconciler.entra.translation import Finding, FindingKind, TranslatedMapping
from reconciler.entra.yaml_writer import fits_on_line
from reconciler.expressions import grammar
from reconciler.expressions.value_types import MAX_LENGTH, ExpressionError

_ATTRIBUTE = re.compile(r"\s*\[\s*([^\[\]\"\r\n]*?)\s*\]\s*")
# `2.0User` without the colon occurs in schemas that were edited manually, and in Microsoft's own samples.
_ENTERPRISE = re.compile(r"urn:ietf:params:scim:schemas:extension:enterprise:2\.0:?User[:.](?P<name>.+)", re.IGNORECASE)
_REFERENCES = frozenset({"manager", "members", "owners", "directreports"})
_BOOLEANS = frozenset({"isSoftDeleted".casefold(), "accountEnabled".casefold()})
"""Boolean source attributes: an expression converts them to "True" and "False", as Entra does."""
_FLOWS = {
    "always": "always",
    "objectaddonly": "create",
    "attributeaddonly": "if_empty",
    "multivalueaddonly": "if_empty",
    "valueaddonly": "always",
}


@dataclass(frozen=True, slots=True)
class Definitions:
    """Attribute definitions of both directories, by case-folded name."""

    source: Mapping[str, AttributeDefinition]
    target: Mapping[str, AttributeDefinition]


@dataclass(slots=True)
class _MappingDraft:
    """A row in progress, with why it cannot be used (`reasons`) and how it differs from Entra's (`differences`)."""

    given: SchemaAttributeMapping
    entries: dict[str, str | int]
    reasons: list[str] = field(default_factory=list)
    lost_parts: list[str] = field(default_factory=list)
    """Parts of a usable row that have no equivalent."""
    differences: list[str] = field(default_factory=list)
    has_no_effect: bool = False
    """The mapping has no effect in Entra."""

    @property
    def is_active(self) -> bool:
        """Whether the row is used; otherwise it is a comment."""
        return not self.reasons and not self.has_no_effect


def translate_rows(
    mappings: Sequence[SchemaAttributeMapping],
    definitions: Definitions,
    profile: TargetProfile,
    now: datetime,
) -> tuple[list[TranslatedMapping], list[Finding], list[str]]:
    """Translate the mappings; return the rows, the findings and the source attributes that the rows read."""
    drafts: list[_MappingDraft] = []
    attributes: dict[str, None] = {}
    taken: dict[str, int] = {}
    for index, given in enumerate(mappings):
        draft = _translate(given, definitions, profile)
        target = str(draft.entries["target"])
        inputs = _check_with_loader(draft, profile, now) if draft.is_active else ()
        if draft.is_active and taken.setdefault(target.casefold(), index) != index:
            draft.reasons.append(f"attributeMappings[{taken[target.casefold()]}] maps this target already")
        elif draft.is_active:
            attributes.update(dict.fromkeys(inputs))
        drafts.append(draft)
    _assign_precedences(drafts)
    findings = [finding for index, draft in enumerate(drafts) for finding in _build_findings(index, draft)]
    return [_build_row(index, draft) for index, draft in enumerate(drafts)], findings, list(attributes)


def _assign_precedences(drafts: Sequence[_MappingDraft]) -> None:
    """Assign each matching row its own precedence; equal ones are tried in the order of the schema."""
    last = 0
    matching = [draft for draft in drafts if draft.is_active and draft.given.matching_priority > 0]
    for draft in sorted(matching, key=lambda each: each.given.matching_priority):
        priority = draft.given.matching_priority
        last = max(last + 1, priority)
        if last != priority:
            draft.entries["match"] = last
            draft.differences.append(f"matchingPriority {priority} is match: {last} here: each row needs its own")


def _build_findings(index: int, draft: _MappingDraft) -> Iterator[Finding]:
    subject = f"attributeMappings[{index}] ({shorten(str(draft.entries['target']), 120)})"
    for reason in (*draft.reasons, *draft.lost_parts):
        yield Finding(FindingKind.NO_EQUIVALENT, subject, reason)
    if draft.reasons:
        return  # a row that is left out differs in nothing
    for reason in draft.differences:
        yield Finding(FindingKind.IGNORED if draft.has_no_effect else FindingKind.DIFFERS, subject, reason)


def _build_row(index: int, draft: _MappingDraft) -> TranslatedMapping:
    given = draft.given
    expression = given.source.expression if given.source else ""
    original = f": {expression}" if draft.reasons and expression and expression not in draft.entries.values() else ""
    head = f"attributeMappings[{index}]{original}"
    missing = [f"No equivalent: {reason}" for reason in (*draft.reasons, *draft.lost_parts)]
    return TranslatedMapping(draft.entries, (head, *missing, *draft.differences), draft.is_active)


def _translate(given: SchemaAttributeMapping, definitions: Definitions, profile: TargetProfile) -> _MappingDraft:
    target = canonicalize_target(given.target_attribute_name, profile)
    draft = _MappingDraft(given, {"target": target})
    if not _is_same_path(target, given.target_attribute_name):
        draft.differences.append(f"Entra's target: {given.target_attribute_name}")
    definition = definitions.target.get(given.target_attribute_name.casefold())
    _translate_source(draft)
    if draft.has_no_effect:
        return draft
    _check_reference(draft, definition, definitions)
    _translate_flow(draft)
    if given.matching_priority > 0:
        draft.entries["match"] = given.matching_priority
    _translate_default(draft, definition, profile)
    return draft


def _is_same_path(target: str, given: str) -> bool:
    """Whether two texts are one path, but for the case of names: `primary eq "True"` is `primary eq true`."""
    try:
        return target == given or paths.parse(target) == paths.parse(given)
    except paths.PathError:
        return False


def canonicalize_target(text: str, profile: TargetProfile) -> str:
    """Return a target in the spelling of the profile and of mappings.yaml; unchanged if it is not a path."""
    malformed = _ENTERPRISE.fullmatch(text.strip())
    written = f"enterprise:{malformed['name']}" if malformed else text.strip()
    try:
        path = paths.parse(written)
    except paths.PathError:
        return text
    wanted = path.unfiltered.casefold()
    usual = next((row.path for row in profile.attributes if row.path.casefold() == wanted), None)
    if usual is None:
        return shorten_path(str(path))
    spelled = paths.parse(usual)
    return shorten_path(str(paths.Path(spelled.urn, spelled.attribute, path.filter, spelled.sub)))


# --- the rule -------------------------------------------------------------------


def _translate_source(draft: _MappingDraft) -> None:
    source, default = draft.given.source, draft.given.default_value
    if source is None or not (source.expression.strip() or source.name):
        _translate_missing_source(draft, source, default)
        return
    kind = source.type.casefold()
    if kind == "constant":
        _set_constant(draft, _read_constant(source))
        return
    attribute = _ATTRIBUTE.fullmatch(source.expression)
    if attribute or (kind == "attribute" and not source.expression.strip()):
        _set_attribute(draft, attribute[1] if attribute else source.name)
    elif not source.expression.strip():
        draft.reasons.append(f"the function {quote(shorten(source.name, 80))} has no source.expression to read")
    elif _parse_string(source.expression) is not None:
        _set_constant(draft, _parse_string(source.expression) or "")
    else:
        draft.entries["expression"] = source.expression
    if kind not in ("attribute", "function", ""):
        draft.reasons.append(f"source.type {quote(shorten(source.type, 80))} is not Attribute, Function or Constant")


def _translate_missing_source(draft: _MappingDraft, source: SchemaSource | None, default: str | None) -> None:
    if default:
        draft.entries["constant"] = default
        draft.differences.append("Entra: no source but a default value, which is a constant")
    elif source is not None and source.type.casefold() == "function":
        draft.reasons.append("a function without source.expression")
    else:
        draft.has_no_effect = True
        draft.differences.append("neither source nor default: Entra leaves the target unchanged, so no row is needed")


def _read_constant(source: SchemaSource) -> str:
    text = _parse_string(source.expression)
    return text if text is not None else source.expression.strip() or source.name


def _parse_string(expression: str) -> str | None:
    """Parse an expression that is a single string; None for any other expression."""
    if not expression.strip().startswith('"'):
        return None
    try:
        node = grammar.parse(expression)
    except ExpressionError:
        return None
    return node.value if isinstance(node, grammar.String) else None


def _set_constant(draft: _MappingDraft, text: str) -> None:
    if not text.strip():
        draft.has_no_effect = True
        draft.differences.append("an empty constant is not a value: Entra sends nothing")
        return
    draft.entries["constant"] = text


def _set_attribute(draft: _MappingDraft, name: str) -> None:
    source = draft.given.source
    if source is not None and source.name and source.type.casefold() == "attribute" and source.name != name:
        draft.differences.append(f"source.name says {source.name}; source.expression is used")
    is_active = draft.entries["target"] == "active"
    if name.casefold() == "issoftdeleted" and is_active:
        draft.entries["expression"] = "[IsSoftDeleted]"
        draft.reasons.append(
            "active would be false for every user in scope; the usual row, Not([IsSoftDeleted]), is used instead"
        )
    elif name.casefold() in _BOOLEANS and not is_active:
        draft.entries["expression"] = f"[{name}]"
    else:
        draft.entries["source"] = name


def _check_reference(draft: _MappingDraft, definition: AttributeDefinition | None, definitions: Definitions) -> None:
    expression = draft.given.source.expression if draft.given.source else ""
    attribute = _ATTRIBUTE.fullmatch(expression)
    name = attribute[1] if attribute else str(draft.entries.get("source", ""))
    source = definitions.source.get(name.casefold())
    bare = re.split(r"[:.\[]", str(draft.entries["target"]).removeprefix("enterprise:"))[0].casefold()
    found = (definition, source)
    if bare in _REFERENCES or name.casefold() in _REFERENCES or any(each and _is_reference(each) for each in found):
        draft.reasons.append("a reference: Entra sends the id of the other user in the target")
    if definition is not None and definition.mutability.casefold() == "readonly":
        draft.reasons.append("in the schema the target attribute is ReadOnly")


def _is_reference(definition: AttributeDefinition) -> bool:
    return definition.type.casefold() == "reference" or bool(definition.referenced_objects)


# --- flow, default --------------------------------------------------------------


def _translate_flow(draft: _MappingDraft) -> None:
    written = draft.given.flow_type
    flow = _FLOWS.get(written.casefold().strip())
    if flow is None:
        draft.reasons.append(f"flowType {quote(shorten(written, 80))} is not known")
        return
    if written.casefold() == "multivalueaddonly" and "[" not in str(draft.entries["target"]):
        draft.reasons.append("flowType MultiValueAddOnly adds elements, but a row has one value")
    if written.casefold() == "valueaddonly":
        draft.differences.append("Entra: flowType ValueAddOnly, which never removes a value, and neither does this row")
    if flow != "always":
        draft.entries["apply"] = flow


def _translate_default(draft: _MappingDraft, definition: AttributeDefinition | None, profile: TargetProfile) -> None:
    default = draft.given.default_value
    if "constant" in draft.entries:
        if default and draft.given.source is not None:
            draft.differences.append(f"the default {quote(shorten(default))} is never used with a constant")
        return
    if not default and definition is not None and definition.required and definition.default_value:
        default = definition.default_value
        draft.differences.append("the schema requires the attribute, so its default value is used")
    if default and "match" in draft.entries:
        draft.lost_parts.append(f"the default {quote(shorten(default))}: a default cannot identify a user")
    elif default:
        draft.entries["default"] = default
    elif definition is not None and definition.required and not _is_required(draft, profile):
        draft.lost_parts.append(
            "the schema requires this attribute: Entra does not create a user without it; here it may be missing"
        )


def _is_required(draft: _MappingDraft, profile: TargetProfile) -> bool:
    target = str(draft.entries["target"])
    return any(shorten_path(row.path) == target and row.required for row in profile.attributes)


def _check_with_loader(draft: _MappingDraft, profile: TargetProfile, now: datetime) -> tuple[str, ...]:
    """Validate the row with the loader; return the attributes that it reads, with diagnostics in the draft."""
    longest = max(len(str(value)) for value in draft.entries.values())
    if longest > MAX_LENGTH or not fits_on_line(draft.entries):
        draft.reasons.append(f"longer than {MAX_LENGTH:,} characters")
        return ()
    compiled, diagnostics = compile_row(schema.MappingEntry.model_validate(draft.entries), profile, now)
    default = draft.entries.get("default")
    if default is not None and any(item.severity is Severity.ERROR for item in diagnostics):
        without = {key: value for key, value in draft.entries.items() if key != "default"}
        alone, remaining = compile_row(schema.MappingEntry.model_validate(without), profile, now)
        if not any(item.severity is Severity.ERROR for item in remaining):
            why = next(item.summary for item in diagnostics if item.severity is Severity.ERROR)
            draft.lost_parts.append(f"the default {quote(shorten(str(default)))}: {why}")
            del draft.entries["default"]
            compiled, diagnostics = alone, remaining
    for item in diagnostics:
        text = f"{item.summary}. {item.detail}" if item.detail else item.summary
        (draft.reasons if item.severity is Severity.ERROR else draft.differences).append(text)
    return () if compiled is None or draft.reasons else compiled.inputs
