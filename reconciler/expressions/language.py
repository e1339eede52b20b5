"""Entra's expression language: compile once, evaluate for each user, explain part by part.

`compile_expression` raises `ExpressionError` for an expression that can never work, `Expression.evaluate` raises
`EvaluationError` for a user without a result. Neither raises anything else, for any text and any attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.expressions import compiler, grammar
from reconciler.expressions.value_types import (
    Attributes,
    Context,
    EvaluationError,
    Evaluator,
    ExpressionError,
    IgnoreFlow,
    IgnoreFlowError,
    Value,
    check_limits,
)

__all__ = [
    "Attributes",
    "Context",
    "Evaluation",
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "Failed",
    "IgnoreFlow",
    "NotEvaluated",
    "Outcome",
    "Result",
    "Value",
    "compile_expression",
    "explain",
    "split_alternatives",
]

REDACTED = "[Redact]"
"""What Entra's logs show for the argument of Redact."""
Result: TypeAlias = Value | IgnoreFlow


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression: its canonical text, and the attributes and functions in the order of the text.

    `text` parses to the same tree (unless its spaces and escapes exceed the limit of 10,000 characters).
    """

    text: str
    attributes: tuple[str, ...]
    functions: frozenset[str]
    tree: grammar.Node
    evaluator: Evaluator

    def evaluate(self, attributes: Attributes, context: Context) -> Result:
        """Return the value for one user: text, several texts, None for no value, or an `IgnoreFlow`.

        An absent attribute has no value, as one without values. Raises `EvaluationError`.
        """
        return _evaluate(self.evaluator, attributes, context)


def compile_expression(source: str) -> Expression:
    """Compile `source`. Raises `ExpressionError` if it can never have a value."""
    return _build_expression(grammar.parse(source))


def split_alternatives(expression: Expression) -> tuple[Expression, ...]:
    """Split a SelectUniqueValue into its rules, in order; return any other expression alone."""
    tree = expression.tree
    if not isinstance(tree, grammar.Call) or tree.name != "SelectUniqueValue":
        return (expression,)
    return tuple(_build_expression(rule) for rule in tree.arguments)


def _build_expression(tree: grammar.Node) -> Expression:
    compiled = compiler.compile_tree(tree)
    names: dict[str, None] = {}
    functions: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, grammar.AttributeReference):
            names.setdefault(node.name)
        elif isinstance(node, grammar.Call):
            functions.add(node.name)
        waiting.extend(reversed(grammar.list_children(node)))
    return Expression(grammar.format_tree(tree), tuple(names), frozenset(functions), tree, compiled)


def _evaluate(evaluator: Evaluator, attributes: Attributes, context: Context) -> Result:
    try:
        return check_limits(evaluator(attributes, context))
    except IgnoreFlowError as exc:
        return exc.directive


@dataclass(frozen=True, slots=True)
class Failed:
    """A part that has no result for the user, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotEvaluated:
    """A part that was not evaluated: not needed, or not reached."""


Outcome: TypeAlias = Result | Failed | NotEvaluated


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One part of an expression, its outcome, and its own parts."""

    text: str
    value: Outcome
    parts: tuple[Evaluation, ...]


def explain(expression: Expression, attributes: Attributes, context: Context) -> Evaluation:
    """Evaluate and return the outcome of every part; branches not taken are `NotEvaluated`.

    A part that contains a call of Redact shows "[Redact]" instead of its value.
    """
    seen: dict[int, Outcome] = {}

    def trace(node: grammar.Node, evaluate: Evaluator) -> Evaluator:
        return lambda attributes, context: _record_outcome(evaluate, seen, id(node), (attributes, context))

    evaluator = compiler.compile_tree(expression.tree, trace)
    try:
        _evaluate(evaluator, attributes, context)
    except EvaluationError as exc:
        seen[id(expression.tree)] = Failed(str(exc))
    return _build_evaluation(expression.tree, lambda node: seen.get(id(node), NotEvaluated()))


def _record_outcome(
    evaluate: Evaluator, seen: dict[int, Outcome], key: int, given: tuple[Attributes, Context]
) -> Value:
    try:
        value = evaluate(*given)
    except IgnoreFlowError as exc:
        seen[key] = exc.directive
        raise
    except EvaluationError as exc:
        seen[key] = Failed(str(exc))
        raise
    seen[key] = value
    return value


def _build_evaluation(node: grammar.Node, outcome: Callable[[grammar.Node], Outcome]) -> Evaluation:
    below = grammar.list_children(node)
    parts = tuple(_build_evaluation(part, outcome) for part in below if not isinstance(part, grammar.Omitted))
    value = outcome(node)
    secret = isinstance(node, grammar.Call) and node.name == "Redact"
    if secret:
        parts = tuple(_redact(part) for part in parts)
    if (secret or any(_shows_redacted(part) for part in parts)) and not isinstance(value, NotEvaluated):
        value = REDACTED
    return Evaluation(grammar.format_tree(node), value, parts)


def _redact(part: Evaluation) -> Evaluation:
    value = part.value if isinstance(part.value, NotEvaluated) else REDACTED
    return Evaluation(part.text, value, tuple(map(_redact, part.parts)))


def _shows_redacted(part: Evaluation) -> bool:
    return part.value == REDACTED
