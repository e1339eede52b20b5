"""The commands that provision users and report on them, such as plan, apply and status."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import lazy
from reconciler.cli.apps import app
from reconciler.cli.completion import complete_guards, complete_users
from reconciler.cli.options import (
    TERMINAL,
    CommonOptions,
    DataFormat,
    FormatOptions,
    Incremental,
    Limit,
    MetricsFile,
    Only,
    PlanFile,
    PlanFormat,
    RunFiles,
    Summary,
    UserKeys,
    command,
    format_option,
)

_NoClock = Annotated[CommonOptions, Only("state", "plans", "sandbox", *TERMINAL)]


@command(app)
def validate(
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="REF", help="Summarize what differs from the merge base of REF and HEAD."),
    ] = None,
    format_: Annotated[str, format_option("text", "json", "sarif")] = "text",
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Save JSON or SARIF there, and print text."),
    ] = None,
    *,
    common: Annotated[CommonOptions, Only("state", "now", "no_cache", *TERMINAL)],
) -> int:
    """Check the desired state. No network, no token."""
    return lazy.run_validate(common.workspace(), lazy.ValidateOptions(base, format_, out), common.terminal())


@dataclass(frozen=True, slots=True)
class _BrowserFlags:
    redirect_uri: Annotated[
        str | None,
        typer.Option("--redirect-uri", metavar="URL", help="The redirect URI, as it is registered."),
    ] = None
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", help="Port of http://127.0.0.1:N/callback; default: 8765; 0: any."),
    ] = None
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser: print the URL alone.")] = False
    paste: Annotated[
        bool, typer.Option("--paste", help="Paste the address that the browser ends at, instead of listening for it.")
    ] = False
    no_pkce: Annotated[
        bool,
        typer.Option("--no-pkce", help="Send no PKCE challenge, for a service that refuses it."),
    ] = False
    replace: Annotated[bool, typer.Option("--replace", help="Replace tokens that are stored already.")] = False


@command(app)
def login(flags: _BrowserFlags, common: Annotated[CommonOptions, Only("state", "no_color", "quiet")]) -> int:
    """Authorize the connection in a browser, once, and store its tokens.

    For target.auth: oauth. Asks before it replaces stored tokens, and tries the new ones with one GET.
    """
    options = lazy.LoginOptions(
        redirect_uri=flags.redirect_uri,
        port=flags.port,
        browser=not flags.no_browser,
        paste=flags.paste,
        pkce=not flags.no_pkce,
        replace=flags.replace,
    )
    return lazy.run_login(common.workspace(), options, common.terminal())


@command(app)
def check(
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask only what files and variables can answer. No network.")
    ] = False,
    notify: Annotated[bool, typer.Option("--notify", help="Also send a test notification to the recipients.")] = False,
    format_: DataFormat = "text",
    *,
    common: Annotated[CommonOptions, Only("state", "plans", "sandbox", "no_cache", *TERMINAL)],
) -> int:
    """Test the connection, question by question. Cannot write.

    Files, network, token, what the service does: each has a verdict and says what to do. The exit code is 1 if one
    failed.
    """
    return lazy.run_check(common.workspace(), lazy.CheckOptions(offline, notify, format_), common.terminal())


@dataclass(frozen=True, slots=True)
class _BaseOptions:
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="REF", help="Separate changes of this change set from those that were pending."),
    ] = None
    offline: Annotated[
        bool, typer.Option("--offline", help="With --base: compare with that commit only. No network, no token.")
    ] = False
    incremental: Incremental = False
    no_full: Annotated[
        bool,
        typer.Option("--no-full", help="With --incremental: make no plan at all if that needs a look at all users."),
    ] = False


@command(app)
def plan(
    out: PlanFile = None,
    *,
    view: FormatOptions,
    user: UserKeys = None,
    summary: Summary = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if there are changes.")
    ] = False,
    base_options: _BaseOptions,
    files: RunFiles,
    common: CommonOptions,
) -> int:
    """Show what would change. Cannot write."""
    options = lazy.PlanOptions(
        out=out,
        output=view.output(summary=summary),
        users=tuple(user or ()),
        detailed_exitcode=detailed_exitcode,
        log=files.log,
        base=base_options.base,
        offline=base_options.offline,
        metrics=files.metrics,
        incremental=base_options.incremental,
        no_full=base_options.no_full,
    )
    return lazy.run_plan(common.workspace(), options, common.terminal())


@dataclass(frozen=True, slots=True)
class _ApprovalOptions:
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Skip the confirmation prompt.")] = False
    approve: Annotated[
        str | None,
        typer.Option("--approve", metavar="PLAN_ID", help="Lift the guard removals, for this plan and command only."),
    ] = None
    lift: Annotated[
        list[str] | None,
        typer.Option(
            "--lift",
            metavar="GUARD",
            autocompletion=complete_guards,
            help="With --approve: lift this guard instead. Repeatable.",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class _RunOptions:
    unattended: Annotated[
        bool,
        typer.Option("--unattended", help="Apply without asking if the plan is within `unattended` of settings.yaml."),
    ] = False
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 4 if any change is not in the saved plan or differs from it.")
    ] = False
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Retry deferred users now.")] = False
    lock_timeout: Annotated[
        float, typer.Option("--lock-timeout", min=0, metavar="SECONDS", help="Wait for another apply to end.")
    ] = 0
    incremental: Incremental = False


@command(app)
def apply(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A saved plan; without one, plan first.")
    ] = None,
    *,
    approval: _ApprovalOptions,
    user: UserKeys = None,
    execution: _RunOptions,
    files: RunFiles,
    summary: Summary = False,
    common: CommonOptions,
) -> int:
    """Apply a plan."""
    options = lazy.ApplyOptions(
        file=file,
        auto_approve=approval.auto_approve,
        approve=approval.approve,
        users=tuple(user or ()),
        summary=summary,
        strict=execution.strict,
        retry_failed=execution.retry_failed,
        lock_timeout=execution.lock_timeout,
        log=files.log,
        lifts=tuple(approval.lift or ()),
        metrics=files.metrics,
        incremental=execution.incremental,
        unattended=execution.unattended,
    )
    return lazy.run_apply(common.workspace(), options, common.terminal())


@command(app)
def drift(
    out: PlanFile = None,
    format_: PlanFormat = "text",
    limit: Limit = None,
    summary: Summary = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if the target differs from the desired state.")
    ] = False,
    metrics: MetricsFile = None,
    *,
    common: CommonOptions,
) -> int:
    """Show what was edited in the target since the last apply.

    Also what is not applied yet. Cannot write.
    """
    output = lazy.OutputOptions(format_, summary, limit)
    options = lazy.DriftOptions(out, output, detailed_exitcode, metrics)
    return lazy.run_drift(common.workspace(), options, common.terminal())


@command(app)
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A saved plan, a receipt, or a directory of plans/.")],
    *,
    view: FormatOptions,
    summary: Summary = False,
    common: Annotated[CommonOptions, Only(*TERMINAL)],
) -> int:
    """Render a saved plan, a receipt, or a record with both."""
    return lazy.run_show(file, view.output(summary=summary), common.terminal())


@command(app)
def explain(
    user: Annotated[
        str,
        typer.Argument(
            metavar="USER",
            autocompletion=complete_users,
            help="userPrincipalName, objectId, userName or the live account's id.",
        ),
    ],
    format_: DataFormat = "text",
    offline: Annotated[
        bool, typer.Option("--offline", help="Read the desired state only: no network, no token.")
    ] = False,
    *,
    common: CommonOptions,
) -> int:
    """Explain why a user is in scope or not. Also how each value is computed, and what would change."""
    options = lazy.ExplainOptions(user, format_, offline)
    return lazy.run_explain(common.workspace(), options, common.terminal())


@command(app)
def status(
    format_: DataFormat = "text",
    metrics: MetricsFile = None,
    *,
    common: Annotated[CommonOptions, Only("state", "plans", "sandbox", "now", *TERMINAL)],
) -> int:
    """Show how the last applies went. From receipts: no network, no token.

    The exit code is 1 if the target needs attention, or if no apply is on record.
    """
    return lazy.run_status(common.workspace(), format_, common.terminal(), metrics)


@command(app)
def report(
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="DIR", help="A new directory, an empty one, or that of an earlier report."),
    ],
    saved: Annotated[
        list[Path] | None,
        typer.Option("--plan", metavar="FILE", help="Show this saved plan or drift as what is pending. Repeatable."),
    ] = None,
    *,
    common: Annotated[CommonOptions, Only("state", "plans", "sandbox", "now", "no_cache", *TERMINAL)],
) -> int:
    """Write a static site: who has an account and why, what is pending, history, health.

    Made of the desired state, git history and receipts: no network, no token. Open DIR/index.html in a browser.
    """
    return lazy.run_report(common.workspace(), lazy.ReportOptions(out, tuple(saved or ())), common.terminal())


@command(app)
def log(
    user: Annotated[
        str | None,
        typer.Argument(
            metavar="[USER]",
            autocompletion=complete_users,
            help="userPrincipalName or objectId; default: all users.",
        ),
    ] = None,
    attribute: Annotated[
        str | None,
        typer.Option(
            "--attribute", metavar="PATH", help="Only this source attribute or target path; with USER: who set it."
        ),
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help="Only entries since this date.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Maximum number of entries; without USER: 50.")
    ] = None,
    format_: Annotated[str, format_option("text", "json", "html")] = "text",
    *,
    common: _NoClock,
) -> int:
    """Show change history and outcomes. From git and receipts: no network, no token."""
    options = lazy.LogOptions(user, attribute, since, limit, format_)
    return lazy.run_log(common.workspace(), options, common.terminal())


@command(app)
def rollback(
    to: Annotated[
        str,
        typer.Argument(
            metavar="COMMIT|PLAN",
            help="A commit: restore its desired state. A plan ID or directory: undo its changes.",
        ),
    ],
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="KEY",
            autocompletion=complete_users,
            help="Only this user, by userPrincipalName or objectId.",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Scope, groups and mappings too, not only users.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the edit without writing it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite later edits.")] = False,
    *,
    common: _NoClock,
) -> int:
    """Restore an earlier desired state, as an edit to review. Files only: no network, no token."""
    options = lazy.RollbackOptions(to, user, everything, dry_run, force)
    return lazy.run_rollback(common.workspace(), options, common.terminal())
