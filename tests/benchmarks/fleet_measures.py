"""What the suite measures of fleets: rows of a part of their own. Seconds are those of the processor."""

from __future__ import annotations

from pathlib import Path

import fleet
import fleet_gates
import shared_rate
from measures import Row

PART = "fleet"


def plan(_scratch: Path, tenants: int, users: int) -> list[Row]:
    """One plan of all tenants, beside a command for each: twenty of them, counted for all."""
    found = fleet.measure(tenants, users, at_once=4, alone=True)
    ours, theirs = found["cpu_per_tenant"], found["cpu_per_command"]
    name = f"`fleet plan`, {tenants:,} tenants of {users} users"
    note = f"{ours:.3f} s each"
    seconds = (ours * tenants, theirs * tenants, ours / theirs)
    return [Row(name, "a command for each", *seconds, found["peak_mib"], note=note, part=PART)]


def gates(_scratch: Path, tenants: int, users: int) -> list[Row]:
    """The commands that read a whole fleet, beside hashing the files of the fleet."""
    found = fleet_gates.measure(tenants, users)
    floor = found.pop("floor")["cpu"]
    return [
        Row(f"`fleet {name}`, {tenants:,} tenants", "hashing the files", cpu, floor, cpu / floor, peak, part=PART)
        for name, cpu, peak in ((name, *each.values()) for name, each in found.items() if name != "tenants")
    ]


def rate(_scratch: Path, limit: int, seconds: int) -> list[Row]:
    """Eight processes that share a rate, from the first request to the last."""
    found = shared_rate.measure(limit, processes=8, seconds=seconds)
    floor = found["requests"] / limit
    name, note = f"8 processes that share {limit} requests/s", f"{found['refused']:.1%} answered 429"
    return [Row(name, "the limit", found["seconds"], floor, 1 / found["used"], 0, found["requests"], note, part=PART)]
