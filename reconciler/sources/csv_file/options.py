"""What the command line says about a CSV file, and the names that columns are mapped to. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.text import quote, shorten
from reconciler.desired.source_attributes import COMPUTED_ATTRIBUTES, ENTRA_ATTRIBUTES
from reconciler.errors import UsageError
from reconciler.history.edits import Entity

NOT = "not "
"""Before an attribute in --map: the column says the opposite, as "Suspended" does of accountEnabled."""
DATE_ORDERS = ("iso", "dmy", "mdy")
LISTS = frozenset({"otherMails", "proxyAddresses"})
"""Attributes with several values: a cell holds one."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,119}")
_DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_EXAMPLE = 'Such as --map "Personnel no.=employeeId", or --map "Notes=" for a column that is not imported.'


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """One --map. `attribute` "": the column is not imported. `inverted`: it says the opposite."""

    header: str
    attribute: str
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """How a file is read. `delimiter`, `encoding` None: as the file shows; if it does not, the import asks.

    `dates`: iso, dmy or mdy. `known`: attributes that a header may name, apart from Entra's; `matching`: those that
    decide which account is a user's, next to objectId, userPrincipalName and employeeId. `users`: those of the desired
    state, with whose values damage is recognised.
    """

    columns: tuple[ColumnChoice, ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    dates: str = "iso"
    known: frozenset[str] = frozenset()
    matching: frozenset[str] = frozenset()
    users: tuple[Entity, ...] = ()


def parse_columns(texts: Sequence[str], known: frozenset[str] = frozenset()) -> tuple[ColumnChoice, ...]:
    """Parse each `HEADER=attribute` of --map. Raises `UsageError`. `known`: as in `CsvOptions`."""
    return tuple(_parse_column(text, known) for text in texts)


def _parse_column(text: str, known: frozenset[str]) -> ColumnChoice:
    header, equals, name = (part.strip() for part in text.rpartition("="))
    if not equals or not header:
        raise UsageError(f"--map {quote(shorten(text, 80))} is not HEADER=attribute", _EXAMPLE)
    inverted = name.casefold().startswith(NOT)
    attribute = name[len(NOT) :].strip() if inverted else name
    if attribute:
        _check_attribute(attribute, known)
    if inverted and attribute != "accountEnabled":
        raise UsageError(f"--map {quote(shorten(text, 80))}: only accountEnabled can be inverted", _EXAMPLE)
    return ColumnChoice(header, attribute, inverted)


def _check_attribute(name: str, known: frozenset[str]) -> None:
    """Refuse what is no attribute of a user, and another spelling of a known one."""
    shown = quote(shorten(name, 80))
    if name.casefold().startswith("lifecycle"):
        raise UsageError(f"--map: {shown} belongs to git", "An import does not change `lifecycle` of users.")
    if name in COMPUTED_ATTRIBUTES or name in LISTS:
        raise UsageError(f"--map: {shown} cannot be imported from a CSV file", "A column has one value for each user.")
    if not _NAME.fullmatch(name):
        raise UsageError(f"--map: {shown} is not an attribute name", _EXAMPLE)
    names = {each.casefold(): each for each in (*ENTRA_ATTRIBUTES, *known)}
    other = names.get(name.casefold(), name)
    if other != name and name not in known and name not in ENTRA_ATTRIBUTES:
        raise UsageError(f"--map: there is no attribute {shown}", f"Did you mean {other}?")


def parse_delimiter(text: str | None) -> str | None:
    """Parse --delimiter: one character, or a name such as `tab`. Raises `UsageError`."""
    if text is None:
        return None
    delimiter = _DELIMITER_NAMES.get(text.casefold(), text)
    if len(delimiter) != 1 or delimiter.isalnum() or delimiter in '"\r\n\0@':
        detail = 'It is one character, such as --delimiter ";", or a name: comma, semicolon, tab, pipe.'
        raise UsageError(f"--delimiter {quote(shorten(text, 20))} cannot separate cells", detail)
    return delimiter


def parse_dates(text: str) -> str:
    """Check --dates. Raises `UsageError`."""
    if text not in DATE_ORDERS:
        raise UsageError(f"--dates {quote(shorten(text, 20))} is not known", f"It is {', '.join(DATE_ORDERS)}.")
    return text
