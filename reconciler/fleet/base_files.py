"""The files of a fleet at its base: those of each tenant, and those that tenants share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.desired.fleet_files import names_tenant
from reconciler.desired.fleet_schema import FleetEntry, split_place
from reconciler.desired.layout import FOLDERS, TOP_FILES
from reconciler.fleet.file_ids import REQUIREMENTS
from reconciler.fleet.model import is_tenant_name

NOT_RESOLVED = frozenset({"plans", ".reconciler"})
"""Folders of a tenant that are not part of its desired state: its record and its sandbox."""
DEFAULTS, GROUPS = "defaults", "groups"
_STATE = frozenset({"tenant.yaml", *TOP_FILES, *FOLDERS})
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
    program: Ids
    top: str
    """From the root of the fleet to the top of the repository: `../../`."""


def sort_files(ids: Mapping[str, str], prefix: str, entry: FleetEntry) -> BaseFiles:
    """Sort the files of a commit. `prefix`: of the fleet in the repository. `entry`: its fleet.yaml."""
    parents = tuple(f"{parent}/" for parent in {split_place(place)[0] for place in entry.tenants})
    states: dict[str, Ids] = {}
    groups: dict[str, Ids] = {}
    defaults: Ids = {}
    program: Ids = {}
    for path, oid in ids.items():
        if path.startswith(f"{REQUIREMENTS}/"):
            program[path.removeprefix(f"{REQUIREMENTS}/")] = oid
        if not path.startswith(prefix):
            continue
        name = path[len(prefix) :]
        if name.startswith(f"{DEFAULTS}/"):
            defaults[name.removeprefix(f"{DEFAULTS}/")] = oid
        elif name.startswith(f"{GROUPS}/"):
            group, _, below = name.removeprefix(f"{GROUPS}/").partition("/")
            groups.setdefault(group, {})[below] = oid
        for parent in parents:
            if name.startswith(parent):
                tenant, slash, below = name[len(parent) :].partition("/")
                if slash and below.partition("/")[0] not in NOT_RESOLVED:
                    states.setdefault(f"{parent}{tenant}", {})[below] = oid
    folders = _find_tenants(states, entry)
    own = {each: states[folder] for each, folder in folders.items()}
    return BaseFiles(own, folders, groups, defaults, program, "../" * prefix.count("/"))


def _find_tenants(states: Mapping[str, Ids], entry: FleetEntry) -> dict[str, str]:
    """Return the folder of each tenant that fleet.yaml named, by its name."""
    found: dict[str, str] = {}
    for folder, ids in states.items():
        parent, _, name = folder.rpartition("/")
        has_state = any(file.partition("/")[0] in _STATE for file in ids)
        if has_state and is_tenant_name(name) and names_tenant(entry, parent, name):
            found[name] = folder
    return found
