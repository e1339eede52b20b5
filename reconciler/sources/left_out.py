"""Leave out of an import the users whose entries would have errors: the files stay valid. Pure.

What decides about access is never left out: an entry that stays still gets its userPrincipalName, its objectId and its
accountEnabled.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from reconciler.core.field_change import Field
from reconciler.core.values import fold_case
from reconciler.history.edits import USER
from reconciler.sources.import_plan import EntryEdit, ImportPlan

_DECISIVE = ("userPrincipalName", "objectId", "accountEnabled")
_LISTS = ("members.users", "assigned.users")


def leave_out(plan: ImportPlan, addresses: Collection[str]) -> ImportPlan:
    """Return the plan without the additions and the other values of these users; `addresses`: after the edit."""
    edits, left_out, added = [], 0, set[str]()
    for edit in plan.edits:
        kept: EntryEdit | None = edit
        if edit.entity.kind == USER and edit.after is not None and edit.after.address in addresses:
            kept = _keep_decisive(edit)
            left_out += kept != edit
            added |= {fold_case(edit.after.name), edit.after.object_id} if edit.before is None else set()
        edits.append(kept)
    stripped = [_strip(edit, added) if edit is not None and added else edit for edit in edits]
    return replace(plan, edits=tuple(edit for edit in stripped if edit is not None), refused=plan.refused + left_out)


def _keep_decisive(edit: EntryEdit) -> EntryEdit | None:
    before, after = edit.before, edit.after
    if before is None or after is None:
        return None
    fields = {path: value for path, value in before.fields.items() if path not in _DECISIVE or path in after.fields}
    fields |= {path: after.fields[path] for path in _DECISIVE if path in after.fields}
    return None if fields == before.fields else replace(edit, after=replace(after, fields=fields))


def _strip(edit: EntryEdit, added: Collection[str]) -> EntryEdit | None:
    """Take references to users that are not added out of what a group or the scope gains."""
    if edit.after is None or edit.entity.kind == USER:
        return edit
    before = edit.before.fields if edit.before is not None else {}
    fields = {
        path: _without(value, before.get(path), added) if path in _LISTS else value
        for path, value in edit.after.fields.items()
    }
    fields = {path: value for path, value in fields.items() if value != () or before.get(path) == ()}
    if fields == edit.after.fields:
        return edit
    return (
        None
        if edit.before is not None and fields == before
        else replace(edit, after=replace(edit.after, fields=fields))
    )


def _without(value: Field, before: Field | None, added: Collection[str]) -> Field:
    if isinstance(value, str):
        return value
    had = before if isinstance(before, tuple) else ()
    return tuple(each for each in value if each in had or fold_case(each) not in added)
