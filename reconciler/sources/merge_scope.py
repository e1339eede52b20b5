"""Merge the assignments of a source into scope.yaml. Exclusions and filters are git's alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.field_change import Field
from reconciler.core.text import format_names, pluralize, shorten
from reconciler.core.values import fold_case
from reconciler.history.edits import DOCUMENT, Entity
from reconciler.sources.departures import DepartureKind, find_departures
from reconciler.sources.import_plan import CurrentState, EntryEdit, ImportPlan, MergeRules
from reconciler.sources.merge_groups import ASSIGNED, GroupEdits
from reconciler.sources.merge_missing import DISABLE, REMOVE
from reconciler.sources.references import References, replace_lists
from reconciler.sources.snapshot import SourceScope

FILE = "scope.yaml"
USERS, EXCLUDED = "assigned.users", "excluded.users"
_SYNC = "sync"


@dataclass(slots=True)
class ScopeEdit:
    """The edit of scope.yaml, if there is one."""

    edit: EntryEdit | None = None
    notes: list[str] = field(default_factory=list)


def edit_scope(
    source: SourceScope | None,
    current: CurrentState,
    references: References,
    groups: GroupEdits,
    rules: MergeRules,
    *,
    users: Sequence[EntryEdit],
) -> ScopeEdit:
    """Return the edit of scope.yaml. `source` None: assignments were not read, so that only names of users change.

    An assignment is taken out only if the source has read all assignments, does not list it, and `on_missing` is not
    `report`. `users`: the edits of users.
    """
    held = current.scope or Entity(DOCUMENT, FILE, {}, FILE)
    if source is None:
        lists = {path: references.follow(held.fields.get(path)) for path in (USERS, EXCLUDED)}
        return ScopeEdit(_build_edit(current, held, replace_lists(held, lists)))
    remove, edits = takes_out(rules), (*users, *groups.edits)
    listed, extra = references.assign(held.fields.get(USERS), map(fold_case, source.users), remove=remove)
    wanted = map(fold_case, source.groups)
    found = groups.names.assign(held.fields.get(ASSIGNED), wanted, remove=remove, remove_unread=remove)
    assigned = (*found.kept, *found.added)
    lists = {USERS: listed, ASSIGNED: assigned, EXCLUDED: references.follow(held.fields.get(EXCLUDED))}
    fields = _set_sync(replace_lists(held, lists), source.sync)
    result = ScopeEdit(_build_edit(current, held, fields))
    if current.scope is None and source.sync is None:
        kept = _find_unassigned(current, edits, result.edit)
        own, _ = references.assign(tuple(kept), (), remove=remove)
        lists[USERS], _ = references.assign(own, map(fold_case, source.users), remove=False)
        result.edit = _build_edit(current, held, _set_sync(replace_lists(held, lists), None))
        result.notes = _note_new(len(own))
    if not remove:
        left = [each for each in found.extra if each in found.kept]
        without = {**fields, ASSIGNED: tuple(each for each in assigned if each not in left)}
        alone = _count_dependent(current, edits, result.edit, Entity(DOCUMENT, FILE, without, FILE)) if left else 0
        result.notes += _list_notes(extra, "user", rules) + _list_notes(left, "group", rules, alone)
    return result


def _build_edit(current: CurrentState, held: Entity, fields: Mapping[str, Field]) -> EntryEdit | None:
    return EntryEdit(current.scope, Entity(DOCUMENT, FILE, fields, FILE)) if fields != held.fields else None


def _set_sync(fields: Mapping[str, Field], sync: str | None) -> dict[str, Field]:
    """Return the fields with `sync` as the source says, else as it is. A new file is for those that are assigned."""
    return {_SYNC: sync or fields.get(_SYNC) or "assigned", **{path: fields[path] for path in fields if path != _SYNC}}


def _find_unassigned(current: CurrentState, edits: Sequence[EntryEdit], edit: EntryEdit | None) -> list[str]:
    """Return the names of users that are there today and that a new scope.yaml does not assign.

    Without the file every user was in scope.
    """
    planned = (*edits, edit) if edit is not None else edits
    found = find_departures(current, ImportPlan("", tuple(planned))).people
    return [each.entity.name for each in found if each.kind is DepartureKind.OUT_OF_SCOPE]


def _note_new(kept: int) -> list[str]:
    if not kept:
        return []
    what = pluralize(kept, "user that the source does not assign", "users that the source does not assign")
    return [
        f"{FILE} is new, with sync: assigned. {what}: listed in {USERS}, because without the file all were in scope."
    ]


def takes_out(rules: MergeRules) -> bool:
    """Whether `on_missing` takes out assignments that the source has no longer."""
    return rules.on_missing in (DISABLE, REMOVE)


def _count_dependent(current: CurrentState, edits: Sequence[EntryEdit], edit: EntryEdit | None, without: Entity) -> int:
    """Return how many more of today's users would leave if scope.yaml were `without`."""
    planned = (*edits, edit) if edit is not None else edits
    before = find_departures(current, ImportPlan("", tuple(planned)))
    after = find_departures(current, ImportPlan("", (*edits, EntryEdit(current.scope, without))))
    return len(after.people) - len(before.people)


def _list_notes(extra: list[str], noun: str, rules: MergeRules, alone: int = 0) -> list[str]:
    """Return the line about assignments that stay. `alone`: the number of users that have no other."""
    if not extra:
        return []
    one, many = f"{noun} is no longer assigned and stays", f"{noun}s are no longer assigned and stay"
    shown = format_names([shorten(each, 80) for each in extra])
    through = f"through {'it' if len(extra) == 1 else 'them'} alone"
    users = pluralize(alone, f"user has an account {through}", f"users have their accounts {through}")
    more = f"; {users}" if alone else ""
    return [f"{pluralize(len(extra), one, many)} in {FILE} (on_missing: {rules.on_missing}): {shown}{more}"]
