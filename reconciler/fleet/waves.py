"""Check the waves of a fleet: each tenant is in exactly one of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Sequence

from reconciler.core.model import Origin, error
from reconciler.core.text import pluralize
from reconciler.desired.fleet_schema import FleetEntry
from reconciler.desired.validation import LocatedModel
from reconciler.desired.yaml_reader import Report
from reconciler.fleet.model import Tenant

_WHOLE = 100
FindLine = Callable[[Tenant, str], Origin]
"""Returns where a key of its tenant.yaml is."""


def check_waves(
    fleet: LocatedModel[FleetEntry],
    tenants: Sequence[Tenant],
    report: Report,
    find_line: FindLine,
    lost: Collection[str] = (),
) -> None:
    """Report waves by which a tenant would be in none or in two, or in another one than its tenant.yaml says.

    `lost`: names of tenants that are missing, which is reported.
    """
    _check_order(fleet, report)
    _check_percent(fleet, report)
    named = _check_named(fleet, {*lost, *(tenant.name for tenant in tenants)}, report)
    names = {wave.name for wave in fleet.value.waves}
    for tenant in tenants:
        if tenant.wave is None:
            continue
        if tenant.wave not in names:
            near = difflib.get_close_matches(tenant.wave, names, 1)
            detail = "Correct `wave` in tenant.yaml, or add the wave to `waves` in fleet.yaml."
            detail = f"Did you mean {near[0]}? {detail}" if near else detail
            report(error(f"there is no wave {tenant.wave}", detail, find_line(tenant, "wave")))
        elif named.get(tenant.name, tenant.wave) != tenant.wave:
            summary = f"{tenant.name} is in two waves: {named[tenant.name]} by fleet.yaml, {tenant.wave} by tenant.yaml"
            report(error(summary, "Keep one of them.", find_line(tenant, "wave")))


def _check_order(fleet: LocatedModel[FleetEntry], report: Report) -> None:
    waves = fleet.value.waves
    seen: set[str] = set()
    for number, wave in enumerate(waves):
        takes_rest = not wave.tenants and wave.percent is None
        at, is_last = fleet.at("waves", number), number == len(waves) - 1
        if wave.name in seen:
            report(error(f"two waves have the name {wave.name}", "Rename one of them.", at))
        seen.add(wave.name)
        if takes_rest and not is_last:
            detail = "Give it `tenants` or `percent`, or move it to the end."
            report(error(f"the wave {wave.name} takes all that are left, so no wave can follow it", detail, at))
        elif is_last and not takes_rest:
            detail = "Add a last wave without `tenants` and `percent`, such as {name: rest}."
            report(error("no wave takes the tenants that are left", detail, at))


def _check_percent(fleet: LocatedModel[FleetEntry], report: Report) -> None:
    total = sum(wave.percent or 0 for wave in fleet.value.waves)
    if total > _WHOLE:
        report(error(f"the waves take {total:g} % of the tenants", "Choose smaller values.", fleet.at("waves")))


def _check_named(fleet: LocatedModel[FleetEntry], known: set[str], report: Report) -> dict[str, str]:
    """Return the wave of each tenant that fleet.yaml names; report tenants that are unknown, or in two waves."""
    found: dict[str, str] = {}
    for number, wave in enumerate(fleet.value.waves):
        for position, name in enumerate(wave.tenants):
            at = fleet.at("waves", number, "tenants", position)
            if name not in known:
                detail = (
                    f"The fleet has {pluralize(len(known), 'tenant')}, but none with this name. Correct it. If the "
                    "tenant was released, remove its name here. If its folder was lost, restore it from git."
                )
                report(error(f"the wave {wave.name} names {name}, which is not a tenant", detail, at))
            if name in found:
                summary = f"{name} is in two waves: {found[name]} and {wave.name}"
                summary = summary if found[name] != wave.name else f"{name} is in the wave {wave.name} twice"
                report(error(summary, "Keep one of them.", at))
            found.setdefault(name, wave.name)
    return found
