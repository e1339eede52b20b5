"""Values that must be unique (`SelectUniqueValue`): who among the new users gets which of the candidates.

Decided user by user in the order of their names, so that a plan made again after a part of it was applied gives the
rest the same values: whoever exists by then holds live what it was given here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.model import (
    AttributeMapping,
    Attributes,
    DesiredUser,
    Diagnostic,
    LiveUser,
    Value,
    error,
    user_address,
)
from reconciler.core.paths import shorten_path
from reconciler.core.profile import Attribute
from reconciler.core.text import pluralize, quote, shorten
from reconciler.core.values import fold_case, to_comparable

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ChosenValues:
    """The values chosen, by the key of the user; whoever got none is in `problems` and must not be created."""

    values: Mapping[str, Attributes] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()


def choose_values(
    newcomers: Iterable[DesiredUser],
    live: Iterable[LiveUser],
    mappings: Sequence[AttributeMapping],
    reserved: Iterable[str],
) -> ChosenValues:
    """For each unique attribute of each new user the first candidate that nobody has, in the live state or here.

    `reserved` are folded user names that the target still keeps for deleted accounts.
    """
    waiting = sorted((user for user in newcomers if user.candidates), key=lambda user: (fold_case(user.key), user.key))
    if not waiting:
        return ChosenValues()
    attributes = {row.target: row.attribute for row in mappings if row.unique}
    holders = {path: _holders(attribute, live) for path, attribute in attributes.items()}
    if "userName" in holders:
        holders["userName"] |= dict.fromkeys(reserved, "a recently deleted account")
    values: dict[str, Attributes] = {}
    problems: list[Diagnostic] = []
    for user in waiting:
        chosen = {path: _first_free(attributes[path], those, holders[path]) for path, those in user.candidates}
        lacking = [path for path, value in chosen.items() if value is None]
        if lacking:
            problems += [_problem(user, attributes[path], holders[path]) for path in lacking]
            continue
        values[user.key] = {path: value for path, value in chosen.items() if value is not None}
        for path, value in values[user.key].items():
            holders[path][to_comparable(attributes[path], value)] = quote(user.key)
    return ChosenValues(values, tuple(problems))


_Holders = dict[Value | None, str]
"""Who has a value, in comparable form, in words."""


def _holders(attribute: Attribute, live: Iterable[LiveUser]) -> _Holders:
    return {
        to_comparable(attribute, value): f"the live account {quote(user.user_name or user.id)}"
        for user in live
        if (value := user.attributes.get(attribute.path)) is not None
    }


def _first_free(attribute: Attribute, candidates: Iterable[Value], holders: _Holders) -> Value | None:
    return next((value for value in candidates if to_comparable(attribute, value) not in holders), None)


def _problem(user: DesiredUser, attribute: Attribute, holders: _Holders) -> Diagnostic:
    candidates = dict(user.candidates)[attribute.path]
    told = [
        f"{quote(shorten(str(value), 80))} is used by {holders[to_comparable(attribute, value)]}"
        for value in candidates[:_SHOWN]
    ]
    more = f", and {pluralize(len(candidates) - _SHOWN, 'other')}" if len(candidates) > _SHOWN else ""
    summary = f"no value for {shorten_path(attribute.path)} is free"
    detail = f"{'; '.join(told)}{more}. Add a rule to SelectUniqueValue."
    return error(summary, detail, user.origin, user_address(user.key))
