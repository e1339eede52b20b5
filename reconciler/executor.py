"""Plan -> requests, in order. Decides nothing: it sends what the plan says, and verifies that it took effect.

Each change is on its own: one refused user never stops the rest. A service that refuses us as a whole does.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Protocol

from reconciler.core import patch, verify
from reconciler.core.live import LiveReader
from reconciler.core.model import (
    Action,
    AttributeChange,
    AttributeMapping,
    AttributePath,
    Change,
    LiveUser,
    Outcome,
    Plan,
    Result,
    TargetProfile,
)
from reconciler.core.paths import short
from reconciler.core.text import printable, quoted
from reconciler.errors import ScimError, TargetError, UnknownOutcomeError

WORKERS = 8
_REREADS = (0.0, 0.5, 1.5)
"""Seconds before each look at a user whose values are not there yet: some services are eventually consistent."""


class UserService(Protocol):
    """What the executor needs of a SCIM client."""

    def get_user(self, identity: str) -> dict[str, Any] | None: ...
    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]: ...
    def create_user(self, body: Mapping[str, Any]) -> dict[str, Any] | None: ...
    def patch_user(self, identity: str, body: Mapping[str, Any]) -> dict[str, Any] | None: ...
    def delete_user(self, identity: str) -> None: ...


class Record(Protocol):
    """Where events are written before anything else happens."""

    def started(self, address: str, action: Action, live_id: str | None, attributes: list[str]) -> None: ...
    def finished(self, outcome: Outcome) -> None: ...


@dataclass(frozen=True, slots=True)
class Execution:
    """What an apply needs besides the plan. `reader` reads all mapped attributes (`verify.reads_everything`)."""

    service: UserService
    record: Record
    reader: LiveReader
    mappings: Sequence[AttributeMapping]
    profile: TargetProfile
    on_outcome: Callable[[Outcome], None]
    stop: threading.Event = field(default_factory=threading.Event)
    """Set by somebody who wants the run to end: what is in flight is finished, nothing else is started."""
    sleep: Callable[[float], None] = time.sleep
    workers: int = WORKERS


@dataclass(slots=True)
class Report:
    """What happened. `stopped`: why the run ended early; `interrupted`: somebody pressed Ctrl-C."""

    outcomes: list[Outcome] = field(default_factory=list)
    stopped: TargetError | None = None
    interrupted: bool = False

    def count(self, result: Result, *actions: Action) -> int:
        """Outcomes with this result, of these actions (none given: of all)."""
        return sum(item.result is result and (not actions or item.change.action in actions) for item in self.outcomes)


def execute(plan: Plan, execution: Execution, done: Collection[str] = ()) -> Report:
    """Applies the changes of `plan` that are not in `done` (addresses), wave by wave."""
    return _Run(execution, done).run(plan.changes)


class _Run:
    def __init__(self, execution: Execution, done: Collection[str]) -> None:
        self._do = execution
        self._in_effect = set(done)
        self._stepped_aside: set[str] = set()
        self._report = Report()

    def run(self, changes: Sequence[Change]) -> Report:
        waiting = [change for change in changes if change.address not in self._in_effect]
        asides = [change for change in waiting if change.temporary_user_name is not None]
        with ThreadPoolExecutor(self._do.workers, thread_name_prefix="apply") as pool:
            try:
                self._together(pool, self._step_aside, asides)
                settled = {item.change.address for item in self._report.outcomes}
                rest = [change for change in waiting if change.address not in settled]
                for _, wave in groupby(rest, key=lambda change: change.wave):
                    self._together(pool, self._one, wave)
            except BaseException:
                # Leaving the pool waits for all that is queued: it must not be carried out any more.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self._report.interrupted = self._do.stop.is_set()
        return self._report

    def _together(
        self, pool: ThreadPoolExecutor, work: Callable[[Change], Outcome | None], changes: Iterable[Change]
    ) -> None:
        """Runs `work` for all of a wave, and settles each as it ends."""
        running: set[Future[Outcome | None]] = {pool.submit(work, change) for change in changes}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                outcome = future.result()
                if outcome is not None:
                    self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        if outcome.result is Result.DONE:
            self._in_effect.add(outcome.change.address)
        self._report.outcomes.append(outcome)
        self._do.on_outcome(outcome)

    # --- one change, in a worker thread --------------------------------------

    def _one(self, change: Change) -> Outcome:
        missing = [address for address in change.requires if not self._is_free(address)]
        if missing and not self._ends():
            return self._skipped(change, f"it waits for {printable(missing[0])}")
        return self._guarded(change, self._carry_out)

    def _step_aside(self, change: Change) -> Outcome | None:
        """First step of a circle of renames: to the temporary name. Nothing to report when it worked."""
        outcome = self._guarded(change, self._rename_temporarily)
        if outcome.result is Result.DONE:
            self._stepped_aside.add(change.address)
            return None
        return outcome

    def _guarded(self, change: Change, work: Callable[[Change], Outcome]) -> Outcome:
        if self._ends():
            return self._skipped(change, "the run was stopped" if self._report.stopped else "interrupted")
        try:
            return work(change)
        except ScimError as refusal:
            return self._failed(change, refusal)
        except TargetError as refusal:
            self._report.stopped = self._report.stopped or refusal
            outcome = Outcome(change, Result.FAILED, refusal.summary)
            self._do.record.finished(outcome)
            return outcome

    def _skipped(self, change: Change, why: str) -> Outcome:
        if change.address in self._stepped_aside:
            name = quoted(change.temporary_user_name or "")
            return Outcome(change, Result.SKIPPED, f"only half done: it has the temporary name {name}; {why}")
        return Outcome(change, Result.SKIPPED, f"not started: {why}")

    def _ends(self) -> bool:
        return self._do.stop.is_set() or self._report.stopped is not None

    def _is_free(self, address: str) -> bool:
        return address in self._in_effect or address in self._stepped_aside

    def _failed(self, change: Change, refusal: ScimError) -> Outcome:
        message = refusal.summary
        if refusal.status == 409 or refusal.scim_type == "uniqueness":  # noqa: PLR2004 - RFC 7644 §3.12
            message = f"{message}. {self._who_has_the_name(change)}"
        outcome = Outcome(change, Result.FAILED, message)
        self._do.record.finished(outcome)
        return outcome

    def _who_has_the_name(self, change: Change) -> str:
        name = str(change.after.get("userName"))
        try:
            holders = self._find("userName", name)
        except TargetError:
            holders = []
        for found in holders:
            owner = f"externalId {quoted(found.external_id)}" if found.external_id else "no externalId"
            return f"The user name {quoted(name)} belongs to account {quoted(found.id)} ({owner})."
        return self._do.profile.conflict_hint

    def _carry_out(self, change: Change) -> Outcome:
        match change.action:
            case Action.CREATE:
                return self._create(change)
            case Action.DELETE:
                return self._delete(change)
            case Action.UPDATE | Action.ADOPT | Action.REACTIVATE | Action.DEACTIVATE:
                return self._patch(change, change.attribute_changes())

    def _create(self, change: Change) -> Outcome:
        self._started(change, change.after)
        try:
            answer = self._do.service.create_user(patch.resource(change.after))
        except UnknownOutcomeError as unknown:
            return self._resolve_create(change, unknown)
        found = self._do.reader.read(answer) if answer is not None else self._look_up(change)
        return self._verified(change, found)

    def _resolve_create(self, change: Change, unknown: UnknownOutcomeError) -> Outcome:
        """The answer was lost: look whether the user is there, never send it again blindly."""
        try:
            found = self._look_up(change)
        except TargetError as fault:
            return self._unverified(change, fault)
        if found is not None:
            return self._verified(change, found)
        outcome = Outcome(change, Result.UNKNOWN, f"{unknown.summary}; the user was not found afterwards")
        self._do.record.finished(outcome)
        return outcome

    def _look_up(self, change: Change) -> LiveUser | None:
        for attribute in ("externalId", "userName"):
            value = change.after.get(attribute)
            found = self._find(attribute, str(value)) if value is not None else []
            if len(found) == 1:
                return found[0]
        return None

    def _find(self, attribute: AttributePath, value: str) -> list[LiveUser]:
        """Users whose `attribute` really is `value`: a service may ignore the filter, or refuse it."""
        try:
            resources = self._do.service.find_users(attribute, value)
        except ScimError:
            return []
        users = [self._do.reader.read(resource) for resource in resources if resource.get("id")]
        if attribute == "externalId":
            return [user for user in users if user.external_id == value]
        return [user for user in users if user.user_name.casefold() == value.casefold()]

    def _patch(self, change: Change, rows: Sequence[AttributeChange]) -> Outcome:
        live = self._read(change)
        aside = self._as_stepped_aside(change)
        changed = verify.moved(aside, live, self._do.mappings)
        if changed:
            return self._moved(change, changed)
        if not verify.unmet(change, live, self._do.mappings):
            return self._done(change, live, "already in effect")
        self._started(change, [row.path for row in rows])
        body = patch.patch_body(rows, capitalised=bool(self._do.profile.patch_op_capitalised.value))
        try:
            answer = self._do.service.patch_user(change.live_id or "", body)
        except UnknownOutcomeError:
            answer = None  # a PATCH of values is either in effect or not: reading tells
        return self._verified(change, self._do.reader.read(answer) if answer is not None else None)

    def _as_stepped_aside(self, change: Change) -> Change:
        """What the live user looks like after the first step of a circle of renames."""
        if change.address not in self._stepped_aside:
            return change
        return replace(change, before={**change.before, "userName": change.temporary_user_name or ""})

    def _rename_temporarily(self, change: Change) -> Outcome:
        name = change.temporary_user_name or ""
        step = replace(change, after={**change.before, "userName": name}, action=Action.UPDATE)
        row = AttributeChange("userName", change.before.get("userName"), name)
        return replace(self._patch(step, [row]), change=change)

    def _delete(self, change: Change) -> Outcome:
        live = self._read(change)
        changed = verify.moved(replace(change, after=change.before), live, self._do.mappings)
        if live is not None and changed:
            return self._moved(change, changed)
        self._started(change, ())
        with contextlib.suppress(UnknownOutcomeError):  # the user is gone or not: reading tells
            self._do.service.delete_user(change.live_id or "")
        return self._verified(change, None)

    def _read(self, change: Change) -> LiveUser | None:
        found = self._do.service.get_user(change.live_id or "")
        return self._do.reader.read(found) if found is not None else None

    # --- outcomes -------------------------------------------------------------

    def _started(self, change: Change, attributes: Iterable[AttributePath]) -> None:
        self._do.record.started(change.address, change.action, change.live_id, sorted(attributes))

    def _verified(self, change: Change, found: LiveUser | None) -> Outcome:
        """By what the answer says; if it says nothing, or not what was asked for, by reading again."""
        unmet = verify.unmet(change, found, self._do.mappings) if found is not None else ("id",)
        identity = found.id if found is not None else change.live_id
        for pause in _REREADS:
            if not unmet or identity is None:
                break
            self._do.sleep(pause)
            try:
                resource = self._do.service.get_user(identity)
            except (ScimError, TargetError) as fault:
                return self._unverified(change, fault)
            found = self._do.reader.read(resource) if resource is not None else None
            unmet = verify.unmet(change, found, self._do.mappings)
        if not unmet:
            return self._done(change, found, "")
        names = ", ".join(short(path) for path in unmet)
        message = f"the service accepted it, but it is not in effect: {names}"
        outcome = Outcome(change, Result.NOT_IN_EFFECT, message, identity, unmet)
        self._do.record.finished(outcome)
        return outcome

    def _unverified(self, change: Change, fault: ScimError | TargetError) -> Outcome:
        """The write was sent, but the user can't be read: nobody knows."""
        outcome = Outcome(change, Result.UNKNOWN, f"sent, but it could not be verified: {fault.summary}")
        self._do.record.finished(outcome)
        return outcome

    def _done(self, change: Change, found: LiveUser | None, message: str) -> Outcome:
        outcome = Outcome(change, Result.DONE, message, found.id if found is not None else change.live_id)
        self._do.record.finished(outcome)
        return outcome

    def _moved(self, change: Change, paths: Sequence[AttributePath]) -> Outcome:
        names = ", ".join(short(path) for path in paths)
        what = "the account is gone" if paths == ("id",) else f"somebody changed {names}"
        outcome = Outcome(
            change, Result.SKIPPED, f"not as planned any more: {what}; plan again", attributes=tuple(paths)
        )
        self._do.record.finished(outcome)
        return outcome
