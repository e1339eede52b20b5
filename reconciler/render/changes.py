"""Changes as text: whole with their rows, or a line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.core.model import Attributes, Value
from reconciler.core.paths import shorten_path
from reconciler.core.plan import REMOVALS, Action, Attribution, Change
from reconciler.core.text import escape_control, pluralize
from reconciler.render.labels import ACTION_STYLES, SECTIONS, in_display_order
from reconciler.render.style import BOLD, GREEN, GREY, RED, YELLOW, Style

_MARKS = {
    Attribution.THIS_CHANGE_SET: SECTIONS[Attribution.ALREADY_PENDING].label,
    Attribution.EDITED_IN_TARGET: SECTIONS[Attribution.NOT_APPLIED].label,
}
"""What is said of `Change.pending` rows."""
_ALWAYS_SHOWN = ("userName",)
WIDEST = 60
"""Characters of a name, of a column of names."""


def render_blocks(changes: Iterable[Change], style: Style) -> str:
    """Whole changes, removals first."""
    return "\n".join(render_change(change, style) for change in in_display_order(changes))


def render_as_lines(changes: Iterable[Change], style: Style) -> str:
    """A line for each change, removals first."""
    return "\n".join(render_lines(in_display_order(changes), style)) + "\n"


def render_change(change: Change, style: Style) -> str:
    """One change with its rows."""
    look = ACTION_STYLES[change.action]
    lines = [render_heading(change, style)]
    reasons = why(change, style)
    if reasons:
        lines.append(f"  # ({reasons})")
    lines += [f"  # {said}" for said in history(change, style)]
    lines.append(f"  {style.paint(look.symbol, look.colour)} user {_name(change, style)} {{")
    lines += _rows(change, style)
    lines.append("    }")
    return "\n".join(lines) + "\n"


def render_heading(change: Change, style: Style) -> str:
    """The line above a change: whom it is about, and what will be done."""
    heading = ACTION_STYLES[change.action].heading
    words = style.paint(heading, BOLD, RED) if change.action in REMOVALS else heading
    return f"  # {style.paint(address_of(change, style), BOLD)} {words}"


def why(change: Change, style: Style) -> str:
    """Why, and where it is written. For a plain update the rows say why."""
    parts = [] if change.action is Action.UPDATE else [style.words(change.detail)]
    if change.temporary_user_name is not None:
        parts.append(f"users exchange names: goes through {style.value(change.temporary_user_name)}")
    if change.origin is not None and not style.redact:
        parts.append(style.words(str(change.origin)))
    return ", ".join(parts)


def history(change: Change, style: Style) -> list[str]:
    """What the record says of it, a sentence each."""
    return [style.words(said) for said in change.history]


def address_of(change: Change, style: Style) -> str:
    """`user["ada@example.com"]`; redacted by the service's id."""
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
    """What is said of its pending rows."""
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
    """One value as Terraform shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return style.value(value)


def render_lines(changes: Sequence[Change], style: Style) -> list[str]:
    """One line for each user: what happens, to whom, which attributes."""
    width = min(max((len(_name(change, style)) for change in changes), default=0), WIDEST)
    verbs = max((len(change.action.value) for change in changes), default=0)
    lines = []
    for change in changes:
        look = ACTION_STYLES[change.action]
        what = in_short(change, style)
        verb = style.paint(change.action.value.ljust(verbs), look.colour)
        symbol = style.paint(look.symbol, look.colour)
        lines.append(f"  {symbol} {verb}  {_name(change, style).ljust(width)}  {what}".rstrip())
    return lines


def in_short(change: Change, style: Style) -> str:
    """Why somebody is removed, or which attributes change; "" for a new user."""
    return (
        style.words(change.detail) if change.action in REMOVALS else escape_control(", ".join(_changed_names(change)))
    )


def _changed_names(change: Change) -> list[str]:
    if change.action is Action.CREATE:
        return []
    marks = dict.fromkeys(change.pending, f" ({mark_of(change)})")
    return [shorten_path(row.path) + marks.get(row.path, "") for row in change.attribute_changes()]
