"""What the runner of GitHub Actions reads: workflow commands, step summaries, outputs. Text in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import escape_control, pluralize, redact_quoted, shorten

SUMMARY_BYTES = 1024 * 1024
"""GitHub takes so much for one step; beyond it the whole summary is lost."""
COMMENT_CHARACTERS = 65_536
"""GitHub refuses a longer comment or issue."""
_ROOM = 1024
"""Left free below a limit, for the words that say that something was cut."""
_BUDGET = 10
"""Annotations of one severity that GitHub keeps of one step; it drops the others without a word."""
_MESSAGE = 1_000


def annotate(items: Iterable[Diagnostic], folder: str, *, redact: bool) -> Iterator[str]:
    """Workflow commands, one a line, for at most ten errors and ten warnings; the others are counted.

    `folder`: where the files of the diagnostics lie in the repository.
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
    # As on other faces: what to do may name somebody.
    said = [item.summary, "" if redact else item.detail]
    text = "\n".join(
        escape_control(redact_quoted(line) if redact else line) for part in said for line in part.split("\n")
    )
    return command(item.severity.value, shorten(text.strip(), _MESSAGE), _place(item, folder))


def _place(item: Diagnostic, folder: str) -> dict[str, str]:
    origin = item.origin
    if origin is None:
        return {}
    file = f"{folder}/{origin.file}" if folder else origin.file
    return {"file": escape_control(file), "line": str(origin.line), "col": str(origin.column)}


def command(name: str, message: str, properties: Mapping[str, str] | None = None) -> str:
    """`::name key=value::message`; no text can end it or begin another one."""
    listed = ",".join(f"{key}={_escaped(value, _PROPERTY)}" for key, value in (properties or {}).items())
    return f"::{name}{' ' if listed else ''}{listed}::{_escaped(message, _DATA)}"


_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def _escaped(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)


def outputs(values: Mapping[str, str | int | bool]) -> str:
    """Lines for GITHUB_OUTPUT. The values are ours: words and numbers without line breaks."""
    shown = {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}
    return "".join(f"{name}={value}\n" for name, value in shown.items())


def summary(text: str, used: int, *, markdown: bool) -> str:
    """`text` for a step summary that holds `used` bytes already, cut at a line.

    Plain text becomes indented code, not fenced: no value in it can end the block, whatever a user is called.
    """
    lines = text.splitlines(keepends=True) if markdown else [f"    {line}\n" for line in text.splitlines()]
    kept = _fitting(lines, SUMMARY_BYTES - _ROOM - used)
    if len(kept) == len(lines):
        return f"{''.join(kept)}\n"
    if used >= SUMMARY_BYTES - _ROOM:
        return ""
    # Cut Markdown may have left a fence open: then the line is part of the code, which is no harm.
    return f"{''.join(kept)}\nThe rest is in the log of this job.\n"


def _fitting(lines: Sequence[str], room: int) -> Sequence[str]:
    """The first lines that have room, in bytes."""
    for number, line in enumerate(lines):
        room -= len(line.encode())
        if room < 0:
            return lines[:number]
    return lines


def body(text: str, marker: str, run_url: str) -> str:
    """A comment or issue: hidden marker, text, link to the run. A text beyond GitHub's limit is left out as a whole."""
    head, link = f"<!-- {marker} -->\n", f"\n\n[Log of this run]({run_url})\n" if run_url else "\n"
    whole = f"{head}{text.strip()}{link}"
    if _length(whole) <= COMMENT_CHARACTERS:
        return whole
    return f"{head}This is too long for a comment: it is in the summary of the run.{link}"


def _length(text: str) -> int:
    """In UTF-16 units, the most that anybody could count."""
    return len(text.encode("utf-16-le", "replace")) // 2
