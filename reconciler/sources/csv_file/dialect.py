"""Find where the table of a CSV file begins, and what separates its cells: by `sep=`, else by the known headers. Pure.

Sniffers answer "m" for a file with one column: https://docs.python.org/3/library/csv.html#csv.Sniffer.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.text import format_names, quote, shorten
from reconciler.errors import SourceError
from reconciler.sources.csv_file.columns import count_known
from reconciler.sources.csv_file.options import CsvOptions

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SEPARATOR = re.compile(r'"?sep=(?P<delimiter>[^"\r\n]?)"?[,;\t|]*', re.IGNORECASE)
_VERSION = re.compile(r'"?version:v[0-9.]+"?[,;\t| ]*', re.IGNORECASE)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Start:
    """`line`: 1-based, that of the header. `delimiter`: as a `sep=` line has it. `is_bulk`: a template of Entra."""

    line: int
    delimiter: str | None = None
    is_bulk: bool = False


def split_lines(text: str) -> Iterator[str]:
    """Return the physical lines with their ends, as editors count them."""
    return iter(io.StringIO(text, newline=""))


def find_start(text: str) -> Start:
    """Find the header: behind empty lines, Excel's `sep=;` and the first line of Entra's templates."""
    delimiter, is_bulk, number = None, False, 0
    for number, line in enumerate(split_lines(text), start=1):  # noqa: B007 - the number is the result
        content = line.rstrip("\r\n")
        separator = _SEPARATOR.fullmatch(content.strip(" ")) if delimiter is None else None
        if separator is not None:
            delimiter = separator["delimiter"] or None
        elif _VERSION.fullmatch(content):
            is_bulk = True
        elif content.strip(' ,;|\t"'):
            break
    return Start(number, delimiter, is_bulk)


def choose_delimiter(text: str, start: Start, options: CsvOptions, name: str) -> str:
    """Return the delimiter: that of the options, of the `sep=` line, else the one under which most headers are known.

    Raises `SourceError` if no header is known under any of them, or if two are equally good.
    """
    if options.delimiter is not None or start.delimiter is not None:
        return options.delimiter or start.delimiter or ""
    headers = {delimiter: read_header(text, start, delimiter) for delimiter in DELIMITERS}
    known = {delimiter: count_known(cells, options) for delimiter, cells in headers.items()}
    most = max(known.values())
    best = [delimiter for delimiter, count in known.items() if count == most]
    if most == 0:
        raise _explain_unknown(headers, f"{name}:{start.line}")
    if len({tuple(headers[delimiter]) for delimiter in best}) > 1:
        names = " and ".join(DELIMITERS[delimiter] for delimiter in best)
        choices = " or ".join(f"--delimiter {DELIMITERS[delimiter]}" for delimiter in best)
        raise SourceError(f"{name}:{start.line}: the delimiter can be {names}", f"Say which it is: {choices}.")
    return best[0]


def read_header(text: str, start: Start, delimiter: str) -> list[str]:
    """Return the cells of the header; none if it cannot be read so. It may have line breaks in quotes."""
    lines = split_lines(text)
    for _ in range(start.line - 1):
        next(lines, "")
    try:
        cells = next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []
    return cells


def _explain_unknown(headers: dict[str, list[str]], place: str) -> SourceError:
    """Return the error for a header without a known name, showing it as the likeliest delimiter splits it."""
    cells: Sequence[str] = max(headers.values(), key=len)
    shown = format_names([shorten(cell.strip(), 40) for cell in cells], _SHOWN)
    return SourceError(
        f"{place}: no column is recognised: this is not a header, or the header of another format",
        f"It reads {shown}.\nThe first line must name the columns. Map each one"
        ' with --map "HEADER=attribute"; one of them must be userPrincipalName.'
        if any(cells)
        else f"The first line must name the columns. It reads {quote('')}.",
    )
