"""`fleet gate`: whether the next wave may begin, by results of this run and commit only, and by the fleet's guards."""

from __future__ import annotations

from datetime import date

from reconciler.commands.fleet.matrix import check_verb
from reconciler.errors import ExitCode, UsageError
from reconciler.render.fleet_gathered import render_gate, render_gathered
from reconciler.session.fleet.gathering import GatherOptions, load_gathering
from reconciler.session.fleet.wave_gate import judge_gate
from reconciler.session.terminal import Terminal


def run_gate(options: GatherOptions, terminal: Terminal, today: date | None = None) -> ExitCode:
    """Judge the results; the exit code is 3 if a guard is exceeded. A missing result is a failure.

    Raises `UsageError` for results of the sandbox, and `SharedTokenError`.
    """
    check_verb(options.verb)
    if options.verb == "drift":
        raise UsageError("a gate follows a plan or an apply", "Name --verb plan or --verb apply.")
    found = judge_gate(options, load_gathering(options, terminal), today=today)
    wave = options.selection.wave
    terminal.result(render_gathered(found.gathered, f"Wave {wave}" if wave else "Fleet"))
    terminal.result("\n" + render_gate(f"after {wave}" if wave else f"after {options.verb}", found.left, found.lifted))
    return ExitCode.BLOCKED if found.left else ExitCode.OK
