"""Reports of fleets to test with: small ones with everything in them, and large ones."""

from __future__ import annotations

import random

from reconciler.fleet.report import FleetReport, ReportedGuard, ReportedTenant, TenantState
from reconciler.render.fleet_view import RemovedUsers

PLAN_ID = "sha256:" + "5e" * 32
COMMIT = "1f2e3d4c5b6a" + "0" * 28
BLOCKED_BY = "the guard removals blocks this plan: 9 users of 20 would be removed, the limit is 5"


def full_fleet(verb: str = "plan", word: str = "the service does not answer") -> FleetReport:
    """Return a report in which each state and each note occurs. `word`: why tenants failed, and what guards say."""
    return FleetReport(
        verb,
        PLAN_ID,
        COMMIT,
        "4711/1",
        (
            ReportedTenant("acme", TenantState.CHANGED, {"create": 3, "update": 2, "delete": 1, "unchanged": 120}),
            ReportedTenant("beta", TenantState.SAME, {"unchanged": 40}, has_receipt=True),
            ReportedTenant("cafe0123", TenantState.BLOCKED, {"deactivate": 9, "unchanged": 11}, word),
            ReportedTenant("delta", TenantState.FAILED, {}, word),
            ReportedTenant("echo", TenantState.FAILED, {}, word),
            ReportedTenant("foxtrot", TenantState.MISSING, {}),
            ReportedTenant("golf", TenantState.PARTIAL, {"create": 1_200, "failed": 2}, word, has_receipt=True),
            ReportedTenant("hotel", TenantState.STALE, {}, word),
            ReportedTenant("kilo", TenantState.HELD, {"create": 5, "delete": 2, "unchanged": 30}),
        ),
        base="a" * 40,
        guards=(ReportedGuard("removals", f"10 users of 190 would be removed in all tenants, {word}", "Review it."),),
        released=("old", "was-india"),
        new=("india", "juliett"),
        renamed={"india": "was-india"},
        changed_by_defaults=4,
    )


def removed_users(word: str = "ada@acme.example") -> tuple[RemovedUsers, ...]:
    """Return users that two tenants remove."""
    return RemovedUsers("cafe0123", (word, "grace"), 7), RemovedUsers("acme", (word,))


def large_fleet(count: int, seed: int = 15, verb: str = "plan") -> FleetReport:
    """Return an ordinary day of a fleet: most tenants are quiet, a few fail."""
    chance = random.Random(seed)  # noqa: S311 - the same fleet each time
    return FleetReport(verb, PLAN_ID, COMMIT, "4711/1", tuple(_tenant(number, chance) for number in range(count)))


def _tenant(number: int, chance: random.Random) -> ReportedTenant:
    name, users = f"school-{number:05}", chance.randint(20, 4_000)
    luck = chance.random()
    if luck < 0.01:
        return ReportedTenant(name, TenantState.FAILED, {}, "scim.example.com answers 503 Service Unavailable")
    if luck < 0.015:
        return ReportedTenant(name, TenantState.BLOCKED, {"deactivate": 40, "unchanged": users}, BLOCKED_BY)
    if luck < 0.018:
        return ReportedTenant(name, TenantState.MISSING, {})
    if luck < 0.3:
        counts = {"create": chance.randint(0, 9), "update": chance.randint(1, 30), "delete": int(luck < 0.05)}
        return ReportedTenant(name, TenantState.CHANGED, {**counts, "unchanged": users}, has_receipt=True)
    return ReportedTenant(name, TenantState.SAME, {"unchanged": users}, has_receipt=True)


def hostile_fleet(count: int, word: str) -> FleetReport:
    """Return a fleet in which each tenant failed for a reason of its own, and names are as long as they can be."""
    tenants = tuple(
        ReportedTenant(f"{number:05}-{'x' * 34}", TenantState.FAILED, {"delete": 99_999_999}, f"{number} {word}"[:300])
        for number in range(count)
    )
    names = tuple(tenant.name for tenant in tenants)
    guards = tuple(ReportedGuard(guard, word[:1000], word[:1000]) for guard in ("failed", "removals", "new_tenants"))
    return FleetReport("plan", PLAN_ID, COMMIT, "4711/1", tenants, None, guards, names, names, {}, count)
