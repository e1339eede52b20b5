"""Questions about what applies leave on this machine and in the repository: the record and the lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.planning.clock import format_minute
from reconciler.core.text import pluralize, quote
from reconciler.record.branch import find_local_tip, format_fetch
from reconciler.record.lock import describe_holder
from reconciler.render.status import Status
from reconciler.session.audit_record import open_full_record
from reconciler.session.checks.context import CheckContext
from reconciler.session.recorded_applies import read_applies
from reconciler.session.target_status import read_status
from reconciler.session.workspace import Workspace, current_time

_STATUS = "`reconciler status` tells more."


def ask_record(context: CheckContext) -> Iterator[Answer]:
    """Ask whether earlier applies can be read, and how the last one ended."""
    target, settings = context.target, context.settings
    if target is None or settings is None:  # pragma: no cover - `needs` says so
        return
    branch = settings.record.branch
    with open_full_record(context.workspace, branch, context.terminal.quieter(), plans=False) as whole:
        runs = read_applies(whole, target, current_time())
        yield _describe_record(context.workspace, branch, len(runs))
        yield _describe_last_apply(read_status(whole, target))


def _describe_record(workspace: Workspace, branch: str | None, count: int) -> Answer:
    facts = (("applies", count), ("branch", branch))
    applies = pluralize(count, "apply", "applies") if count else "no apply"
    if branch is None or workspace.sandbox:
        return Answer("record", CheckVerdict.OK, f"{applies} to this target in {workspace.record}", facts=facts)
    if find_local_tip(workspace.state, branch) is not None:
        where = f"{workspace.record} and on branch {quote(branch)}"
        return Answer("record", CheckVerdict.OK, f"{applies} to this target in {where}", facts=facts)
    fetch = format_fetch(workspace.state, branch)
    advice = ("Before the first apply of a workflow that is normal.", *([f"After it: {fetch}"] if fetch else ()))
    summary = f"branch {quote(branch)} is not here; {applies} to this target in {workspace.record}"
    return Answer("record", CheckVerdict.WARNING, summary, advice, facts)


def ask_lock(context: CheckContext) -> Iterator[Answer]:
    """Ask whether an apply could take the lock, without taking it."""
    if context.target is not None:
        yield _describe_lock(context.workspace.lock(context.target))


def _describe_lock(lock: Path) -> Answer:
    holder = describe_holder(lock)
    if holder is not None:
        return Answer("lock", CheckVerdict.OK, f"an apply is running: {holder}", facts=(("held", True),))
    place = lock if lock.exists() else next(folder for folder in lock.parents if folder.exists())
    facts = (("held", False),)
    if os.access(place, os.W_OK):
        return Answer("lock", CheckVerdict.OK, "free", facts=facts)
    advice = (f"{place} cannot be written. Set XDG_STATE_HOME to a directory of yours on a local disk.",)
    return Answer("lock", CheckVerdict.FAILED, "an apply could not take its lock", advice, facts)


def _describe_last_apply(status: Status) -> Answer:
    last, quarantine = status.health.last, status.quarantine
    failing = len(status.health.failing_users)
    facts = (
        ("health", status.verdict),
        ("began", last.began.isoformat() if last is not None else None),
        ("quarantined", quarantine is not None),
        ("failing_users", failing),
    )
    if quarantine is not None:
        since = f"in quarantine since {format_minute(quarantine.began)} UTC"
        return Answer("last_apply", CheckVerdict.WARNING, since, (_STATUS,), facts)
    if last is None:
        return Answer("last_apply", CheckVerdict.OK, "none on record yet", facts=facts)
    summary = f"{format_minute(last.began)} UTC, {last.how}"
    if not status.healthy:
        more = f"; {pluralize(failing, 'user keeps failing', 'users keep failing')}" if failing else ""
        return Answer("last_apply", CheckVerdict.WARNING, f"{summary}{more}", (_STATUS,), facts)
    return Answer("last_apply", CheckVerdict.OK, summary, facts=facts)
