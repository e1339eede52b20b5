"""Who is provisioned: accountEnabled, lifecycle dates, assignment, exclusions; scoping filters will come after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from reconciler.core.compare import folded
from reconciler.core.model import IN_SCOPE, ScopeReason, SourceUser, Verdict


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """Direct members of one group: people by userPrincipalName or objectId, groups by name. All as written."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopeRules:
    """Assignment with groups resolved; people by folded userPrincipalName or objectId. `assigned` None: everybody."""

    assigned: frozenset[str] | None
    excluded: frozenset[str] = frozenset()


def resolve(members: GroupMembers, groups: Mapping[str, GroupMembers]) -> frozenset[str]:
    """Everybody in `members`, nested groups included, by folded name. `groups` is keyed by folded name; cycles end."""
    people: set[str] = set()
    seen: set[str] = set()
    waiting = [members]
    while waiting:
        current = waiting.pop()
        people.update(map(folded, current.users))
        for name in map(folded, current.groups):
            if name not in seen and name in groups:
                seen.add(name)
                waiting.append(groups[name])
    return frozenset(people)


def cycles(groups: Mapping[str, GroupMembers]) -> Iterator[tuple[str, ...]]:
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
    groups: Mapping[str, GroupMembers],
    done: set[str],
    path: list[str],
    walk: list[tuple[str, Iterator[str]]],
) -> None:
    if name in groups and name not in done:
        path.append(name)
        walk.append((name, iter([folded(group) for group in groups[name].groups])))


def verdict(user: SourceUser, rules: ScopeRules, today: date) -> Verdict:
    """Whether `user` is in scope on `today` (UTC), and why not. The first reason in Entra's order of steps counts."""
    enabled = user.attributes.get("accountEnabled")
    if enabled is False:
        return Verdict(ScopeReason.DISABLED, "accountEnabled is false")
    lifecycle = user.lifecycle
    if lifecycle.expires is not None and lifecycle.expires <= today:
        return Verdict(ScopeReason.EXPIRED, f"expired {lifecycle.expires}")
    if lifecycle.starts is not None and lifecycle.starts > today:
        return Verdict(ScopeReason.NOT_STARTED, f"starts {lifecycle.starts}")
    return _assignment(user, rules)


def _assignment(user: SourceUser, rules: ScopeRules) -> Verdict:
    if rules.assigned is None and not rules.excluded:
        return IN_SCOPE
    names = tuple(_names(user))
    if rules.assigned is not None and rules.assigned.isdisjoint(names):
        return Verdict(ScopeReason.NOT_ASSIGNED, "not assigned in scope.yaml")
    if not rules.excluded.isdisjoint(names):
        return Verdict(ScopeReason.EXCLUDED, "excluded in scope.yaml")
    return IN_SCOPE


def _names(user: SourceUser) -> Iterable[str]:
    yield folded(user.key)
    object_id = user.attributes.get("objectId")
    if object_id:
        yield folded(str(object_id))
