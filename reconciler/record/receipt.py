"""Receipts: what an apply really did, one JSON line for each event, on disk before anything else happens.

A receipt lies in `plans/<date>-<short plan id>/receipt.jsonl` beside the plan it belongs to. Values of people are in
the plan only; a receipt names users, attributes and outcomes.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.core.model import Deactivation
from reconciler.core.plan import Action, Outcome, Plan, Result
from reconciler.core.plan_id import digest_change
from reconciler.core.text import to_ascii_json
from reconciler.core.values import fold_case
from reconciler.errors import PlanFileError
from reconciler.record.files import read_file, sync_directory
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.runs import Quarantine

FORMAT_VERSION = "1.0"
RECEIPT = "receipt.jsonl"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def directory_for(plans: Path, plan: Plan) -> Path:
    """Where the record of `plan` is kept."""
    return plans / f"{plan.created_at:%Y-%m-%d}-{short_id(plan.plan_id)}"


def short_id(plan_id: str) -> str:
    """The first twelve digits of a plan id."""
    return plan_id.removeprefix("sha256:")[:12]


class Receipt:
    """An open receipt. Every line is on disk when its method returns. Thread-safe.

    `whole`: the apply is about all users. `veil`: what it says of people. `made_now`: the plan as it was made for this
    apply, where a reviewed one, maybe of another commit, is what is recorded.
    """

    def __init__(
        self,
        directory: Path,
        plan: Plan,
        clock: Callable[[], datetime],
        *,
        whole: bool = True,
        redactor: Redactor = NO_REDACTION,
        made_now: Plan | None = None,
    ) -> None:
        self._redactor = redactor
        self.path = directory / RECEIPT
        self._plan_id = plan.plan_id
        self._clock = clock
        self._lock = threading.Lock()
        self._disk = threading.Lock()
        self._written = self._on_disk = 0
        self._fault: str | None = None
        self._handle = self._open(directory)
        self._line(
            "apply_started",
            target=plan.target.base_url,
            profile=plan.target.profile,
            changes=len(plan.changes),
            whole=whole,
            commit=(made_now or plan).commit,
            config_digest=(made_now or plan).config_digest,
            **({"key": redactor.key_id} if redactor.key is not None else {}),
        )

    def _open(self, directory: Path) -> int:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _drop_torn_line(self.path)
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as fault:
            raise PlanFileError(f"cannot write {self.path}: {fault.strerror}", "Nothing was changed.") from fault
        # Forcing a file onto the disk does not force its name there.
        sync_directory(directory)
        sync_directory(directory.parent)
        return handle

    def started(self, address: str, action: Action, live_id: str | None, attributes: list[str]) -> None:
        """A request is about to be sent."""
        self._line(
            "started", address=self._redactor.address(address), action=action.value, id=live_id, attributes=attributes
        )

    def finished(self, outcome: Outcome) -> None:
        """What became of it."""
        change, redactor = outcome.change, self._redactor
        name = change.after.get("userName") or change.before.get("userName")
        self._line(
            "finished",
            address=redactor.address(change.address),
            action=change.action.value,
            id=outcome.live_id or change.live_id,
            user_name=redactor.name(str(name)) if name is not None else None,
            result=outcome.result.value,
            message=redactor.text(outcome.message),
            attributes=list(outcome.attributes),
            change=redactor.change(digest_change(change)),
        )

    def quarantined(self, why: Quarantine) -> None:
        """The run stops itself."""
        self._line("quarantined", reason=why.reason, message=self._redactor.text(why.message))

    def close(self, outcomes: Mapping[Result, int], *, how: str = "complete", left: int = 0) -> None:
        """The apply is over; the numbers are counted from outcomes. `how`, `left`: as `health.Run`."""
        counts = {result.value: count for result, count in outcomes.items()}
        self._line("apply_finished", how=how, left=left, **counts)
        os.close(self._handle)

    def _line(self, event: str, **fields: Any) -> None:
        entry = {
            "format_version": FORMAT_VERSION,
            "time": self._clock().isoformat(),
            "event": event,
            "plan_id": self._plan_id,
            **fields,
        }
        try:
            self._force(f"{to_ascii_json(entry)}\n".encode())
        except OSError as fault:
            # After one failed fsync(2) the next may succeed without the lines: nothing is believed any more.
            self._fault = self._fault or str(fault.strerror)
            raise self._unwritable() from fault

    def _force(self, content: bytes) -> None:
        """Puts one line on the disk."""
        with self._lock:
            if self._fault is not None:
                raise self._unwritable()
            while content:
                content = content[os.write(self._handle, content) :]
            self._written += 1
            mine = self._written
        with self._disk:
            if self._fault is not None:
                raise self._unwritable()
            # A disk takes milliseconds: whoever waited while others' lines were forced onto it shares the next time.
            if self._on_disk < mine:
                covered = self._written
                os.fsync(self._handle)
                self._on_disk = covered

    def _unwritable(self) -> PlanFileError:
        return PlanFileError(
            f"cannot write {self.path}: {self._fault}",
            "The apply stopped; requests in flight may have taken effect. Make the file writable again, then run the "
            "same\ncommand again: nothing is done twice.",
        )


def _drop_torn_line(path: Path) -> None:
    """A line that a crash cut short says nothing reliable: a request is only sent after its line was whole."""
    if path.is_file():
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)


def read_receipt(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of a receipt. A torn last line (the machine died while writing it) is left out."""
    content = read_file(path)
    lines = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as fault:
            if number == len(lines):
                return
            raise PlanFileError(f"{path}:{number}: not a receipt line", "Restore the file from git.") from fault
        if not isinstance(entry, dict):
            raise PlanFileError(f"{path}:{number}: not a receipt line", "Restore the file from git.")
        yield entry


def time_of(entry: Mapping[str, Any]) -> datetime:
    """When an entry was written; a time that is none sorts before all others."""
    try:
        when = datetime.fromisoformat(str(entry.get("time")))
    except ValueError:
        return _LONG_AGO
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def key_ids(plans: Path) -> set[str]:
    """Which keys the digests of receipts were made with."""
    firsts = (next(read_receipt(path), {}) for path in plans.rglob(RECEIPT))
    return {str(first["key"]) for first in firsts if "key" in first}


def started_addresses(plans: Path, plan_id: str) -> frozenset[str]:
    """The addresses of all changes of a plan that earlier applies of it started, whatever became of them."""
    return frozenset(
        str(entry.get("address"))
        for path in sorted(plans.glob(f"*-{short_id(plan_id)}/{RECEIPT}"))
        for entry in read_receipt(path)
        if entry.get("plan_id") == plan_id and entry.get("event") == "started"
    )


@dataclass(frozen=True, slots=True)
class AccountHistory:
    """What the receipts of one target tell about its accounts."""

    reserved: Mapping[str, date] = field(default_factory=dict)
    """Folded user names of deleted accounts that the target still keeps, with the day each is free again."""
    deactivated: Mapping[str, Deactivation] = field(default_factory=dict)
    """By live id: the last deactivation, unless something may have reactivated the account since."""


def read_account_history(plans: Path, base_url: str, quarantine_days: int, now: datetime) -> AccountHistory:
    """The history of the target at `base_url`, from all receipts under `plans`, in one pass."""
    book = _AccountHistoryBuilder(quarantine_days, now)
    for path in sorted(plans.rglob(RECEIPT)):
        here = True
        for entry in read_receipt(path):
            if entry.get("event") == "apply_started":
                here = entry.get("target") == base_url
            if here:
                book.note(entry, path.parent.name)
    return book.history()


class _AccountHistoryBuilder:
    """Collects a history, in whatever order lines come."""

    def __init__(self, quarantine_days: int, now: datetime) -> None:
        self._days = quarantine_days
        self._today = now.date()
        self._reserved: dict[str, date] = {}
        self._deactivated: dict[str, Deactivation] = {}
        self._revived: dict[str, datetime] = {}

    def note(self, entry: Mapping[str, Any], receipt: str) -> None:
        when = _time(entry.get("time"))
        if when is None:
            return
        action, identity = entry.get("action"), entry.get("id")
        done = entry.get("result") == Result.DONE.value
        if action == Action.DELETE.value and done:
            self._reserve(entry.get("user_name"), when)
        if not isinstance(identity, str):
            return
        if action == Action.DEACTIVATE.value and done:
            known = self._deactivated.get(identity)
            if known is None or known.at < when:
                self._deactivated[identity] = Deactivation(when, receipt)
        elif action in _REVIVING:
            # Whatever became of the request: if it may have taken effect, the days count anew.
            self._revived[identity] = max(when, self._revived.get(identity, when))

    def _reserve(self, name: object, when: datetime) -> None:
        try:
            free = when.astimezone(UTC).date() + timedelta(days=self._days)
        except OverflowError:
            return
        if isinstance(name, str) and free > self._today:
            self._reserved[fold_case(name)] = max(free, self._reserved.get(fold_case(name), free))

    def history(self) -> AccountHistory:
        deactivated = {
            identity: found
            for identity, found in self._deactivated.items()
            if identity not in self._revived or self._revived[identity] < found.at
        }
        return AccountHistory(self._reserved, deactivated)


_REVIVING = frozenset({Action.REACTIVATE.value, Action.ADOPT.value})


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of one line of a receipt."""
    text = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of a receipt of Reconciler",
        "type": "object",
        "required": ["format_version", "time", "event", "plan_id"],
        "properties": {
            "format_version": {"const": FORMAT_VERSION},
            "time": {"type": "string", "format": "date-time"},
            "event": {"enum": ["apply_started", "started", "finished", "quarantined", "apply_finished"]},
            "plan_id": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
            "address": text,
            "action": {"enum": [action.value for action in Action]},
            "id": {"type": ["string", "null"]},
            "user_name": {"type": ["string", "null"]},
            "result": {"enum": [result.value for result in Result]},
            "message": text,
            "attributes": {"type": "array", "items": text},
            "change": {"type": "string", "description": "The same for the same change"},
            "key": {"type": "string", "description": "Which key the digests were made with"},
            "whole": {"type": "boolean", "description": "Whether the apply was about all users"},
            "commit": {"type": ["string", "null"], "description": "What was checked out when it was applied"},
            "config_digest": {"type": "string", "description": "Of the desired state that was applied"},
            "reason": {"type": "string", "description": "Why a run stopped itself, in Entra's names"},
            "how": {"enum": ["complete", "interrupted", "quarantined"]},
            "left": {"type": "integer", "description": "Changes that were not begun"},
        },
    }


def _time(text: object) -> datetime | None:
    """The moment that a line names; None: it names none."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo is not None else None
