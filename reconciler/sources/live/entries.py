"""Entries of users files as text. Values of the service are untrusted: none can end a line, a scalar or a comment."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.model import SourceValue
from reconciler.desired.key_order import USER_KEYS, KeyOrder
from reconciler.desired.yaml_format import format_scalar
from reconciler.entra.yaml_writer import format_comment
from reconciler.sources.live.inverse import ENABLED

MAX_LINE = 60_000
"""Bytes; the loader accepts lines up to 65,536, and a comment adds a few."""
_ORDER = KeyOrder(USER_KEYS)
_LONGEST_ESCAPE = len(r"\U0001f600")


def format_entry(attributes: Mapping[str, SourceValue]) -> str:
    """Return the entry of a user, with a line for each attribute, in the layout of `fmt`.

    `accountEnabled` is written if it is false.
    """
    ordered = sorted(attributes.items(), key=lambda item: _ORDER.rank(item[0]))
    lines = [format_line(name, value) for name, value in ordered if name != ENABLED or value is False]
    return "\n".join(("- " if at == 0 else "  ") + line for at, line in enumerate(lines)) + "\n"


def format_line(name: str, value: SourceValue) -> str:
    """Return `name: value` on one line."""
    return f"{format_scalar(name)}: {str(value).lower() if isinstance(value, bool) else format_scalar(str(value))}"


def fits(name: str, value: SourceValue) -> bool:
    """Whether the loader accepts the line of an attribute."""
    if _LONGEST_ESCAPE * (len(name) + len(str(value)) + 3) <= MAX_LINE:
        return True  # nearly always
    return len(format_line(name, value).encode()) <= MAX_LINE


def comment_out(entry: str, reason: str = "") -> str:
    """Return an entry as comment lines, below its reason: without the `# ` they are the entry again."""
    why = "".join(f"{line}\n" for line in format_comment(reason)) if reason else ""
    return why + "".join(f"# {line}\n" for line in entry.splitlines())
