"""What settings.yaml allows, as plain data for the planner."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from reconciler.core.plan import Action


class Removal(StrEnum):
    """What becomes of a managed live user nobody desires."""

    DEACTIVATE = "deactivate"
    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many changes of a kind; None: no such limit. `floor`: percent never forbids this few."""

    count: int | None = None
    percent: float | None = None
    floor: int = 1


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's word for exactly one plan, valid through `until` (None: given by hand, now)."""

    plan_id: str
    removals: int | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Lifecycle, guards and approvals."""

    permitted: frozenset[str] = frozenset({"create", "update", "deactivate", "delete"})
    out_of_scope: Removal = Removal.DEACTIVATE
    removed: Removal = Removal.DEACTIVATE
    delete_after_days: int | None = None
    removals: Limit = field(default_factory=lambda: Limit(10, 10))
    updates: Limit = field(default_factory=Limit)
    creates: Limit = field(default_factory=Limit)
    failures: Limit = field(default_factory=lambda: Limit(None, 40, 10))
    """Of attempted changes, how many may fail before an apply stops itself."""
    protected: frozenset[str] = frozenset()
    """Folded userNames and externalIds that are never removed."""
    digests: bool = False
    """Whether records hold digests in place of names and values."""
    record_branch: str | None = None
    """The branch that records are kept on."""
    approvals: tuple[Approval, ...] = ()

    def permits(self, action: Action) -> bool:
        """Whether `lifecycle.actions` lets this directory do `action`; adopting and reactivating are updates."""
        needed = "update" if action in (Action.ADOPT, Action.REACTIVATE) else action.value
        return needed in self.permitted
