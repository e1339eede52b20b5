"""Render a history as text and as JSON. Pure. Names, values, authors and subjects are untrusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.field_change import FieldChange
from reconciler.core.model import Value
from reconciler.core.paths import shorten_path
from reconciler.core.plan import Result
from reconciler.core.text import escape_control, escape_line, pluralize, quote, redact_quoted, shorten
from reconciler.desired.source_attributes import COMPUTED_ATTRIBUTES, ENTRA_ATTRIBUTES
from reconciler.history.edits import USER, EditKind
from reconciler.history.outcomes import NOT_KNOWN, NOT_VALID, PENDING, Cause, EditOutcome, TimelineEntry
from reconciler.render.field_values import list_items, render_field
from reconciler.render.style import GREEN, GREY, HIDDEN, RED, YELLOW, Style

FORMAT_VERSION = "1.0"
_SYMBOLS = {
    EditKind.ADDED: ("+", GREEN),
    EditKind.CHANGED: ("~", YELLOW),
    EditKind.REMOVED: ("-", RED),
    EditKind.MOVED: (">", ""),
    EditKind.UNREADABLE: ("?", YELLOW),
}
_GOOD = frozenset({"applied", "in effect", "nothing to apply"})
_SHOWN = 20
"""Attributes of one change that are shown without being asked for."""
_LONGEST_PAGE_ENTRY = 500
"""Attributes of one change in a page, where those after `_SHOWN` are folded."""
_LONG = 200
_SHORT_ID = 12


@dataclass(frozen=True, slots=True)
class HistoryView:
    """The entries found, newest first. `user`, `attribute`: the query. `cut`: older entries are left out.

    `shallow`: the clone does not have all commits.
    """

    entries: tuple[TimelineEntry, ...]
    user: str | None = None
    attribute: str | None = None
    cut: bool = False
    shallow: bool = False

    @property
    def setter(self) -> TimelineEntry | None:
        """The edit that set the current value of the user's attribute."""
        if self.user is None or self.attribute is None:
            return None
        edits = (each for each in self.entries if each.edit is not None and each.edit.entity.kind == USER)
        return next(edits, None)


# --- text -----------------------------------------------------------------


def render_history(history: HistoryView, style: Style) -> str:
    """Render one paragraph for each commit and each apply."""
    parts = list(_setter(history, style))
    lines: list[str] = []
    last: object = None
    for entry in history.entries:
        head = _head(entry)
        if head != last:
            if lines:
                parts.append("\n".join(lines))
            last, lines = head, list(_head_lines(entry, style))
        lines += _entry(entry, style)
    if lines:
        parts.append("\n".join(lines))
    if not history.entries:
        parts.append("Nothing on record.")
    return "\n\n".join(parts) + "\n"


def _head(entry: TimelineEntry) -> object:
    if entry.edit is not None:
        return entry.commit
    return entry.outcome.run, entry.unrequested_change.cause if entry.unrequested_change is not None else None


def _setter(history: HistoryView, style: Style) -> Iterator[str]:
    """Yield who set the attribute of the query."""
    if history.user is None or history.attribute is None:
        return
    entry = history.setter
    name = HIDDEN if style.redact and is_private_attribute(history.attribute) else escape_control(history.attribute)
    if entry is None:
        yield f"No commit in this clone set {name}."
        return
    of_user = _is_of_user(entry)
    values = ", ".join(
        f"{render_path(row, style, of_user=of_user)} = {render_field(row.after, style)}" for row in entry.rows[:_SHOWN]
    )
    yield f"{values}\n  set by {_author(entry, style)} in {_commit(entry)}, {_at(entry.when)}, {_outcome(entry, style)}"


def _head_lines(entry: TimelineEntry, style: Style) -> Iterator[str]:
    if entry.edit is not None:
        yield style.paint(f"commit {_commit(entry)}", YELLOW) + f", {_at(entry.when)}, {_author(entry, style)}"
        subject = entry.commit.subject if entry.commit is not None else ""
        if subject:
            # A subject may name users.
            yield f"  {HIDDEN if style.redact else escape_line(shorten(subject, _LONG))}"
        return
    run = entry.outcome.run
    parts = [f"apply of {_at(entry.when)}"]
    if run is not None:
        parts.append(f"plan {escape_control(_plan_id(run.plan_id))}")
    parts.append(_cause(entry))
    yield style.paint(", ".join(parts), YELLOW)


def _cause(entry: TimelineEntry) -> str:
    cause = entry.unrequested_change.cause if entry.unrequested_change is not None else None
    if cause is Cause.DRIFT and entry.outcome.state != "applied":
        return "drift, not corrected"
    return str(cause.value) if cause is not None else ""


def _entry(entry: TimelineEntry, style: Style) -> Iterator[str]:
    name = _address(entry, style)
    if entry.edit is not None:
        symbol, colour = _SYMBOLS[entry.edit.kind]
        where = ""
        if entry.edit.kind is EditKind.MOVED and entry.edit.before is not None and entry.edit.after is not None:
            where = f" {escape_control(entry.edit.before.file)} -> {escape_control(entry.edit.after.file)}"
        if entry.edit.kind is EditKind.UNREADABLE:
            where = " could not be read in this commit: its entries are unknown, not removed"
        renamed = _renamed(entry, style)
        yield f"  {style.paint(symbol, colour)} {name}{renamed}{where}"
    else:
        applied = entry.outcome.applied
        yield f"  {style.paint('~', YELLOW)} {name}: {escape_control(applied.action) if applied is not None else ''}"
    rows, of_user = entry.rows, _is_of_user(entry)
    for row in rows[:_SHOWN]:
        name = render_path(row, style, of_user=of_user)
        yield f"      {name} = {render_field(row.before, style)} -> {render_field(row.after, style)}"
    if len(rows) > _SHOWN:
        yield style.paint(f"      # ({pluralize(len(rows) - _SHOWN, 'more attribute')})", GREY)
    yield f"      {_outcome(entry, style)}"


_PUBLIC_ATTRIBUTES = frozenset(
    {
        *ENTRA_ATTRIBUTES,
        *COMPUTED_ATTRIBUTES,
        *("active", "emails", "externalId", "lifecycle", "locale", "name", "phoneNumbers", "timezone", "title"),
        "userName",
    }
)
"""Names of attributes that say nothing of a user, in Entra and in SCIM."""


def _renamed(entry: TimelineEntry, style: Style) -> str:
    edit = entry.edit
    if edit is None or edit.before is None or edit.after is None or len(edit.names) == 1:
        return ""
    return f" (was {HIDDEN if style.redact else quote(edit.before.name)})"


def _address(entry: TimelineEntry, style: Style) -> str:
    if style.redact and (entry.edit is None or entry.edit.entity.kind == USER):
        return HIDDEN
    return escape_control(shorten(entry.address, _LONG))


def is_private_attribute(attribute: str) -> bool:
    """Whether the name of an attribute is neither one of Entra's nor a path of SCIM."""
    first = attribute.partition(".")[0]
    return bool(first) and first not in _PUBLIC_ATTRIBUTES and ":" not in first and "[" not in first


def render_path(row: FieldChange, style: Style, *, of_user: bool = True) -> str:
    """Return the short name of the attribute, escaped to begin a line; hidden if redacted and a user's own key."""
    if style.redact and of_user and is_private_attribute(row.path):
        return HIDDEN
    return escape_line(shorten(shorten_path(row.path), _LONG))


def _is_of_user(entry: TimelineEntry) -> bool:
    return entry.edit is not None and entry.edit.entity.kind == USER


def _author(entry: TimelineEntry, style: Style) -> str:
    commit = entry.commit
    if commit is None:
        return "unknown"
    name = escape_control(shorten(commit.author, _LONG)) or "unknown"
    return f"{name} <{HIDDEN if style.redact else escape_control(shorten(commit.email, _LONG))}>"


def _commit(entry: TimelineEntry) -> str:
    commit = entry.commit.id[:_SHORT_ID] if entry.commit is not None else "unknown"
    return commit + (f" #{entry.pull_request}" if entry.pull_request else "")


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _outcome(entry: TimelineEntry, style: Style) -> str:
    outcome = entry.outcome
    text = _outcome_text(outcome, style)
    return style.paint(text, GREEN if outcome.state in _GOOD else RED if outcome.run is not None else YELLOW)


def _outcome_text(outcome: EditOutcome, style: Style) -> str:
    state = escape_line(outcome.state).replace("_", " ")
    if outcome.run is None:
        return state + _WITHOUT_RUN.get(outcome.state, "")
    applied = outcome.applied
    when = applied.time if applied is not None and applied.time is not None else outcome.run.began
    text = f"{state} {_at(when)}, plan {escape_control(_plan_id(outcome.run.plan_id))}"
    if applied is not None and applied.message and applied.result != Result.DONE:
        message = redact_quoted(applied.message) if style.redact else applied.message
        text += f": {escape_control(shorten(message, _LONG))}"
    return text


_WITHOUT_RUN = {
    PENDING.state: ": no apply on record includes it",
    NOT_VALID.state: ": no plan can be made of this commit",
    NOT_KNOWN.state: ": this clone is shallow (git fetch --unshallow)",
}


def _plan_id(plan_id: str) -> str:
    return plan_id.removeprefix("sha256:")[:_SHORT_ID]


# --- plain data -----------------------------------------------------------------


def history_document(history: HistoryView, style: Style) -> dict[str, Any]:
    """Return the history as plain data, with the labels of the text and whole values."""
    return {
        "format_version": FORMAT_VERSION,
        "user": None if style.redact else history.user,
        "attribute": HIDDEN if style.redact and is_private_attribute(history.attribute or "") else history.attribute,
        "cut": history.cut,
        "shallow": history.shallow,
        "set_by": _document(history.setter, style) if history.setter is not None else None,
        "entries": [_document(entry, style) for entry in history.entries],
    }


def _document(entry: TimelineEntry, style: Style) -> dict[str, Any]:
    commit, run, applied = entry.commit, entry.outcome.run, entry.outcome.applied
    hide = style.redact
    is_user = entry.edit is None or entry.edit.entity.kind == USER
    return {
        "time": entry.when.isoformat(),
        "kind": "edit"
        if entry.edit is not None
        else entry.unrequested_change.cause.name.lower()
        if entry.unrequested_change
        else "",
        "commit": commit.id if commit is not None else None,
        "author": commit.author if commit is not None else None,
        "email": None if hide or commit is None else commit.email,
        "subject": None if hide or commit is None else commit.subject,
        "pull_request": int(entry.pull_request) if entry.pull_request else None,
        "address": None if hide and is_user else entry.address,
        "action": entry.edit.kind.value if entry.edit is not None else applied.action if applied is not None else "",
        "file": entry.edit.entity.file if entry.edit is not None else None,
        "changes": [
            {
                "path": _plain_path(row.path, entry, style),
                "before": _plain(row.before, style),
                "after": _plain(row.after, style),
            }
            for row in entry.rows
        ],
        "outcome": {
            "state": entry.outcome.state,
            "time": _iso(applied.time if applied is not None else None) or _iso(run.began if run else None),
            "plan_id": run.plan_id if run is not None else None,
            "message": redact_quoted(applied.message) if hide and applied else applied.message if applied else "",
        },
    }


def _plain_path(path: str, entry: TimelineEntry, style: Style) -> str:
    return HIDDEN if style.redact and _is_of_user(entry) and is_private_attribute(path) else path


def _plain(value: Any, style: Style) -> Value | list[str] | None:
    if isinstance(value, tuple):
        return [HIDDEN] if style.redact else list(value)
    return HIDDEN if style.redact and value is not None else value


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when is not None else None


# --- for the page -----------------------------------------------------------------


def page_entries(entries: Sequence[TimelineEntry], style: Style) -> Iterable[dict[str, Any]]:
    """Yield the texts of each entry for a template that escapes them."""
    for entry in entries:
        subject = entry.commit.subject if entry.commit is not None and entry.edit is not None else ""
        rows = [_page_row(row, entry, style) for row in entry.rows[:_LONGEST_PAGE_ENTRY]]
        yield {
            "time": _at(entry.when),
            "drift": entry.unrequested_change is not None,
            "what": entry.edit.kind.value if entry.edit is not None else _cause(entry),
            "address": _address(entry, style),
            "commit": _commit(entry),
            "author": _author(entry, style),
            "subject": HIDDEN if style.redact and subject else escape_control(shorten(subject, _LONG)),
            "rows": rows[:_SHOWN],
            "folded": rows[_SHOWN:],
            "more": max(0, len(entry.rows) - _LONGEST_PAGE_ENTRY),
            "outcome": _outcome_text(entry.outcome, style),
            "good": entry.outcome.state in _GOOD,
        }


def _page_row(row: FieldChange, entry: TimelineEntry, style: Style) -> dict[str, Any]:
    return {
        "path": render_path(row, style, of_user=_is_of_user(entry)),
        "before": list_items(row.before, style),
        "after": list_items(row.after, style),
    }


def describe_setter(history: HistoryView, style: Style) -> str:
    """Return who set the attribute of the query, without colours; "" if the query has none."""
    return "".join(_setter(history, Style(redact=style.redact)))
