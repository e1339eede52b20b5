"""An apply without a review and without a question: what it needs, and whether it may be made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from reconciler.apply.quarantine import Health
from reconciler.core.plan import REMOVALS, Plan
from reconciler.core.planning.unattended import find_unattended_obstacles
from reconciler.core.policy import UnattendedLimits
from reconciler.core.text import format_names
from reconciler.errors import BlockedError, FullPlanNeededError, RepositoryError, UsageError
from reconciler.record.runs import ApplyRun
from reconciler.session.layered_files import list_edited
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import current_time

_OWN_TIME = timedelta(minutes=1)
ADVICE = "Nothing was applied, not even a part. Review the plan: apply it, or change the desired state."
"""What to do about a plan that needs a review."""
_ENABLE = (
    "To apply small plans without a review, say how small, by pull request: `unattended: {updates: 50, creates: 50,"
    " removals: 0}` in settings.yaml."
)


class ApplyChoices(Protocol):
    """The options of `apply` that are a person's decision."""

    @property
    def unattended(self) -> bool: ...  # noqa: D102
    @property
    def file(self) -> Path | None: ...  # noqa: D102
    @property
    def users(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def auto_approve(self) -> bool: ...  # noqa: D102
    @property
    def approve(self) -> str | None: ...  # noqa: D102
    @property
    def retry_failed(self) -> bool: ...  # noqa: D102


def check_options(options: ApplyChoices, now: datetime) -> None:
    """Raise `UsageError` for an option that is given together with `--unattended`: each of them is a person's decision.

    `now`: the time that is planned for; `--now` would make changes of another day.
    """
    for name, given in (
        ("a saved plan", options.file is not None),
        ("--user", bool(options.users)),
        ("--auto-approve", options.auto_approve),
        ("--approve", options.approve is not None),
        ("--retry-failed", options.retry_failed),
        ("--now", abs(now - current_time()) > _OWN_TIME),
    ):
        if options.unattended and given:
            raise UsageError(
                f"--unattended cannot be combined with {name}",
                "An unattended apply plans all users now, and applies all of the plan or nothing.",
            )


def require_limits(limits: UnattendedLimits | None) -> UnattendedLimits:
    """Return the limits of the settings. Raises `BlockedError` if there are none: nothing is unattended by default."""
    if limits is None:
        raise BlockedError("nothing may be applied unattended: settings.yaml has no `unattended`", _ENABLE)
    return limits


def check_plan(plan: Plan, session: Session) -> None:
    """Check that a plan is of a commit, and made from what it needs. Raises `UsageError` and `FullPlanNeededError`."""
    _check_committed(session)
    _check_removals(plan, require_limits(session.state.policy.unattended))


def _check_committed(session: Session) -> None:
    """Raise `UsageError` for edits that are not committed: applying them is a person's decision."""
    if session.workspace.sandbox:
        return
    try:
        edited = list_edited(session.workspace.state, session.state.files)
    except RepositoryError as exc:
        summary = f"--unattended needs the desired state to be committed: {exc.summary}"
        raise UsageError(summary, f"Nothing was applied. {exc.detail}") from exc
    if edited:
        raise UsageError(
            f"--unattended cannot be combined with edits that are not committed: {format_names(edited)}",
            "Nothing was applied. Commit these files, or undo the edits (`git stash --include-untracked`), then run the"
            " same command again. Without --unattended, apply shows the plan of the edits and asks.",
        )


def _check_removals(plan: Plan, limits: UnattendedLimits) -> None:
    """Raise `FullPlanNeededError` for an incremental plan with removals that the limits may allow.

    The account of a user in error, whom such a plan does not look at, cannot be distinguished from one without a user.
    """
    removes = any(change.action in REMOVALS for change in plan.changes)
    if plan.incremental is not None and removes and limits.removals:
        raise FullPlanNeededError("removals without a review are made from a plan of all users")


def may_apply(plan: Plan, health: Health, runs: Sequence[ApplyRun], session: Session, terminal: Terminal) -> bool:
    """Return whether the plan may be applied; if not, say why, in one line each."""
    obstacles = [*_describe_record(health, runs)]
    limits = require_limits(session.state.policy.unattended)
    obstacles += find_unattended_obstacles(plan, limits, session.history().recent)
    if not obstacles:
        return True
    listed = "".join(f"  - {each}\n" for each in obstacles)
    terminal.result(f"\nThe plan was not applied unattended: it needs a review.\n{listed}{ADVICE}")
    return False


def _describe_record(health: Health, runs: Sequence[ApplyRun]) -> Sequence[str]:
    """Return what the record has against it. Without one the changes of the last 24 hours are not known."""
    if not any(run.whole and run.complete for run in runs):
        return ("no complete apply of all users is on record: the first one is reviewed",)
    if health.quarantine is not None:
        return (f"the target is in quarantine since {health.quarantine.began:%Y-%m-%d %H:%M} UTC",)
    return ()
