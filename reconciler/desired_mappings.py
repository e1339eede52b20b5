"""Attribute mappings, compiled: rows of mappings.yaml, or of the profile, checked against what the target takes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.core import paths
from reconciler.core.compare import UnreadableError, folded, typed
from reconciler.core.mapping import MappingError, attribute_row, constant, direct, unacceptable
from reconciler.core.model import (
    AttributeMapping,
    Diagnostic,
    Flow,
    Origin,
    RulePart,
    SourceAttributes,
    Value,
    error,
    warning,
)
from reconciler.core.paths import short
from reconciler.core.profile import Attribute, Mutability, TargetProfile
from reconciler.core.text import printable, quoted
from reconciler.expressions import stock
from reconciler.expressions.drawn import draws
from reconciler.expressions.template import TemplateFaultError, compile_template
from reconciler.expressions.values import Context, EvaluationError, IgnoreFlow
from reconciler.sources import models
from reconciler.sources.yaml_files import Directory, Located

if TYPE_CHECKING:
    from reconciler.expressions.language import Explanation, Expression


def compile_mappings(directory: Directory, profile: TargetProfile, now: datetime) -> tuple[AttributeMapping, ...]:
    """The mappings of the directory, with a diagnostic for every row that cannot be used."""
    compiled: dict[str, AttributeMapping] = {}
    for row in mapping_rows(directory, profile):
        mapping = _compile(row, profile, directory, now)
        if mapping is None:
            continue
        twin = compiled.setdefault(mapping.target, mapping)
        if twin is not mapping:
            line = f"line {twin.origin.line}" if twin.origin else "another row"
            summary = f"{short(mapping.target)} is mapped twice"
            directory.report(error(summary, f"{line} maps it too: keep one.", row.at("target")))
    _complete(compiled, profile, directory, now)
    return tuple(compiled.values())


def mapping_rows(directory: Directory, profile: TargetProfile) -> list[Located[models.Mapping]]:
    """The rows of mappings.yaml; without the file, those of the profile."""
    rows = directory.mappings()
    if rows or directory.has("mappings.yaml"):
        return rows
    return [Located(models.Mapping.model_validate(_default_row(row)), None) for row in profile.mappings]


def compile_row(
    row: models.Mapping, profile: TargetProfile, now: datetime
) -> tuple[AttributeMapping | None, tuple[Diagnostic, ...]]:
    """One row by itself, and what is wrong with it."""
    alone = Directory(Path())
    compiled = _compile(Located(row, None), profile, alone, now)
    return compiled, tuple(alone.diagnostics)


def default_active(profile: TargetProfile) -> models.Mapping:
    """The row of `active` that counts when mappings.yaml has none."""
    return models.Mapping.model_validate(_default_row(next(row for row in profile.mappings if row.target == "active")))


def _default_row(row: Any) -> dict[str, Any]:
    names = ("target", "source", "expression", "default", "match")
    return {name: getattr(row, name) for name in names if getattr(row, name) is not None}


def _complete(
    compiled: dict[str, AttributeMapping], profile: TargetProfile, directory: Directory, now: datetime
) -> None:
    """`active` is always managed: deactivating is what removals do. userName is what SCIM cannot do without."""
    if "active" not in compiled:
        active = _compile(Located(default_active(profile), None), profile, directory, now)
        if active is not None:
            compiled["active"] = active
    if not directory.has("mappings.yaml"):
        return
    at = Origin("mappings.yaml", 1, 1)
    if "userName" not in compiled:
        directory.report(error("no mapping has the target userName", "SCIM requires it: add a row for it.", at))
    if not any(row.match for row in compiled.values()):
        detail = "Live users could not be found again: add `match: 1` to the row of externalId or userName."
        directory.report(error("no mapping has a matching precedence", detail, at))


def _compile(
    row: Located[models.Mapping], profile: TargetProfile, directory: Directory, now: datetime
) -> AttributeMapping | None:
    entry = row.value
    try:
        path = paths.parse(entry.target)
    except paths.PathError as fault:
        directory.report(error(str(fault), "", row.at("target")))
        return None
    attribute = attribute_row(profile, str(path), path.unfiltered)
    if attribute is None:
        directory.report(_unknown_target(str(path), profile, row.at("target")))
        return None
    if attribute.multi_valued and path.filter is None:
        detail = f'Choose one, such as {path.attribute}[type eq "work"].{path.sub or "value"}.'
        directory.report(error(f"{short(str(path))} has several elements", detail, row.at("target")))
        return None
    if not attribute.mappable:
        directory.report(_unmappable(attribute, row.at("target")))
        return None
    compiled = _rule(row, attribute, directory, now)
    if compiled is None:
        return None
    _check(row, attribute, compiled, directory)
    return AttributeMapping(
        attribute=attribute,
        rule=compiled.rule,
        inputs=compiled.inputs,
        default=_default(row, attribute, directory),
        match=entry.match,
        flow=Flow.CREATE if compiled.once else Flow(entry.apply),
        clear=entry.when_null == "clear",
        unique=compiled.unique,
        direct=entry.source,
        origin=row.at("target"),
        words=_words(entry),
        explain=compiled.explain,
    )


def _unmappable(attribute: Attribute, origin: Origin | None) -> Diagnostic:
    name = short(attribute.path)
    if attribute.mutability is Mutability.READ_ONLY:
        return error(f"{name} is read-only ({attribute.source})", "The service sets it: remove the row.", origin)
    detail = "The service never shows it, so nothing could tell whether it is as written: remove the row."
    return error(f"{name} is write-only ({attribute.source}) and not supported", detail, origin)


def _check(row: Located[models.Mapping], attribute: Attribute, compiled: _Compiled, directory: Directory) -> None:
    """Parts of a row that contradict one another."""
    entry, name = row.value, short(attribute.path)
    flow = "create" if compiled.once else entry.apply
    if attribute.path == "active" and entry.when_null == "clear":
        detail = "Whether somebody is active is never undefined: remove when_null."
        directory.report(error("active cannot be cleared", detail, row.at("when_null")))
    elif flow != "always" and entry.when_null == "clear":
        detail = f"What flows with apply: {flow} is never taken away again: remove one of them."
        directory.report(
            error(f"apply: {flow} and when_null: clear contradict each other", detail, row.at("when_null"))
        )
    if not compiled.once:
        return
    if entry.match is not None:
        detail = "It would be made anew for somebody who has another one already: remove `match`."
        directory.report(error(f"{name} is made once, so it cannot identify anybody", detail, row.at("match")))
    if compiled.unique and entry.default is not None:
        detail = "Everybody without a free value would share it: write it as the last rule, or remove it."
        directory.report(error("a default is not unique", detail, row.at("default")))
    if "apply" in entry.model_fields_set and entry.apply != "create":
        detail = "A value that is made once is never compared. Write apply: create."
        directory.report(warning(f"{name} flows on create only, not {entry.apply}", detail, row.at("apply")))


def _default(row: Located[models.Mapping], attribute: Attribute, directory: Directory) -> Value | None:
    entry = row.value
    if entry.default is None:
        return None
    if entry.match is not None:
        summary = f"a default cannot identify anybody: {short(attribute.path)} is a matching attribute"
        directory.report(error(summary, "Remove the default, or `match`.", row.at("default")))
    if entry.when_null == "clear":
        summary = "default and when_null: clear contradict each other"
        detail = "The default would be set on create and cleared by the next plan: keep one of them."
        directory.report(error(summary, detail, row.at("when_null")))
    try:
        default = typed(attribute, entry.default)
    except UnreadableError as fault:
        wrong: str | None = str(fault)
    else:
        wrong = unacceptable(attribute, default) if isinstance(default, str) else None
    if wrong is not None:
        directory.report(error(f"the default cannot be used: {wrong}", "", row.at("default")))
        return None
    return default


def _unknown_target(path: str, profile: TargetProfile, origin: Origin | None) -> Diagnostic:
    known = [short(row.path) for row in profile.attributes if row.mappable]
    near = difflib.get_close_matches(short(path), known, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    why = "and sending it can break the connection. " if profile.closed.value else ""
    detail = f"{hint}It takes {', '.join(known)}."
    return error(f"{profile.title} has no attribute {quoted(short(path))}", f"It is not taken, {why}{detail}", origin)


Rule = Callable[[SourceAttributes], Value | None]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What a row computes. `once`: on create only, for it would not be the same value again; `unique`: candidates."""

    rule: Callable[[SourceAttributes], Value | tuple[Value, ...] | None]
    inputs: tuple[str, ...] = ()
    once: bool = False
    unique: bool = False
    explain: Callable[[SourceAttributes], RulePart] | None = None


def _rule(row: Located[models.Mapping], attribute: Attribute, directory: Directory, now: datetime) -> _Compiled | None:
    entry = row.value
    if entry.source is not None:
        return _Compiled(direct(entry.source), (entry.source,))
    if entry.constant is not None:
        return _Compiled(constant(entry.constant))
    if entry.expression is not None:
        return _expression(entry.expression, row, attribute, directory, now)
    try:
        template, inputs = compile_template(entry.template or "")
    except TemplateFaultError as fault:
        directory.report(error(f"the template cannot be used: {fault}", "", row.at("template")))
        return None
    return _Compiled(_as_rule(template), inputs)


def _words(entry: models.Mapping) -> str:
    kinds = ("source", "constant", "expression", "template")
    return next(f"{kind}: {getattr(entry, kind)}" for kind in kinds if getattr(entry, kind) is not None)


_ONCE = frozenset({"Guid", "RandomString", "SelectUniqueValue"})
"""Functions that make a value for somebody new."""


def _expression(
    text: str, row: Located[models.Mapping], attribute: Attribute, directory: Directory, now: datetime
) -> _Compiled | None:
    stock_rule = stock.compile_expression(text)
    if stock_rule is not None:
        return _Compiled(stock_rule)
    # The parser takes 0.1 s to import, and most directories have no expression but the stock one.
    from reconciler.expressions import language  # noqa: PLC0415

    try:
        compiled = language.compile_expression(text)
    except language.ExpressionFaultError as fault:
        detail = f"At character {fault.position + 1} of the expression."
        directory.report(error(f"the expression cannot be used: {fault}", detail, row.at("expression")))
        return None
    keeps = row.value.when_null == "keep"
    if not compiled.functions & _ONCE:
        context = Context(now=now, taken=_nobody, random=lambda _limit: 0, creating=False)
        return _Compiled(
            _evaluated(compiled, lambda _attributes: context, keeps=keeps),
            compiled.attributes,
            explain=lambda attributes: rule_part(language.explain(compiled, _given(compiled, attributes), context)),
        )
    rules = [
        _evaluated(each, _drawing(attribute.path, f"{number} {each.text}", now), keeps=keeps)
        for number, each in enumerate(language.alternatives(compiled))
    ]
    if "SelectUniqueValue" not in compiled.functions:
        return _Compiled(rules[0], compiled.attributes, once=True)
    return _Compiled(_candidates(rules), compiled.attributes, once=True, unique=True)


def _nobody(_value: str) -> bool:
    return False


def _drawing(path: str, text: str, now: datetime) -> Callable[[SourceAttributes], Context]:
    """Contexts in which chance depends on attribute, mapping and user alone: what is applied is what was reviewed."""

    def context(attributes: SourceAttributes) -> Context:
        identity = attributes.get("objectId") or attributes["userPrincipalName"]
        return Context(now=now, taken=_nobody, random=draws(path, text, folded(str(identity))), creating=True)

    return context


def _candidates(rules: Sequence[Rule]) -> Callable[[SourceAttributes], tuple[Value, ...]]:
    def rule(attributes: SourceAttributes) -> tuple[Value, ...]:
        return tuple(dict.fromkeys(value for each in rules if (value := each(attributes))))

    return rule


def _evaluated(compiled: Expression, context: Callable[[SourceAttributes], Context], *, keeps: bool) -> Rule:
    def rule(attributes: SourceAttributes) -> Value | None:
        try:
            value = compiled.evaluate(_given(compiled, attributes), context(attributes))
        except EvaluationError as fault:
            raise MappingError(str(fault)) from fault
        if value is IgnoreFlow.OBJECT:
            raise MappingError("the expression says to ignore this user")
        if value is IgnoreFlow.ATTRIBUTE:
            if not keeps:
                raise MappingError("the expression says to ignore the attribute, when_null says to clear it")
            return None
        if isinstance(value, tuple):
            raise MappingError("the expression gives several values, but one is needed")
        return value

    return rule


def _given(compiled: Expression, attributes: SourceAttributes) -> SourceAttributes:
    """What the expression sees. Only users in scope are mapped: none of them is soft-deleted."""
    return {**attributes, "IsSoftDeleted": False} if "IsSoftDeleted" in compiled.attributes else attributes


def rule_part(explained: Explanation) -> RulePart:
    """How an expression came about, in words."""
    return RulePart(explained.text, outcome_words(explained.value), tuple(map(rule_part, explained.parts)))


def outcome_words(outcome: object) -> str:
    """What an expression or a part of it came to; texts are quoted and safe to show."""
    from reconciler.expressions.language import Failed, NotEvaluated  # noqa: PLC0415 - as in `_expression`

    if isinstance(outcome, Failed):
        return f"error: {printable(outcome.reason)}"
    if isinstance(outcome, NotEvaluated):
        return "(not needed)"
    if isinstance(outcome, IgnoreFlow):
        return f"(ignore {outcome.value})"
    if isinstance(outcome, tuple):
        return f"[{', '.join(map(quoted, outcome))}]"
    return "(no value)" if outcome is None else quoted(str(outcome))


def _as_rule(template: Callable[[SourceAttributes], str | None]) -> Rule:
    def rule(attributes: SourceAttributes) -> Value | None:
        try:
            return template(attributes)
        except TemplateFaultError as fault:
            raise MappingError(str(fault)) from fault

    return rule
