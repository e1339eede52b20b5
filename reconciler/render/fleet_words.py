"""The words for the runs of a fleet, the same in every output format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.fleet.report import TenantState

STATE_WORDS: Mapping[TenantState, str] = {
    TenantState.MISSING: "without a result",
    TenantState.FAILED: "failed",
    TenantState.STALE: "stale",
    TenantState.PARTIAL: "partly applied",
    TenantState.BLOCKED: "blocked",
    TenantState.HELD: "held",
}
"""How a tenant is that is named with a reason."""
HELD = "provisioning is switched off, an apply sends nothing"
HIDDEN_VALUES = (
    "(hidden): results hold no values of users. `reconciler fleet validate` shows errors in files in full; what else a"
    " tenant printed is in DIR/TENANT/output.txt, where DIR is the directory of -o."
)
HELD_APPLY = "provisioning is switched off, nothing was sent"


@dataclass(frozen=True, slots=True)
class FleetWords:
    """`changed`, `same`: the state of a tenant without failure. `columns`: what happened to users.

    `done`: whether what is counted was done. `held`: why a tenant is held.
    """

    title: str
    summary: str
    changed: str
    same: str
    columns: tuple[str, str, str]
    removed_one: str
    removed_many: str
    done: bool = False
    held: str = HELD


WORDS: Mapping[str, FleetWords] = {
    "plan": FleetWords(
        "Plan of the fleet",
        "Plan for",
        "with changes",
        "without changes",
        ("to remove", "to create", "to change"),
        "will be REMOVED",
        "will be REMOVED",
    ),
    "apply": FleetWords(
        "Apply to the fleet",
        "Applied to",
        "applied",
        "nothing to do",
        ("removed", "created", "changed"),
        "was removed",
        "were removed",
        done=True,
        held=HELD_APPLY,
    ),
    "drift": FleetWords(
        "Drift of the fleet",
        "Compared",
        "with differences",
        "without differences",
        ("to remove", "to create", "to change"),
        "would be REMOVED by an apply",
        "would be REMOVED by an apply",
    ),
}
