"""Compile the rule of a mapping row: source, constant, template or Entra expression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.core.model import RulePart, SourceAttributes, Value, error
from reconciler.core.planning.mapping import MappingError, build_constant_rule, build_direct_rule
from reconciler.core.profile import Attribute
from reconciler.core.text import escape_control, quote, shorten
from reconciler.core.values import fold_case, is_text
from reconciler.desired import schema
from reconciler.desired.directory import Directory
from reconciler.desired.validation import LocatedModel
from reconciler.expressions import default_active
from reconciler.expressions.seeded_random import build_random
from reconciler.expressions.value_types import Context, EvaluationError, IgnoreFlow, MappingTemplateError

if TYPE_CHECKING:
    from reconciler.expressions.language import Evaluation, Expression

Rule = Callable[[SourceAttributes], Value | None]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A compiled rule.

    `once`: evaluated on create only, because it would not give the same value again. `unique`: it gives candidates, of
    which the first free one is used. `uses_now`: it reads the clock.
    """

    rule: Callable[[SourceAttributes], Value | tuple[Value, ...] | None]
    inputs: tuple[str, ...] = ()
    once: bool = False
    unique: bool = False
    uses_now: bool = False
    explain: Callable[[SourceAttributes], RulePart] | None = None


def compile_rule(
    row: LocatedModel[schema.MappingEntry], attribute: Attribute, directory: Directory, now: datetime
) -> CompiledRule | None:
    """Compile the rule of `row`; None, with a diagnostic, if it is invalid."""
    entry = row.value
    if entry.source is not None:
        return CompiledRule(build_direct_rule(entry.source, as_text=is_text(attribute)), (entry.source,))
    if entry.constant is not None:
        return CompiledRule(build_constant_rule(entry.constant))
    if entry.expression is not None:
        return _compile_expression_rule(entry.expression, row, attribute, directory, now)
    # Jinja2 takes 15 ms to import, and most mappings have no template.
    from reconciler.expressions.template import compile_template  # noqa: PLC0415

    try:
        template, inputs = compile_template(entry.template or "")
    except MappingTemplateError as exc:
        directory.report(error(f"the template cannot be used: {exc}", "", row.at("template")))
        return None
    return CompiledRule(_build_template_rule(template), inputs)


def format_rule(entry: schema.MappingEntry) -> str:
    """Return the rule as written: `source: surname`."""
    kinds = ("source", "constant", "expression", "template")
    return next(f"{kind}: {getattr(entry, kind)}" for kind in kinds if getattr(entry, kind) is not None)


_CREATE_ONLY = frozenset({"Guid", "RandomString", "SelectUniqueValue"})
"""Functions that generate a value for a new user."""


def _compile_expression_rule(
    text: str, row: LocatedModel[schema.MappingEntry], attribute: Attribute, directory: Directory, now: datetime
) -> CompiledRule | None:
    active_rule = None if is_text(attribute) else default_active.compile_active_rule(text)
    if active_rule is not None:
        return CompiledRule(active_rule)
    # The parser takes 0.1 s to import, and most directories have no expression but the default one of `active`.
    from reconciler.expressions import language  # noqa: PLC0415

    try:
        compiled = language.compile_expression(text)
    except language.ExpressionError as exc:
        start = row.at("expression")
        origin = directory.locate_in_value(start, text, exc.position)
        at = f"At character {exc.position + 1} of the expression"
        detail = f"{at}, where ^ is: {_mark_position(text, exc.position)}" if start and not origin else f"{at}."
        directory.report(error(f"the expression cannot be used: {exc}", detail, origin or start))
        return None
    keeps = row.value.when_null == "keep"
    uses_now = "Now" in compiled.functions
    if not compiled.functions & _CREATE_ONLY:
        context = Context(now=now, taken=_is_never_taken, random=lambda _limit: 0, creating=False)
        return CompiledRule(
            _build_expression_rule(compiled, lambda _attributes: context, keeps=keeps),
            compiled.attributes,
            uses_now=uses_now,
            explain=lambda attributes: build_rule_part(
                language.explain(compiled, _add_soft_deleted(compiled, attributes), context)
            ),
        )
    rules = [
        _build_expression_rule(each, _seed_contexts(attribute.path, f"{number} {each.text}", now), keeps=keeps)
        for number, each in enumerate(language.split_alternatives(compiled))
    ]
    if "SelectUniqueValue" not in compiled.functions:
        return CompiledRule(rules[0], compiled.attributes, once=True, uses_now=uses_now)
    return CompiledRule(_collect_candidates(rules), compiled.attributes, once=True, unique=True, uses_now=uses_now)


def _mark_position(text: str, position: int) -> str:
    """Return the expression around `position` on one line, with ^ at that position."""
    before, after = text[:position], text[position:]
    left = f"…{before[-_MARGIN:]}" if len(before) > _MARGIN else before
    return f"{escape_control(left)}^{escape_control(shorten(after, _MARGIN))}"


_MARGIN = 60
"""Characters of an expression shown on each side of an error."""


def _is_never_taken(_value: str) -> bool:
    return False


def _seed_contexts(path: str, text: str, now: datetime) -> Callable[[SourceAttributes], Context]:
    """Seed random values by attribute, expression and user only, so that apply computes the reviewed values again."""

    def context(attributes: SourceAttributes) -> Context:
        identity = attributes.get("objectId") or attributes["userPrincipalName"]
        return Context(
            now=now, taken=_is_never_taken, random=build_random(path, text, fold_case(str(identity))), creating=True
        )

    return context


def _collect_candidates(rules: Sequence[Rule]) -> Callable[[SourceAttributes], tuple[Value, ...]]:
    def rule(attributes: SourceAttributes) -> tuple[Value, ...]:
        return tuple(dict.fromkeys(value for each in rules if (value := each(attributes))))

    return rule


def _build_expression_rule(
    compiled: Expression, context: Callable[[SourceAttributes], Context], *, keeps: bool
) -> Rule:
    def rule(attributes: SourceAttributes) -> Value | None:
        try:
            value = compiled.evaluate(_add_soft_deleted(compiled, attributes), context(attributes))
        except EvaluationError as exc:
            raise MappingError(str(exc)) from exc
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


def _add_soft_deleted(compiled: Expression, attributes: SourceAttributes) -> SourceAttributes:
    """Add `IsSoftDeleted` if the expression reads it: false, as only users in scope are mapped."""
    return {**attributes, "IsSoftDeleted": False} if "IsSoftDeleted" in compiled.attributes else attributes


def build_rule_part(explained: Evaluation) -> RulePart:
    """Return the evaluation of an expression, part by part, for display."""
    return RulePart(explained.text, format_outcome(explained.value), tuple(map(build_rule_part, explained.parts)))


def format_outcome(outcome: object) -> str:
    """Format the outcome of an expression or of a part of it; texts are quoted and escaped."""
    from reconciler.expressions.language import Failed, NotEvaluated  # noqa: PLC0415 - as above

    if isinstance(outcome, Failed):
        return f"error: {escape_control(outcome.reason)}"
    if isinstance(outcome, NotEvaluated):
        return "(not needed)"
    if isinstance(outcome, IgnoreFlow):
        return f"(ignore {outcome.value})"
    if isinstance(outcome, tuple):
        return f"[{', '.join(map(quote, outcome))}]"
    return "(no value)" if outcome is None else quote(str(outcome))


def _build_template_rule(template: Callable[[SourceAttributes], str | None]) -> Rule:
    def rule(attributes: SourceAttributes) -> Value | None:
        try:
            return template(attributes)
        except MappingTemplateError as exc:
            raise MappingError(str(exc)) from exc

    return rule
