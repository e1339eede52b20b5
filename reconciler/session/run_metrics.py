"""The metrics of one run (`--metrics FILE`): written when it ends, however it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.core.base_url import hide_secrets
from reconciler.core.model import Target
from reconciler.core.plan import Action, Attribution, Outcome, Plan, Result
from reconciler.core.system_limits import describe_os_error
from reconciler.core.text import escape_control
from reconciler.desired.directory import Directory
from reconciler.errors import ExitCode, PlanFileError, ReconcilerError, UsageError
from reconciler.record.files import write_text
from reconciler.render.metrics import PREFIX, Sample, render_metrics
from reconciler.render.status import Status
from reconciler.session.audit_record import open_full_record
from reconciler.session.target_status import add_provisioning, read_status
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, current_time, resolve_target

if TYPE_CHECKING:
    from reconciler.sources.import_report import ImportReport

_FIRST = f"# HELP {PREFIX}".encode()
"""How a file of metrics begins."""


class RunMetrics:
    """What one run of `command` finds and does. Of each kind of fact the last one counts."""

    def __init__(self, command: str) -> None:
        self.command = command
        self._began = time.monotonic()
        self._found: dict[str, list[Sample]] = {}

    def planned(self, plan: Plan) -> None:
        """Note the plan of this run."""
        managed, unmanaged = (("state", "managed"),), (("state", "unmanaged"),)
        samples = [
            Sample("plan_complete", plan.complete),
            Sample("plan_blocked", plan.blocked),
            Sample("users_in_error", plan.tally.failed),
            *(Sample("changes_planned", plan.count(action), (("action", action.value),)) for action in Action),
        ]
        if plan.complete:  # an incomplete read counts no users
            samples += [Sample("live_users", plan.tally.managed, managed)]
            samples += [Sample("live_users", plan.tally.unmanaged, unmanaged)]
        if plan.drift is not None:
            edited = sum(change.attribution is Attribution.EDITED_IN_TARGET for change in plan.changes)
            samples.append(Sample("drift", edited))
        self._found["plan"] = samples

    def applied(self, outcomes: Iterable[Outcome]) -> None:
        """Note how the changes of this run ended."""
        counts = Counter((outcome.change.action, outcome.result) for outcome in outcomes)
        self._found["apply"] = [
            Sample("changes_applied", counts[action, result], (("action", action.value), ("result", result.value)))
            for action in Action
            for result in Result
        ]

    def imported(self, report: ImportReport) -> None:
        """Note what this import does to the entries of users."""
        # Plans and applies measure themselves too, and do without the packages of imports.
        from reconciler.sources.import_report import ImportAction, ImportOutcome  # noqa: PLC0415

        self._found["import"] = [
            *(
                Sample("import_people", len(report.of_users(action)), (("change", action.value),))
                for action in ImportAction
            ),
            Sample("import_blocked", report.outcome is ImportOutcome.BLOCKED),
        ]

    def samples(self, exit_code: int, status: Status | None) -> list[Sample]:
        """Return everything that is known at the end of the run."""
        return [
            Sample("info", 1, (("version", __version__),)),
            Sample("run_timestamp_seconds", current_time().timestamp()),
            Sample("run_duration_seconds", time.monotonic() - self._began),
            Sample("run_exit_code", exit_code),
            *(_describe_status(status) if status is not None else ()),
            *(sample for found in self._found.values() for sample in found),
        ]


def measure(
    file: Path | None,
    metrics: RunMetrics,
    workspace: Workspace,
    terminal: Terminal,
    run: Callable[[], ExitCode],
) -> ExitCode:
    """Run a command and write its metrics to `file`, whether it succeeds or raises; None: none are written.

    Raises `UsageError` before anything is done if the file cannot be one. That it cannot be written in the end is
    reported, and changes no exit code.
    """
    if file is None:
        return run()
    _check_place(file, workspace)
    code: int = ExitCode.ERROR
    try:
        result = run()
        code = result
    except ReconcilerError as exc:
        code = exc.exit_code
        raise
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
        raise
    finally:
        _write(file, metrics, workspace, terminal, code)
    return result


def measure_failure(
    file: Path | None, metrics: RunMetrics, workspace: Workspace, terminal: Terminal, error: ReconcilerError
) -> None:
    """Write the metrics of a command that failed before it began. Raises as `measure` does."""
    if file is not None:
        _check_place(file, workspace)
        _write(file, metrics, workspace, terminal, error.exit_code)


def _check_place(file: Path, workspace: Workspace) -> None:
    if str(file) == "-":
        raise UsageError("--metrics takes a file, not -", "The result of the command is on stdout.")
    if not file.parent.is_dir():
        raise UsageError("--metrics: the directory of the file does not exist", "Nothing was done. Make it first.")
    place = file.resolve()
    kept = {
        "the desired state": workspace.state,
        "the record": workspace.record,
        ".git": workspace.state.parent / ".git",
    }
    for name, directory in kept.items():
        if place.is_relative_to(directory.resolve()):
            raise UsageError(f"--metrics is inside of {name}", "Write the metrics to another directory.")
    problem = _find_obstacle(file)
    if problem:
        raise UsageError(f"--metrics: {problem}", "Nothing was done. Choose another file, or remove this one.")


def _find_obstacle(file: Path) -> str:
    """Return why a file that exists must not be replaced; "" if it holds metrics, or nothing."""
    if not file.exists():
        return ""
    if not file.is_file():
        return "it is not a regular file"
    try:
        with file.open("rb") as stream:
            begin = stream.read(len(_FIRST))
    except OSError as exc:
        return f"the file cannot be read: {describe_os_error(exc)}"
    return "" if begin in (b"", _FIRST) else "the file holds something else than metrics"


def _write(file: Path, metrics: RunMetrics, workspace: Workspace, terminal: Terminal, code: int) -> None:
    try:
        target, status = _read_status(workspace, terminal)
        labels = (("command", metrics.command), *_label_target(target))
        problem = _find_obstacle(file)  # again: the command itself may have written there
        if problem:
            raise PlanFileError(f"{file}: {problem}")
        write_text(file, render_metrics(metrics.samples(code, status), labels))
    except (ReconcilerError, OSError) as exc:
        why = exc.summary if isinstance(exc, PlanFileError) else f"cannot write {file}: {exc}"
        terminal.note(f"The metrics are not written: {escape_control(why)}")


def _read_status(workspace: Workspace, terminal: Terminal) -> tuple[Target | None, Status | None]:
    """Return the target and its status after the run; None if settings.yaml or the record cannot be read."""
    # Errors of the file were reported by the command itself.
    settings = Directory(workspace.state).read_settings()
    if settings is None:
        return None, None
    target = resolve_target(workspace, settings.value)
    try:
        with open_full_record(workspace, settings.value.record.branch, terminal.quieter(), plans=False) as whole:
            return target, add_provisioning(read_status(whole, target), workspace, settings.value)
    except ReconcilerError:
        return target, None


def _label_target(target: Target | None) -> tuple[tuple[str, str], ...]:
    """Return the labels that tell the targets of several repositories apart in one directory of files."""
    if target is None:
        return ()
    tenant = (("tenant", target.tenant),) if target.tenant is not None else ()
    return (("profile", target.profile), ("target", hide_secrets(target.base_url)), *tenant)


def _describe_status(status: Status) -> Iterator[Sample]:
    health = status.health
    yield Sample("healthy", status.healthy)
    yield Sample("quarantine", status.quarantine is not None)
    yield Sample("failing_users", len(health.failing_users))
    yield Sample("provisioning_enabled", status.provisioning.enabled)
    if health.last is not None:
        yield Sample("last_apply_timestamp_seconds", health.last.began.timestamp())
    if health.last_success is not None:
        yield Sample("last_success_timestamp_seconds", health.last_success.began.timestamp())
    if status.unapplied is not None and not status.unapplied.why:
        yield Sample("unapplied_commits", status.unapplied.count)
    for credential in status.credentials:
        if credential.expires is not None:
            end = datetime.combine(credential.expires, datetime.min.time(), UTC).timestamp()
            yield Sample("credential_expiry_timestamp_seconds", end, (("credential", credential.kind.value),))
