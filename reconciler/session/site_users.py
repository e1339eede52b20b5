"""The users of the report site: why each is in scope, what the record says of its account, its history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from reconciler.apply.quarantine import FailingUser
from reconciler.core.model import DesiredUser, SourceUser, format_user_address
from reconciler.core.plan import Action, Result
from reconciler.core.scope.groups import fold_names, index_memberships
from reconciler.core.scope.trace import ClauseResult, TraceStep, trace_scope
from reconciler.core.scope.verdict import Roster, ScopeRules
from reconciler.core.text import quote, shorten
from reconciler.core.values import fold_case
from reconciler.history.edits import USER, EditKind, build_user_keys
from reconciler.history.outcomes import TimelineEntry
from reconciler.record.redaction import Redactor
from reconciler.record.runs import ApplyRun
from reconciler.render.site.model import AccountState, RecordedState, SiteUser, Why

ENTRIES_OF_A_USER = 50
_AFTER = {Action.DEACTIVATE: AccountState.DEACTIVATED, Action.DELETE: AccountState.DELETED}


class ScopeReasons:
    """Says why users are in scope or out of it, as `explain` does, for very many of them."""

    def __init__(self, rules: ScopeRules, today: date) -> None:
        roster = rules.roster
        self._paths = {
            "assigned": index_memberships(roster.assigned, roster.groups),
            "excluded": index_memberships(roster.excluded, roster.groups),
        }
        # The path to one user is searched for among all members.
        self._rules = replace(rules, roster=Roster())
        self._today = today

    def explain(self, user: SourceUser) -> Why:
        """Return the reason of one user."""
        trace = trace_scope(user, self._rules, self._today)
        steps = {step.name: step for step in trace.steps}
        verdict = trace.verdict
        deciding = "excluded" if steps["excluded"].answer is ClauseResult.FALSE else "assigned"
        step = steps[deciding]
        reached = step.answer is not ClauseResult.NOT_REACHED
        path = self._find_path(deciding, user) if reached else ()
        rule = _find_rule(steps["filters"])
        text = verdict.text or ("in scope" if not verdict.in_scope else step.text)
        place = str(rule.origin) if rule is not None and rule.origin is not None else ""
        return Why(verdict.in_scope, text, path, rule.name if rule is not None else "", place)

    def _find_path(self, which: str, user: SourceUser) -> tuple[str, ...]:
        paths = self._paths[which]
        found = [paths[name] for name in fold_names(user) if name in paths]
        return min(found, key=len) if found else ()


def _find_rule(filters: TraceStep) -> TraceStep | None:
    """Return the scoping filter that lets the user pass."""
    return next((step for step in filters.steps if step.answer is ClauseResult.TRUE), None)


# --- accounts ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordedStates:
    """What applies show of accounts. `changed`: by key, after its last change. `base`: users of the last complete one.

    `complete`: the last apply that reached its end, for all users; None: there is none.
    """

    changed: Mapping[str, RecordedState]
    base: frozenset[str] = frozenset()
    complete: ApplyRun | None = None
    redactor: Redactor = field(default_factory=Redactor)

    def find(self, name: str, object_id: str, anchor: object = None) -> RecordedState:
        """Return what the record says of one user. `anchor`: its externalId, if it is known and no objectId."""
        keys = collect_keys(name, object_id, self.redactor)
        if anchor is not None:
            keys = keys | {f"id:{fold_case(str(anchor))}"}
        found = [self.changed[key] for key in sorted(keys) if key in self.changed]
        if found:
            return max(found, key=lambda each: (each.since is not None, each.since))
        if self.complete is None:
            return RecordedState(AccountState.UNKNOWN)
        if name in self.base and self.complete.converged(keys):
            return RecordedState(AccountState.ACTIVE, self.complete.began, unchanged=True)
        return RecordedState(AccountState.NONE)


def collect_keys(name: str, object_id: str, redactor: Redactor) -> frozenset[str]:
    """Return the keys of a user on record, and their digests."""
    keys = build_user_keys([name], [fold_case(object_id)])
    return keys if redactor.key is None else frozenset([*keys, *map(redactor.address, keys)])


def read_last_changes(runs: Iterable[ApplyRun]) -> dict[str, RecordedState]:
    """Return the state of each account after the last change that was made of it, by key. `runs`: oldest first."""
    found: dict[str, RecordedState] = {}
    for run in runs:
        for key, applied in run.changes.items():
            if applied.result == Result.DONE and not key.startswith("live:"):
                state = _AFTER.get(applied.action, AccountState.ACTIVE)  # type: ignore[call-overload]
                found[key] = RecordedState(state, applied.time or run.began)
    return found


# --- history ------------------------------------------------------------------------


class HistoryByUser:
    """Sorts entries of the timeline, newest first, by the users of today and those that were removed.

    Renames are followed.
    """

    def __init__(self, users: Sequence[tuple[str, str]], redactor: Redactor) -> None:
        """`users`: userPrincipalName and objectId of each."""
        self._ids = [fold_case(object_id) for _, object_id in users]
        self._owners: dict[str, int] = {}
        for number, (name, object_id) in enumerate(users):
            for key in collect_keys(name, object_id, redactor):
                self._owners.setdefault(key, number)
        self._found: list[list[TimelineEntry]] = [[] for _ in users]
        self._counts = [0] * len(users)
        self._removals: dict[int, TimelineEntry] = {}

    def add(self, entry: TimelineEntry) -> None:
        """Add an entry that is older than all before it."""
        keys, identity = _read_keys(entry)
        # An objectId says more than a name, which users can exchange.
        owner = self._owners.get(f"id:{identity}") if identity else None
        if owner is None:
            owner = next((self._owners[key] for key in sorted(keys) if key in self._owners), None)
            if owner is None or (identity and self._ids[owner] not in ("", identity)):
                if not _is_removal(entry):
                    return
                owner = self._start(entry, identity)
        for key in keys:
            self._owners.setdefault(key, owner)
        self._counts[owner] += 1
        if len(self._found[owner]) < ENTRIES_OF_A_USER:
            self._found[owner].append(entry)

    def _start(self, removal: TimelineEntry, identity: str) -> int:
        """Begin the history of a user that is not in the desired state of today: its last entry is the removal."""
        number = len(self._ids)
        self._ids.append(identity)
        self._found.append([])
        self._counts.append(0)
        self._removals[number] = removal
        return number

    @property
    def removals(self) -> Iterable[tuple[int, TimelineEntry]]:
        """The number and the removal of each user that was removed, the last one first."""
        return self._removals.items()

    def find(self, number: int) -> tuple[tuple[TimelineEntry, ...], int]:
        """Return the entries of a user, and how many older ones are left out."""
        found = self._found[number]
        return tuple(found), self._counts[number] - len(found)


def _is_removal(entry: TimelineEntry) -> bool:
    edit = entry.edit
    return edit is not None and edit.kind is EditKind.REMOVED and edit.entity.kind == USER


def _read_keys(entry: TimelineEntry) -> tuple[frozenset[str], str]:
    """Return the keys of the user of an entry, and its folded objectId; nothing if it is about no user."""
    if entry.edit is not None:
        entity = entry.edit.entity
        return (entry.edit.keys, entity.object_id) if entity.kind == USER else (frozenset(), "")
    applied = entry.outcome.applied
    return (applied.keys if applied is not None else frozenset()), ""


def build_users(
    sources: Iterable[SourceUser],
    desired: Mapping[str, DesiredUser],
    reasons: ScopeReasons,
    states: RecordedStates,
    failing: Mapping[str, FailingUser],
) -> list[SiteUser]:
    """Return the users without their history. `failing`: by folded address."""
    found = []
    for source in sources:
        user = desired.get(source.key)
        if user is None:
            continue
        object_id = str(source.attributes.get("objectId") or "")
        address = format_user_address(source.key)
        fails = failing.get(fold_case(address)) or failing.get(fold_case(states.redactor.address(address)))
        account = states.find(user.key, object_id, user.anchor)
        found.append(SiteUser(source.key, object_id, str(source.origin), reasons.explain(source), account, fails))
    return found


def build_removed_users(by_user: HistoryByUser, states: RecordedStates) -> Iterator[tuple[int, SiteUser]]:
    """Yield the users that are no longer in the desired state, with their number in the history."""
    for number, entry in by_user.removals:
        if entry.edit is None:
            continue
        user = entry.edit.entity
        by = f" in {entry.commit.id[:12]} by {quote(shorten(entry.commit.author))}" if entry.commit is not None else ""
        why = Why(False, f"removed from git on {entry.when:%Y-%m-%d}{by}")
        yield number, SiteUser(user.name, user.object_id, "", why, states.find(user.name, user.object_id), removed=True)
