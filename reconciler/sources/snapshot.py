"""What a source returned, completely: people, groups and assignments. Pure data, every text untrusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.model import Diagnostic, SourceAttributes


class GoneReason(StrEnum):
    """Why a person that git has is not in the source; only what the source itself confirmed."""

    DELETED = "deleted"
    NOT_ASSIGNED = "no longer assigned"
    NOT_LISTED = "no longer in the file"
    """Of a CSV file that is complete, as the command line says."""


@dataclass(frozen=True, slots=True)
class Person:
    """One user of a source: assigned attributes only, with Entra's names; booleans as `bool`.

    `place`: where it is in the source for messages, such as `staff.csv:12`; "" without one.
    """

    attributes: SourceAttributes
    place: str = ""

    @property
    def object_id(self) -> str:
        """The objectId as written; "" without one."""
        return str(self.attributes.get("objectId", ""))

    @property
    def name(self) -> str:
        """The userPrincipalName; "" without one."""
        return str(self.attributes.get("userPrincipalName", ""))


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """A group of the source; `users` and `groups` are the objectIds of its direct members, in the source's order."""

    object_id: str
    name: str
    description: str = ""
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceScope:
    """The assignments: objectIds of users and groups. `sync`: "assigned" or "all"; None: the source does not say."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    sync: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A complete read of one source. A read that is not provably complete raises `SourceError` instead.

    Raises nothing itself; what cannot be imported of single people is in `diagnostics`.
    """

    source: str
    """For readers: "Microsoft Entra ID (contoso.onmicrosoft.com)", "staff.csv"."""
    people: Sequence[Person]
    attributes: frozenset[str]
    """The attributes that were read: only these may be set or cleared."""
    groups: tuple[SourceGroup, ...] | None = None
    """None: groups were not read, and stay as they are."""
    scope: SourceScope | None = None
    """None: assignments were not read, and stay as they are."""
    gone: Mapping[str, GoneReason] = field(default_factory=dict)
    """By case-folded objectId (of a CSV: userPrincipalName): people that the source confirms to be gone."""
    gone_groups: frozenset[str] = frozenset()
    """Folded objectIds of groups that are neither assigned nor members, and that the source has or had. Nothing is
    known of any other group of git that `groups` lacks."""
    unsure_groups: Mapping[str, str] = field(default_factory=dict)
    """By folded objectId: groups of git about which the source was not asked, or did not answer, each with the reason
    as a sentence. The source shows no trace of a group that is in neither."""
    is_partial: bool = False
    """The source may list some of its people only, as a CSV file may: that others are missing is no news."""
    doubtful: frozenset[str] = frozenset()
    """Case-folded objectIds and names of people that could not be read: their entries stay as they are."""
    refused: int = 0
    """People of the source that could not be read, and are not in `people`: `diagnostics` says why."""
    diagnostics: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()
    """One line each, for readers: people that nested groups would add, members that are no users."""
