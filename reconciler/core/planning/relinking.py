"""Which managed accounts may be linked to another externalId: what `relink` in settings.yaml says. Pure.

With a new identity provider, or a new tenant, every user gets another id. Without `relink` an account with an
externalId that is not the user's belongs to someone else, and is left untouched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

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
    ids: dict[Value, Value] = field(init=False, default_factory=dict)
    """Old to new externalId, both in comparable form, of the rows that can be followed."""
    problems: list[Diagnostic] = field(init=False, default_factory=list)
    _rows: dict[Value | None, RelinkedId] = field(init=False, default_factory=dict)
    _wanted: Collection[Value] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        if not self.rules or self.attribute is None:
            return
        users = {user.anchor: user for user in self.desired if user.anchor is not None}
        self._wanted = users.keys()
        for row in self.rules.ids:
            old, new = self._compare(row.old), self._compare(row.new)
            if old is None or new is None:
                continue
            if old in users:
                self.problems.append(_report_old_id_in_use(row, users[old]))
            else:
                self.ids[old] = new
                self._rows[old] = row

    @property
    def active(self) -> bool:
        """Whether there is anything that may be relinked."""
        return bool(self.rules) and self.attribute is not None

    def _compare(self, text: str) -> Value | None:
        return None if self.attribute is None else to_comparable(self.attribute, parse_value(self.attribute, text))

    def resolve(self, value: Value | None) -> Value | None:
        """Return the externalId that an account has, or is to have by `relink.ids`. Both in comparable form."""
        return self.ids.get(value, value) if value is not None else None

    def permits_name_match(self, external_id: Value | None) -> bool:
        """Whether an account with this externalId, in comparable form, may be matched by userName.

        Only if no user has the externalId: an account that a user claims by it stays with that user.
        """
        return self.rules.by_user_name and external_id is not None and external_id not in self._wanted

    def find_unmatched(self, unclaimed: Iterable[LiveUser]) -> list[LiveUser]:
        """Return the accounts that `relink.ids` names and no user gets: they are left untouched."""
        if not self.ids or self.attribute is None:
            return []
        return [user for user in unclaimed if to_comparable(self.attribute, user.external_id) in self.ids]

    def report_unmatched(self, accounts: Iterable[LiveUser]) -> list[Diagnostic]:
        """Report these accounts, each at the row that names it."""
        found = ((user, self.find_row(user)) for user in accounts)
        return [_report_unmatched(user, row) for user, row in found if row is not None]

    def find_row(self, user: LiveUser) -> RelinkedId | None:
        """Return the row of `relink.ids` that names this account and can be followed."""
        return self._rows.get(to_comparable(self.attribute, user.external_id)) if self.attribute is not None else None

    def report_unused(self) -> Diagnostic:
        """Return the warning that nothing is left to relink."""
        what = "every account has the externalId of its user, so relink has nothing left to do"
        detail = "Remove `relink` from settings.yaml: it weakens the rule that another externalId is another user."
        return warning(what, detail, self.rules.origin)


def _report_old_id_in_use(row: RelinkedId, user: DesiredUser) -> Diagnostic:
    summary = f"relink.ids replaces externalId {quote(row.old)}, but it is still the one of {quote(user.key)}"
    detail = f"Give that user the new id, {quote(row.new)}, or remove this row. It is ignored until then."
    return error(summary, detail, row.origin, format_user_address(user.key))


def _report_unmatched(user: LiveUser, row: RelinkedId) -> Diagnostic:
    name = user.user_name or user.id
    summary = f"relink.ids gives the live account {quote(name)} externalId {quote(row.new)}, but no user has that id"
    detail = "The account is left untouched. Correct the row or add the user; remove the row if the person has left."
    return error(summary, detail, row.origin, format_user_address(name))


def suggest_relinking(conflicts: int) -> Diagnostic:
    """Return the warning for many accounts that have the userName of a user and an externalId that no user has."""
    what = f"{pluralize(conflicts, 'account')} have the userName of a user, but an externalId that no user has"
    detail = (
        "This is what a new identity provider or tenant looks like: every user has another id.",
        "If they are the same people, write `relink: {match: userName}` in settings.yaml, or map old to new ids with",
        "relink.ids. Nothing is relinked before an approval. See docs/relinking.md.",
    )
    return warning(what, detail)
