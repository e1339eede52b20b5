"""Explain where a value of a tenant comes from: the layer that decides, and those that it overrides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from reconciler.core.model import Diagnostic, Origin
from reconciler.core.text import quote, shorten
from reconciler.desired.directory import Directory
from reconciler.desired.final_keys import FinalKey, is_known_key
from reconciler.desired.yaml_nodes import YamlMapping, locate
from reconciler.errors import FleetError, UsageError

Steps = tuple[str, ...]
"""A key, step by step."""
_HINT = "Name a key such as settings.guards.removals, scope.sync or mappings."


@dataclass(frozen=True, slots=True)
class LayerValue:
    """A value that a layer gives, as plain data, and where, relative to the root of the fleet."""

    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class ExplainedKey:
    """A key of a tenant. `layers`: those that give it a value, the one that decides first; none: it has its default.

    `default`: the value then. `final`: where it is declared final.
    """

    key: str
    layers: tuple[LayerValue, ...]
    default: Any = None
    final: Origin | None = None

    @property
    def value(self) -> Any:
        """The value that the tenant has."""
        return self.layers[0].value if self.layers else self.default

    @property
    def is_guard(self) -> bool:
        """Whether layers may only tighten it."""
        return self.key.startswith("settings.guards.")


class ExplanationError(FleetError):
    """The files of a tenant have errors: all of them are in `diagnostics`. Exit code 1."""

    def __init__(self, tenant: str, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(f"files of {tenant} have errors", "`reconciler fleet validate` lists all of them.")
        self.diagnostics = diagnostics


def explain_key(root: Path, folder: str, key: str) -> list[ExplainedKey]:
    """Explain `key` of the tenant in `folder`; of a mapping, each key in it that a layer sets.

    Raises `UsageError` if no file has such a key, `ExplanationError` if the files have errors.
    """
    kind, *below = key.split(".")
    path = tuple(below)
    if not is_known_key((kind, *path)):
        raise UsageError(f"there is no key {quote(shorten(key, 80))}", _HINT)
    directory = Directory(root / folder)
    merged, nodes, default = _read_mappings(directory) if kind == "mappings" else _read_file(directory, kind)
    finals = directory.list_finals()
    if directory.diagnostics:
        raise ExplanationError(PurePosixPath(folder).name, directory.describe_problems())
    leaves = dict.fromkeys(leaf for node in (*nodes, merged) for leaf in _list_leaves(node, path))
    found = (_explain((kind, *leaf), merged, nodes, default, finals) for leaf in leaves or [path])
    return [_place(each, folder) for each in found]


def _read_file(directory: Directory, kind: str) -> tuple[Any, Sequence[Any], Any]:
    """Return the merged node of a file, its nodes in the layers, the lowest first, and the values with all defaults."""
    located: Any = directory.read_settings() if kind == "settings" else directory.read_scope()
    nodes = directory.read_nodes(f"{kind}.yaml")
    if located is None:
        return None, nodes, {}
    return located.node, nodes, located.value.model_dump(mode="json", by_alias=True)


def _read_mappings(directory: Directory) -> tuple[Any, Sequence[Any], Any]:
    """Return each mappings.yaml as its number of rows: the highest replaces the others."""
    return None, [_KeyRows(file) for file in directory.list_files("mappings.yaml")], "those of the profile"


@dataclass(frozen=True, slots=True)
class _KeyRows:
    """mappings.yaml of a layer."""

    file: str


def _list_leaves(node: Any, path: Steps, above: Steps = ()) -> Iterator[Steps]:
    """Yield the keys at or below `path` that have a value other than a mapping, relative to the file."""
    if isinstance(node, _KeyRows):
        yield ()
        return
    for step in path:
        node = node.get(step) if isinstance(node, YamlMapping) else None
    above = path or above
    if isinstance(node, YamlMapping):
        for key, value in node.items():
            inner = value if isinstance(value, YamlMapping) else None
            if inner is not None:
                yield from ((*above, key, *leaf) for leaf in _list_leaves(inner, ()))
            elif value is not None:
                yield (*above, key)
    elif node is not None:
        yield above


def _explain(key: Steps, merged: Any, nodes: Sequence[Any], default: Any, finals: Sequence[FinalKey]) -> ExplainedKey:
    path = key[1:]
    layers = [found for node in reversed(nodes) if (found := _find(node, path)) is not None]
    winner = _find(merged, path)
    if winner is not None:
        # Not the highest layer: it follows from tenant.yaml or the folder's name, or a layer below switches off.
        layers = [winner, *(each for each in layers if each != winner)]
    final = next((each.origin for each in finals if each.path == key[: len(each.path)]), None)
    return ExplainedKey(".".join(key), tuple(layers), _get(default, path), final)


def _find(node: Any, path: Steps) -> LayerValue | None:
    if isinstance(node, _KeyRows):
        return LayerValue("the rows of this file", Origin(node.file, 1, 1))
    value = _get(node, path)
    origin = locate(node, path)
    return LayerValue(value, origin) if value is not None and origin is not None else None


def _get(value: Any, path: Steps) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _place(found: ExplainedKey, folder: str) -> ExplainedKey:
    def convert(origin: Origin) -> Origin:
        return replace(origin, file=normpath(PurePosixPath(folder) / origin.file))

    layers = (LayerValue(each.value, convert(each.origin)) for each in found.layers)
    return replace(found, layers=tuple(layers), final=convert(found.final) if found.final is not None else None)
