"""`import entra`: people, groups and assignments of an enterprise application, read by Microsoft Graph."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.core.model import Severity, error
from reconciler.core.text import quote, shorten
from reconciler.desired import schema
from reconciler.desired.directory import Directory
from reconciler.desired.mappings import compile_mappings
from reconciler.desired.scope import read_scope
from reconciler.desired.validation import LocatedModel
from reconciler.errors import ExitCode, SourceError, UsageError
from reconciler.profiles import PROFILES
from reconciler.session.people_import import PeopleImportOptions, check_import_options, import_people
from reconciler.session.terminal import Terminal
from reconciler.session.waiting import WaitReport
from reconciler.session.workspace import Workspace, current_time
from reconciler.sources.attributes import Selection, collect_inputs, select_attributes
from reconciler.sources.graph.client import GraphClient
from reconciler.sources.graph.credentials import Waiting, open_entra
from reconciler.sources.graph.read import EntraRequest, read_entra
from reconciler.sources.import_plan import MergeRules
from reconciler.sources.snapshot import Snapshot
from reconciler.sources.state_files import read_state_files

PARTS = ("people", "groups", "scope")
"""What `--with` can name. Each part needs those before it: groups name people, assignments name both."""
ON_MISSING = ("report", "disable", "remove")
_Settings: TypeAlias = LocatedModel[schema.Settings]


@dataclass(frozen=True, slots=True)
class EntraImportOptions:
    """The command line of `import entra`. `on_missing` None: that of settings.yaml."""

    parts: str = ",".join(PARTS)
    on_missing: str | None = None
    approve: str | None = None
    dry_run: bool = False
    check: bool = False
    format: str = "text"


def run_import_entra(workspace: Workspace, options: EntraImportOptions, terminal: Terminal) -> ExitCode:
    """Read the enterprise application, merge its people into the desired state, show the change and write it.

    The exit code is that of `import_people`. Raises `UsageError` for options that do not fit, `SourceError` if a part
    cannot be read, or cannot be proved to be complete.
    """
    shared = PeopleImportOptions("import entra", options.format, options.dry_run, options.check, options.approve)
    check_import_options(shared, terminal)
    parts = parse_parts(options.parts)
    if options.on_missing is not None and options.on_missing not in ON_MISSING:
        raise UsageError(f"--on-missing is {', '.join(ON_MISSING[:-1])} or {ON_MISSING[-1]}")
    settings = _read_rules(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    located, source, selection = settings
    known = frozenset(each.object_id for each in read_state_files(workspace.state).current.users if each.object_id)
    snapshot = _read(source, selection, known, parts, terminal)
    rules = MergeRules(
        place=source.place,
        keep=frozenset(source.keep),
        on_missing=options.on_missing or source.on_missing,
        place_origin=located.at("source", "entra", "place"),
    )
    return import_people(workspace, snapshot, rules, shared, terminal)


def parse_parts(text: str) -> frozenset[str]:
    """Parse `--with`. Raises `UsageError` for an unknown part, or for one without those that it needs."""
    parts = frozenset(part.strip() for part in text.split(","))
    unknown = sorted(parts.difference(PARTS))
    if unknown:
        raise UsageError(f"--with has no part {quote(shorten(unknown[0], 40))}", f"There are {', '.join(PARTS)}.")
    for part, needed in (("scope", "groups"), ("groups", "people")):
        if part in parts and needed not in parts:
            raise UsageError(f"--with {part} needs {needed}", f"Write --with {','.join(PARTS)}, or leave it out.")
    return parts


def _read(
    source: schema.EntraSource, selection: Selection, known: frozenset[str], parts: frozenset[str], terminal: Terminal
) -> Snapshot:
    with _open(source, terminal) as client, terminal.progress() as progress:
        request = EntraRequest(
            source,
            selection,
            current_time(),
            known,
            groups="groups" in parts,
            scope="scope" in parts,
            progress=lambda done, total: progress("Reading users", done, total),
        )
        return read_entra(client, request)


def _open(source: schema.EntraSource, terminal: Terminal) -> AbstractContextManager[GraphClient]:
    waiting = Waiting(on_wait=WaitReport(terminal))
    return open_entra(source.tenant, source.client_id, source.cloud, waiting=waiting)


# --- settings -------------------------------------------------------------------


def _read_rules(workspace: Workspace, terminal: Terminal) -> tuple[_Settings, schema.EntraSource, Selection] | None:
    """Return settings and the attributes to read; None, with all errors shown, if a file that decides is invalid."""
    directory = Directory(workspace.state)
    directory.check_layout()
    settings = directory.read_settings()
    scope = read_scope(directory, workspace.now.date())
    rows = compile_mappings(directory, PROFILES[settings.value.target.profile], workspace.now).rows if settings else ()
    source = settings.value.source.entra if settings else None
    selection = Selection(())
    if settings is not None and source is not None:
        inputs = collect_inputs(rows, (name for name, *_ in scope.inputs), source.place)
        selection = select_attributes(inputs if source.attributes == "auto" else source.attributes)
        _check_selection(settings, source, selection, directory)
    if any(item.severity is Severity.ERROR for item in directory.diagnostics):
        terminal.diagnostics(directory.describe_problems())
        return None
    if settings is None or source is None:
        raise SourceError(
            "settings.yaml has no source.entra",
            "Add tenant and application under source.entra: docs/entra-import.md shows how.",
        )
    return settings, source, selection


def _check_selection(
    settings: _Settings, source: schema.EntraSource, selection: Selection, directory: Directory
) -> None:
    """Report the listed attributes that cannot be read. Of `auto`, they are git's own."""
    if source.attributes == "auto":
        return
    for each in selection.unavailable:
        origin = settings.at("source", "entra", "attributes", source.attributes.index(each.name))
        summary = f"source.entra.attributes: {quote(shorten(each.name, 80))} cannot be read: {each.reason}"
        directory.report(error(summary, "Remove it, or write `attributes: auto`.", origin))
