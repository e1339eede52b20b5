"""The catalog of a fleet: fleet.yaml, and the tenants that it names, with all errors at once."""

from __future__ import annotations

import difflib
import os
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path

from reconciler.core.model import Diagnostic, Origin, Severity, error
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.tenant_names import TENANT_RULE, is_tenant_name
from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.desired.diagnostic_list import DiagnosticList, add_source_lines
from reconciler.desired.fleet_files import (
    MAX_FLEET_BYTES,
    MAX_TENANT_BYTES,
    parse_fleet,
    parse_plain_tenant,
    parse_tenant,
    read_bounded,
)
from reconciler.desired.fleet_schema import FleetEntry, FleetLimitEntry, TenantEntry, split_place
from reconciler.desired.folders import contains_yaml
from reconciler.desired.layer_strays import find_group_strays, find_layer_strays, find_misnamed_layers
from reconciler.desired.layout import (
    DEFAULTS,
    FLEET_FILE,
    GROUPS,
    TENANT_FILE,
    TENANT_PARTS,
    check_top_file,
    check_top_folder,
    is_utf8,
    resembles_yaml,
)
from reconciler.desired.tenant_identity import describe_missing_domains
from reconciler.desired.validation import LocatedModel
from reconciler.errors import FleetError, RepositoryError
from reconciler.fleet.disjoint import find_shared_domains
from reconciler.fleet.folded_errors import fold_tenants
from reconciler.fleet.lost_tenants import list_lost_tenants
from reconciler.fleet.model import (
    MAX_TENANTS,
    Caps,
    Fleet,
    FleetApproval,
    FleetGuards,
    FleetLimit,
    Tenant,
    Wave,
)
from reconciler.fleet.waves import check_waves
from reconciler.git.index import list_names

_MAX_SHOWN = 50
_START = Origin(FLEET_FILE, 1, 1)
_MAX_ENTRIES = 4 * MAX_TENANTS
_MAX_WAVES = 1_000


class BrokenFleetError(FleetError):
    """fleet.yaml or files of tenants have errors. Exit code 1.

    `diagnostics`: for display, the first of many. `problems`: all, each at its own place.
    `fleet`: as far as it can be read, to check the rest; it must not be planned.
    """

    def __init__(
        self, diagnostics: tuple[Diagnostic, ...], problems: tuple[Diagnostic, ...], fleet: Fleet | None = None
    ) -> None:
        first = diagnostics[0]
        place = f" ({first.origin})" if first.origin is not None else ""
        if first.origin is None and len(problems) == 1:  # such as no fleet.yaml: `fleet validate` would not help
            super().__init__(first.summary, first.detail)
        else:
            all_errors = "`reconciler fleet validate` lists them all."
            super().__init__(f"the fleet has errors: {first.summary}{place}", all_errors)
        self.diagnostics = diagnostics
        self.problems = problems
        self.fleet = fleet


def read_fleet(root: Path) -> Fleet:
    """Read fleet.yaml and all tenant.yaml below `root`; the tenants are sorted by name.

    The layers and the files of the tenants are not read. Raises `BrokenFleetError` with all errors.
    """
    catalog = _Catalog(root)
    located = catalog.read_fleet_file()
    tenants = catalog.read_tenants(located.value) if located is not None else []
    if located is not None:
        catalog.check_together(located, tenants)
    fleet = _build_fleet(root, located.value, tenants) if located is not None else None
    if fleet is None or catalog.problems:
        raise BrokenFleetError(add_source_lines(catalog.collect(), root), tuple(catalog.list_all()), fleet)
    return fleet


@dataclass(slots=True)
class _Catalog:
    """What is read of a fleet, and what is wrong with it."""

    root: Path
    _found: DiagnosticList = field(default_factory=DiagnosticList)
    _unread: set[str] = field(default_factory=set)
    """The tenants whose tenant.yaml is missing or has an error: what it says is not known."""
    _are_all_found: bool = False
    """Whether no folder has an error, by which it may be that of a tenant."""

    @property
    def problems(self) -> list[Diagnostic]:
        """The errors so far."""
        return self._found.items

    def report(self, diagnostic: Diagnostic) -> None:
        """Add an error. The same one of a file is kept once, with the number of times."""
        if diagnostic.severity is Severity.ERROR:
            self._found.report(diagnostic)

    def collect(self) -> list[Diagnostic]:
        """Return the errors for display, at most `_MAX_SHOWN`; the same one of several tenant.yaml is one."""
        found = fold_tenants(self.list_all())
        left = max(0, len(found) - _MAX_SHOWN)
        more = f"{pluralize(left, 'more error')} in this fleet; {'it is' if left == 1 else 'they are'} not shown"
        return [*found[:_MAX_SHOWN], error(more, "Fix these first.")] if left else found

    def list_all(self) -> list[Diagnostic]:
        """Return all errors, each at its own place."""
        return self._found.collect()

    def check_together(self, located: LocatedModel[FleetEntry], tenants: list[Tenant]) -> None:
        """Report what is wrong with the tenants together: an error in a file of one does not hide that of another."""
        lost: list[str] = []
        if self._are_all_found:
            lost = list_lost_tenants(self.root, located.value, [tenant.folder for tenant in tenants], self.report)
        if tenants:
            check_waves(
                located, tenants, self.report, self._find_line, lost={folder.partition("/")[2] for folder in lost}
            )
        self.check_domains([tenant for tenant in tenants if tenant.name not in self._unread])

    def read_fleet_file(self) -> LocatedModel[FleetEntry] | None:
        """Read fleet.yaml."""
        path = self.root / FLEET_FILE
        if not os.path.lexists(path):
            self.report(self._describe_no_file())
            return None
        content = read_bounded(path, FLEET_FILE, MAX_FLEET_BYTES, self.report)
        return parse_fleet(content, self.report) if content is not None else None

    def _describe_no_file(self) -> Diagnostic:
        """Return the error for a missing fleet.yaml."""
        with suppress(RepositoryError):
            if list_names(self.root, [FLEET_FILE]):
                detail = f"`git -C {shlex.quote(os.fspath(self.root))} checkout -- {FLEET_FILE}` restores it."
                return error(f"git tracks {FLEET_FILE}, which is missing", detail)
        detail = "Name the root of the fleet with --fleet DIR. It holds fleet.yaml, at least `tenants: tenants/*`."
        return error(f"there is no {FLEET_FILE} in {self.root}", detail)

    def read_tenants(self, entry: FleetEntry) -> list[Tenant]:
        """Read the tenants that fleet.yaml names, sorted by name."""
        folders = self._find_folders(entry)
        self._are_all_found = not self.problems
        self._check_twice(folders)
        if not folders and not self.problems:
            detail = f"`tenants` names {format_names(sorted(entry.tenants))}: create a folder for each tenant there."
            self.report(error("the fleet has no tenants", detail, Origin(FLEET_FILE, 1, 1)))
        if len(folders) > MAX_TENANTS:
            detail = "Divide them into several fleets."
            self.report(error(f"more than {MAX_TENANTS:,} tenants", detail, Origin(FLEET_FILE, 1, 1)))
            return []
        found = [self._read_tenant(parent, name) for parent, name in sorted(folders, key=itemgetter(1))]
        self._check_groups(found)
        self._check_layers(entry.parents)
        return found

    def _check_layers(self, parents: frozenset[str]) -> None:
        """Report what is not read in defaults/ and groups/, and folders that may be meant to be one of them."""
        layers = (find_layer_strays(self.root, DEFAULTS), find_group_strays(self.root))
        for item in chain(*layers, find_misnamed_layers(self.root, parents)):
            self.report(item)

    # --- folders ------------------------------------------------------------

    def _find_folders(self, entry: FleetEntry) -> list[tuple[str, str]]:
        """Return parent and name of each tenant's folder, in the order of fleet.yaml, each once."""
        if not self._check_numbers(entry):
            return []
        places: dict[str, dict[str, None]] = {}
        for parent, name in map(split_place, entry.tenants):
            places.setdefault(parent, {})[name] = None
        found: dict[tuple[str, str], None] = {}
        for parent, names in places.items():
            here = set(self._list_folders(parent, is_pattern="*" in names))
            listed = [name for name in names if name != "*"]
            for name in listed:
                if name not in here:
                    self._report_missing(parent, name)
            found.update(dict.fromkeys((parent, name) for name in (sorted(here) if "*" in names else listed)))
        return list(found)

    def _check_numbers(self, entry: FleetEntry) -> bool:
        """Whether fleet.yaml has no more entries than can be checked in reasonable time; reported otherwise."""
        numbers = (("tenants", len(entry.tenants), _MAX_ENTRIES), ("waves", len(entry.waves), _MAX_WAVES))
        for key, count, limit in numbers:
            if count > limit:
                self.report(error(f"{key}: {count:,} entries; at most {limit:,} are read", "Remove some.", _START))
        return all(count <= limit for _, count, limit in numbers)

    def _list_folders(self, parent: str, *, is_pattern: bool) -> Iterator[str]:
        """Yield the names of the tenants in a folder; report what only looks like one if all of them are meant."""
        try:
            entries = sorted(self._scan(parent), key=lambda each: each.name)
        except OSError as exc:
            if isinstance(exc, FileNotFoundError):
                self._report_no_parent(parent, is_pattern=is_pattern)
            else:
                detail = advise(exc, "Check its permissions.")
                self.report(error(f"cannot be read: {describe_os_error(exc)}", detail, Origin(parent, 1, 1)))
            return
        for each in entries:
            if is_tenant_name(each.name) and each.is_dir(follow_symlinks=False):
                if _is_tenant(each.path):
                    yield each.name
                elif is_pattern:
                    self._check_no_tenant(f"{parent}/{each.name}")
            elif is_pattern:
                self._check_other(parent, each)

    def _scan(self, parent: str) -> list[os.DirEntry[str]]:
        path = self.root / parent
        if path.is_symlink():
            self._report_link(parent)
            return []
        with os.scandir(path) as entries:
            return list(entries)

    def _check_other(self, parent: str, entry: os.DirEntry[str]) -> None:
        """Report what is next to the tenants and is none, if it has YAML: a misspelt name must not look released."""
        if not is_utf8(entry.name):
            self.report(error("a file name that is not UTF-8", f"Rename {quote(entry.name)}.", Origin(parent, 1, 1)))
        elif entry.is_symlink():
            self._report_link(f"{parent}/{entry.name}")
        elif entry.is_dir(follow_symlinks=False):
            if contains_yaml(Path(entry.path)):
                summary = f"the folder {quote(shorten(entry.name, 60))} cannot be a tenant"
                self.report(error(summary, f"Rename it to {TENANT_RULE}.", Origin(f"{parent}/{entry.name}", 1, 1)))
        elif resembles_yaml(entry.name):
            detail = f"Each tenant is a folder. Move it, for example to {parent}/NAME/settings.yaml."
            self.report(error("this file is not read", detail, Origin(f"{parent}/{entry.name}", 1, 1)))

    def _report_no_parent(self, parent: str, *, is_pattern: bool) -> None:
        """Report a folder of tenants that is not there, unless each of its tenants is named and reported by itself."""
        if is_pattern:
            detail = f"Restore the folder if it was lost: `git checkout -- {parent}`. Otherwise correct `tenants`."
            self.report(error(f"`tenants` names {parent}/*, but there is no folder {parent}", detail, _START))

    def _check_no_tenant(self, folder: str) -> None:
        """Report the files of a folder that would be a tenant if their names were right, such as tenant.yml."""
        for entry in sorted((self.root / folder).iterdir()):
            is_folder = entry.is_dir() and not entry.is_symlink()
            if is_folder and not contains_yaml(entry):
                continue
            check = check_top_folder if is_folder else check_top_file
            stray = check(entry.name, is_tenant=True) if is_utf8(entry.name) else None
            if stray is not None:
                self.report(error(stray.summary, stray.detail, Origin(f"{folder}/{entry.name}", 1, 1)))

    def _report_link(self, name: str) -> None:
        detail = "Put the folder itself here: links are not followed."
        self.report(error("a link", detail, Origin(name, 1, 1)))

    def _report_missing(self, parent: str, name: str) -> None:
        path = self.root / parent / name
        if path.is_symlink():
            self._report_link(f"{parent}/{name}")
            return
        self._unread.add(name)
        summary = f"`tenants` names {parent}/{name}, which has no desired state"
        detail = "Create its settings.yaml or tenant.yaml, or remove it from `tenants`: no account of it changes then."
        self.report(error(summary, detail, Origin(FLEET_FILE, 1, 1)))

    def _check_twice(self, folders: list[tuple[str, str]]) -> None:
        times = Counter(name for _, name in folders)
        for name, count in sorted(times.items()):
            if count > 1:
                places = format_names([f"{parent}/{each}" for parent, each in folders if each == name])
                detail = f"{places}: rename all but one of these folders."
                self.report(
                    error(f"{pluralize(count, 'tenant')} with the name {name}", detail, Origin(FLEET_FILE, 1, 1))
                )

    # --- tenants ------------------------------------------------------------

    def _read_tenant(self, parent: str, name: str) -> Tenant:
        folder = f"{parent}/{name}"
        file = f"{folder}/{TENANT_FILE}"
        path = self.root / parent / name / TENANT_FILE
        if not os.path.lexists(path):
            return Tenant(name, folder)
        content = read_bounded(path, file, MAX_TENANT_BYTES, self.report)
        entry = parse_plain_tenant(content) if content is not None else None
        if content is not None and entry is None:
            located = parse_tenant(content, self.report, file)
            entry = located.value if located is not None else None
        if entry is None:
            self._unread.add(name)
        return _build_tenant(name, folder, entry or TenantEntry())

    def _check_groups(self, tenants: list[Tenant]) -> None:
        """Report groups without a folder."""
        users: dict[str, list[Tenant]] = {}
        for tenant in tenants:
            if tenant.group is not None:
                users.setdefault(tenant.group, []).append(tenant)
        for group, members in sorted(users.items()):
            path = self.root / GROUPS / group
            if path.is_symlink() or path.parent.is_symlink():
                self._report_link(f"{GROUPS}/{group}" if path.is_symlink() else GROUPS)
            elif not path.is_dir():
                also = f" {pluralize(len(members), 'tenant')} are in it." if len(members) > 1 else ""
                detail = f"Create groups/{group} with the files that its tenants share, or correct the name.{also}"
                near = difflib.get_close_matches(group, self._list_groups(), 1)
                detail = f"Did you mean {near[0]}? {detail}" if near else detail
                self.report(error(f"there is no group {group}", detail, self._find_line(members[0], "group")))

    def _list_groups(self) -> list[str]:
        with suppress(OSError):
            return [entry.name for entry in (self.root / GROUPS).iterdir() if is_tenant_name(entry.name)]
        return []

    def check_domains(self, tenants: list[Tenant]) -> None:
        """Report missing and shared domains: a copied folder must not write to the organisation of the first one."""
        for tenant in tenants:
            if not tenant.domains:
                self.report(describe_missing_domains(f"{tenant.folder}/{TENANT_FILE}"))
        for tenant, number, summary in find_shared_domains(tenants):
            detail = "A domain shows whose accounts these are. Keep it in one tenant."
            self.report(error(summary, detail, self._find_line(tenant, "domains", number)))

    def _find_line(self, tenant: Tenant, *path: str | int) -> Origin:
        """Return where the value at `path` is in its tenant.yaml."""
        file = f"{tenant.folder}/{TENANT_FILE}"
        with suppress(OSError, ValueError):
            content = (self.root / tenant.folder / TENANT_FILE).read_bytes()
            located = parse_tenant(content, lambda _diagnostic: None, file)
            at = located.at(*path) if located is not None else None
            if at is not None:
                return at
        return Origin(file, 1, 1)


def _is_tenant(path: str) -> bool:
    """Whether a folder holds a desired state. What git leaves of a removed one, such as plans/, is none."""
    return any(os.path.lexists(os.path.join(path, name)) for name in TENANT_PARTS)  # noqa: PTH118


def _build_tenant(name: str, folder: str, entry: TenantEntry) -> Tenant:
    return Tenant(name, folder, entry.group, entry.wave, dict(entry.labels), tuple(entry.domains))


def _build_fleet(root: Path, entry: FleetEntry, tenants: list[Tenant]) -> Fleet:
    waves = tuple(Wave(wave.name, tuple(wave.tenants), wave.percent) for wave in entry.waves)
    caps = Caps(entry.caps.tenants_at_once, entry.caps.requests_per_second, entry.caps.shards)
    guards = FleetGuards(
        _build_limit(entry.guards.failed),
        _build_limit(entry.guards.removals),
        entry.guards.tenants_changed_by_defaults,
        entry.guards.new_tenants,
    )
    approvals = tuple(FleetApproval(each.plan, tuple(each.lifts), each.until, each.reason) for each in entry.approvals)
    return Fleet(root, tuple(tenants), waves, caps, guards, approvals)


def _build_limit(entry: FleetLimitEntry) -> FleetLimit:
    return FleetLimit(entry.count, entry.percent)
