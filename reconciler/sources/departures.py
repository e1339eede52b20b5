"""The users that an import takes out of provisioning, and their limit `guards.removals`. Pure.

The plan that follows has its own guard, which counts accounts. This one stops an import before it edits a file: a wrong
application or an emptied group must not become a pull request that looks like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.plan import Guard
from reconciler.core.policy import Limit
from reconciler.core.scope.groups import GroupMembers, resolve_members
from reconciler.core.text import pluralize
from reconciler.core.values import fold_case
from reconciler.history.edits import DOCUMENT, GROUP, Entity
from reconciler.sources.import_plan import CurrentState, EntryEdit, ImportPlan


class DepartureKind(StrEnum):
    """How an import takes a user out of provisioning."""

    REMOVED = "taken out"
    DISABLED = "disabled"
    OUT_OF_SCOPE = "out of scope"


@dataclass(frozen=True, slots=True)
class Departure:
    """One user, by the entry before the import. `active`: it was enabled and in scope."""

    entity: Entity
    kind: DepartureKind
    active: bool = True


@dataclass(frozen=True, slots=True)
class Departures:
    """The departures of an import, in the order of the entries. `population`: enabled users in scope before it."""

    people: tuple[Departure, ...] = ()
    population: int = 0
    arrivals: tuple[Entity, ...] = ()
    """The reverse, by the entries before it: users that are enabled and in scope only afterwards. Not those added."""

    def count(self, kind: DepartureKind) -> int:
        """Return the number of departures of this kind."""
        return sum(each.kind is kind for each in self.people)

    @property
    def id(self) -> str:
        """The id by which they are approved: of exactly these users, whatever else the import changes."""
        keys = sorted((each.kind.value, _key(each.entity)) for each in self.people)
        return f"sha256:{hashlib.sha256(json.dumps(keys).encode()).hexdigest()}"


def find_departures(current: CurrentState, plan: ImportPlan) -> Departures:
    """Return the users that are enabled and assigned before the import and not after it, and entries taken out.

    Scoping filters are not evaluated, nor are memberships in them: what they decide is for the guards of the plan.
    """
    edits = {_place(edit.before): edit for edit in plan.edits if edit.before is not None}
    was, will = _Assignments(current, {}), _Assignments(current, edits, _added(plan.edits))
    people, arrivals, population = [], [], 0
    for user in current.users:
        active = is_enabled(user) and was.includes(user)
        population += active
        edit = edits.get(_place(user))
        after = edit.after if edit is not None else user
        if after is None:
            people.append(Departure(user, DepartureKind.REMOVED, active))
        elif active and not is_enabled(after):
            people.append(Departure(user, DepartureKind.DISABLED))
        elif active and not will.includes(after):
            people.append(Departure(user, DepartureKind.OUT_OF_SCOPE))
        elif not active and is_enabled(after) and will.includes(after):
            arrivals.append(user)
    return Departures(tuple(people), population, tuple(arrivals))


def find_unassigned(current: CurrentState, users: Iterable[Entity]) -> list[Entity]:
    """Return those of `users`, which may be new, that scope.yaml does not assign or that it excludes."""
    assignments = _Assignments(current, {})
    return [user for user in users if not assignments.includes(user)]


def check_departures(found: Departures, limit: Limit) -> Guard:
    """Check `guards.removals`: the count of all departures, the percentage of users that are enabled and in scope."""
    active = sum(each.active for each in found.people)
    share = 100 * active / found.population if found.population else 0
    message = f"{_describe(found)} ({share:.1f} % of {pluralize(found.population, 'enabled user')} in scope)"
    rules = []
    if limit.count is not None:
        rules.append((limit.count, f"count: {limit.count}", len(found.people) > limit.count))
    if limit.percent is not None and found.population:
        allowed = max(limit.floor, int(found.population * limit.percent / 100 + 1e-9))
        rules.append((allowed, f"percent: {limit.percent:g}", active > allowed))
    if not rules:
        return Guard("removals", passed=True, message=f"{message}; no limit is set")
    allowed, rule, exceeded = min(rules, key=lambda entry: (not entry[2], entry[0]))
    compared = "more than" if exceeded else "within"
    return Guard("removals", not exceeded, f"{message}, {compared} the limit of {allowed:,} (guards.removals.{rule})")


def is_enabled(user: Entity) -> bool:
    """Whether an entry of a user is enabled; accountEnabled is true without a value."""
    return fold_case(str(user.fields.get("accountEnabled") or "true")) != "false"


def _describe(found: Departures) -> str:
    kinds = [f"{found.count(kind):,} {kind.value}" for kind in DepartureKind if found.count(kind)]
    return f"{pluralize(len(found.people), 'user')} would leave: {', '.join(kinds) or 'none'}"


def _key(user: Entity) -> str:
    return user.object_id or fold_case(user.name)


def _place(entity: Entity) -> tuple[str, str, str]:
    return entity.kind, entity.file, entity.name


def _added(edits: Sequence[EntryEdit]) -> tuple[Entity, ...]:
    return tuple(edit.after for edit in edits if edit.before is None and edit.after is not None)


class _Assignments:
    """Who is assigned, with `edits` of groups and of the scope made."""

    def __init__(
        self,
        current: CurrentState,
        edits: Mapping[tuple[str, str, str], EntryEdit],
        added: Sequence[Entity] = (),
    ) -> None:
        def apply(entity: Entity | None) -> Entity | None:
            edit = edits.get(_place(entity)) if entity is not None else None
            return edit.after if edit is not None else entity

        groups = [apply(group) for group in current.groups] + [each for each in added if each.kind == GROUP]
        members = {fold_case(each.name): _read_members(each, "members") for each in groups if each is not None}
        new_scope = next((each for each in added if each.kind == DOCUMENT), None)
        scope = apply(current.scope) or new_scope
        self._assigned: frozenset[str] | None = None  # every user
        self._excluded: frozenset[str] = frozenset()
        if scope is not None:
            self._excluded = resolve_members(_read_members(scope, "excluded"), members)
            if scope.fields.get("sync") != "all":
                self._assigned = resolve_members(_read_members(scope, "assigned"), members)

    def includes(self, user: Entity) -> bool:
        """Whether the user is assigned and not excluded."""
        keys = {fold_case(user.name), user.object_id} - {""}
        assigned = self._assigned is None or not self._assigned.isdisjoint(keys)
        return assigned and self._excluded.isdisjoint(keys)


def _read_members(entity: Entity, section: str) -> GroupMembers:
    return GroupMembers(_read_list(entity, f"{section}.users"), _read_list(entity, f"{section}.groups"))


def _read_list(entity: Entity, path: str) -> tuple[str, ...]:
    value = entity.fields.get(path)
    return value if isinstance(value, tuple) else (value,) if value else ()
