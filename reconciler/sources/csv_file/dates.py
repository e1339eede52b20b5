"""Dates of a CSV file: ISO 8601 is accepted, local orders only if --dates says which. Pure.

03/02/2024 is two dates. Which one is meant cannot be seen in a file, so the import asks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime

from reconciler.core.text import quote, shorten
from reconciler.errors import SourceError
from reconciler.sources.csv_file.columns import Column

DATE_ATTRIBUTES = frozenset({"employeeHireDate", "employeeLeaveDateTime"})
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,7})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)
_LOCAL = re.compile(r"(\d{1,2})([./-]) ?(\d{1,2})\2 ?(\d{4})(?: 0?0:00(?::00)?)?", re.ASCII)
_ORDERS = {"dmy": (0, 1), "mdy": (1, 0)}
"""Positions of day and month."""
_YEARS = range(1900, 2200)


def parse_date(text: str, order: str) -> str | None:
    """Return a date as ISO 8601: an ISO date as written, a local one in `order`; None if it is neither."""
    if _ISO.fullmatch(text):
        with suppress(ValueError):
            return text if datetime.fromisoformat(text.replace(" ", "T")).year in _YEARS else None
        return None
    return _parse_local(text, order) if order in _ORDERS else None


def _parse_local(text: str, order: str) -> str | None:
    found = _LOCAL.fullmatch(text)
    if found is None or int(found[4]) not in _YEARS:
        return None
    numbers = int(found[1]), int(found[3])
    day, month = _ORDERS[order]
    with suppress(ValueError):
        return date(int(found[4]), numbers[month], numbers[day]).isoformat()
    return None


def ask_order(column: Column, cells: Sequence[tuple[int, str]], name: str, order: str) -> SourceError | None:
    """Return the error that asks for the order of local dates in a column; None if none are there, or it is said.

    `cells`: lines and values.
    """
    if order in _ORDERS:
        return None
    local = [(line, value) for line, value in cells if _LOCAL.fullmatch(value)]
    if not local:
        return None
    line, first = local[0]
    readings = []
    for each in _ORDERS:
        unread = next((value for _, value in local if _parse_local(value, each) is None), None)
        if unread is None:
            readings.append(f"  --dates {each}  reads it as {_parse_local(first, each)}")
        else:
            readings.append(f"  --dates {each}  cannot read {quote(shorten(unread, 40))}")
    summary = f"{name}:{line}:{column.position}: which is the day in {quote(first)} ({column.attribute})?"
    lines = "Say it:", *readings, "Or write dates as 2024-02-03 in the file, which every program reads the same."
    return SourceError(summary, "\n".join(lines))
