"""Format what the runner of GitHub Actions reads: workflow commands, step summaries, outputs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import normpath

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import escape_control, pluralize, redact_quoted, shorten

SUMMARY_BYTES = 1024 * 1024
"""GitHub's limit for one step; a longer summary is lost as a whole."""
COMMENT_CHARACTERS = 65_536
"""GitHub's limit for a comment or issue."""
_ROOM = 1024
"""Free space below a limit, for the sentence that says that the text was cut."""
_BUDGET = 10
"""Annotations of one severity that GitHub keeps for one step; it drops the others silently."""
_MESSAGE = 1_000


def annotate(items: Iterable[Diagnostic], folder: str, *, redact: bool) -> Iterator[str]:
    """Yield a workflow command for each of at most ten errors and ten warnings; the others are counted.

    `folder`: the directory of the diagnostics' files in the repository.
    """
    by_severity: dict[Severity, list[Diagnostic]] = {Severity.ERROR: [], Severity.WARNING: []}
    for item in items:
        by_severity.setdefault(item.severity, []).append(item)
    for severity, found in by_severity.items():
        yield from (_annotation(item, folder, redact=redact) for item in found[:_BUDGET])
        if len(found) > _BUDGET:
            left = pluralize(len(found) - _BUDGET, f"more {severity.value}")
            yield f"::notice::{left}: see the log of this step or run `reconciler validate`."


def _annotation(item: Diagnostic, folder: str, *, redact: bool) -> str:
    # As in other output formats: the detail may name a user.
    parts = [item.summary, "" if redact else item.detail]
    text = "\n".join(
        escape_control(redact_quoted(line) if redact else line) for part in parts for line in part.split("\n")
    )
    return format_command(item.severity.value, shorten(text.strip(), _MESSAGE), _place(item, folder))


def _place(item: Diagnostic, folder: str) -> dict[str, str]:
    origin = item.origin
    if origin is None:
        return {}
    # A file of a layer is outside of the folder.
    file = normpath(f"{folder}/{origin.file}") if origin.file.startswith("../") else f"{folder}/{origin.file}"
    file = file if folder else origin.file
    return {"file": escape_control(file), "line": str(origin.line), "col": str(origin.column)}


def format_command(name: str, message: str, properties: Mapping[str, str] | None = None) -> str:
    """Return `::name key=value::message`, escaped so that no text can end it or begin another command."""
    listed = ",".join(f"{key}={_escaped(value, _PROPERTY)}" for key, value in (properties or {}).items())
    return f"::{name}{' ' if listed else ''}{listed}::{_escaped(message, _DATA)}"


_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def _escaped(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)


def format_outputs(values: Mapping[str, str | int | bool]) -> str:
    """Format lines for GITHUB_OUTPUT. Raises `ValueError` for a line break, which could begin another output."""
    shown = {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}
    if any(character in str(value) for value in shown.values() for character in "\r\n"):
        raise ValueError("an output has a line break")
    return "".join(f"{name}={value}\n" for name, value in shown.items())


def format_summary(text: str, used: int, *, markdown: bool) -> str:
    """Return `text` for a step summary that already has `used` bytes, cut at a line.

    Plain text becomes indented code, not fenced: no value in it can end the block.
    """
    lines = text.splitlines(keepends=True) if markdown else [f"    {line}\n" for line in text.splitlines()]
    kept = _fitting(lines, SUMMARY_BYTES - _ROOM - used)
    if len(kept) == len(lines):
        return f"{''.join(kept)}\n"
    if used >= SUMMARY_BYTES - _ROOM:
        return ""
    # Cut Markdown may leave a fence open: then this line is part of the code, which is harmless.
    return f"{''.join(kept)}\nThe rest is in the log of this job.\n"


def _fitting(lines: Sequence[str], room: int) -> Sequence[str]:
    """Return the first lines that fit into `room` bytes."""
    for number, line in enumerate(lines):
        room -= len(line.encode())
        if room < 0:
            return lines[:number]
    return lines


def format_body(text: str, marker: str, run_url: str) -> str:
    """Return a comment or issue: hidden marker, text, link to the run. A text beyond GitHub's limit is left out."""
    head, link = f"<!-- {marker} -->\n", f"\n\n[Log of this run]({run_url})\n" if run_url else "\n"
    whole = f"{head}{text.strip()}{link}"
    if _length(whole) <= COMMENT_CHARACTERS:
        return whole
    return f"{head}This is too long for a comment: it is in the summary of the run.{link}"


def _length(text: str) -> int:
    """Return the length in UTF-16 code units, an upper bound of how GitHub counts."""
    return len(text.encode("utf-16-le", "replace")) // 2
