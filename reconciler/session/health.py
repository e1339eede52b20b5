"""The health of a target: quarantine and failing users, by its receipts."""

from __future__ import annotations

from dataclasses import replace

from reconciler.apply.quarantine import Health, assess
from reconciler.core.plan import Plan
from reconciler.core.plan_id import digest_change
from reconciler.core.text import escape_control, pluralize, redact_quoted
from reconciler.record.runs import place_quarantines
from reconciler.session.recorded_applies import read_applies
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import current_time


def assess_health(session: Session, plan: Plan) -> Health:
    """Return the health of the session's target; users of `plan` by their addresses, even if receipts hold digests."""
    health = assess(place_quarantines(read_applies(session.workspace, session.target, current_time()), current_time()))
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


def report_health(health: Health, deferred: int, probe: int, terminal: Terminal) -> None:
    """Note what to know before an apply: the number of deferred changes, and the probe of a quarantined target."""
    for line in _describe_health(health, deferred, probe):
        # They may quote the service.
        terminal.note(redact_quoted(line) if terminal.style.redact else line)


def _describe_health(health: Health, deferred: int, probe: int) -> list[str]:
    lines = []
    if deferred:
        what = "is deferred because it" if deferred == 1 else "are deferred because they"
        lines.append(f"{pluralize(deferred, 'change')} {what} failed before; --retry-failed retries now.")
    state = health.quarantine
    if state is not None:
        why = f"{state.began:%Y-%m-%d %H:%M} UTC: {escape_control(state.why.message)}."
        lines.append(f"This target is in quarantine since {why}")
        lines.append(
            f"So apply begins with a probe of {pluralize(probe, 'change')}, and continues only if it succeeds."
        )
    return lines
