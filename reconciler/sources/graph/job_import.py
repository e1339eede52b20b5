"""Take over the provisioning job: its mappings and filters, and its settings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize
from reconciler.entra.report import build_warnings
from reconciler.entra.schema_import import import_schema
from reconciler.entra.scope_edit import list_filters, read_filters, replace_filters
from reconciler.entra.synchronization_schema import read_schema
from reconciler.entra.translation import FindingKind, ImportedSchema
from reconciler.entra.yaml_writer import ENTRA_COMMAND, render_mappings
from reconciler.errors import SchemaError, SourceError
from reconciler.sources.graph.client import GraphClient
from reconciler.sources.graph.job import ProvisioningJob, read_job, read_job_schema, read_job_settings
from reconciler.sources.import_plan import FurtherFiles, ImportPlan
from reconciler.sources.job_settings import JobSettings, describe_job_settings, edit_settings
from reconciler.sources.merge_mappings import merge_mappings
from reconciler.sources.snapshot import Snapshot
from reconciler.sources.state_files import MAPPINGS, SCOPE, StateFiles

MAPPINGS_PART, SETTINGS_PART = "mappings", "settings"
"""What `--with` names."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What to read. `parts`: MAPPINGS_PART, SETTINGS_PART. `job`, `rule`: which one, if there are several.

    `users`: source.entra.users. `now`: in UTC.
    """

    parts: Collection[str]
    profile: TargetProfile
    now: datetime
    users: str = "assigned"
    job: str | None = None
    rule: str | None = None


def read_job_import(graph: GraphClient, application: str, request: JobRequest) -> JobImport:
    """Read a job. `application`: the object id of the enterprise application. Raises `SourceError`."""
    job = read_job(graph, application, request.job)
    settings = read_job_settings(graph, application) if SETTINGS_PART in request.parts else None
    if settings is not None and settings.sync == "all" and request.users != "all":
        raise SourceError(
            "Entra's provisioning job provisions every user of the tenant, and source.entra.users is assigned",
            "The users that are not assigned would lose their accounts. Write `users: all` under source.entra in"
            " settings.yaml, or leave settings out of --with.",
        )
    schema = _read_schema(graph, job, request) if MAPPINGS_PART in request.parts else None
    return JobImport(job, settings, schema)


def _read_schema(graph: GraphClient, job: ProvisioningJob, request: JobRequest) -> ImportedSchema:
    content = read_job_schema(graph, job)
    try:
        return import_schema(read_schema(content), request.profile, request.rule, request.now)
    except SchemaError as exc:
        raise SourceError(f"the schema of the provisioning job cannot be used: {exc.summary}", exc.detail) from exc


@dataclass(frozen=True, slots=True)
class JobImport:
    """A job as it was read; None: that part was not asked for."""

    job: ProvisioningJob
    settings: JobSettings | None = None
    schema: ImportedSchema | None = None

    @property
    def is_partial(self) -> bool:
        """Whether a part of the schema has no equivalent."""
        return self.schema is not None and any(
            finding.kind is FindingKind.NO_EQUIVALENT for finding in self.schema.findings
        )

    @property
    def attributes(self) -> frozenset[str]:
        """The source attributes that the mappings and filters of the job read."""
        return frozenset(self.schema.attributes) if self.schema is not None else frozenset()

    def complete(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the job's choice between assigned and all users."""
        if self.settings is None or self.settings.sync is None or snapshot.scope is None:
            return snapshot
        return replace(snapshot, scope=replace(snapshot.scope, sync=self.settings.sync))

    def extend(self, plan: ImportPlan, files: StateFiles) -> ImportPlan:
        """Return the plan with the edits of settings.yaml and of an existing mappings.yaml."""
        edits, notes = list(plan.edits), [*plan.notes, *self._describe_job()]
        rows, current = self._list_rows(), files.current.mappings
        if rows is not None and current is not None:
            merged = merge_mappings(rows, current)
            edits += merged.edits
            notes += merged.notes
        if self.settings is not None and files.current.settings is not None:
            found = edit_settings(self.settings, files.current.settings)
            edits += [found.edit] if found.edit is not None else []
            notes += [describe_job_settings(self.settings), *found.notes]
        warnings = build_warnings(self.schema) if self.schema is not None else []
        return replace(plan, edits=tuple(edits), notes=tuple(notes), diagnostics=(*plan.diagnostics, *warnings))

    def revise(self, drafts: Mapping[str, bytes | None], files: StateFiles) -> FurtherFiles:
        """Return a new mappings.yaml, and scope.yaml with the filters. Raises `SourceError`."""
        if self.schema is None:
            return FurtherFiles()
        contents: dict[str, bytes] = {}
        lines: list[str] = []
        if files.current.mappings is None:
            contents[MAPPINGS] = render_mappings(self.schema, self._origin, ENTRA_COMMAND).encode()
            lines.append(f"{MAPPINGS}: new, with {pluralize(len(self._list_rows() or ()), 'row')} of Entra's job")
        scope = drafts.get(SCOPE) or files.contents.get(SCOPE)
        edited, line = self._edit_filters(scope.decode() if scope is not None else None, self.schema)
        if edited is not None:
            contents[SCOPE] = edited.encode()
        return FurtherFiles(contents, (*lines, *([line] if line else [])))

    def _edit_filters(self, scope: str | None, schema: ImportedSchema) -> tuple[str | None, str]:
        """Return the new text of scope.yaml and a line about it; None: it stays."""
        wanted = list_filters(schema)
        held = read_filters(scope) if scope is not None else []
        if wanted == held or (not wanted and not held):
            return None, ""
        if held and (not wanted or schema.filters.incomplete):
            return None, f"{SCOPE}: its filters stay, because Entra's are not all translated or there are none"
        if scope is None:
            raise SourceError(
                "the provisioning job has scoping filters, and there is no scope.yaml",
                "Import the assignments too: --with people,groups,scope,mappings.",
            )
        try:
            edited = replace_filters(scope, schema, self._origin, command=ENTRA_COMMAND)
        except SchemaError as exc:
            raise SourceError(exc.summary, f"Nothing was written. {exc.detail}") from exc
        what = f"{pluralize(len(held), 'filter group')} overridden by" if held else "with"
        return edited, f"{SCOPE}: {what} {pluralize(len(wanted), 'filter group')} of Entra's job"

    @property
    def _origin(self) -> str:
        return f"Microsoft Graph, job {self.job.id}"

    def _list_rows(self) -> Sequence[Mapping[str, str]] | None:
        if self.schema is None:
            return None
        return [{key: str(value) for key, value in row.entries.items()} for row in self.schema.rows if row.active]

    def _describe_job(self) -> Iterator[str]:
        """Yield what readers must know of the job before they apply."""
        if self.job.is_running:
            yield (
                "Entra's provisioning job is running: pause it (Enterprise applications > the application >"
                " Provisioning > Pause provisioning) before the first apply, or both change the same accounts."
            )
        if self.job.quarantine:
            yield f"Entra's provisioning job is in quarantine: {self.job.quarantine}"
        for finding in self.schema.findings if self.schema is not None else ():
            if finding.kind is not FindingKind.IGNORED:
                yield f"Entra's schema, {finding.kind}: {finding.subject}: {finding.reason}"
