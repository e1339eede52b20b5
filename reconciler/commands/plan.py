"""`plan`: what would be done, by a client that cannot write."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from reconciler.apply.quarantine import select_probe
from reconciler.apply.selection import defer
from reconciler.core.model import Diagnostic
from reconciler.core.plan import Plan
from reconciler.core.planning.live_user import CombinedReader, LiveReader, ResourceReader
from reconciler.core.planning.planner import LiveState, PlanRequest, build_plan
from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.desired.loader import DesiredState
from reconciler.errors import ExitCode, UsageError
from reconciler.record.files import write_private
from reconciler.record.plan_file import to_json
from reconciler.render.formats import OutputOptions, render_plan
from reconciler.scim.live_read import Progress, UserReader, read_live
from reconciler.session import connection
from reconciler.session.baseline import CommitBaseline, compare_offline, load_baseline, own_request, reader_of
from reconciler.session.health import describe_health, health_of, real_now, report_lines
from reconciler.session.provisioning_log import open_log
from reconciler.session.session import Session, open_session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, load_state


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The command line of `plan`."""

    out: Path | None
    output: OutputOptions
    users: tuple[str, ...]
    detailed_exitcode: bool
    log: Path | None = None
    base: str | None = None
    offline: bool = False


class Baseline(Protocol):
    """What a plan is compared with, so that it tells whose doing its changes are."""

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What could not be compared."""

    @property
    def readers(self) -> Sequence[LiveReader]:
        """What reads live users for it."""

    def compared(self, plan: Plan, request: PlanRequest, lives: Sequence[LiveState]) -> Plan:
        """The plan with every change attributed; `lives` as its readers read them."""


def run_plan(workspace: Workspace, options: PlanOptions, terminal: Terminal) -> ExitCode:
    """Plans, prints, saves."""
    options.output.check()
    check_template(options.output.template, workspace)
    _check_offline(options)
    state = load_state(workspace, terminal)
    if state is None:
        return ExitCode.ERROR
    side = load_baseline(workspace, state, options.base, offline=options.offline) if options.base is not None else None
    if side is not None and options.offline:
        return _run_offline(workspace, state, side, options, terminal)
    return plan_and_tell(workspace, state, options, terminal, lambda _session: side)


def plan_and_tell(
    workspace: Workspace,
    state: DesiredState,
    options: PlanOptions,
    terminal: Terminal,
    side_of: Callable[[Session], Baseline | None],
) -> ExitCode:
    """The plan for the live service, compared with `side_of` the session; prints and saves it."""
    with open_log(options.log, terminal) as log, open_session(workspace, state, terminal) as session:
        plan = make_plan(session, options.users, terminal, side_of(session))
        health = health_of(session, plan)
        log.begin(plan, session, person=False)
        log.planned(plan)
    terminal.result(render_plan(plan, state.profile, options.output, terminal.style))
    deferred = [] if options.users else defer(plan, health, real_now())
    if plan.changes:
        report_lines(
            terminal, describe_health(health, len(deferred), len(select_probe(plan.changes, health.failed_before)))
        )
    if options.out is not None:
        write_private(options.out, to_json(plan))
        terminal.note(_saved(options.out, plan, workspace))
    elif plan.applyable and options.output.format == "text":
        terminal.note("Save the plan with -o FILE to be sure that `apply` takes exactly these actions.")
    return exit_code(plan, detailed=options.detailed_exitcode)


def check_template(template: Path | None, workspace: Workspace) -> None:
    """Raises for templates in the desired state: a pull request must not choose what it looks like."""
    if template is not None and template.resolve().is_relative_to(workspace.state.resolve()):
        raise UsageError("--template is inside of the desired state", "Keep templates where a change of data cannot.")


def _check_offline(options: PlanOptions) -> None:
    """Raises for what has no meaning without a service."""
    if options.offline and options.base is None:
        raise UsageError("--offline compares with a commit: --base is missing", "Such as --base origin/main.")
    if options.offline and options.log is not None:
        raise UsageError("--offline cannot be combined with --log", "The log is about accounts of the service.")


def _run_offline(
    workspace: Workspace, state: DesiredState, side: CommitBaseline, options: PlanOptions, terminal: Terminal
) -> ExitCode:
    """What the change set changes in desired users; no network, no token."""
    plan, live = compare_offline(workspace, state, side, options.users)
    _check_users(options.users, state, live)
    terminal.result(render_plan(plan, state.profile, options.output, terminal.style))
    if options.out is not None:
        write_private(options.out, to_json(plan))
        terminal.note(f"Saved what was compared to: {options.out} (for `show`: it cannot be applied)")
    return exit_code(plan, detailed=options.detailed_exitcode)


def _saved(file: Path, plan: Plan, workspace: Workspace) -> str:
    saved = f"Saved the plan to: {file} (it expires on {plan.expires_at:%Y-%m-%d})"
    if plan.blocked or not plan.changes:
        return saved
    command = shlex.join(["reconciler", "apply", *workspace.flags(), str(file)])
    return f"{saved}\n\nTo perform exactly these actions, run the following command to apply:\n    {command}"


def make_plan(session: Session, users: tuple[str, ...], terminal: Terminal, side: Baseline | None = None) -> Plan:
    """The plan for the live state as it is now; `users` narrows it to these, `side` attributes its changes."""
    with terminal.progress() as progress, connection.open_client(session.connection, writes=False) as client:
        plan = _plan_with(client, session, users, progress, side)
    terminal.detail(f"Target: {session.target.base_url} ({session.target.profile})")
    terminal.detail(f"Desired state: {len(session.state.users):,} users, {session.state.in_scope:,} in scope")
    terminal.detail(f"Live: {plan.tally.managed:,} managed users, {plan.tally.unmanaged:,} others")
    for guard in plan.guards:
        terminal.detail(f"Guard {guard.name}: {guard.message}")
    return plan


def _plan_with(
    client: UserReader, session: Session, users: tuple[str, ...], progress: Progress, side: Baseline | None
) -> Plan:
    others = side.readers if side is not None else ()
    together = CombinedReader(reader_of(session.state), others) if others else None
    live = live_state(client, session, progress, together)
    _check_users(users, session.state, live)
    request = plan_request(session, users)
    if side is None:
        return build_plan(request, live)
    request = replace(request, diagnostics=(*request.diagnostics, *side.warnings))
    lives = [replace(live, users=users) for users in together.others(live.users)] if together is not None else []
    return side.compared(build_plan(request, live), request, lives)


def live_state(
    client: UserReader, session: Session, progress: Progress, reader: ResourceReader | None = None
) -> LiveState:
    """All live users, by the desired state's own reader unless another is given."""
    state = session.state
    return read_live(
        client,
        reader or reader_of(state),
        state.users,
        state.mappings,
        page_size=int(state.profile.page_size.value),
        progress=progress,
    )


def plan_request(session: Session, users: tuple[str, ...] = ()) -> PlanRequest:
    """Everything a plan is made from besides the live users; `users` narrows it to these."""
    history = session.history()
    return replace(
        own_request(session.workspace, session.state, users),
        target=session.target,
        recently_deleted=history.reserved,
        deactivated=history.deactivated,
        moved_from=session.moved_from(),
    )


def _check_users(users: tuple[str, ...], state: DesiredState, live: LiveState) -> None:
    """Raises for a `--user` that is nobody's name: its empty plan would look like good news."""
    if not users:
        return
    known = {fold_case(user.key) for user in state.users}
    known |= {fold_case(str(value)) for user in state.users for value in user.match if value is not None}
    for found in live.users:
        known |= {fold_case(name) for name in (found.user_name, found.external_id, found.id) if name}
    for user in users:
        if fold_case(user) not in known:
            raise UsageError(f"--user {quote(user)}: nobody is called so", "Neither in the desired state nor live.")


def exit_code(plan: Plan, *, detailed: bool) -> ExitCode:
    """Blocked before partial before changes: the first thing somebody has to act on."""
    if plan.blocked:
        return ExitCode.BLOCKED
    if plan.tally.failed:
        return ExitCode.PARTIAL
    return ExitCode.CHANGES if detailed and plan.changes else ExitCode.OK
