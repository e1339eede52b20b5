"""Templates of the Markdown and HTML faces: Jinja2's immutable sandbox, in which no value comes out as it is.

A template of a directory named on the command line replaces ours of the same name. The desired state cannot name one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from reconciler.core.text import escape_control, shorten
from reconciler.errors import UsageError

_OURS = Path(__file__).parent / "templates"
_UNSAFE = ("safe", "forceescape", "xmlattr", "tojson", "urlize", "escape", "e")
"""Filters that mark a text as not to be escaped."""
_LONGEST = 300
"""Characters of a fault's message."""


class Markdown(str):
    """Markdown of ours: everything else a template prints becomes code."""

    __slots__ = ()


class Templates:
    """Our templates, less those that `directory` replaces. Raises `UsageError` for a directory without any."""

    def __init__(self, directory: Path | None) -> None:
        if directory is not None and not any((directory / path.name).is_file() for path in _OURS.iterdir()):
            names = ", ".join(sorted(path.name for path in _OURS.iterdir()))
            raise UsageError(f"--template {directory}: there is no template in it", f"It may hold {names}.")
        self._folders = [directory, _OURS] if directory is not None else [_OURS]

    def markdown(self, name: str, **values: Any) -> str:
        """The Markdown of the template `name`: numbers and `Markdown` as they are, all else in code spans."""
        return self._rendered(name, values, _as_markdown)

    def html(self, name: str, **values: Any) -> str:
        """The HTML of the template `name`, every value escaped."""
        return self._rendered(name, values, None)

    def text(self, name: str) -> str:
        """A file that is taken as it is."""
        for folder in self._folders:
            if (folder / name).is_file():
                return (folder / name).read_text("utf-8")
        raise UsageError(f"there is no template {name}")

    def _rendered(self, name: str, values: dict[str, Any], finalize: Any) -> str:
        environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(self._folders),
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
        except Exception as fault:
            # A template of theirs can fail in any way; what it was given may stand in the message.
            place = f"{name}:{fault.lineno}" if isinstance(fault, jinja2.TemplateSyntaxError) else name
            said = escape_control(shorten(f"{type(fault).__name__}: {fault}", _LONGEST))
            raise UsageError(f"the template {place} does not work", said) from fault


def _as_markdown(value: Any) -> Any:
    if isinstance(value, Markdown):
        return Markup(value)  # noqa: S704 - ours
    if isinstance(value, jinja2.Undefined):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return Markup(code_span(str(value)))  # noqa: S704 - a code span is the escape


def code_span(text: str) -> Markdown:
    """`text` as inline code that nothing in it can end."""
    text = calm(escape_control(text)) or " "
    ticks = "`" * (longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return Markdown(f"{ticks}{pad}{text}{pad}{ticks}")


def fenced(text: str) -> Markdown:
    """Lines as a block of code that none of them can end."""
    text = calm(text)
    ticks = "`" * max(3, longest_run(text) + 1)
    return Markdown(f"{ticks}\n{text}\n{ticks}")


def calm(text: str) -> str:
    """`text` without the beginning of an HTML comment: the one we put there stays the only one."""
    return text.replace("<!--", "<\\u{21}--")


def longest_run(text: str) -> int:
    """The length of the longest run of backticks."""
    run = 0
    while "`" * (run + 1) in text:
        run += 1
    return run
