"""`validate`: check the desired state. Reads files only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.core.text import pluralize
from reconciler.desired.loader import BrokenState, DesiredState, load
from reconciler.errors import ExitCode, UsageError
from reconciler.record.files import write_private
from reconciler.render.formats import check_format
from reconciler.render.sarif import render_sarif
from reconciler.render.text import render_comparison
from reconciler.render.user_errors import combine_user_errors
from reconciler.render.validation import Validation, render_validation_json
from reconciler.session.baseline import compare_offline, load_baseline
from reconciler.session.expiry import warn_of_past_dates
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, approval_date

FORMATS = ("text", "json", "sarif")


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """The command line of `validate`. `out`: the file that JSON or SARIF is written to, instead of stdout."""

    base: str | None = None
    format: str = "text"
    out: Path | None = None


def run_validate(workspace: Workspace, options: ValidateOptions, terminal: Terminal) -> ExitCode:
    """Show all errors, or a summary of the desired state and its difference from `base`.

    Raises `UsageError` for options that do not go together.
    """
    _check_options(options, terminal)
    state = load(workspace.state, workspace.now, approval_date(workspace), cache=workspace.cache)
    found = _summarize(workspace, state)
    report = None if options.format == "text" else _render(found, workspace, options.format)
    if report is not None and options.out is None:
        terminal.result(report)
        return ExitCode.OK if found.valid else ExitCode.ERROR
    if found.diagnostics:
        terminal.diagnostics(found.diagnostics, "validate")
    if report is not None and options.out is not None:
        write_private(options.out, report)
        terminal.note(f"Saved the result to: {options.out}")
    if not found.valid or isinstance(state, BrokenState):
        terminal.result(f"{pluralize(found.errors, 'error')} in {workspace.state}.")
        return ExitCode.ERROR
    terminal.result(
        f"The desired state is valid: {pluralize(len(state.users), 'user')}, "
        f"{state.in_scope:,} of them in scope on {workspace.now:%Y-%m-%d}."
    )
    if options.base is not None:
        _show_difference(workspace, state, options.base, terminal)
    return ExitCode.OK


def _check_options(options: ValidateOptions, terminal: Terminal) -> None:
    check_format(options.format, FORMATS)
    if options.format == "text":
        if options.out is not None:
            raise UsageError("--out needs --format json or sarif", "Redirect text with `>`.")
        return
    if options.base is not None:
        advice = "For a program: reconciler plan --offline --base REF --format json"
        raise UsageError(f"--base cannot be combined with --format {options.format}", advice)
    if terminal.style.redact:
        raise UsageError(f"--redact cannot be combined with --format {options.format}", "Use --format text.")


def _summarize(workspace: Workspace, state: DesiredState | BrokenState) -> Validation:
    found, users, in_scope = state.diagnostics, None, None
    if isinstance(state, DesiredState):
        found = (*warn_of_past_dates(state.credentials, workspace.now.date()), *found)
        users, in_scope = len(state.users), state.in_scope
    return Validation(str(workspace.state), f"{workspace.now:%Y-%m-%d}", combine_user_errors(found), users, in_scope)


def _render(found: Validation, workspace: Workspace, form: str) -> str:
    return (
        render_validation_json(found)
        if form == "json"
        else render_sarif(found.diagnostics, _find_folder(workspace.state))
    )


def _find_folder(state: Path) -> str:
    """Return the directory relative to the root of its repository; outside of git, to the current directory."""
    directory = state.resolve()
    for parent in (directory, *directory.parents):
        if (parent / ".git").exists():
            return directory.relative_to(parent).as_posix()
    here = Path.cwd().resolve()
    return directory.relative_to(here).as_posix() if directory.is_relative_to(here) else directory.name


def _show_difference(workspace: Workspace, state: DesiredState, base: str, terminal: Terminal) -> None:
    baseline = load_baseline(workspace, state, base, offline=True)
    if baseline.warnings:
        terminal.diagnostics(baseline.warnings)
    terminal.result(render_comparison(compare_offline(workspace, state, baseline)[0], terminal.style))
