"""Merge the assignments of a source into scope.yaml. Exclusions and filters are git's alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.core.text import format_names, pluralize, shorten
from reconciler.core.values import fold_case
from reconciler.history.edits import DOCUMENT, Entity
from reconciler.sources.import_plan import CurrentState, EntryEdit, MergeRules
from reconciler.sources.merge_missing import DISABLE, REMOVE
from reconciler.sources.references import GroupNames, References, replace_lists
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
    source: SourceScope | None, current: CurrentState, references: References, groups: GroupNames, rules: MergeRules
) -> ScopeEdit:
    """Return the edit of scope.yaml. `source` None: assignments were not read, so that only names of users change.

    An assignment is taken out only if the source has read its user or group, finds it unassigned, and `on_missing` is
    not `report`.
    """
    held = current.scope or Entity(DOCUMENT, FILE, {}, FILE)
    lists = {path: references.follow(held.fields.get(path)) for path in (USERS, EXCLUDED)}
    result = ScopeEdit()
    if source is not None:
        remove = rules.on_missing in (DISABLE, REMOVE)
        users, extra = references.assign(held.fields.get(USERS), map(fold_case, source.users), remove=remove)
        kept, added, extra_groups = groups.assign(held.fields.get(GROUPS), map(fold_case, source.groups), remove=remove)
        lists |= {USERS: users, GROUPS: (*kept, *added)}
        if not remove:
            result.notes = _list_notes(extra, "user", rules) + _list_notes(extra_groups, "group", rules)
    fields = replace_lists(held, lists)
    if source is not None:
        # Without the file every user is in scope: those that there are stay so.
        sync = source.sync or fields.get(_SYNC) or ("all" if current.users else "assigned")
        fields = {_SYNC: sync, **{path: value for path, value in fields.items() if path != _SYNC}}
    if fields != held.fields:
        result.edit = EntryEdit(current.scope, Entity(DOCUMENT, FILE, fields, FILE))
    return result


def _list_notes(extra: list[str], noun: str, rules: MergeRules) -> list[str]:
    if not extra:
        return []
    one, many = f"{noun} is no longer assigned and stays", f"{noun}s are no longer assigned and stay"
    shown = format_names([shorten(each, 80) for each in extra])
    return [f"{pluralize(len(extra), one, many)} in {FILE} (on_missing: {rules.on_missing}): {shown}"]
