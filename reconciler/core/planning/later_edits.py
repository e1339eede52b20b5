"""The people of two desired states side by side, and what is written anew about them without an effect today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from reconciler.core.model import DesiredUser, Lifecycle, Value
from reconciler.core.plan import Attribution, Change, LaterEdit
from reconciler.core.planning.planner import collect_names
from reconciler.core.text import quote
from reconciler.core.values import fold_case


@dataclass(frozen=True, slots=True)
class UserIndex:
    """The users of a desired state, to be found by those of another."""

    by_key: dict[str, DesiredUser]
    by_match: dict[tuple[int, Value], DesiredUser]

    @classmethod
    def of(cls, users: Iterable[DesiredUser]) -> UserIndex:
        """An index of `users`."""
        by_key, by_match = {}, {}
        for user in users:
            by_key[fold_case(user.key)] = user
            by_match.update({(level, value): user for level, value in enumerate(user.match) if value is not None})
        return cls(by_key, by_match)

    def find(self, user: DesiredUser) -> DesiredUser | None:
        """The same person, by the matching attributes in order of precedence, else by name."""
        for level, value in enumerate(user.match):
            if value is not None and (level, value) in self.by_match:
                return self.by_match[level, value]
        return self.by_key.get(fold_case(user.key))


def find_later_edits(
    before: Sequence[DesiredUser], after: Sequence[DesiredUser], changes: Iterable[Change]
) -> tuple[LaterEdit, ...]:
    """What `after` says anew about people that changes nothing today, by name; `changes`: attributed ones.

    Dates that leave somebody in or out of scope; people who come or go without being in scope. Those who could not be
    mapped have diagnostics of their own.
    """
    touched: set[str] = set()
    for change in changes:
        if change.attribution is Attribution.THIS_CHANGE_SET:
            touched |= collect_names(change)
    base, head = UserIndex.of(before), UserIndex.of(after)
    found = [
        *_edited(base, after),
        *_outside(base, after, touched, "new, not in scope"),
        *_outside(head, before, touched, "no longer in the desired state, was not in scope"),
    ]
    return tuple(sorted(found, key=lambda edit: (fold_case(edit.key), edit.key, edit.detail)))


def _edited(base: UserIndex, after: Iterable[DesiredUser]) -> Iterator[LaterEdit]:
    for user in after:
        was = base.find(user)
        if was is None or was.lifecycle == user.lifecycle or was.verdict.in_scope is not user.verdict.in_scope:
            continue
        dates = ", ".join(_dates(was.lifecycle, user.lifecycle))
        if dates:
            yield LaterEdit(user.key, dates)


def _dates(before: Lifecycle, after: Lifecycle) -> Iterator[str]:
    for name, was, now in (("starts", before.starts, after.starts), ("expires", before.expires, after.expires)):
        if was != now:
            yield f"lifecycle.{name} = {_said(was)} -> {_said(now)}"


def _said(day: date | None) -> str:
    return quote(str(day)) if day is not None else "null"


def _outside(other: UserIndex, users: Iterable[DesiredUser], touched: set[str], how: str) -> Iterator[LaterEdit]:
    """Those who are written on one side only, and not in scope there."""
    for user in users:
        if user.verdict.in_scope or user.failed or other.find(user) is not None:
            continue
        if touched.isdisjoint(
            {fold_case(user.key), *(fold_case(str(value)) for value in user.match if value is not None)}
        ):
            yield LaterEdit(user.key, f"{how}: {user.verdict.text or user.verdict.reason.value}")
