"""`import csv`: people of a CSV file as entries of users/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.text import quote, shorten
from reconciler.desired.directory import Directory
from reconciler.desired.mappings import compile_mappings
from reconciler.errors import ExitCode, UsageError
from reconciler.history.edits import USER, Entity
from reconciler.profiles import PROFILES
from reconciler.session.notifications import notify_of_import
from reconciler.session.people_import import PeopleImportOptions, import_people
from reconciler.session.run_metrics import RunMetrics, measure
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace
from reconciler.sources.csv_file.missing import confirm_missing, find_new
from reconciler.sources.csv_file.options import CsvOptions, parse_columns, parse_dates, parse_delimiter
from reconciler.sources.csv_file.read import read_csv
from reconciler.sources.departures import find_unassigned
from reconciler.sources.import_plan import CurrentState, MergeRules
from reconciler.sources.snapshot import Snapshot
from reconciler.sources.state_files import read_state_files

PLACE = "users/csv.yaml"
"""The file of users that a CSV file adds. An import removes users of this file only."""
_ON_MISSING = ("report", "disable", "remove")


@dataclass(frozen=True, slots=True)
class ImportCsvOptions:
    """The command line of `import csv`."""

    file: Path
    maps: tuple[str, ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    dates: str = "iso"
    on_missing: str = "report"
    approve: str | None = None
    dry_run: bool = False
    check: bool = False
    format: str = "text"
    metrics: Path | None = None


def run_import_csv(workspace: Workspace, options: ImportCsvOptions, terminal: Terminal) -> ExitCode:
    """Read the file, merge its people into the desired state, show the change and write it.

    The exit code is that of `import_people`. Raises `UsageError` for options that do not fit, `SourceError` for a file
    that cannot be read as it was meant.
    """
    if options.on_missing not in _ON_MISSING:
        summary = f"--on-missing {quote(shorten(options.on_missing, 20))} is not known"
        raise UsageError(summary, f"It is {', '.join(_ON_MISSING)}.")
    metrics = RunMetrics("import csv")

    def run_import() -> ExitCode:
        return _import_csv(workspace, options, metrics, terminal)

    def import_and_notify() -> ExitCode:
        return notify_of_import(workspace, terminal, run_import, writes=not (options.dry_run or options.check))

    return measure(options.metrics, metrics, workspace, terminal, import_and_notify)


def _import_csv(workspace: Workspace, options: ImportCsvOptions, metrics: RunMetrics, terminal: Terminal) -> ExitCode:
    flags = (options.format, options.dry_run, options.check, options.approve)
    shared = PeopleImportOptions("import csv", *flags, metrics=metrics)
    files = read_state_files(workspace.state)
    current = files.current
    snapshot = read_csv(options.file, _build_options(workspace, options, current.users))
    snapshot = confirm_missing(snapshot, current.users, PLACE, options.on_missing)
    snapshot = replace(snapshot, notes=(*snapshot.notes, *_note_unassigned(snapshot, current)))
    rules = MergeRules(place=PLACE, on_missing=options.on_missing)
    return import_people(workspace, snapshot, rules, shared, terminal, before=files)


def _note_unassigned(snapshot: Snapshot, current: CurrentState) -> Iterator[str]:
    """Yield the note that new users get no account yet: a CSV file assigns no one."""
    new = [
        Entity(USER, person.name, {"objectId": person.object_id}, PLACE) for person in find_new(snapshot, current.users)
    ]
    unassigned = len(find_unassigned(current, new))
    if unassigned:
        which = "1 new user gets" if unassigned == 1 else f"{unassigned:,} new users get"
        yield f"{which} no account yet: a CSV file assigns no one. Add them to a group, or to `assigned` in scope.yaml."


def _build_options(workspace: Workspace, options: ImportCsvOptions, users: Sequence[Entity]) -> CsvOptions:
    mapped, matching = _list_inputs(workspace)
    held = {name for user in users for name in user.fields if not name.startswith("lifecycle.")}
    known = frozenset(mapped | held)
    return CsvOptions(
        columns=parse_columns(options.maps, known),
        delimiter=parse_delimiter(options.delimiter),
        encoding=options.encoding,
        dates=parse_dates(options.dates),
        known=known,
        matching=frozenset(matching),
        users=tuple(users),
    )


def _list_inputs(workspace: Workspace) -> tuple[set[str], set[str]]:
    """Return the attributes that mappings read, and those by which accounts are found; errors are reported later."""
    directory = Directory(workspace.state)
    settings = directory.read_settings()
    if settings is None:
        return set(), set()
    rows = compile_mappings(directory, PROFILES[settings.value.target.profile], workspace.now).rows
    matching = {name for row in rows if row.match or row.target == "externalId" for name in row.inputs}
    return {name for row in rows for name in row.inputs}, matching
