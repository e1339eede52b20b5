"""Render values of fields of the desired state: texts, lists, and parts of files such as scoping filters. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from reconciler.core.field_change import JsonText
from reconciler.core.text import escape_control, quote, shorten
from reconciler.render.style import HIDDEN, Style

NONE = "(none)"
_LONG = 200
_LONG_STRUCTURE = 1_000
"""Characters of a filter: a reviewer needs all of its clauses."""
_LONGEST_LIST = 20
_PLAIN = re.compile(r"\w[\w@./+-]*(?: \w[\w@./+-]*)*")
"""Scalars that YAML reads as text without quotes."""


def render_field(value: Any, style: Style) -> str:
    """Render a value on one line: (none), a quoted text, or a list of these."""
    if value is None or value == ():
        return NONE
    if style.redact:
        return HIDDEN
    if isinstance(value, tuple):
        more = f", … ({len(value) - _LONGEST_LIST} more)" if len(value) > _LONGEST_LIST else ""
        return f"[{', '.join(_quote(each) for each in value[:_LONGEST_LIST])}{more}]"
    return _quote(value) if isinstance(value, str) else str(value).lower()


def list_items(value: Any, style: Style) -> list[str]:
    """Return the items of a value for a page, which sets them apart: no quotes; none if it is unassigned."""
    if value is None or value == ():
        return []
    if style.redact:
        return [HIDDEN]
    items = value if isinstance(value, tuple) else (value,)
    more = [f"… ({len(items) - _LONGEST_LIST} more)"] if len(items) > _LONGEST_LIST else []
    return [*(_item(each) for each in items[:_LONGEST_LIST]), *more]


def _quote(text: str) -> str:
    return _structure(text) if isinstance(text, JsonText) else quote(shorten(text, _LONG))


def _item(value: str | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, JsonText):
        return _structure(value)
    return escape_control(shorten(value, _LONG).replace("\\", "\\\\"))


def _structure(text: JsonText) -> str:
    return escape_control(shorten(_flow(json.loads(text)), _LONG_STRUCTURE))


def _flow(node: Any) -> str:
    """Return a part of a file as YAML's flow style writes it: `{attribute: department, operator: EQUALS}`."""
    if isinstance(node, dict):
        return f"{{{', '.join(f'{_scalar(key)}: {_flow(value)}' for key, value in node.items())}}}"
    if isinstance(node, list):
        return f"[{', '.join(map(_flow, node))}]"
    return _scalar(node)


def _scalar(value: Any) -> str:
    if value is None:
        return "~"
    text = value if isinstance(value, str) else str(value).lower()
    return text if _PLAIN.fullmatch(text) else quote(text)
