"""Tenants that git tracks and that are not in the work tree: they would be left out without a word."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection
from pathlib import Path

from reconciler.core.model import Origin, error
from reconciler.core.tenant_names import is_tenant_name
from reconciler.core.text import format_names, pluralize
from reconciler.desired.fleet_files import names_tenant
from reconciler.desired.fleet_schema import FleetEntry
from reconciler.desired.layout import FLEET_FILE, TENANT_PARTS
from reconciler.desired.yaml_reader import Report
from reconciler.errors import RepositoryError
from reconciler.git.index import list_names

_MAX_NAMED = 5


def list_lost_tenants(root: Path, entry: FleetEntry, folders: Collection[str], report: Report) -> list[str]:
    """Return the folders of the tenants that git tracks and that are not among `folders`, those in the work tree.

    An error names them. A tenant is released by `git rm` or a commit, never by a folder that is lost. Outside of git
    there is none.
    """
    try:
        names = list_names(root, sorted(entry.parents))
    except RepositoryError as exc:
        report(error(f"git cannot say whether all tenants of the fleet are here: {exc.summary}", exc.detail))
        return []
    lost = sorted({folder for name in names if (folder := _find_tenant(name, entry)) is not None}.difference(folders))
    if lost:
        many = f"{pluralize(len(lost), 'tenant')} {'is' if len(lost) == 1 else 'are'} in git's index"
        summary = f"{many}, but not in the work tree: {format_names(lost)}"
        report(error(summary, _explain(root, lost), Origin(FLEET_FILE, 1, 1)))
    return lost


def _find_tenant(name: str, entry: FleetEntry) -> str | None:
    """Return the folder of the tenant that a tracked file makes one; None if it makes none."""
    parent, _, below = name.partition("/")
    tenant, _, file = below.partition("/")
    # Without a file, git tracks the folder itself: a submodule or a link.
    has_state = not file or file.partition("/")[0] in TENANT_PARTS
    known = has_state and is_tenant_name(tenant) and names_tenant(entry, parent, tenant)
    return f"{parent}/{tenant}" if known else None


def _explain(root: Path, lost: list[str]) -> str:
    git = f"git -C {shlex.quote(os.fspath(root))}"
    which = shlex.join(lost) if len(lost) <= _MAX_NAMED else "FOLDER"
    return (
        f"`{git} checkout -- {which}` restores what git has. `{git} rm -r -- {which}` releases a tenant: no account of "
        f"it changes then. A sparse checkout needs `{git} sparse-checkout disable` first."
    )
