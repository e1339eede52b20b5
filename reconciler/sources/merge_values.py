"""The values of a person as an entry of a users file has them: what can be written, and what is the same. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from reconciler.core.field_change import Field
from reconciler.core.identity import MAX_ID
from reconciler.core.model import SourceValue
from reconciler.core.values import parse_boolean
from reconciler.desired.source_attributes import COMPUTED_ATTRIBUTES, ENTRA_ATTRIBUTES
from reconciler.history.edits import Entity
from reconciler.sources.snapshot import Person

ID, NAME, ENABLED = "objectId", "userPrincipalName", "accountEnabled"
_LIFECYCLE = "lifecycle"
_FIRST = (ID, NAME)
_ORDER = {name: place for place, name in enumerate(dict.fromkeys([*_FIRST, *ENTRA_ATTRIBUTES]))}
_CERTAINLY_SHORT = 5_000
"""Characters: each is at most twelve bytes of a file, as an escape."""
_MAX_BYTES = 60_000
"""Of one attribute. A line of a file has at most 65,536 bytes (`desired.yaml_text.MAX_LINE`), its key included."""
_MAX_ATTRIBUTE = 256


def is_usable_key(text: str) -> bool:
    """Whether `text` can identify a user or a group: one line of printable characters, no longer than ids are."""
    return bool(text.strip()) and len(text) <= MAX_ID and text.isprintable()


def can_import(attribute: str) -> bool:
    """Whether an import may set `attribute`: lifecycle is git's alone, and what is computed is in no file."""
    if attribute == _LIFECYCLE or attribute.startswith(f"{_LIFECYCLE}.") or attribute in COMPUTED_ATTRIBUTES:
        return False
    return is_importable_name(attribute)


def is_importable_name(attribute: str) -> bool:
    """Whether `attribute` can be a key of a file: one line of printable characters."""
    return 0 < len(attribute.strip()) <= _MAX_ATTRIBUTE and attribute.isprintable()


def find_fault(person: Person, attributes: Iterable[str]) -> str:
    """Return why the values of a person cannot be written; "" if they can."""
    values = person.attributes
    name, identity, enabled = values.get(NAME), values.get(ID), values.get(ENABLED)
    if name is None or name == "":
        return f"it has no {NAME}"
    for attribute, key in ((NAME, name), (ID, identity)):
        if key is not None and key != "" and not (isinstance(key, str) and is_usable_key(key)):
            return f"its {attribute} is not one line of at most {MAX_ID} printable characters"
    if enabled is not None and enabled != "" and _to_boolean(enabled) is None:
        return f"its {ENABLED} is neither true nor false"
    for attribute in attributes:
        value = values.get(attribute)
        if value is None or (value.__class__ is str and len(value) <= _CERTAINLY_SHORT and value.isascii()):
            continue  # nearly all values
        fault = _find_value_fault(value)
        if fault:
            return f"its {attribute} {fault}"
    return ""


def _to_boolean(value: SourceValue) -> bool | None:
    if isinstance(value, bool):
        return value
    return parse_boolean(value) if isinstance(value, str) else None


def _find_value_fault(value: SourceValue) -> str:
    if isinstance(value, bool):
        return ""
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, tuple) or not all(isinstance(each, str) for each in texts):
        return "is neither text nor a list of texts"
    if sum(map(len, texts)) > _CERTAINLY_SHORT and len(json.dumps(texts)) > _MAX_BYTES:
        return f"has {sum(map(len, texts)):,} characters, more than a line of a file can have"
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return "holds half of a character (a lone surrogate), which UTF-8 does not have"
    return ""


def to_field(attribute: str, value: SourceValue | None) -> Field | None:
    """Return a value of a source as a file has it; None: unassigned (RFC 7643 §2.5)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return tuple(each for each in value if each) or None
    if attribute == ENABLED and value:
        return "true" if parse_boolean(value) else "false"
    return value or None


def is_disabled(entry: Entity) -> bool:
    """Whether an entry says `accountEnabled: false`."""
    return _is(entry, ENABLED) is False


def is_protected(entry: Entity) -> bool:
    """Whether an entry says `lifecycle: {protected: true}`."""
    return _is(entry, "lifecycle.protected") is True


def _is(entry: Entity, path: str) -> bool | None:
    held = entry.fields.get(path)
    return parse_boolean(held) if isinstance(held, str) else None


def is_same(attribute: str, value: SourceValue | None, held: Field | None) -> bool:
    """Whether an entry that holds `held` says of `attribute` what the source does: then nothing is edited."""
    if attribute == ENABLED:
        # Left out it is true. Unassigned it says nothing: to take `false` out of an entry would enable the account.
        enabled = None if value is None else _to_boolean(value)
        return enabled is None or enabled == (True if held is None else isinstance(held, str) and parse_boolean(held))
    if isinstance(value, bool):
        return isinstance(held, str) and parse_boolean(held) is value
    if value and value.__class__ is str and value == held:
        return True
    wanted = to_field(attribute, value)
    if isinstance(wanted, tuple) and isinstance(held, tuple):
        # RFC 7643 §2.4: the values of a multi-valued attribute have no order.
        return wanted == held or sorted(wanted) == sorted(held)
    return wanted == held


def order_attributes(attributes: Iterable[str]) -> list[str]:
    """Return attributes in the order of a new entry: identity, which it always has, Entra's attributes, then others."""
    return sorted({*attributes, *_FIRST}, key=lambda each: (_ORDER.get(each, len(_ORDER)), each))


def build_fields(values: Mapping[str, SourceValue], attributes: Iterable[str]) -> dict[str, Field]:
    """Return the fields of a new entry, in the order of `attributes`. `accountEnabled: true` is the default."""
    found: dict[str, Field] = {}
    for attribute in attributes:
        field = to_field(attribute, values.get(attribute))
        if field is not None and (attribute, field) != (ENABLED, "true"):
            found[attribute] = field
    return found
