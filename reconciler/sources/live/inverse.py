"""Source attributes of live accounts: values that the mappings turn into what the service shows. Pure.

A value is only proposed, never computed: the mapping itself decides whether it gives back what is live. That holds for
every rule, also for those whose inverse is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core import paths
from reconciler.core.elements import is_unlabelled
from reconciler.core.model import AttributeMapping, AttributePath, Flow, LiveUser, SourceValue, Value
from reconciler.core.planning.mapping import MappingError
from reconciler.core.values import InvalidValueError, differs_in_case, is_same_value, parse_value

ENABLED = "accountEnabled"
NAME = "userPrincipalName"
_GIVEN = frozenset({ENABLED, "IsSoftDeleted"})
"""What decides whether a user is in scope: never derived from a value."""
_PROBE = "zqxjkv"
"""A text that no rule has: where it comes back, the value of the source attribute does."""
_LITERAL = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_MOST_LITERALS = 100

Row = AttributeMapping


@dataclass(frozen=True, slots=True)
class LostValue:
    """A live value that the exported user is not mapped to. None: unassigned.

    `mapped`: what the exported user has instead. `error`: why the mapping gives it nothing at all.
    """

    row: AttributeMapping
    live: Value | None
    mapped: Value | None
    error: str = ""

    @property
    def kept(self) -> bool:
        """Whether a plan leaves the live value as it is: the mapping gives none, and clears none."""
        return self.mapped is None and not self.row.clear and not self.error


@dataclass(frozen=True, slots=True)
class InvertedUser:
    """The source attributes of an account, in the order of an entry, and what they are not mapped to."""

    attributes: Mapping[str, SourceValue]
    lost: tuple[LostValue, ...] = ()


class Inverter:
    """Reads the mappings backwards. `mappings`: those that the accounts were read with."""

    def __init__(self, mappings: Sequence[AttributeMapping]) -> None:
        self.rows = [row for row in mappings if not row.once and not row.unique]
        # What identifies an account decides first, then what is taken unchanged.
        self._solving = sorted(self.rows, key=_rank)
        self._filtered = {row.target: paths.parse(row.target) for row in mappings if "[" in row.target}
        self._literals = {id(row): _find_literals(row) for row in self.rows}
        self._order = {name: at for at, name in enumerate(_order_names(self.rows))}

    def invert(self, live: LiveUser) -> InvertedUser:
        """Return the source attributes of a live account. It always has a userPrincipalName."""
        values = self._read_values(live)
        solving = _Solving(values, {ENABLED: live.active}, self._literals)
        # A user that is not active is out of scope, where the mapping of `active` is not asked.
        left = [row for row in self._solving if (live.active or row.target != "active") and not solving.solve(row)]
        # A later row may have found what an earlier one reads, too.
        while left and len(left) > len(left := [row for row in left if not solving.solve(row)]):
            pass
        found = solving.found
        found.setdefault(NAME, live.user_name or live.external_id or live.id)
        return InvertedUser(self._sort(found), tuple(self._find_lost(live, values, found)))

    def _read_values(self, live: LiveUser) -> dict[AttributePath, Value]:
        """Return the live values by path, with the names that are read even if no row compares them."""
        values = dict(live.attributes)
        values["active"] = live.active
        if live.user_name:
            values["userName"] = live.user_name
        if live.external_id is not None:
            values["externalId"] = live.external_id
        for row in self.rows if live.unselected else ():
            value = self._read_unlabelled(row, live)
            if value is not None:
                values[row.target] = value
        return values

    def _read_unlabelled(self, row: Row, live: LiveUser) -> Value | None:
        """Return the value of the only element that may be the row's, of a service that keeps no labels."""
        path = self._filtered.get(row.target)
        if path is None or row.target not in live.unselected:
            return None
        holder = path.urn, path.attribute
        rivals = [
            each for each in live.unselected if (self._filtered[each].urn, self._filtered[each].attribute) == holder
        ]
        elements = [dict(each) for each in live.unselected[row.target] if is_unlabelled(dict(each), path)]
        if len(rivals) > 1 or len(elements) != 1:
            return None
        try:
            return parse_value(row.attribute, paths.get(elements[0], path.sub or "value"))
        except InvalidValueError:
            return None

    def _find_lost(
        self, live: LiveUser, values: Mapping[AttributePath, Value], found: Mapping[str, SourceValue]
    ) -> Iterator[LostValue]:
        for row in self.rows:
            current = values.get(row.target)
            if row.target == "active" and not live.active:
                continue
            if row.flow is Flow.CREATE:
                continue  # never compared
            if row.flow is Flow.IF_EMPTY and current is not None:
                continue  # never overwritten
            mapped, problem = _map(row, found)
            if problem or not _is_same(row, mapped, current):
                yield LostValue(row, current, mapped, problem)

    def _sort(self, found: Mapping[str, SourceValue]) -> dict[str, SourceValue]:
        names = sorted(found, key=lambda name: self._order.get(name, 0))
        return {name: found[name] for name in names}


class _Solving:
    """The search for one account's source attributes, row by row."""

    def __init__(
        self,
        values: Mapping[AttributePath, Value],
        given: Mapping[str, SourceValue],
        literals: Mapping[int, tuple[str, ...]],
    ) -> None:
        self._values = values
        self._literals = literals
        self._solved: list[Row] = []
        self._known: set[str] = set(_GIVEN)
        """Source attributes whose value, or lack of one, a row has shown."""
        self.found: dict[str, SourceValue] = dict(given)

    def solve(self, row: Row) -> bool:
        """Find the value that a row reads, unless the account has none; return whether it gives back what is live."""
        value = self._values.get(row.target)
        if row.direct is not None and value is None:
            self._known.add(row.direct)
        if self._is_met(row, self.found):
            self._solved.append(row)
            return True
        if value is None:
            return True  # it has a value from what other rows read: nothing takes that away
        for name, candidate in self._propose(row, value):
            trial = {**self.found, name: candidate}
            if self._is_met(row, trial) and self._keeps_solved(name, trial):
                self.found[name] = candidate
                self._known.add(name)
                self._solved.append(row)
                return True
        return False

    def _keeps_solved(self, name: str, trial: Mapping[str, SourceValue]) -> bool:
        """Whether the rows that were solved before still give back what is live."""
        return all(self._is_met(row, trial) for row in self._solved if name in row.inputs)

    def _is_met(self, row: Row, source: Mapping[str, SourceValue]) -> bool:
        """Whether a row gives back what is live, or nothing if the account has no value."""
        value = self._values.get(row.target)
        if value is None and row.flow is Flow.CREATE:
            return True  # never compared
        mapped, problem = _map(row, source)
        return not problem and _is_same(row, mapped, value)

    def _propose(self, row: Row, value: Value) -> Iterator[tuple[str, str]]:
        """Yield source attributes with values that may give `value`, the most likely first."""
        if row.direct is not None:
            if row.direct not in _GIVEN:
                yield row.direct, str(value)
            return
        names = [name for name in dict.fromkeys(row.inputs) if name not in _GIVEN]
        unknown = [name for name in names if name not in self._known and name not in self.found]
        if len(unknown) > 1:
            return  # which part of the value came from which attribute is not known
        # A value that another row gave may be this one's in another case.
        for name in unknown or [name for name in names if name in self.found]:
            probe = _map(row, {**self.found, name: _PROBE})[0]
            if probe is not None and _is_same(row, probe, value):
                continue  # any value gives it
            for candidate in (str(value), *_cut_out(str(value), probe), *self._literals[id(row)]):
                yield name, candidate


def _rank(row: Row) -> tuple[bool, int, bool, bool]:
    """Sort rows: matching ones by precedence, required ones, those taken unchanged; `apply: always` before others."""
    return row.flow is not Flow.ALWAYS, row.match or 1_000_000, not row.attribute.required, row.direct is None


def _order_names(rows: Sequence[Row]) -> list[str]:
    """Return the names of source attributes as an entry has them: ids and names first, `accountEnabled` last."""
    names = dict.fromkeys(("objectId", NAME, *(name for row in rows for name in row.inputs)))
    return [*(name for name in names if name not in _GIVEN), ENABLED]


def _find_literals(row: Row) -> tuple[str, ...]:
    """Return the texts in quotes in a rule: the cases of a Switch, what an IIF compares with."""
    if row.direct is not None or not row.inputs:
        return ()
    found = (one or other for one, other in _LITERAL.findall(row.rule_text))
    return tuple(dict.fromkeys(text for text in found if text))[:_MOST_LITERALS]


def _cut_out(value: str, probe: Value | None) -> Iterator[str]:
    """Yield the part of `value` that stands where the probe does in the rule's result."""
    before, found, after = str(probe).partition(_PROBE) if probe is not None else ("", "", "")
    if not found and probe is not None:
        before, found, after = str(probe).partition(_PROBE.upper())
    if found and value.startswith(before) and value.endswith(after) and len(value) > len(before) + len(after):
        yield value[len(before) : len(value) - len(after)]


def _map(row: Row, source: Mapping[str, SourceValue]) -> tuple[Value | None, str]:
    """Return the value that a row gives, and why it gives none that can be used."""
    try:
        result = row.rule(source)
        return (None if isinstance(result, tuple) else parse_value(row.attribute, result)), ""
    except (MappingError, InvalidValueError) as exc:
        return None, str(exc)


def _is_same(row: Row, mapped: Value | None, live: Value | None) -> bool:
    """Whether a plan would leave the live value as it is."""
    if mapped == live:
        return True
    same = mapped is not None and live is not None and is_same_value(row.attribute, mapped, live)
    return same and not differs_in_case(row.attribute, mapped, live)
