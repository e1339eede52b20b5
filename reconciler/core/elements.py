"""The elements of multi-valued attributes (RFC 7643 §2.4): which of them a path with a filter is about.

Some services drop the sub-attribute that the filter names: every element is without it, and is recognized by its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.core.model import Value
from reconciler.core.paths import Path, get, meets
from reconciler.core.text import normalize

Element = dict[str, Any]


def is_selected(element: Element, path: Path) -> bool:
    """Whether the filter of the path finds the element."""
    return meets(element, path.filter or ())


def is_unlabelled(element: Element, path: Path) -> bool:
    """Whether the element lacks sub-attributes that the filter names, and no other condition excludes it."""
    shown = [condition for condition in path.filter or () if get(element, condition[0]) is not None]
    return not is_selected(element, path) and meets(element, shown)


def find_carrier(elements: Sequence[Element], path: Path, value: Value | None) -> Element | None:
    """Return the element that the filter finds, else the one without its sub-attribute that carries `value`.

    `value` None: only what the filter finds.
    """
    found = next((each for each in elements if is_selected(each, path)), None)
    if found is not None or value is None:
        return found
    return next((each for each in elements if is_unlabelled(each, path) and carries(each, path, value)), None)


def carries(element: Element, path: Path, value: Value) -> bool:
    """Whether the element has the value, in the spelling of a plan."""
    own = get(element, path.sub or "value")
    return own == value or normalize(str(own)) == str(value)


def set_element(elements: Sequence[Element], found: Element | None, path: Path, value: Value) -> list[Element]:
    """Return the elements with the value in `found`; None: in a new one."""
    changed = dict(found or {})
    for condition in path.filter or ():
        if not meets(changed, [condition]):
            changed[condition[0]] = condition[1]
    changed[_spell(changed, path.sub or "value")] = value
    if found is None:
        return [*elements, changed]
    return [changed if each is found else each for each in elements]


def _spell(element: Element, name: str) -> str:
    """Return the key of a sub-attribute as the element spells it."""
    return next((key for key in element if key.casefold() == name.casefold()), name)


def clear_element(elements: Sequence[Element], found: Element | None, path: Path) -> list[Element]:
    """Return the elements without the value in `found`; without its `value`, an element is removed."""
    if found is None:
        return list(elements)
    if (path.sub or "value") == "value":
        return [each for each in elements if each is not found]
    own = _spell(found, path.sub or "value")
    changed = {name: value for name, value in found.items() if name != own}
    return [changed if each is found else each for each in elements]
