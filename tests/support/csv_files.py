"""CSV files as bytes, and what an import reads of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.sources.csv_file.options import CsvOptions, parse_columns
from reconciler.sources.csv_file.parse import parse_csv
from reconciler.sources.snapshot import Snapshot

NAME = "staff.csv"


def write_csv(rows: Iterable[Sequence[str]], delimiter: str = ",", line_end: str = "\r\n") -> str:
    """Write a table as a spreadsheet does."""
    rows = list(rows)
    # Python before 3.13 writes a line break without quotes unless it is one of `line_end`.
    broken = any(end in cell for row in rows for cell in row for end in "\r\n")
    stream = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if broken else csv.QUOTE_MINIMAL
    csv.writer(stream, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)
    return stream.getvalue()


def read(content: str | bytes, *maps: str, **options: Any) -> Snapshot:
    """Read a file. `maps`: texts of --map."""
    data = content if isinstance(content, bytes) else content.encode()
    return parse_csv(data, NAME, CsvOptions(parse_columns(maps), **options))


def people(content: str | bytes, *maps: str, **options: Any) -> list[dict[str, object]]:
    """Return the attributes of each person."""
    return [dict(person.attributes) for person in read(content, *maps, **options).people]


def refusal(content: str | bytes, *maps: str, **options: Any) -> tuple[str, str]:
    """Return summary and detail of the error for a file."""
    try:
        found = read(content, *maps, **options)
    except ReconcilerError as exc:
        return exc.summary, exc.detail
    raise AssertionError(f"the file was read: {found}")


def diagnostics(content: str | bytes, *maps: str, **options: Any) -> list[str]:
    """Return the diagnostics, one line each: severity, place and summary."""
    return [f"{item.severity} {item.origin} {item.summary}" for item in read(content, *maps, **options).diagnostics]
