"""`eval`: the value of an Entra expression, to try out a mapping. No files, no network."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import datetime

from reconciler.core.model import RulePart
from reconciler.core.text import escape_control
from reconciler.desired.mapping_rules import build_rule_part, format_outcome
from reconciler.errors import ExitCode, UsageError
from reconciler.expressions import language
from reconciler.session.terminal import Terminal


def run_eval(expression: str, attributes: str, now: datetime, terminal: Terminal, *, explain: bool) -> ExitCode:
    """Print the value, or with `explain` the value of every subexpression; 1 if evaluation fails.

    Raises `UsageError` for an invalid expression or invalid attributes.
    """
    try:
        compiled = language.compile_expression(expression)
    except language.ExpressionError as exc:
        marker = " " * exc.position + "^"
        raise UsageError(f"the expression cannot be used: {exc}", f"{escape_control(expression)}\n{marker}") from exc
    given = _parse_attributes(attributes)
    context = language.Context(now=now, taken=lambda _value: False, random=secrets.randbelow, creating=True)
    if explain:
        terminal.result("\n".join(_trace_lines(build_rule_part(language.explain(compiled, given, context)), 0)))
    try:
        value = compiled.evaluate(given, context)
    except language.EvaluationError as exc:
        terminal.note(f"Error: {escape_control(str(exc))}")
        return ExitCode.ERROR
    if not explain:
        terminal.result(format_outcome(value))
    return ExitCode.OK


def _parse_attributes(text: str) -> language.Attributes:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"--attributes is not JSON: {exc}", 'Write {"givenName": "Ada"}.') from exc
    if not isinstance(found, dict):
        raise UsageError("--attributes is not a JSON object", 'Write {"givenName": "Ada"}.')
    values: dict[str, str | bool | tuple[str, ...]] = {}
    for name, value in found.items():
        if isinstance(value, list):
            values[name] = tuple(str(each) for each in value)
        elif isinstance(value, str | bool):
            values[name] = value
        elif value is not None:
            values[name] = str(value)
    return values


def _trace_lines(part: RulePart, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{escape_control(part.text)} = {part.outcome}"
    for inner in part.parts:
        yield from _trace_lines(inner, depth + 1)
