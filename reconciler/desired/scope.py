"""Read scope: resolve groups and assignment, compile filters, each error with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from reconciler.core.model import Origin, error
from reconciler.core.scope.groups import GroupMembers, find_cycles, resolve_members
from reconciler.core.scope.verdict import Roster, ScopeRules
from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.desired import schema
from reconciler.desired.directory import Directory
from reconciler.desired.scoping_filters import AttributeUse, CompiledFilters, compile_filters
from reconciler.desired.validation import LocatedModel

NameOrigins = dict[str, tuple[str, Origin | None]]
"""Case-folded name -> the name as written, and the origin of its first use."""


@dataclass(frozen=True, slots=True)
class CompiledScope:
    """The scope rules, the users and groups referenced by them and by groups, and the attributes that filters read."""

    rules: ScopeRules
    users: tuple[tuple[str, Origin | None], ...]
    inputs: tuple[AttributeUse, ...] = ()
    group_references: tuple[tuple[str, Origin | None], ...] = ()
    groups: frozenset[str] = frozenset()
    """The case-folded names of the groups that are defined."""


@dataclass(slots=True)
class _References:
    """Names that scope.yaml and groups reference; all must exist."""

    users: NameOrigins = field(default_factory=dict)
    groups: NameOrigins = field(default_factory=dict)


def read_scope(directory: Directory, today: date) -> CompiledScope:
    """Read scope.yaml on `today` (UTC) and resolve its groups; errors are diagnostics. References are not checked."""
    references = _References()
    groups = _read_groups(directory, references)
    located = directory.read_scope()
    if located is None:
        rules, compiled = ScopeRules(assigned=None), CompiledFilters()
    else:
        compiled = compile_filters(located, groups, today, directory.report)
        for name, origin in compiled.groups:
            references.groups.setdefault(fold_case(name), (name, origin))
        rules = _build_rules(located, groups, references, compiled)
    users, group_references = tuple(references.users.values()), tuple(references.groups.values())
    return CompiledScope(rules, users, compiled.inputs, group_references, frozenset(groups))


def _build_rules(
    located: LocatedModel[schema.ScopeEntry],
    groups: Mapping[str, GroupMembers],
    references: _References,
    compiled: CompiledFilters,
) -> ScopeRules:
    assigned = _read_members(located, located.value.assigned, references, "assigned")
    excluded = _read_members(located, located.value.excluded, references, "excluded")
    all_users = located.value.sync == "all"
    return ScopeRules(
        assigned=None if all_users else resolve_members(assigned, groups),
        excluded=resolve_members(excluded, groups),
        filters=compiled.filters,
        roster=Roster(assigned, excluded, groups),
    )


def _read_groups(directory: Directory, references: _References) -> dict[str, GroupMembers]:
    groups: dict[str, GroupMembers] = {}
    origins: dict[str, Origin | None] = {}
    for group in directory.read_groups():
        name = fold_case(group.value.name)
        if name in groups:
            summary = f"group {quote(group.value.name)} is defined twice"
            directory.report(error(summary, f"The other is at {origins[name]}.", group.at("name")))
            continue
        origins[name] = group.at("name")
        groups[name] = _read_members(group, group.value.members, references, "members")
    for cycle in find_cycles(groups):
        names = " -> ".join(cycle)
        directory.report(error(f"group cycle: {names}", "Remove one of these memberships.", origins[cycle[0]]))
    return groups


def _read_members(
    located: LocatedModel[Any], members: schema.Members, references: _References, *location: str
) -> GroupMembers:
    for index, user in enumerate(members.users):
        references.users.setdefault(fold_case(user), (user, located.at(*location, "users", index)))
    for index, group in enumerate(members.groups):
        references.groups.setdefault(fold_case(group), (group, located.at(*location, "groups", index)))
    return GroupMembers(tuple(members.users), tuple(members.groups))
