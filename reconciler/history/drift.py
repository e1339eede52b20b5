"""Drift: what somebody else did to the target, told from what no apply has carried out yet, by the record. Pure.

For each account it is the last apply that counts which left it as desired. What the desired state of *that* apply would
change as well was edited in the target since; everything else is not applied yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.model import AttributePath, Value
from reconciler.core.paths import shorten_path
from reconciler.core.plan import REMOVALS, Action, Attribution, Change, Drift, Plan, Result
from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.record.redaction import Redactor
from reconciler.record.runs import AppliedChange, ApplyRun, account_keys

MAX_BASELINES = 8
"""Applies whose desired states are planned again: the newest ones. Users who keep failing each can need one more."""
_TOLD_ROWS = 3
_COMES = frozenset({Action.CREATE.value, Action.REACTIVATE.value, Action.ADOPT.value})


@dataclass(frozen=True, slots=True)
class ReplannedState:
    """What the desired state of an apply would do to the live accounts now; `plan` None: that is not known, and `why`.

    `same`: it is the desired state of today.
    """

    plan: Plan | None
    why: str = ""
    same: bool = False


@dataclass(frozen=True, slots=True)
class ApplyHistory:
    """The applies to the target from old to new, the sides of some of them by their numbers, and what digests mean."""

    runs: Sequence[ApplyRun]
    redactor: Redactor
    sides: Mapping[int, ReplannedState]
    done: Mapping[str, Sequence[tuple[ApplyRun, AppliedChange]]]
    """What was carried out, by each of its keys, newest first."""

    @classmethod
    def of(cls, runs: Sequence[ApplyRun], redactor: Redactor, sides: Mapping[int, ReplannedState]) -> ApplyHistory:
        """The record with its index."""
        done: dict[str, list[tuple[ApplyRun, AppliedChange]]] = {}
        for run in reversed(runs):
            for key, applied in run.changes.items():
                if applied.result == Result.DONE:
                    done.setdefault(key, []).append((run, applied))
        return cls(runs, redactor, sides, done)

    def changes_of(self, change: Change) -> Sequence[tuple[ApplyRun, AppliedChange]]:
        """What applies did to this account, newest first."""
        keys = sorted(_keys(change, self.redactor))
        return next((self.done[each] for each in keys if each in self.done), ())


def attribute_drift(plan: Plan, record: ApplyHistory) -> Plan:
    """`plan` with every change attributed, and what the record says of it. It stays the same plan, with the same id."""
    last = record.runs[-1] if record.runs else None
    drift = Drift() if last is None else Drift(last.began, last.plan_id, last.commit, _unmanaged(last))
    return replace(plan, changes=tuple(_told(change, record) for change in plan.changes), drift=drift)


def _unmanaged(run: ApplyRun) -> int | None:
    return run.planned.unmanaged if run.planned is not None else None


def select_baselines(runs: Sequence[ApplyRun], redactor: Redactor) -> list[int]:
    """The numbers of the applies whose sides can count for somebody, newest first, `MAX_BASELINES` at most."""
    anybody = _seen(runs, frozenset(), redactor).settled
    found = {anybody}
    for run in runs[anybody or 0 :]:
        people = {change.keys for change in run.changes.values()} | {frozenset({each}) for each in run.unplannable}
        people |= {change.keys for change in run.planned.changes.values()} if run.planned is not None else set()
        found |= {_seen(runs, keys, redactor).settled for keys in people}
    return sorted((number for number in found if number is not None), reverse=True)[:MAX_BASELINES]


# --- what the record says of somebody ------------------------------------------------


@dataclass(frozen=True, slots=True)
class _FailedAttempt:
    """An apply that did not leave somebody as desired. `applied` None: the change could not even be planned."""

    run: ApplyRun
    applied: AppliedChange | None

    @property
    def uncertain(self) -> bool:
        """Whether something may have taken effect all the same."""
        return self.applied is not None and self.applied.result not in (Result.SKIPPED, Result.DONE)

    def concerns(self, change: Change, paths: Collection[AttributePath]) -> bool:
        """Whether it was to do something of this."""
        if self.applied is None or not self.applied.rows:
            return True
        if change.action in REMOVALS:
            return self.applied.action in REMOVALS
        return any(row.path in paths for row in self.applied.rows)

    def __str__(self) -> str:
        if self.applied is None:
            return f"could not be planned in {describe_run(self.run)}"
        message = f": {self.applied.message}" if self.applied.message else ""
        return f"{_BECAME.get(self.applied.result, 'not reached by')} {describe_run(self.run)}{message}"


_BECAME = {
    Result.FAILED.value: "failed in",
    Result.SKIPPED.value: "left out of",
    Result.NOT_IN_EFFECT.value: "not in effect after",
    Result.UNKNOWN.value: "of unknown outcome in",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """The number of the last apply that left somebody as desired, None: there is none; and the others after it."""

    settled: int | None
    attempts: tuple[_FailedAttempt, ...]
    """Newest first."""
    blind: bool = False
    """Names on record could be theirs, and cannot be read."""


def describe_run(run: ApplyRun) -> str:
    """`the apply of 2026-11-20 06:00 UTC, plan 1a2b3c4d5e6f`."""
    return f"the apply of {run.began:%Y-%m-%d %H:%M} UTC, plan {run.plan_id.removeprefix('sha256:')[:12]}"


def _seen(runs: Sequence[ApplyRun], keys: frozenset[str], redactor: Redactor) -> _Seen:
    attempts: list[_FailedAttempt] = []
    for number in reversed(range(len(runs))):
        run = runs[number]
        found = run.find(keys) or (_planned(run, keys) if not run.complete else None)
        if found is None and _unreadable(run, redactor) and _may_be_in(run, keys):
            return _Seen(None, tuple(attempts), blind=True)
        if run.converged(keys):
            return _Seen(number, tuple(attempts))
        if found is not None or run.unplannable & keys:
            attempts.append(_FailedAttempt(run, found))
    return _Seen(None, tuple(attempts))


def _planned(run: ApplyRun, keys: Collection[str]) -> AppliedChange | None:
    changes = run.planned.changes if run.planned is not None else {}
    return next((changes[each] for each in sorted(keys) if each in changes), None)


def _unreadable(run: ApplyRun, redactor: Redactor) -> bool:
    return run.key is not None and run.key != redactor.key_id


def _may_be_in(run: ApplyRun, keys: Collection[str]) -> bool:
    """Whether somebody whom nothing on record names may be somebody behind its digests, and not as desired."""
    if run.unplannable:
        return True
    has_id = any(each.startswith("live:") for each in keys)
    return not has_id and not (run.complete and all(each.result == Result.DONE for each in run.changes.values()))


def _keys(change: Change, redactor: Redactor) -> frozenset[str]:
    external = change.after.get("externalId") or change.before.get("externalId")
    return account_keys(change.address, external, change.live_id) | {fold_case(redactor.address(change.address))}


# --- one change --------------------------------------------------------------------


def _told(change: Change, record: ApplyHistory) -> Change:
    seen = _seen(record.runs, _keys(change, record.redactor), record.redactor)
    if seen.blind:
        return _untold(change, seen, "names on record are digests of another RECONCILER_RECORD_KEY")
    if seen.settled is None:
        return _untold(change, seen, "no apply on record left this account as desired")
    run = record.runs[seen.settled]
    side = record.sides.get(seen.settled) or ReplannedState(None, f"too many applies began after {describe_run(run)}")
    if side.plan is None:
        return _untold(change, seen, side.why)
    edited = {path for path in _edited(change, side.plan) if not _our_own(change, path, seen.attempts, record.redactor)}
    paths = {row.path for row in change.attribute_changes()}
    if not edited:
        why = _not_applied(change, paths, seen, run, same=side.same)
        return replace(change, attribution=Attribution.NOT_APPLIED, pending=(), history=(why,))
    rest = () if change.action in (Action.CREATE, *REMOVALS) else tuple(sorted(paths - edited))
    history = [_what_was_done(change, seen.settled, record), *_set_by(change, edited, record)]
    if rest:
        history.append(f"the rest is {_not_applied(change, rest, seen, run, same=side.same)}")
    elif seen.attempts:
        history.append(str(seen.attempts[0]))
    return replace(change, attribution=Attribution.EDITED_IN_TARGET, pending=rest, history=tuple(history))


def _untold(change: Change, seen: _Seen, why: str) -> Change:
    """Without a side only an attempt can tell: whoever is as it found them is not applied."""
    attempt = seen.attempts[0] if seen.attempts else None
    if attempt is not None and _is_what_it_tried(change, attempt):
        return replace(change, attribution=Attribution.NOT_APPLIED, pending=(), history=(f"not applied: {attempt}",))
    also = (str(attempt),) if attempt is not None else ()
    return replace(change, attribution=Attribution.UNKNOWN, pending=(), history=(f"cannot be told: {why}", *also))


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


def _edited(change: Change, side: Plan) -> set[AttributePath]:
    """The rows in which the account is not as the side desires it."""
    theirs = next((each for each in side.changes if _same_account(change, each)), None)
    if theirs is None:
        return set()
    mine = {row.path for row in change.attribute_changes()}
    if change.action in REMOVALS:
        return mine if theirs.action in REMOVALS else set()
    return mine & {row.path for row in theirs.attribute_changes()}


def _same_account(one: Change, other: Change) -> bool:
    if one.live_id is not None or other.live_id is not None:
        return one.live_id == other.live_id
    ids = one.after.get("externalId"), other.after.get("externalId")
    if None not in ids:
        return fold_case(str(ids[0])) == fold_case(str(ids[1]))
    return fold_case(one.address) == fold_case(other.address)


def _our_own(change: Change, path: AttributePath, attempts: Sequence[_FailedAttempt], redactor: Redactor) -> bool:
    """Whether an apply that did not end well may have made the account what it is."""
    for attempt in attempts:
        applied = attempt.applied
        if applied is None or not attempt.uncertain:
            continue
        if change.action in REMOVALS:
            if applied.action in _COMES:
                return True
        elif change.action is Action.CREATE:
            if applied.action == Action.DELETE:
                return True
        elif any(row.path == path for row in applied.rows) and _is_now(change, path, attempt, redactor):
            return True
    return False


def _is_now(change: Change, path: AttributePath, attempt: _FailedAttempt, redactor: Redactor) -> bool:
    """Whether the account has the value that was sent; in doubt it has."""
    sent = attempt.applied.after.get(path) if attempt.applied is not None else None
    now: Value | None = change.before.get(path)
    if attempt.run.key is None or now is None or sent is None:
        return sent == now
    return _unreadable(attempt.run, redactor) or redactor.values(change.address, {path: now})[path] == sent


# --- in words -----------------------------------------------------------------------


def _not_applied(change: Change, paths: Collection[AttributePath], seen: _Seen, run: ApplyRun, *, same: bool) -> str:
    attempt = next((each for each in seen.attempts if each.concerns(change, paths)), None)
    if attempt is not None:
        return f"not applied: {attempt}"
    if same:
        return f"not applied: a date has passed since {describe_run(run)}"
    return f"not applied: edited in git after {describe_run(run)}"


_DONE = {
    Action.CREATE: "deleted in the target",
    Action.REACTIVATE: "deactivated in the target",
    Action.ADOPT: "without our externalId, or another account,",
}


def _what_was_done(change: Change, settled: int, record: ApplyHistory) -> str:
    what = _DONE.get(change.action, "edited in the target")
    if change.action in REMOVALS:
        known = record.changes_of(change)
        what = "active in the target again" if known else "appeared in the target, or became ours,"
    return f"{what} after {describe_run(record.runs[settled])}"


def _set_by(change: Change, edited: Collection[AttributePath], record: ApplyHistory) -> Iterator[str]:
    """Which apply set these rows to what they were."""
    if change.action in (Action.CREATE, *REMOVALS):
        return
    done = record.changes_of(change)
    for path in sorted(edited)[:_TOLD_ROWS]:
        setter = next((each for each in done if any(row.path == path for row in each[1].rows)), None)
        if setter is not None:
            run, applied = setter
            yield f"{shorten_path(path)} was {_value(applied.after.get(path), run)} by {describe_run(run)}"


def _value(value: Value | None, run: ApplyRun) -> str:
    if run.key is not None:
        return "set"
    if value is None:
        return "emptied"
    return f"set to {quote(value) if isinstance(value, str) else str(value).lower()}"
