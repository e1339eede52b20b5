"""Keys that a layer declares final: no layer above it may set them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.core.text import quote, shorten
from reconciler.desired import schema
from reconciler.desired.yaml_nodes import LayeredMapping, YamlMapping, YamlSequence, locate
from reconciler.desired.yaml_reader import Report

FINAL = "final"
"""The key of settings.yaml in defaults/ and groups/NAME/ that lists them."""
_EXAMPLE = "Write a list such as [target.profile, ownership, lifecycle.actions, scope.sync, mappings]."


@dataclass(frozen=True, slots=True)
class FinalKey:
    """A key, as steps, and where it was declared. The first step is `settings`, `scope` or `mappings`."""

    path: tuple[str, ...]
    origin: Origin

    def __str__(self) -> str:
        return ".".join(self.path[1:] if self.path[0] == "settings" else self.path)


def take_final(node: YamlMapping, report: Report) -> tuple[YamlMapping, tuple[FinalKey, ...]]:
    """Return the settings of a layer without `final`, and the keys that it lists. Invalid ones are reported."""
    if FINAL not in node:
        return node, ()
    rest = LayeredMapping(node)
    listed = rest.remove(FINAL)
    if listed is None:
        return rest, ()
    if not isinstance(listed, YamlSequence):
        report(error(f"{FINAL}: expected a list", _EXAMPLE, node.value_origin(FINAL)))
        return rest, ()
    return rest, tuple(_read_keys(listed, report))


def _read_keys(listed: YamlSequence, report: Report) -> Iterator[FinalKey]:
    for number, text in enumerate(listed):
        origin = listed.item_origin(number)
        path = _parse_key(text) if isinstance(text, str) else None
        if path is None:
            shown = quote(shorten(text, 60)) if isinstance(text, str) else "an entry"
            report(error(f"{FINAL}: {shown} is not a key", _EXAMPLE, origin))
        else:
            yield FinalKey(path, origin)


def _parse_key(text: str) -> tuple[str, ...] | None:
    """Return the steps of a key; None if no file has it."""
    steps = tuple(text.split("."))
    first, *rest = steps
    if first == "mappings":
        return steps if not rest else None
    if first == "scope":
        return steps if _is_known(rest, schema.ScopeEntry) else None
    return ("settings", *steps) if _is_known(steps, schema.Settings) else None


def is_known_key(path: Sequence[str]) -> bool:
    """Whether a file has a key. The first step is `settings`, `scope` or `mappings`."""
    kind, *steps = path
    models: dict[str, type[BaseModel]] = {"settings": schema.Settings, "scope": schema.ScopeEntry}
    return _is_known(steps, models[kind]) if kind in models else path == ("mappings",)


def _is_known(steps: Iterable[str], model: type[BaseModel]) -> bool:
    """Whether a model has a value at `steps`."""
    current: type[BaseModel] | None = model
    for step in steps:
        fields = {info.alias or name: info for name, info in current.model_fields.items()} if current else {}
        if step not in fields:
            return False
        current = find_inner_model(fields[step].annotation)
    return True


def find_inner_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a field that is a mapping; None for every other one."""
    candidates = (annotation, *getattr(annotation, "__args__", ()))
    is_list = getattr(annotation, "__origin__", None) is list
    return next(
        (each for each in candidates if not is_list and isinstance(each, type) and issubclass(each, BaseModel)), None
    )


def find_overrides(kind: str, node: YamlMapping, finals: Iterable[FinalKey]) -> Iterator[Diagnostic]:
    """Yield an error for each final key that `node`, a file of `kind` in a layer above, sets."""
    for final in finals:
        if final.path[0] == kind:
            origin = _find_override(node, final.path[1:])
            if origin is not None:
                yield describe_override(final, origin)


def describe_override(final: FinalKey, origin: Origin) -> Diagnostic:
    """Return the error for a final key that is set at `origin`."""
    return error(f"{final} is final", f"{final.origin} declares it. Remove it here, or there from `{FINAL}`.", origin)


def _find_override(node: YamlMapping, path: tuple[str, ...]) -> Origin | None:
    """Return where `node` sets `path`, or replaces what it is in; None if it does neither."""
    inner: Any = node
    for count, step in enumerate(path, start=1):
        if not isinstance(inner, YamlMapping) or inner.get(step) is None:
            return None
        inner = inner[step]
        if not isinstance(inner, YamlMapping):
            return locate(node, path[:count], key=True)
    return locate(node, path, key=True) or node.origin
