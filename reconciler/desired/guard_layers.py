"""Guards of a layer may only tighten those of the layers before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.core.text import format_names, shorten
from reconciler.core.values import fold_case
from reconciler.desired.guard_settings import GuardSettings
from reconciler.desired.schema_values import StrictModel
from reconciler.desired.validation import drop_nulls
from reconciler.desired.yaml_nodes import LayeredMapping, YamlMapping

_GUARDS = "guards"
_RAISE = "A layer may only tighten the guards of earlier layers. Choose a smaller value, or raise the other one."


def find_loosened(layers: Sequence[YamlMapping]) -> Iterator[Diagnostic]:
    """Yield an error for each guard that a layer of settings loosens, at its place. `layers`: the lowest first.

    Only guards that a layer below sets are compared, by what they mean together with the values that are not given.
    """
    for number in range(1, len(layers)):
        below, above = LayeredMapping(*layers[:number]).get(_GUARDS), layers[number].get(_GUARDS)
        if not isinstance(below, YamlMapping) or not isinstance(above, YamlMapping):
            continue
        for name in above:
            if below.get(name) is not None and above.get(name) is not None:
                yield from _compare(name, below, above)


def _compare(name: str, below: YamlMapping, above: YamlMapping) -> Iterator[Diagnostic]:
    try:
        before = getattr(GuardSettings.model_validate(_select(name, below)), name)
        after = getattr(GuardSettings.model_validate(_select(name, LayeredMapping(below, above))), name)
    except (ValidationError, AttributeError):
        return  # reported where the settings are validated
    if isinstance(before, StrictModel):
        yield from _compare_limits(name, (before, after), below, above)
    else:
        lost = {fold_case(each): each for each in before}.keys() - set(map(fold_case, after))
        if lost:
            missing = format_names([shorten(each, 60) for each in before if fold_case(each) in lost])
            detail = f"{below.value_origin(name)} lists them. A later layer must list them too: lists are replaced."
            yield error(f"guards.{name}: {missing} would not be protected", detail, above.value_origin(name))


def _select(name: str, guards: YamlMapping) -> dict[str, Any]:
    return {key: value for key, value in drop_nulls(guards).items() if key == name}


def _compare_limits(name: str, limits: tuple[Any, Any], below: YamlMapping, above: YamlMapping) -> Iterator[Diagnostic]:
    """Compare count, percent and floor: each is looser the larger it is, and None is no limit."""
    for key in type(limits[0]).model_fields:
        before, after = (getattr(each, key) for each in limits)
        if before is not None and (after is None or after > before):
            shown = "no limit" if after is None else f"{after:g}"
            summary = f"guards.{name}.{key}: {shown} is looser than {before:g}"
            yield error(summary, f"{_describe_lower(name, key, below)} {_RAISE}", _locate(name, key, above))


def _describe_lower(name: str, key: str, below: YamlMapping) -> str:
    inner = below[name]
    if isinstance(inner, YamlMapping) and inner.get(key) is not None:
        return f"That is the value at {inner.value_origin(key)}."
    return f"That is the default of {key}, and {below.key_origin(name)} sets guards.{name}."


def _locate(name: str, key: str, above: YamlMapping) -> Origin:
    inner = above[name]
    return inner.value_origin(key) if isinstance(inner, YamlMapping) else above.value_origin(name)
