"""What `import entra` and `import csv` share after the read: merge, guard, validate, show, write.

Files only: never git, never the target. Nothing is written unless the result is valid and within the limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Protocol

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.plan import Guard
from reconciler.core.planning.guards.approvals import apply_approvals
from reconciler.core.policy import Approval, Policy
from reconciler.core.text import escape_control, pluralize
from reconciler.desired.directory import Directory
from reconciler.desired.layout import is_read
from reconciler.desired.loader import BrokenState, CheckedState, check, load_policy
from reconciler.desired.work_tree import check_work_tree
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.errors import ExitCode, SourceError, UsageError
from reconciler.history.edits import USER
from reconciler.render.formats import DATA, check_format
from reconciler.render.import_changes import render_import
from reconciler.session.layered_files import refuse_layered
from reconciler.session.run_metrics import RunMetrics
from reconciler.session.state_edit import check_edited
from reconciler.session.terminal import Progress, Terminal
from reconciler.session.workspace import Workspace, approval_date
from reconciler.sources.departures import Departures, check_departures, find_departures
from reconciler.sources.import_plan import EntryEdit, FurtherFiles, ImportPlan, MergeRules
from reconciler.sources.import_report import ImportOutcome, ImportReport
from reconciler.sources.left_out import leave_out
from reconciler.sources.merge import keep_unlisted, merge
from reconciler.sources.read_back import ReadBack
from reconciler.sources.references import fills_dangling
from reconciler.sources.snapshot import GoneReason, Snapshot
from reconciler.sources.state_files import StateFiles, read_state_files
from reconciler.sources.writer import draft_files, write_files
from reconciler.tracing import trace_phase

_PROGRESS_EVERY = 1_000
"""Users."""
_BROKEN = "Nothing was written. Correct the files first; `reconciler validate` lists the errors."


class FurtherEdits(Protocol):
    """Edits other than those of people, groups and assignments."""

    @property
    def is_partial(self) -> bool:
        """Whether something of the source has no equivalent: exit code 5."""

    def extend(self, plan: ImportPlan, files: StateFiles) -> ImportPlan:
        """Return the plan with further edits and notes. Raises `SourceError`."""

    def revise(self, drafts: Mapping[str, bytes | None], files: StateFiles) -> FurtherFiles:
        """Return further contents, given those that the plan drafts. Raises `SourceError`."""


@dataclass(frozen=True, slots=True)
class PeopleImportOptions:
    """The options that all imports share.

    `command`: as typed, such as `import entra`, for messages. `check`: write nothing, exit 2 if files would change;
    `dry_run`: the same with exit 0. `approve`: the id of the removals that may exceed `guards.removals`, as a blocked
    import prints it. `further`: edits that belong to the same import.
    """

    command: str
    format: str = "text"
    dry_run: bool = False
    check: bool = False
    approve: str | None = None
    further: FurtherEdits | None = None
    metrics: RunMetrics = field(default_factory=lambda: RunMetrics("import"))

    @property
    def writes(self) -> bool:
        """Whether files are written."""
        return not (self.dry_run or self.check)


def import_people(
    workspace: Workspace,
    snapshot: Snapshot,
    rules: MergeRules,
    options: PeopleImportOptions,
    terminal: Terminal,
    *,
    before: StateFiles | None = None,
) -> ExitCode:
    """Merge a complete snapshot into the files of the desired state, show the change and write it.

    `before`: the files as they were before the source was read; they are read again only if one has changed since.

    The exit code: 0 done or nothing to do, 1 the result would be invalid, 2 files would change (`check`), 3 blocked by
    `guards.removals`, 5 some people could not be imported, the others were.

    Raises `UsageError` for options that do not go together, and `SourceError` if the files cannot be read or edited.
    """
    check_import_options(options, terminal)
    policy = load_policy(workspace.state, approval_date(workspace))
    if isinstance(policy, BrokenState):
        terminal.diagnostics(policy.diagnostics)
        return ExitCode.ERROR
    digests = _check_complete(workspace, terminal)
    files = before if before is not None and before.is_as_read(digests) else read_state_files(workspace.state)

    def plan_import(read: Snapshot) -> ImportPlan:
        plan = merge(read, files.current, rules)
        return options.further.extend(plan, files) if options.further is not None else plan

    unlisted = GoneReason.NOT_LISTED in snapshot.gone.values()
    careful = (lambda: plan_import(keep_unlisted(snapshot))) if unlisted else None
    plan = plan_import(snapshot)
    with trace_phase("edit the files"):
        return carry_out(workspace, files, plan, policy=policy, options=options, terminal=terminal, careful=careful)


def check_import_options(options: PeopleImportOptions, terminal: Terminal) -> None:
    """Check the options before anything is read. Raises `UsageError` if they do not go together."""
    check_format(options.format, DATA)
    if options.format == "json" and terminal.style.redact:
        raise UsageError("--redact cannot be combined with --format json", "Use --format text.")


def _check_complete(workspace: Workspace, terminal: Terminal) -> Mapping[str, str]:
    """Refuse files that are not all there: the people of a missing file would be added again to another one.

    Returns the sha256 of each file.
    """
    directory = Directory(workspace.state)
    directory.check_layout()
    directory.read_all()
    unseen = check_work_tree(directory)
    if unseen is not None or any(item.severity is Severity.ERROR for item in directory.diagnostics):
        terminal.diagnostics(directory.describe_problems())
        raise SourceError("the desired state cannot be read as a whole", "Nothing was written. See the errors above.")
    return {name: digest for name, digest in directory.digests.items() if is_read(name)}


def carry_out(
    workspace: Workspace,
    files: StateFiles,
    plan: ImportPlan,
    *,
    policy: Policy,
    options: PeopleImportOptions,
    terminal: Terminal,
    careful: Callable[[], ImportPlan] | None = None,
) -> ExitCode:
    """Guard, validate, show and write an import plan. Raises and returns as `import_people`.

    `careful`: returns the plan to take instead if a user has to be left out, who may be one that seems to be gone.
    """
    if fills_dangling(files.current, plan):
        _check_valid(workspace, terminal)
    departures = find_departures(files.current, plan)
    guard = _evaluate_guard(departures, policy, options, workspace)
    read_back = ReadBack()
    changed, lines = ({}, ()) if guard.blocks else _draft(files, plan, options, read_back)
    refuse_layered(workspace.state, changed)
    errors = _validate(workspace, changed, plan, terminal, read_back=read_back, users=_count_users(files, plan))
    reduced = _leave_out(workspace, files, plan, errors)
    if reduced is not None:
        reduced = careful() if careful is not None else reduced
        return carry_out(workspace, files, reduced, policy=policy, options=options, terminal=terminal)
    report = ImportReport(
        plan,
        files.locate,
        departures,
        guard,
        outcome=_find_outcome(guard, changed, options),
        command=options.command,
        today=approval_date(workspace),
        files=tuple(sorted(changed)),
        errors=(*plan.diagnostics, *errors),
        what_else=lines,
    )
    return _finish(report, partial(write_files, files, changed), workspace, options, terminal)


def _finish(
    report: ImportReport,
    write: Callable[[], None],
    workspace: Workspace,
    options: PeopleImportOptions,
    terminal: Terminal,
) -> ExitCode:
    """Write the files if they are to be written, note the counts of the import, show it, and return its exit code."""
    if report.outcome is ImportOutcome.WRITTEN:
        write()
    options.metrics.imported(report)
    _show(report, workspace, options, terminal)
    return _find_exit_code(report, options)


def _leave_out(
    workspace: Workspace, files: StateFiles, plan: ImportPlan, errors: Sequence[Diagnostic]
) -> ImportPlan | None:
    """Return the plan without the users that it alone would bring into error; None: it stays as it is."""
    before = check(workspace.state, workspace.now) if errors else None
    if before is None or isinstance(before, BrokenState):
        return None
    known = {item.address for item in before.diagnostics if item.severity is Severity.ERROR}
    edits = {edit.after.address: edit for edit in plan.edits if edit.after is not None}
    new = {
        address: edits[address]
        for item in errors
        if (address := item.address) is not None and _address_before(edits[address]) not in known
    }
    reduced = leave_out(plan, new)
    if reduced.edits == plan.edits:
        return None
    lost = tuple(_describe_left_out(item, files, new[str(item.address)]) for item in errors if item.address in new)
    return replace(reduced, diagnostics=(*plan.diagnostics, *lost))


def _address_before(edit: EntryEdit) -> str | None:
    return edit.before.address if edit.before is not None else ""


def _describe_left_out(item: Diagnostic, files: StateFiles, edit: EntryEdit) -> Diagnostic:
    """Return an error of an entry that is not written, at the entry that stays."""
    origin = files.locate(edit.before, None) if edit.before is not None else None
    what = "Its entry keeps its other values." if edit.before is not None else "It is not added."
    return replace(item, detail=f"{item.detail} {what}".strip(), origin=origin, source_line=None)


def _check_valid(workspace: Workspace, terminal: Terminal) -> None:
    """Refuse an invalid state whose references a new entry would fill: they may have meant another user or group."""
    before = check(workspace.state, workspace.now)
    if isinstance(before, BrokenState):
        terminal.diagnostics([item for item in before.diagnostics if item.severity is Severity.ERROR])
        raise SourceError("the desired state has errors", _BROKEN)


def _draft(
    files: StateFiles, plan: ImportPlan, options: PeopleImportOptions, read_back: ReadBack
) -> tuple[dict[str, bytes | None], tuple[str, ...]]:
    """Return the new contents of the files that change (None: the file is deleted), and lines about further edits."""
    drafts = draft_files(files, plan, read_back) if not plan.is_empty else {}
    further = options.further.revise(drafts, files) if options.further is not None else FurtherFiles()
    whole = {**drafts, **further.contents}
    changed = {name: content for name, content in whole.items() if content != files.contents.get(name)}
    return changed, further.lines


def _evaluate_guard(
    departures: Departures, policy: Policy, options: PeopleImportOptions, workspace: Workspace
) -> Guard:
    guard = check_departures(departures, policy.removals)
    given = (Approval(options.approve),) if options.approve is not None else ()
    today = approval_date(workspace)
    return apply_approvals([guard], (*policy.approvals, *given), departures.id, len(departures.people), today)[0]


def _find_outcome(guard: Guard, changed: Mapping[str, bytes | None], options: PeopleImportOptions) -> ImportOutcome:
    if guard.blocks:
        return ImportOutcome.BLOCKED
    if not changed:
        return ImportOutcome.UNCHANGED
    return ImportOutcome.WRITTEN if options.writes else ImportOutcome.SHOWN


def _find_exit_code(report: ImportReport, options: PeopleImportOptions) -> ExitCode:
    if report.outcome is ImportOutcome.BLOCKED:
        return ExitCode.BLOCKED
    if options.check and report.outcome is ImportOutcome.SHOWN:
        return ExitCode.CHANGES
    if report.plan.refused and not report.plan.unchanged and report.outcome is ImportOutcome.UNCHANGED:
        return ExitCode.ERROR  # not one user was imported
    lost = options.further is not None and options.further.is_partial
    partial = lost or report.plan.refused or any(item.severity is Severity.ERROR for item in report.errors)
    return ExitCode.PARTIAL if partial else ExitCode.OK


def _validate(
    workspace: Workspace,
    changed: Mapping[str, bytes | None],
    plan: ImportPlan,
    terminal: Terminal,
    *,
    read_back: ReadBack,
    users: int,
) -> list[Diagnostic]:
    """Return the errors of single users that the import adds or changes.

    `users`: how many there are after the import, for the progress.

    Raises `SourceError` if a file would not hold what was planned, or, with all errors shown, if the desired state is
    or would be invalid as a whole.
    """
    if not changed:
        read_back.finish(is_valid=False)
        return []
    shown = terminal if users >= _PROGRESS_EVERY else terminal.quieter()
    with shown.progress() as progress:
        after = check_edited(workspace, changed, _watch(read_back, users, progress))
    read_back.finish(is_valid=isinstance(after, CheckedState))
    if isinstance(after, BrokenState):
        before = check(workspace.state, workspace.now)
        broken = before if isinstance(before, BrokenState) else after
        terminal.diagnostics([item for item in broken.diagnostics if item.severity is Severity.ERROR])
        if broken is before:
            raise SourceError("the desired state has errors", _BROKEN)
        raise SourceError("the files would not be valid after this import", "Nothing was written. See the errors.")
    edited = {edit.after.address for edit in plan.edits if edit.after is not None}
    return [item for item in after.diagnostics if item.severity is Severity.ERROR and item.address in edited]


def _count_users(files: StateFiles, plan: ImportPlan) -> int:
    edits = [edit for edit in plan.edits if edit.entity.kind == USER]
    added, removed = sum(edit.before is None for edit in edits), sum(edit.after is None for edit in edits)
    return len(files.current.users) + added - removed


def _watch(read_back: ReadBack, users: int, progress: Progress) -> Callable[[str, YamlMapping], None]:
    """Return what sees each entry that is read: `read_back`, and the progress from time to time."""
    numbers = count(1)

    def see(name: str, item: YamlMapping) -> None:
        read_back.see(name, item)
        done = next(numbers)
        if done % _PROGRESS_EVERY == 0:
            progress("Checking users", done, users)

    return see


# --- output --------------------------------------------------------


def _show(report: ImportReport, workspace: Workspace, options: PeopleImportOptions, terminal: Terminal) -> None:
    if options.format == "json":
        # Pydantic is for machines only.
        from reconciler.render.import_document import render_import_json  # noqa: PLC0415

        terminal.result(render_import_json(report))
        return
    if report.errors:
        terminal.diagnostics(report.errors, f"{options.command} --dry-run")
    text = render_import(report, terminal.style, whole=terminal.is_verbose)
    terminal.result(text + _describe_next_steps(report, workspace, options, terminal))


def _describe_next_steps(
    report: ImportReport, workspace: Workspace, options: PeopleImportOptions, terminal: Terminal
) -> str:
    count = pluralize(len(report.files), "file")
    if report.outcome is ImportOutcome.SHOWN:
        flag = "--check" if options.check else "--dry-run"
        return f"\nThis would edit {count}. Nothing was written ({flag}).\n"
    if report.outcome is not ImportOutcome.WRITTEN:
        return ""
    paths = [escape_control(str(workspace.state / name)) for name in report.files]
    names = "" if terminal.style.redact else "".join(f"  {path}\n" for path in paths)
    return (
        f"\nEdited {count}{':' if names else '.'}\n{names}\nNothing was sent anywhere. Next:\n"
        "  git diff                  review the edit\n"
        "  reconciler plan           see what it would change\n"
        "  git commit, git push      and open a pull request, as for any change\n"
    )
