"""Choose unique values (`SelectUniqueValue`) for new users from their candidates.

Users choose in the order of their keys, so that planning again after a partial apply gives the remaining users the same
values: the created users then hold theirs in the live state.
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
    format_user_address,
)
from reconciler.core.paths import shorten_path
from reconciler.core.profile import Attribute
from reconciler.core.text import pluralize, quote, shorten
from reconciler.core.values import fold_case, to_comparable

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ChosenValues:
    """The chosen values by user key. A user without one is in `problems` and must not be created."""

    values: Mapping[str, Attributes] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()


def choose_values(
    newcomers: Iterable[DesiredUser],
    live: Iterable[LiveUser],
    mappings: Sequence[AttributeMapping],
    reserved: Iterable[str],
) -> ChosenValues:
    """Choose the first free candidate for each unique attribute of each new user.

    A candidate is free if no live user has it and no earlier new user chose it. `reserved`: folded user names of
    deleted accounts that the target still reserves.
    """
    waiting = sorted((user for user in newcomers if user.candidates), key=lambda user: (fold_case(user.key), user.key))
    if not waiting:
        return ChosenValues()
    attributes = {row.target: row.attribute for row in mappings if row.unique}
    holders = {path: _find_holders(attribute, live) for path, attribute in attributes.items()}
    if "userName" in holders:
        holders["userName"] |= dict.fromkeys(reserved, "a recently deleted account")
    values: dict[str, Attributes] = {}
    problems: list[Diagnostic] = []
    for user in waiting:
        chosen = {path: _find_free(attributes[path], those, holders[path]) for path, those in user.candidates}
        lacking = [path for path, value in chosen.items() if value is None]
        if lacking:
            problems += [_report_no_candidate(user, attributes[path], holders[path]) for path in lacking]
            continue
        values[user.key] = {path: value for path, value in chosen.items() if value is not None}
        for path, value in values[user.key].items():
            holders[path][to_comparable(attributes[path], value)] = quote(user.key)
    return ChosenValues(values, tuple(problems))


_Holders = dict[Value | None, str]
"""Comparable value -> description of the user that holds it."""


def _find_holders(attribute: Attribute, live: Iterable[LiveUser]) -> _Holders:
    return {
        to_comparable(attribute, value): f"the live account {quote(user.user_name or user.id)}"
        for user in live
        if (value := user.attributes.get(attribute.path)) is not None
    }


def _find_free(attribute: Attribute, candidates: Iterable[Value], holders: _Holders) -> Value | None:
    return next((value for value in candidates if to_comparable(attribute, value) not in holders), None)


def _report_no_candidate(user: DesiredUser, attribute: Attribute, holders: _Holders) -> Diagnostic:
    candidates = dict(user.candidates)[attribute.path]
    taken = [
        f"{quote(shorten(str(value), 80))} is used by {holders[to_comparable(attribute, value)]}"
        for value in candidates[:_SHOWN]
    ]
    more = f", and {pluralize(len(candidates) - _SHOWN, 'other')}" if len(candidates) > _SHOWN else ""
    summary = f"no value for {shorten_path(attribute.path)} is free"
    detail = f"{'; '.join(taken)}{more}. Add a rule to SelectUniqueValue."
    return error(summary, detail, user.origin, format_user_address(user.key))
