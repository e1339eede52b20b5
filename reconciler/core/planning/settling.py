"""When a live account is as its user desires it, so that a plan changes nothing about it: the rules of settling.

Users and accounts are looked at as objects here; `packed_pairs` compares most of them without building any.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.model import AttributeMapping, Attributes, DesiredUser, LiveUser, Value
from reconciler.core.planning.packed_pairs import Form
from reconciler.core.planning.temporary_names import is_temporary
from reconciler.core.profile import Attribute
from reconciler.core.values import fold_case, to_comparable


def find_linking_attribute(mappings: Iterable[AttributeMapping]) -> Attribute | None:
    """Return the attribute that links accounts, by which pairs can be settled; None if no pair can.

    A mapping that chooses unique values looks at the values of all accounts.
    """
    rows = list(mappings)
    if any(row.unique for row in rows):
        return None
    return next((row.attribute for row in rows if row.target == "externalId"), None)


def may_settle(user: DesiredUser, found: LiveUser, linking: Attribute) -> bool:
    """Whether nothing about an account and its user can need a decision, if no attribute is to be changed.

    Names and identifiers are equal; whether others share them is for `reopening`. `linking`: of
    `find_linking_attribute`.
    """
    return (
        user.match[:1] not in ((), (None,))
        and user.verdict.in_scope
        and not (user.failed or user.doubtful or user.candidates or user.lifecycle.protected)
        and not (found.lacks_active or found.unselected)
        and found.resource is None
        and found.last_modified != ""
        and user.anchor is not None
        and user.anchor == to_comparable(linking, found.external_id)
        and not (found.user_name[:1] in "rR" and is_temporary(found.user_name))
        and _has_what_is_kept(user, found)
    )


def _has_what_is_kept(user: DesiredUser, found: LiveUser) -> bool:
    """Whether `build_live` would build the live user as it is: all its fields but the attributes."""
    return (
        found.match == user.match
        and found.user_name == user.attributes.get("userName")
        and found.external_id == user.attributes.get("externalId")
        and found.active
        and found.managed
        and not (found.adoptable or found.omits_active)
        and found.unreadable is None
    )


def build_live(user: DesiredUser, live_id: str, last_modified: str | None, attributes: Attributes) -> LiveUser:
    """Return the live user of a settled account."""
    return LiveUser(
        id=live_id,
        user_name=str(user.attributes.get("userName", "")),
        external_id=str(user.attributes.get("externalId", "")),
        active=True,
        attributes=attributes,
        managed=True,
        adoptable=False,
        match=user.match,
        last_modified=last_modified,
    )


def find_form(desired: Attributes, shown: Attributes) -> Form:
    """Return how the attributes of an account differ from those that are desired."""
    if desired == shown:
        return ()
    different = [(path, value, desired.get(path)) for path, value in shown.items() if desired.get(path) != value]
    return (*different, *((path, None, value) for path, value in desired.items() if path not in shown))


def apply_form(desired: Attributes, form: Form) -> Attributes:
    """Return the attributes that `find_form` was given as those of the account."""
    if not form:
        return desired
    values = {**desired, **{path: value for path, value, _ in form}}
    return {path: value for path, value in values.items() if value is not None}


def list_desired_names(user: DesiredUser) -> set[str]:
    """Return the folded names and identifiers that a desired user has, or that a change can give its account."""
    values: set[Value | None] = {user.key, user.anchor, *user.match, *user.user_names}
    for side in (user.attributes, user.create_only):
        values.update((side.get("externalId"), side.get("userName")))
    return {fold_case(str(value)) for value in values if value is not None}


def list_live_names(user: LiveUser) -> set[str]:
    """Return the folded names and identifiers of a live user."""
    values: set[Value | None] = {user.id, user.user_name, user.external_id, *user.match}
    return {fold_case(str(value)) for value in values if value is not None}
