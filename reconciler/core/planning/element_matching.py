"""Which element of a live list a mapping with a filter is about, if the filter finds none.

Some services do not keep `type` or `primary`. An element without it then counts as the one of the mapping if it has the
wanted value, or if it is the only one that no other mapping accounts for. What the live users show decides first: a
service that shows the sub-attribute anywhere keeps it, and an element without it is another's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.elements import is_unlabelled
from reconciler.core.model import (
    AttributeMapping,
    AttributePath,
    Attributes,
    DesiredUser,
    Diagnostic,
    Flow,
    LiveUser,
    Value,
    error,
    format_user_address,
)
from reconciler.core.paths import Path, get, parse
from reconciler.core.text import pluralize, quote
from reconciler.core.values import InvalidValueError, is_same_value, parse_value

Pairs = list[tuple[DesiredUser, LiveUser | None]]
_NAMED = 3
"""How many users an error names."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the mappings say about one element: its filter, and the rows of its sub-attributes."""

    path: Path
    rows: tuple[AttributeMapping, ...]

    @property
    def holder(self) -> str:
        return str(Path(self.path.urn, self.path.attribute))

    def is_open(self, live: LiveUser) -> bool:
        """Whether the filter finds no element of the user, and there are others."""
        return any(row.target in live.unselected for row in self.rows)

    def elements(self, live: LiveUser) -> Sequence[Mapping[str, Any]]:
        return next(live.unselected[row.target] for row in self.rows if row.target in live.unselected)

    def carries(self, element: Mapping[str, Any], wanted: Attributes) -> bool:
        """Whether the element has each wanted value, of which there must be one."""
        values = [(row, wanted[row.target]) for row in self.rows if row.target in wanted]
        return bool(values) and all(is_same_value(row.attribute, value, read(row, element)) for row, value in values)

    def is_wanted(self, wanted: Attributes, live: LiveUser) -> bool:
        """Whether a row would change an element."""
        return any(
            row.flow is not Flow.CREATE and (row.target in wanted or (row.clear and bool(live.unselected)))
            for row in self.rows
        )


def read(row: AttributeMapping, element: Mapping[str, Any]) -> Value | None:
    """Read the value of a row from an element; None if it has none of the right type."""
    try:
        return parse_value(row.attribute, get(element, parse(row.target).sub or "value"))
    except InvalidValueError:
        return None


def match_elements(
    pairs: Pairs,
    live: Sequence[LiveUser],
    mappings: Sequence[AttributeMapping],
    others: Collection[AttributePath] = (),
) -> tuple[Pairs, list[Diagnostic]]:
    """Return the pairs with live users whose elements were matched to the mappings, and what could not be.

    `others`: attributes of users that are not in `live`, whose elements all filters find.
    """
    if not any(user.unselected for user in live):
        return pairs, []
    matcher = _ElementMatcher(_find_claims(mappings), live, others)
    return [matcher.match(user, found) for user, found in pairs], matcher.report()


def settle_elements(
    live: LiveUser,
    before: Attributes,
    after: Attributes,
    mappings: Iterable[AttributeMapping],
    *,
    created: bool = False,
) -> LiveUser:
    """Return a live user as a change from `before` to `after` sees it. `created`: the change creates the user.

    An element without what the filter names counts if it has the value before the change, else if it has that after it.
    Whatever is shown of a user that was just created is what the service made of the request.
    """
    if not live.unselected:
        return live
    attributes = dict(live.attributes)
    for row in mappings:
        if row.target in live.unselected:
            path = parse(row.target)
            elements = [each for each in live.unselected[row.target] if created or is_unlabelled(dict(each), path)]
            shown = [read(row, element) for element in elements]
            values = [value for value in (before.get(row.target), after.get(row.target)) if value is not None]
            value = next((each for each in values if _has_value(row, shown, each)), None)
            if value is None and created and len(shown) == 1:
                value = shown[0]  # perhaps in another form
            attributes.pop(row.target, None)
            if value is not None:
                attributes[row.target] = value
    return replace(live, attributes=attributes)


def _has_value(row: AttributeMapping, shown: Sequence[Value | None], value: Value) -> bool:
    return any(is_same_value(row.attribute, value, each) for each in shown)


def _find_claims(mappings: Iterable[AttributeMapping]) -> list[_Claim]:
    claims: dict[Path, list[AttributeMapping]] = {}
    for row in mappings:
        path = parse(row.target)
        if path.filter is not None and row.is_read:
            claims.setdefault(replace(path, sub=None), []).append(row)
    return [_Claim(path, tuple(rows)) for path, rows in claims.items()]


class _ElementMatcher:
    """Matches the elements of each user; collects the users for which that is not possible."""

    def __init__(self, claims: Sequence[_Claim], live: Sequence[LiveUser], others: Collection[AttributePath]) -> None:
        self._claims: dict[str, list[_Claim]] = {}
        for claim in claims:
            self._claims.setdefault(claim.holder, []).append(claim)
        elsewhere = {claim.path for claim in claims if any(row.target in others for row in claim.rows)}
        self._kept = elsewhere | {claim.path for claim in claims if any(_shows_label(claim, user) for user in live)}
        self._found = elsewhere | {claim.path for claim in claims if any(_shows_element(claim, user) for user in live)}
        self._doubtful: dict[Path, list[DesiredUser]] = {}
        self._rows = {claim.path: claim.rows[0] for claim in claims}

    def match(self, user: DesiredUser, live: LiveUser | None) -> tuple[DesiredUser, LiveUser | None]:
        """Return the user and the live user with the values of the elements that are the mappings'.

        What cannot be distinguished is neither wanted nor shown, so that nothing is planned for it.
        """
        if live is None or not live.unselected:
            return user, live
        wanted, shown = dict(user.attributes), dict(live.attributes)
        for claims in self._claims.values():
            opened = [claim for claim in claims if claim.is_open(live)]
            found, doubtful = self._match_list(opened, user, live)
            for path in (row.target for claim in opened for row in claim.rows):
                shown.pop(path, None)
            shown.update(found)
            for path in (row.target for claim in doubtful for row in claim.rows):
                wanted.pop(path, None)
        return replace(user, attributes=wanted), replace(live, attributes=shown)

    def _match_list(
        self, claims: Sequence[_Claim], user: DesiredUser, live: LiveUser
    ) -> tuple[dict[AttributePath, Value], list[_Claim]]:
        """Match the elements of one list, first by the wanted values; also return the claims that are in doubt."""
        found: dict[AttributePath, Value] = {}
        taken: list[Mapping[str, Any]] = []
        left: list[_Claim] = []
        for claim in claims:
            element = self._find_carrier(claim, user.attributes, live, taken)
            if element is None:
                left.append(claim)
            else:
                taken.append(element)
                found.update(_read_element(claim, element))
        doubtful = []
        for claim in left:
            elements = self._find_rest(claim, live, taken)
            if len(elements) == 1 and len(left) == 1:
                found.update(_read_element(claim, elements[0]))
            elif elements and user.verdict.in_scope and claim.is_wanted(user.attributes, live):
                doubtful.append(claim)
                self._doubtful.setdefault(claim.path, []).append(user)
        return found, doubtful

    def _find_carrier(
        self, claim: _Claim, wanted: Attributes, live: LiveUser, taken: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, Any] | None:
        """Find an element that has the wanted values; not one with another label if the service keeps labels."""
        for element in claim.elements(live):
            is_free = not any(element is each for each in taken)
            is_possible = claim.path not in self._found or is_unlabelled(dict(element), claim.path)
            if is_free and is_possible and claim.carries(element, wanted):
                return element
        return None

    def _find_rest(self, claim: _Claim, live: LiveUser, taken: Sequence[Any]) -> list[Mapping[str, Any]]:
        """Find the different elements that may be the claim's although they have other values."""
        elements: list[Mapping[str, Any]] = []
        for element in claim.elements(live) if claim.path not in self._kept else ():
            is_free = not any(element is each for each in taken) and element not in elements
            if is_free and is_unlabelled(dict(element), claim.path):
                elements.append(element)
        return elements

    def report(self) -> list[Diagnostic]:
        """Report the users whose elements could not be distinguished: one error for each filter."""
        return [self._report_doubt(path, users) for path, users in self._doubtful.items()]

    def _report_doubt(self, path: Path, users: Sequence[DesiredUser]) -> Diagnostic:
        names = " and ".join(name for name, _ in path.filter or ())
        attribute = str(Path(path.urn, path.attribute))
        keys = ", ".join(quote(user.key) for user in users[:_NAMED])
        more = f" and {pluralize(len(users) - _NAMED, 'other user')}" if len(users) > _NAMED else ""
        return error(
            f"the service does not keep {names} of {attribute}: which of several elements is {path} is not known",
            (
                f"It is left as it is for {keys}{more}; their other attributes are changed.",
                f"Remove the elements of {attribute} that are not wanted at the service, until one is left.",
                *_advise(path),
            ),
            self._rows[path].origin,
            format_user_address(users[0].key),
        )


def _advise(path: Path) -> list[str]:
    if any(name.casefold() == "primary" for name, _ in path.filter or ()):
        return []
    row = str(Path(path.urn, path.attribute, (("primary", True),), "value"))
    return [f"If the service keeps primary, map {row} instead."]


def _read_element(claim: _Claim, element: Mapping[str, Any]) -> dict[AttributePath, Value]:
    values = {row.target: read(row, element) for row in claim.rows}
    return {path: value for path, value in values.items() if value is not None}


def _shows_element(claim: _Claim, user: LiveUser) -> bool:
    """Whether the filter finds an element of the user."""
    return any(row.target in user.attributes and row.target not in user.unselected for row in claim.rows)


def _shows_label(claim: _Claim, user: LiveUser) -> bool:
    """Whether an element of the user has what the filter names."""
    if _shows_element(claim, user):
        return True
    names = [name for name, _ in claim.path.filter or ()]
    return claim.is_open(user) and any(
        get(dict(element), name) is not None for element in claim.elements(user) for name in names
    )
