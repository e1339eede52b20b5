"""Decide about entries whose person is not in the source: only by what the source confirms. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.import_plan import MergeRules, MissingAction, MissingPerson
from reconciler.sources.merge_values import ENABLED, NAME, is_protected
from reconciler.sources.snapshot import GoneReason

DISABLE, REMOVE = "disable", "remove"


def decide_missing(
    entries: Iterable[Entity],
    gone: Mapping[str, GoneReason],
    rules: MergeRules,
    protected: Collection[str] = (),
    taken: Collection[str] = (),
) -> tuple[list[MissingPerson], int]:
    """Return the missing people, and the number of entries that are not of this source.

    `entries`: those that no person of the source fits. One without an objectId never came from the source, unless the
    source says what became of it. `gone`: by folded objectId or userPrincipalName. `protected`: folded names of users
    that settings protect. `taken`: folded names of new people. An entry with one of them is disabled instead of taken
    out, because the new person would find its name, its references and its account free.
    """
    missing, unlinked = [], 0
    for entry in entries:
        reason = gone.get(entry.object_id) or gone.get(fold_case(entry.name))
        if reason is None and not entry.object_id:
            unlinked += 1
        else:
            stays = is_protected(entry) or fold_case(entry.name) in protected
            is_taken = fold_case(entry.name) in taken
            action = _decide(reason, rules, protected=stays, taken=is_taken)
            why = reason.value if reason else ""
            missing.append(MissingPerson(entry, f"{why}; another user has its {NAME} now" if is_taken else why, action))
    return missing, unlinked


def _decide(reason: GoneReason | None, rules: MergeRules, *, protected: bool, taken: bool) -> MissingAction:
    if reason is None:
        return MissingAction.UNCONFIRMED
    if protected:
        # Without its entry the account would be protected no longer.
        return MissingAction.REPORTED
    if rules.on_missing == REMOVE and not taken:
        return MissingAction.REMOVED
    if rules.on_missing in (DISABLE, REMOVE) and ENABLED not in rules.keep:
        return MissingAction.DISABLED
    return MissingAction.REPORTED
