"""Render an import as text: the change of files in the manner of a plan, what was left alone, the limit on removals.

Everything comes from outside: names, values, names of files, the source's own name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from reconciler.core.field_change import FieldChange
from reconciler.core.model import Origin
from reconciler.core.text import escape_control, escape_line, pluralize
from reconciler.core.values import fold_case
from reconciler.history.edits import DOCUMENT, USER, Entity
from reconciler.render.field_values import render_field
from reconciler.render.history import render_path
from reconciler.render.style import BOLD, GREEN, GREY, HIDDEN, RED, YELLOW, Style
from reconciler.sources.departures import DepartureKind
from reconciler.sources.import_plan import EntryEdit, KeptValue, MissingAction, MissingPerson
from reconciler.sources.import_report import ImportAction, ImportOutcome, ImportReport, find_action

SHOWN = 50
"""Entries of one kind and action that are shown without -v."""
_APPROVAL_DAYS = 7
_SYMBOLS = {
    ImportAction.REMOVE: ("-", RED, "will be TAKEN OUT"),
    ImportAction.DISABLE: ("!", RED, "will be DISABLED"),
    ImportAction.CHANGE: ("~", YELLOW, "will be changed"),
    ImportAction.ADD: ("+", GREEN, "will be added"),
}
"""Removals first, so that no reader misses them."""


def render_import(report: ImportReport, style: Style, *, whole: bool = False) -> str:
    """Render an import. `whole`: all entries; else at most `SHOWN` of each kind, users that leave excepted."""
    parts = [
        _render_changes(report, style, whole=whole),
        _render_list("Other files:", [style.message(line) for line in report.what_else]),
        _render_out_of_scope(report, style),
        _render_into_scope(report, style, whole=whole),
        _render_left(report, style, whole=whole),
        _render_kept(report, style, whole=whole),
        _render_list("Notes:", [style.message(note) for note in report.plan.notes], None if whole else SHOWN),
        render_import_summary(report, style),
        _render_guard(report, style),
    ]
    return "\n".join(part for part in parts if part)


def render_import_summary(report: ImportReport, style: Style) -> str:
    """Render the line of counts, and one about groups and other files if they change."""
    lines = [f"{style.paint('Import:', BOLD)} {format_counts(report)}."]
    groups = {action: len(report.of_groups(action)) for action in ImportAction}
    if any(groups.values()):
        change = groups[ImportAction.CHANGE]
        lines.append(
            f"Groups: {groups[ImportAction.ADD]:,} to add, {change:,} to change, {groups[ImportAction.REMOVE]:,} to"
            " remove."
        )
    plan = report.plan
    if plan.refused:
        lines.append(f"Not imported: {pluralize(plan.refused, 'user')} of the source, because of the errors reported.")
    if plan.unlinked:
        lines.append(f"In the files alone: {pluralize(plan.unlinked, 'user')} without an objectId, left as they are.")
    documents = dict.fromkeys(escape_control(edit.entity.file) for edit in report.of_documents)
    lines += [f"To change as well: {', '.join(documents)}."] if documents else []
    return "".join(f"{line}\n" for line in lines)


def format_counts(report: ImportReport) -> str:
    """Return `3 to add, 2 to change, 0 to disable, 0 to remove`, and how many people the source does not have."""
    order = (ImportAction.ADD, ImportAction.CHANGE, ImportAction.DISABLE, ImportAction.REMOVE)
    counts = ", ".join(f"{len(report.of_users(action)):,} to {action.value}" for action in order)
    left = len(report.left)
    stays = "left as it is" if left == 1 else "left as they are"
    return f"{counts}; {left:,} not in the source, {stays}" if left else counts


def _render_changes(report: ImportReport, style: Style, *, whole: bool) -> str:
    source = style.message(report.plan.source)
    if report.plan.is_empty and not report.what_else:
        unchanged = pluralize(report.plan.unchanged, "user")
        return f"{style.paint('No changes.', BOLD, GREEN)} {unchanged} of {source} as in the files.\n"
    kinds = [action for action in _SYMBOLS if report.of_users(action) or report.of_groups(action)]
    legend = [f"  {style.paint(_SYMBOLS[kind][0], _SYMBOLS[kind][1])} {kind.value}" for kind in kinds]
    parts = ["\n".join([f"Changes of the files by {source}:", *legend]) + "\n"]
    for action in _SYMBOLS:
        parts += _render_edits(report.of_users(action), "user", report, style, whole=whole)
    for action in _SYMBOLS:
        parts += _render_edits(report.of_groups(action), "group", report, style, whole=whole)
    parts += [_render_edit(edit, report, style) for edit in report.of_documents]
    return "\n".join(parts)


def _render_edits(
    edits: Sequence[EntryEdit], noun: str, report: ImportReport, style: Style, *, whole: bool
) -> Iterator[str]:
    """Yield the blocks of one kind. Users that leave are all named, in a line each where there are many."""
    shown = edits if whole else edits[:SHOWN]
    yield from (_render_edit(edit, report, style) for edit in shown)
    rest = edits[len(shown) :]
    if not rest:
        return
    symbol, colour, will = _SYMBOLS[find_action(rest[0])]
    if colour is RED:
        places = [(_address(edit.entity, style), _at(edit.before or edit.entity, report, style)) for edit in rest]
        yield "".join(f"  {style.paint(symbol, colour)} {' '.join(place)}".rstrip() + "\n" for place in places)
    else:
        more = pluralize(len(rest), f"more {noun}")
        yield f"  # {more} {will}: -v shows them, --format json has all of them.\n"


def _render_edit(edit: EntryEdit, report: ImportReport, style: Style) -> str:
    symbol, colour, will = _SYMBOLS[find_action(edit)]
    heading = style.paint(will, BOLD, RED) if colour is RED else will
    before = edit.before
    reasons = [style.message(edit.reason)] if edit.reason else []
    place = _at(before, report, style) if before is not None else _in_file(edit.entity, style)
    lines = [f"  # {style.paint(_address(edit.entity, style), BOLD)} {heading}"]
    lines += [f"  # ({', '.join(filter(None, [*reasons, place]))})"] if reasons or place else []
    rows = list(_render_rows(edit, report, style)) if edit.after is not None else []
    lines += [f"  {style.paint(symbol, colour)} {_name(edit.entity, style)} {{", *rows, "    }"] if rows else []
    return "\n".join(lines) + "\n"


def _render_rows(edit: EntryEdit, report: ImportReport, style: Style) -> Iterator[str]:
    rows = [part for row in edit.rows for part in _split(row, report.plan.names)]
    names = [render_path(row, style, of_user=edit.entity.kind == USER) for row in rows]
    width = max(map(len, names), default=0)
    for name, row in zip(names, rows, strict=True):
        yield _render_row(name.ljust(width), row, style) + _mark(edit.before, row, report, style)


def _split(row: FieldChange, names: Mapping[str, str | None]) -> list[FieldChange]:
    """Split the change of a list: a row for each reference that is renamed, one for what is removed, one for the rest.

    A list that changes has the removed and the added items.
    """
    if not isinstance(row.before, tuple) or not isinstance(row.after, tuple) or set(row.before) == set(row.after):
        return [row]
    new = {old: names.get(fold_case(old)) for old in row.before}
    renamed = [FieldChange(row.path, old, name) for old, name in new.items() if name is not None and name in row.after]
    came = {each.after for each in renamed}
    gone = tuple(old for old in row.before if new[old] is None or new[old] not in came)
    added = tuple(each for each in row.after if each not in came)
    rest = [FieldChange(row.path, gone, None), FieldChange(row.path, None, added)]
    return [*renamed[:SHOWN], *(part for part in rest if part.before or part.after)]


def _render_row(name: str, row: FieldChange, style: Style) -> str:
    if row.before in (None, ()):
        return f"      {style.paint('+', GREEN)} {name} = {render_field(row.after, style)}"
    value = f"{name} = {render_field(row.before, style)}"
    if row.after in (None, ()):
        return f"      {style.paint('-', RED)} {value}"
    return f"      {style.paint('~', YELLOW)} {value} {style.paint('->', YELLOW)} {render_field(row.after, style)}"


def _mark(before: Entity | None, row: FieldChange, report: ImportReport, style: Style) -> str:
    """Return the place of the value that changes, as a comment."""
    if before is None or row.path not in before.fields or style.redact:
        return ""
    return style.paint(f" # {_format_line(report.locate(before, row.path))}", GREY)


def _render_out_of_scope(report: ImportReport, style: Style) -> str:
    """Render all users that stay in the files, and that no assignment has in scope any more."""
    leaving = [each.entity for each in report.departures.people if each.kind is DepartureKind.OUT_OF_SCOPE]
    head = style.paint(f"{pluralize(len(leaving), 'user')} will be OUT OF SCOPE", BOLD, RED)
    return _render_list(f"{head} by these changes:", [_place(user, None, report, style) for user in leaving])


def _render_into_scope(report: ImportReport, style: Style, *, whole: bool) -> str:
    """Render the users that are in the files already, and that get accounts by groups, assignments or being enabled."""
    coming = report.departures.arrivals
    head = f"{pluralize(len(coming), 'user')} of the files will come INTO SCOPE by these changes:"
    return _render_list(head, [_place(user, None, report, style) for user in coming], None if whole else SHOWN)


# --- what is left alone --------------------------------------------------------


def _render_left(report: ImportReport, style: Style, *, whole: bool) -> str:
    # Of a source that may list some of its people only, the number of the others is enough.
    hidden = report.plan.is_partial and not whole
    left = [each for each in report.left if not hidden or each.action is not MissingAction.UNCONFIRMED]
    if not left:
        return ""
    head = f"{pluralize(len(left), 'user')} in the files and not in {style.message(report.plan.source)}:"
    return _render_list(head, (_describe_left(each, report, style) for each in left), None if whole else SHOWN)


def _describe_left(person: MissingPerson, report: ImportReport, style: Style) -> str:
    why = person.action.value
    if person.action is MissingAction.REPORTED and person.reason:
        why = f"{style.message(person.reason)}, {why}"
    return f"{_place(person.entity, None, report, style)}: {why}"


def _render_kept(report: ImportReport, style: Style, *, whole: bool) -> str:
    kept = [_describe_kept(each, report, style) for each in report.plan.kept]
    return _render_list(
        "Values that git owns (keep) and that differ from the source's:", kept, None if whole else SHOWN
    )


def _describe_kept(value: KeptValue, report: ImportReport, style: Style) -> str:
    row = value.change
    values = f"{render_field(row.before, style)}, {render_field(row.after, style)} in the source"
    return f"{_place(value.entity, row.path, report, style)} {render_path(row, style)}: {values}"


def _render_list(head: str, lines: Iterable[str], limit: int | None = None) -> str:
    lines = list(lines)
    if not lines:
        return ""
    shown = lines[:limit]
    more = [f"… ({len(lines) - len(shown):,} more: -v shows them, --format json has all of them)"]
    return "\n".join([head, *(f"  - {line}" for line in [*shown, *(more if len(lines) > len(shown) else [])])]) + "\n"


# --- the limit on removals --------------------------------------------------------


def _render_guard(report: ImportReport, style: Style) -> str:
    guard = report.guard
    if guard.passed:
        return ""
    message = style.message(f"{guard.name}: {guard.message}{f'; {guard.approval}' if guard.approval else ''}")
    if guard.approved:
        return f"{style.paint('Approved:', BOLD, YELLOW)} {message}\n"
    head = f"{style.paint('Blocked:', BOLD, RED)} {message}"
    blocked = "This import is blocked: nothing was written."
    if report.outcome is not ImportOutcome.BLOCKED:
        blocked = "This import would be blocked."
    return "\n".join([head, "", style.paint(blocked, BOLD, RED), *_list_ways_out(report)]) + "\n"


def _list_ways_out(report: ImportReport) -> tuple[str, ...]:
    """Return how the blocked import can go on, in lines that can be copied."""
    approval, command = report.departures.id, escape_line(report.command)
    until = report.today + timedelta(days=_APPROVAL_DAYS)
    keys = [f'plan: "{approval}"', "lifts: [removals]", f"removals: {len(report.departures.people)}"]
    keys += [f"until: {until:%Y-%m-%d}", 'reason: "…"']
    return (
        "If this is intended, approve exactly these users in settings.yaml (write the key `approvals:` only once):",
        "",
        "approvals:",
        f"  - {{{', '.join(keys)}}}",
        "",
        f"or on the command line, with more options of `reconciler {command}`: --approve {approval}",
    )


# --- names and places --------------------------------------------------------


def _name(entity: Entity, style: Style) -> str:
    """Return `user "ada@example.com"`, or the name of a file."""
    return escape_control(entity.file) if entity.kind == DOCUMENT else f"{entity.kind} {style.value(entity.name)}"


def _address(entity: Entity, style: Style) -> str:
    return HIDDEN if style.redact and entity.kind == USER else style.message(entity.address)


def _at(entity: Entity, report: ImportReport, style: Style) -> str:
    return "" if style.redact else _format_line(report.locate(entity, None))


def _in_file(entity: Entity, style: Style) -> str:
    return "" if style.redact else f"in {escape_control(entity.file)}"


def _place(entity: Entity, path: str | None, report: ImportReport, style: Style) -> str:
    address = escape_line(_address(entity, style))
    return address if style.redact else f"{address} {_format_line(report.locate(entity, path))}"


def _format_line(origin: Origin) -> str:
    return f"{escape_control(origin.file)}:{origin.line}"
