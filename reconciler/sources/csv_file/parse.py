"""Parse the bytes of a CSV file as a snapshot: decode, read the table, build the people. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.model import Diagnostic, Origin, warning
from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.sources.csv_file.columns import Column, fold_header, format_header, format_map
from reconciler.sources.csv_file.damage import format_lines
from reconciler.sources.csv_file.decode import decode
from reconciler.sources.csv_file.encoding_question import ask_encoding
from reconciler.sources.csv_file.formats import STATES
from reconciler.sources.csv_file.options import CsvOptions
from reconciler.sources.csv_file.people import build_people
from reconciler.sources.csv_file.table import Table, read_table
from reconciler.sources.snapshot import Snapshot

_SHOWN = 12


def parse_csv(content: bytes, name: str, options: CsvOptions) -> Snapshot:
    """Parse a file. `name`: as it is shown, and in the places of people.

    Raises `SourceError` if the file cannot be read as it was meant, and `UsageError` if the options do not fit it.
    """
    text = decode(content, name, options.encoding)
    if text is None:
        raise ask_encoding(content, name, options)
    table = read_table(text, name, options)
    found = build_people(table, name, options)
    return Snapshot(
        source=name,
        people=found.people,
        attributes=frozenset(column.attribute for column in table.columns.imported if column not in found.empty),
        is_partial=True,
        doubtful=found.doubtful,
        refused=found.refused,
        diagnostics=(*_warn_about_states(table, name), *found.diagnostics),
        notes=(*_list_notes(table), *map(_note_empty, found.empty)),
    )


def _note_empty(column: Column) -> str:
    return (
        f"Every cell of column {quote(shorten(column.header, 60))} is empty, so it changes nothing. To clear"
        f' {column.attribute} of all these users: {format_map(column)}{column.attribute}".'
    )


def _warn_about_states(table: Table, name: str) -> Iterator[Diagnostic]:
    """Warn about a column that may say who has left, and is not imported."""
    if any(column.attribute == "accountEnabled" for column in table.columns.imported):
        return
    for header in table.columns.unknown:
        if fold_header(header) in STATES:
            summary = (
                f"column {quote(shorten(header, 60))} is not imported: users that it marks as inactive come in too"
            )
            start = format_header(header)
            words = (f'It names states, such as Active: {start}accountEnabled".',)
            detail = (
                words
                if header in table.states
                else (
                    f'If it has true for active users: {start}accountEnabled".',
                    f'If it has true for inactive ones: {start}not accountEnabled".',
                )
            )
            yield warning(summary, detail, Origin(name, table.line, 1))


def _list_notes(table: Table) -> Iterator[str]:
    columns = table.columns
    yield f"{pluralize(len(table.rows), 'user')} in the format {' and '.join(columns.formats)}."
    for what, names in (("Unknown columns, not imported", columns.unknown), ("Not imported", columns.ignored)):
        if names:
            yield f"{what}: {format_names([shorten(each, 60) for each in names], _SHOWN)}."
    if columns.secret:
        yield f"Passwords are neither imported nor stored: {format_names([*columns.secret], _SHOWN)}."
    if table.examples:
        yield f"{format_lines(table.examples)[:-1]} of the template: an example, not imported."
