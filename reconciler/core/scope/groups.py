"""Groups: who is in them, groups nested in groups included, and by which way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.model import SourceUser
from reconciler.core.values import fold_case


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """Direct members of one group: people by userPrincipalName or objectId, groups by name. All as written."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


NO_MEMBERS = GroupMembers()

Groups = Mapping[str, GroupMembers]
"""All groups by folded name."""


def fold_names(user: SourceUser) -> tuple[str, ...]:
    """What members may call `user`, folded: userPrincipalName and, if there is one, objectId."""
    object_id = user.attributes.get("objectId")
    return (fold_case(user.key), fold_case(str(object_id))) if object_id else (fold_case(user.key),)


def resolve_members(members: GroupMembers, groups: Groups) -> frozenset[str]:
    """Everybody in `members`, nested groups included, by folded name. Cycles end."""
    people: set[str] = set()
    seen: set[str] = set()
    waiting = [members]
    while waiting:
        current = waiting.pop()
        people.update(map(fold_case, current.users))
        for name in map(fold_case, current.groups):
            if name not in seen and name in groups:
                seen.add(name)
                waiting.append(groups[name])
    return frozenset(people)


def find_membership_path(user: SourceUser, members: GroupMembers, groups: Groups) -> tuple[str, ...] | None:
    """The shortest way from `members` to `user`: names of groups, then the entry that names the user, all as written.

    None: there is none. For one user on demand: it looks through all members on the way.
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


def find_cycles(groups: Groups) -> Iterator[tuple[str, ...]]:
    """Each cycle of group membership once, as the folded names along it. Iterative: nesting may be deep."""
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
