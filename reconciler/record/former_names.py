"""The names that an account had when it was removed, by the plan on record that removed it.

Receipts say which plan it was; the plan has the values. A plan with digests has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.model import Attributes
from reconciler.core.plan import Action, Change
from reconciler.core.planning.full_names import FULL_NAME_PATHS
from reconciler.errors import PlanFileError
from reconciler.record.files import read_file
from reconciler.record.layout import PLAN, shorten_plan_id
from reconciler.record.plan_file import from_json
from reconciler.record.recorded_accounts import RecordedAccount

_SHORT_ID = re.compile(r"[0-9a-f]{12}")
_LONGEST_NAME = 512
"""Characters of a name. A plan on record may have been edited since."""


@dataclass(slots=True)
class FormerNames:
    """Reads names from the plans below `plans`, each plan once."""

    plans: Path
    _changes: dict[str, Mapping[str, Change]] = field(default_factory=dict)

    def __call__(self, account: RecordedAccount) -> Attributes:
        """Return the attributes that the full name consists of; those that are not known are left out."""
        if account.removed_by not in self._changes:
            self._changes[account.removed_by] = _read_changes(self.plans, account.removed_by)
        change = self._changes[account.removed_by].get(account.live_id)
        if change is None:
            return {}
        # An account that was activated and deactivated again is as it was before.
        values = change.after if change.action is Action.DEACTIVATE else change.before
        names = {path: value for path, value in values.items() if path in FULL_NAME_PATHS}
        return {path: value for path, value in names.items() if isinstance(value, str) and len(value) <= _LONGEST_NAME}


def _read_changes(plans: Path, plan_id: str) -> Mapping[str, Change]:
    """Return the changes of a plan by live id; none if it is not on record, or cannot be read."""
    short = shorten_plan_id(plan_id)
    if _SHORT_ID.fullmatch(short) is None:
        return {}
    for path in sorted(plans.glob(f"????-??-??-{short}/{PLAN}")):
        try:
            plan = from_json(read_file(path))
        except PlanFileError:
            continue
        if plan.plan_id == plan_id:
            return {change.live_id: change for change in plan.changes if change.live_id is not None}
    return {}
