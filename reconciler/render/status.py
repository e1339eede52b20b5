"""Render the health of a target's applies as text, and as JSON with the names of Entra's synchronizationStatus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from reconciler.apply.quarantine import FailingUser, Health, QuarantineState
from reconciler.core.expiry import (
    ConnectionCredential,
    ExpiryFinding,
    ExpiryLevel,
    ExpiryTopic,
    count_days_left,
    describe_end,
)
from reconciler.core.model import Target
from reconciler.core.plan import Result
from reconciler.core.provisioning import ON, Provisioning
from reconciler.core.text import escape_control, pluralize, quote, redact_quoted
from reconciler.history.unapplied import UnappliedCommits
from reconciler.record.runs import ApplyRun, Quarantine
from reconciler.render.style import BOLD, GREEN, HIDDEN, RED, YELLOW, Style

FORMAT_VERSION = "1.2"


@dataclass(frozen=True, slots=True)
class Status:
    """`running`: the apply in progress, if any. `refused`: the service refused the last apply as a whole.

    `unapplied`: commits after the last complete apply; None if no complete apply of a commit is on record. `off_since`:
    when a commit switched provisioning off; None if it is on, or was switched off in no commit.
    `credentials`: those of the connection, assessed on the day `today`; `expiry`: what there is to say about them.
    """

    target: Target
    health: Health
    running: str | None = None
    refused: QuarantineState | None = None
    unapplied: UnappliedCommits | None = None
    provisioning: Provisioning = ON
    off_since: datetime | None = None
    credentials: tuple[ConnectionCredential, ...] = ()
    expiry: tuple[ExpiryFinding, ...] = ()
    today: date = date.min

    @property
    def quarantine(self) -> QuarantineState | None:
        """The current quarantine: a recorded refusal is newer than any receipt."""
        return self.refused or self.health.quarantine

    @property
    def known(self) -> bool:
        """Whether anything is on record: without an apply, nothing shows that the target is healthy."""
        return self.health.last is not None or self.quarantine is not None or bool(self.health.failing_users)

    @property
    def healthy(self) -> bool:
        """Whether an apply is on record and nothing needs attention."""
        return self.known and self.health.healthy and self.refused is None

    @property
    def verdict(self) -> str:
        """`healthy`, `unhealthy`, or `unknown` without a record."""
        return "healthy" if self.healthy else "unhealthy" if self.known else "unknown"


_VERDICTS = {"healthy": ("healthy", GREEN), "unhealthy": ("UNHEALTHY", RED), "unknown": ("unknown", YELLOW)}


def render_status(status: Status, style: Style) -> str:
    """Render the status in a few lines, then one line for each failing user."""
    return "\n".join(_lines(status, style)) + "\n"


def _lines(status: Status, style: Style) -> Iterator[str]:
    health = status.health
    word, colour = _VERDICTS[status.verdict]
    yield f"Target:        {escape_control(str(status.target))}"
    yield f"Health:        {style.paint(word, BOLD, colour)}"
    if not status.provisioning.enabled:
        yield f"Provisioning:  {_switched_off(status, style)}"
    if status.running is not None:
        yield f"Running now:   {HIDDEN if style.redact else escape_control(status.running)}"
    yield f"Last run:      {_run(health.last)}"
    yield f"Last success:  {_run(health.last_success)}"
    if status.unapplied is not None:
        yield from _unapplied(status.unapplied)
    if status.quarantine is not None:
        yield from _quarantine(status.quarantine, style)
    yield from _credentials(status, style)
    if health.failing_users:
        yield ""
        yield f"{pluralize(len(health.failing_users), 'user keeps failing', 'users keep failing')}:"
        for failing in _sorted(health):
            yield f"  {_failing_user(failing, style)}"


def _switched_off(status: Status, style: Style) -> str:
    since = f"since {_minute(status.off_since)}" if status.off_since is not None else "(not committed)"
    reason = status.provisioning.reason
    return f"off {since}{f': {HIDDEN if style.redact else quote(reason)}' if reason else ''}"


def _run(run: ApplyRun | None) -> str:
    if run is None:
        return "none on record"
    ends = {"complete": "complete", "interrupted": "interrupted", "quarantined": "quarantined"}
    how = ends.get(run.how, "did not end: it crashed, or is still running elsewhere")
    counts = [(run.count(Result.DONE), "done"), (run.failed, "failed"), (run.skipped, "skipped")]
    numbers = [f"{count:,} {word}" for count, word in [*counts, (run.left, "not started")] if count]
    return f"{_minute(run.began)}, {how}: {', '.join(numbers) or 'nothing to do'}"


def _unapplied(found: UnappliedCommits) -> Iterator[str]:
    """Yield the commits that changed the desired state after the last complete apply; nothing if there are none."""
    if found.why:
        yield f"Not applied:   not known: {escape_control(found.why)}"
    elif found.count:
        yield f"Not applied:   {pluralize(found.count, 'commit')} after the last complete apply ({found.since})"
        yield from (f"               {commit}" for commit in found.commits)
        if found.more:
            yield f"               and {found.more:,} more"


def _quarantine(state: QuarantineState, style: Style) -> Iterator[str]:
    message = redact_quoted(state.why.message) if style.redact else state.why.message
    yield f"Quarantine:    since {_minute(state.began)}, {pluralize(state.count, 'run')} in a row"
    yield f"               {escape_control(state.why.reason)}: {escape_control(message)}"
    yield f"               next attempt {_minute(state.next_attempt)}; an apply before that is a probe too"


def _credentials(status: Status, style: Style) -> Iterator[str]:
    """Yield when each credential ends, as far as it is known, and what there is to do about it."""
    urgency = {ExpiryLevel.NOTICE: YELLOW, ExpiryLevel.WARNING: YELLOW, ExpiryLevel.URGENT: RED}
    ending = [each.credential for each in status.expiry if each.topic is ExpiryTopic.END]
    silent = [
        f"{credential.title} {describe_end(credential, status.today)}"
        for credential in status.credentials
        if credential.expires is not None and credential not in ending
    ]
    lines = [line for each in status.expiry for line in (style.paint(each.message, urgency[each.level]), each.way_out)]
    for number, line in enumerate([*lines, *silent]):
        yield f"{'' if number else 'Credentials:':<15}{line}"


def _failing_user(failing: FailingUser, style: Style) -> str:
    address = HIDDEN if style.redact else escape_control(failing.address)
    message = "" if style.redact else f": {escape_control(failing.message)}"
    times = f"failed {pluralize(failing.count, 'time')} since {_minute(failing.first)}"
    return f"{address}: {escape_control(failing.action)} {times}, next attempt {_minute(failing.next_attempt)}{message}"


def _sorted(health: Health) -> list[FailingUser]:
    return sorted(health.failing_users.values(), key=lambda failing: (-failing.count, failing.address))


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


# --- JSON -------------------------------------------------------------------------


def status_document(status: Status, style: Style) -> dict[str, Any]:
    """Return the status as plain data, with Entra's names where it has one; `escrows` are the failing users."""
    health = status.health
    return {
        "format_version": FORMAT_VERSION,
        "target": status.target.document,
        "healthy": status.healthy,
        "health": status.verdict,
        "code": _code(status),
        "provisioning": _provisioning_document(status, style),
        "running": status.running if not style.redact else (HIDDEN if status.running else None),
        "runs": health.runs,
        "lastExecution": _execution(health.last),
        "lastSuccessfulExecution": _execution(health.last_success),
        "notApplied": _unapplied_document(status.unapplied),
        "quarantine": _quarantine_document(status.quarantine, style),
        "credentials": [_credential_document(each, status) for each in status.credentials],
        "escrows": [_escrow(failing, style) for failing in _sorted(health)],
    }


def _code(status: Status) -> str:
    if status.quarantine is not None:
        return "Quarantine"
    if not status.provisioning.enabled:
        return "Paused"
    return "Active" if status.health.last is not None else "NotRun"


def _provisioning_document(status: Status, style: Style) -> dict[str, Any]:
    reason, since = status.provisioning.reason or None, status.off_since
    return {
        "enabled": status.provisioning.enabled,
        "reason": HIDDEN if reason is not None and style.redact else reason,
        "since": since.isoformat() if since is not None else None,
    }


def _execution(run: ApplyRun | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "activityIdentifier": run.plan_id,
        "state": {"complete": "Succeeded" if run.successful else "EntryLevelErrors"}.get(run.how, "Failed"),
        "timeBegan": run.began.isoformat(),
        "timeEnded": run.ended.isoformat() if run.ended is not None else None,
        "countExported": run.count(Result.DONE),
        "countEscrowed": run.failed,
        "countSkipped": run.skipped,
        "countLeft": run.left,
    }


def _unapplied_document(found: UnappliedCommits | None) -> dict[str, Any] | None:
    """Return the commits that are not applied; `count` is null if they are not known."""
    if found is None:
        return None
    return {
        "since": found.last.commit,
        "timeApplied": found.last.began.isoformat(),
        "count": None if found.why else found.count,
        "reason": found.why or None,
        "commits": [
            {"id": commit.id, "pullRequest": commit.pull_request, "time": commit.when.isoformat()}
            for commit in found.commits
        ],
    }


def _quarantine_document(state: QuarantineState | None, style: Style) -> dict[str, Any] | None:
    if state is None:
        return None
    why: Quarantine = state.why
    return {
        "reason": why.reason,
        "currentBegan": state.last.isoformat(),
        "seriesBegan": state.began.isoformat(),
        "seriesCount": state.count,
        "nextAttempt": state.next_attempt.isoformat(),
        "error": {"message": redact_quoted(why.message) if style.redact else why.message},
    }


def _credential_document(credential: ConnectionCredential, status: Status) -> dict[str, Any]:
    """Return one credential; `stage`: the threshold of days that was reached last, null before the first one."""
    found = {each.topic: each for each in status.expiry if each.credential is credential}
    end, first_use = found.get(ExpiryTopic.END), found.get(ExpiryTopic.FIRST_USE)
    return {
        "kind": credential.kind,
        "expires": credential.expires.isoformat() if credential.expires is not None else None,
        "daysLeft": count_days_left(credential, status.today),
        "stage": end.stage if end is not None else None,
        "level": end.level if end is not None else None,
        "source": credential.source,
        "origin": str(credential.origin) if credential.origin is not None else None,
        "firstUse": {"daysLeft": first_use.days_left, "level": first_use.level} if first_use is not None else None,
    }


def _escrow(failing: FailingUser, style: Style) -> dict[str, Any]:
    return {
        "address": HIDDEN if style.redact else failing.address,
        "action": failing.action,
        "count": failing.count,
        "firstSeen": failing.first.isoformat(),
        "lastSeen": failing.last.isoformat(),
        "nextAttempt": failing.next_attempt.isoformat(),
        "message": HIDDEN if style.redact else failing.message,
    }
