"""Which tenants a verb is about: the one answer for matrix, plan, apply, drift, gather, gate, retry and comment."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.fleet.affected import Affected, find_affected
from reconciler.fleet.model import Fleet, Tenant
from reconciler.fleet.shards import Part, assign_shards, is_in_slice
from reconciler.fleet.wave_members import select_wave
from reconciler.fleet.weights import weigh_tenants


def select_tenants(
    fleet: Fleet,
    base: str | None = None,
    wave: str | None = None,
    shard: Part | None = None,
    slice_: Part | None = None,
    *,
    affected: Affected | None = None,
    only: Collection[str] | None = None,
) -> tuple[Tenant, ...]:
    """Return the tenants of one worker, sorted by name.

    `base`: only those that a change since then affects. `wave`: only its tenants. `slice_`: a part of the day, by the
    hash of the name. `shard`: a part of what is left, balanced by users. `affected`: what `find_affected` found for
    `base`, if it is known. `only`: no other names, such as those of a reviewed fleet plan. Raises `UsageError` if there
    is no such wave, or if `base` can name no commit.
    """
    found = fleet.tenants
    if slice_ is not None:
        found = tuple(tenant for tenant in found if is_in_slice(tenant.name, slice_))
    if only is not None:
        found = tuple(tenant for tenant in found if tenant.name in only)
    if wave is not None:
        found = select_wave(fleet, found, wave)
    if base is not None or affected is not None:
        affected = affected or find_affected(fleet, base)
        found = tuple(tenant for tenant in found if tenant.name in affected.reasons)
    if shard is not None:
        shards = assign_shards(weigh_tenants(fleet.root, found), shard.count)
        found = tuple(tenant for tenant in found if shards[tenant.name] == shard.number)
    return found
