"""Replace: five modes, distinguished by which of its seven arguments are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from reconciler.expressions import regex
from reconciler.expressions.signature import Argument, Arguments, Function, Parameter, optional_parameter
from reconciler.expressions.value_types import (
    Attributes,
    Context,
    EvaluationError,
    Evaluator,
    ExpressionError,
    Value,
    check_length,
    check_limits,
    to_text,
)

_SLOTS = 7
T = TypeVar("T")
Texts = Callable[[Attributes, Context], str | None]


def replace(arguments: Arguments) -> Evaluator:
    """Replace(source, oldValue, regexPattern, regexGroupName, replacementValue, replacementAttributeName, template).

    Entra describes the combinations accepted here; any other raises `ExpressionError`. Its documents don't define the
    result without a match (here: the source), without a source (here: no value, but see `_build_lookup_mode`), and for
    a replacement without a value (here: it is empty, as in .NET).
    """
    slots = (*arguments, *[None] * (_SLOTS - len(arguments)))
    source, old, pattern, group, value, attribute, template = slots
    given = [slot is not None for slot in (old, pattern, group, value, attribute, template)]
    match given:
        case [True, False, False, True, False, False]:
            return _build_plain_mode(_build_text_getter(source), _build_text_getter(old), _build_text_getter(value))
        case [True, False, False, False, False, True]:
            return _build_template_mode(
                _build_text_getter(source), _build_text_getter(old), _build_text_getter(template)
            )
        case [False, True, False, True, False, False]:
            return _build_match_mode(source, pattern, value)
        case [False, True, True, True, False, False]:
            return _build_group_mode(source, pattern, group, value)
        case [False, True, True, False, True, False]:
            return _build_lookup_mode(source, pattern, group, attribute)
    raise ExpressionError(
        "Replace takes oldValue with replacementValue or template, or regexPattern with replacementValue, or "
        "regexPattern and regexGroupName with replacementValue or replacementAttributeName; count the commas"
    )


def _build_text_getter(argument: Argument | None) -> Texts:
    if argument is None:
        return lambda _attributes, _context: None
    evaluate = argument.evaluate
    return lambda attributes, context: to_text(evaluate(attributes, context))


def _replace_text(text: str, old: str | None, new: str) -> str:
    if not old:
        raise EvaluationError("Replace has no text to look for: oldValue is empty")
    check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _build_plain_mode(source: Texts, old: Texts, new: Texts) -> Evaluator:
    """Mode 1: replace oldValue in the source by replacementValue, with its case."""

    def evaluate(attributes: Attributes, context: Context) -> Value:
        text = source(attributes, context)
        if text is None:
            return None
        return _replace_text(text, old(attributes, context), new(attributes, context) or "")

    return evaluate


def _build_template_mode(source: Texts, old: Texts, template: Texts) -> Evaluator:
    """Mode 2: replace oldValue in the template by the source."""

    def evaluate(attributes: Attributes, context: Context) -> Value:
        text, around = source(attributes, context), template(attributes, context)
        if text is None or around is None:
            return None
        return _replace_text(around, old(attributes, context), text)

    return evaluate


def _build_pattern_getter(argument: Argument | None) -> Callable[[Attributes, Context], regex.Pattern]:
    """Build what returns the pattern. A constant one is compiled now; raises `ExpressionError` if it is invalid."""
    if argument is not None and argument.constant:
        constant = _compute_constant(argument, lambda: regex.compile_pattern(to_text(argument.value) or ""))
        return lambda _attributes, _context: constant
    text = _build_text_getter(argument)

    def evaluate(attributes: Attributes, context: Context) -> regex.Pattern:
        found = text(attributes, context)
        if not found:
            raise EvaluationError("the regular expression of Replace is empty")
        return regex.compile_pattern(found)

    return evaluate


def _compute_constant(argument: Argument, compute: Callable[[], T]) -> T:
    try:
        return compute()
    except EvaluationError as exc:
        raise ExpressionError(str(exc), argument.position) from exc


def _build_match_mode(source: Argument | None, pattern: Argument | None, value: Argument | None) -> Evaluator:
    """Mode 3: replace each match by replacementValue, in which `${name}` and `$1` are groups."""
    text, engine, replacement = _build_text_getter(source), _build_pattern_getter(pattern), _build_text_getter(value)
    _check_constants(pattern, value, regex.parse_substitution)

    def evaluate(attributes: Attributes, context: Context) -> Value:
        within = text(attributes, context)
        if within is None:
            return None
        compiled = engine(attributes, context)
        parts = regex.parse_substitution(replacement(attributes, context) or "", compiled)
        return _join_limited(_substitute(within, compiled, parts))

    return evaluate


def _check_constants(
    pattern: Argument | None, other: Argument | None, check: Callable[[str, regex.Pattern], object]
) -> None:
    """Check a constant argument with a constant pattern now. Raises `ExpressionError`."""
    if pattern is not None and other is not None and pattern.constant and other.constant:
        compiled = regex.compile_pattern(to_text(pattern.value) or "")
        _compute_constant(other, lambda: check(to_text(other.value) or "", compiled))


def _substitute(text: str, pattern: regex.Pattern, parts: tuple[str | int, ...]) -> Iterator[str]:
    end = 0
    for match in pattern.matches(text):
        yield text[end : match.start]
        end = match.end
        for part in parts:
            yield part if isinstance(part, str) else _slice_span(text, match.spans[part])
    yield text[end:]


def _slice_span(text: str, span: tuple[int, int]) -> str:
    return text[span[0] : span[1]] if span[0] >= 0 else ""


def _join_limited(parts: Iterator[str]) -> str:
    """Join the parts; raises `EvaluationError` as soon as they are too long."""
    taken: list[str] = []
    length = 0
    for part in parts:
        length += len(part)
        check_length(length)
        taken.append(part)
    return "".join(taken)


def _find_group(text: str, pattern: regex.Pattern) -> int:
    return pattern.group(text)


def _build_group_mode(
    source: Argument | None, pattern: Argument | None, group: Argument | None, value: Argument | None
) -> Evaluator:
    """Mode 4: in each match, replace the group by replacementValue, taken literally."""
    text, engine, name, replacement = (
        _build_text_getter(source),
        _build_pattern_getter(pattern),
        _build_text_getter(group),
        _build_text_getter(value),
    )
    _check_constants(pattern, group, _find_group)

    def evaluate(attributes: Attributes, context: Context) -> Value:
        within = text(attributes, context)
        if within is None:
            return None
        compiled = engine(attributes, context)
        number = compiled.group(name(attributes, context) or "")
        spans = (match.spans[number] for match in compiled.matches(within))
        return _join_limited(_replace_spans(within, spans, replacement(attributes, context) or ""))

    return evaluate


def _replace_spans(text: str, spans: Iterator[tuple[int, int]], new: str) -> Iterator[str]:
    end = 0
    for start, stop in spans:
        if start < 0:
            continue
        yield text[end:start]
        yield new
        end = stop
    yield text[end:]


def _build_lookup_mode(
    source: Argument | None, pattern: Argument | None, group: Argument | None, attribute: Argument | None
) -> Evaluator:
    """Mode 5: return the source, or without one the group of the first match in the other attribute.

    The cloud sync reference describes the opposite; here the reference for applications and its example apply.
    """
    text, engine, name, other = (
        _build_text_getter(source),
        _build_pattern_getter(pattern),
        _build_text_getter(group),
        _build_text_getter(attribute),
    )
    _check_constants(pattern, group, _find_group)

    def evaluate(attributes: Attributes, context: Context) -> Value:
        found = text(attributes, context)
        if found:
            return found
        within = other(attributes, context)
        if within is None:
            return None
        compiled = engine(attributes, context)
        number = compiled.group(name(attributes, context) or "")
        first = next(compiled.matches(within), None)
        return (
            None
            if first is None or first.spans[number][0] < 0
            else check_limits(_slice_span(within, first.spans[number]))
        )

    return evaluate


REPLACE = (
    Function(
        "Replace",
        (
            Parameter("source"),
            optional_parameter("oldValue"),
            optional_parameter("regexPattern"),
            optional_parameter("regexGroupName"),
            optional_parameter("replacementValue"),
            optional_parameter("replacementAttributeName"),
            optional_parameter("template"),
        ),
        build=replace,
    ),
)
