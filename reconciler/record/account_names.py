"""Every name that receipts, and plans on record, know an account by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import UNSET, UnsetType

from reconciler.core.model import Value
from reconciler.core.plan import Action, Result
from reconciler.core.planning.protection import NO_NAMES, AccountNames
from reconciler.core.values import fold_case
from reconciler.record.receipt_line import Finished, ReceiptLine, Started, UnknownLine
from reconciler.record.runs import PlanSummary

_NOT_MADE = frozenset({Result.FAILED.value, Result.SKIPPED.value})


@dataclass(slots=True)
class AccountNameReader:
    """Collects the folded userNames and externalIds of accounts by live id; digests, if the record holds digests."""

    user_names: dict[str, set[str]] = field(default_factory=dict)
    external_ids: dict[str, set[str]] = field(default_factory=dict)

    def add(self, line: ReceiptLine) -> bool:
        """Add a line; return whether it lacks the names of an account, as lines of version 0.1 do."""
        match line:
            case Started():
                self._add(line.id, line.user_name, line.external_id)
                return line.id is not None and line.user_name is UNSET and line.action != Action.CREATE
            case Finished() if line.result not in _NOT_MADE:
                self._add(line.id, line.user_name, line.external_id)
                return line.external_id is UNSET
            case UnknownLine() if line.result not in _NOT_MADE:
                self._add(line.id, line.user_name, None)
        return False

    def add_plan(self, plan: PlanSummary) -> None:
        """Add the names that accounts had when a plan was made. A plan with digests has none that can be compared."""
        for change in () if plan.redacted else plan.changes.values():
            self._add(change.live_id, change.before.get("userName"), change.before.get("externalId"))

    def _add(self, live_id: str | None, name: Value | UnsetType | None, external_id: Value | UnsetType | None) -> None:
        for known, value in ((self.user_names, name), (self.external_ids, external_id)):
            if live_id is not None and isinstance(value, str) and value:
                known.setdefault(live_id, set()).add(fold_case(value))

    def build(self) -> Mapping[str, AccountNames]:
        """Return the names by live id."""
        return {
            live_id: AccountNames(
                frozenset(self.user_names.get(live_id, ())), frozenset(self.external_ids.get(live_id, ()))
            )
            for live_id in self.user_names.keys() | self.external_ids.keys()
        }


def merge_names(
    ours: Mapping[str, AccountNames], elsewhere: Mapping[str, AccountNames], live_ids: Iterable[str]
) -> Mapping[str, AccountNames]:
    """Return `ours` with the names that accounts with these live ids had at other targets."""
    found = dict(ours)
    for live_id in live_ids if elsewhere else ():
        if live_id in elsewhere:
            here, there = found.get(live_id, NO_NAMES), elsewhere[live_id]
            found[live_id] = AccountNames(here.user_names | there.user_names, here.external_ids | there.external_ids)
    return found


def translate_names(names: Mapping[str, AccountNames], known: Iterable[tuple[str, str]]) -> Mapping[str, AccountNames]:
    """Return `names` with texts for digests; `known`: pairs of digest and text."""
    texts = dict(known)
    return {
        live_id: AccountNames(
            frozenset(texts.get(name, name) for name in found.user_names),
            frozenset(texts.get(name, name) for name in found.external_ids),
        )
        for live_id, found in names.items()
    }
