"""Templates of the Markdown and HTML output, in Jinja2's immutable sandbox, which escapes every value.

A custom template from a directory named on the command line replaces the built-in one of the same name. The desired
state cannot name a directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from reconciler.core.text import escape_control, shorten
from reconciler.errors import UsageError

_BUILT_IN = Path(__file__).parent / "templates"
_MESSAGES = Path(__file__).parent / "messages"
"""Templates of notifications, which no directory of the command line replaces."""
_UNSAFE = ("safe", "forceescape", "xmlattr", "tojson", "urlize", "escape", "e")
"""Filters that mark text as not to be escaped."""
_LONGEST = 300
"""Characters of an error message."""


class Markdown(str):
    """Trusted Markdown. Everything else that a template prints becomes code."""

    __slots__ = ()


class Templates:
    """The built-in templates, or those of `directory` where it has one. Raises `UsageError` if it has none."""

    def __init__(self, directory: Path | None) -> None:
        if directory is not None and not any((directory / path.name).is_file() for path in _BUILT_IN.iterdir()):
            names = ", ".join(sorted(path.name for path in _BUILT_IN.iterdir()))
            raise UsageError(f"--template {directory}: there is no template in it", f"Template files are {names}.")
        self._folders = [directory, _BUILT_IN] if directory is not None else [_BUILT_IN]

    def markdown(self, name: str, **values: Any) -> str:
        """Render the template `name`: numbers and `Markdown` as they are, everything else in code spans."""
        return self._render(name, values, _as_markdown)

    def html(self, name: str, **values: Any) -> str:
        """Render the template `name` with every value escaped."""
        return self._render(name, values, None)

    def text(self, name: str) -> str:
        """Return a file that is no template. Raises `UsageError` if it does not exist."""
        for folder in self._folders:
            if (folder / name).is_file():
                return (folder / name).read_text("utf-8")
        raise UsageError(f"there is no template {name}")

    def style(self, name: str) -> str:
        """Return the style of a page: what all pages have in common, and the file `name`."""
        return self.text("base.css") + self.text(name)

    def _render(self, name: str, values: dict[str, Any], finalize: Any) -> str:
        return _render(self._folders, name, values, finalize)


def render_message(name: str, **values: Any) -> str:
    """Render the template `name` of notifications as plain text: every value on one line, with controls escaped."""
    return _render([_MESSAGES], name, values, _as_text)


def _render(folders: list[Path], name: str, values: dict[str, Any], finalize: Any) -> str:
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for unsafe in _UNSAFE:
        del environment.filters[unsafe]
    try:
        return environment.get_template(name).render(values)
    except Exception as exc:
        # A custom template can fail in any way, and the message may contain its values.
        place = f"{name}:{exc.lineno}" if isinstance(exc, jinja2.TemplateSyntaxError) else name
        detail = escape_control(shorten(f"{type(exc).__name__}: {exc}", _LONGEST))
        raise UsageError(f"the template {place} does not work", detail) from exc


def _as_text(value: Any) -> Any:
    # An undefined value stays one, and so an error.
    return value if isinstance(value, jinja2.Undefined) else Markup(escape_control(str(value)))  # noqa: S704 - plain text


def _as_markdown(value: Any) -> Any:
    if isinstance(value, Markdown):
        return Markup(value)  # noqa: S704 - trusted
    if isinstance(value, jinja2.Undefined):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return Markup(code_span(str(value)))  # noqa: S704 - a code span is the escape


def code_span(text: str) -> Markdown:
    """Return `text` as inline code that nothing in it can end."""
    text = break_comments(escape_control(text)) or " "
    ticks = "`" * (longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return Markdown(f"{ticks}{pad}{text}{pad}{ticks}")


def fenced(text: str, language: str = "") -> Markdown:
    """Return lines as a block of code that none of them can end."""
    text = break_comments(text)
    ticks = "`" * max(3, longest_run(text) + 1)
    return Markdown(f"{ticks}{language}\n{text}\n{ticks}")


def break_comments(text: str) -> str:
    """Escape the beginning of HTML comments in `text`, so that the marker stays the only one."""
    return text.replace("<!--", "<\\u{21}--")


def longest_run(text: str) -> int:
    """Return the length of the longest run of backticks."""
    run = 0
    while "`" * (run + 1) in text:
        run += 1
    return run
