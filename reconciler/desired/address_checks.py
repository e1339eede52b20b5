"""Locate faulty characters in the files, and warn about unusual user names and addresses, once for all users."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.core.model import AttributeMapping, DesiredUser, Diagnostic, Origin, SourceUser, warning
from reconciler.core.paths import shorten_path
from reconciler.core.planning.mapping import extract_character, is_address
from reconciler.core.text import pluralize, quote, shorten
from reconciler.desired.directory import Directory
from reconciler.desired.yaml_reader import MAX_DIAGNOSTICS

_UNUSUAL = re.compile(r"(?P<dots>\.\.|^\.|\.$|\.@|@\.)|(?P<guest>#EXT#)", re.IGNORECASE)
_KINDS = {
    "dots": ("a leading, trailing or doubled dot", "Most mail systems accept no such address. Is it meant?"),
    "guest": (
        "#EXT#, as the userPrincipalName of a guest",
        "Entra provisions guests under their own address: is it meant?",
    ),
}
"""What is unusual, and what to do about it."""


@dataclass(slots=True)
class _Unusual:
    """The users with one kind of unusual value: how many, and the first of them."""

    path: str
    value: str
    origin: Origin
    count: int = 0


class AddressChecks:
    """Checks of the user names and addresses of all users of a directory."""

    def __init__(self, directory: Directory, mappings: Sequence[AttributeMapping]) -> None:
        self._directory = directory
        self._rows = [(row.target, row.inputs) for row in mappings if is_address(row.target)]
        self._unusual: dict[str, _Unusual] = {}
        self._located = 0

    @property
    def total(self) -> int:
        """The number of unusual names and addresses."""
        return sum(found.count for found in self._unusual.values())

    def locate(self, user: SourceUser, errors: Sequence[Diagnostic]) -> list[Diagnostic]:
        """Return the errors, those about a character at its line and column."""
        return [self._locate(user, item) for item in errors]

    def _locate(self, user: SourceUser, item: Diagnostic) -> Diagnostic:
        character = extract_character(item.summary)
        if character is None or self._located >= MAX_DIAGNOSTICS:
            return item  # each location reads the file
        for name, value in user.attributes.items():
            if isinstance(value, str) and character in value and user.at(name) == item.origin:
                self._located += 1
                return replace(item, origin=self._find(item.origin, value, character))
        return item

    def _find(self, origin: Origin | None, value: str, character: str) -> Origin | None:
        code = ord(character)
        spellings = (f"\\u{code:04x}", f"\\u{code:04X}", f"\\U{code:08x}", f"\\U{code:08X}", f"\\x{code:02x}")
        found = self._directory.locate_in_value(origin, value, value.index(character))
        places = (self._directory.locate_in_value(origin, spelling, 0) for spelling in spellings)
        return found or next(filter(None, places), origin)

    def count(self, user: SourceUser, desired: DesiredUser) -> None:
        """Count the user's unusual names and addresses."""
        for path, inputs in self._rows:
            value = desired.attributes.get(path)
            if not isinstance(value, str) or (match := _UNUSUAL.search(value)) is None:
                continue
            source = next((name for name in inputs if name in user.attributes), None)
            origin = user.at(source) if source else user.origin
            kind = match.lastgroup or ""
            self._unusual.setdefault(kind, _Unusual(path, value, origin)).count += 1

    def report(self) -> None:
        """Report one warning for each kind of unusual value."""
        for kind, found in self._unusual.items():
            what, detail = _KINDS[kind]
            name = f"{shorten_path(found.path)} {quote(shorten(found.value, 80))}"
            summary = f"{name} has {what}"
            if found.count > 1:
                summary = f"{pluralize(found.count, 'user name or address', 'user names and addresses')} have {what}"
                detail = f"The first is {name}. {detail}"
            self._directory.report(warning(summary, detail, found.origin))
