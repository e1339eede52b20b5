"""A plan in the making."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from reconciler.core.model import Diagnostic, warning
from reconciler.core.plan import Action, Change
from reconciler.core.planning.forms import FormDifferences
from reconciler.core.planning.lifecycle import RemovalDecision
from reconciler.core.planning.omitted_active import ActivityDoubts
from reconciler.core.text import pluralize


@dataclass(slots=True)
class PlanDraft:
    """The changes, diagnostics and counts collected so far."""

    changes: list[Change] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    unchanged: int = 0
    unmanaged: int = 0
    kept: int = 0
    withheld: int = 0
    unplanned: int = 0
    """Users left as they are because of an error that is about several of them."""
    undated: int = 0
    dormant: int = 0
    """Users in scope whose accounts stay deactivated because the mapping of active does not reactivate them."""

    forms: FormDifferences = field(default_factory=FormDifferences)
    activity: ActivityDoubts = field(default_factory=ActivityDoubts)

    def add(self, change: Change | None) -> None:
        """Add the change of a user; None: the account is as desired."""
        if change is None:
            self.unchanged += 1
        elif self.activity.leaves(change):
            self.unplanned += 1
        else:
            self.changes.append(change)

    def remove(self, decision: RemovalDecision) -> None:
        """Add the change that the lifecycle rules decided for an account without a user in scope."""
        self.undated += decision.undated
        if decision.kept:
            self.kept += 1
        else:
            self.add(decision.change)

    def withhold_actions(
        self, actions: Collection[Action], why: str, report: Callable[[str], Diagnostic] = warning
    ) -> int:
        """Remove the changes with one of `actions`, reported by kind; return their number."""
        return self.withhold(lambda change: change.action in actions, why, report)

    def withhold(
        self, is_withheld: Callable[[Change], bool], why: str, report: Callable[[str], Diagnostic] = warning
    ) -> int:
        """Remove the changes for which `is_withheld`, reported by kind; return their number."""
        kinds = Counter(change.action for change in self.changes if is_withheld(change))
        self.changes = [change for change in self.changes if not is_withheld(change)]
        for action in Action:
            if kinds[action]:
                self.diagnostics.append(report(f"{pluralize(kinds[action], action.value)} withheld: {why}"))
        self.withheld += kinds.total()
        return kinds.total()

    def report_accounts(self) -> None:
        """Report the accounts that stay as they are for a reason that is not their user's."""
        self.diagnostics += [*self.forms.report(), *self.activity.report(self.changes)]
        if self.undated:
            self.diagnostics.append(_report_undated(self.undated))
        if self.dormant:
            self.diagnostics.append(_report_dormant(self.dormant))


def _report_undated(count: int) -> Diagnostic:
    summary = f"{pluralize(count, 'inactive account')} will not be deleted: deactivation date unknown"
    detail = "lifecycle.delete_after_days needs a meta.lastModified from the service that is not in the future."
    return warning(summary, detail)


def _report_dormant(count: int) -> Diagnostic:
    summary = f"{pluralize(count, 'user')} in scope whose accounts stay deactivated"
    detail = "The mapping of active has no value, or its `apply` is not `always`, so it reactivates no account."
    return warning(summary, detail)
