"""What of a plan is carried out now: less what is stale, and less what failed too often to be tried in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.apply.quarantine import Health, assess
from reconciler.core.plan import Plan
from reconciler.core.plan_id import digest_change
from reconciler.core.text import escape_control, pluralize, redact_quoted
from reconciler.record.target_runs import runs_of
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal


def health_of(session: Session, plan: Plan) -> Health:
    """How the applies to this target stand; the users of `plan` by their addresses, whatever receipts call them."""
    health = assess(runs_of(session.workspace.history, session.target))
    redactor = session.redactor
    if redactor.key is None:
        return health
    failing_users, suspected_causes = dict(health.failing_users), set(health.suspected_causes)
    for change in plan.changes:
        if redactor.address(change.address) in suspected_causes:
            suspected_causes.add(change.address)
        failing = failing_users.pop(redactor.address(change.address), None)
        if failing is not None:
            digest = digest_change(change)
            known = digest if failing.digest == redactor.change(digest) else failing.digest
            failing_users[change.address] = replace(failing, address=change.address, digest=known)
    return replace(health, failing_users=failing_users, suspected_causes=frozenset(suspected_causes))


def describe_health(health: Health, deferred: int, probe: int) -> list[str]:
    """What somebody who is about to apply should know, a line each; `late` changes are put off."""
    lines = []
    if deferred:
        what = "is put off because it" if deferred == 1 else "are put off because they"
        lines.append(f"{pluralize(deferred, 'change')} {what} failed before; --retry-failed tries now.")
    standing = health.quarantine
    if standing is not None:
        why = f"{standing.began:%Y-%m-%d %H:%M} UTC: {escape_control(standing.why.message)}."
        lines.append(f"This target is in quarantine since {why}")
        lines.append(f"So apply begins with a trial of {pluralize(probe, 'change')}, and goes on only if it works.")
    return lines


def report_lines(terminal: Terminal, lines: Sequence[str]) -> None:
    """Notes on stderr; they may quote what a service said."""
    for line in lines:
        terminal.note(redact_quoted(line) if terminal.style.redact else line)


def real_now() -> datetime:
    """The clock that receipts are written by; `--now` does not move it."""
    return datetime.now(UTC)
