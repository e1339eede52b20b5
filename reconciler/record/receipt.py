"""Write receipts: what an apply did, one JSON line per event, on disk before anything else happens.

A receipt is `plans/<date>-<short plan id>/receipt.jsonl`, next to the plan it belongs to. A receipt names users,
attributes and outcomes. It has the names of an account before a request; other values of users are in the plan only.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import UNSET, UnsetType

from reconciler.core.model import Attributes, Value
from reconciler.core.plan import REMOVALS, Action, Change, Outcome, Plan, Result
from reconciler.core.plan_id import digest_change
from reconciler.core.planning.full_names import FULL_NAME_PATHS, get_full_name
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import to_ascii_json
from reconciler.core.untrusted_values import EARLIEST_MODIFICATION, parse_moment
from reconciler.errors import PlanFileError
from reconciler.record.files import append_private, make_private_directory, read_file, sync_directory
from reconciler.record.layout import RECEIPT, shorten_plan_id
from reconciler.record.receipt_content import RESTORE, is_cut_line
from reconciler.record.receipt_line import (
    LARGEST_CLOCK_OFFSET,
    ApplyFinished,
    ApplyStarted,
    Finished,
    PopulationNote,
    Quarantined,
    Started,
    to_entry,
)
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.runs import Quarantine


def directory_for(plans: Path, plan: Plan) -> Path:
    """Return the directory of the record of `plan`."""
    return plans / f"{plan.created_at:%Y-%m-%d}-{shorten_plan_id(plan.plan_id)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyNotes:
    """What the first line of a receipt says about an apply, in addition to its plan.

    `whole`: it is about all users. `made_now`: the plan as made for this apply, if the recorded one is a reviewed plan,
    maybe of another commit. `run`: that of GitHub Actions, if any. `service_ahead`: how far the clock of the service is
    ahead, if they disagree. `top_files`: the files at the top level of the desired state. `unattended`: the plan was
    not reviewed.
    """

    whole: bool = True
    made_now: Plan | None = None
    run: str | None = None
    service_ahead: timedelta | None = None
    top_files: Sequence[str] | None = None
    unattended: bool = False


class Receipt:
    """An open receipt. Thread-safe. Every line is on disk when its method returns; each raises `PlanFileError` if not.

    `clock`: the time of each line. `redactor`: what replaces names and values.
    """

    def __init__(
        self,
        directory: Path,
        plan: Plan,
        clock: Callable[[], datetime],
        notes: ApplyNotes | None = None,
        *,
        redactor: Redactor = NO_REDACTION,
    ) -> None:
        self._redactor = redactor
        self.path = directory / RECEIPT
        self._plan_id = plan.plan_id
        self._clock = clock
        self._lock, self._disk = threading.Lock(), threading.Lock()
        self._written = self._on_disk = 0
        self._failure: OSError | None = None
        self._handle = self._open(directory)
        notes = notes or ApplyNotes()
        self._protection = (notes.made_now or plan).protection
        self._write(to_entry(self._begin(plan, notes)))

    def _begin(self, plan: Plan, notes: ApplyNotes) -> ApplyStarted:
        """Return the first line. What it says about users is of the plan made now."""
        made = notes.made_now or plan
        return ApplyStarted(
            **self._head(),
            target=plan.target.base_url,
            profile=plan.target.profile,
            tenant=plan.target.tenant if plan.target.tenant is not None else UNSET,
            changes=len(plan.changes),
            whole=notes.whole,
            commit=made.commit,
            config_digest=made.config_digest,
            top_files=tuple(notes.top_files) if notes.top_files is not None else UNSET,
            key=self._redactor.key_id if self._redactor.key_id is not None else UNSET,
            run=notes.run or UNSET,
            service_ahead=_to_seconds(notes.service_ahead) if notes.service_ahead is not None else UNSET,
            approved={guard.name: guard.approved_by for guard in made.guards if guard.approved},
            unattended=notes.unattended or UNSET,
            protected=made.protection.protected or UNSET,
            unprotected=made.protection.ended or UNSET,
            accounts=made.seen if notes.whole and made.seen is not None else UNSET,
            population=_note_population(made),
        )

    def _open(self, directory: Path) -> int:
        try:
            make_private_directory(directory)
            _drop_torn_line(self.path)
            handle = append_private(self.path)
            # Forcing a file onto the disk does not force its name there.
            for folder in (directory, directory.parent, directory.parent.parent):
                sync_directory(folder)
        except OSError as exc:
            detail = f"Nothing was changed. {advise(exc, '')}".rstrip()
            raise PlanFileError(f"cannot write {self.path}: {describe_os_error(exc)}", detail) from exc
        return handle

    def started(
        self,
        address: str,
        action: Action,
        live_id: str | None,
        attributes: list[str],
        original_user_name: str | None = None,
        *,
        before: Attributes | None = None,
        last_modified: str | None = None,
    ) -> None:
        """Record that a request is about to be sent.

        `original_user_name`: the name to go back to, if it gives the user a temporary one. A redacted record has none.
        `before`: the values of the account; None: there is none yet. `last_modified`: what the service says of it, only
        noted if the request removes it.
        """
        modified = parse_moment(last_modified, EARLIEST_MODIFICATION) if action in REMOVALS else None
        original = UNSET if original_user_name is None or self._redactor.key is not None else original_user_name
        line = Started(
            **self._head(),
            address=self._redactor.address(address),
            action=action.value,
            id=live_id,
            attributes=tuple(attributes),
            original_user_name=original,
            was_active=before.get("active") is not False if before is not None else UNSET,
            user_name=self._redact_name(before.get("userName")) if before is not None else UNSET,
            external_id=self._redact_name(before.get("externalId")) if before is not None else UNSET,
            full_name=self._redact_full_name(before) if not FULL_NAME_PATHS.isdisjoint(attributes) else UNSET,
            last_modified=modified.isoformat() if modified is not None else UNSET,
        )
        self._write(to_entry(line))

    def finished(self, outcome: Outcome) -> None:
        """Record the outcome of a change."""
        change, redactor = outcome.change, self._redactor
        name, external_id = (change.after.get(path) or change.before.get(path) for path in ("userName", "externalId"))
        line = Finished(
            **self._head(),
            address=redactor.address(change.address),
            action=change.action.value,
            id=outcome.live_id or change.live_id,
            user_name=self._redact_name(name),
            result=outcome.result.value,
            message=redactor.text(outcome.message),
            attributes=outcome.attributes,
            change=redactor.change(digest_change(change)),
            external_id=self._redact_name(external_id),
            protected=True if change.address in self._protection.created else UNSET,
            forms=self._digest_forms(outcome) or UNSET,
            unseen=outcome.unseen or UNSET,
            unconfirmed=self._digest_unconfirmed(change, outcome) or UNSET,
        )
        self._write(to_entry(line))

    def quarantined(self, why: Quarantine) -> None:
        """Record that the apply stops itself."""
        line = Quarantined(**self._head(), reason=why.reason, message=self._redactor.text(why.message))
        self._write(to_entry(line))

    def close(self, outcomes: Mapping[Result, int], *, how: str = "complete", left: int = 0) -> None:
        """Record that the apply is over, with the numbers of its outcomes. `how`, `left`: as in `ApplyRun`."""
        counts: dict[str, Any] = {result.value: count for result, count in outcomes.items()}
        line = ApplyFinished(**self._head(), how=how, left=left, **counts)
        # The counts are in the order in which results first occurred.
        self._write({**{key: value for key, value in to_entry(line).items() if key not in counts}, **counts})
        os.close(self._handle)

    def _digest_forms(self, outcome: Outcome) -> tuple[str, ...]:
        live_id = outcome.live_id or outcome.change.live_id
        if live_id is None:
            return ()
        forms = [(each.path, each.sent, each.shown) for each in outcome.forms]
        if outcome.without_active is not None:
            forms.append(("active", False, outcome.without_active))
        return tuple(self._redactor.form(live_id, *form) for form in forms)

    def _digest_unconfirmed(self, change: Change, outcome: Outcome) -> dict[str, str]:
        live_id = change.live_id
        if live_id is None:
            return {}
        before = {**change.before, "id": live_id}
        return {path: self._redactor.shown(live_id, path, before.get(path)) for path in outcome.unconfirmed}

    def _redact_name(self, name: Value | None) -> str | None:
        return self._redactor.name(str(name)) if name is not None else None

    def _redact_full_name(self, before: Attributes | None) -> str | UnsetType | None:
        return self._redact_name(get_full_name(before) or None) if before is not None else UNSET

    def _head(self) -> dict[str, Any]:
        return {"time": self._clock().isoformat(), "plan_id": self._plan_id}

    def _write(self, entry: Mapping[str, Any]) -> None:
        try:
            self._force(f"{to_ascii_json(entry)}\n".encode())
        except OSError as exc:
            # After one failed fsync(2) the next may succeed without the lines: no later one is believed.
            self._failure = self._failure or exc
            raise self._unwritable() from exc

    def _force(self, content: bytes) -> None:
        """Put one line on the disk."""
        with self._lock:
            if self._failure is not None:
                raise self._unwritable()
            while content:
                content = content[os.write(self._handle, content) :]
            self._written += 1
            mine = self._written
        with self._disk:
            if self._failure is not None:
                raise self._unwritable()
            # A sync takes milliseconds: threads that waited for one share the next.
            if self._on_disk < mine:
                covered = self._written
                os.fsync(self._handle)
                self._on_disk = covered

    def _unwritable(self) -> PlanFileError:
        failure = self._failure or OSError("unknown")
        next_step = advise(
            failure, "Make the file writable again, then run the same\ncommand again: nothing is done twice."
        )
        return PlanFileError(
            f"cannot write {self.path}: {describe_os_error(failure)}",
            f"The apply stopped; requests in flight may have taken effect. {next_step}",
        )


def _note_population(made: Plan) -> PopulationNote | UnsetType:
    """Return what incremental plans go on from, if the plan leaves no user open."""
    found = made.population
    if found is None:
        return UNSET
    return PopulationNote(
        users=found.users,
        managed=found.managed,
        active=found.active,
        at=found.at.isoformat(),
        planned=made.created_at.isoformat(),
        version=made.reconciler_version,
    )


def _to_seconds(offset: timedelta) -> int:
    return max(-LARGEST_CLOCK_OFFSET, min(round(offset.total_seconds()), LARGEST_CLOCK_OFFSET))


def _drop_torn_line(path: Path) -> None:
    """Cut off a line that a crash cut short. It proves nothing: a request is only sent after its whole line.

    Raises `PlanFileError` if it is anything else.
    """
    if path.is_file():
        content = read_file(path)
        start = content.rfind(b"\n") + 1
        if content[start:]:
            if not is_cut_line(content[start:]):
                line = content.count(b"\n") + 1
                raise PlanFileError(f"{path}:{line}: not a receipt line", RESTORE)
            os.truncate(path, start)
