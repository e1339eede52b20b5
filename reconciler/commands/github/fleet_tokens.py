"""`github fleet-tokens`: the tokens of the tenants of this job, from one secret, as a directory of files."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.core.text import format_names, pluralize
from reconciler.errors import ExitCode, UsageError
from reconciler.github.environment import read_workflow
from reconciler.github.workflow_commands import format_command
from reconciler.session.fleet.selected import FleetSelection, load_selected
from reconciler.session.fleet.token_secret import SECRET_VARIABLE, parse_token_secret, write_token_directory
from reconciler.session.github_step import write_outputs
from reconciler.session.terminal import Terminal

_MOST = 20


def run_fleet_tokens(selection: FleetSelection, terminal: Terminal) -> ExitCode:
    """Write the tokens below RUNNER_TEMP, and set the output `dir`; without the secret, nothing is done.

    Every token is masked first: GitHub masks a secret as a whole, not what is inside of it. Raises `TargetError` for a
    secret of another form, `UsageError` outside of a workflow: there nothing would mask them.
    """
    text = os.environ.get(SECRET_VARIABLE, "").strip()
    if not text:
        terminal.note(f"There is no secret {SECRET_VARIABLE}: the tokens come from RECONCILER_TOKEN_COMMAND.")
        return ExitCode.OK
    above = os.environ.get("RUNNER_TEMP", "")
    if read_workflow().outputs is None or not Path(above).is_absolute():
        raise UsageError("this is not a workflow of GitHub Actions", "Elsewhere, set RECONCILER_TOKEN_DIR.")
    tokens = parse_token_secret(text)
    for token in tokens.values():
        terminal.result(format_command("add-mask", token.reveal()))
    selected = load_selected(selection, terminal)
    folder, missing = write_token_directory(above, tokens, selected.names)
    write_outputs({"dir": os.fspath(folder)})
    if missing:
        terminal.note(f"{SECRET_VARIABLE} has no token for {format_names(missing, _MOST)}.")
    terminal.note(f"This job has {pluralize(len(selected.names) - len(missing), 'token')} of {len(tokens):,}.")
    return ExitCode.OK
