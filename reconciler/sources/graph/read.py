"""Read people, groups and assignments of an enterprise application from Microsoft Graph: completely or not at all.

Everything is compared before it is believed. If two answers contradict each other, as they do while the directory
changes, all of it is read again, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import httpx

from reconciler.core.model import Diagnostic, error, format_user_address
from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.core.values import fold_case
from reconciler.desired.source_settings import EntraSource
from reconciler.errors import SourceError
from reconciler.sources.attributes import IDENTITY, AttributeSelection, is_directory_extension
from reconciler.sources.graph.assignments import Application, Assignments, find_application, read_assignments
from reconciler.sources.graph.errors import GraphError
from reconciler.sources.graph.gone import (
    GroupEvidence,
    Whereabouts,
    confirm_deleted_groups,
    find_groups,
    find_whereabouts,
)
from reconciler.sources.graph.groups import ReadGroup, cut_cycles, name_groups, walk_groups
from reconciler.sources.graph.people import Doubt, ReadUsers, read_users, read_users_by_id
from reconciler.sources.graph.permissions import PEOPLE, Permission
from reconciler.sources.graph.rows import PAGE, ChangedDuringReadError, GraphReader
from reconciler.sources.snapshot import GoneReason, Snapshot, SourceGroup, SourceScope

UsersReader: TypeAlias = Callable[
    [GraphReader, AttributeSelection, frozenset[str] | None, datetime, Callable[[int, int], None]], ReadUsers
]
"""`people.read_users`, or one with the same result."""
_LEAVE_DATE = "employeeLeaveDateTime"


@dataclass(frozen=True, slots=True)
class EntraRequest:
    """What to read. `known`: the objectIds of users that git has. `now`: the time by the clock, in UTC.

    `groups`, `scope`: whether the snapshot has them; they are read in any case, because they decide who is assigned.
    """

    source: EntraSource
    selection: AttributeSelection
    now: datetime
    known: frozenset[str] = frozenset()
    groups: bool = True
    scope: bool = True
    progress: Callable[[int, int], None] = lambda _done, _total: None
    """Called with the users so far and in total, after each page of users."""
    count_held: Callable[[str], int] = lambda _name: 0
    """Returns how many entries of git have a value of an attribute."""
    known_groups: Sequence[str] = ()
    """The objectIds of groups that git has assigned or in groups, the most important ones first."""


def read_entra(reader: GraphReader, request: EntraRequest, read: UsersReader = read_users) -> Snapshot:
    """Read all of it, the users by `read`.

    Raises `SourceError` if a part cannot be read, or cannot be proved to be complete.
    """
    needed = [*PEOPLE]
    if _LEAVE_DATE in request.selection.names:
        needed.append(Permission.LEAVE_DATES)
    reader.require(needed)
    try:
        return _Read(reader, request, read, again=False).run()
    except ChangedDuringReadError:
        pass
    except GraphError as exc:
        if exc.status != httpx.codes.NOT_FOUND:  # a group was deleted after it was listed, for example
            raise
    return _Read(reader, request, read, again=True).run()


@dataclass(frozen=True, slots=True)
class _Directory:
    """What was read of the assignments. `groups`: those that exist, by folded id."""

    application: Application
    assigned: Assignments
    groups: Mapping[str, ReadGroup]
    lost: tuple[str, ...]
    """Ids of groups that are assigned or members, but deleted."""

    @property
    def roots(self) -> tuple[str, ...]:
        """The assigned groups."""
        return tuple(each for each in self.assigned.groups if each in self.groups)

    @property
    def direct(self) -> frozenset[str]:
        """The users that Entra's own service provisions: assigned, or direct members of an assigned group."""
        return frozenset(self.assigned.users).union(*(self.groups[root].users for root in self.roots))

    @property
    def reachable(self) -> frozenset[str]:
        """The same with members of nested groups."""
        return self.direct.union(*(group.users for group in self.groups.values()))


class _Read:
    """One attempt. `again`: it is the second, so a contradiction is no change during the read any more."""

    def __init__(self, reader: GraphReader, request: EntraRequest, read: UsersReader, *, again: bool) -> None:
        self._reader = reader
        self._source = request.source
        self._request = request
        self._read_users = read
        self._again = again

    def run(self) -> Snapshot:
        directory = self._read_directory()
        chosen = directory.reachable if self._source.nested_groups else directory.direct
        everyone = self._source.users == "all"
        if not everyone and not chosen:
            raise _refuse_empty(directory.application)
        selection = self._request.selection
        users = self._read_users(
            self._reader, selection, None if everyone else chosen, self._request.now, self._request.progress
        )
        missing = frozenset(each for each in chosen if not users.knows(each))
        if missing:  # created, or assigned, after the list was read
            users = users.join(read_users_by_id(self._reader, selection, missing))
        _check_rows(users)
        missing = frozenset(each for each in missing if not users.knows(each))
        absent = frozenset(each for each in map(str.casefold, self._request.known) if not users.knows(each))
        where = find_whereabouts(self._reader, [*sorted(missing), *sorted(absent - missing)], users.others)
        self._check_missing(missing, where)
        self._check_assignments(directory)
        if not users.people:
            raise _refuse_empty(directory.application, users.doubts.values())
        return self._build(directory, chosen, users, absent, where)

    def _read_directory(self) -> _Directory:
        application = find_application(self._reader, self._source.application)
        assigned = read_assignments(self._reader, application)
        walked = walk_groups(self._reader, assigned.groups, accept_missing=self._again)
        groups = {object_id: group for object_id, group in walked.items() if group is not None}
        lost = tuple(sorted(set(walked) - set(groups)))
        if lost:
            confirm_deleted_groups(self._reader, lost)
        return _Directory(application, assigned, groups, lost)

    def _check_assignments(self, directory: _Directory) -> None:
        """Read the assignments again, because nothing counts them: who is left out would count as not assigned.

        Pages are of another size, so that two lists that end too early, at the end of a page, differ.
        """
        if read_assignments(self._reader, directory.application, PAGE - 1) != directory.assigned:
            raise ChangedDuringReadError(
                f"two lists of who is assigned to {quote(directory.application.name)} differ",
                "The assignments change just now. Run the same command again later.",
            )

    def _check_missing(self, missing: Collection[str], where: Whereabouts) -> None:
        """Check that every assigned user and member that was not read does not exist.

        That explains why the user is not read. It does not say that an entry of git is of a user who is gone.
        """
        unexplained = sorted(set(missing) - where.deleted - where.unknown)
        if unexplained:
            count = pluralize(len(unexplained), "user")
            raise ChangedDuringReadError(
                f"{count} assigned or in groups cannot be read: {format_names(unexplained)}",
                "Microsoft Graph neither lists them nor says that they are deleted. Run the same command again later.",
            )

    def _build(
        self,
        directory: _Directory,
        chosen: frozenset[str],
        users: ReadUsers,
        absent: frozenset[str],
        where: Whereabouts,
    ) -> Snapshot:
        attributes = self._find_returned(users)
        gone = self._judge_absent(absent, where)
        evidence = self._judge_groups(directory)
        groups, structure_notes = _build_groups(directory, chosen, users)
        known = [each for each in directory.assigned.users if users.knows(each)]
        return Snapshot(
            source=f"Microsoft Entra ID ({self._source.tenant})",
            people=list(users.people.values()),
            attributes=attributes,
            groups=groups if self._request.groups else None,
            scope=SourceScope(tuple(known), directory.roots) if self._request.scope else None,
            gone=gone,
            gone_groups=evidence.proved,
            unsure_groups=evidence.unsure,
            doubtful=frozenset(key.casefold() for each in users.doubts.values() for key in (each.object_id, each.name)),
            diagnostics=tuple(_describe_doubt(each) for each in users.doubts.values()),
            notes=(
                *_note_attributes(self._request, attributes),
                *_note_nested(directory, nested=self._source.nested_groups),
                *structure_notes,
                *_note_others(directory),
                *self._note_unknown(chosen, absent, where),
            ),
        )

    def _find_returned(self, users: ReadUsers) -> frozenset[str]:
        """Return the attributes that were really read: properties that at least one row has."""
        selection = self._request.selection
        returned = selection.find_returned(users.keys)
        if not returned.issuperset(IDENTITY):
            lost = ", ".join(sorted(set(IDENTITY) - returned))
            raise SourceError(f"Microsoft Graph ignores the selection: no user has {lost}", "Please report this.")
        # A directory extension that no user has is absent from every row, like one that does not exist.
        unproved = {each for each in selection.names - returned if is_directory_extension(each)}
        return returned | (unproved & self._list_extensions() if unproved else frozenset())

    def _list_extensions(self) -> frozenset[str]:
        """List the directory extensions of users; empty without the permission, so that no value is cleared."""
        try:
            rows = self._reader.list_extension_properties()
        except GraphError as exc:
            if exc.status != httpx.codes.FORBIDDEN:
                raise
            return frozenset()
        return frozenset(
            name
            for row in rows
            if isinstance(name := row.get("name"), str) and "User" in (row.get("targetObjects") or ())
        )

    def _judge_absent(self, absent: frozenset[str], where: Whereabouts) -> Mapping[str, GoneReason]:
        """Return why people that git has are not in this read; only those whom the tenant has or had."""
        living = where.living & absent
        if living and self._source.users == "all":
            raise ChangedDuringReadError(
                f"the list of all users lacks some that exist: {format_names(sorted(living))}",
                "Microsoft Graph can lag some minutes behind changes: run the same command again later.",
            )
        gone = dict.fromkeys(where.deleted & absent, GoneReason.DELETED)
        return gone | dict.fromkeys(living, GoneReason.NOT_ASSIGNED)

    def _judge_groups(self, directory: _Directory) -> GroupEvidence:
        """Find out about the groups of git that are neither assigned nor members."""
        if not self._request.groups:
            return GroupEvidence()
        absent = [
            each for each in dict.fromkeys(map(fold_case, self._request.known_groups)) if each not in directory.groups
        ]
        lost = frozenset(absent).intersection(directory.lost)
        evidence = find_groups(self._reader, [each for each in absent if each not in lost])
        return GroupEvidence(lost | evidence.proved, evidence.unsure)

    def _note_unknown(self, chosen: frozenset[str], absent: frozenset[str], where: Whereabouts) -> Iterator[str]:
        """Note users of whom the tenant has no trace: those that it assigns, and those that git has."""
        phantoms = sorted(where.unknown & chosen)
        if phantoms:
            yield f"Assigned or in groups, although users with these objectIds do not exist: {format_names(phantoms)}."
        known, unknown = len(self._request.known), sorted(where.unknown & absent)
        if known and len(absent) == known and not (where.living | where.deleted) & absent:
            yield _note_foreign(self._source.tenant, known)
        elif unknown:
            yield (
                f"No user, not even a deleted one, has the objectId of {pluralize(len(unknown), 'entry', 'entries')} in"
                f" git: {format_names(unknown)}. They are of another directory, or were deleted more than 30 days ago."
                " So they stay as they are: if the people have left, take the entries out in a reviewed change."
            )


def _check_rows(users: ReadUsers) -> None:
    """Check that all users have the same properties: what is absent would clear the value that git has."""
    if users.incomplete:
        raise ChangedDuringReadError(
            f"Microsoft Graph lists some users without {format_names(users.incomplete)}, which others have",
            "A property without a value is listed as null, so this answer is incomplete. Run the same command again"
            " later; if it stays, list the attributes to read without it under source.entra.attributes.",
        )


def _refuse_empty(application: Application, doubts: Collection[Doubt] = ()) -> SourceError:
    if doubts:
        first = next(iter(doubts))
        return SourceError(
            "no user can be imported",
            f"The first of {pluralize(len(doubts), 'user')} is {quote(shorten(first.name, 80))}: {first.why}.",
        )
    return SourceError(
        f"no user is assigned to the enterprise application {quote(application.name)} ({application.object_id}),"
        " directly or by a group",
        "An empty read changes nothing. Assign users or groups to it, or correct source.entra.application in"
        " settings.yaml.",
    )


def _describe_doubt(doubt: Doubt) -> Diagnostic:
    name = shorten(doubt.name, 80)
    detail = "Correct it in Microsoft Entra ID. An entry that git has for this user stays as it is."
    return error(f"{quote(name)} is not imported: {doubt.why}", detail, None, format_user_address(name))


# --- groups ---------------------------------------------------------------------


def _build_groups(
    directory: _Directory, chosen: frozenset[str], users: ReadUsers
) -> tuple[tuple[SourceGroup, ...], tuple[str, ...]]:
    """Return the groups, sorted by name, with the members that come in.

    A nested group that is not assigned itself lists only users that are provisioned without it, unless members of
    nested groups are wanted: a desired state resolves nested groups, Entra's own service does not.
    """
    names = name_groups(directory.groups.values())
    inner, cut = cut_cycles(directory.roots, directory.groups)
    found = [
        SourceGroup(
            object_id,
            names[object_id],
            group.description,
            tuple(sorted((each for each in group.users if each in chosen and users.knows(each)), key=users.name_of)),
            tuple(sorted(inner[object_id], key=names.__getitem__)),
        )
        for object_id, group in directory.groups.items()
    ]
    notes = tuple(_note_cycle(quote(names[group]), quote(names[member])) for group, member in cut)
    return tuple(sorted(found, key=lambda group: (group.name.casefold(), group.object_id))), notes


def _note_foreign(tenant: str, known: int) -> str:
    return (
        f"The tenant {tenant} knows none of the {pluralize(known, 'objectId')} in git, not even as deleted users, so"
        " their entries stay as they are: is source.entra.tenant right?"
    )


def _note_cycle(group: str, member: str) -> str:
    if group == member:
        return f"The group {group} contains itself, which a desired state does not allow: that is left out."
    return (
        f"The groups {group} and {member} contain each other, which a desired state does not allow: {member} is left"
        f" out of {group}. The users in scope stay the same."
    )


def _note_nested(directory: _Directory, *, nested: bool) -> Iterator[str]:
    extra = len(directory.reachable - directory.direct)
    if extra and not nested:
        yield (
            f"Not imported, because Entra's own service does not provision members of nested groups: "
            f"{pluralize(extra, 'user')}. `nested_groups: true` under source.entra in settings.yaml imports them."
        )
    unsafe = sorted(directory.groups[root].name for root in directory.roots if not directory.groups[root].security)
    if unsafe:
        yield (
            "Entra's own service provisions members of security groups only; imported, but no security group: "
            f"{format_names([shorten(each, 80) for each in unsafe])}."
        )


def _note_others(directory: _Directory) -> Iterator[str]:
    members = sum((group.others for group in directory.groups.values()), Counter[str]())
    if members:
        yield f"Members of groups that are neither users nor groups are left out: {_count_kinds(members)}."
    if directory.assigned.others:
        yield f"Assigned, but neither users nor groups: {_count_kinds(directory.assigned.others)}."
    if directory.lost:
        yield f"Assigned or nested, but deleted, so without members: {format_names(directory.lost)}."


def _count_kinds(kinds: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))


def _note_attributes(request: EntraRequest, returned: frozenset[str]) -> Iterator[str]:
    for each in request.selection.unavailable:
        yield f"{quote(shorten(each.name, 80))} is not imported: {each.reason}. Its values in git stay as they are."
    for name in sorted(request.selection.names - returned):
        held = request.count_held(name)
        where = f" ({pluralize(held, 'entry', 'entries')})" if held else ""
        yield (
            f"{quote(name)} is not imported: no user has it in Microsoft Graph. Its values in git{where} stay as they"
            " are: if users have none any more, take them out in a reviewed change."
        )
