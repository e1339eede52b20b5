"""Find values that a spreadsheet has changed: `000123` is saved as `123` or `123.0`, and `1-2` as `1-Feb`. Pure.

The desired state knows: if it has `000123` where the file has `123` for the same user, zeros are lost. Without such a
user it may still look so, because codes have one length and numbers do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.field_change import Field
from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.csv_file.damage import CODES
from reconciler.sources.csv_file.dates import DATE_ATTRIBUTES
from reconciler.sources.csv_file.months import became_date

_SEVERAL = 3
_ATTRIBUTES = CODES - {"userPrincipalName"}
_NEVER = DATE_ATTRIBUTES | {"userPrincipalName", "accountEnabled"}
_NUMBER = re.compile(r"([0-9]+)([.,]0+)?")


@dataclass(frozen=True, slots=True)
class LostZeros:
    """The rows that are changed for certain, or where zeros look lost.

    `known`: the value in the desired state, of the first row; `what`: what happened to it.
    """

    rows: tuple[int, ...]
    known: str = ""
    what: str = ""


@dataclass(slots=True)
class ZeroCheck:
    """Compares columns with the users of the desired state."""

    entries: dict[str, Mapping[str, Field]] = field(default_factory=dict)
    """Fields by folded objectId and userPrincipalName."""

    @classmethod
    def of(cls, users: Iterable[Entity]) -> ZeroCheck:
        """Return the check against these users."""
        check = cls()
        for user in users:
            for key in (fold_case(user.name), user.object_id):
                if key:
                    check.entries[key] = user.fields
        return check

    def find(self, attribute: str, values: Sequence[str], keys: Sequence[Sequence[str]]) -> LostZeros | None:
        """Return what is lost in a column. `keys`: by row, what identifies the user, the best first."""
        if attribute in _NEVER:
            return None
        rows: dict[str, list[int]] = {}
        for row, value in enumerate(values):
            if value and (value[0].isdigit() or value[-1].isdigit()):
                what = _compare(value, self.get(keys[row], attribute))
                if what:
                    rows.setdefault(what, []).append(row)
        for what, changed in rows.items():
            return LostZeros(tuple(changed), self.get(keys[changed[0]], attribute), what)
        if attribute not in _ATTRIBUTES:
            return None
        return LostZeros((0,)) if self._looks_lost(attribute, {value for value in values if value}) else None

    def find_lost_plus(self, attribute: str, values: Sequence[str], keys: Sequence[Sequence[str]]) -> list[int]:
        """Return the rows with a number that has a + in the desired state: programs take it for a sign."""
        if attribute not in _ATTRIBUTES:
            return []
        return [
            row
            for row, value in enumerate(values)
            if value[:1].isdigit() and self.get(keys[row], attribute) == f"+{value}"
        ]

    def get(self, keys: Sequence[str], attribute: str) -> str:
        """Return the text that the desired state has for a user; "" if none."""
        fields = next((self.entries[key] for key in map(fold_case, keys) if key in self.entries), {})
        held = fields.get(attribute, "")
        return held if isinstance(held, str) else ""

    def _looks_lost(self, attribute: str, values: set[str]) -> bool:
        """Whether these are numbers of several lengths, unless the desired state has such numbers too."""
        if len(values) < _SEVERAL or not all(map(_is_number, values)):
            return False
        if any(value.startswith("0") for value in values) or len({len(value) for value in values}) == 1:
            return False
        held = [text for fields in self.entries.values() if (text := str(fields.get(attribute, ""))).isdigit()]
        return not held or any(text.startswith("0") for text in held)


def _compare(value: str, held: str) -> str:
    """Return what a program has done to the value that the desired state has; "" if nothing that can be known."""
    number = _NUMBER.fullmatch(value)
    if number is not None and _is_number(held) and held.lstrip("0") == number[1].lstrip("0"):
        if len(held) > len(number[1]):
            return "leading zeros are lost"
        return "decimals were added" if number[2] else ""
    return "it became a date" if became_date(held, value) else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
