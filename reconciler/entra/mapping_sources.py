"""Build the sources of attribute mappings as Graph documents them: `expression`, and its tree of `parameters`."""

from __future__ import annotations

from typing import Any

from reconciler.expressions import grammar
from reconciler.expressions.functions import registry


def build_attribute_source(name: str) -> dict[str, Any]:
    """Build the source of a direct mapping."""
    return _build_source("Attribute", name, grammar.AttributeReference(name).text)


def build_constant_source(text: str) -> dict[str, Any]:
    """Build the source of a constant; numbers are constants too, written as strings."""
    return _build_source("Constant", text, grammar.String(text).text)


def build_expression_source(text: str) -> dict[str, Any]:
    """Build the source of a valid expression, with its original `text`."""
    return {**_build_node(grammar.parse(text)), "expression": text}


def _build_source(
    kind: str, name: str, expression: str, parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {"expression": expression, "name": name, "type": kind, "parameters": parameters or []}


def _build_node(node: grammar.Node) -> dict[str, Any]:
    match node:
        case grammar.AttributeReference():
            return build_attribute_source(node.name)
        case grammar.String() | grammar.Number():
            return build_constant_source(node.value)
        case grammar.Call():
            return _build_source("Function", node.name, grammar.format_tree(node), _build_parameters(node))
        case grammar.Compare() | grammar.Concatenation():
            # Their trees are undocumented; Entra reads `expression`.
            name = node.operator if isinstance(node, grammar.Compare) else "&"
            below = [
                _build_parameter(str(index), each) for index, each in enumerate(grammar.list_children(node), start=1)
            ]
            return _build_source("Function", name, grammar.format_tree(node), below)
        case grammar.Keyword() | grammar.Omitted():
            return _build_source("Constant", node.text, node.text)


def _build_parameters(call: grammar.Call) -> list[dict[str, Any]]:
    """Build the arguments by parameter name, without omitted ones."""
    known = registry.FUNCTIONS.get(call.name)
    found = []
    for index, each in enumerate(call.arguments):
        parameter = known.parameter(index) if known else None
        if not isinstance(each, grammar.Omitted):
            found.append(_build_parameter(parameter.name if parameter else str(index + 1), each))
    return found


def _build_parameter(key: str, node: grammar.Node) -> dict[str, Any]:
    return {"key": key, "value": _build_node(node)}
