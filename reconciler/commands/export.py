"""`export`: live accounts as a desired state of their own, for which the plan is *No changes*."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.model import LiveUser, Severity
from reconciler.core.plan import Plan
from reconciler.desired.editor_lines import build_editor_line, replace_editor_line
from reconciler.errors import ExitCode, UsageError
from reconciler.render.live_export import is_settled, render_export
from reconciler.session.layered_files import read_resolved
from reconciler.session.live_export import (
    check_accounts,
    check_destination,
    open_destination,
    plan_export,
    read_accounts,
    settle_accounts,
)
from reconciler.session.session import Session, open_session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, load_state
from reconciler.sources.live.export_report import ExportReport
from reconciler.sources.live.state_writer import SCOPE, USERS, ExportSource, write_state

_COPIED = ("settings.yaml", "mappings.yaml")
_WRITTEN = (*_COPIED, SCOPE, USERS)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The command line of `export`. `out` None: the users to stdout."""

    out: Path | None = None
    unmanaged: bool = False


def run_export(workspace: Workspace, options: ExportOptions, terminal: Terminal) -> ExitCode:
    """Write all live accounts as a desired state, and plan for it.

    The exit code is 5 if that plan is not empty, or if an account has no entry.

    Raises `SourceError` if the accounts cannot be read completely, `UsageError` for a directory that has files.
    """
    if options.out is not None:
        check_destination(options.out, workspace)
    elif terminal.style.redact:
        raise UsageError("--redact cannot be combined with users on stdout", "Export to a directory with -o DIR.")
    state = load_state(workspace, terminal)
    if state is None:
        return ExitCode.ERROR
    with open_session(workspace, state, terminal) as session, _open_directory(options.out) as scratch:
        report, plan = _export(session, options, scratch, terminal)
        if options.out is None:
            for name in report.files:
                terminal.result((scratch / name).read_text("utf-8"))
    place = "stdout" if options.out is None else str(options.out)
    text = render_export(report, plan, place, _build_command(workspace, options.out), terminal.style)
    if options.out is None:
        terminal.note(text.rstrip("\n"))
    else:
        terminal.result(text)
    if errors := [item for item in plan.diagnostics if item.severity is Severity.ERROR]:
        terminal.diagnostics(errors)
    return ExitCode.OK if is_settled(plan) and not report.omitted else ExitCode.PARTIAL


def _open_directory(out: Path | None) -> AbstractContextManager[Path]:
    return open_destination(out) if out is not None else _open_scratch()


@contextmanager
def _open_scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reconciler-export-") as name:
        yield Path(name)


def _export(session: Session, options: ExportOptions, scratch: Path, terminal: Terminal) -> tuple[ExportReport, Plan]:
    """Read, write and plan; return what was written and the plan for it."""
    live = read_accounts(session, terminal)
    for note in live.notes:
        terminal.note(note)
    check_accounts(live, unmanaged=options.unmanaged)
    source = _build_source(session, settle_accounts(session, live), options.out)
    report = write_state(scratch, source, unmanaged=options.unmanaged)
    return report, plan_export(session, scratch, live)


def _build_source(session: Session, accounts: list[LiveUser], out: Path | None) -> ExportSource:
    lines = {name: build_editor_line(out, name) if out is not None else "" for name in _WRITTEN}
    copied = read_resolved(session.workspace.state, _COPIED)
    copied = {name: replace_editor_line(content, lines[name]) for name, content in copied.items()}
    return ExportSource(accounts, session.state.mappings, str(session.target), copied, lines)


def _build_command(workspace: Workspace, out: Path | None) -> str:
    """Return the command that shows the plan for the exported state."""
    flags = workspace.flags()
    if "--state" in flags:
        at = flags.index("--state")
        flags = [*flags[:at], *flags[at + 2 :]]
    return shlex.join(["reconciler", "plan", "--state", str(out or "DIR"), *flags])
