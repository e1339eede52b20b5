"""`add user`: write a new user and its memberships of groups into the files, and show what it means."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.commands.plan import PlanOptions, run_plan
from reconciler.core.field_change import Field
from reconciler.core.scope.trace import trace_scope
from reconciler.core.text import escape_control, format_names, quote
from reconciler.core.values import fold_case
from reconciler.desired.directory import Directory
from reconciler.desired.layout import is_read
from reconciler.desired.loader import BrokenState, load
from reconciler.errors import ExitCode, ReconcilerError, UsageError
from reconciler.history.edits import USER, Entity
from reconciler.render.explanation import render_scope
from reconciler.render.formats import OutputOptions
from reconciler.session.state_edit import Contents, diff_contents, edited_copy, find_new_errors
from reconciler.session.tenant_token import TOKEN_SOURCES
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace
from reconciler.sources.csv_file.columns import fold_header
from reconciler.sources.csv_file.formats import SECRETS
from reconciler.sources.import_plan import EntryEdit, ImportPlan
from reconciler.sources.state_files import StateFiles, read_state_files
from reconciler.sources.writer import draft_files, write_files

DEFAULT_FILE = "users/people.yaml"
_MEMBERS = "members.users"
_UPN = "userPrincipalName"
_TOKENS = (*TOKEN_SOURCES, "RECONCILER_TOKEN_STORE")
_SHOWN = 20
Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class AddUserOptions:
    """The command line of `add user`. `values`: `attribute=value`; one that is repeated is a list."""

    upn: str | None = None
    given_name: str | None = None
    surname: str | None = None
    groups: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    file: str | None = None
    offline: bool = False
    dry_run: bool = False


def run_add_user(workspace: Workspace, options: AddUserOptions, terminal: Terminal, ask: Ask | None = None) -> ExitCode:
    """Add the user to its file and its groups, and show the edit, the scope, and the plan if a service is at hand.

    `ask`: asks for a value; None: the terminal, if there is one. Nothing is written if the result has new errors.

    Raises `UsageError` for values that are missing or wrong, `ReconcilerError` if there is such a user already.
    """
    files = read_state_files(workspace.state)
    options = _complete(options, files, ask or _find_terminal())
    fields = _build_fields(options)
    _refuse_duplicate(files, fields)
    entity = Entity(USER, str(fields[_UPN]), fields, _choose_file(workspace, files, options.file))
    plan = ImportPlan("add user", (EntryEdit(None, entity), *_join_groups(files, options.groups, entity.name)))
    changed = draft_files(files, plan)
    scope = _check(workspace, changed, entity, terminal)
    before = {name: files.contents.get(name) for name in changed}
    terminal.result(diff_contents(before, changed) + scope)
    if options.dry_run:
        terminal.result("\nNothing was written (--dry-run).")
        return ExitCode.OK
    write_files(files, changed)
    terminal.result(_describe_next_steps(workspace, changed))
    return _show_plan(workspace, options, entity.name, terminal)


# --- what to add --------------------------------------------------------------------


def _find_terminal() -> Ask | None:
    return input if sys.stdin.isatty() and sys.stdout.isatty() else None


def _complete(options: AddUserOptions, files: StateFiles, ask: Ask | None) -> AddUserOptions:
    """Ask for what the command line does not give; with --upn it gives everything."""
    if options.upn is not None:
        return options
    if ask is None:
        raise UsageError("--upn is missing, and there is no terminal to ask on", "Such as --upn ada@example.com.")
    try:
        upn = ask(f"{_UPN}: ")
        given_name = options.given_name if options.given_name is not None else ask("givenName: ")
        surname = options.surname if options.surname is not None else ask("surname: ")
        groups = options.groups or _ask_for_groups(files, ask)
    except EOFError:
        raise UsageError("no answer", "Nothing was written.") from None
    return replace(options, upn=upn, given_name=given_name, surname=surname, groups=groups)


def _ask_for_groups(files: StateFiles, ask: Ask) -> tuple[str, ...]:
    names = [escape_control(group.name) for group in files.current.groups]
    if not names:
        return ()
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    answer = ask(f"groups, with commas between them ({', '.join(names[:_SHOWN])}{more}): ")
    return tuple(name.strip() for name in answer.split(",") if name.strip())


def _build_fields(options: AddUserOptions) -> dict[str, Field]:
    given: dict[str, list[str]] = {}
    for key, value in ((_UPN, options.upn), ("givenName", options.given_name), ("surname", options.surname)):
        if value is not None and value.strip():
            given[key] = [value.strip()]
    for each in options.values:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {quote(each)} is not attribute=value", "Such as --set department=Engineering.")
        if fold_header(key) in SECRETS:
            raise UsageError(
                f"--set {quote(key)}: passwords are not stored", "The desired state is in git. Leave it out."
            )
        if key in (_UPN, "givenName", "surname") and key in given:
            raise UsageError(f"{key} is given twice", "Name each attribute once.")
        if value:
            given.setdefault(key.strip(), []).append(value)
    if _UPN not in given:
        raise UsageError(f"the {_UPN} is empty", "Such as --upn ada@example.com.")
    return {key: values[0] if len(values) == 1 else tuple(values) for key, values in given.items()}


def _refuse_duplicate(files: StateFiles, fields: Mapping[str, Field]) -> None:
    """Raise `ReconcilerError` if a user has this userPrincipalName or objectId already."""
    for key in (_UPN, "objectId"):
        wanted = fold_case(str(fields.get(key, "")))
        found = next((each for each in files.current.users if wanted == fold_case(str(each.fields.get(key, "")))), None)
        if found is not None and wanted:
            place = files.locate(found, key)
            raise ReconcilerError(
                f"{place}: {found.address} has this {key} already", "Nothing was written. Edit that entry instead."
            )


def _choose_file(workspace: Workspace, files: StateFiles, wanted: str | None) -> str:
    """Return the file of the user: the wanted one, else the only one, else `users/people.yaml`."""
    if wanted is None:
        known = [name for name in files.current.files if name.startswith("users/")]
        return known[0] if len(known) == 1 else DEFAULT_FILE
    name = wanted.removeprefix(f"{workspace.state.as_posix()}/")
    if not is_read(name) or not name.startswith("users/"):
        raise UsageError(f"--file {quote(wanted)} is no YAML file in users/", f"Such as --file {DEFAULT_FILE}.")
    return name


def _join_groups(files: StateFiles, names: Sequence[str], user: str) -> list[EntryEdit]:
    """Return the edits of the groups. Raises `UsageError` for a group that does not exist."""
    by_name = {fold_case(group.name): group for group in files.current.groups}
    edits = []
    for name in dict.fromkeys(map(fold_case, names)):
        group = by_name.get(name)
        if group is None:
            near = difflib.get_close_matches(name, by_name, 1)
            hint = f"Did you mean {quote(by_name[near[0]].name)}?" if near else _list_groups(files)
            raise UsageError(f"there is no group {quote(name)}", f"{hint} Nothing was written.")
        members = group.fields.get(_MEMBERS, ())
        members = members if isinstance(members, tuple) else (members,)
        fields = {**group.fields, _MEMBERS: (*members, user)}
        edits.append(EntryEdit(group, Entity(group.kind, group.name, fields, group.file)))
    return edits


def _list_groups(files: StateFiles) -> str:
    names = [group.name for group in files.current.groups]
    return f"The groups are {format_names(names, _SHOWN)}." if names else "The desired state has no groups."


# --- what it means ------------------------------------------------------------------


def _check(workspace: Workspace, changed: Contents, entity: Entity, terminal: Terminal) -> str:
    """Return whether the user is in scope, and why. Raises `ReconcilerError` if the edited state has new errors."""
    with edited_copy(workspace.state, changed) as copy:
        after = load(copy, workspace.now)
        errors = find_new_errors(workspace, changed, after)
        if errors:
            terminal.diagnostics(errors)
            raise ReconcilerError("the user would not be valid", "Nothing was written. See the errors above.")
        if isinstance(after, BrokenState):
            return "\nThe desired state has errors of its own: `reconciler validate` lists them.\n"
        about = [item for item in after.diagnostics if item.address == entity.address]
        if about:
            terminal.diagnostics(about)
        found = (user for user in Directory(copy).read_users() if user.key == entity.name)
        trace = trace_scope(next(found), after.rules, workspace.now.date())
    return "".join(
        f"{line}\n" for line in ("", "Scope:", *(f"  {each}" for each in render_scope(trace, terminal.style)))
    )


def _describe_next_steps(workspace: Workspace, changed: Contents) -> str:
    names = "".join(f"  {escape_control(str(workspace.state / name))}\n" for name in sorted(changed))
    return f"\nWritten:\n{names}"


def _show_plan(workspace: Workspace, options: AddUserOptions, name: str, terminal: Terminal) -> ExitCode:
    """Show the plan of the user if there is a service to ask: the sandbox, or one with a token."""
    if options.offline or not (workspace.sandbox or any(os.environ.get(variable, "").strip() for variable in _TOKENS)):
        terminal.result(
            "\nNothing was sent anywhere. Next: review the edit, and open a pull request as for any change."
        )
        return ExitCode.OK
    return run_plan(workspace, PlanOptions(None, OutputOptions("text"), (name,), detailed_exitcode=False), terminal)
