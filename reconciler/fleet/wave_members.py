"""Which tenants are in which wave. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.text import format_names, quote, shorten
from reconciler.errors import UsageError
from reconciler.fleet.model import Fleet, Tenant, Wave
from reconciler.fleet.shards import hash_name


def assign_waves(fleet: Fleet) -> dict[str, str]:
    """Return the wave of each tenant: that of its tenant.yaml or of the list of names, else by the hash of its name.

    A percentage is a part of the hashes: a tenant that comes or goes moves no other one. The last wave takes the rest.
    Empty if the fleet has no waves.
    """
    named = {name: wave.name for wave in fleet.waves for name in wave.tenants}
    return {each.name: _find_wave(each, named, fleet.waves) for each in fleet.tenants} if fleet.waves else {}


def _find_wave(tenant: Tenant, named: dict[str, str], waves: Sequence[Wave]) -> str:
    if tenant.wave is not None:
        return tenant.wave
    if tenant.name in named:
        return named[tenant.name]
    place, end = hash_name(tenant.name) * 100, 0.0
    for wave in waves:
        end += wave.percent or 0.0
        if place < end:
            return wave.name
    return waves[-1].name


def select_wave(fleet: Fleet, tenants: Iterable[Tenant], wave: str) -> tuple[Tenant, ...]:
    """Return the tenants of a wave. Raises `UsageError` if the fleet has no such wave."""
    names = [each.name for each in fleet.waves]
    if wave not in names:
        known = f"The waves are {format_names(names, 20)}." if names else "fleet.yaml names no `waves`."
        raise UsageError(f"--wave {quote(shorten(wave, 60))} is not a wave of this fleet", known)
    members = assign_waves(fleet)
    return tuple(tenant for tenant in tenants if members[tenant.name] == wave)


def find_earlier_waves(fleet: Fleet, wave: str) -> tuple[str, ...]:
    """Return the waves before `wave`, in order."""
    names = [each.name for each in fleet.waves]
    return tuple(names[: names.index(wave)]) if wave in names else ()
