"""Render the pages of the report site: each stands alone, loads nothing, and escapes every value."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_HERE = Path(__file__).with_name("templates")
_SHARED = Path(__file__).parents[1] / "templates"
PAGES = (("index.html", "Overview"), ("users.html", "Users"), ("history.html", "History"))
"""The pages that every page leads to."""


class Pages:
    """The templates, read once for all pages."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_HERE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        css = (_SHARED / "base.css").read_text("utf-8") + (_HERE / "site.css").read_text("utf-8")
        script = (_HERE / "users.js").read_text("utf-8")
        self._files = {"css": Markup(css), "script": Markup(script)}  # noqa: S704 - files of the program
        self._hashes = {"css_hash": hash_inline(css), "script_hash": hash_inline(script)}

    def render(self, template: str, name: str, **values: Any) -> Iterator[str]:
        """Yield the text of the page `name` in pieces."""
        page = self._environment.get_template(template)
        return page.generate(page_name=name, pages=PAGES, **self._files, **self._hashes, **values)


def hash_inline(text: str) -> str:
    """Return the hash by which a Content Security Policy permits a style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
