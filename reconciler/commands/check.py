"""`check`: test the connection, question by question, without writing anything."""

from __future__ import annotations

import shlex
import time
from contextlib import ExitStack
from dataclasses import dataclass

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import escape_control
from reconciler.errors import ExitCode
from reconciler.render.check import CheckReport, render_conclusion
from reconciler.render.check_document import render_check_json
from reconciler.render.formats import DATA, check_format
from reconciler.session.checks.answer_printer import AnswerPrinter
from reconciler.session.checks.context import open_context
from reconciler.session.checks.groups import DETAILS, GROUPS, SECTIONS
from reconciler.session.checks.run import run_checks
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, current_time


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """The command line of `check`. `offline`: no network. `notify`: send a test notification."""

    offline: bool = False
    notify: bool = False
    format: str = "text"


def run_check(workspace: Workspace, options: CheckOptions, terminal: Terminal) -> ExitCode:
    """Answer every question; 1 if one of them failed. Raises `UsageError` for an unknown format."""
    check_format(options.format, DATA)
    began, timer = current_time(), time.monotonic()
    answers: list[Answer] = []
    printer = AnswerPrinter(terminal, SECTIONS, DETAILS)
    with ExitStack() as resources:
        context = open_context(workspace, terminal, resources, offline=options.offline, notify=options.notify)
        for answer in run_checks(context, GROUPS):
            answers.append(answer)
            if options.format == "text":
                printer.show(answer)
    printer.end()
    report = CheckReport(context.target, answers, began, time.monotonic() - timer)
    if options.format == "json":
        terminal.result(render_check_json(report, terminal.style))
    elif not (terminal.is_quiet and report.verdict is CheckVerdict.OK):
        terminal.result(render_conclusion(report, terminal.style))
        if report.verdict is not CheckVerdict.FAILED:
            _note_next_step(workspace, options, terminal)
    return ExitCode.ERROR if report.verdict is CheckVerdict.FAILED else ExitCode.OK


def _note_next_step(workspace: Workspace, options: CheckOptions, terminal: Terminal) -> None:
    verb = "check" if options.offline else "plan"
    step = escape_control(shlex.join(["reconciler", verb, *workspace.flags()]))
    what = "Ask the service, too" if options.offline else "See what would change"
    terminal.note(f"{what}; it cannot write:\n    {step}")
