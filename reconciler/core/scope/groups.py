"""Resolve group membership, nested groups included, and find the path to a member."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.model import SourceUser
from reconciler.core.values import fold_case


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """Direct members of one group: users by userPrincipalName or objectId, groups by name. All as written."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


NO_MEMBERS = GroupMembers()

Groups = Mapping[str, GroupMembers]
"""All groups by folded name."""


def fold_names(user: SourceUser) -> tuple[str, ...]:
    """Return the folded names by which members can refer to `user`: userPrincipalName and, if set, objectId."""
    object_id = user.attributes.get("objectId")
    return (fold_case(user.key), fold_case(str(object_id))) if object_id else (fold_case(user.key),)


def resolve_members(members: GroupMembers, groups: Groups) -> frozenset[str]:
    """Resolve `members` to folded user names, nested groups included. Cycles are followed once."""
    names: set[str] = set()
    seen: set[str] = set()
    waiting = [members]
    while waiting:
        current = waiting.pop()
        names.update(map(fold_case, current.users))
        for name in map(fold_case, current.groups):
            if name not in seen and name in groups:
                seen.add(name)
                waiting.append(groups[name])
    return frozenset(names)


def find_membership_path(user: SourceUser, members: GroupMembers, groups: Groups) -> tuple[str, ...] | None:
    """Find the shortest path from `members` to `user`: group names, then the entry that names the user, as written.

    None if there is none. Searches all members on the way: for one user at a time.
    """
    names = fold_names(user)
    seen: set[str] = set()
    waiting: deque[tuple[tuple[str, ...], GroupMembers]] = deque([((), members)])
    while waiting:
        path, current = waiting.popleft()
        for entry in current.users:
            if fold_case(entry) in names:
                return (*path, entry)
        for name in current.groups:
            key = fold_case(name)
            if key not in seen and key in groups:
                seen.add(key)
                waiting.append(((*path, name), groups[key]))
    return None


def index_memberships(members: GroupMembers, groups: Groups) -> dict[str, tuple[str, ...]]:
    """Return the shortest path to each member by its folded name: the same as `find_membership_path`, for all users."""
    found: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    waiting: deque[tuple[tuple[str, ...], GroupMembers]] = deque([((), members)])
    while waiting:
        path, current = waiting.popleft()
        for entry in current.users:
            found.setdefault(fold_case(entry), (*path, entry))
        for name in current.groups:
            key = fold_case(name)
            if key not in seen and key in groups:
                seen.add(key)
                waiting.append(((*path, name), groups[key]))
    return found


def find_cycles(groups: Groups) -> Iterator[tuple[str, ...]]:
    """Find each cycle of group membership once, as the folded names along it. Iterative: nesting may be deep."""
    done: set[str] = set()
    for start in groups:
        path: list[str] = []
        walk: list[tuple[str, Iterator[str]]] = []
        _enter(start, groups, done, path, walk)
        while walk:
            name, inner = walk[-1]
            step = next(inner, None)
            if step is None:
                walk.pop()
                path.remove(name)
                done.add(name)
            elif step in path:
                yield (*path[path.index(step) :], step)
            else:
                _enter(step, groups, done, path, walk)


def _enter(
    name: str,
    groups: Groups,
    done: set[str],
    path: list[str],
    walk: list[tuple[str, Iterator[str]]],
) -> None:
    if name in groups and name not in done:
        path.append(name)
        walk.append((name, iter([fold_case(group) for group in groups[name].groups])))
