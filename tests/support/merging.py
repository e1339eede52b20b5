"""People, entries and snapshots for tests of merges, and a model of what the writer makes of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.field_change import Field
from reconciler.core.model import Origin, SourceValue
from reconciler.history.edits import DOCUMENT, GROUP, USER, Entity
from reconciler.sources.import_plan import CurrentState, ImportPlan, MergeRules
from reconciler.sources.merge import merge
from reconciler.sources.snapshot import Person, Snapshot, SourceGroup, SourceScope

READ = frozenset({"objectId", "userPrincipalName", "givenName", "department", "accountEnabled", "otherMails"})


def person(name: str, identity: str = "", place: str = "", **values: SourceValue) -> Person:
    """Return a person called `name`@example.com, unless `name` is an address."""
    ids = {"objectId": identity} if identity else {}
    return Person({**ids, "userPrincipalName": address(name), **values}, place)


def entry(name: str, identity: str = "", file: str = "users/entra.yaml", **values: Field) -> Entity:
    """Return an entry of a user. Keys with a dot: `entry("ada", **{"lifecycle.protected": "true"})`."""
    ids = {"objectId": identity} if identity else {}
    return Entity(USER, address(name), {**ids, "userPrincipalName": address(name), **values}, file)


def group(
    name: str, *users: str, file: str = "groups/entra.yaml", groups: tuple[str, ...] = (), **values: str
) -> Entity:
    """Return an entry of a group."""
    lists = {"members.users": tuple(map(address, users)), "members.groups": groups}
    return Entity(GROUP, name, {"name": name, **values, **{path: each for path, each in lists.items() if each}}, file)


def scope(**fields: Field) -> Entity:
    """Return scope.yaml; `assigned_users` is the field `assigned.users`."""
    named = {path.replace("_", ".", 1): value for path, value in fields.items()}
    return Entity(DOCUMENT, "scope.yaml", named, "scope.yaml")


def address(name: str) -> str:
    """Return the userPrincipalName of a short name."""
    return name if "@" in name or not name.isalnum() or name.isdigit() else f"{name}@example.com"


def snapshot(*people: Person, attributes: frozenset[str] = READ, **others: Any) -> Snapshot:
    """Return a complete read."""
    return Snapshot("Entra", people, attributes, **others)


def source_group(
    identity: str, name: str, *users: str, groups: tuple[str, ...] = (), description: str = ""
) -> SourceGroup:
    """Return a group of the source."""
    return SourceGroup(identity, name, description, users, groups)


def state(*entities: Entity, located: bool = False) -> CurrentState:
    """Return the state of these entries, by file and place. `located`: each entry is at line 3 times its number."""
    ordered = sorted(entities, key=lambda each: each.file)
    lines = {id(each): 3 * number for number, each in enumerate(ordered, 1)}

    def locate(entity: Entity, _path: str) -> Origin:
        return Origin(entity.file, lines[id(entity)], 3)

    return CurrentState(
        users=tuple(each for each in ordered if each.kind == USER),
        groups=tuple(each for each in ordered if each.kind == GROUP),
        scope=next((each for each in ordered if each.name == "scope.yaml"), None),
        settings=next((each for each in ordered if each.name == "settings.yaml"), None),
        files=tuple(dict.fromkeys(each.file for each in ordered if each.kind != DOCUMENT)),
        locate=locate if located else None,
    )


def merged(read: Snapshot, *entities: Entity, **rules: Any) -> ImportPlan:
    """Merge into the state of these entries."""
    return merge(read, state(*entities, located=True), MergeRules(**rules))


def apply(plan: ImportPlan, current: CurrentState) -> CurrentState:
    """Return the state after the edits of a plan, as the writer and the reader make it."""
    entities = [*current.users, *current.groups, *([current.scope] if current.scope is not None else [])]
    for edit in plan.edits:
        if edit.before is not None:
            place = next(number for number, each in enumerate(entities) if each is edit.before)
            entities[place : place + 1] = [edit.after] if edit.after is not None else []
        elif edit.after is not None:
            entities.append(edit.after)
    return state(*entities)


def show(plan: ImportPlan) -> list[str]:
    """Return the edits as a reader sees them: `~ ada department: Sales -> Marketing`."""
    lines = []
    for edit in plan.edits:
        sign = "+" if edit.before is None else "-" if edit.after is None else "~"
        name = (edit.before or edit.entity).name.removesuffix("@example.com")
        rows = "; ".join(f"{row.path}: {_text(row.before)} -> {_text(row.after)}" for row in edit.rows)
        lines.append(f"{sign} {name}" + (f" {rows}" if sign == "~" else f" in {edit.entity.file}"))
    return lines


def _text(value: object) -> str:
    items = [str(each).removesuffix("@example.com") for each in (value if isinstance(value, tuple) else (value,))]
    return ", ".join(items) if items else "(none)"


def summaries(plan: ImportPlan) -> list[str]:
    """Return the summaries of the diagnostics."""
    return [each.summary for each in plan.diagnostics]


def fields(plan: ImportPlan, name: str) -> Mapping[str, Field]:
    """Return the fields after the edit of the entry called `name` before or after it."""
    return next(
        each.after.fields
        for each in plan.edits
        if each.after is not None and name in {each.after.name, each.before.name if each.before else ""}
    )


def assignments(*users: str, groups: tuple[str, ...] = (), sync: str | None = None) -> SourceScope:
    """Return the assignments of objectIds."""
    return SourceScope(users, groups, sync)
