"""`fmt`: bring the files of users and groups into one layout, without a change to what is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.model import Diagnostic, Origin, Severity, warning
from reconciler.core.text import escape_control, pluralize, quote
from reconciler.desired.directory import Directory
from reconciler.desired.layout import FOLDERS
from reconciler.desired.yaml_reader import read_items
from reconciler.errors import ExitCode, ReconcilerError, UsageError
from reconciler.history.entry_layout import format_file
from reconciler.history.yaml_entries import NAMES, detect_kind, read_entries
from reconciler.history.yaml_nodes import EditError
from reconciler.session.state_edit import diff_contents
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace
from reconciler.sources.import_plan import CurrentState
from reconciler.sources.state_files import EntryPlaces, StateFiles
from reconciler.sources.writer import write_files


@dataclass(frozen=True, slots=True)
class FmtOptions:
    """The command line of `fmt`. `files`: only these; `check`: show the change, and write nothing."""

    files: tuple[Path, ...] = ()
    check: bool = False


def run_fmt(workspace: Workspace, options: FmtOptions, terminal: Terminal) -> ExitCode:
    """Format the files; the exit code is 2 with `check` if files would change.

    Nothing is written if a file cannot be read. Raises `UsageError` for a file that is no part of the desired state.
    """
    contents = _read_files(workspace, options, terminal)
    changed: dict[str, bytes | None] = {}
    found: list[Diagnostic] = []
    for name, content in contents.items():
        formatted = _format(name, content, found)
        if formatted != content:
            changed[name] = formatted
    errors = [item for item in found if item.severity is Severity.ERROR]
    if found:
        terminal.diagnostics(found)
    if errors:
        raise ReconcilerError(f"{pluralize(len(errors), 'error')} in the files to format", "Nothing was written.")
    if options.check:
        terminal.result(diff_contents(contents, changed) if changed else "")
        terminal.note(_count(len(changed), "would change") if changed else "The files have the layout of `fmt`.")
        return ExitCode.CHANGES if changed else ExitCode.OK
    write_files(StateFiles(workspace.state, contents, CurrentState(), EntryPlaces(contents)), changed)
    terminal.result("".join(f"{escape_control(str(workspace.state / name))}\n" for name in changed))
    terminal.note(_count(len(changed), "changed") if changed else "No file changed.")
    return ExitCode.OK


def _count(number: int, what: str) -> str:
    return f"{pluralize(number, 'file')} {what}."


def _format(name: str, content: bytes, found: list[Diagnostic]) -> bytes:
    """Return the formatted content; a file with an entry that cannot be edited stays, with a warning in `found`."""
    errors: list[Diagnostic] = []
    read_entries(name, content, errors.append)
    wrong = [item for item in errors if item.severity is Severity.ERROR]
    found += wrong
    try:
        formatted = None if wrong else format_file(name, content)
    except EditError as exc:
        formatted = None
        detail = "Its layout decides what is read, or cannot be changed. All other files are formatted."
        found.append(warning(f"this file is left as it is: {exc}", detail, _locate(name, content, exc.entry)))
    return content if formatted is None else formatted


def _locate(name: str, content: bytes, entry: str) -> Origin:
    """Return the place of an entry, else that of its file."""
    key = NAMES.get(detect_kind(name) or "", "")
    items = (item for item in read_items(content, name, lambda _: None) if entry and item.get(key) == entry)
    return next((Origin(name, item.mark.line + 1, item.mark.column + 1) for item in items), Origin(name, 1, 1))


def _read_files(workspace: Workspace, options: FmtOptions, terminal: Terminal) -> dict[str, bytes]:
    """Return the contents of the files of users and groups, or of those that are wanted."""
    directory = Directory(workspace.state)
    contents = {name: content for name, content in directory.read_contents() if name.partition("/")[0] in FOLDERS}
    wanted = list(_list_wanted(workspace, options.files, contents))
    named = set(wanted)
    wrong = [
        item
        for item in directory.diagnostics
        if item.severity is Severity.ERROR and (not named or item.origin is None or item.origin.file in named)
    ]
    if wrong:
        terminal.diagnostics(wrong)
        raise ReconcilerError("not all files can be read", "Nothing was written. See the errors above.")
    missing = next((name for name in wanted if name not in contents), None)
    if missing is not None:
        raise UsageError(f"{quote(missing)} is no file of users or groups", "Name files below users/ and groups/.")
    return {name: contents[name] for name in wanted} if wanted else contents


def _list_wanted(workspace: Workspace, files: Sequence[Path], contents: dict[str, bytes]) -> Iterator[str]:
    """Yield names relative to the desired state; a file may be given relative to it or to the current directory."""
    root = workspace.state.resolve()
    for path in files:
        here = path.absolute()
        parent = here.parent.resolve() / here.name
        name = parent.relative_to(root).as_posix() if parent.is_relative_to(root) else path.as_posix()
        yield path.as_posix() if path.as_posix() in contents else name
