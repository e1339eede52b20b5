"""Check all tenants of a fleet, each with its layers, and report each error once."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from reconciler.core.model import Diagnostic, Severity, error
from reconciler.core.text import format_names, pluralize
from reconciler.desired.diagnostic_list import add_source_lines
from reconciler.desired.layout import DEFAULTS, FLEET_FILE, GROUPS, TENANT_FILE, TOP_FILES, resembles_yaml
from reconciler.errors import RepositoryError
from reconciler.fleet.folded_errors import fold_tenants
from reconciler.fleet.model import Fleet, Tenant
from reconciler.fleet.unused_groups import find_errors_of_unused
from reconciler.git.index import FileState, find_differences
from reconciler.session.fleet.tenant_checks_pool import check_at_once

_MAX_NAMED = 5


@dataclass(slots=True)
class FleetFindings:
    """Each diagnostic once, with places relative to the root of the fleet, and how many tenants it concerns."""

    counts: dict[Diagnostic, int] = field(default_factory=dict)
    invalid: list[str] = field(default_factory=list)
    """The tenants with an error that keeps them from being planned."""

    def add(self, diagnostics: Iterable[Diagnostic], tenants: int = 1) -> None:
        """Add diagnostics that concern this number of tenants more."""
        for item in diagnostics:
            self.counts[item] = self.counts.get(item, 0) + tenants

    @property
    def errors(self) -> int:
        """How many different errors there are. The same one of several tenant.yaml is one."""
        return sum(item.severity is Severity.ERROR for item in fold_tenants(self.counts))

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """The diagnostics for display: errors first, those that concern most tenants before the others."""
        ordered = sorted(self.counts, key=lambda item: (item.severity is not Severity.ERROR, -self.counts[item]))
        return fold_tenants(map(self._add_count, ordered))

    def _add_count(self, item: Diagnostic) -> Diagnostic:
        count = self.counts[item]
        return item if count == 1 else replace(item, summary=f"{item.summary} ({pluralize(count, 'tenant')})")


def validate_fleet(
    fleet: Fleet, now: datetime, tenants: Sequence[Tenant] | None = None, problems: Sequence[Diagnostic] = ()
) -> FleetFindings:
    """Check each tenant as `validate` does, and what they share. `tenants`: only these; None: all.

    `problems`: what is wrong with the catalog, each error at its own place. They hide no other.
    """
    findings = FleetFindings()
    findings.add(add_source_lines(problems, fleet.root))
    reported = {(item.origin, item.summary) for item in problems}
    missing, errors = _find_missing(fleet)
    findings.add(errors)
    findings.add(find_errors_of_unused(fleet))
    chosen = fleet.tenants if tenants is None else tenants
    for found in check_at_once(fleet.root, chosen, now):
        findings.add(
            item
            for item in found.diagnostics
            if (item.origin, item.summary) not in reported and not _is_known(item, missing, is_broken=bool(problems))
        )
        if found.is_broken:
            findings.invalid.append(found.tenant)
    return findings


def _is_known(item: Diagnostic, missing: Collection[str], *, is_broken: bool) -> bool:
    """Whether an error of a tenant was reported for the fleet: about a missing file, or about the catalog."""
    if item.origin is None or item.severity is not Severity.ERROR:
        return False
    folder, _, name = item.origin.file.rpartition("/")
    is_of_layers = folder.partition("/")[0] in (DEFAULTS, GROUPS)
    is_of_catalog = name in (FLEET_FILE, TENANT_FILE) or (is_of_layers and name not in TOP_FILES)
    return item.origin.file in missing or (is_broken and is_of_catalog)


def _find_missing(fleet: Fleet) -> tuple[list[str], list[Diagnostic]]:
    """Return the files that git tracks and that are not here, with errors: asked once for the whole fleet."""
    parents = {tenant.folder.partition("/")[0] for tenant in fleet.tenants}
    try:
        found = find_differences(fleet.root, (FLEET_FILE, DEFAULTS, GROUPS, *sorted(parents)))
    except RepositoryError as exc:
        return [], [error(f"git cannot say whether all files of the fleet are here: {exc.summary}", exc.detail)]
    names = sorted(name for name in found if resembles_yaml(Path(name).name))
    missing = [name for name in names if found[name] is FileState.MISSING]
    others = [name for name in names if found[name] is not FileState.MISSING]
    errors = [_describe_missing(missing, fleet.root)] if missing else []
    if others:
        what = f"{pluralize(len(others), 'file')} of the fleet {'is' if len(others) == 1 else 'are'} not as in"
        detail = "Unmerged or hidden from git: `git status` and `git ls-files -v` show which. Restore them first."
        errors.append(error(f"{what} git's index: {format_names(others)}", detail))
    return missing, errors


def _describe_missing(names: list[str], root: Path) -> Diagnostic:
    verb, it = ("is", "it") if len(names) == 1 else ("are", "them")
    git = f"git -C {shlex.quote(os.fspath(root))}"
    which = shlex.join(names) if len(names) <= _MAX_NAMED else "FILE"
    detail = f"`{git} checkout -- {which}` restores {it}. `{git} rm -- {which}` removes {it} for good."
    return error(f"git tracks {format_names(names)}, which {verb} missing", detail)
