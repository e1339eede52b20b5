"""Compare packed live users with rows of desired users, without building either: that takes half of the time.

Only what is plain on both sides is compared here. Anything else is left to those who compare the users themselves, so
that there is one rule: a pair is settled here only if it would be settled there, in the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter, ne
from typing import Any, NamedTuple, Protocol, runtime_checkable

from reconciler.core.model import AttributePath, Value
from reconciler.core.planning.temporary_names import is_temporary
from reconciler.core.profile import Attribute
from reconciler.core.values import fold_case, to_comparable

PackedUser = bytes
"""A live user in the form of the one who packed it: managed, active, readable, with a userName and an externalId."""
Form = tuple[tuple[AttributePath, Value | None, Value | None], ...]
"""The attributes that differ, with the values of the account and of the desired user; None: there is none."""

_NAMES = ("userName", "externalId")
_HEAD, _SHAPE = 2, 1


class RowShape(Protocol):
    """What many rows share. Numbers are places in the row."""

    @property
    def paths(self) -> tuple[AttributePath, ...]:
        """Of the attributes."""

    @property
    def created(self) -> tuple[AttributePath, ...]:
        """Of the attributes that only a create sets."""

    @property
    def identity(self) -> tuple[int, ...]:
        """Places of the key, the anchor and the matching values."""

    @property
    def values(self) -> tuple[int, ...]:
        """Places of the values of `paths` and `created`."""


@runtime_checkable
class PlainRows(Protocol):
    """Desired users as rows: lists of values, each once."""

    def find_row(self, value: Value, /) -> tuple[int, list[Any]] | None:
        """Return the number of the user with this first matching value, and the row; None if none or several have it.

        A row has the first matching value, the number of its shape, and others.
        """

    def get_shape(self, number: int, /) -> RowShape | None:
        """Return a shape; None if the users that have it are not plain.

        A plain user is in scope, without dates, errors, candidates, doubts and protection.
        """


class Packing(Protocol):
    """Has packed live users."""

    def decode(self, packed: PackedUser, /) -> list[Any]:
        """Return the number of the paths, `meta.lastModified`, the matching values and the values of the paths."""

    def get_paths(self, number: int, /) -> tuple[AttributePath, ...]:
        """Return the paths of the attributes."""


class PackedPair(NamedTuple):
    """A live user and a desired one that differ in attributes alone, in the way of `form`."""

    row: int
    form: Form
    last_modified: str | None
    user_name: str
    paths: frozenset[AttributePath]
    names: set[str]
    """As `list_desired_names` returns them."""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """How live users with some paths are compared with rows of one shape. Numbers are places."""

    paths: tuple[AttributePath, ...]
    all_paths: frozenset[AttributePath]
    matching: int
    """How many matching values there are."""
    wanted: Callable[[list[Any]], tuple[Any, ...]]
    """Returns what a row has in the place of a packed user's values."""
    anchor: int
    """In the row."""
    names: tuple[int, ...]
    """In the row."""
    user_name: int
    """In the packed user, as `external_id`."""
    external_id: int


class PackedPairs:
    """Finds the pairs of live users with desired ones."""

    def __init__(self, rows: PlainRows, packing: Packing, linking: Attribute) -> None:
        self._rows = rows
        self._packing = packing
        self._linking = linking
        self._comparisons: dict[tuple[int, int], _Comparison | None] = {}
        self._starts: dict[int, int] = {}

    def find(self, packed: PackedUser) -> PackedPair | None:
        """Return the pair of a live user; None: there is none, or the users themselves have to be looked at."""
        shown = self._packing.decode(packed)
        first = self.first_value(shown)
        found = None if first is None else self._rows.find_row(first)
        return None if found is None else self.compare(shown, *found)

    def first_value(self, shown: list[Any]) -> Value | None:
        """Return the first matching value of a decoded live user; None if it has none."""
        count = self._starts.get(shown[0])
        if count is None:
            count = self._starts[shown[0]] = len(shown) - _HEAD - len(self._packing.get_paths(shown[0]))
        value: Value | None = shown[_HEAD] if count else None
        return value

    def compare(self, shown: list[Any], row: int, wanted: list[Any]) -> PackedPair | None:
        """Return the pair of a decoded live user and a row; None: the users themselves have to be looked at."""
        key = shown[0], wanted[_SHAPE]
        if key not in self._comparisons:
            self._comparisons[key] = self._compare_shapes(*key)
        how = self._comparisons[key]
        if how is None:
            return None
        form = _find_form(how, tuple(shown[_HEAD:]), how.wanted(wanted))
        if form is None or not self._may_settle(how, shown, wanted):
            return None
        names = {fold_case(str(wanted[place])) for place in how.names if wanted[place] is not None}
        return PackedPair(row, form, shown[1], shown[how.user_name], how.all_paths, names)

    def _may_settle(self, how: _Comparison, shown: list[Any], wanted: list[Any]) -> bool:
        """What `may_settle` asks, as far as it is not true of all that is plain and has the same names."""
        anchor, name = wanted[how.anchor], shown[how.user_name]
        return (
            anchor is not None
            and shown[1] != ""
            and anchor == to_comparable(self._linking, shown[how.external_id])
            and not (name[:1] in "rR" and is_temporary(name))
        )

    def _compare_shapes(self, number: int, shape_number: int) -> _Comparison | None:
        """Return how to compare; None if users have to be compared themselves."""
        shape, paths = self._rows.get_shape(shape_number), self._packing.get_paths(number)
        if shape is None:
            return None
        places = dict(zip(shape.paths, shape.values, strict=False))
        if places.keys() != set(paths) or not places.keys() >= set(_NAMES):
            return None
        created = zip(shape.created, shape.values[len(shape.paths) :], strict=True)
        names = {*shape.identity, *(places[path] for path in _NAMES), *(at for path, at in created if path in _NAMES)}
        matching = shape.identity[_HEAD:]
        start = _HEAD + len(matching)
        return _Comparison(
            paths,
            frozenset(paths),
            len(matching),
            _pick([*matching, *(places[path] for path in paths)]),
            shape.identity[1],
            tuple(sorted(names)),
            start + paths.index("userName"),
            start + paths.index("externalId"),
        )


def _pick(places: Sequence[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    # There are always several: each account has at least two names.
    return itemgetter(*places)


def _find_form(how: _Comparison, shown: tuple[Any, ...], wanted: tuple[Any, ...]) -> Form | None:
    """Return how the attributes differ; None if matching values or names differ too."""
    if shown == wanted:
        return ()
    matching = how.matching
    if len(shown) != len(wanted) or shown[:matching] != wanted[:matching]:
        return None
    values, others = shown[matching:], wanted[matching:]
    form = tuple(compress(zip(how.paths, values, others, strict=True), map(ne, values, others)))
    return None if any(path in _NAMES for path, _, _ in form) else form
