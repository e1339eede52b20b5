"""Render changes as text: in full with their attributes, or one line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.core.model import Attributes, Value
from reconciler.core.paths import shorten_path
from reconciler.core.plan import REMOVALS, Action, Attribution, Change
from reconciler.core.text import escape_control, pluralize
from reconciler.render.labels import ACTION_STYLES, SECTION_LABELS, in_display_order
from reconciler.render.style import BOLD, GREEN, GREY, RED, YELLOW, Style

_MARKS = {
    Attribution.THIS_CHANGE_SET: SECTION_LABELS[Attribution.ALREADY_PENDING].label,
    Attribution.EDITED_IN_TARGET: SECTION_LABELS[Attribution.NOT_APPLIED].label,
}
"""The label of `Change.pending` rows, by the attribution of their change."""
_ALWAYS_SHOWN = ("userName",)
WIDEST = 60
"""Characters of a column of names."""


def render_blocks(changes: Iterable[Change], style: Style) -> str:
    """Render changes in full, removals first."""
    return "\n".join(render_change(change, style) for change in in_display_order(changes))


def render_as_lines(changes: Iterable[Change], style: Style) -> str:
    """Render one line for each change, removals first."""
    return "\n".join(render_lines(in_display_order(changes), style)) + "\n"


def render_change(change: Change, style: Style) -> str:
    """Render one change with its attributes."""
    shown = ACTION_STYLES[change.action]
    lines = [render_heading(change, style)]
    reasons = explain_change(change, style)
    if reasons:
        lines.append(f"  # ({reasons})")
    lines += [f"  # {sentence}" for sentence in history_of(change, style)]
    lines.append(f"  {style.paint(shown.symbol, shown.colour)} user {_name(change, style)} {{")
    lines += _rows(change, style)
    lines.append("    }")
    return "\n".join(lines) + "\n"


def render_heading(change: Change, style: Style) -> str:
    """Render the line above a change: the user and the action."""
    heading = ACTION_STYLES[change.action].heading
    action = style.paint(heading, BOLD, RED) if change.action in REMOVALS else heading
    return f"  # {style.paint(address_of(change, style), BOLD)} {action}"


def explain_change(change: Change, style: Style) -> str:
    """Return the reason of a change and its origin. An update needs no reason: its attributes say it."""
    parts = [] if change.action is Action.UPDATE else [style.message(change.detail)]
    if change.temporary_user_name is not None:
        parts.append(f"users exchange names: renamed first to {style.value(change.temporary_user_name)}")
    if change.origin is not None and not style.redact:
        parts.append(style.message(str(change.origin)))
    return ", ".join(parts)


def history_of(change: Change, style: Style) -> list[str]:
    """Return the sentences of the record about a change."""
    return [style.message(sentence) for sentence in change.history]


def address_of(change: Change, style: Style) -> str:
    """Return `user["ada@example.com"]`; redacted, with the id of the service instead of the name."""
    return f"user[{_name(change, style)}]"


def _name(change: Change, style: Style) -> str:
    return f'"id:{escape_control(change.live_id or "new")}"' if style.redact else style.value(change.key)


def _rows(change: Change, style: Style) -> Iterator[str]:
    before, after = change.before, change.after
    changed = {row.path for row in change.attribute_changes()}
    paths = sorted(changed | {path for path in _ALWAYS_SHOWN if path in before and path in after}, key=shorten_path)
    width = max((len(escape_control(shorten_path(path))) for path in paths), default=0)
    for path in paths:
        key = escape_control(shorten_path(path)).ljust(width)
        if path in changed:
            mark = style.paint(f" # {mark_of(change)}", GREY) if path in change.pending else ""
            yield _row(key, before, after, path, style) + mark
        else:
            yield f"        {key} = {render_value(after[path], style)}"
    hidden = len(before.keys() & after.keys() - changed - set(paths))
    if hidden:
        noun = pluralize(hidden, "unchanged attribute")
        yield f"        {style.paint(f'# ({noun} hidden)', GREY)}"


def mark_of(change: Change) -> str:
    """Return the label of the change's pending rows."""
    return _MARKS.get(change.attribution, "") if change.attribution is not None else ""


def _row(key: str, before: Attributes, after: Attributes, path: str, style: Style) -> str:
    if path not in before:
        return f"      {style.paint('+', GREEN)} {key} = {render_value(after[path], style)}"
    value = f"{key} = {render_value(before[path], style)}"
    if path not in after:
        return f"      {style.paint('-', RED)} {value} {style.paint('-> null', GREY)}"
    arrow = style.paint("->", YELLOW)
    return f"      {style.paint('~', YELLOW)} {value} {arrow} {render_value(after[path], style)}"


def render_value(value: Value, style: Style) -> str:
    """Render one value as Terraform does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return style.value(value)


def render_lines(changes: Sequence[Change], style: Style) -> list[str]:
    """Render one line for each change: the action, the user and the attributes."""
    width = min(max((len(_name(change, style)) for change in changes), default=0), WIDEST)
    verbs = max((len(change.action.value) for change in changes), default=0)
    lines = []
    for change in changes:
        shown = ACTION_STYLES[change.action]
        verb = style.paint(change.action.value.ljust(verbs), shown.colour)
        symbol = style.paint(shown.symbol, shown.colour)
        effect = describe_effect(change, style)
        lines.append(f"  {symbol} {verb}  {_name(change, style).ljust(width)}  {effect}".rstrip())
    return lines


def describe_effect(change: Change, style: Style) -> str:
    """Return why a user is removed, or which attributes change; "" for a new user."""
    if change.action in REMOVALS:
        return style.message(change.detail)
    return escape_control(", ".join(_changed_names(change)))


def _changed_names(change: Change) -> list[str]:
    if change.action is Action.CREATE:
        return []
    marks = dict.fromkeys(change.pending, f" ({mark_of(change)})")
    return [shorten_path(row.path) + marks.get(row.path, "") for row in change.attribute_changes()]
