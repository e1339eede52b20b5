"""Find which column of a CSV file is which attribute: by the formats, and by --map before them. Pure.

A header that two formats read differently, and two columns for one attribute, are errors: nothing is guessed.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.text import format_names, quote, shorten
from reconciler.errors import SourceError, UsageError
from reconciler.sources.csv_file.cells import clean_cell
from reconciler.sources.csv_file.formats import BLOCK_SIGN_IN, ENTRA_PROPERTIES, FORMATS, MARKERS, OWN_NAMES, SECRETS
from reconciler.sources.csv_file.options import ColumnChoice, CsvOptions

_BRACKETS = re.compile(r"(?P<label>[^\[\]]*)\[(?P<inner>[^\[\]]+)\][^\[\]]*")
_TITLE = "Entra ID, bulk operations"
_OWN = "of attribute names"
_SHOWN = 12
_SHELL = re.compile(r'[\\"$`]')
"""What means something inside of double quotes in a shell."""


@dataclass(frozen=True, slots=True)
class Header:
    """One cell of the header. `name`: folded, without suffixes; `label`: next to a `[property]`, else None."""

    position: int
    text: str
    name: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is imported. `position` is 1-based; `inverted`: it says the opposite of the attribute."""

    position: int
    header: str
    attribute: str
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file. `unknown`: no format has them; `ignored`: without an attribute; `secret`: never kept."""

    imported: tuple[Column, ...]
    formats: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()


def fold_header(text: str) -> str:
    """Fold a header for comparison."""
    return " ".join(text.split()).casefold()


def parse_header(cells: Sequence[str]) -> list[Header]:
    """Parse the cells of the header: `Label [property] Required`, `Label [Required]` or a name."""
    return [_parse_cell(position, clean_cell(cell)) for position, cell in enumerate(cells, start=1)]


def _parse_cell(position: int, text: str) -> Header:
    found = _BRACKETS.fullmatch(text)
    if found is None:
        return Header(position, text, fold_header(text))
    inner = fold_header(found["inner"])
    if inner in MARKERS:
        return Header(position, text, fold_header(found["label"]))
    return Header(position, text, inner, fold_header(found["label"]))


def count_known(cells: Sequence[str], options: CsvOptions) -> int:
    """Count the cells that some format, an attribute name or --map knows: by this the delimiter is recognised."""
    chosen = {fold_header(choice.header) for choice in options.columns}
    own = _list_own_names(options)
    return sum(
        bool({header.name, fold_header(header.text)} & chosen)
        or header.name in own
        or header.name in SECRETS
        or (header.label is not None and header.name in ENTRA_PROPERTIES)
        or any(each.knows(header.name) for each in FORMATS)
        for header in parse_header(cells)
    )


def find_columns(headers: Sequence[Header], options: CsvOptions, place: str, *, is_bulk: bool = False) -> Columns:
    """Find the columns. `place`: file and line of the header, for messages. `is_bulk`: a template of Entra.

    Raises `SourceError` if they are ambiguous or name no user, and `UsageError` for a wrong --map.
    """
    return _Finder(headers, options, place, is_bulk=is_bulk).find()


def _list_own_names(options: CsvOptions) -> dict[str, str]:
    return {**{name.casefold(): name for name in options.known}, **OWN_NAMES}


class _Finder:
    """Finds the columns of one header."""

    def __init__(self, headers: Sequence[Header], options: CsvOptions, place: str, *, is_bulk: bool) -> None:
        self._headers = headers
        self._options = options
        self._place = place
        self._is_bulk = is_bulk
        names = {header.name for header in headers}
        self._formats = [each for each in FORMATS if each.signature <= names]
        self._own = _list_own_names(options)

    def find(self) -> Columns:
        chosen = self._apply_choices()
        imported: list[Column] = []
        left: dict[str, list[str]] = {"unknown": [], "ignored": [], "secret": []}
        for header in self._headers:
            if header.position in chosen:
                imported += [
                    Column(header.position, header.text, each.attribute, each.inverted)
                    for each in chosen[header.position]
                    if each.attribute
                ]
            elif header.text:
                column = self._recognise(header)
                if isinstance(column, Column):
                    imported.append(column)
                else:
                    left[column].append(header.text)
        self._check(imported)
        return Columns(tuple(imported), self._name_formats(), *map(tuple, left.values()))

    def _apply_choices(self) -> dict[int, list[ColumnChoice]]:
        """Return each --map by the position of its column."""
        found: dict[int, list[ColumnChoice]] = {}
        for choice in self._options.columns:
            header = self._get_header(choice)
            if choice.attribute and header.name in SECRETS:
                detail = "Passwords are neither imported nor stored."
                raise UsageError(f"--map: the column {quote(header.text)} holds secrets", detail)
            found.setdefault(header.position, []).append(choice)
        return found

    def _get_header(self, choice: ColumnChoice) -> Header:
        wanted = fold_header(unicodedata.normalize("NFC", choice.header))
        same = [each for each in self._headers if fold_header(each.text) == wanted]
        same = same or [each for each in self._headers if each.name == wanted]
        shown = quote(shorten(choice.header, 80))
        if not same:
            near = difflib.get_close_matches(wanted, [fold_header(each.text)[:200] for each in self._headers], 1)
            meant = next((each.text for each in self._headers if fold_header(each.text)[:200] in near), None)
            detail = f"Did you mean {quote(shorten(meant, 80))}? " if meant else ""
            raise UsageError(f"--map: {self._place} has no column {shown}", f"{detail}{self._list_headers()}")
        if len(same) > 1:
            raise SourceError(
                f"{self._place}:{same[1].position}: two columns are called {shown}",
                f"They are columns {same[0].position} and {same[1].position}. Rename one of them, or delete it.",
            )
        return same[0]

    def _recognise(self, header: Header) -> Column | str:
        """Return the column, or why it is none: unknown, ignored or secret."""
        if header.name in SECRETS:
            return "secret"
        if header.label is not None:
            return self._recognise_property(header)
        meanings = {
            each.attributes.get(header.name, ""): each.title for each in self._formats if each.knows(header.name)
        }
        if len(meanings) > 1:
            titles = " and ".join(meanings.values())
            summary = f"{self._place}:{header.position}: the column {quote(shorten(header.text, 80))} is ambiguous"
            raise SourceError(
                summary, (f'{titles} read it differently. Say which it is: {format_map(header)}attribute"')
            )
        if meanings:
            attribute = next(iter(meanings))
            return Column(header.position, header.text, attribute) if attribute else "ignored"
        attribute = self._own.get(header.name, "")
        return Column(header.position, header.text, attribute) if attribute else "unknown"

    def _recognise_property(self, header: Header) -> Column | str:
        """Recognise `Label [property]` of Entra's templates, whatever language the label is in."""
        attribute = ENTRA_PROPERTIES.get(header.name, "")
        if attribute != "accountEnabled":
            return Column(header.position, header.text, attribute) if attribute else "unknown"
        label = header.label or ""
        # In a template of Entra it is "Block sign in", in whatever language. Elsewhere a label in another language may
        # say "blocked" or "enabled".
        if label.startswith(BLOCK_SIGN_IN) or (self._is_bulk and "enabled" not in label):
            return Column(header.position, header.text, attribute, inverted=True)
        raise SourceError(
            f"{self._place}:{header.position}: does Yes in column {quote(shorten(header.text, 80))} block the user?",
            f'{_FLIP}\n  it does:     {format_map(header)}not accountEnabled"\n'
            f'  it does not: {format_map(header)}accountEnabled"',
        )

    def _check(self, imported: Sequence[Column]) -> None:
        """Refuse two columns for one attribute, two of one name, and a file that names no user."""
        by_attribute: dict[str, Column] = {}
        for column in imported:
            other = by_attribute.setdefault(column.attribute, column)
            if other is not column:
                one, two = (quote(shorten(each.header, 80)) for each in (other, column))
                raise SourceError(
                    f"{self._place}:{column.position}: columns {other.position} and {column.position} both hold"
                    f" {column.attribute}: {one} and {two}",
                    f'Leave one of them out: {format_map(other)}", or rename it in the file if both have one name.',
                )
        if "userPrincipalName" not in by_attribute:
            raise SourceError(
                f"{self._place}: no column holds userPrincipalName, the name by which users are recognised",
                f'Say which one does: --map "HEADER=userPrincipalName". {self._list_headers()}',
            )

    def _list_headers(self) -> str:
        names = [shorten(each.text, 60) for each in self._headers if each.text]
        return f"The columns are {format_names(names, _SHOWN)}."

    def _name_formats(self) -> tuple[str, ...]:
        titles = [each.title for each in self._formats]
        if any(header.label is not None and header.name in ENTRA_PROPERTIES for header in self._headers):
            titles.append(_TITLE)
        return tuple(titles) or (_OWN,)


_FLIP = 'In Entra\'s template for new users the column is "Block sign in". Say what this one is, if'


def format_map(column: Header | Column) -> str:
    """Return the start of a --map for a column, as it can be typed in a shell: `--map "Cost center=`."""
    return format_header(column.text if isinstance(column, Header) else column.header)


def _escape(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def format_header(text: str) -> str:
    """Return the start of a --map for a header."""
    return f'--map "{_SHELL.sub(_escape, shorten(text, 80))}='
