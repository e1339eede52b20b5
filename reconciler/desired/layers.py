"""The layers of a tenant: which files of its fleet complete its own, and where they are.

A tenant of a fleet is a desired state two levels below fleet.yaml: FOLDER/NAME, which `tenants` of fleet.yaml names.
Files of the layers are named relative to the tenant, such as ../../defaults/settings.yaml: no file of its own begins
with a step up.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.desired.fleet_files import MAX_FLEET_BYTES, MAX_TENANT_BYTES, names_tenant, parse_fleet, parse_tenant
from reconciler.desired.fleet_schema import FleetEntry, TenantEntry
from reconciler.desired.layer_strays import find_strays_of_tenant
from reconciler.desired.layout import FLEET_FILE, FOLDERS, TENANT_FILE, TOP_FILES, list_layers
from reconciler.desired.validation import LocatedModel
from reconciler.desired.yaml_reader import Report
from reconciler.errors import RepositoryError
from reconciler.git.checkout import find_repository
from reconciler.git.index import list_blobs

UP = "../../"
_STEPS = 2
FLEET_NAME = f"{UP}{FLEET_FILE}"

Read = Callable[[str, int], bytes | None]
"""Return the bytes of a file by its name relative to the tenant and the largest size; None, if that is reported."""


@dataclass(frozen=True, slots=True)
class TenantPlace:
    """A tenant in its fleet. `entry`: its tenant.yaml; None without one. `parents`: the folders that hold tenants."""

    tenant: str
    entry: LocatedModel[TenantEntry] | None = None
    parents: frozenset[str] = frozenset()

    @property
    def group(self) -> str | None:
        """The group whose files come between the defaults and its own."""
        return self.entry.value.group if self.entry is not None else None

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of the layers below its own files, the lowest first."""
        return tuple(f"{UP}{folder}" for folder in list_layers(self.group))

    def list_files(self, name: str) -> tuple[str, ...]:
        """Return where `name`, a file at the top level, can be in the layers below its own, the lowest first."""
        return tuple(f"{folder}/{name}" for folder in self.folders)

    @property
    def files(self) -> tuple[str, ...]:
        """All files outside of users/, groups/ and its own top level that it can be made of."""
        layers = (file for name in TOP_FILES for file in self.list_files(name))
        return (FLEET_NAME, TENANT_FILE, *layers)


def find_fleet_root(root: Path) -> Path | None:
    """Return the directory two levels above `root` if it has a fleet.yaml; None otherwise."""
    try:
        above = root.resolve().parent.parent
    except (OSError, RuntimeError):  # a link that points to itself
        return None
    return above if os.path.lexists(above / FLEET_FILE) else None


def find_place(root: Path, read: Read, report: Report) -> TenantPlace | None:
    """Return the place of `root` in its fleet; None if it is no tenant.

    What is wrong with fleet.yaml or tenant.yaml is reported, and None is returned: without them nothing is known of
    the layers.
    """
    content = read(FLEET_NAME, MAX_FLEET_BYTES)
    fleet = (_parse_valid(content) or parse_fleet(content, report, FLEET_NAME)) if content is not None else None
    if fleet is None:
        return None
    path = root.resolve()
    if not names_tenant(fleet.value, path.parent.name, path.name):
        return None
    parents = fleet.value.parents
    if not os.path.lexists(root / TENANT_FILE):
        return TenantPlace(path.name, parents=parents)
    content = read(TENANT_FILE, MAX_TENANT_BYTES)
    entry = parse_tenant(content, report) if content is not None else None
    return TenantPlace(path.name, entry, parents) if entry is not None else None


@lru_cache(maxsize=2)
def _parse_valid(content: bytes) -> LocatedModel[FleetEntry] | None:
    """Parse a fleet.yaml without anything to report, once for all tenants; None for any other one."""
    found: list[Diagnostic] = []
    fleet = parse_fleet(content, found.append, FLEET_NAME)
    return fleet if not found else None


def check_same_repository(root: Path) -> Iterator[Diagnostic]:
    """Yield an error if the tenant is in another git repository than its fleet."""
    above = root.resolve().parent.parent
    with suppress(RepositoryError):  # reported where git is asked for the files
        if find_repository(root) != find_repository(above):
            detail = (
                "git there does not know which files the layers have: a lost one would be missed. Put the files of the "
                "tenant into the repository of fleet.yaml."
            )
            yield error("the tenant is in another git repository than its fleet.yaml", detail, Origin(FLEET_NAME, 1, 1))


def find_strays(root: Path, place: TenantPlace) -> Iterator[Diagnostic]:
    """Yield what is wrong with the folders of the layers of a tenant, by names relative to it."""
    above = root.resolve().parent.parent
    folders = [folder.removeprefix(UP) for folder in place.folders]
    for item in find_strays_of_tenant(above, folders, place.parents):
        yield replace(item, origin=item.origin and replace(item.origin, file=f"{UP}{item.origin.file}"))


def list_lost(root: Path, files: Collection[str]) -> list[str]:
    """Return which of these files of layers git tracks, and are not there. None if git cannot tell."""
    absent = [name for name in files if not os.path.lexists(root / name)]
    try:
        tracked = list_blobs(root, absent) if absent else {}
    except RepositoryError:
        return []  # reported where git is asked for all files
    return [name for name in absent if name in tracked]


def describe_lost(root: Path, name: str) -> Diagnostic:
    """Return the error for a file of a layer that git tracks and that is not there. It is one for all tenants."""
    file = name.removeprefix(UP)
    git, path = f"git -C {shlex.quote(os.path.normpath(root / UP))}", shlex.quote(file)
    detail = f"`{git} checkout -- {path}` restores it. `{git} rm -- {path}` removes it for good."
    return error(f"git tracks {file}, which is missing", detail, Origin(name, 1, 1))


def list_tracked_names(root: Path, place: TenantPlace | None) -> tuple[str, ...]:
    """Return the files and folders that `root` is read from, relative to it, as far as they are in its repository.

    fleet.yaml is one of them even if it is not there: git may track it. Raises `RepositoryError`.
    """
    above = find_repository(root)
    is_inside = above is not None and len(root.resolve().relative_to(above.resolve()).parts) >= _STEPS
    files = place.files if place is not None else (FLEET_NAME,)
    return (*TOP_FILES, *FOLDERS, *(name for name in files if is_inside or not is_layer(name)))


def is_layer(name: str) -> bool:
    """Whether `name` is that of a file outside of the tenant."""
    return name.startswith(UP)


def is_settings(name: str) -> bool:
    """Whether the file `name` gives settings, which count by what they resolve to, or says where it belongs."""
    return name in ("settings.yaml", TENANT_FILE, FLEET_NAME) or (is_layer(name) and name.endswith("/settings.yaml"))


def list_top_files(files: Collection[str]) -> list[str]:
    """Return those of `files` that decide about every user: at the top level, and in the layers."""
    own = [name for name in TOP_FILES if name in files]
    return [*own, *(name for name in files if is_layer(name) and name.rpartition("/")[2] in TOP_FILES)]
