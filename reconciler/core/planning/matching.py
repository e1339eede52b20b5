"""Match desired and live users by matching precedence.

An ambiguous match is a conflict: no user involved is changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from reconciler.core.model import (
    AttributeMapping,
    DesiredUser,
    Diagnostic,
    LiveUser,
    Value,
    error,
    format_user_address,
    select_matching_rows,
    warning,
)
from reconciler.core.paths import shorten_path
from reconciler.core.planning.relinking import Relinking, suggest_relinking
from reconciler.core.policy import NO_RELINKING, RelinkRules
from reconciler.core.profile import Attribute
from reconciler.core.text import format_names, pluralize, quote
from reconciler.core.values import to_comparable

_REMOVE_DUPLICATES = "At the target, remove or correct the accounts that are not this user's."
_SHOWN = 5
_MANY = 3


@dataclass(slots=True)
class Matching:
    """Every desired user is in `pairs` or in conflict; every live user is in `pairs`, `unclaimed` or left untouched.

    The conflict of a user out of scope leaves the live user untouched and pairs the desired one with None.
    """

    pairs: list[tuple[DesiredUser, LiveUser | None]] = field(default_factory=list)
    unclaimed: list[LiveUser] = field(default_factory=list)
    """Live users without a desired user: managed ones are candidates for removal."""
    conflicts: list[Diagnostic] = field(default_factory=list)
    sharing: list[DesiredUser] = field(default_factory=list)
    """Users that share a matching value with another, and whose other values lead to no live account."""
    relinked: set[str] = field(default_factory=set)
    """Live ids of the accounts in `pairs` that have another externalId than their user, as `relink` permits."""
    open_relink: bool = False
    """Whether `relink.ids` names an account whose user is not known: any new user may be that one."""


def match_users(
    desired: Sequence[DesiredUser],
    live: Iterable[LiveUser],
    mappings: Sequence[AttributeMapping],
    rules: RelinkRules = NO_RELINKING,
    others: int = 0,
) -> Matching:
    """Match by the rows with `match`, lowest number first; the first hit wins. `rules`: what may be relinked.

    `others`: how many managed accounts are not in `live`.
    """
    # Users are distinguished by identity.
    return _Matcher(list(desired), list(live), mappings, rules, others).run()


class _Matcher:
    def __init__(
        self,
        desired: Sequence[DesiredUser],
        live: list[LiveUser],
        mappings: Sequence[AttributeMapping],
        rules: RelinkRules,
        others: int,
    ) -> None:
        rows = select_matching_rows(mappings)
        self._attributes = [row.attribute for row in rows]
        self._linking_rows = [row for row in mappings if row.target == "externalId"]
        self._linking = next((row.attribute for row in self._linking_rows), None)
        self._external_id = next((row.attribute for row in self._linking_rows if not row.once), None)
        self._relinking = Relinking(rules, self._external_id, desired, live)
        self._desired = self._relinking.hold_users()
        self._live = live
        self._others = others
        self._claims: dict[str, DesiredUser] = {}
        self._untouchable: set[str] = set()
        self._in_conflict: set[int] = set()
        self._shared_levels: dict[int, set[int]] = {}
        self._located: set[int] = set()
        self._foreign: list[LiveUser] = []
        self._anchors: set[Value | None] | None = None
        self._matched: dict[int, LiveUser] = {}
        self._result = Matching()

    def run(self) -> Matching:
        for level in range(len(self._attributes)):
            self._report_duplicates(level)
        for level in range(len(self._attributes)):
            self._claim_level(level)
        if self._linking is not None:
            self._check_external_ids(self._linking)
        for user in self._desired:
            if id(user) not in self._in_conflict:
                self._add_pair(user)
        self._result.sharing = [
            user for user in self._desired if id(user) in self._shared_levels and id(user) not in self._located
        ]
        unclaimed = [user for user in self._live if user.id not in self._claims and user.id not in self._untouchable]
        self._result.unclaimed, self._result.open_relink = self._relinking.keep_unmatched(unclaimed)
        self._result.conflicts += self._relinking.problems
        self._suggest_relinking()
        return self._result

    def _suggest_relinking(self) -> None:
        """Suggest `relink` if the accounts look like those of a former identity provider."""
        managed = self._others + sum(user.managed for user in self._live)
        if len(self._foreign) >= _MANY and 2 * len(self._foreign) >= managed:
            self._result.conflicts.append(suggest_relinking(len(self._foreign)))

    def _report_duplicates(self, level: int) -> None:
        """Report desired users that share a matching value: which one owns the account is unknown."""
        first: dict[Hashable, DesiredUser] = {}
        duplicates: dict[Hashable, list[DesiredUser]] = {}
        for user in self._desired:
            value = user.match[level]
            if value is not None and (other := first.setdefault(value, user)) is not user:
                duplicates.setdefault(value, [other]).append(user)
        for users in duplicates.values():
            users.sort(key=lambda user: user.key)
            for user in users:
                self._shared_levels.setdefault(id(user), set()).add(level)
                self._report_duplicate(user, users[0] if user is not users[0] else users[1], level)

    def _report_duplicate(self, user: DesiredUser, other: DesiredUser, level: int) -> None:
        where = f" ({other.origin})" if other.origin else ""
        value = quote(str(user.match[level]))
        self._report_conflict(
            user,
            f"{self._name_attribute(level)} {value} is also used by {quote(other.key)}{where}",
            "Two users cannot share one account: correct one of them.",
        )

    def _claim_level(self, level: int) -> None:
        index = self._index_live(level)
        # Many users can share a value that many accounts have: each such value is looked at once.
        ambiguous: dict[Hashable, str] = {}
        for user in self._desired:
            if id(user) in self._matched:
                continue
            value = user.match[level]
            hits = index.get(value, ()) if value is not None else ()
            if hits and level not in self._shared_levels.get(id(user), ()):
                self._located.add(id(user))
            if len(hits) > 1 and value not in ambiguous:
                self._untouchable.update(hit.id for hit in hits)
                ambiguous[value] = _describe_duplicates(hits, self._name_attribute(level), str(value))
            if value in ambiguous:
                self._report_conflict(user, ambiguous[value], _REMOVE_DUPLICATES)
            elif hits and id(user) in self._in_conflict:
                self._untouchable.add(hits[0].id)
            elif hits and hits[0].id not in self._claims:
                self._claim_account(user, hits[0], level)

    def _index_live(self, level: int) -> dict[Hashable, list[LiveUser]]:
        index: dict[Hashable, list[LiveUser]] = {}
        relinks = self._relinking.translates and self._attributes[level].path == "externalId"
        resolve = self._relinking.resolve if relinks else None
        for user in self._live:
            value = user.match[level]
            if value is not None:
                index.setdefault(resolve(value) if resolve is not None else value, []).append(user)
        return index

    def _claim_account(self, user: DesiredUser, hit: LiveUser, level: int) -> None:
        owner = self._find_other_owner(user, hit, level)
        if owner is None:
            self._claims[hit.id] = user
            self._matched[id(user)] = hit
            if self._has_other_external_id(user, hit):
                self._result.relinked.add(hit.id)
            return
        # Another user's account, or an earlier one of the same person: linking would hand it over.
        self._untouchable.add(hit.id)
        name, value = owner
        which = "live" if hit.active else "deactivated"
        summary = (
            f"{self._name_attribute(level)} {quote(str(user.match[level]))} belongs to a {which} account with another "
            f"{name} ({quote(value)})"
        )
        if user.verdict.in_scope or user.failed:
            fix = self._explain_relink(name, value, hit)
            other = f"choose another {self._name_attribute(level)}"
            if not hit.active and self._attributes[level].path == "userName":
                other += ", or free this one (docs/relinking.md)"
            detail = f"If it is the same person, {fix}; else {other}."
            if name == "externalId" and not self._is_desired(hit):
                self._foreign.append(hit)
            self._report_conflict(user, summary, detail)
        else:
            self._skip_account(user, hit, summary)

    def _is_desired(self, hit: LiveUser) -> bool:
        """Whether a user has the externalId of this account."""
        if self._anchors is None:
            self._anchors = {user.anchor for user in self._desired}
        return self._linking is not None and to_comparable(self._linking, hit.external_id) in self._anchors

    def _explain_relink(self, name: str, value: str, hit: LiveUser) -> str:
        """Return how an account with another `name` becomes the user's."""
        if name != "externalId" or self._linking is None:
            return f"correct {name} here or at the target"
        given = self._relinking.find_row(hit)
        if given is not None:
            return f"correct the row of relink.ids that gives the account {quote(given.new)} ({given.origin})"
        source = next((row.direct for row in self._linking_rows if row.direct), None)
        if source is None:
            return "relink the account (docs/relinking.md)"
        return f"write `{source}: {quote(value)}` in the user's entry, or relink the account (docs/relinking.md)"

    def _has_other_external_id(self, user: DesiredUser, hit: LiveUser) -> bool:
        """Whether the account has another externalId than the user, which `relink` permits to change."""
        if not self._relinking.active or self._external_id is None or user.anchor is None:
            return False
        return to_comparable(self._external_id, hit.external_id) not in (None, user.anchor)

    def _find_other_owner(self, user: DesiredUser, hit: LiveUser, level: int) -> tuple[str, str] | None:
        """Return the name and value that make `hit` another user's: of higher precedence, or any externalId."""
        for other in range(len(self._attributes)):
            anchor = self._attributes[other].path == "externalId"
            theirs = hit.match[other]
            if (other < level or (anchor and other != level)) and theirs is not None and theirs != user.match[other]:
                if anchor and self._may_relink(user, hit, level):
                    continue
                return self._name_attribute(other), str(theirs)
        if self._external_id is None or user.anchor is None or self._attributes[level].path == "externalId":
            return None
        # Even if its mapping has no `match`: the account is linked to another user.
        theirs = to_comparable(self._external_id, hit.external_id)
        same = theirs in (None, user.anchor) or self._may_relink(user, hit, level)
        return None if same else ("externalId", str(hit.external_id))

    def _may_relink(self, user: DesiredUser, hit: LiveUser, level: int) -> bool:
        """Whether `relink` permits to link an account with another externalId to the user."""
        if self._external_id is None or user.anchor is None or not self._relinking.active:
            return False
        theirs = to_comparable(self._external_id, hit.external_id)
        by_name = self._attributes[level].path == "userName" and self._relinking.permits_name_match(theirs)
        return by_name or self._relinking.resolve(theirs) == user.anchor

    def _check_external_ids(self, attribute: Attribute) -> None:
        """Report users whose externalId another live account has: a change would give one person two accounts.

        Whatever `match` says, and whether that account is managed, active or matched by another user.
        """
        holders: dict[Hashable, list[LiveUser]] = {}
        for live in self._live:
            if live.external_id is not None:
                value = self._relinking.resolve(to_comparable(attribute, live.external_id))
                holders.setdefault(value, []).append(live)
        ambiguous: dict[Hashable, str] = {}
        for user in self._desired:
            found = holders.get(user.anchor, ()) if user.anchor is not None else ()
            if not found or found == [self._matched.get(id(user))]:
                continue
            if user.anchor not in ambiguous:
                self._untouchable.update(live.id for live in found)
                ambiguous[user.anchor] = _describe_duplicates(found, "externalId", str(found[0].external_id))
            if id(user) in self._in_conflict:
                continue
            if len(found) > 1:
                self._report_conflict(user, ambiguous[user.anchor], _REMOVE_DUPLICATES)
            else:
                self._report_held_external_id(user, found[0])
        wanted = {user.anchor for user in self._desired}
        self._report_duplicate_accounts([found for value, found in holders.items() if value not in wanted])

    def _report_held_external_id(self, user: DesiredUser, holder: LiveUser) -> None:
        value = quote(str(holder.external_id))
        owner = self._claims.get(holder.id)
        if owner is not None and id(owner) not in self._in_conflict:
            summary = f"the externalId of its live account, {value}, also belongs to {quote(user.key)}"
            self._report_conflict(owner, summary, "Two users cannot share one account: correct one of them.")
        self._report_conflict(
            user,
            f"externalId {value} belongs to the live account {_join_names([holder])}",
            "If it is the same person, let externalId match before userName (`match: 1` in its mapping), or rename the "
            "account at the target; else correct externalId here or at the target.",
        )

    def _report_duplicate_accounts(self, groups: Iterable[Sequence[LiveUser]]) -> None:
        """Warn about live accounts with a common externalId that no desired user has."""
        duplicates = [found for found in groups if len(found) > 1]
        shown = [f"{quote(str(found[0].external_id))} ({_join_names(found)})" for found in duplicates]
        if shown:
            held = "is held by" if len(shown) == 1 else "are held by"
            summary = f"{pluralize(len(shown), 'externalId')} {held} more than one live account"
            more = f", and {len(shown) - _SHOWN:,} more" if len(shown) > _SHOWN else ""
            detail = f"{', '.join(sorted(shown)[:_SHOWN])}{more}. {_REMOVE_DUPLICATES}"
            self._result.conflicts.append(warning(summary, detail))

    def _add_pair(self, user: DesiredUser) -> None:
        hit = self._matched.get(id(user))
        if hit is None:
            self._result.pairs.append((user, None))
        elif hit.unreadable is not None:
            self._report_conflict(
                user, f"the live account cannot be read: {hit.unreadable}", "Correct it at the target."
            )
        elif user.verdict.in_scope and not user.failed and not hit.managed and not hit.adoptable:
            self._report_conflict(
                user,
                f"the live account {quote(hit.user_name)} is not managed: the ownership filter excludes it",
                "Change `ownership` in settings.yaml if this directory should manage it.",
            )
        elif user.verdict.in_scope and not user.failed and not hit.managed and user.anchor is None:
            # Without a link it would be updated, but never managed.
            self._report_conflict(
                user,
                f"the live account {quote(hit.user_name)} is not managed, and there is no externalId to link it with",
                "Give the mapping of externalId a value for this user.",
            )
        else:
            self._result.pairs.append((user, hit))

    def _report_conflict(self, user: DesiredUser, summary: str, detail: str) -> None:
        self._in_conflict.add(id(user))
        self._result.conflicts.append(error(summary, detail, user.origin, format_user_address(user.key)))

    def _skip_account(self, user: DesiredUser, hit: LiveUser, summary: str) -> None:
        """Pair with no account: a user out of scope needs none.

        An active account that no user claims may be theirs: an error, as they would keep their access.
        """
        self._in_conflict.add(id(user))
        self._result.pairs.append((user, None))
        address = format_user_address(user.key)
        if hit.managed and hit.active:
            detail = (
                "The user is out of scope, and the account is left untouched: it stays active. If it is the same "
                "person, correct externalId here or at the target; else remove the user, or choose another userName."
            )
            self._result.conflicts.append(error(summary, detail, user.origin, address))
        else:
            detail = "The user is out of scope: the account is left untouched."
            self._result.conflicts.append(warning(summary, detail, user.origin, address))

    def _name_attribute(self, level: int) -> str:
        return shorten_path(self._attributes[level].path)


def _describe_duplicates(users: Sequence[LiveUser], attribute: str, value: str) -> str:
    same = "; their ids differ in case only, so the service may show one account twice"
    note = same if len({user.id.casefold() for user in users}) < len(users) else ""
    return f"{len(users)} live accounts have the {attribute} {quote(value)}: {_join_names(users)}{note}"


def _join_names(users: Iterable[LiveUser]) -> str:
    """Join userNames; with the ids where several accounts have the same."""
    accounts = sorted(users, key=lambda user: (user.user_name, user.id))
    names = [user.user_name or user.id for user in accounts]
    if len(set(names)) == len(names):
        return format_names(names, _SHOWN)
    more = f", and {len(accounts) - _SHOWN:,} more" if len(accounts) > _SHOWN else ""
    return ", ".join(f"{quote(user.user_name)} (id {quote(user.id)})" for user in accounts[:_SHOWN]) + more
