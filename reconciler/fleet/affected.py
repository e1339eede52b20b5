"""Which tenants a change affects, and why: those of which a file differs that their resolution reads.

The files that are here are compared, byte by byte, with the ids of the base's, from one listing of git: no user is
parsed. A base that cannot be relied on affects all tenants. A tenant without a folder is released, never emptied.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from reconciler.desired.fleet_files import MAX_FLEET_BYTES, parse_fleet
from reconciler.desired.fleet_schema import FleetEntry
from reconciler.desired.layout import DEFAULTS, FLEET_FILE, GROUPS, NOT_RESOLVED
from reconciler.errors import PlanFileError, RepositoryError, UsageError
from reconciler.fleet.applied import APPLIED, AppliedFleet, read_applied
from reconciler.fleet.base_files import BaseFiles, Ids, sort_files
from reconciler.fleet.file_ids import LINK, compute_ids, find_prefix, has_same_files, read_commit_ids
from reconciler.fleet.model import Fleet, Tenant
from reconciler.git.incomplete_clone import explain_missing_objects
from reconciler.git.process import GitCommandError, run_git
from reconciler.git.repository import explain_missing_commit, find_merge_base

_NOTHING = re.compile(r"0{40}|0{64}")
"""What GitHub names as the commit before the first one of a branch."""


class AffectedBy(StrEnum):
    """Why a tenant is affected."""

    OWN_FILES = "own files"
    GROUP = "its group"
    DEFAULTS = "the defaults"
    PROGRAM = "the version of the program"
    NEW = "it is new"
    OPEN = "its last apply was not complete"
    DUE = "changes that a drift run found waiting for an apply"
    UNPROVEN = "a change that was stopped at the first wave"
    UNKNOWN_BASE = "the base is not known"


_SHARED = frozenset(
    {AffectedBy.GROUP, AffectedBy.DEFAULTS, AffectedBy.PROGRAM, AffectedBy.UNPROVEN, AffectedBy.UNKNOWN_BASE}
)


@dataclass(frozen=True, slots=True)
class Affected:
    """The tenants that a change affects, by name.

    `base`: the commit they are compared with; None if it cannot be relied on: then all are affected, and `why_all` says
    why, to follow a colon. `released`: tenants of the base that the fleet no longer names; nothing is written for them.
    `moved`: old name of new tenants whose files are those of a released one.
    """

    reasons: Mapping[str, tuple[AffectedBy, ...]]
    base: str | None = None
    why_all: str = ""
    released: tuple[str, ...] = ()
    moved: Mapping[str, str] = field(default_factory=dict)

    @property
    def added(self) -> tuple[str, ...]:
        """The tenants that the base did not have."""
        return tuple(name for name, reasons in self.reasons.items() if AffectedBy.NEW in reasons)

    @property
    def by_defaults(self) -> tuple[str, ...]:
        """The tenants that something shared affects: defaults, a group, the program, or an unknown base."""
        return tuple(name for name, reasons in self.reasons.items() if _SHARED.intersection(reasons))

    @property
    def by_program_alone(self) -> frozenset[str]:
        """The tenants whose desired state is as it was: another version of the program could plan something else."""
        return frozenset(name for name, reasons in self.reasons.items() if reasons == (AffectedBy.PROGRAM,))

    @property
    def due_alone(self) -> frozenset[str]:
        """The tenants without a change in git in which a drift run found changes that wait for an apply."""
        unchanged = {AffectedBy.DUE, AffectedBy.PROGRAM}
        return frozenset(
            name for name, found in self.reasons.items() if AffectedBy.DUE in found and unchanged.issuperset(found)
        )

    @property
    def open_alone(self) -> frozenset[str]:
        """The tenants without a change in git since an apply that was not complete, or that was held."""
        unchanged = {AffectedBy.OPEN, AffectedBy.DUE, AffectedBy.PROGRAM}
        return frozenset(
            name for name, found in self.reasons.items() if AffectedBy.OPEN in found and unchanged.issuperset(found)
        )

    def restrict(self, names: Collection[str]) -> Affected:
        """Return what a run changes that is about these tenants only."""
        return replace(self, reasons={name: found for name, found in self.reasons.items() if name in names})


class _NoBaseError(Exception):
    """The base cannot be relied on; the message says why."""


def find_affected(fleet: Fleet, base: str | None) -> Affected:
    """Compare the fleet with its files at `base`: a commit-ish, of which the merge base with HEAD counts.

    `applied`: the commit of the last apply that is on record, and the tenants that it left open. Raises `UsageError`
    if `base` cannot name a commit.
    """
    try:
        commit, applied = _find_commit(fleet.root, base)
        files = _read_base(fleet.root, commit)
    except (_NoBaseError, RepositoryError, PlanFileError) as exc:
        why = exc.summary if isinstance(exc, RepositoryError | PlanFileError) else str(exc)
        return Affected({each.name: (AffectedBy.UNKNOWN_BASE,) for each in fleet.tenants}, None, why)
    comparison = _FleetComparison(fleet, files, applied)
    reasons = {each.name: found for each in fleet.tenants if (found := tuple(comparison.find_reasons(each)))}
    released = tuple(sorted(files.folders.keys() - {each.name for each in fleet.tenants}))
    return Affected(reasons, commit, "", released, comparison.find_moved(reasons, released))


def find_different(fleet: Fleet, commit: str) -> frozenset[str]:
    """Return the tenants of which a file differs at `commit`, of the program none counts; all if it cannot be read."""
    try:
        files = _read_base(fleet.root, commit)
    except (_NoBaseError, RepositoryError):
        return frozenset(each.name for each in fleet.tenants)
    comparison = _FleetComparison(fleet, files, None)
    return frozenset(each.name for each in fleet.tenants if {*comparison.find_reasons(each)} - {AffectedBy.PROGRAM})


def _find_commit(root: Path, base: str | None) -> tuple[str, AppliedFleet | None]:
    if base == APPLIED:
        applied = read_applied(root)
        if applied is None:
            raise _NoBaseError("no apply of this fleet is on record here")
        if (why := explain_missing_commit(root, applied.commit)) is not None:
            raise _NoBaseError(f"commit {applied.commit[:12]} of the last apply {why}")
        return applied.commit, applied
    if base is None or _NOTHING.fullmatch(base) or not base:
        if base is not None and not base:
            raise UsageError("--base is empty", "Name a branch, a tag or a commit: origin/main.")
        raise _NoBaseError("there is no commit before this one")
    return find_merge_base(root, base), None


def _read_base(root: Path, commit: str) -> BaseFiles:
    try:
        prefix = find_prefix(root)
        entry = _read_entry(root, commit)
        ids = read_commit_ids(root, commit, prefix)
    except GitCommandError as exc:
        raise explain_missing_objects(root) or _NoBaseError(f"commit {commit[:12]} cannot be read: {exc}") from exc
    return sort_files(ids, prefix, entry)


def _read_entry(root: Path, commit: str) -> FleetEntry:
    try:
        content = run_git(root, "cat-file", "blob", f"{commit}:./{FLEET_FILE}", limit=MAX_FLEET_BYTES)
    except GitCommandError as exc:
        raise _NoBaseError(f"commit {commit[:12]} has no {FLEET_FILE}") from exc
    located = parse_fleet(content, lambda _diagnostic: None)
    if located is None:
        raise _NoBaseError(f"{FLEET_FILE} of commit {commit[:12]} has errors")
    return located.value


class _FleetComparison:
    """The fleet that is here, compared with its base. What is shared is compared once."""

    def __init__(self, fleet: Fleet, before: BaseFiles, applied: AppliedFleet | None) -> None:
        self._root = fleet.root
        self._tenants = fleet.tenants
        self._before = before
        self._open = frozenset(applied.open if applied is not None else ())
        self._new = frozenset(applied.new if applied is not None else ())
        self._unproven = frozenset(applied.unproven if applied is not None else ())
        self._due = frozenset(applied.due if applied is not None else ())
        self._groups: dict[str, bool] = {}
        self._defaults = self._is_same(f"{self._root}/{DEFAULTS}", before.defaults)
        self._program = all(
            has_same_files(f"{self._root}/{place}", ids, frozenset()) for place, ids in before.program.items()
        )

    def find_reasons(self, tenant: Tenant) -> Iterator[AffectedBy]:
        """Yield why the tenant is affected; nothing if it is not."""
        if tenant.name not in self._before.tenants or tenant.name in self._new:
            yield AffectedBy.NEW
        elif not self._has_own_files(tenant):
            yield AffectedBy.OWN_FILES
        if tenant.group is not None and not self._has_group(tenant.group):
            yield AffectedBy.GROUP
        if not self._defaults:
            yield AffectedBy.DEFAULTS
        if not self._program:
            yield AffectedBy.PROGRAM
        if tenant.name in self._open:
            yield AffectedBy.OPEN
        if tenant.name in self._due:
            yield AffectedBy.DUE
        if tenant.name in self._unproven:
            yield AffectedBy.UNPROVEN

    def find_moved(self, reasons: Mapping[str, tuple[AffectedBy, ...]], released: tuple[str, ...]) -> dict[str, str]:
        """Return the old name of each new tenant whose files are those of one that was released."""
        old = {frozenset(self._before.tenants[name].items()): name for name in reversed(released)}
        like = next((each for files in old for _, each in files if each != LINK), None)
        moved: dict[str, str] = {}
        for tenant in self._tenants:
            if like is not None and AffectedBy.NEW in reasons.get(tenant.name, ()):
                here = compute_ids(f"{self._root}/{tenant.folder}", like, NOT_RESOLVED)
                name = old.pop(frozenset(here.items()), None) if here else None
                if name is not None:
                    moved[tenant.name] = name
        return moved

    def _has_own_files(self, tenant: Tenant) -> bool:
        return self._is_same(f"{self._root}/{tenant.folder}", self._before.tenants[tenant.name])

    def _has_group(self, group: str) -> bool:
        if group not in self._groups:
            self._groups[group] = self._is_same(f"{self._root}/{GROUPS}/{group}", self._before.groups.get(group, {}))
        return self._groups[group]

    @staticmethod
    def _is_same(folder: str, before: Ids) -> bool:
        return has_same_files(folder, before, NOT_RESOLVED)
