"""`import entra-links`: which account Entra made for which user, and whether the plan matches the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from reconciler.desired.loader import DesiredState
from reconciler.errors import ExitCode, UsageError
from reconciler.record.files import write_private
from reconciler.render.entra_links import render_checked, render_links_csv, render_links_json
from reconciler.render.formats import DATA, check_format
from reconciler.session.entra_links import read_matched
from reconciler.session.entra_source import find_entra_source, open_source
from reconciler.session.session import open_session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, current_time, load_state
from reconciler.sources.graph.assignments import find_application
from reconciler.sources.graph.job import read_job
from reconciler.sources.graph.provisioning_log import LONGEST_WINDOW, read_links
from reconciler.sources.links import CheckedAccount, LinkTable, LinkVerdict, check_links


@dataclass(frozen=True, slots=True)
class EntraLinksOptions:
    """The command line. `out`: the table as CSV to this file. `verify`: compare with the target's accounts."""

    days: int = LONGEST_WINDOW.days
    job: str | None = None
    out: Path | None = None
    verify: bool = False
    format: str = "text"


def run_import_entra_links(workspace: Workspace, options: EntraLinksOptions, terminal: Terminal) -> ExitCode:
    """Read the provisioning log and print the links, or what they say about the accounts that the plan matches.

    The exit code is 5 if one of these is not confirmed, or if the plan matches none. Raises `UsageError` for options
    that do not fit, `SourceError` if the log or the accounts cannot be read completely.
    """
    _check_options(options, terminal)
    state = load_state(workspace, terminal)
    if state is None:
        return ExitCode.ERROR
    since = current_time() - timedelta(days=options.days)
    source = find_entra_source(workspace.state)
    with open_source(source, terminal) as graph, terminal.progress() as progress:
        application = find_application(graph, source.application)
        job = read_job(graph, application.object_id, options.job)
        table = read_links(
            graph, job, since, progress=lambda events: progress("Reading the provisioning log", events, events)
        )
    checked = _verify(workspace, state, table, terminal) if options.verify else None
    if options.out is not None:
        write_private(options.out, render_links_csv(table))
        terminal.note(f"Wrote {len(table.links):,} links to {options.out}")
    if options.format == "json":
        terminal.result(render_links_json(table, checked))
    elif checked is not None:
        terminal.result(render_checked(checked, since, terminal.style, whole=terminal.is_verbose))
    elif options.out is None:
        terminal.result(render_links_csv(table))
    if checked is None or (checked and all(each.verdict is LinkVerdict.CONFIRMED for each in checked)):
        return ExitCode.OK
    return ExitCode.PARTIAL


def _check_options(options: EntraLinksOptions, terminal: Terminal) -> None:
    check_format(options.format, DATA)
    if not 1 <= options.days <= LONGEST_WINDOW.days:
        raise UsageError(f"--days is a number from 1 to {LONGEST_WINDOW.days}", "Entra keeps the log no longer.")
    if terminal.style.redact and (options.format == "json" or not options.verify):
        raise UsageError("--redact cannot be combined with a table of ids", "Use --verify and --format text.")


def _verify(workspace: Workspace, state: DesiredState, table: LinkTable, terminal: Terminal) -> list[CheckedAccount]:
    with open_session(workspace, state, terminal) as session:
        return check_links(table, read_matched(session, terminal))
