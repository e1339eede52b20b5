"""Whether an account would still be managed after a change: the ownership filter judges what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.model import Diagnostic, LiveUser, Resource, error
from reconciler.core.paths import Path, list_elements, meets, parse
from reconciler.core.plan import Action, AttributeChange, Change
from reconciler.core.planning.guards.identities import is_relink
from reconciler.core.scope.scim_filter import Predicate


def check_ownership(change: Change, live: LiveUser, owned: Predicate) -> Diagnostic | None:
    """Return an error if a managed account would not be managed any more: no later plan would change it back.

    A live user without its resource is under the default ownership filter, which reads externalId only, and that is the
    matter of the guard `relink`.
    """
    if live.resource is None or not live.managed:
        return None
    if is_relink(change, live) and change.action is not Action.RELINK:
        return None
    if owned(apply_to_resource(live.resource, change.attribute_changes())):
        return None
    summary = "this change would put the account outside the ownership filter"
    detail = (
        "No later plan could undo that, so the user is left untouched.",
        "Correct the value, or change `ownership` in settings.yaml first.",
    )
    return error(summary, detail, change.origin, change.address)


def apply_to_resource(resource: Resource, changes: tuple[AttributeChange, ...]) -> Resource:
    """Return an untrusted resource with these changes. The original stays as it is, and shares what does not change."""
    result = dict(resource)
    for change in changes:
        path = parse(change.path)
        holder = result if path.urn is None else _open_object(result, path.urn)
        if path.filter is not None:
            _change_element(holder, path, change.after)
        elif path.sub is not None:
            _assign(_open_object(holder, path.attribute), path.sub, change.after)
        else:
            _assign(holder, path.attribute, change.after)
    return result


def _change_element(holder: dict[str, Any], path: Path, value: Any) -> None:
    """Change one element of a multi-valued attribute."""
    key, sub, conditions = _find_key(holder, path.attribute), path.sub or "value", path.filter or ()
    elements = holder.get(key)
    elements = list_elements(elements)
    rest = [each for each in elements if not meets(each, conditions)]
    own = next((dict(each) for each in elements if meets(each, conditions)), dict[str, Any](conditions))
    _assign(own, sub, value)
    holder[key] = rest if value is None and sub == "value" else [*rest, own]


def _open_object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    """Put a copy of the object with this name in its place and return it; a value of another type becomes one."""
    key = _find_key(holder, name)
    found = holder.get(key)
    opened: dict[str, Any] = dict(found) if isinstance(found, dict) else {}
    holder[key] = opened
    return opened


def _assign(holder: dict[str, Any], name: str, value: Any) -> None:
    key = _find_key(holder, name)
    if value is None:
        holder.pop(key, None)
    else:
        holder[key] = value


def _find_key(holder: Mapping[str, Any], name: str) -> str:
    """Return the key as the service spells it: names are case-insensitive (RFC 7643 §2.1)."""
    if name in holder:
        return name
    return next((key for key in holder if key.casefold() == name.casefold()), name)
