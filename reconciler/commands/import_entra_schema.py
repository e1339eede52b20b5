"""`import entra-schema`: mappings.yaml and the filters of scope.yaml from an exported synchronization schema."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconciler.core.profile import TargetProfile
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import escape_control, quote
from reconciler.desired.directory import Directory
from reconciler.desired.editor_lines import build_editor_line
from reconciler.desired.layout import EDITOR_COMMENT
from reconciler.entra.report import build_warnings, format_findings, list_next_steps
from reconciler.entra.schema_import import import_schema
from reconciler.entra.scope_edit import replace_filters
from reconciler.entra.synchronization_schema import MAX_BYTES, read_schema
from reconciler.entra.translation import FindingKind, ImportedSchema
from reconciler.entra.yaml_writer import render_mappings, render_scope
from reconciler.errors import ExitCode, SchemaError, UsageError
from reconciler.profiles import PROFILES
from reconciler.record.files import write_text
from reconciler.session.layered_files import refuse_layered
from reconciler.session.terminal import Terminal

_DEFAULT_PROFILE = "apple-business-manager"
_LONGEST_LINE = 1_000
_SEE = "Run `reconciler validate` to see what is wrong with it."


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """`profile` None: that of settings.yaml. `dry_run`: both files to stdout. `force`: replace existing content."""

    file: Path
    profile: str | None = None
    rule: str | None = None
    dry_run: bool = False
    force: bool = False


def run_import_entra_schema(state: Path, options: ImportOptions, now: datetime, terminal: Terminal) -> ExitCode:
    """Write or show both files, and list what has no equivalent; the exit code is 5 then.

    Raises `SchemaError` for a file that cannot be read, used or replaced, `SourceError` for one that layers of a fleet
    give, and `UsageError` for an unknown profile.
    """
    directory = Directory(state)
    refuse_layered(state, ("mappings.yaml", "scope.yaml"))
    profile = _choose_profile(directory, options.profile)
    imported = import_schema(read_schema(_read_schema_file(options.file)), profile, options.rule, now)
    mappings = _read_editor_line(directory) + render_mappings(imported, options.file.name)
    scope = _edit_scope(directory, imported, options.file.name, force=options.force or options.dry_run)
    paths = state / "mappings.yaml", state / "scope.yaml"
    if options.dry_run:
        report = terminal.note
        terminal.result(f"# ---- {_format_path(paths[0])}\n{mappings}\n# ---- {_format_path(paths[1])}\n{scope}")
    else:
        report = terminal.result
        if directory.has("mappings.yaml") and not options.force:
            raise SchemaError(f"{paths[0]} exists already", "Move it away, or replace it with --force.")
        write_text(paths[0], mappings)
        write_text(paths[1], scope)
        report(f"Wrote {_format_path(paths[0])} and {_format_path(paths[1])}.")
    report("\n".join(map(escape_control, [*format_findings(imported.findings), *list_next_steps(imported)])))
    if found := build_warnings(imported):
        terminal.diagnostics(found)
    lost = any(finding.kind is FindingKind.NO_EQUIVALENT for finding in imported.findings)
    return ExitCode.PARTIAL if lost else ExitCode.OK


def _read_editor_line(directory: Directory) -> str:
    """Return the line of mappings.yaml by which editors find its schema: the one that it has; "" without a schema."""
    path = directory.root / "mappings.yaml"
    if not path.is_file():
        return build_editor_line(directory.root, path.name)
    with path.open(encoding="utf-8", errors="replace") as file:
        line = file.readline(_LONGEST_LINE)
    return line if line.startswith(EDITOR_COMMENT) and line.endswith("\n") else ""


def _format_path(path: Path) -> str:
    return escape_control(str(path))


def _choose_profile(directory: Directory, name: str | None) -> TargetProfile:
    if name is None and directory.has("settings.yaml"):
        settings = directory.read_settings()
        if settings is None:
            raise SchemaError("settings.yaml cannot be used to find the profile", f"{_SEE} Or name it with --profile.")
        name = settings.value.target.profile
    found = PROFILES.get(name or _DEFAULT_PROFILE)
    if found is None:
        raise UsageError(f"there is no profile {quote(name or '')}", f"There are {', '.join(PROFILES)}.")
    return found


def _read_schema_file(file: Path) -> bytes:
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SchemaError(f"{file} is not a regular file", "Name the exported schema.")
        if status.st_size > MAX_BYTES:
            raise SchemaError(f"{file} is larger than {MAX_BYTES // 1024 // 1024} MiB", "That is no exported schema.")
        return file.read_bytes()
    except OSError as exc:
        raise SchemaError(
            f"cannot read {file}: {describe_os_error(exc)}", advise(exc, "Name the exported schema.")
        ) from exc


# --- scope.yaml -----------------------------------------------------------------


def _edit_scope(directory: Directory, imported: ImportedSchema, file: str, *, force: bool) -> str:
    """Return the new scope.yaml: the existing one, if any, with the filters at its end."""
    if not directory.has("scope.yaml"):
        return build_editor_line(directory.root, "scope.yaml") + render_scope(imported, file)
    found = directory.read_scope()
    path = directory.root / "scope.yaml"
    if found is None:
        raise SchemaError(f"{path} cannot be used", _SEE)
    if found.value.filters and not force:
        raise SchemaError(f"{path} has filters already", "Remove them, or replace them with --force.")
    return replace_filters(path.read_bytes().decode("utf-8"), imported, file, str(path))
