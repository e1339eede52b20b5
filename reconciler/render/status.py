"""Render the health of a target's applies as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from reconciler.apply.quarantine import FailingUser, Health, QuarantineState
from reconciler.core.expiry import (
    ConnectionCredential,
    ExpiryFinding,
    ExpiryLevel,
    ExpiryTopic,
    describe_end,
)
from reconciler.core.model import Target
from reconciler.core.plan import Result
from reconciler.core.provisioning import ON, Provisioning
from reconciler.core.text import escape_control, pluralize, quote, redact_quoted
from reconciler.history.unapplied import UnappliedCommits
from reconciler.record.runs import ApplyRun
from reconciler.render.style import BOLD, GREEN, HIDDEN, RED, YELLOW, Style


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
        for failing in list_failing_users(health):
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
        if found.incremental is not None:
            when = _minute(found.incremental.began)
            yield f"               The apply of {when} was incremental, and did not look at all users:"
            yield "               commits count as completely applied with the next full `reconciler apply`."


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


def list_failing_users(health: Health) -> list[FailingUser]:
    """Return the users that keep failing, the most frequent first."""
    return sorted(health.failing_users.values(), key=lambda failing: (-failing.count, failing.address))


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
