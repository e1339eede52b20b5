"""The commands that look after users: plan, apply, and all that tells about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.apps import app
from reconciler.cli.options import (
    PLANS,
    STATE,
    Format,
    Limit,
    Log,
    NoColor,
    Now,
    PlanFormat,
    Plans,
    Quiet,
    Redact,
    Sandbox,
    State,
    Summary,
    Template,
    User,
    Verbose,
    WholePlanAt,
    build_terminal,
    build_workspace,
)


@app.command()
def validate(
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="REF", help="Sum up what is different from the merge base of REF and HEAD."),
    ] = None,
    state: State = STATE,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Check the desired state. No network, no token."""
    from reconciler.commands.validate import run_validate  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    return run_validate(build_workspace(state, PLANS, now, sandbox=False), terminal, base)


@app.command()
def plan(
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Save the plan, to apply it.")] = None,
    format_: PlanFormat = "text",
    limit: Limit = None,
    whole_plan_at: WholePlanAt = None,
    template: Template = None,
    user: User = None,
    summary: Summary = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there are changes.")
    ] = False,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="REF", help="Tell changes of this change set from those that were pending."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="With --base: compare with that commit only. No network, no token.")
    ] = False,
    log: Log = None,
    state: State = STATE,
    plans: Plans = PLANS,
    sandbox: Sandbox = False,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Show what would change. Cannot write."""
    from reconciler.commands.plan import PlanOptions, run_plan  # noqa: PLC0415
    from reconciler.render.formats import OutputOptions  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    output = OutputOptions(format_, summary, limit, whole_plan_at, template)
    options = PlanOptions(out, output, tuple(user or ()), detailed_exitcode, log, base, offline)
    return run_plan(build_workspace(state, plans, now, sandbox=sandbox), options, terminal)


@app.command()
def apply(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A saved plan; left out: plan first.")] = None,
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")] = False,
    approve: Annotated[
        str | None, typer.Option("--approve", metavar="PLAN_ID", help="Lift the guards for exactly this plan.")
    ] = None,
    user: User = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 4 if anything is more or other than in the saved plan.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try those now who failed before and are put off.")
    ] = False,
    lock_timeout: Annotated[
        float, typer.Option("--lock-timeout", min=0, metavar="SECONDS", help="Wait for another apply to end.")
    ] = 0,
    log: Log = None,
    summary: Summary = False,
    state: State = STATE,
    plans: Plans = PLANS,
    sandbox: Sandbox = False,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Carry out a plan."""
    from reconciler.commands.apply import ApplyOptions, run_apply  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    options = ApplyOptions(
        file,
        auto_approve,
        approve,
        tuple(user or ()),
        summary,
        strict=strict,
        retry_failed=retry_failed,
        lock_timeout=lock_timeout,
        log=log,
    )
    return run_apply(build_workspace(state, plans, now, sandbox=sandbox), options, terminal)


@app.command()
def drift(
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Save the plan, to apply it.")] = None,
    format_: PlanFormat = "text",
    limit: Limit = None,
    summary: Summary = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when something is not as desired.")
    ] = False,
    state: State = STATE,
    plans: Plans = PLANS,
    sandbox: Sandbox = False,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Tell what was edited in the target since the last apply, and what is not applied yet. Cannot write."""
    from reconciler.commands.drift import run_drift  # noqa: PLC0415
    from reconciler.commands.plan import PlanOptions  # noqa: PLC0415
    from reconciler.render.formats import OutputOptions  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    options = PlanOptions(out, OutputOptions(format_, summary, limit), (), detailed_exitcode)
    return run_drift(build_workspace(state, plans, now, sandbox=sandbox), options, terminal)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A saved plan, a receipt, or a directory of plans/.")],
    format_: PlanFormat = "text",
    limit: Limit = None,
    whole_plan_at: WholePlanAt = None,
    template: Template = None,
    summary: Summary = False,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Render a saved plan, a receipt, or both of a record."""
    from reconciler.commands.show import run_show  # noqa: PLC0415
    from reconciler.render.formats import OutputOptions  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    return run_show(file, OutputOptions(format_, summary, limit, whole_plan_at, template), terminal)


@app.command()
def explain(
    user: Annotated[
        str, typer.Argument(metavar="USER", help="userPrincipalName, objectId, userName or the live account's id.")
    ],
    format_: Format = "text",
    offline: Annotated[bool, typer.Option("--offline", help="The desired state only: no network, no token.")] = False,
    state: State = STATE,
    plans: Plans = PLANS,
    sandbox: Sandbox = False,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Tell why one user is in scope or not. Also how each value came about, and what would happen."""
    from reconciler.commands.explain import ExplainOptions, run_explain  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    return run_explain(
        build_workspace(state, plans, now, sandbox=sandbox), ExplainOptions(user, format_, offline), terminal
    )


@app.command()
def status(
    format_: Format = "text",
    state: State = STATE,
    plans: Plans = PLANS,
    sandbox: Sandbox = False,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Tell how the last applies went. By receipts: no network, no token. Exit code 1: somebody should look."""
    from reconciler.commands.status import run_status  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    return run_status(build_workspace(state, plans, None, sandbox=sandbox), format_, terminal)


@app.command("log")
def history(
    user: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="userPrincipalName or objectId; left out: everybody.")
    ] = None,
    attribute: Annotated[
        str | None,
        typer.Option(
            "--attribute", metavar="PATH", help="Only this source attribute or target; with USER: who set it."
        ),
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help="Nothing older than this.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many entries; without USER: 50.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="text|json|html", help="How it is written.")] = "text",
    state: State = STATE,
    plans: Plans = PLANS,
    sandbox: Sandbox = False,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Tell who changed what and when, and what became of it. By git and receipts: no network, no token."""
    from reconciler.commands.log import LogOptions, run_log  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    options = LogOptions(user, attribute, since, limit, format_)
    return run_log(build_workspace(state, plans, None, sandbox=sandbox), options, terminal)


@app.command()
def rollback(
    to: Annotated[
        str,
        typer.Argument(
            metavar="COMMIT|PLAN", help="A commit: as it was then. A plan, by id or directory: without what it brought."
        ),
    ],
    user: Annotated[
        str | None, typer.Option("--user", metavar="KEY", help="Only this user, by userPrincipalName or objectId.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Scope, groups and mappings too, not only people.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the edit, write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what was edited since.")] = False,
    state: State = STATE,
    plans: Plans = PLANS,
    sandbox: Sandbox = False,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Edit the desired state to be as it was, as a change to review. Files only: no network, no token."""
    from reconciler.commands.rollback import RollbackOptions, run_rollback  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    options = RollbackOptions(to, user, everything, dry_run, force)
    return run_rollback(build_workspace(state, plans, None, sandbox=sandbox), options, terminal)
