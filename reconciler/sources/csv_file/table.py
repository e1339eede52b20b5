"""Read the rows of a CSV file with their line numbers. Each row is as wide as the header, or the file is refused. Pure.

Cells of columns that are not imported, passwords among them, are dropped as soon as a row is read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.text import pluralize, quote, shorten
from reconciler.core.values import fold_case
from reconciler.errors import SourceError
from reconciler.sources.csv_file.cells import clean_cell, is_state
from reconciler.sources.csv_file.columns import Columns, find_columns, parse_header
from reconciler.sources.csv_file.dialect import DELIMITERS, Start, choose_delimiter, find_start, split_lines
from reconciler.sources.csv_file.formats import STATES
from reconciler.sources.csv_file.options import CsvOptions

MAX_ROWS = 250_000
MAX_COLUMNS = 500
LONGEST_CELL = 32_767
"""Characters: what a cell of Excel can hold."""
_EXAMPLE = re.compile(
    r"(?:example|beispiel|exemple|ejemplo|esempio|voorbeeld|exemplo|eksempel|exempel)\s*:", re.IGNORECASE
)
_ANY_EXAMPLE = re.compile(r"[^\W\d][^\W\d]{0,20} ?[::]\s?\S.*", re.DOTALL)
_EXAMPLE_DOMAIN = "@contoso.com"
"""The domain of the template's example, in every language."""
_QUOTES = 'A cell with a delimiter, a line break or a quote is written in quotes: "5 ""inch"" model".'


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: the physical line that it begins on, and the cells of the imported columns as written."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file. `line`: that of the header. `examples`: lines of Entra's template that are no users."""

    line: int
    columns: Columns
    rows: tuple[Row, ...]
    examples: tuple[int, ...] = ()
    states: frozenset[str] = frozenset()
    """Headers that are not imported, whose cells name states, such as Suspended, and nothing else."""


def read_table(text: str, name: str, options: CsvOptions) -> Table:
    """Read the table. Raises `SourceError` for the first row that cannot be read as it was meant."""
    start = find_start(text)
    delimiter = choose_delimiter(text, start, options, name)
    return _TableReader(name, start, delimiter).read(text, options)


class _TableReader:
    """Reads one file. Errors name the line that a row begins on."""

    def __init__(self, name: str, start: Start, delimiter: str) -> None:
        self._name = name
        self._start = start
        self._delimiter = delimiter
        self._examples: list[int] = []
        self._users: frozenset[str] = frozenset()
        self._left: dict[int, str] = {}
        self._states: dict[str, bool] = {}

    def read(self, text: str, options: CsvOptions) -> Table:
        """Read header and rows."""
        rows = self._read_rows(text)
        line, cells = next(rows, (self._start.line, []))
        while cells and not cells[-1].strip():
            cells.pop()
        place = f"{self._name}:{line}"
        if len(cells) > MAX_COLUMNS:
            raise SourceError(f"{place}: the header has more than {MAX_COLUMNS} columns", "Is the delimiter right?")
        headers = parse_header(cells)
        columns = find_columns(headers, options, place, is_bulk=self._start.is_bulk)
        self._refuse_deletions(columns, place)
        self._left = {
            each.position - 1: each.text for each in headers if each.text in columns.unknown and each.name in STATES
        }
        self._users = frozenset(fold_case(user.name) for user in options.users) if self._start.is_bulk else frozenset()
        found = tuple(self._read_body(rows, columns, len(cells)))
        if not found:
            raise SourceError(
                f"{self._name}: the table has a header and no users", "Export it again: nothing was changed."
            )
        return Table(
            line,
            columns,
            found,
            tuple(self._examples),
            frozenset(header for header, only in self._states.items() if only),
        )

    def _read_rows(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Return each row that is not blank, with the line that it begins on."""
        lines = split_lines(text)
        for _ in range(self._start.line - 1):
            next(lines, "")
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        line = self._start.line
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as exc:
                raise self._explain(exc, line, self._start.line + reader.line_num - 1) from exc
            yield line, cells
            line = self._start.line + reader.line_num

    def _explain(self, exc: csv.Error, line: int, last: int) -> SourceError:
        """Return what is wrong with the row between two lines; Python's words are for programmers."""
        text = str(exc)
        if "field larger" in text or "unexpected end" in text:
            summary = f"{self._name}:{line}: a quote opens a cell in this row and is never closed"
        else:
            summary = f"{self._name}:{last}: text follows the quote that ends a cell"
        return SourceError(summary, _QUOTES)

    def _read_body(self, rows: Iterator[tuple[int, list[str]]], columns: Columns, width: int) -> Iterator[Row]:
        positions = [column.position - 1 for column in columns.imported]
        names = [column.position - 1 for column in columns.imported if column.attribute == "userPrincipalName"]
        count = 0
        for line, cells in rows:
            if not any(cell and not cell.isspace() for cell in cells):
                continue
            if len(cells) != width:
                self._check_width(line, cells, width)
            count += 1
            if count > MAX_ROWS:
                summary = f"{self._name}:{line}: the table has more than {MAX_ROWS:,} rows"
                raise SourceError(summary, "Split it into several files.")
            if self._start.is_bulk and self._is_example(line, cells[0], cells[names[0]], first=count == 1):
                self._examples.append(line)
                continue
            picked = tuple(cells[position] for position in positions)
            self._check_size(line, picked, positions)
            self._note_states(cells)
            yield Row(line, picked)

    def _note_states(self, cells: Sequence[str]) -> None:
        for position, header in self._left.items():
            text = clean_cell(cells[position])
            if text:
                self._states[header] = is_state(text) and self._states.get(header, True)

    def _check_width(self, line: int, cells: Sequence[str], width: int) -> None:
        """Accept further cells that are empty. Any other width means that cells have moved to a wrong column."""
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            return
        other = DELIMITERS.get(self._delimiter, self._delimiter)
        if len(cells) < width:
            detail = f"Cells may have moved to a wrong column. Add what is missing, or a {other} for each empty cell."
        else:
            detail = f"Cells may have moved to a wrong column. A value with a {other} in it has to be in quotes."
        found = pluralize(len(cells), "cell")
        raise SourceError(f"{self._name}:{line}: the row has {found}, the header has {width}", detail)

    def _is_example(self, line: int, cell: str, name: str, *, first: bool) -> bool:
        """Whether this is the row of Entra's template that shows how to fill it in, in any language.

        `Extern: Ada Lovelace` looks the same and is a user. The example has an address of contoso.com, and no user of
        the desired state is an example.
        """
        text, user = clean_cell(cell), fold_case(clean_cell(name))
        is_marked = _EXAMPLE.match(text) is not None
        if user in self._users or not (is_marked or (first and _ANY_EXAMPLE.fullmatch(text))):
            return False
        if user.endswith(_EXAMPLE_DOMAIN):
            return True
        if is_marked:
            raise SourceError(
                f"{self._name}:{line}: is this row the example of the template, or a user?",
                f"It begins with {quote(shorten(text, 60))}. Delete the row if it is the example; if it is a user,"
                " correct the cell.",
            )
        return False

    def _check_size(self, line: int, cells: Sequence[str], positions: Sequence[int]) -> None:
        for position, cell in zip(positions, cells, strict=True):
            if len(cell) > LONGEST_CELL:
                summary = f"{self._name}:{line}:{position + 1}: the cell has more than {LONGEST_CELL:,} characters"
                raise SourceError(summary, "Is a quote missing in this row or the next?")

    def _refuse_deletions(self, columns: Columns, place: str) -> None:
        """Refuse Entra's template for deleting users: its people would be added."""
        if self._start.is_bulk and {column.attribute for column in columns.imported} == {"userPrincipalName"}:
            raise SourceError(
                f"{place}: this is a template of Entra with names only, as for deleting users",
                "An import adds and updates users. Take users out of users/ to remove them.",
            )
