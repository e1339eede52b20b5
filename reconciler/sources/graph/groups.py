"""Read groups and their direct members, nested groups too, each completely.

Members are read group by group: the transitive lists of Graph come from an index that lags, and lose the structure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.text import quote, shorten
from reconciler.core.untrusted_values import LONGEST_VALUE
from reconciler.core.values import fold_case
from reconciler.errors import SourceError
from reconciler.sources.graph.pages import Row
from reconciler.sources.graph.permissions import Permission, describe_grant
from reconciler.sources.graph.rows import (
    PAGE,
    ChangedDuringReadError,
    GraphReader,
    build_path,
    check_count,
    list_rows,
    read_object_id,
)

MAX_GROUPS = 5_000
"""Assigned and nested ones together."""
_SELECT = (
    "id,displayName,description,groupTypes,membershipRule,membershipRuleProcessingState,securityEnabled,visibility"
)
_TYPE = "#microsoft.graph."
_DYNAMIC = "DynamicMembership"
_HIDDEN = "HiddenMembership"
_ID_LENGTHS = (8, 13, 36)
"""Of a UUID: its first part, its first two, all of it."""


@dataclass(frozen=True, slots=True)
class ReadGroup:
    """A group. `users`, `groups`: folded ids of its direct members, sorted; `others`: its other members by type."""

    object_id: str
    name: str
    description: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    others: Counter[str] = field(default_factory=Counter)
    security: bool = True
    """Entra's own service provisions members of security groups only."""


def walk_groups(
    reader: GraphReader, roots: Collection[str], *, accept_missing: bool = False
) -> Mapping[str, ReadGroup | None]:
    """Read the groups `roots` and all groups in them, each once, by folded id.

    `accept_missing`: a group that is assigned or a member and not found is None, and the caller finds out why; else it
    is an error, because the directory may just have changed. Raises `ChangedDuringReadError` and `SourceError`; one
    group that cannot be read fails the read of all.
    """
    found: dict[str, ReadGroup | None] = {}
    waiting = sorted(roots, reverse=True)
    while waiting:
        object_id = waiting.pop()
        if object_id in found:
            continue
        if len(found) == MAX_GROUPS:
            raise SourceError(
                f"more than {MAX_GROUPS:,} groups are assigned, or are in assigned groups",
                "Assign groups that hold users instead.",
            )
        group = _read_group(reader, object_id)
        if group is None and not accept_missing:
            raise ChangedDuringReadError(f"the group {object_id} is assigned or a member, but does not exist")
        found[object_id] = group
        if group is not None:
            waiting += reversed(group.groups)
    return found


def _read_group(reader: GraphReader, object_id: str) -> ReadGroup | None:
    row = reader.find(build_path(f"/groups/{object_id}", select=_SELECT))
    if row is None:
        return None
    name = row.get("displayName")
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_VALUE:
        raise SourceError(
            f"Microsoft Graph shows the group {object_id} without a displayName: the app may not read groups",
            describe_grant([Permission.GROUPS]),
        )
    if row.get("visibility") == _HIDDEN:
        # Without the permission such a group can look empty.
        reader.require([Permission.HIDDEN_MEMBERS])
    members = _read_members(reader, object_id, name)
    return ReadGroup(
        object_id,
        name,
        _describe(row),
        tuple(sorted(each for kind, each in members if kind == "user")),
        tuple(sorted(each for kind, each in members if kind == "group")),
        Counter(kind for kind, _ in members if kind not in ("user", "group")),
        row.get("securityEnabled") is not False,
    )


def _read_members(reader: GraphReader, object_id: str, name: str) -> Collection[tuple[str, str]]:
    path = f"/groups/{object_id}/members"
    before = reader.count(f"{path}/$count")
    members = list_rows(reader, build_path(path, select="id", top=str(PAGE)), _read_member)
    check_count(
        f"members of the group {quote(shorten(name, 80))}", len(members), before, reader.count(f"{path}/$count")
    )
    return members


def _read_member(row: Row) -> tuple[str, str]:
    kind = row.get("@odata.type")
    if not isinstance(kind, str) or not kind.startswith(_TYPE):
        raise SourceError("Microsoft Graph lists a member of a group without its type", "Please report this.")
    return shorten(kind.removeprefix(_TYPE), 40), read_object_id(row, "a member of a group")


def _describe(row: Row) -> str:
    """Return the description; that of a dynamic group ends with its rule, which decides about the members."""
    found = row.get("description")
    description = found.strip() if isinstance(found, str) else ""
    types, rule = row.get("groupTypes"), row.get("membershipRule")
    if isinstance(types, list) and _DYNAMIC in types and isinstance(rule, str) and rule:
        paused = " (paused)" if row.get("membershipRuleProcessingState") == "Paused" else ""
        description = f"{description.removesuffix('.')}. Dynamic{paused}: {rule}".removeprefix(". ")
    return shorten(description, LONGEST_VALUE)


# --- structure ------------------------------------------------------------------


def name_groups(groups: Iterable[ReadGroup]) -> Mapping[str, str]:
    """Return a name for each id: the displayName, with the start of the id if several groups have that name."""
    ordered = sorted(groups, key=lambda group: group.object_id)
    times = Counter(fold_case(group.name) for group in ordered)
    taken = set(times)
    names = {}
    for group in ordered:
        names[group.object_id] = group.name if times[fold_case(group.name)] == 1 else _choose_name(group, taken)
        taken.add(fold_case(names[group.object_id]))
    return names


def _choose_name(group: ReadGroup, taken: Collection[str]) -> str:
    """Return the name with as much of the id as makes it unique."""
    longer = [f"{group.name} ({group.object_id[:length]})" for length in _ID_LENGTHS]
    return next((each for each in longer if fold_case(each) not in taken), longer[-1])


def cut_cycles(
    roots: Collection[str], groups: Mapping[str, ReadGroup]
) -> tuple[Mapping[str, Sequence[str]], Sequence[tuple[str, str]]]:
    """Return the groups in each group without those that close a cycle, and what was left out, as (group, member).

    Entra allows groups to contain each other, a desired state does not. What the roots reach stays the same.
    """
    kept: dict[str, list[str]] = {}
    cut = []
    for root in sorted(each for each in roots if each in groups):
        path: dict[str, Iterator[str]] = {}  # from the root to the group at hand
        if root not in kept:
            kept[root], path[root] = [], iter(groups[root].groups)
        while path:
            here = next(reversed(path))
            member = next(path[here], None)
            if member is None:
                del path[here]
            elif member in path:
                cut.append((here, member))
            elif member in groups:
                kept[here].append(member)
                if member not in kept:
                    kept[member], path[member] = [], iter(groups[member].groups)
    return kept, cut
