"""Render a history as one HTML page that loads nothing, runs nothing and escapes every external value."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reconciler.core.text import escape_control
from reconciler.render.history import HistoryView, describe_setter, page_entries
from reconciler.render.style import HIDDEN, Style

_TEMPLATES = Path(__file__).with_name("templates")


def render_history_page(history: HistoryView, style: Style) -> str:
    """Render the page."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    sheet = (_TEMPLATES / "history.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    of_user = "" if history.user is None else f" of {HIDDEN if style.redact else escape_control(history.user)}"
    return templates.get_template("history.html.j2").render(
        title=f"History{of_user}",
        style=sheet,
        style_digest=digest,
        answer=describe_setter(history, style),
        shallow=history.shallow,
        cut=history.cut,
        entries=list(page_entries(history.entries, style)),
    )
