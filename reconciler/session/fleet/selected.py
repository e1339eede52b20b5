"""The tenants that the options of a command select, and what has to be said about the selection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.fleet.affected import Affected, find_affected
from reconciler.fleet.applied import APPLIED
from reconciler.fleet.catalog import read_fleet
from reconciler.fleet.model import Fleet, Tenant
from reconciler.fleet.selection import select_tenants
from reconciler.fleet.shards import Part, parse_part
from reconciler.session.fleet.reviewed_plans import read_reviewed_plans
from reconciler.session.terminal import Terminal

_MOST = 20
"""Names in one note."""


@dataclass(frozen=True, slots=True)
class FleetSelection:
    """Options that select tenants: `fleet`, the directory with fleet.yaml; `shard` and `slice`: `3/32`.

    `plans`: the reviewed plans; without `base` the tenants that a fleet plan there names. `only`: no other names.
    """

    fleet: Path
    base: str | None = None
    wave: str | None = None
    shard: str | None = None
    slice: str | None = None
    plans: Path | None = None
    only: frozenset[str] | None = None


@dataclass(frozen=True)
class Selected:
    """A fleet, and the tenants of it that are selected. `affected`: what a change affects; None without --base.

    `in_all_shards`: how many tenants the run is about, if it is a shard.
    """

    fleet: Fleet
    tenants: tuple[Tenant, ...]
    affected: Affected | None
    in_all_shards: int | None = None

    @property
    def total(self) -> int:
        """How many tenants the run is about, in all shards."""
        return self.in_all_shards if self.in_all_shards is not None else len(self.tenants)

    @cached_property
    def changed(self) -> Affected:
        """What changed since --base; without it, since the last apply on record. The files are compared once."""
        return self.affected or find_affected(self.fleet, APPLIED)

    @property
    def names(self) -> frozenset[str]:
        """The names of the tenants that are selected."""
        return frozenset(tenant.name for tenant in self.tenants)


def load_selected(options: FleetSelection, terminal: Terminal) -> Selected:
    """Read the fleet, select its tenants and note what is released or unknown. Raises `FleetError`, `UsageError`."""
    for part, option in ((options.shard, "--shard"), (options.slice, "--slice")):
        _parse(part, option)
    fleet = read_fleet(options.fleet)
    affected = find_affected(fleet, options.base) if options.base is not None else None
    selected = _select(fleet, affected, options)
    if affected is not None:
        _describe(affected, terminal)
    elif options.plans is not None:
        note_released((find_reviewed_names(options) or frozenset()) - {each.name for each in fleet.tenants}, terminal)
    if not selected.tenants:
        terminal.note(_explain_empty(selected, options))
    return selected


def _explain_empty(selected: Selected, options: FleetSelection) -> str:
    """Return which options select no tenant, and how to select more."""
    affected, total = selected.affected, len(selected.fleet.tenants)
    if affected is not None and not affected.reasons:
        return (
            f"No change since {quote(shorten(options.base or '', 80))} affects a tenant. Without --base, all tenants"
            f" are selected: this fleet has {total:,}."
        )
    names = ["base", "wave", "slice", "shard"] + (["plans"] if _find_names(options) is not None else [])
    given = [(f"--{name}", getattr(options, name)) for name in names]
    words = " and ".join(f"{option} {quote(shorten(str(value), 80))}" for option, value in given if value is not None)
    which = f"{words} together select" if " and " in words else f"{words or 'The fleet'} selects"
    return f"{which} none of the {pluralize(total, 'tenant')} of this fleet: correct or leave out an option."


def select_again(selected: Selected, options: FleetSelection) -> Selected:
    """Select other tenants of the same fleet by the same base, such as those of another wave. Nothing is said."""
    return _select(selected.fleet, selected.affected, options)


def _select(fleet: Fleet, affected: Affected | None, options: FleetSelection) -> Selected:
    shard, slice_ = _parse(options.shard, "--shard"), _parse(options.slice, "--slice")
    only = _find_names(options)
    tenants = select_tenants(fleet, options.base, options.wave, None, slice_, affected=affected, only=only)
    total = len(tenants)
    if shard is not None:
        tenants = select_tenants(fleet, options.base, options.wave, shard, slice_, affected=affected, only=only)
    return Selected(fleet, tenants, affected, total)


def _find_names(options: FleetSelection) -> frozenset[str] | None:
    """Return the names that are to be selected; None: any. What was reviewed is applied, and nothing else."""
    if options.only is not None or options.base is not None:
        return options.only
    return find_reviewed_names(options)


def find_reviewed_names(options: FleetSelection) -> frozenset[str] | None:
    """Return the tenants of the reviewed fleet plan; None if there is no fleet plan."""
    ids = read_reviewed_plans(options.plans).ids if options.plans is not None else None
    return frozenset(ids) if ids is not None else None


def _parse(text: str | None, option: str) -> Part | None:
    return parse_part(text, option) if text is not None else None


def note_released(gone: Collection[str], terminal: Terminal) -> None:
    """Note tenants that are in the fleet no more, such as those of a plan that was reviewed before."""
    if gone:
        names = format_names(sorted(gone), _MOST)
        terminal.note(f"Released: {names}. Nothing is written to {'it' if len(gone) == 1 else 'them'} any more.")


def _describe(affected: Affected, terminal: Terminal) -> None:
    if affected.base is None:
        terminal.note(f"All tenants are affected: {affected.why_all}.")
    due = sorted(affected.due_alone)
    if due:
        terminal.note(f"Selected because a drift run found changes that wait for an apply: {format_names(due, _MOST)}.")
    moved = {old: new for new, old in affected.moved.items()}
    note_released([name for name in affected.released if name not in moved], terminal)
    for old, new in list(moved.items())[:_MOST]:
        terminal.note(
            f"{quote(old)} was renamed to {quote(new)}, which is a new tenant: record, lock and token are its own."
        )
    if len(moved) > _MOST:
        terminal.note(f"{pluralize(len(moved) - _MOST, 'more tenant')} were renamed.")
