"""Render a receipt as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.text import escape_control, escape_line, redact_quoted
from reconciler.render.style import HIDDEN, Style


def render_receipt(entries: Iterable[Mapping[str, Any]], style: Style) -> str:
    """Render one line for each event, in order. Entries come from a file, so no value in them is trusted."""
    return "\n".join(_line(entry, style) for entry in entries) + "\n"


def _line(entry: Mapping[str, Any], style: Style) -> str:
    time, event = escape_line(_text(entry, "time")), _text(entry, "event")
    if event == "apply_started":
        return f"{time} apply of {_text(entry, 'plan_id')} to {_text(entry, 'target')}"
    if event == "quarantined":
        message = redact_quoted(_text(entry, "message")) if style.redact else _text(entry, "message")
        return f"{time} in quarantine: {_text(entry, 'reason')}: {message}"
    if event == "apply_finished":
        known = ("format_version", "time", "event", "plan_id", "how", "left")
        counts = ", ".join(
            f"{escape_control(str(count))} {escape_control(name)}" for name, count in entry.items() if name not in known
        )
        return f"{time} apply finished: {counts or 'nothing'}"
    who = HIDDEN if style.redact else _text(entry, "address")
    what = f"{time} {event:8} {_text(entry, 'action'):10} {who}"
    if event == "finished":
        message = "" if style.redact else _text(entry, "message")
        return f"{what} {_text(entry, 'result')}{f': {message}' if message else ''}"
    return what


def _text(entry: Mapping[str, Any], name: str) -> str:
    return escape_control(str(entry.get(name) or ""))
