"""`report`: a static site made of the record, git history and the desired state. No network, no token."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.text import escape_control, pluralize
from reconciler.errors import ExitCode, UsageError
from reconciler.render.site.site import render_site
from reconciler.render.style import hide_words
from reconciler.session.private_words import find_private_words
from reconciler.session.site_folder import check_site_folder, write_site
from reconciler.session.site_report import read_site_report
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, load_state


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The command line of `report`. `plans`: saved plans to show in place of what is compared offline."""

    out: Path
    plans: tuple[Path, ...] = ()


def run_report(workspace: Workspace, options: ReportOptions, terminal: Terminal) -> ExitCode:
    """Write the site; 1 if the desired state cannot be read, or if the record is damaged, which the site says too.

    Raises `UsageError` for a directory with other files, or one that holds the desired state or the record.
    """
    _check_place(workspace, options.out)
    check_site_folder(options.out)
    state = load_state(workspace, terminal)
    if state is None:
        return ExitCode.ERROR
    report, damage = read_site_report(workspace, state, options.plans, terminal)
    if terminal.style.redact:
        # Errors name paths of the command line, which can say something of people.
        words = find_private_words(sys.argv[1:])
        report = replace(report, unknown={name: hide_words(why, words) for name, why in report.unknown.items()})
    count = write_site(options.out, render_site(report, terminal.style))
    index = escape_control(str(options.out / "index.html"))
    terminal.note(f"{pluralize(count - 1, 'page')} about {pluralize(len(report.users), 'user')}. Open: {index}")
    if damage is not None:
        terminal.error(damage)
        return ExitCode.ERROR
    return ExitCode.OK


def _check_place(workspace: Workspace, out: Path) -> None:
    """Raise for a report in the desired state or in the record: it would be read as a part of them."""
    there = out.resolve()
    if ".git" in there.parts:
        raise UsageError(f"-o {out} is inside of git's directory", "Name a directory for the report alone.")
    for folder, what in ((workspace.state, "the desired state"), (workspace.plans, "the record")):
        if there.is_relative_to(folder.resolve()):
            raise UsageError(f"-o {out} is inside of {what}", "Name a directory for the report alone.")
