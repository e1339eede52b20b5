"""Edit references to users in groups and scope.yaml; every other byte of the files stays.

A user that is removed or renamed leaves references behind, which would be errors. The result is read again: `EditError`
is raised if anything but these references differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.field_change import Field
from reconciler.core.values import fold_case
from reconciler.history.edits import DOCUMENT, GROUP, Entity
from reconciler.history.revert import RevertStep
from reconciler.history.yaml_edit import check_entries, edit_content
from reconciler.history.yaml_entries import parse_entries
from reconciler.history.yaml_fields import FieldEdit, Names

_FIELDS = ("members.users", "assigned.users", "excluded.users")


def edit_references(name: str, content: bytes, names: Names) -> tuple[bytes, list[RevertStep]]:
    """Return the file `name` with the references to `names` edited, and the steps; no step: the file is unchanged.

    `names`: names and objectIds of users. Raises `EditError` if a reference cannot be edited.
    """
    before = parse_entries(name, content)
    changed = {number: fields for number, entity in enumerate(before) if (fields := rename_users(entity, names))}
    if not changed:
        return content, []
    edits = {number: FieldEdit(fields, {"users": names}) for number, fields in changed.items()}
    edited = edit_content(content, before[0].kind, edits)
    after = [_apply(entity, changed.get(number, {})) for number, entity in enumerate(before)]
    check_entries(name, edited, after)
    return edited, [RevertStep(before[number], after[number], fields) for number, fields in changed.items()]


def rename_users(entity: Entity, names: Names) -> dict[str, Field | None]:
    """Return the lists of users of a group or the scope that refer to `names`, as they are then; None: empty."""
    changed: dict[str, Field | None] = {}
    for path in _FIELDS if entity.kind in (GROUP, DOCUMENT) else ():
        users = entity.fields.get(path)
        if isinstance(users, tuple) and any(fold_case(user) in names for user in users):
            renamed = dict.fromkeys(names.get(fold_case(user), user) for user in users)
            changed[path] = tuple(user for user in renamed if user is not None) or None
    return changed


def _apply(entity: Entity, fields: Mapping[str, Field | None]) -> Entity:
    after = {**entity.fields, **fields}
    return replace(entity, fields={path: value for path, value in after.items() if value is not None})
