"""Compare the users of two desired states, and find edits without an effect today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from reconciler.core.model import DesiredUser, Lifecycle, Value
from reconciler.core.plan import Attribution, Change, LaterEdit
from reconciler.core.planning.user_selection import collect_names
from reconciler.core.text import quote
from reconciler.core.values import fold_case


@dataclass(frozen=True, slots=True)
class UserIndex:
    """The users of a desired state, indexed to find the same user of another one."""

    by_key: dict[str, DesiredUser]
    by_match: dict[tuple[int, Value], DesiredUser]

    @classmethod
    def of(cls, users: Iterable[DesiredUser]) -> UserIndex:
        """Index `users`."""
        by_key, by_match = {}, {}
        for user in users:
            by_key[fold_case(user.key)] = user
            by_match.update({(level, value): user for level, value in enumerate(user.match) if value is not None})
        return cls(by_key, by_match)

    def find(self, user: DesiredUser) -> DesiredUser | None:
        """Find the same user by the matching attributes in order of precedence, else by key."""
        for level, value in enumerate(user.match):
            if value is not None and (level, value) in self.by_match:
                return self.by_match[level, value]
        return self.by_key.get(fold_case(user.key))


def find_later_edits(
    before: Sequence[DesiredUser], after: Sequence[DesiredUser], changes: Iterable[Change]
) -> tuple[LaterEdit, ...]:
    """Find the edits between two desired states that change nothing today, sorted by key.

    They are dates that do not change whether a user is in scope, and users out of scope that were added or removed.
    `changes` are the attributed changes of the plan. Users that could not be mapped have diagnostics instead.
    """
    touched: set[str] = set()
    for change in changes:
        if change.attribution is Attribution.THIS_CHANGE_SET:
            touched |= collect_names(change)
    base, head = UserIndex.of(before), UserIndex.of(after)
    found = [
        *_find_date_edits(base, after),
        *_find_unmatched(base, after, touched, "new, not in scope"),
        *_find_unmatched(head, before, touched, "no longer in the desired state, was not in scope"),
    ]
    return tuple(sorted(found, key=lambda edit: (fold_case(edit.key), edit.key, edit.detail)))


def _find_date_edits(base: UserIndex, after: Iterable[DesiredUser]) -> Iterator[LaterEdit]:
    for user in after:
        was = base.find(user)
        if was is None or was.lifecycle == user.lifecycle or was.verdict.in_scope is not user.verdict.in_scope:
            continue
        dates = ", ".join(_format_dates(was.lifecycle, user.lifecycle))
        if dates:
            yield LaterEdit(user.key, dates)


def _format_dates(before: Lifecycle, after: Lifecycle) -> Iterator[str]:
    for name, was, now in (("starts", before.starts, after.starts), ("expires", before.expires, after.expires)):
        if was != now:
            yield f"lifecycle.{name} = {_format_day(was)} -> {_format_day(now)}"


def _format_day(day: date | None) -> str:
    return quote(str(day)) if day is not None else "null"


def _find_unmatched(
    other: UserIndex, users: Iterable[DesiredUser], touched: set[str], label: str
) -> Iterator[LaterEdit]:
    """Find users that only one desired state has, out of scope."""
    for user in users:
        if user.verdict.in_scope or user.failed or other.find(user) is not None:
            continue
        if touched.isdisjoint(
            {fold_case(user.key), *(fold_case(str(value)) for value in user.match if value is not None)}
        ):
            yield LaterEdit(user.key, f"{label}: {user.verdict.text or user.verdict.reason.value}")
