"""Which account of the target Entra made for which user, compared with the accounts that a plan matches. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_DELETE = "delete"
"""The account is gone; `stageddelete` only deactivates it."""


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """A successful event of the provisioning log. `object_id` and `action` are folded."""

    object_id: str
    target_id: str
    action: str
    when: datetime


@dataclass(frozen=True, slots=True)
class LinkTable:
    """The links that the log shows: folded objectId -> the latest event, without accounts that were deleted."""

    links: Mapping[str, LinkEvent]
    contested: frozenset[str] = frozenset()
    """The ids of accounts that are linked to several users: no link to them counts."""


class LinkVerdict(StrEnum):
    """What the log says about an account that a plan matches."""

    CONFIRMED = "confirmed"
    OTHER_ACCOUNT = "Entra provisioned another account for this user"
    OTHER_USER = "Entra provisioned this account for another user"
    CONTESTED = "Entra provisioned this account for several users"
    UNCONFIRMED = "the log has no event about it"


@dataclass(frozen=True, slots=True)
class MatchedAccount:
    """A user and the account that the plan matches. `name`: for readers; `object_id`: "" without one."""

    name: str
    object_id: str
    target_id: str


@dataclass(frozen=True, slots=True)
class CheckedAccount:
    """A matched account with the verdict. `linked`: the id that Entra has for the user, "" without one."""

    account: MatchedAccount
    verdict: LinkVerdict
    linked: str = ""


def build_links(events: Iterable[LinkEvent]) -> LinkTable:
    """Return the links of events in any order."""
    latest: dict[str, LinkEvent] = {}
    for event in events:
        before = latest.get(event.object_id)
        if before is None or before.when <= event.when:
            latest[event.object_id] = event
    links = {object_id: event for object_id, event in sorted(latest.items()) if event.action != _DELETE}
    users: dict[str, int] = {}
    for event in links.values():
        users[event.target_id] = users.get(event.target_id, 0) + 1
    return LinkTable(links, frozenset(target for target, count in users.items() if count > 1))


def check_links(table: LinkTable, matched: Iterable[MatchedAccount]) -> list[CheckedAccount]:
    """Return the verdict on each matched account, in their order."""
    owners = {event.target_id: object_id for object_id, event in table.links.items()}
    return [_check(table, owners, account) for account in matched]


def _check(table: LinkTable, owners: Mapping[str, str], account: MatchedAccount) -> CheckedAccount:
    object_id = account.object_id.casefold()
    link = table.links.get(object_id)
    if account.target_id in table.contested:
        return CheckedAccount(account, LinkVerdict.CONTESTED, link.target_id if link else "")
    if link is not None and link.target_id == account.target_id:
        return CheckedAccount(account, LinkVerdict.CONFIRMED, link.target_id)
    if owners.get(account.target_id, object_id) != object_id:
        return CheckedAccount(account, LinkVerdict.OTHER_USER, link.target_id if link else "")
    if link is not None:
        return CheckedAccount(account, LinkVerdict.OTHER_ACCOUNT, link.target_id)
    return CheckedAccount(account, LinkVerdict.UNCONFIRMED)
