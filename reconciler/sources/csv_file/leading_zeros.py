"""Find leading zeros that a spreadsheet has removed: `000123` is saved as `123`. Pure.

The desired state knows: if it has `000123` where the file has `123` for the same user, zeros are lost. Without such a
user it may still look so, because codes have one length and numbers do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.field_change import Field
from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.csv_file.damage import CODES

_SEVERAL = 3
_ATTRIBUTES = CODES - {"userPrincipalName"}


@dataclass(frozen=True, slots=True)
class LostZeros:
    """The rows whose zeros are lost for certain, or where it looks so. `known`: the value in the desired state."""

    rows: tuple[int, ...]
    known: str = ""


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
        if attribute not in _ATTRIBUTES:
            return None
        lost: list[int] = []
        known = ""
        for row, value in enumerate(values):
            held = self._get(keys[row], attribute)
            if _is_number(value) and len(held) > len(value) and held.lstrip("0") == value.lstrip("0"):
                lost.append(row)
                known = known or held
        if lost:
            return LostZeros(tuple(lost), known)
        return LostZeros((0,)) if self._looks_lost(attribute, {value for value in values if value}) else None

    def _get(self, keys: Sequence[str], attribute: str) -> str:
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


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
