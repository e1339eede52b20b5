"""A desired state with the layers of its fleet: of a commit, in a copy, and compared with what is committed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from reconciler.desired.directory import Directory
from reconciler.desired.layers import FLEET_NAME, UP, find_fleet_root, is_layer, list_tracked_names
from reconciler.desired.layout import FLEET_FILE, TENANT_FILE, is_read
from reconciler.desired.yaml_text import MAX_BYTES
from reconciler.errors import SourceError
from reconciler.git.repository import TreeFilter, write_files, write_tree
from reconciler.git.uncommitted import find_uncommitted

_OWN = (".reconciler", "plans")
"""What a tenant holds in addition to its desired state: a copy does without."""


def write_state_at(state: Path, commit: str, scratch: Path, wanted: Callable[[str], bool] = is_read) -> Path | None:
    """Write the desired state of a commit, with the layers that it had then, and return its directory below `scratch`.

    `wanted`: which of its files are read; tenant.yaml always is. None if the commit has no such directory. Raises
    `RepositoryError`.
    """
    path = state.resolve()
    there = scratch / "fleet" / path.parent.name / path.name
    there.mkdir(parents=True)
    if not write_tree(state, commit, there, TreeFilter(lambda name: name == TENANT_FILE or wanted(name), MAX_BYTES)):
        return None
    if FLEET_NAME in list_tracked_names(state, None):
        root, top = path.parent.parent, there.parent.parent
        write_files(root, commit, [FLEET_FILE], top, MAX_BYTES)
        place = Directory(there).place
        layers = [name.removeprefix(UP) for name in place.files if is_layer(name)] if place is not None else []
        write_files(root, commit, [name for name in layers if name != FLEET_FILE], top, MAX_BYTES)
    return there


def copy_state(state: Path, scratch: Path) -> Path:
    """Copy a desired state, with the layers that it has, and return its directory below `scratch`."""
    place = Directory(state).place
    path = state.resolve()
    there = scratch / "fleet" / path.parent.name / path.name
    there.parent.mkdir(parents=True)
    ignored = frozenset(_OWN if place is not None else ())

    def list_ignored(folder: str, names: list[str]) -> set[str]:
        return set(ignored.intersection(names)) if Path(folder) == state else set()

    shutil.copytree(state, there, symlinks=True, ignore=list_ignored)
    above = find_fleet_root(state)
    names = [name for name in place.files if is_layer(name)] if place is not None else [FLEET_NAME]
    for name in names if above is not None else ():
        source, target = state / name, there / name
        if source.is_file():
            target.resolve().parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target, follow_symlinks=False)
    return there


def list_edited(state: Path, files: Mapping[str, str]) -> list[str]:
    """Return the files of a desired state, and of its layers, that are not as in the commit that is checked out.

    `files`: the sha256 of each file that was read. Raises `RepositoryError` if git knows no commit.
    """
    own = {name: digest for name, digest in files.items() if not is_layer(name)}
    edited = find_uncommitted(state, own, lambda name: is_read(name) or name in own)
    layers = {name.removeprefix(UP): digest for name, digest in files.items() if is_layer(name)}
    tracked = [name.removeprefix(UP) for name in list_tracked_names(state, Directory(state).place) if is_layer(name)]
    if layers and tracked:
        root = state.resolve().parent.parent
        edited += [f"{UP}{name}" for name in find_uncommitted(root, layers, tracked.__contains__, tracked)]
    return sorted(edited)


def refuse_layered(state: Path, changed: Iterable[str]) -> None:
    """Raise `SourceError` if an import would write a file of a tenant that layers of its fleet complete or replace.

    What it read is the tenant's own file: what the layers say of the same keys, it does not know.
    """
    directory = Directory(state)
    for name in changed:
        layers = [file for file in directory.list_files(name) if is_layer(file)]
        if layers:
            detail = (
                f"Nothing was written. {layers[-1]} decides about the same keys: move them to {state / name} first."
            )
            raise SourceError(f"the import would change {name}, which layers of the fleet give a part of", detail)


def read_resolved(state: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return files of the top level as a directory outside of the fleet needs them; without those that are not there.

    Merged settings are written as JSON, which is YAML; every other file is that of the layer that decides.
    """
    directory = Directory(state)
    files = {name: directory.list_files(name) for name in names}
    found = {name: (state / layers[-1]).read_bytes() for name, layers in files.items() if layers}
    located = directory.read_settings() if directory.place is not None and "settings.yaml" in found else None
    if located is not None:
        content = located.value.model_dump(mode="json", by_alias=True, exclude_none=True)
        found["settings.yaml"] = (json.dumps(content, indent=2) + "\n").encode()
    return found
