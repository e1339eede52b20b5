"""What is kept of settled pairs, by the numbers of their desired users: enough to build each live user again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from reconciler.core.model import AttributeMapping, AttributePath, DesiredUser, LiveUser
from reconciler.core.planning.blocks import Numbers, OpenBlock
from reconciler.core.planning.diff import diff_user
from reconciler.core.planning.forms import has_capitals
from reconciler.core.planning.name_index import MOST_ROWS, NameIndex
from reconciler.core.planning.packed_pairs import Form, PackedPair
from reconciler.core.planning.settling import (
    apply_form,
    build_live,
    find_form,
    find_linking_attribute,
    list_desired_names,
    may_settle,
)
from reconciler.core.planning.short_texts import ShortTexts
from reconciler.core.values import fold_case

_MOST_FORMS = 100_000
"""Differences that are kept, some 400 bytes each. A directory has one for each locale, for example."""
_SPARE = 8
"""An array of bytes grows by this part of itself."""
_SETTLED = 1
CAPITALS = 2
"""What `list_taken` says of a desired user with a settled account whose userName has capitals."""

Lacks = Callable[[AbstractSet[AttributePath]], bool]
"""Whether an account with these attributes lacks some."""


class SettledRows:
    """Settles live users with desired ones; the desired user of a number is the same at each access.

    `mappings`: empty: nothing is settled.
    """

    def __init__(
        self,
        desired: Sequence[DesiredUser],
        mappings: Sequence[AttributeMapping],
        lacks: Lacks,
        open_block: OpenBlock | None = None,
    ) -> None:
        self._desired = desired
        self._mappings = mappings
        self._lacks = lacks
        self._open = open_block
        self.linking = find_linking_attribute(mappings)
        """The attribute that links accounts; None if nothing can be settled."""
        self.clear()

    def clear(self) -> None:
        """Forget all pairs."""
        self.names = NameIndex(self._open)
        self.paths: set[AttributePath] = set()
        """The attributes that settled accounts have, and perhaps some that other accounts have."""
        self._taken = bytearray()
        self._lacking = bytearray()
        self._modified = ShortTexts(self._open)
        self._form_of = Numbers("I", self._open)
        self._forms: list[Form] = [()]
        self._numbers: dict[Form, int | None] = {(): 0}

    def settle(self, user: LiveUser, desired: DesiredUser, row: int) -> bool:
        """Settle a live user with the desired one of a number, if that is possible; whether it was."""
        if self.linking is None or not self.is_free(row):
            return False
        form = self._number_form(desired, user) if may_settle(desired, user, self.linking) else None
        if form is None:
            return False
        names = list_desired_names(desired)
        names.add(fold_case(user.id))
        self._take(row, user.user_name, names, user.attributes.keys())
        self._keep(row, form, user.last_modified)
        return True

    def settle_pair(self, live_id: str, pair: PackedPair) -> bool:
        """Do what `settle` does with a pair whose form has a number; False: `settle` has to be asked."""
        form = self._numbers.get(pair.form)
        if form is None or not self.is_free(pair.row):
            return False
        pair.names.add(fold_case(live_id))
        self._take(pair.row, pair.user_name, pair.names, pair.paths)
        self._keep(pair.row, form, pair.last_modified)
        return True

    def release(self, row: int) -> None:
        """Undo what settled a desired user."""
        self._taken[row] = 0

    def is_free(self, row: int) -> bool:
        """Whether a desired user can have a settled account, and has none."""
        return row < MOST_ROWS and not (row < len(self._taken) and self._taken[row])

    def _take(self, row: int, user_name: str, names: Iterable[str], paths: AbstractSet[AttributePath]) -> None:
        if row >= len(self._taken):
            added = row + 1 - len(self._taken) + len(self._taken) // _SPARE
            self._taken.extend(bytes(added))
            self._lacking.extend(bytes(added))
        self._taken[row] = CAPITALS if has_capitals(user_name) else _SETTLED
        self._lacking[row] = self._lacks(paths)
        self.names.add(names, row)
        self.paths.update(paths)

    def _keep(self, row: int, form: int, last_modified: str | None) -> None:
        self._form_of.grow(len(self._taken))
        self._form_of[row] = form
        self._modified.put(row, last_modified or "")

    def _number_form(self, desired: DesiredUser, user: LiveUser) -> int | None:
        """Return the number of how the attributes differ; None if that is to be changed, or cannot be kept."""
        form = find_form(desired.attributes, user.attributes)
        if form in self._numbers:
            return self._numbers[form]
        if len(self._numbers) >= _MOST_FORMS:
            return None
        # What is to be changed depends on the attributes that differ alone.
        number = None if diff_user(desired, user, self._mappings) else len(self._forms)
        if number is not None:
            self._forms.append(form)
        self._numbers[form] = number
        return number

    def build(self, live_id: str, row: int) -> LiveUser:
        """Return the live user that was settled with a desired one."""
        desired, form = self._desired[row], self._forms[self._form_of[row]]
        return build_live(desired, live_id, self._modified.get(row) or None, apply_form(desired.attributes, form))

    def is_settled(self, row: int) -> bool:
        """Whether a desired user has a settled account. `row`: of one that had."""
        return bool(self._taken[row])

    def is_lacking(self, row: int) -> bool:
        """Whether the account of a desired user lacks attributes. `row`: of one that is settled."""
        return bool(self._lacking[row])

    def list_taken(self, count: int) -> bytearray:
        """Return, for the numbers below `count`, what is not 0 for a desired user with a settled account."""
        return self._taken[:count] + bytes(max(0, count - len(self._taken)))
