"""Joining desired and live users by matching precedence.

Whatever is doubtful is a conflict: nobody involved is touched.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from reconciler.core.model import (
    AttributeMapping,
    DesiredUser,
    Diagnostic,
    LiveUser,
    error,
    select_matching_rows,
    user_address,
    warning,
)
from reconciler.core.paths import shorten_path
from reconciler.core.text import quote
from reconciler.core.values import to_comparable


@dataclass(slots=True)
class Matching:
    """Every desired user is in `pairs` or in conflict, every live user in `pairs`, `unclaimed` or left alone.

    A conflict that is a warning leaves the live user alone and pairs the desired one with nobody.
    """

    pairs: list[tuple[DesiredUser, LiveUser | None]] = field(default_factory=list)
    unclaimed: list[LiveUser] = field(default_factory=list)
    """Live users nobody desires: managed ones are candidates for removal."""
    conflicts: list[Diagnostic] = field(default_factory=list)
    unidentified: list[DesiredUser] = field(default_factory=list)
    """Users who could not be mapped so far that nobody knows which live account is theirs."""


def match_users(
    desired: Sequence[DesiredUser], live: Iterable[LiveUser], mappings: Sequence[AttributeMapping]
) -> Matching:
    """Matches by the rows with `match`, lowest number first; the first hit wins."""
    return _Matcher(desired, list(live), mappings).run()


class _Matcher:
    def __init__(
        self, desired: Sequence[DesiredUser], live: list[LiveUser], mappings: Sequence[AttributeMapping]
    ) -> None:
        rows = select_matching_rows(mappings)
        self._attributes = [row.attribute for row in rows]
        linking = (row.attribute for row in mappings if row.target == "externalId" and not row.once)
        self._external_id = next(linking, None)
        self._desired = desired
        self._live = live
        self._claims: dict[str, DesiredUser] = {}
        self._untouchable: set[str] = set()
        self._in_conflict: set[int] = set()
        self._matched: dict[int, LiveUser] = {}
        self._result = Matching()

    def run(self) -> Matching:
        for level in range(len(self._attributes)):
            self._refuse_twins(level)
        for level in range(len(self._attributes)):
            self._claim(level)
        for user in self._desired:
            if id(user) not in self._in_conflict:
                self._pair(user)
        self._result.unclaimed = [
            user for user in self._live if user.id not in self._claims and user.id not in self._untouchable
        ]
        return self._result

    def _refuse_twins(self, level: int) -> None:
        """Two desired users with one matching value: which of them is meant cannot be known."""
        first: dict[Hashable, DesiredUser] = {}
        twins: dict[Hashable, list[DesiredUser]] = {}
        for user in self._desired:
            value = user.match[level]
            if value is not None and (other := first.setdefault(value, user)) is not user:
                twins.setdefault(value, [other]).append(user)
        for users in twins.values():
            users.sort(key=lambda user: user.key)
            for user in users:
                self._twin(user, users[0] if user is not users[0] else users[1], level)

    def _twin(self, user: DesiredUser, other: DesiredUser, level: int) -> None:
        place = f" ({other.origin})" if other.origin else ""
        value = quote(str(user.match[level]))
        self._conflict(
            user,
            f"{self._name(level)} {value} is also used by {quote(other.key)}{place}",
            "Two users cannot share one account: correct one of them.",
        )

    def _claim(self, level: int) -> None:
        index = self._index(level)
        for user in self._desired:
            if id(user) in self._matched:
                continue
            value = user.match[level]
            hits = index.get(value, ()) if value is not None else ()
            if id(user) in self._in_conflict or len(hits) > 1:
                self._untouchable.update(hit.id for hit in hits)
            if len(hits) > 1:
                names = ", ".join(sorted(quote(hit.user_name or hit.id) for hit in hits))
                self._conflict(
                    user,
                    f"{len(hits)} live accounts have the {self._name(level)} {quote(str(value))}: {names}",
                    "At the target, remove or correct the accounts that are not this user's.",
                )
            elif hits and id(user) not in self._in_conflict and hits[0].id not in self._claims:
                self._take(user, hits[0], level)

    def _index(self, level: int) -> dict[Hashable, list[LiveUser]]:
        index: dict[Hashable, list[LiveUser]] = {}
        for user in self._live:
            value = user.match[level]
            if value is not None:
                index.setdefault(value, []).append(user)
        return index

    def _take(self, user: DesiredUser, hit: LiveUser, level: int) -> None:
        foreign = self._foreign(user, hit, level)
        if foreign is None:
            self._claims[hit.id] = user
            self._matched[id(user)] = hit
            return
        # Somebody else's account, or this person's earlier one: linking it would hand it over.
        self._untouchable.add(hit.id)
        name, value = foreign
        summary = (
            f"{self._name(level)} {quote(str(user.match[level]))} belongs to a live account with another "
            f"{name} ({quote(value)})"
        )
        if user.verdict.in_scope or user.failed:
            way_out = f"correct {name} here or at the target; else choose another {self._name(level)}."
            self._conflict(user, summary, f"If it is the same person, {way_out}")
        else:
            self._needs_none(user, summary)

    def _foreign(self, user: DesiredUser, hit: LiveUser, level: int) -> tuple[str, str] | None:
        """What says that `hit` is somebody else: a value of higher precedence, or an externalId of any."""
        for other in range(len(self._attributes)):
            anchor = self._attributes[other].path == "externalId"
            theirs = hit.match[other]
            if (other < level or (anchor and other != level)) and theirs is not None and theirs != user.match[other]:
                return self._name(other), str(theirs)
        if self._external_id is None or user.anchor is None or self._attributes[level].path == "externalId":
            return None
        # Also where its mapping has no `match`: the account was linked with somebody.
        theirs = to_comparable(self._external_id, hit.external_id)
        return None if theirs in (None, user.anchor) else ("externalId", str(hit.external_id))

    def _pair(self, user: DesiredUser) -> None:
        hit = self._matched.get(id(user))
        if hit is None:
            if user.failed and None in user.match:
                self._result.unidentified.append(user)
            self._result.pairs.append((user, None))
        elif hit.unreadable is not None:
            self._conflict(user, f"the live account cannot be read: {hit.unreadable}", "Correct it at the target.")
        elif user.verdict.in_scope and not user.failed and not hit.managed and not hit.adoptable:
            self._conflict(
                user,
                f"the live account {quote(hit.user_name)} is not managed: the ownership filter excludes it",
                "Change `ownership` in settings.yaml if this directory should manage it.",
            )
        elif user.verdict.in_scope and not user.failed and not hit.managed and user.anchor is None:
            # Without a link it would be written to, but never managed.
            self._conflict(
                user,
                f"the live account {quote(hit.user_name)} is not managed, and there is no externalId to link it with",
                "Give the mapping of externalId a value for this user.",
            )
        else:
            self._result.pairs.append((user, hit))

    def _conflict(self, user: DesiredUser, summary: str, detail: str) -> None:
        self._in_conflict.add(id(user))
        self._result.conflicts.append(error(summary, detail, user.origin, user_address(user.key)))

    def _needs_none(self, user: DesiredUser, summary: str) -> None:
        """Somebody out of scope wants no account: that the one by their name is another's is worth a warning only."""
        self._in_conflict.add(id(user))
        self._result.pairs.append((user, None))
        detail = "The user is out of scope: the account is left untouched."
        self._result.conflicts.append(warning(summary, detail, user.origin, user_address(user.key)))

    def _name(self, level: int) -> str:
        return shorten_path(self._attributes[level].path)
