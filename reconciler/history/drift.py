"""Attribute drift: separate edits in the target from what is not applied yet, by the record of applies. Pure.

For each account the last apply after which it was as desired counts. A difference that the desired state of *that*
apply would correct too was edited in the target since; every other difference is not applied yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.model import AttributePath, Value
from reconciler.core.paths import shorten_path
from reconciler.core.plan import REMOVALS, Action, Attribution, Change, Drift, Plan, Result
from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.record.late_changes import hash_key, hash_keys
from reconciler.record.layout import shorten_plan_id
from reconciler.record.redaction import Redactor
from reconciler.record.runs import AppliedChange, ApplyRun, account_keys

MAX_BASELINES = 8
"""The number of applies whose desired states are planned again, newest first. Failing users can need one more each."""
_EXPLAINED_ROWS = 3
_ADDITIONS = frozenset({Action.CREATE.value, Action.REACTIVATE.value, Action.ADOPT.value})


@dataclass(frozen=True, slots=True)
class ReplannedState:
    """The plan that the desired state of an earlier apply gives for the live accounts now.

    `plan` None: it is not known; `why` says why. `same`: it is today's desired state.
    """

    plan: Plan | None
    why: str = ""
    same: bool = False
    _changes: dict[tuple[str, str], list[tuple[int, Change]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """With their places in the plan, by each key that another change of the same account can share."""

    def __post_init__(self) -> None:
        for numbered in enumerate(self.plan.changes if self.plan is not None else ()):
            for key in _list_shared_keys(numbered[1]):
                self._changes.setdefault(key, []).append(numbered)

    def find(self, change: Change) -> Change | None:
        """Return the first change of the plan that is of the account of `change`; None if there is none."""
        found = dict(each for key in _list_shared_keys(change) for each in self._changes.get(key, ()))
        return next((found[place] for place in sorted(found) if _is_same_account(change, found[place])), None)


@dataclass(frozen=True, slots=True)
class ApplyHistory:
    """Applies on record, oldest first, the replanned states of some by index, and the redactor of the record."""

    runs: Sequence[ApplyRun]
    redactor: Redactor
    replanned: Mapping[int, ReplannedState]
    done: Mapping[str, Sequence[tuple[ApplyRun, AppliedChange]]]
    """Changes of the wanted accounts that were carried out, by key, newest first: the last one of each attribute that
    differs now, and at least one."""

    @classmethod
    def build(
        cls,
        runs: Sequence[ApplyRun],
        redactor: Redactor,
        replanned: Mapping[int, ReplannedState],
        wanted: Iterable[Change],
    ) -> ApplyHistory:
        """Return the history of the accounts of the changes `wanted`. Only plans that it is in are read, once."""
        differing: dict[str, set[AttributePath]] = {}
        for change in wanted:
            for key in _find_keys(change, redactor):
                differing.setdefault(key, set()).update(_list_explained(change))
        keys = {hash_key(key): key for key in differing}
        done: dict[str, list[tuple[ApplyRun, AppliedChange]]] = {}
        for run in reversed(runs):
            hashes = hash_keys(run.changes)
            if keys.keys().isdisjoint(hashes):
                continue
            for key in [keys[each] for each in keys.keys() & set(hashes)]:
                applied = run.changes.get(key)
                if applied is None or applied.result != Result.DONE:
                    continue
                set_here = differing[key].intersection(row.path for row in applied.rows)
                if set_here or key not in done:
                    done.setdefault(key, []).append((run, applied))
                differing[key] -= set_here
                if not differing[key]:
                    del keys[hash_key(key)]
        return cls(runs, redactor, replanned, done)

    def find_changes(self, change: Change) -> Sequence[tuple[ApplyRun, AppliedChange]]:
        """Return the changes that applies made to this account, newest first."""
        keys = sorted(_find_keys(change, self.redactor))
        return next((self.done[each] for each in keys if each in self.done), ())


def _list_explained(change: Change) -> set[AttributePath]:
    """Return the attributes of which `_explain_values` may say who set them."""
    explained = change.action not in (Action.CREATE, *REMOVALS)
    return {row.path for row in change.attribute_changes()} if explained else set()


def attribute_drift(plan: Plan, history: ApplyHistory) -> Plan:
    """Return `plan` with every change attributed and explained by the record. It keeps its plan id."""
    last = history.runs[-1] if history.runs else None
    drift = Drift() if last is None else Drift(last.began, last.plan_id, last.commit, _count_unmanaged(last))
    return replace(plan, changes=tuple(_attribute(change, history) for change in plan.changes), drift=drift)


def _count_unmanaged(run: ApplyRun) -> int | None:
    return run.planned.unmanaged if run.planned is not None else None


def select_baselines(runs: Sequence[ApplyRun], redactor: Redactor) -> list[int]:
    """Return the indexes of the applies that are a baseline of any account, newest first, at most `MAX_BASELINES`."""
    default = _find_baseline(runs, frozenset(), redactor).index
    found = {default}
    for run in runs[default or 0 :]:
        accounts = {change.keys for change in run.changes.values()} | {frozenset({each}) for each in run.unplannable}
        accounts |= {change.keys for change in run.planned.changes.values()} if run.planned is not None else set()
        found |= {_find_baseline(runs, keys, redactor).index for keys in accounts}
    return sorted((index for index in found if index is not None), reverse=True)[:MAX_BASELINES]


# --- the baseline of one account ------------------------------------------------


@dataclass(frozen=True, slots=True)
class _FailedAttempt:
    """An apply after which the account was not as desired. `applied` None: the change could not be planned."""

    run: ApplyRun
    applied: AppliedChange | None

    @property
    def uncertain(self) -> bool:
        """Whether its change may have taken effect."""
        return self.applied is not None and self.applied.result not in (Result.SKIPPED, Result.DONE)

    def concerns(self, change: Change, paths: Collection[AttributePath]) -> bool:
        """Return whether its change was to do part of this one."""
        if self.applied is None or not self.applied.rows:
            return True
        if change.action in REMOVALS:
            return self.applied.action in REMOVALS
        return any(row.path in paths for row in self.applied.rows)

    def __str__(self) -> str:
        if self.applied is None:
            return f"could not be planned in {describe_run(self.run)}"
        message = f": {self.applied.message}" if self.applied.message else ""
        return f"{_RESULTS.get(self.applied.result, 'not reached by')} {describe_run(self.run)}{message}"


_RESULTS = {
    Result.FAILED.value: "failed in",
    Result.SKIPPED.value: "left out of",
    Result.NOT_IN_EFFECT.value: "not in effect after",
    Result.UNKNOWN.value: "of unknown outcome in",
}


@dataclass(frozen=True, slots=True)
class _Baseline:
    """The index of the last apply after which an account was as desired, None if there is none, and later attempts."""

    index: int | None
    attempts: tuple[_FailedAttempt, ...]
    """Newest first."""
    unreadable: bool = False
    """Digests on record could be of this account, and their key is another one."""


def describe_run(run: ApplyRun) -> str:
    """Return `the apply of 2026-11-20 06:00 UTC, plan 1a2b3c4d5e6f`."""
    return f"the apply of {run.began:%Y-%m-%d %H:%M} UTC, plan {shorten_plan_id(run.plan_id)}"


def _find_baseline(runs: Sequence[ApplyRun], keys: frozenset[str], redactor: Redactor) -> _Baseline:
    attempts: list[_FailedAttempt] = []
    for index in reversed(range(len(runs))):
        run = runs[index]
        found = run.find(keys) or (_find_planned(run, keys) if not run.complete else None)
        if found is None and _has_other_key(run, redactor) and _may_concern(run, keys):
            return _Baseline(None, tuple(attempts), unreadable=True)
        if run.converged(keys):
            return _Baseline(index, tuple(attempts))
        if found is not None or run.unplannable & keys:
            attempts.append(_FailedAttempt(run, found))
    return _Baseline(None, tuple(attempts))


def _find_planned(run: ApplyRun, keys: Collection[str]) -> AppliedChange | None:
    changes = run.planned.changes if run.planned is not None else {}
    return next((changes[each] for each in sorted(keys) if each in changes), None)


def _has_other_key(run: ApplyRun, redactor: Redactor) -> bool:
    return run.key is not None and run.key != redactor.key_id


def _may_concern(run: ApplyRun, keys: Collection[str]) -> bool:
    """Return whether an unreadable digest of the run may be of this account, and not as desired."""
    if run.unplannable:
        return True
    has_id = any(each.startswith("live:") for each in keys)
    return not has_id and not (run.complete and _is_all_done(run))


def _is_all_done(run: ApplyRun) -> bool:
    # If all attempts were, no plan is read.
    attempted = bool(run.attempts) and run.count(Result.DONE) == len(run.attempts)
    return attempted or all(each.result == Result.DONE for each in run.changes.values())


def _find_keys(change: Change, redactor: Redactor) -> frozenset[str]:
    external = change.after.get("externalId") or change.before.get("externalId")
    return account_keys(change.address, external, change.live_id) | {fold_case(redactor.address(change.address))}


# --- one change --------------------------------------------------------------------


def _attribute(change: Change, history: ApplyHistory) -> Change:
    baseline = _find_baseline(history.runs, _find_keys(change, history.redactor), history.redactor)
    if baseline.unreadable:
        return _attribute_by_attempt(change, baseline, "names on record are digests of another RECONCILER_RECORD_KEY")
    if baseline.index is None:
        return _attribute_by_attempt(change, baseline, "no apply on record left this account as desired")
    run = history.runs[baseline.index]
    state = history.replanned.get(baseline.index)
    if state is None:
        return _attribute_by_attempt(change, baseline, f"too many applies began after {describe_run(run)}")
    if state.plan is None:
        return _attribute_by_attempt(change, baseline, state.why)
    edited = {
        path
        for path in _find_edited(change, state)
        if not _may_be_ours(change, path, baseline.attempts, history.redactor)
    }
    if not edited:
        paths = {row.path for row in change.attribute_changes()}
        why = _explain_not_applied(change, paths, baseline, run, same=state.same)
        return replace(change, attribution=Attribution.NOT_APPLIED, pending=(), history=(why,))
    return _attribute_to_target(change, edited, baseline, history, same=state.same)


def _attribute_to_target(
    change: Change, edited: Collection[AttributePath], baseline: _Baseline, history: ApplyHistory, *, same: bool
) -> Change:
    run = history.runs[baseline.index or 0]
    paths = {row.path for row in change.attribute_changes()}
    rest = () if change.action in (Action.CREATE, *REMOVALS) else tuple(sorted(paths - set(edited)))
    lines = [_explain_edit(change, run, history), *_explain_values(change, edited, history)]
    if rest:
        lines.append(f"the rest is {_explain_not_applied(change, rest, baseline, run, same=same)}")
    elif baseline.attempts:
        lines.append(str(baseline.attempts[0]))
    return replace(change, attribution=Attribution.EDITED_IN_TARGET, pending=rest, history=tuple(lines))


def _attribute_by_attempt(change: Change, baseline: _Baseline, why: str) -> Change:
    """Without a replanned state, decide by the last attempt: unchanged since then means "not applied"."""
    attempt = baseline.attempts[0] if baseline.attempts else None
    if attempt is not None and _is_what_it_tried(change, attempt):
        return replace(change, attribution=Attribution.NOT_APPLIED, pending=(), history=(f"not applied: {attempt}",))
    also = (str(attempt),) if attempt is not None else ()
    return replace(change, attribution=Attribution.UNKNOWN, pending=(), history=(f"cannot be attributed: {why}", *also))


def _is_what_it_tried(change: Change, attempt: _FailedAttempt) -> bool:
    applied = attempt.applied
    if applied is None or applied.action != change.action or not applied.rows:
        return False
    if change.action in (Action.CREATE, *REMOVALS):
        return True
    tried = {row.path for row in applied.rows}
    return attempt.run.key is None and all(
        row.path in tried and row.before == applied.before.get(row.path) for row in change.attribute_changes()
    )


def _find_edited(change: Change, replanned: ReplannedState) -> set[AttributePath]:
    """Return the attributes of the change in which the account is not as the earlier desired state has it."""
    theirs = replanned.find(change)
    if theirs is None:
        return set()
    mine = {row.path for row in change.attribute_changes()}
    if change.action in REMOVALS:
        return mine if theirs.action in REMOVALS else set()
    return mine & {row.path for row in theirs.attribute_changes()}


def _is_same_account(one: Change, other: Change) -> bool:
    if one.live_id is not None or other.live_id is not None:
        return one.live_id == other.live_id
    ids = one.after.get("externalId"), other.after.get("externalId")
    if None not in ids:
        return fold_case(str(ids[0])) == fold_case(str(ids[1]))
    return fold_case(one.address) == fold_case(other.address)


def _list_shared_keys(change: Change) -> list[tuple[str, str]]:
    """Return keys of which every other change of the same account has one, by `_is_same_account`."""
    if change.live_id is not None:
        return [("id", change.live_id)]
    external = change.after.get("externalId")
    named = [("externalId", fold_case(str(external)))] if external is not None else []
    return [*named, ("address", fold_case(change.address))]


def _may_be_ours(change: Change, path: AttributePath, attempts: Sequence[_FailedAttempt], redactor: Redactor) -> bool:
    """Return whether an apply that did not succeed may have written the present value."""
    for attempt in attempts:
        applied = attempt.applied
        if applied is None or not attempt.uncertain:
            continue
        if change.action in REMOVALS:
            if applied.action in _ADDITIONS:
                return True
        elif change.action is Action.CREATE:
            if applied.action == Action.DELETE:
                return True
        elif any(row.path == path for row in applied.rows) and _has_sent_value(change, path, attempt, redactor):
            return True
    return False


def _has_sent_value(change: Change, path: AttributePath, attempt: _FailedAttempt, redactor: Redactor) -> bool:
    """Return whether the account has the value that was sent; yes if it is not known."""
    sent = attempt.applied.after.get(path) if attempt.applied is not None else None
    now: Value | None = change.before.get(path)
    if attempt.run.key is None or now is None or sent is None:
        return sent == now
    return _has_other_key(attempt.run, redactor) or redactor.values(change.address, {path: now})[path] == sent


# --- explanations -----------------------------------------------------------------------


def _explain_not_applied(
    change: Change, paths: Collection[AttributePath], baseline: _Baseline, run: ApplyRun, *, same: bool
) -> str:
    attempt = next((each for each in baseline.attempts if each.concerns(change, paths)), None)
    if attempt is not None:
        return f"not applied: {attempt}"
    if same:
        return f"not applied: a date has passed since {describe_run(run)}"
    return f"not applied: edited in git after {describe_run(run)}"


_EDITS = {
    Action.CREATE: "deleted in the target",
    Action.REACTIVATE: "deactivated in the target",
    Action.ADOPT: "without our externalId, or another account,",
}


def _explain_edit(change: Change, run: ApplyRun, history: ApplyHistory) -> str:
    what = _EDITS.get(change.action, "edited in the target")
    if change.action in REMOVALS:
        known = history.find_changes(change)
        what = "active in the target again" if known else "appeared in the target, or became managed,"
    return f"{what} after {describe_run(run)}"


def _explain_values(change: Change, edited: Collection[AttributePath], history: ApplyHistory) -> Iterator[str]:
    """Yield which apply set the edited attributes to their former values."""
    if not _list_explained(change):
        return
    done = history.find_changes(change)
    for path in sorted(edited)[:_EXPLAINED_ROWS]:
        setter = next((each for each in done if any(row.path == path for row in each[1].rows)), None)
        if setter is not None:
            run, applied = setter
            yield f"{shorten_path(path)} was {_describe_value(applied.after.get(path), run)} by {describe_run(run)}"


def _describe_value(value: Value | None, run: ApplyRun) -> str:
    if run.key is not None:
        return "set"
    if value is None:
        return "emptied"
    return f"set to {quote(value) if isinstance(value, str) else str(value).lower()}"
