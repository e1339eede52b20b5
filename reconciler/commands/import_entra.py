"""`import entra`: people, groups and assignments of an enterprise application, read by Microsoft Graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from reconciler.core.expiry import ConnectionCredential
from reconciler.core.model import Severity, error, warning
from reconciler.core.text import quote, shorten
from reconciler.desired import schema
from reconciler.desired.credentials import build_credentials
from reconciler.desired.directory import Directory
from reconciler.desired.mappings import compile_mappings
from reconciler.desired.scope import read_scope
from reconciler.desired.source_settings import EntraSource
from reconciler.desired.validation import LocatedModel
from reconciler.errors import ExitCode, PlanFileError, UsageError
from reconciler.profiles import PROFILES
from reconciler.session.entra_source import open_source, require_entra_source
from reconciler.session.graph_credential import note_expiry
from reconciler.session.notifications import notify_of_import
from reconciler.session.people_import import PeopleImportOptions, check_import_options, import_people
from reconciler.session.run_metrics import RunMetrics, measure
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, current_time
from reconciler.sources.attributes import AttributeSelection, collect_inputs, select_attributes
from reconciler.sources.graph.assignments import find_application
from reconciler.sources.graph.delta import DeltaFile
from reconciler.sources.graph.job_import import MAPPINGS_PART, SETTINGS_PART, JobImport, JobRequest, read_job_import
from reconciler.sources.graph.people import read_users
from reconciler.sources.graph.read import EntraRequest, read_entra
from reconciler.sources.import_plan import CurrentState, MergeRules
from reconciler.sources.merge_groups import list_named
from reconciler.sources.snapshot import Snapshot
from reconciler.sources.state_files import read_state_files
from reconciler.tracing import trace_phase

PARTS = ("people", "groups", "scope")
"""What `--with` names by default. Each part needs those before it: groups name people, assignments name both."""
JOB_PARTS = (MAPPINGS_PART, SETTINGS_PART)
"""What else `--with` can name: parts of the provisioning job. Each needs all of `PARTS`."""
ON_MISSING = ("report", "disable", "remove")
_Settings: TypeAlias = LocatedModel[schema.Settings]


@dataclass(frozen=True, slots=True)
class EntraImportOptions:
    """The command line of `import entra`. `on_missing` None: that of settings.yaml.

    `job`, `rule`: the provisioning job and its mapping of users, if there are several.
    """

    parts: str = ",".join(PARTS)
    on_missing: str | None = None
    approve: str | None = None
    dry_run: bool = False
    check: bool = False
    format: str = "text"
    delta: Path | None = None
    """The file that lets the next import read only what changed."""
    job: str | None = None
    rule: str | None = None
    metrics: Path | None = None


def run_import_entra(workspace: Workspace, options: EntraImportOptions, terminal: Terminal) -> ExitCode:
    """Read the enterprise application, merge its people into the desired state, show the change and write it.

    The exit code is that of `import_people`. Raises `UsageError` for options that do not fit, `SourceError` if a part
    cannot be read, or cannot be proved to be complete.
    """
    metrics = RunMetrics("import entra")

    def run_import() -> ExitCode:
        return _import_entra(workspace, options, metrics, terminal)

    def import_and_notify() -> ExitCode:
        return notify_of_import(workspace, terminal, run_import, writes=not (options.dry_run or options.check))

    return measure(options.metrics, metrics, workspace, terminal, import_and_notify)


def _import_entra(
    workspace: Workspace, options: EntraImportOptions, metrics: RunMetrics, terminal: Terminal
) -> ExitCode:
    flags = (options.format, options.dry_run, options.check, options.approve)
    shared = PeopleImportOptions("import entra", *flags, metrics=metrics)
    check_import_options(shared, terminal)
    parts = parse_parts(options.parts)
    _check_choices(options, parts)
    delta = DeltaFile(options.delta) if options.delta is not None else None
    settings = _read_rules(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    located, source, inputs = settings
    files = read_state_files(workspace.state)
    profile = PROFILES[located.value.target.profile]
    wanted = JobRequest(parts, profile, workspace.now, source.users, options.job, options.rule)
    credentials = build_credentials(located, profile)
    reading = _EntraReading(source, inputs, files.current, wanted, delta, credentials)
    snapshot, job = _read(reading, terminal)
    rules = MergeRules(
        place=source.place,
        keep=frozenset(source.keep),
        on_missing=options.on_missing or source.on_missing,
        place_origin=located.at("source", "entra", "place"),
    )
    if delta is not None:
        terminal.note(delta.outcome)
    code = import_people(workspace, snapshot, rules, replace(shared, further=job), terminal, before=files)
    if delta is not None and shared.writes and code in (ExitCode.OK, ExitCode.PARTIAL):
        _save(delta, terminal)
    return code


def _save(delta: DeltaFile, terminal: Terminal) -> None:
    """Save the file for the next import. Without it that import reads everything, so a failure is a warning."""
    try:
        delta.save()
    except PlanFileError as exc:
        terminal.diagnostics([warning(f"the delta file is not kept: {exc.summary}", exc.detail)])


def _check_choices(options: EntraImportOptions, parts: frozenset[str]) -> None:
    if options.on_missing is not None and options.on_missing not in ON_MISSING:
        raise UsageError(f"--on-missing is {', '.join(ON_MISSING[:-1])} or {ON_MISSING[-1]}")
    if options.job is not None and parts.isdisjoint(JOB_PARTS):
        raise UsageError("--job needs --with mappings or --with settings", "Nothing else is read from a job.")
    if options.rule is not None and MAPPINGS_PART not in parts:
        raise UsageError("--rule needs --with mappings", "It chooses the mapping of users.")


def parse_parts(text: str) -> frozenset[str]:
    """Parse `--with`. Raises `UsageError` for an unknown part, or for one without those that it needs."""
    parts = frozenset(part.strip() for part in text.split(","))
    known = (*PARTS, *JOB_PARTS)
    unknown = sorted(parts.difference(known))
    if unknown:
        raise UsageError(f"--with has no part {quote(shorten(unknown[0], 40))}", f"There are {', '.join(known)}.")
    needs = (("scope", "groups"), ("groups", "people"), *((part, "scope") for part in JOB_PARTS))
    for part, needed in needs:
        if part in parts and needed not in parts:
            whole = ",".join(each for each in known if each in PARTS or each in parts)
            raise UsageError(f"--with {part} needs {needed}", f"Write --with {whole}, or leave it out.")
    return parts


@dataclass(frozen=True, slots=True)
class _EntraReading:
    """What to read. `inputs`: the attributes that mappings, filters and `place` read. `current`: what git has."""

    source: EntraSource
    inputs: frozenset[str]
    current: CurrentState
    wanted: JobRequest
    delta: DeltaFile | None
    credentials: tuple[ConnectionCredential, ...]


def _read(reading: _EntraReading, terminal: Terminal) -> tuple[Snapshot, JobImport | None]:
    """Read the job first, because its mappings say which attributes are needed."""
    source, parts, users = reading.source, reading.wanted.parts, reading.current.users
    with open_source(source, terminal) as client, terminal.progress() as progress:
        job = None
        if any(part in parts for part in JOB_PARTS):
            job = read_job_import(client, find_application(client, source.application).object_id, reading.wanted)
        selection = _select(source, reading.inputs | (job.attributes if job is not None else frozenset()))
        now = current_time()
        request = EntraRequest(
            source,
            selection,
            now,
            frozenset(each.object_id for each in users) - {""},
            groups="groups" in parts,
            scope="scope" in parts,
            progress=lambda done, total: progress("Reading users", done, total),
            count_held=lambda name: sum(name in each.fields for each in users),
            known_groups=tuple(list_named(reading.current)),
        )
        read = reading.delta.open(source, selection, now) if reading.delta is not None else read_users
        with trace_phase("read the source"):
            snapshot = read_entra(client, request, read)
        note_expiry(client, source, reading.credentials, now.date(), terminal)
    return (job.complete(snapshot) if job is not None else snapshot), job


# --- settings -------------------------------------------------------------------


def _select(source: EntraSource, inputs: frozenset[str]) -> AttributeSelection:
    """Return the attributes to read."""
    return select_attributes(inputs if source.attributes == "auto" else source.attributes)


def _read_rules(workspace: Workspace, terminal: Terminal) -> tuple[_Settings, EntraSource, frozenset[str]] | None:
    """Return settings and the attributes that they name; None, with all errors shown, if one of them is invalid."""
    directory = Directory(workspace.state)
    directory.check_layout()
    settings = directory.read_settings()
    scope = read_scope(directory, workspace.now.date())
    rows = compile_mappings(directory, PROFILES[settings.value.target.profile], workspace.now).rows if settings else ()
    source = settings.value.source.entra if settings else None
    inputs: frozenset[str] = frozenset()
    if settings is not None and source is not None:
        inputs = collect_inputs(rows, (name for name, *_ in scope.inputs), source.place)
        _check_selection(settings, source, _select(source, inputs), directory)
    if any(item.severity is Severity.ERROR for item in directory.diagnostics):
        terminal.diagnostics(directory.describe_problems())
        return None
    return (settings, require_entra_source(source), inputs) if settings is not None else None


def _check_selection(
    settings: _Settings, source: EntraSource, selection: AttributeSelection, directory: Directory
) -> None:
    """Report the listed attributes that cannot be read. Of `auto`, they are git's own."""
    if source.attributes == "auto":
        return
    for each in selection.unavailable:
        origin = settings.at("source", "entra", "attributes", source.attributes.index(each.name))
        summary = f"source.entra.attributes: {quote(shorten(each.name, 80))} cannot be read: {each.reason}"
        directory.report(error(summary, "Remove it, or write `attributes: auto`.", origin))
