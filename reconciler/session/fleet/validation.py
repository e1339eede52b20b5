"""Check all tenants of a fleet, each with its layers, and report each error once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from reconciler.core.model import Diagnostic, Severity, error
from reconciler.core.text import format_names, pluralize
from reconciler.desired.directory import Directory
from reconciler.desired.fleet_files import FLEET_FILE
from reconciler.desired.layers import is_layer
from reconciler.desired.layout import resembles_yaml
from reconciler.desired.loader import BrokenState, Preparation, prepare_directory
from reconciler.errors import RepositoryError
from reconciler.fleet.model import Fleet, Tenant
from reconciler.git.index import find_differences


@dataclass(slots=True)
class FleetFindings:
    """Each diagnostic once, with places relative to the root of the fleet, and how many tenants it concerns."""

    counts: dict[Diagnostic, int] = field(default_factory=dict)
    invalid: list[str] = field(default_factory=list)
    """The tenants with an error that keeps them from being planned."""

    def add(self, tenant: Tenant | None, diagnostics: Iterable[Diagnostic]) -> None:
        """Add those of a tenant; None: their places are relative to the root of the fleet already."""
        for item in dict.fromkeys(_place(item, tenant) for item in diagnostics):
            self.counts[item] = self.counts.get(item, 0) + 1

    @property
    def errors(self) -> int:
        """How many different errors there are."""
        return sum(item.severity is Severity.ERROR for item in self.counts)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """The diagnostics for display: errors first, those that concern most tenants before the others."""
        ordered = sorted(self.counts, key=lambda item: (item.severity is not Severity.ERROR, -self.counts[item]))
        return [self._add_count(item) for item in ordered]

    def _add_count(self, item: Diagnostic) -> Diagnostic:
        count = self.counts[item]
        return item if count == 1 else replace(item, summary=f"{item.summary} ({pluralize(count, 'tenant')})")


def _place(item: Diagnostic, tenant: Tenant | None) -> Diagnostic:
    if tenant is None or item.origin is None:
        return item
    # The same error of a layer is the same diagnostic, whichever tenant it was found in.
    file = normpath(PurePosixPath(tenant.folder) / item.origin.file)
    address = None if is_layer(item.origin.file) else item.address
    return replace(item, origin=replace(item.origin, file=file), address=address)


def validate_fleet(fleet: Fleet, now: datetime, *, share: bool = True) -> FleetFindings:
    """Check each tenant as `validate` does. `share`: the layers are read once, with the same findings."""
    findings = FleetFindings()
    findings.add(None, _find_missing(fleet))
    shared: dict[Hashable, tuple[Any, Any]] | None = {} if share else None
    for tenant in fleet.tenants:
        _check_tenant(Directory(fleet.root / tenant.folder, shared=shared), tenant, now, findings)
    return findings


def _check_tenant(directory: Directory, tenant: Tenant, now: datetime, findings: FleetFindings) -> None:
    found = prepare_directory(directory, now, None)
    content = found.read_content(lambda _user: None, checked_out=False) if isinstance(found, Preparation) else found
    findings.add(tenant, content.diagnostics)
    if isinstance(content, BrokenState):
        findings.invalid.append(tenant.name)


def _find_missing(fleet: Fleet) -> list[Diagnostic]:
    """Return errors for the files that git tracks and that are not in the work tree: asked once for the whole fleet."""
    parents = {tenant.folder.partition("/")[0] for tenant in fleet.tenants}
    try:
        found = find_differences(fleet.root, (FLEET_FILE, "defaults", "groups", *sorted(parents)))
    except RepositoryError as exc:
        return [error(f"git cannot say whether all files of the fleet are here: {exc.summary}", exc.detail)]
    names = sorted(name for name in found if resembles_yaml(Path(name).name))
    if not names:
        return []
    what = f"{pluralize(len(names), 'file')} of the fleet {'is' if len(names) == 1 else 'are'} not as in git's index"
    detail = "Missing, unmerged or hidden from git: `git status` and `git ls-files -v` show which. Restore them first."
    return [error(f"{what}: {format_names(names)}", detail)]
