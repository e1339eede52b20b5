"""Execute one planned change: send the request, and prove that it took effect.

Nothing here knows of other changes. The client raises what the service refuses; everything else ends as an `Outcome`.
A write whose answer was lost (`UnknownOutcomeError`) is resolved by reading the user; sending again after a refusal is
the transport's (`scim.retry_transport`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from reconciler.apply import verification
from reconciler.core import patch
from reconciler.core.model import AttributeMapping, AttributePath, LiveUser
from reconciler.core.paths import shorten_path
from reconciler.core.plan import REMOVALS, Action, AttributeChange, Change, Outcome, Result
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.profile import TargetProfile
from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.errors import ScimError, StopRequestedError, TargetError, UnknownOutcomeError
from reconciler.record.runs import Quarantine

T = TypeVar("T")

WORKERS = 32
_REREADS = (0.0, 0.5, 1.5)
"""Seconds before each look at a user whose values are not there yet: some services are eventually consistent."""
_MAX_SENDS = 3
"""How often a write whose answer is lost is sent, each time after reading shows that nothing happened."""
FORBIDDEN = 403
_BAD_REQUEST, _CONFLICT, _UNAVAILABLE = 400, 409, 503
_SERVICE_FAILED = (500, 501, 503)
"""The service itself reports that it failed. A gateway's 502 or 504 says nothing about what the service did."""


class UserService(Protocol):
    """What the executor needs of a SCIM client."""

    def get_user(self, identity: str) -> dict[str, Any] | None: ...
    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]: ...
    def create_user(self, body: Mapping[str, Any]) -> dict[str, Any] | None: ...
    def patch_user(self, identity: str, body: Mapping[str, Any]) -> dict[str, Any] | None: ...
    def delete_user(self, identity: str) -> None: ...


class ReceiptWriter(Protocol):
    """Where events are written before anything else happens."""

    def started(self, address: str, action: Action, live_id: str | None, attributes: list[str]) -> None: ...
    def finished(self, outcome: Outcome) -> None: ...
    def quarantined(self, why: Quarantine) -> None: ...


@dataclass(frozen=True, slots=True)
class Execution:
    """What an apply needs in addition to the plan.

    `reader` reads all mapped attributes (`verification.reads_everything`).
    """

    service: UserService
    record: ReceiptWriter
    reader: LiveReader
    mappings: Sequence[AttributeMapping]
    profile: TargetProfile
    on_outcome: Callable[[Outcome], None]
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the run is to end: requests in flight are finished, no others are started."""
    sleep: Callable[[float], None] = time.sleep
    workers: int = WORKERS
    admission: Callable[[], AbstractContextManager[object]] = nullcontext
    """Entered around each change; waits until the service can take one more (`RateLimiter.admission`)."""


class ChangeExecutor:
    """Executes single changes. Its methods may run in several threads."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._unfinished: set[str] = set()  # addresses on record as started and not as finished
        self._filters_work = True  # no look-up so far showed that the service ignores filters

    def apply(self, change: Change, *, temporarily_renamed: bool) -> Outcome:
        """Apply the change. `temporarily_renamed`: the user has its temporary name now.

        Raises `ScimError` if the service refuses it, `TargetError` if it refuses every request, and
        `StopRequestedError` if the run is to end before anything is sent.
        """
        match change.action:
            case Action.CREATE:
                return self._create(change)
            case Action.DELETE:
                return self._delete(change)
            case Action.UPDATE | Action.ADOPT | Action.REACTIVATE | Action.DEACTIVATE:
                return self._patch(change, change.attribute_changes(), temporarily_renamed=temporarily_renamed)

    def rename_temporarily(self, change: Change) -> Outcome:
        """Give the user its temporary name, the first step of a cycle of renames. Raises as `apply`."""
        name = change.temporary_user_name or ""
        step = replace(change, after={**change.before, "userName": name}, action=Action.UPDATE)
        row = AttributeChange("userName", change.before.get("userName"), name)
        return replace(self._patch(step, [row], temporarily_renamed=False), change=change)

    def record_failure(self, change: Change, error: ScimError | TargetError) -> Outcome:
        """Record that the service refused the change, with what may be the cause."""
        message = error.summary
        if _is_conflict(error):
            message = f"{message}. {self._explain_conflict(change)}"
        elif self._is_about_the_domain(error):
            message = f"{message}. {self._execution.profile.domain_hint}"
        elif isinstance(error, ScimError) and error.status == FORBIDDEN:
            message = f"{message}. Either this account may not be changed over SCIM, or the token may not do this."
        status, scim_type = (error.status, error.scim_type) if isinstance(error, ScimError) else (None, "")
        return self._record(Outcome(change, Result.FAILED, message, status=status, scim_type=scim_type))

    def record_interruption(self, change: Change, stop: StopRequestedError) -> Outcome:
        """Record that the run ended before the write was sent."""
        outcome = Outcome(change, Result.SKIPPED, f"not started: {stop.summary}")
        return self._record(outcome) if change.address in self._unfinished else outcome

    def _is_about_the_domain(self, error: ScimError | TargetError) -> bool:
        """Whether the service refuses a user name for its domain."""
        refused = isinstance(error, ScimError) and error.status == _BAD_REQUEST
        return refused and bool(self._execution.profile.verified_domains.value) and "domain" in error.summary.casefold()

    def _explain_conflict(self, change: Change) -> str:
        """Name the account that has the user name, or what to look for if none is found."""
        try:
            holders = self._find_users("userName", str(change.after.get("userName")))[0]
        except (TargetError, StopRequestedError):
            holders = []
        for holder in holders:
            return f"The {_describe_holder(change, holder)}."
        return self._execution.profile.conflict_hint

    # --- create ---------------------------------------------------------------

    def _create(self, change: Change) -> Outcome:
        holder = self._find_name_holder(change)
        if holder is not None:
            return self._record_existing(change, holder)
        self._record_started(change, change.after)
        lost: UnknownOutcomeError | None = None
        for sends_left in reversed(range(_MAX_SENDS)):
            try:
                answer = self._execution.service.create_user(patch.build_resource(change.after))
            except UnknownOutcomeError as exc:
                lost = exc
            except ScimError as exc:
                return self._resolve_refused_create(change, exc, lost)
            else:
                # The answer may echo the request: whether the account exists shows only when it is read.
                return self._verify(change, None, str(answer["id"]) if answer is not None else None)
            may_resend = sends_left > 0 and lost.status == _UNAVAILABLE
            outcome = self._resolve_lost_create(change, lost, may_resend=may_resend)
            if outcome is not None:
                return outcome
        raise AssertionError("the last attempt is resolved")  # pragma: no cover

    def _find_name_holder(self, change: Change) -> LiveUser | None:
        """Find who has the new user's name already: some services accept the same name twice."""
        if not self._filters_work:
            return None
        found, self._filters_work = self._find_users("userName", str(change.after.get("userName")))
        return found[0] if found else None

    def _record_existing(self, change: Change, holder: LiveUser) -> Outcome:
        """Record that the user name was given since the plan was made, by another apply or an administrator."""
        if not verification.unapplied_attributes(change, holder, self._execution.mappings):
            return self._record_done(change, holder, "already in effect")
        message = f"no longer as planned: {_describe_holder(change, holder)}; plan again"
        return self._record(Outcome(change, Result.SKIPPED, message, attributes=("userName",)))

    def _resolve_refused_create(self, change: Change, refusal: ScimError, lost: UnknownOutcomeError | None) -> Outcome:
        """Resolve a refusal that may be due to an earlier send, or to another apply a moment ago. Else raise it."""
        if lost is None and not _is_conflict(refusal):
            raise refusal
        try:
            found, _ = self._look_up(change)
        except (TargetError, StopRequestedError) as exc:
            if lost is not None:
                return self._record_unknown(change, exc)
            raise refusal from exc
        if found is None or verification.unapplied_attributes(change, found, self._execution.mappings):
            raise refusal
        return self._verify(change, found)

    def _resolve_lost_create(self, change: Change, lost: UnknownOutcomeError, *, may_resend: bool) -> Outcome | None:
        """Look whether the user exists; None if it certainly does not and the create may be sent again.

        Only a service that reported to be unavailable is asked again: one that answered nothing may still be at work.
        """
        for pause in _REREADS if may_resend else _REREADS[:1]:
            self._execution.sleep(pause)
            try:
                found, conclusive = self._look_up(change)
            except (ScimError, TargetError, StopRequestedError) as exc:
                return self._record_unknown(change, exc)
            if found is not None:
                return self._verify(change, found)
        if conclusive and may_resend:
            return None
        result = Result.FAILED if lost.status in _SERVICE_FAILED else Result.UNKNOWN
        return self._record(Outcome(change, result, f"{lost.summary}; the user was not found afterwards"))

    def _look_up(self, change: Change) -> tuple[LiveUser | None, bool]:
        """Find the user by externalId, then by userName; without one, return whether it certainly does not exist."""
        conclusive = True
        for attribute in ("externalId", "userName"):
            value = change.after.get(attribute)
            if value is None:
                continue
            found, complete = self._find_users(attribute, str(value))
            if len(found) == 1:
                return found[0], True
            conclusive = conclusive and complete and not found
        return None, conclusive

    def _find_users(self, attribute: AttributePath, value: str) -> tuple[list[LiveUser], bool]:
        """Find users whose `attribute` really is `value`; also whether these are all: services may ignore a filter."""
        try:
            resources = self._execution.service.find_users(attribute, value)
        except ScimError:
            return [], False
        users = [self._execution.reader.read(resource) for resource in resources if resource.get("id")]
        wanted = fold_case(value)
        found = [
            user
            for user in users
            if fold_case((user.external_id or "") if attribute == "externalId" else user.user_name) == wanted
        ]
        return found, len(found) == len(resources)

    # --- patch and delete -----------------------------------------------------

    def _patch(self, change: Change, rows: Sequence[AttributeChange], *, temporarily_renamed: bool) -> Outcome:
        resource = self._execution.service.get_user(change.live_id or "")
        live = self._execution.reader.read(resource) if resource is not None else None
        expected = change
        if temporarily_renamed:
            expected = replace(change, before={**change.before, "userName": change.temporary_user_name or ""})
        drifted = verification.drifted_attributes(expected, live, self._execution.mappings)
        if drifted:
            return self._record_drift(change, drifted)
        if not verification.unapplied_attributes(change, live, self._execution.mappings):
            return self._record_done(change, live, "already in effect")
        self._record_started(change, [row.path for row in rows])
        capitalised = bool(self._execution.profile.patch_op_capitalised.value)
        body = patch.build_patch_body(rows, resource or {}, capitalised=capitalised)
        answer, lost = self._send(expected, partial(self._execution.service.patch_user, change.live_id or "", body))
        if answer is None or change.action in REMOVALS:
            return self._verify(change, None, lost=lost)
        return self._verify(change, self._execution.reader.read(answer))

    def _delete(self, change: Change) -> Outcome:
        live = self._read(change.live_id or "")
        expected = replace(change, after=change.before)
        drifted = verification.drifted_attributes(expected, live, self._execution.mappings)
        if live is not None and drifted:
            return self._record_drift(change, drifted)
        self._record_started(change, ())
        _, lost = self._send(expected, partial(self._execution.service.delete_user, change.live_id or ""))
        return self._verify(change, None, lost=lost)

    def _send(self, expected: Change, send: Callable[[], T]) -> tuple[T | None, UnknownOutcomeError | None]:
        """Send a write; return its answer, or why there is none: then only reading shows whether it is in effect.

        A write whose answer was lost is sent again only while reading shows the user exactly as before.
        """
        lost: UnknownOutcomeError | None = None
        for _ in range(_MAX_SENDS):
            try:
                return send(), None
            except UnknownOutcomeError as exc:
                lost = exc
            except (TargetError, StopRequestedError):
                if lost is None:
                    raise
                break
            if not self._is_unchanged(expected):
                break
        return None, lost

    def _is_unchanged(self, expected: Change) -> bool:
        """Whether reading shows the user exactly as before. If it can't be read, verification reads it once more."""
        try:
            live = self._read(expected.live_id or "")
        except (ScimError, TargetError, StopRequestedError):
            return False
        nothing = replace(expected, after=expected.before, action=Action.UPDATE)
        return not verification.drifted_attributes(nothing, live, self._execution.mappings)

    def _read(self, identity: str) -> LiveUser | None:
        found = self._execution.service.get_user(identity)
        return self._execution.reader.read(found) if found is not None else None

    # --- outcomes -------------------------------------------------------------

    def _record_started(self, change: Change, attributes: Iterable[AttributePath]) -> None:
        """Record the write before it is sent. Raises `StopRequestedError` if the run is to end."""
        if self._execution.stop.is_set():
            raise StopRequestedError("interrupted")
        self._unfinished.add(change.address)
        self._execution.record.started(change.address, change.action, change.live_id, sorted(attributes))

    def _record(self, outcome: Outcome) -> Outcome:
        self._execution.record.finished(outcome)
        self._unfinished.discard(outcome.change.address)
        return outcome

    def _verify(
        self,
        change: Change,
        live: LiveUser | None,
        identity: str | None = None,
        *,
        lost: UnknownOutcomeError | None = None,
    ) -> Outcome:
        """Verify the change from the response (`live`), or by reading the user if that does not prove it."""
        mappings = self._execution.mappings
        unapplied = verification.unapplied_attributes(change, live, mappings) if live is not None else ("id",)
        identity = identity or (live.id if live is not None else change.live_id)
        for pause in _REREADS:
            if not unapplied:
                break
            self._execution.sleep(pause)
            try:
                live = self._look_up(change)[0] if identity is None else self._read(identity)
            except (ScimError, TargetError, StopRequestedError) as exc:
                return self._record_unknown(change, exc)
            unapplied = verification.unapplied_attributes(change, live, mappings)
        if not unapplied:
            return self._record_done(change, live, "")
        names = ", ".join(shorten_path(path) for path in unapplied)
        reason = "the service accepted it" if lost is None else lost.summary
        identity = live.id if live is not None else identity
        message = f"{reason}, but it is not in effect: {names}"
        return self._record(Outcome(change, Result.NOT_IN_EFFECT, message, identity, unapplied))

    def _record_unknown(self, change: Change, exc: ScimError | TargetError | StopRequestedError) -> Outcome:
        """Record that the write was sent, but the user cannot be read."""
        return self._record(Outcome(change, Result.UNKNOWN, f"sent, but it could not be verified: {exc.summary}"))

    def _record_done(self, change: Change, live: LiveUser | None, message: str) -> Outcome:
        return self._record(Outcome(change, Result.DONE, message, live.id if live is not None else change.live_id))

    def _record_drift(self, change: Change, paths: Sequence[AttributePath]) -> Outcome:
        """Record that the account changed since the plan was made."""
        names = ", ".join(shorten_path(path) for path in paths)
        what = "the account is gone" if paths == ("id",) else f"{names} changed in the meantime"
        return self._record(
            Outcome(change, Result.SKIPPED, f"no longer as planned: {what}; plan again", attributes=tuple(paths))
        )


def _is_conflict(error: Exception) -> bool:
    """Whether the service refuses a value because another account has it."""
    return isinstance(error, ScimError) and (error.status == _CONFLICT or error.scim_type == "uniqueness")


def _describe_holder(change: Change, holder: LiveUser) -> str:
    owner = f"externalId {quote(holder.external_id)}" if holder.external_id else "no externalId"
    return f"user name {quote(str(change.after.get('userName')))} belongs to account {quote(holder.id)} ({owner})"
