"""One planned change, carried out: the request, and the proof that it took effect.

Nothing here knows of other changes. A refusal of the service is raised; everything else ends as an `Outcome`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
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
_SENDS = 3
"""How often a write is sent whose answer is lost, each time after reading shows that nothing happened."""
FORBIDDEN = 403
_BAD_REQUEST, _CONFLICT, _UNAVAILABLE = 400, 409, 503
_SAYS_NO = (500, 501, 503)
"""Of the service itself: it failed. A gateway's 502 or 504 says nothing about what the service did."""


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
    """What an apply needs besides the plan. `reader` reads all mapped attributes (`verify.reads_everything`)."""

    service: UserService
    record: ReceiptWriter
    reader: LiveReader
    mappings: Sequence[AttributeMapping]
    profile: TargetProfile
    on_outcome: Callable[[Outcome], None]
    stop: threading.Event = field(default_factory=threading.Event)
    """Set by somebody who wants the run to end: what is in flight is finished, nothing else is started."""
    sleep: Callable[[float], None] = time.sleep
    workers: int = WORKERS
    admission: Callable[[], AbstractContextManager[object]] = nullcontext
    """Entered around each change; waits until the service can take one more (`RateLimiter.admission`)."""


class ChangeExecutor:
    """Carries out single changes; its methods may run in several threads."""

    def __init__(self, execution: Execution) -> None:
        self._do = execution
        self._open: set[str] = set()  # addresses on record as started and not as finished
        self._filters = True  # as far as we know the service does what a filter asks for

    def carry_out(self, change: Change, *, temporarily_renamed: bool) -> Outcome:
        """Does it. `temporarily_renamed`: the user has its temporary name now. Raises `ScimError` and `TargetError`."""
        match change.action:
            case Action.CREATE:
                return self._create(change)
            case Action.DELETE:
                return self._delete(change)
            case Action.UPDATE | Action.ADOPT | Action.REACTIVATE | Action.DEACTIVATE:
                return self._patch(change, change.attribute_changes(), temporarily_renamed=temporarily_renamed)

    def rename_temporarily(self, change: Change) -> Outcome:
        """First step of a circle of renames: to the temporary name."""
        name = change.temporary_user_name or ""
        step = replace(change, after={**change.before, "userName": name}, action=Action.UPDATE)
        row = AttributeChange("userName", change.before.get("userName"), name)
        return replace(self._patch(step, [row], temporarily_renamed=False), change=change)

    def refused(self, change: Change, refusal: ScimError | TargetError) -> Outcome:
        """What a refusal means, on record."""
        message = refusal.summary
        if _is_conflict(refusal):
            message = f"{message}. {self._who_has_the_name(change)}"
        elif self._is_about_the_domain(refusal):
            message = f"{message}. {self._do.profile.domain_hint}"
        elif isinstance(refusal, ScimError) and refusal.status == FORBIDDEN:
            message = f"{message}. Either this account may not be changed over SCIM, or the token may not do this."
        status, scim_type = (refusal.status, refusal.scim_type) if isinstance(refusal, ScimError) else (None, "")
        return self._record(Outcome(change, Result.FAILED, message, status=status, scim_type=scim_type))

    def interrupted(self, change: Change, stop: StopRequestedError) -> Outcome:
        """Somebody wants the run to end before the write was sent, or while the service wants a pause."""
        outcome = Outcome(change, Result.SKIPPED, f"not started: {stop.summary}")
        return self._record(outcome) if change.address in self._open else outcome

    def _is_about_the_domain(self, refusal: ScimError | TargetError) -> bool:
        """Whether the service refuses a user name for its domain."""
        told = isinstance(refusal, ScimError) and refusal.status == _BAD_REQUEST
        return told and bool(self._do.profile.verified_domains.value) and "domain" in refusal.summary.casefold()

    def _who_has_the_name(self, change: Change) -> str:
        try:
            holders = self._find("userName", str(change.after.get("userName")))[0]
        except (TargetError, StopRequestedError):
            holders = []
        for found in holders:
            return f"The {_belongs_to(change, found)}."
        return self._do.profile.conflict_hint

    def _create(self, change: Change) -> Outcome:
        holder = self._holder_of_the_name(change)
        if holder is not None:
            return self._made_meanwhile(change, holder)
        self._started(change, change.after)
        lost: UnknownOutcomeError | None = None
        for left in reversed(range(_SENDS)):
            try:
                answer = self._do.service.create_user(patch.build_resource(change.after))
            except UnknownOutcomeError as unknown:
                lost = unknown
            except ScimError as refusal:
                return self._there_after_all(change, refusal, lost)
            else:
                # Whether an account exists is not a thing to believe an echo about.
                return self._verified(change, None, str(answer["id"]) if answer is not None else None)
            outcome = self._resolve_create(change, lost, may_repeat=left > 0 and lost.status == _UNAVAILABLE)
            if outcome is not None:
                return outcome
        raise AssertionError("the last attempt is resolved")  # pragma: no cover

    def _there_after_all(self, change: Change, refusal: ScimError, lost: UnknownOutcomeError | None) -> Outcome:
        """In the way may be what an attempt made whose answer was lost, or another apply a moment ago. Or raises."""
        if lost is None and not _is_conflict(refusal):
            raise refusal
        try:
            found, _ = self._look_up(change)
        except (TargetError, StopRequestedError) as fault:
            if lost is not None:
                return self._unverified(change, fault)
            raise refusal from fault
        if found is None or verification.unapplied_attributes(change, found, self._do.mappings):
            raise refusal
        return self._verified(change, found)

    def _holder_of_the_name(self, change: Change) -> LiveUser | None:
        """Who has the new user's name already: not every service refuses to give it twice."""
        if not self._filters:
            return None
        found, conclusive = self._find("userName", str(change.after.get("userName")))
        self._filters = conclusive
        return found[0] if found else None

    def _made_meanwhile(self, change: Change, holder: LiveUser) -> Outcome:
        """Somebody has the name since the plan was made: another apply, or a person."""
        if not verification.unapplied_attributes(change, holder, self._do.mappings):
            return self._done(change, holder, "already in effect")
        message = f"not as planned any more: {_belongs_to(change, holder)}; plan again"
        return self._record(Outcome(change, Result.SKIPPED, message, attributes=("userName",)))

    def _resolve_create(self, change: Change, lost: UnknownOutcomeError, *, may_repeat: bool) -> Outcome | None:
        """The answer was lost: looks whether the user is there. None: surely not, it may be sent again.

        Only a service that said it was unavailable is asked again: one that said nothing may still be at work.
        """
        for pause in _REREADS if may_repeat else _REREADS[:1]:
            self._do.sleep(pause)
            try:
                found, sure = self._look_up(change)
            except (ScimError, TargetError, StopRequestedError) as fault:
                return self._unverified(change, fault)
            if found is not None:
                return self._verified(change, found)
        return None if sure and may_repeat else self._not_found(change, lost)

    def _not_found(self, change: Change, lost: UnknownOutcomeError) -> Outcome:
        result = Result.FAILED if lost.status in _SAYS_NO else Result.UNKNOWN
        return self._record(Outcome(change, result, f"{lost.summary}; the user was not found afterwards"))

    def _look_up(self, change: Change) -> tuple[LiveUser | None, bool]:
        """The user by externalId, then by userName; without one: whether it is sure that there is none."""
        sure = True
        for attribute in ("externalId", "userName"):
            value = change.after.get(attribute)
            if value is None:
                continue
            found, conclusive = self._find(attribute, str(value))
            if len(found) == 1:
                return found[0], True
            sure = sure and conclusive and not found
        return None, sure

    def _find(self, attribute: AttributePath, value: str) -> tuple[list[LiveUser], bool]:
        """Users whose `attribute` really is `value`, and whether these are all: a service may ignore a filter."""
        try:
            resources = self._do.service.find_users(attribute, value)
        except ScimError:
            return [], False
        users = [self._do.reader.read(resource) for resource in resources if resource.get("id")]
        wanted = fold_case(value)
        found = [
            user
            for user in users
            if fold_case((user.external_id or "") if attribute == "externalId" else user.user_name) == wanted
        ]
        return found, len(found) == len(resources)

    def _patch(self, change: Change, rows: Sequence[AttributeChange], *, temporarily_renamed: bool) -> Outcome:
        resource = self._do.service.get_user(change.live_id or "")
        live = self._do.reader.read(resource) if resource is not None else None
        expected = change
        if temporarily_renamed:
            expected = replace(change, before={**change.before, "userName": change.temporary_user_name or ""})
        changed = verification.drifted_attributes(expected, live, self._do.mappings)
        if changed:
            return self._moved(change, changed)
        if not verification.unapplied_attributes(change, live, self._do.mappings):
            return self._done(change, live, "already in effect")
        self._started(change, [row.path for row in rows])
        body = patch.build_patch_body(
            rows, resource or {}, capitalised=bool(self._do.profile.patch_op_capitalised.value)
        )
        answer, lost = self._sent(expected, lambda: self._do.service.patch_user(change.live_id or "", body))
        if answer is None or change.action in REMOVALS:
            return self._verified(change, None, lost=lost)
        return self._verified(change, self._do.reader.read(answer))

    def _delete(self, change: Change) -> Outcome:
        live = self._read(change.live_id or "")
        expected = replace(change, after=change.before)
        changed = verification.drifted_attributes(expected, live, self._do.mappings)
        if live is not None and changed:
            return self._moved(change, changed)
        self._started(change, ())
        _, lost = self._sent(expected, lambda: self._do.service.delete_user(change.live_id or ""))
        return self._verified(change, None, lost=lost)

    def _sent(self, expected: Change, send: Callable[[], T]) -> tuple[T | None, UnknownOutcomeError | None]:
        """The answer to a write, or why there is none: then it may be in effect or not, and reading tells.

        It is sent again only while reading shows the user exactly as before.
        """
        lost: UnknownOutcomeError | None = None
        for _ in range(_SENDS):
            try:
                return send(), None
            except UnknownOutcomeError as unknown:
                lost = unknown
            except (TargetError, StopRequestedError):
                if lost is None:
                    raise
                break
            try:
                live = self._read(expected.live_id or "")
            except (ScimError, TargetError, StopRequestedError):
                break  # verification tries once more, and says why it cannot
            unaffected_notes = replace(expected, after=expected.before, action=Action.UPDATE)
            if verification.drifted_attributes(unaffected_notes, live, self._do.mappings):
                break
        return None, lost

    def _read(self, identity: str) -> LiveUser | None:
        found = self._do.service.get_user(identity)
        return self._do.reader.read(found) if found is not None else None

    # --- outcomes -------------------------------------------------------------

    def _started(self, change: Change, attributes: Iterable[AttributePath]) -> None:
        if self._do.stop.is_set():
            raise StopRequestedError("interrupted")
        self._open.add(change.address)
        self._do.record.started(change.address, change.action, change.live_id, sorted(attributes))

    def _record(self, outcome: Outcome) -> Outcome:
        self._do.record.finished(outcome)
        self._open.discard(outcome.change.address)
        return outcome

    def _verified(
        self,
        change: Change,
        found: LiveUser | None,
        identity: str | None = None,
        *,
        lost: UnknownOutcomeError | None = None,
    ) -> Outcome:
        """By what the answer says; if it says nothing, or not what was asked for, by reading again."""
        unmet = verification.unapplied_attributes(change, found, self._do.mappings) if found is not None else ("id",)
        identity = identity or (found.id if found is not None else change.live_id)
        for pause in _REREADS:
            if not unmet:
                break
            self._do.sleep(pause)
            try:
                found = self._look_up(change)[0] if identity is None else self._read(identity)
            except (ScimError, TargetError, StopRequestedError) as fault:
                return self._unverified(change, fault)
            unmet = verification.unapplied_attributes(change, found, self._do.mappings)
        if not unmet:
            return self._done(change, found, "")
        names = ", ".join(shorten_path(path) for path in unmet)
        said = "the service accepted it" if lost is None else lost.summary
        message = f"{said}, but it is not in effect: {names}"
        identity = found.id if found is not None else identity
        return self._record(Outcome(change, Result.NOT_IN_EFFECT, message, identity, unmet))

    def _unverified(self, change: Change, fault: ScimError | TargetError | StopRequestedError) -> Outcome:
        """The write was sent, but the user can't be read: nobody knows."""
        return self._record(Outcome(change, Result.UNKNOWN, f"sent, but it could not be verified: {fault.summary}"))

    def _done(self, change: Change, found: LiveUser | None, message: str) -> Outcome:
        return self._record(Outcome(change, Result.DONE, message, found.id if found is not None else change.live_id))

    def _moved(self, change: Change, paths: Sequence[AttributePath]) -> Outcome:
        names = ", ".join(shorten_path(path) for path in paths)
        what = "the account is gone" if paths == ("id",) else f"somebody changed {names}"
        return self._record(
            Outcome(change, Result.SKIPPED, f"not as planned any more: {what}; plan again", attributes=tuple(paths))
        )


def _is_conflict(refusal: Exception) -> bool:
    """Whether the service refuses what it has already."""
    return isinstance(refusal, ScimError) and (refusal.status == _CONFLICT or refusal.scim_type == "uniqueness")


def _belongs_to(change: Change, holder: LiveUser) -> str:
    owner = f"externalId {quote(holder.external_id)}" if holder.external_id else "no externalId"
    return f"user name {quote(str(change.after.get('userName')))} belongs to account {quote(holder.id)} ({owner})"
