"""A history as one page to look at: nothing is loaded, nothing runs, every stranger's word is escaped."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reconciler.core.text import escape_control
from reconciler.render.history import HistoryView, answer, page_lines
from reconciler.render.style import HIDDEN, Style

_TEMPLATES = Path(__file__).with_name("templates")


def render_history_page(history: HistoryView, style: Style) -> str:
    """The page."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    sheet = (_TEMPLATES / "history.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    who = "" if history.user is None else f" of {HIDDEN if style.redact else escape_control(history.user)}"
    return templates.get_template("history.html.j2").render(
        title=f"History{who}",
        style=sheet,
        style_digest=digest,
        answer=answer(history, style),
        shallow=history.shallow,
        cut=history.cut,
        entries=list(page_lines(history.entries, style)),
    )
