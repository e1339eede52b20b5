"""Translate templates to Entra expressions: joined texts, trim, lower, upper, replace and default.

A template gives no value if one of its attributes has none, Append and Join do. So IsPresent checks every attribute
but the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from jinja2 import nodes

from reconciler.expressions import grammar
from reconciler.expressions.template import parse_template
from reconciler.expressions.value_types import MappingTemplateError

_FUNCTIONS = {"trim": "Trim", "lower": "ToLower", "upper": "ToUpper"}


@dataclass(frozen=True, slots=True)
class _TemplatePart:
    """An expression. It has no value without one of `needed`; without one of `guarded` it would have one."""

    text: str
    needed: frozenset[str] = frozenset()
    guarded: frozenset[str] = frozenset()


def translate_template(template: str) -> str | None:
    """Translate `template` to the expression with the same result; None if there is none."""
    try:
        tree = parse_template(template)
    except MappingTemplateError:
        return None
    found: list[_TemplatePart | None] = []
    for node in tree.body:
        if not isinstance(node, nodes.Output):
            return None
        found += (_translate_node(each) for each in node.nodes)
    whole = _join_parts(found)
    if whole is None:
        return None
    text = whole.text
    for name in sorted(whole.guarded - whole.needed, reverse=True):
        text = f'Switch(IsPresent([{name}]), , "True", {text})'
    return text


def _join_parts(parts: list[_TemplatePart | None]) -> _TemplatePart | None:
    given = [part for part in parts if part is not None]
    return reduce(_append_parts, given) if given and len(given) == len(parts) else None


def _append_parts(one: _TemplatePart, other: _TemplatePart) -> _TemplatePart:
    return _TemplatePart(f"Append({one.text}, {other.text})", one.needed, one.guarded | other.guarded | other.needed)


def _translate_node(node: nodes.Node) -> _TemplatePart | None:
    match node:
        case nodes.TemplateData():
            return _build_literal(node.data)
        case nodes.Const() if isinstance(node.value, str):
            return _build_literal(node.value)
        case nodes.Name():
            return _TemplatePart(f"[{node.name}]", frozenset({node.name}))
        case nodes.Concat():
            return _join_parts([_translate_node(each) for each in node.nodes])
        case nodes.Filter() if node.node is not None and not (node.kwargs or node.dyn_args or node.dyn_kwargs):
            return _translate_filter(node, node.node)
        case _:
            return None


def _build_literal(text: str) -> _TemplatePart:
    return _TemplatePart(grammar.String(text).text)


def _translate_filter(node: nodes.Filter, source: nodes.Node) -> _TemplatePart | None:
    inner = _translate_node(source)
    arguments = [each.value for each in node.args if isinstance(each, nodes.Const) and isinstance(each.value, str)]
    if inner is None or len(arguments) != len(node.args):
        return None
    match node.name, arguments:
        case (("trim" | "lower" | "upper"), []):
            text = f"{_FUNCTIONS[node.name]}({inner.text})"
        case "replace", [old, new] if old:
            text = f"Replace({inner.text}, {_build_literal(old).text}, , , {_build_literal(new).text}, , )"
        case (("default" | "d"), [instead]) if isinstance(source, nodes.Name):
            return _TemplatePart(f"Coalesce({inner.text}, {_build_literal(instead).text})")
        case _:
            return None
    return _TemplatePart(text, inner.needed, inner.guarded)
