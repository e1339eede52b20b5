"""Which managed accounts may be linked to another externalId: what `relink` in settings.yaml says. Pure.

With a new identity provider, or a new tenant, every user gets another id. Without `relink` an account with an
externalId that is not the user's belongs to someone else, and is left untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.model import DesiredUser, Diagnostic, LiveUser, Value, error, format_user_address, warning
from reconciler.core.policy import RelinkedId, RelinkRules
from reconciler.core.profile import Attribute
from reconciler.core.text import pluralize, quote
from reconciler.core.values import parse_value, to_comparable


@dataclass(slots=True)
class Relinking:
    """The rules for one plan. `attribute`: externalId; None if no mapping gives it a value, so nothing is linked."""

    rules: RelinkRules
    attribute: Attribute | None
    desired: Sequence[DesiredUser]
    live: Sequence[LiveUser]
    problems: list[Diagnostic] = field(init=False, default_factory=list)
    _rows: dict[Value | None, RelinkedId] = field(init=False, default_factory=dict)
    _users: Mapping[Value, DesiredUser] = field(init=False, default_factory=dict)
    _accounts: Mapping[Value | None, LiveUser] = field(init=False, default_factory=dict)
    _held: set[str] = field(init=False, default_factory=set)
    _kept: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        if self.attribute is None or not self.rules:
            return
        self._users = {user.anchor: user for user in self.desired if user.anchor is not None}
        if self.rules.ids:
            self._accounts = {self._compare(user.external_id): user for user in self.live if user.external_id}
        for row in self.rules.ids:
            self._judge(row)

    @property
    def active(self) -> bool:
        """Whether there is anything that may be relinked."""
        return bool(self.rules) and self.attribute is not None

    @property
    def translates(self) -> bool:
        """Whether accounts are to be found by other externalIds than they have."""
        return bool(self._rows)

    def _compare(self, text: str | None) -> Value | None:
        return None if self.attribute is None else to_comparable(self.attribute, parse_value(self.attribute, text))

    def _judge(self, row: RelinkedId) -> None:
        """Follow a row, or report why it cannot be followed. It then decides nothing about the users it may mean."""
        old, new = self._compare(row.old), self._compare(row.new)
        if old is None or new is None:
            return
        user, account = self._users.get(new), self._accounts.get(old)
        present, holder = self._users.get(old), self._accounts.get(new)
        if present is not None:
            self._hold(present)
            if user is not None and holder is None:
                self._hold(user)
            self.problems.append(_report_old_id_in_use(row, present, swapped=user is None))
        elif account is None and holder is None and user is not None:
            self._hold(user)
            self.problems.append(_report_unknown_old_id(row, user))
        elif account is not None and holder is not None:
            self._kept.add(account.id)
            self.problems.append(_report_new_id_held(row, account, holder))
        else:
            self._rows[old] = row

    def _hold(self, user: DesiredUser) -> None:
        self._held.add(user.key)

    def hold_users(self) -> Sequence[DesiredUser]:
        """Return the desired users; those that a faulty row may mean are failed, and may have any account."""
        if not self._held:
            return self.desired
        return [
            replace(user, failed=True, doubtful=user.doubtful | {"externalId"}) if user.key in self._held else user
            for user in self.desired
        ]

    def resolve(self, value: Value | None) -> Value | None:
        """Return the externalId that an account has, or is to have by `relink.ids`. Both in comparable form."""
        row = self._rows.get(value) if value is not None else None
        return value if row is None else self._compare(row.new)

    def permits_name_match(self, external_id: Value | None) -> bool:
        """Whether an account with this externalId, in comparable form, may be matched by userName.

        Only if no user has the externalId: an account that a user claims by it stays with that user.
        """
        return self.rules.by_user_name and external_id is not None and external_id not in self._users

    def find_row(self, user: LiveUser) -> RelinkedId | None:
        """Return the row of `relink.ids` that names this account and is followed."""
        return self._rows.get(self._compare(user.external_id)) if self._rows and user.external_id else None

    def keep_unmatched(self, unclaimed: list[LiveUser]) -> tuple[list[LiveUser], bool]:
        """Return the accounts without those that a row names and no user gets, which are reported.

        Also returns whether there are such accounts by a row whose user is unknown: any new user may be that one.
        """
        if not self._rows and not self._kept:
            return unclaimed, False
        unmatched = [(user, row) for user in unclaimed if (row := self.find_row(user)) is not None]
        self.problems += [_report_unmatched(user, row) for user, row in unmatched]
        left = {user.id for user, _ in unmatched} | self._kept
        return [user for user in unclaimed if user.id not in left], bool(unmatched)


def _report_old_id_in_use(row: RelinkedId, user: DesiredUser, *, swapped: bool) -> Diagnostic:
    summary = f"relink.ids replaces externalId {quote(row.old)}, but it is the one of {quote(user.key)} in users/"
    detail = (
        f"`from` is the id that the account has now. Give the user the new id, {quote(row.new)}, or remove this row."
    )
    if swapped:
        detail = f"`from` is the id that the account has now, `to` the one of its user: are they exchanged? {detail}"
    return error(summary, detail, row.origin, format_user_address(user.key))


def _report_unknown_old_id(row: RelinkedId, user: DesiredUser) -> Diagnostic:
    summary = (
        f"relink.ids: no live account has externalId {quote(row.old)}, to be changed to the one of {quote(user.key)}"
    )
    detail = (
        "No account is created for the user, and none without a user is removed: it may be the one that is meant.",
        "Correct the row, or remove it if the user has no account yet. If the service hides deactivated accounts, ",
        "first write the old id as the user's objectId, and apply: the account is reactivated.",
    )
    return error(summary, detail, row.origin, format_user_address(user.key))


def _report_new_id_held(row: RelinkedId, account: LiveUser, holder: LiveUser) -> Diagnostic:
    name, other = account.user_name or account.id, holder.user_name or holder.id
    summary = f"relink.ids gives the live account {quote(name)} externalId {quote(row.new)}, which {quote(other)} has"
    detail = (
        f"{quote(name)} (id {quote(account.id)}) is left untouched. Correct the row, or remove it.",
        "If both accounts are those of one person, remove one of them at the target first.",
    )
    return error(summary, detail, row.origin, format_user_address(name))


def _report_unmatched(user: LiveUser, row: RelinkedId) -> Diagnostic:
    name = user.user_name or user.id
    summary = f"relink.ids gives the live account {quote(name)} externalId {quote(row.new)}, but no user has that id"
    detail = "The account is left untouched. Correct the row or add the user; remove the row if the person has left."
    return error(summary, detail, row.origin, format_user_address(name))


def report_unused(rules: RelinkRules) -> Diagnostic:
    """Return the warning that nothing is left to relink."""
    what = "relink in settings.yaml has nothing left to do: no account would get another externalId"
    detail = "Remove it: while it is there, another externalId does not mean another person."
    return warning(what, detail, rules.origin)


def suggest_relinking(conflicts: int) -> Diagnostic:
    """Return the warning for many accounts that have the userName of a user and an externalId that no user has."""
    what = f"{pluralize(conflicts, 'account')} have the userName of a user, but an externalId that no user has"
    detail = (
        "This is what a new identity provider or tenant looks like: every user has another id.",
        "If they are the same people, write `relink: {match: userName}` in settings.yaml, or map old to new ids with",
        "relink.ids. Nothing is relinked before an approval. See docs/relinking.md.",
    )
    return warning(what, detail)
