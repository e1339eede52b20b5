"""The files of a fleet at its base: those of each tenant, and those that tenants share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.tenant_names import is_tenant_name
from reconciler.desired.fleet_files import names_tenant
from reconciler.desired.fleet_schema import FleetEntry
from reconciler.desired.layout import DEFAULTS, GROUPS, NOT_RESOLVED, TENANT_PARTS
from reconciler.fleet.file_ids import REQUIREMENTS

Ids = dict[str, str]
"""git's ids by the names of files."""


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """Ids by names relative to the folder of each tenant, of each group, of defaults/ and of requirements/."""

    tenants: Mapping[str, Ids]
    folders: Mapping[str, str]
    """The folder of each tenant, by its name."""
    groups: Mapping[str, Ids]
    defaults: Ids
    program: Mapping[str, Ids]
    """Of requirements/ at the top of the repository, and of the one in the fleet, by where they are from its root."""


def sort_files(ids: Mapping[str, str], prefix: str, entry: FleetEntry) -> BaseFiles:
    """Sort the files of a commit. `prefix`: of the fleet in the repository. `entry`: its fleet.yaml."""
    states: dict[str, Ids] = {}
    groups: dict[str, Ids] = {}
    defaults: Ids = {}
    top = f"{'../' * prefix.count('/')}{REQUIREMENTS}"
    program: dict[str, Ids] = {top: {}, REQUIREMENTS: {}}
    for path, oid in ids.items():
        if path.startswith(f"{REQUIREMENTS}/"):
            program[top][path.removeprefix(f"{REQUIREMENTS}/")] = oid
        if not path.startswith(prefix):
            continue
        name = path[len(prefix) :]
        folder, _, below = name.partition("/")
        if folder == REQUIREMENTS and below:
            program[REQUIREMENTS][below] = oid
        elif folder == DEFAULTS:
            _add(defaults, below, oid)
        elif folder == GROUPS:
            group, _, inside = below.partition("/")
            _add(groups.setdefault(group, {}), inside, oid)
        if below and folder in entry.parents:
            tenant, _, inside = below.partition("/")
            _add(states.setdefault(f"{folder}/{tenant}", {}), inside, oid)
    folders = _find_tenants(states, entry)
    own = {each: states[folder] for each, folder in folders.items()}
    return BaseFiles(own, folders, groups, defaults, program)


def _add(ids: Ids, name: str, oid: str) -> None:
    """Add a file, by its name in a layer or a tenant, if it is part of the desired state."""
    folder, slash, _ = name.partition("/")
    if name and not (slash and folder in NOT_RESOLVED):
        ids[name] = oid


def _find_tenants(states: Mapping[str, Ids], entry: FleetEntry) -> dict[str, str]:
    """Return the folder of each tenant that fleet.yaml named, by its name."""
    found: dict[str, str] = {}
    for folder, ids in states.items():
        parent, _, name = folder.rpartition("/")
        has_state = any(file.partition("/")[0] in TENANT_PARTS for file in ids)
        if has_state and is_tenant_name(name) and names_tenant(entry, parent, name):
            found[name] = folder
    return found
