"""The types of a fleet: many tenants in one repository, each a desired state with its own target, token and record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

MAX_TENANTS = 20_000


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant: the content of its tenant.yaml. `folder` is relative to the root of the fleet, with slashes."""

    name: str
    folder: str
    group: str | None = None
    wave: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wave:
    """Tenants that are applied together: the named ones, else a percentage by hash of the name, else all others."""

    name: str
    tenants: tuple[str, ...] = ()
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    """Upper bounds of one run. `requests_per_second`: of all tenants at one address together; None: no bound."""

    tenants_at_once: int = 8
    requests_per_second: float | None = None
    shards: int = 32


@dataclass(frozen=True, slots=True)
class FleetLimit:
    """The smaller of a count and a percentage; without both, no limit."""

    count: int | None = None
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class FleetGuards:
    """Limits across tenants: beyond one of them, a run or the next wave does not start. None: no limit."""

    failed: FleetLimit = field(default=FleetLimit(3, 5))
    removals: FleetLimit = field(default=FleetLimit(200, 2))
    tenants_changed_by_defaults: int | None = 50
    new_tenants: int | None = 5


@dataclass(frozen=True, slots=True)
class FleetApproval:
    """Lets the fleet plan with the ID `plan` pass the guards across tenants that `lifts` names, until a day."""

    plan: str
    lifts: tuple[str, ...]
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """fleet.yaml and the tenants it names, in the order of their names."""

    root: Path
    tenants: tuple[Tenant, ...]
    waves: tuple[Wave, ...] = ()
    caps: Caps = field(default_factory=Caps)
    guards: FleetGuards = field(default_factory=FleetGuards)
    approvals: tuple[FleetApproval, ...] = ()
