"""Merge the assignments of a source into scope.yaml. Exclusions and filters are git's alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.core.text import format_names, pluralize, shorten
from reconciler.core.values import fold_case
from reconciler.history.edits import DOCUMENT, Entity
from reconciler.sources.departures import find_departures
from reconciler.sources.import_plan import CurrentState, EntryEdit, ImportPlan, MergeRules
from reconciler.sources.merge_groups import GroupEdits
from reconciler.sources.merge_missing import DISABLE, REMOVE
from reconciler.sources.references import GroupAssignment, References, replace_lists
from reconciler.sources.snapshot import SourceScope

FILE = "scope.yaml"
USERS, GROUPS, EXCLUDED = "assigned.users", "assigned.groups", "excluded.users"
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
    lists = {path: references.follow(held.fields.get(path)) for path in (USERS, EXCLUDED)}
    result = ScopeEdit()
    extra, found = list[str](), GroupAssignment()
    if source is not None:
        remove = takes_out(rules)
        lists[USERS], extra = references.assign(held.fields.get(USERS), map(fold_case, source.users), remove=remove)
        wanted = map(fold_case, source.groups)
        found = groups.names.assign(held.fields.get(GROUPS), wanted, remove=remove, remove_unread=remove)
        lists[GROUPS] = (*found.kept, *found.added)
    fields = replace_lists(held, lists)
    if source is not None:
        # Without the file every user is in scope: those that there are stay so.
        sync = source.sync or fields.get(_SYNC) or ("all" if current.users else "assigned")
        fields = {_SYNC: sync, **{path: value for path, value in fields.items() if path != _SYNC}}
    if fields != held.fields:
        result.edit = EntryEdit(current.scope, Entity(DOCUMENT, FILE, fields, FILE))
    if not takes_out(rules):
        left = [each for each in found.extra if each in found.kept]
        without = {**fields, GROUPS: tuple(each for each in lists.get(GROUPS, ()) if each not in left)}
        edits = (*users, *groups.edits)
        alone = _count_dependent(current, edits, result.edit, Entity(DOCUMENT, FILE, without, FILE)) if left else 0
        result.notes = _list_notes(extra, "user", rules) + _list_notes(left, "group", rules, alone)
    return result


def takes_out(rules: MergeRules) -> bool:
    """Whether `on_missing` takes out assignments that the source has no longer."""
    return rules.on_missing in (DISABLE, REMOVE)


def _count_dependent(current: CurrentState, edits: Sequence[EntryEdit], edit: EntryEdit | None, without: Entity) -> int:
    """Return how many users that are there today would leave if scope.yaml were `without`, besides those that do."""
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
