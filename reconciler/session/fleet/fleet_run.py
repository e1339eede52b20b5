"""What `fleet plan`, `apply` and `drift` share: which tenants, a process for each, lines and totals, one exit code."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import quote
from reconciler.errors import ExitCode, FleetError, UsageError
from reconciler.fleet.exit_codes import fold_exit_codes
from reconciler.fleet.model import Fleet
from reconciler.fleet.result import TenantResult
from reconciler.fleet.run_identity import identify_run
from reconciler.fleet.shards import parse_part
from reconciler.git.repository import find_head_commit
from reconciler.record.files import make_private_directory
from reconciler.record.layout import OUTPUT
from reconciler.render.fleet_run import has_changes, needs_attention, render_run, render_tenant
from reconciler.session.fleet.processes import run_tenants
from reconciler.session.fleet.run_guard import RunGuard
from reconciler.session.fleet.selected import FleetSelection, Selected, load_selected
from reconciler.session.fleet.stopping import stop_on_signals
from reconciler.session.fleet.task import TenantTask
from reconciler.session.fleet.tokens import check_fleet_tokens
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import current_time, parse_now

_NO_COMMIT = "0" * 40
_MAX_LINES = 1_000
"""Lines about tenants that went well; those of others are always written."""


@dataclass(frozen=True, slots=True)
class FleetRunOptions:
    """The command line of a verb for many tenants. `at_once`: not more than `caps.tenants_at_once`.

    `after`: when results began that those of this run replace, in seconds since 1970.
    """

    selection: FleetSelection
    out: Path | None = None
    at_once: int | None = None
    now: str | None = None
    sandbox: bool = False
    no_cache: bool = False
    redact: bool = False
    after: int = 0


def select(options: FleetRunOptions, terminal: Terminal) -> Selected:
    """Return the tenants that the options name. Raises `UsageError`, and `FleetError` for a fleet with errors."""
    parse_now(options.now)
    selected = load_selected(options.selection, terminal)
    _check_place(options.out, selected.fleet)
    if not options.sandbox:
        check_fleet_tokens(len(selected.fleet.tenants))
    return selected


def build_tasks(verb: str, selected: Selected, options: FleetRunOptions, out: Path) -> list[TenantTask]:
    """Return a task for each tenant, whose files go to a folder of its own in `out`."""
    commit, run = find_head_commit(selected.fleet.root) or _NO_COMMIT, identify_run(os.environ)
    began = max(int(current_time().timestamp()), options.after + 1)  # also if the clock was set back
    rate = _share_rate(selected, options)
    return [
        TenantTask(
            tenant=tenant.name,
            verb=verb,
            state=os.fspath(selected.fleet.root / tenant.folder),
            out=os.fspath(out / tenant.name),
            commit=commit,
            run=run,
            began=began,
            now=options.now,
            sandbox=options.sandbox,
            no_cache=options.no_cache,
            redact=options.redact,
            requests_per_second=rate,
        )
        for tenant in selected.tenants
    ]


@contextmanager
def open_out(out: Path | None, terminal: Terminal) -> Iterator[Path]:
    """Yield the directory that receives the files of the tenants: that of -o, or one that is removed in the end."""
    if out is not None:
        _make_out(out)
        yield out
        if any(out.iterdir()):
            terminal.note(f"What each tenant printed is in {shlex.quote(os.fspath(out))}/TENANT/{OUTPUT}.")
        return
    with tempfile.TemporaryDirectory(prefix="reconciler-fleet-") as name:
        yield Path(name)
        ran = any(Path(name).iterdir())
    if ran:
        terminal.note("The plans and the output of the tenants were not kept: -o DIR keeps them.")


def _make_out(out: Path) -> None:
    try:
        make_private_directory(out)
    except OSError as exc:
        summary = f"-o: the directory {quote(os.fspath(out))} cannot be made: {describe_os_error(exc)}"
        raise FleetError(summary, advise(exc, "Name another directory.")) from exc


def run_tasks(
    tasks: Sequence[TenantTask],
    selected: Selected,
    options: FleetRunOptions,
    terminal: Terminal,
    guard: RunGuard | None = None,
) -> list[TenantResult]:
    """Run the tasks, with a line for each tenant as it ends; return their results. Ctrl-C ends what is in flight.

    `guard`: beyond its limits no further tenant is begun.
    """
    at_once = limit_at_once(options.at_once, selected.fleet, terminal)
    results: list[TenantResult] = []
    with stop_on_signals() as stop, terminal.progress() as progress:
        for result in run_tenants(tasks, at_once, stop, hold=guard.hold if guard is not None else None):
            results.append(result)
            if guard is not None:
                guard.add(result)
            _note(result, len(results), terminal)
            progress("Tenants", len(results), len(tasks))
    return results


def report_run(results: Sequence[TenantResult], terminal: Terminal) -> ExitCode:
    """Write the totals; return the exit code of the run."""
    terminal.result(render_run(results, terminal.style))
    return fold_exit_codes(each.exit_code for each in results)


def _note(result: TenantResult, number: int, terminal: Terminal) -> None:
    if needs_attention(result) or (number <= _MAX_LINES and (has_changes(result) or terminal.is_verbose)):
        terminal.note(render_tenant(result, terminal.style))


def _share_rate(selected: Selected, options: FleetRunOptions) -> float | None:
    """Return the part of `caps.requests_per_second` that this shard may use: the others run elsewhere."""
    rate, shard = selected.fleet.caps.requests_per_second, options.selection.shard
    return rate / parse_part(shard, "--shard").count if rate is not None and shard is not None else rate


def limit_at_once(wanted: int | None, fleet: Fleet, terminal: Terminal) -> int:
    """Return how many tenants run at once: not more than the fleet allows."""
    cap = fleet.caps.tenants_at_once
    if wanted is not None and wanted > cap:
        terminal.note(f"--at-once {wanted} is more than caps.tenants_at_once of fleet.yaml: {cap} at once.")
    return min(wanted or cap, cap)


def _check_place(out: Path | None, fleet: Fleet) -> None:
    """Raise for files of a run in the folder of a tenant: they would be taken for its desired state."""
    if out is None or not out.resolve().is_relative_to(fleet.root.resolve()):
        return
    inside = out.resolve().relative_to(fleet.root.resolve())
    folders = {tenant.folder for tenant in fleet.tenants}
    own = {f"{inside.as_posix()}/{tenant.name}" for tenant in fleet.tenants}
    if folders & {*own, *(each.as_posix() for each in (inside, *inside.parents))}:
        raise UsageError("-o is a folder of tenants, or inside of one", "Write to another directory.")
