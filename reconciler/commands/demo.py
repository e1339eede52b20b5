"""`demo`: plan, apply and drift on the embedded sandbox, step by step, in a temporary copy."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from reconciler.commands.apply import ApplyOptions, run_apply
from reconciler.commands.init import TEMPLATES, render_desired_state
from reconciler.commands.plan import PlanOptions, run_plan
from reconciler.core.paths import shorten_path
from reconciler.desired.directory import Directory
from reconciler.desired.loader import DesiredState
from reconciler.desired.missing_state import describe_missing_state
from reconciler.errors import ExitCode, UsageError
from reconciler.record.files import write_bytes
from reconciler.render.formats import OutputOptions
from reconciler.session.layered_files import copy_state
from reconciler.session.sandbox_service import edit_sandbox, make_sandbox
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, load_state

_DEFAULT = Path("desired-state")
_NO_STATE = """\
There is no directory desired-state here: the demo makes a small company in a temporary one, and deletes it at its end.
"""
_OF_THE_FOLDER = ("tenant", "domains")
"""Keys of `target` that a tenant of a fleet has from its folder, and that its settings must not name."""
_EDIT: Mapping[str, object] = {"enterprise:department": "Edited manually"}


def run_demo(state: Path | None, terminal: Terminal) -> ExitCode:
    """Run the demo on a copy of `state`; OK only if the last plan has no changes.

    None: on a copy of ./desired-state, or on a small company if nothing has that name. Raises `UsageError` if `state`
    is no desired state.
    """
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as scratch:
        if state is None and not os.path.lexists(_DEFAULT):
            terminal.result(_NO_STATE + describe_missing_state(_DEFAULT).detail)
            copy = _make_company(Path(scratch) / _DEFAULT)
        else:
            copy = _copy(state or _DEFAULT, Path(scratch))
        _switch_on(copy, terminal)
        workspace = Workspace(copy, Path(scratch) / "plans", sandbox=True, now=datetime.now(UTC))
        desired = load_state(workspace, terminal)
        return ExitCode.ERROR if desired is None else _run_steps(workspace, desired, terminal)


def _make_company(folder: Path) -> Path:
    """Write the desired state that `init` begins with, with the demo's users, all in scope."""
    files = dict(render_desired_state("apple-business-manager", "example.com"))
    for name in ("settings.yaml", "mappings.yaml"):
        write_bytes(folder / name, files[Path(name)])
    shutil.copytree(TEMPLATES / "demo" / "users", folder / "users")
    return folder


def _copy(state: Path, scratch: Path) -> Path:
    if not Directory(state).has("settings.yaml"):
        missing = describe_missing_state(state)
        raise UsageError(f"there is no desired state in {state}", missing.detail)
    return copy_state(state, scratch)


def _switch_on(copy: Path, terminal: Terminal) -> None:
    """Write the copy's settings with provisioning on, if it is off."""
    directory = Directory(copy)
    settings = directory.read_settings()
    if settings is None or settings.value.provisioning.enabled:
        return
    content = settings.value.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"provisioning"})
    if directory.place is not None:
        for key in _OF_THE_FOLDER:
            content["target"].pop(key, None)
    for name in directory.place.list_files("settings.yaml") if directory.place is not None else ():
        # All of it is in what is written now, and a key that is final there could not be.
        (copy / name).unlink(missing_ok=True)
    (copy / "settings.yaml").write_text(json.dumps(content), "utf-8")
    terminal.note("Provisioning is off in settings.yaml. The demo applies nevertheless: its sandbox is its own.")


def _run_steps(workspace: Workspace, desired: DesiredState, terminal: Terminal) -> ExitCode:
    step = _Steps(terminal)
    content = make_sandbox(workspace.sandbox_file, [name for user in desired.users for name in user.user_names])
    step(
        "The desired state is a directory of YAML files, the target a sandbox that behaves like\n"
        f"Apple Business Manager, with {content}: what would have to change?",
        "reconciler plan --sandbox --summary -o plan.json",
    )
    code = _plan(workspace, terminal, summary=True)
    if code is not ExitCode.OK:
        return code
    step("Apply executes exactly what was reviewed, and verifies each change.", "reconciler apply plan.json")
    code = _apply(workspace, terminal)
    if code is not ExitCode.OK:
        return code
    step("Now an administrator edits the target directly, without git.", "")
    _edit_target(workspace, desired, terminal)
    step("The next plan shows the drift.", "reconciler plan --sandbox -o plan.json")
    _plan(workspace, terminal, summary=False)
    step("Apply corrects it.", "reconciler apply plan.json")
    _apply(workspace, terminal)
    step("Nothing is left to do.", "reconciler plan --sandbox --detailed-exitcode")
    options = PlanOptions(None, OutputOptions(), (), detailed_exitcode=True)
    return run_plan(workspace, options, terminal.quieter())


def _plan(workspace: Workspace, terminal: Terminal, *, summary: bool) -> ExitCode:
    options = PlanOptions(workspace.plans / "plan.json", OutputOptions(summary=summary), (), detailed_exitcode=False)
    return run_plan(workspace, options, terminal.quieter())


def _apply(workspace: Workspace, terminal: Terminal) -> ExitCode:
    options = ApplyOptions(workspace.plans / "plan.json", auto_approve=False, approve=None, users=(), summary=False)
    return run_apply(workspace, options, terminal.quieter())


def _edit_target(workspace: Workspace, desired: DesiredState, terminal: Terminal) -> None:
    """Move one user to another department and deactivate another."""
    names = [str(user.attributes["userName"]) for user in desired.users if user.verdict.in_scope and not user.failed]
    edits: list[tuple[str, Mapping[str, object]]] = list(zip(names[:2], (_EDIT, {"active": False}), strict=False))
    for name, changes in edits:
        edit_sandbox(workspace.sandbox_file, name.casefold(), changes)
        shown = ", ".join(f"{shorten_path(path)} = {value}" for path, value in changes.items())
        terminal.result(f"  {name}: {shown}")


class _Steps:
    """Numbers and prints the steps."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._number = 0

    def __call__(self, text: str, command: str) -> None:
        self._number += 1
        line = "─" * 78
        shown = f"\n$ {command}\n" if command else ""
        self._terminal.result(f"\n{line}\n{self._number}. {text}\n{shown}")
