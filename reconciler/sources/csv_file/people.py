"""Turn the rows of a table into people. A doubtful value leaves its user as is, a doubtful identity all. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.model import Diagnostic, Origin, SourceValue, error, warning
from reconciler.core.text import pluralize, quote, shorten
from reconciler.core.values import fold_case
from reconciler.errors import SourceError
from reconciler.sources.csv_file.cells import (
    clean_cell,
    has_hidden_characters,
    has_text_prefix,
    is_state,
    parse_boolean,
)
from reconciler.sources.csv_file.columns import Column, format_map
from reconciler.sources.csv_file.damage import IDENTITY, Certainty, Damage, find_damage, format_lines
from reconciler.sources.csv_file.dates import DATE_ATTRIBUTES, ask_order, parse_date
from reconciler.sources.csv_file.leading_zeros import ZeroCheck
from reconciler.sources.csv_file.options import CsvOptions
from reconciler.sources.csv_file.table import Table
from reconciler.sources.snapshot import Person

_LEFT = "These users are left as they are."
_SHOWN = 5


@dataclass(slots=True)
class People:
    """The people of a file. `doubtful`, `refused`: as in `Snapshot`."""

    people: list[Person] = field(default_factory=list)
    doubtful: frozenset[str] = frozenset()
    refused: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()
    empty: tuple[Column, ...] = ()
    """Columns without a value in any row, which no --map names: they decide nothing."""


def build_people(table: Table, name: str, options: CsvOptions) -> People:
    """Build the people. Raises `SourceError` if identities are damaged, missing or used twice, or dates ambiguous."""
    return _PersonBuilder(table, name, options).build()


class _PersonBuilder:
    """`values`: the clean cells of each column; `wrong`: the rows of people who are not imported."""

    def __init__(self, table: Table, name: str, options: CsvOptions) -> None:
        self._columns = table.columns.imported
        self._name = name
        self._options = options
        self._lines = [row.line for row in table.rows]
        self._raw = [row.cells for row in table.rows]
        self._identity = IDENTITY | options.matching
        self._held = ZeroCheck.of(options.users)
        self._keys = list(self._read_keys())
        self._values: dict[str, list[SourceValue]] = {}
        self._wrong: set[int] = set()
        self._diagnostics: list[Diagnostic] = []

    def build(self) -> People:
        """Check column by column, then row by row."""
        for number, column in enumerate(self._columns):
            self._read_column(column, [cells[number] for cells in self._raw])
        self._check_changed()
        self._check_identities()
        self._check_twice()
        doubtful = (self._values[name][row] for row in self._wrong for name in _NAMES if name in self._values)
        return People(
            [self._build_person(row) for row in range(len(self._lines)) if row not in self._wrong],
            frozenset(fold_case(str(value)) for value in doubtful if value),
            len(self._wrong),
            tuple(self._diagnostics),
            tuple(self._find_empty()),
        )

    def _find_empty(self) -> Iterator[Column]:
        """Yield the columns that hold nothing. An export without a field is more likely than one without its values."""
        chosen = {"accountEnabled", *_NAMES, *(choice.attribute for choice in self._options.columns)}
        for column in self._columns:
            if column.attribute not in chosen and not any(value != "" for value in self._values[column.attribute]):
                yield column

    def _build_person(self, row: int) -> Person:
        attributes = {attribute: values[row] for attribute, values in self._values.items() if values[row] != ""}
        return Person(attributes, f"{self._name}:{self._lines[row]}")

    def _read_column(self, column: Column, raw: Sequence[str]) -> None:
        cleaned = {text: clean_cell(text) for text in set(raw)}
        cells = [cleaned[text] for text in raw]
        hidden = [row for row, text in enumerate(raw) if not text.isascii() and has_hidden_characters(text)]
        if hidden:
            what = f"no-break spaces or invisible characters ({_count(hidden)})"
            self._warn(column, what, hidden, "They are removed.")
        prefixed = [row for row, text in enumerate(raw) if "'" in text and has_text_prefix(text)]
        if prefixed:
            what = f"values with an apostrophe before them, which marks text in spreadsheets ({_count(prefixed)})"
            self._warn(column, what, prefixed, "The apostrophe is removed.")
        if column.attribute == "accountEnabled":
            self._values[column.attribute] = self._read_booleans(column, cells)
        elif column.attribute in DATE_ATTRIBUTES:
            self._values[column.attribute] = self._read_dates(column, cells)
        else:
            self._values[column.attribute] = list(cells)
            for damage in find_damage(column, cells):
                self._report_damage(damage, cells)

    def _read_booleans(self, column: Column, cells: Sequence[str]) -> list[SourceValue]:
        """Read accountEnabled. An empty cell is an error: it would enable users that are disabled."""
        words = {text: parse_boolean(text) for text in set(cells)}
        wrong = [row for row, text in enumerate(cells) if words[text] is None]
        if wrong:
            sample = quote(shorten(cells[wrong[0]], 40))
            what = f"values that are neither true nor false, such as {sample} ({_count(wrong)})"
            self._refuse(
                column, what, "Write True or False. An empty cell does not say whether the user is enabled.", wrong
            )
        if column.inverted:
            self._refuse_states(column, cells)
        return ["" if words[text] is None else words[text] is not column.inverted for text in cells]

    def _refuse_states(self, column: Column, cells: Sequence[str]) -> None:
        """Refuse words such as Active in a column that says the opposite: is it an answer, or the state itself."""
        rows = [row for row, text in enumerate(cells) if is_state(text)]
        if not rows:
            return
        word = cells[rows[0]]
        means = ("enabled", "disabled") if parse_boolean(word) else ("disabled", "enabled")
        what = f"states such as {quote(word)} in a column that is read as the opposite ({_count(rows)})"
        detail = (
            f"Is the user {means[0]}, as the word says, or {means[1]}, as Yes and No are read here? Write Yes or No."
        )
        if all(is_state(text) for text in cells if text):
            detail += f' To take the words as they are: {format_map(column)}accountEnabled".'
        self._refuse(column, what, detail, rows)

    def _read_dates(self, column: Column, cells: Sequence[str]) -> list[SourceValue]:
        rows = [(line, text) for line, text in zip(self._lines, cells, strict=True) if text]
        asked = ask_order(column, rows, self._name, self._options.dates)
        if asked is not None:
            raise asked
        dates = {text: parse_date(text, self._options.dates) for text in set(cells) if text}
        wrong = [row for row, text in enumerate(cells) if text and dates[text] is None]
        if wrong:
            sample = quote(shorten(cells[wrong[0]], 40))
            detail = "Write it as 2024-02-03. A plain number is what a spreadsheet stores for a date."
            self._refuse(column, f"values that are not dates, such as {sample} ({_count(wrong)})", detail, wrong)
        return [dates[text] or text if text else "" for text in cells]

    def _read_keys(self) -> Iterator[tuple[str, ...]]:
        """Yield what identifies the user of each row, the best first."""
        by_name = {column.attribute: number for number, column in enumerate(self._columns)}
        numbers = [by_name[name] for name in _NAMES if name in by_name]
        return (tuple(clean_cell(cells[number]) for number in numbers) for cells in self._raw)

    def _report_damage(self, damage: Damage, cells: Sequence[str]) -> None:
        """Report damage, unless the desired state has just these values."""
        column, kind = damage.column, damage.kind
        if kind.certainty is Certainty.IN_CODES:
            known = self._held.get
            rows = tuple(row for row in damage.rows if known(self._keys[row], column.attribute) != cells[row])
            if not rows:
                return
            damage = replace(damage, rows=rows)
        what = f"{kind.text}, such as {damage.sample} ({_count(damage.rows)})"
        if not kind.is_error(column.attribute, self._identity):
            self._warn(column, what, damage.rows, kind.detail)
        elif column.attribute in self._identity and not kind.single:
            summary = f"{self._place(column, damage.rows)}: {_describe(column)}: {what}"
            lines = format_lines([self._lines[row] for row in damage.rows])
            raise SourceError(
                summary, f"{lines} {kind.detail}\nThe file is not imported: its users cannot be distinguished."
            )
        else:
            self._refuse(column, what, kind.detail, damage.rows)

    def _refuse(self, column: Column, what: str, detail: str, rows: Sequence[int]) -> None:
        """Report an error: the people of these rows are not imported."""
        self._wrong.update(rows)
        lines = format_lines([self._lines[row] for row in rows])
        way_out = _LEFT
        if column.attribute not in _NAMES:
            way_out += f' To import without this column: {format_map(column)}".'
        found = error(f"{_describe(column)}: {what}", (f"{lines} {detail}", way_out), self._origin(column, rows))
        self._diagnostics.append(found)

    def _warn(self, column: Column, what: str, rows: Sequence[int], detail: str = "") -> None:
        lines = format_lines([self._lines[row] for row in rows])
        found = warning(f"{_describe(column)}: {what}", f"{lines} {detail}".strip(), self._origin(column, rows))
        self._diagnostics.append(found)

    def _origin(self, column: Column, rows: Sequence[int]) -> Origin:
        return Origin(self._name, self._lines[rows[0]], column.position)

    def _place(self, column: Column, rows: Sequence[int]) -> str:
        return str(self._origin(column, rows))

    def _check_changed(self) -> None:
        """Refuse columns that a program has changed, as the desired state shows; warn where zeros look lost."""
        for column in self._columns:
            values = list(map(str, self._values[column.attribute]))
            self._warn_about_plus(column, values)
            found = self._held.find(column.attribute, values, self._keys)
            if found is None:
                continue
            if not found.known:
                what = "numbers of different lengths, none of which begins with 0"
                detail = "Has a spreadsheet removed leading zeros? Then format the column as Text, and export it again."
                self._warn(column, what, found.rows, detail)
                continue
            value = quote(shorten(values[found.rows[0]], 40))
            summary = f"{_describe(column)}: {value} is {quote(shorten(found.known, 40))} in users/"
            lines = format_lines([self._lines[row] for row in found.rows])
            raise SourceError(
                f"{self._place(column, found.rows)}: {summary}: {found.what} ({_count(found.rows)})",
                f"{lines} Format the column as Text in the spreadsheet, and export it again.\n"
                f'To import the other columns: {format_map(column)}".',
            )

    def _warn_about_plus(self, column: Column, values: Sequence[str]) -> None:
        rows = self._held.find_lost_plus(column.attribute, values, self._keys)
        if rows:
            detail = "Format the column as Text, and export it again: programs take the + for a sign."
            self._warn(column, f"numbers that begin with + in users/ ({_count(rows)})", rows, detail)

    def _check_identities(self) -> None:
        """Refuse rows that name no user; people with only one of their names are left as they are."""
        columns = [column for column in self._columns if column.attribute in _NAMES]
        empty = {
            column.attribute: {row for row, value in enumerate(self._values[column.attribute]) if not value}
            for column in columns
        }
        nameless = sorted(set.intersection(*empty.values()))
        if nameless:
            names = " and ".join(empty)
            summary = f"{self._name}:{self._lines[nameless[0]]}: {pluralize(len(nameless), 'row')} without {names}"
            lines = format_lines([self._lines[row] for row in nameless])
            raise SourceError(summary, f"{lines} Who is meant? Fill in the cells, or delete the rows.")
        for column in columns:
            rows = sorted(empty[column.attribute])
            if rows:
                what = f"missing values ({len(rows):,})"
                self._refuse(column, what, "Fill in the cells: a user has a name, and keeps the id.", rows)

    def _check_twice(self) -> None:
        """Refuse two rows for one user: which of them is right cannot be known."""
        for column in self._columns:
            if column.attribute not in _NAMES:
                continue
            twice = list(self._find_twice(self._values[column.attribute]))
            if twice:
                first, second = (self._lines[row] for row in twice[0])
                value = quote(shorten(str(self._values[column.attribute][twice[0][0]]), 80))
                summary = (
                    f"{self._name}:{second}:{column.position}: {column.attribute} {value} is used twice,"
                    f" in lines {first} and {second}"
                )
                pairs = (f"{self._lines[one]} and {self._lines[two]}" for one, two in twice[1 : _SHOWN + 1])
                more = "; ".join(pairs) + (" and more" if len(twice) > _SHOWN + 1 else "")
                detail = (
                    f"Delete one of the rows. So are lines {more}." if len(twice) > 1 else "Delete one of the rows."
                )
                raise SourceError(summary, detail)

    def _find_twice(self, values: Sequence[SourceValue]) -> Iterator[tuple[int, int]]:
        rows: dict[str, int] = {}
        for row, value in enumerate(values):
            if value:
                other = rows.setdefault(fold_case(str(value)), row)
                if other != row:
                    yield other, row


_NAMES = ("objectId", "userPrincipalName")


def _describe(column: Column) -> str:
    if column.header.casefold() == column.attribute.casefold():
        return f"column {column.attribute}"
    return f"column {quote(shorten(column.header, 60))} ({column.attribute})"


def _count(rows: Sequence[int]) -> str:
    return pluralize(len(rows), "value")
