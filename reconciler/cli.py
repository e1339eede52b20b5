"""The command line: parse, call a command, print, exit code. Nothing else.

A command's module is imported when the command runs, so that `--help` stays quick.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler import __version__
from reconciler.errors import ExitCode, ReconcilerError

if TYPE_CHECKING:
    from reconciler.commands.place import Place
    from reconciler.terminal import Terminal

# Typer carries its own Click and does not export UsageError, the base of BadParameter.
_MistypedError: Any = typer.BadParameter.__mro__[1]

_SETTINGS: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": None,
    # A traceback with local variables could show the token.
    "pretty_exceptions_enable": False,
}
app = typer.Typer(
    help="Managed Apple Accounts as code: plan and apply users from YAML in git to any SCIM 2.0 service.", **_SETTINGS
)
sandbox_app = typer.Typer(help="The embedded service that behaves like Apple's, on 127.0.0.1.", **_SETTINGS)
app.add_typer(sandbox_app, name="sandbox")
import_app = typer.Typer(help="Make desired state of what other systems hold.", **_SETTINGS)
app.add_typer(import_app, name="import")
export_app = typer.Typer(help="Give the desired state to other systems.", **_SETTINGS)
app.add_typer(export_app, name="export")
github_app = typer.Typer(help="Steps of the workflows for GitHub Actions.", **_SETTINGS)
app.add_typer(github_app, name="github")

State = Annotated[Path, typer.Option("--state", metavar="DIR", help="Directory of the desired state.")]
Plans = Annotated[Path, typer.Option("--plans", metavar="DIR", help="Directory of plans and receipts.")]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="Use the embedded service, not the target in settings.yaml.")]
Now = Annotated[str | None, typer.Option("--now", metavar="DATE", help="Plan as if it were this date or time (UTC).")]
Redact = Annotated[bool, typer.Option("--redact", help="Hide names and values of people.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR does the same.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only the result and errors.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="More about what is being done.")]
User = Annotated[
    list[str] | None,
    typer.Option("--user", metavar="KEY", help="Only this user, by userPrincipalName, userName, externalId or id."),
]
Summary = Annotated[bool, typer.Option("--summary", help="One line for each user.")]
Log = Annotated[
    Path | None,
    typer.Option("--log", metavar="FILE", help="Add a JSON line for each user, as Entra's provisioning log has it."),
]
PlanFormat = Annotated[
    str, typer.Option("--format", metavar="text|markdown|html|json", help="How the plan is written.")
]
Limit = Annotated[
    str | None,
    typer.Option("--limit", metavar="comment|summary", help="Markdown: the place it has to fit in; default: comment."),
]
WholePlanAt = Annotated[
    str | None,
    typer.Option("--whole-plan-at", metavar="TEXT", help="Markdown and HTML: where the whole plan is, a URL or name."),
]
Template = Annotated[
    Path | None,
    typer.Option("--template", metavar="DIR", help="Markdown and HTML: templates that replace ours of the same name."),
]
Format = Annotated[str, typer.Option("--format", metavar="text|json", help="How the result is written.")]

_STDERR = 2
_STATE = Path("desired-state")
_PLANS = Path("plans")


def main() -> None:
    """The entry point; ends the process with an exit code of `ExitCode`."""
    _open_standard_streams()
    if threading.current_thread() is threading.main_thread():
        # A CI system that cancels a job sends SIGTERM: as Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A hundred thousand users live as long as the process: looking through them again and again finds nothing.
    gc.set_threshold(100_000, 50, 100)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Not every terminal can write every name.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
        if isinstance(code, int) and code == ExitCode.INTERRUPTED and not isinstance(code, ExitCode):
            # Typer made this of a KeyboardInterrupt; a command would have said what is left.
            sys.stderr.write("Interrupted.\n")
    except _MistypedError as fault:
        # Click's own exit code for a mistyped command is 2, which here means "there are changes".
        _show_mistyped(fault)
        code = ExitCode.USAGE
    except typer.Exit as ended:
        code = ended.exit_code
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("Interrupted.\n")
        code = ExitCode.INTERRUPTED
    except ReconcilerError as fault:
        # The command's own terminal is out of reach here, its flags are not.
        no_color, redact = "--no-color" in sys.argv, "--redact" in sys.argv
        _terminal(no_color=no_color, redact=redact, quiet=False, verbose=False).error(fault)
        code = fault.exit_code
    except OSError as fault:
        # A reader that has gone, a full disk, a name that no file can have.
        code = ExitCode.ERROR
        _say_last(fault)
    _leave(int(code or 0))


def _leave(code: int) -> None:
    """Ends the process. Threads that still wait for a service's answer to a read would keep it alive."""
    if code == ExitCode.INTERRUPTED and any(thread.name.startswith("read") for thread in threading.enumerate()):
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _open_standard_streams() -> None:
    """Cron jobs may come without: the first file opened would then be taken for one of them."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(handle)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def _show_mistyped(fault: Any) -> None:
    """In Click's form, with what was typed on one line."""
    from reconciler.core.text import printable  # noqa: PLC0415

    fault.message = printable(str(fault.message or ""))
    fault.show()


def _say_last(fault: OSError) -> None:
    """Says what the system refused, if anybody can still hear it, and keeps Python from failing once more at exit."""
    with contextlib.suppress(OSError):
        if not isinstance(fault, BrokenPipeError):
            where = f": {fault.filename!r:.200}" if fault.filename is not None else ""
            sys.stderr.write(f"Error: {fault.strerror or fault}{where}\n")
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminal(*, no_color: bool, redact: bool, quiet: bool, verbose: bool) -> Terminal:
    from reconciler.terminal import Terminal  # noqa: PLC0415

    return Terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)


def _place(state: Path, plans: Path, now: str | None, *, sandbox: bool) -> Place:
    from reconciler.commands.place import Place, parse_now  # noqa: PLC0415

    return Place(state, plans, sandbox, parse_now(now))


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"reconciler {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


@app.command()
def validate(
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="REF", help="Sum up what is different from the merge base of REF and HEAD."),
    ] = None,
    state: State = _STATE,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Check the desired state. No network, no token."""
    from reconciler.commands.validate import run_validate  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    return run_validate(_place(state, _PLANS, now, sandbox=False), terminal, base)


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
    state: State = _STATE,
    plans: Plans = _PLANS,
    sandbox: Sandbox = False,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Show what would change. Cannot write."""
    from reconciler.commands.face import Face  # noqa: PLC0415
    from reconciler.commands.plan import PlanOptions, run_plan  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    looks = Face(format_, summary, limit, whole_plan_at, template)
    options = PlanOptions(out, looks, tuple(user or ()), detailed_exitcode, log, base, offline)
    return run_plan(_place(state, plans, now, sandbox=sandbox), options, terminal)


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
    state: State = _STATE,
    plans: Plans = _PLANS,
    sandbox: Sandbox = False,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Carry out a plan."""
    from reconciler.commands.apply import ApplyOptions, run_apply  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
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
    return run_apply(_place(state, plans, now, sandbox=sandbox), options, terminal)


@app.command()
def drift(
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Save the plan, to apply it.")] = None,
    format_: PlanFormat = "text",
    limit: Limit = None,
    summary: Summary = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when something is not as desired.")
    ] = False,
    state: State = _STATE,
    plans: Plans = _PLANS,
    sandbox: Sandbox = False,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Tell what was edited in the target since the last apply, and what is not applied yet. Cannot write."""
    from reconciler.commands.drift import run_drift  # noqa: PLC0415
    from reconciler.commands.face import Face  # noqa: PLC0415
    from reconciler.commands.plan import PlanOptions  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    options = PlanOptions(out, Face(format_, summary, limit), (), detailed_exitcode)
    return run_drift(_place(state, plans, now, sandbox=sandbox), options, terminal)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Left out: here.")] = Path(),
    profile: Annotated[str, typer.Option("--profile", metavar="NAME", help="The target.")] = "apple-business-manager",
    domain: Annotated[str, typer.Option("--domain", metavar="NAME", help="A verified domain.")] = "example.com",
    wheel: Annotated[
        Path | None, typer.Option("--wheel", metavar="FILE", help="This version's wheel: its hash is locked too.")
    ] = None,
    no_color: NoColor = False,
    quiet: Quiet = False,
) -> int:
    """Make a new repository: desired state, workflows, locked requirements. Overwrites nothing."""
    from reconciler.commands.init import InitOptions, run_init  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=False, quiet=quiet, verbose=False)
    return run_init(directory, InitOptions(profile, domain, wheel), terminal)


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
    from reconciler.commands.face import Face  # noqa: PLC0415
    from reconciler.commands.show import run_show  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    return run_show(file, Face(format_, summary, limit, whole_plan_at, template), terminal)


@app.command()
def explain(
    user: Annotated[
        str, typer.Argument(metavar="USER", help="userPrincipalName, objectId, userName or the live account's id.")
    ],
    format_: Format = "text",
    offline: Annotated[bool, typer.Option("--offline", help="The desired state only: no network, no token.")] = False,
    state: State = _STATE,
    plans: Plans = _PLANS,
    sandbox: Sandbox = False,
    now: Now = None,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Tell why one user is in scope or not, how each value came about and what would happen."""
    from reconciler.commands.explain import ExplainOptions, run_explain  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    return run_explain(_place(state, plans, now, sandbox=sandbox), ExplainOptions(user, format_, offline), terminal)


@app.command()
def status(
    format_: Format = "text",
    state: State = _STATE,
    plans: Plans = _PLANS,
    sandbox: Sandbox = False,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Tell how the last applies went, by their receipts; 1: somebody should look. No network, no token."""
    from reconciler.commands.status import run_status  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    return run_status(_place(state, plans, None, sandbox=sandbox), format_, terminal)


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
        int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many entries; of everybody's 50.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="text|json|html", help="How it is written.")] = "text",
    state: State = _STATE,
    plans: Plans = _PLANS,
    sandbox: Sandbox = False,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Tell who changed what and when, and what became of it, by git and receipts. No network, no token."""
    from reconciler.commands.history import LogOptions, run_log  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    options = LogOptions(user, attribute, since, limit, format_)
    return run_log(_place(state, plans, None, sandbox=sandbox), options, terminal)


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
    state: State = _STATE,
    plans: Plans = _PLANS,
    sandbox: Sandbox = False,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Edit the desired state to be as it was, as a change to review. Files only: no network, no token."""
    from reconciler.commands.rollback import RollbackOptions, run_rollback  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)
    options = RollbackOptions(to, user, everything, dry_run, force)
    return run_rollback(_place(state, plans, None, sandbox=sandbox), options, terminal)


@app.command("eval")
def evaluate(
    expression: Annotated[
        str, typer.Argument(metavar="EXPRESSION", help='Such as \'Replace([mail], "@", , , "#", , )\'.')
    ],
    attributes: Annotated[str, typer.Option("--attributes", metavar="JSON", help="The user, as a JSON object.")] = "{}",
    explain: Annotated[bool, typer.Option("--explain", help="Show the value of every part.")] = False,
    now: Now = None,
    no_color: NoColor = False,
    quiet: Quiet = False,
) -> int:
    """Print the value of an Entra expression."""
    from reconciler.commands.evaluate import run_eval  # noqa: PLC0415
    from reconciler.commands.place import parse_now  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=False, quiet=quiet, verbose=False)
    return run_eval(expression, attributes, parse_now(now), terminal, explain=explain)


@app.command()
def schema(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="settings, scope, mappings, users, groups, plan or receipt.")
    ],
) -> int:
    """Print the JSON Schema of a kind of file."""
    from reconciler.commands.schema import schema_text  # noqa: PLC0415

    sys.stdout.write(schema_text(kind))
    return ExitCode.OK


@app.command()
def demo(
    state: State = _STATE,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Walk through the whole job on the embedded sandbox, in a scratch copy."""
    from reconciler.commands.demo import run_demo  # noqa: PLC0415

    return run_demo(state, _terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose))


@import_app.command("entra-schema")
def import_entra_schema(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The schema as JSON, from the portal or from Graph.")],
    profile: Annotated[
        str | None,
        typer.Option("--profile", metavar="NAME", help="The target; left out: that of settings.yaml, else Apple's."),
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="NAME", help="Which rule, when several provision users.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print both files, write none.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace mappings and filters that are there.")] = False,
    state: State = _STATE,
    no_color: NoColor = False,
    quiet: Quiet = False,
) -> int:
    """Make mappings.yaml and the filters of scope.yaml of a Microsoft Entra synchronization schema.

    Whatever has no equal is listed with its reason, and is a comment in the files; the exit code is 5 then.
    """
    from reconciler.commands.import_ import ImportOptions, run_import_entra_schema  # noqa: PLC0415
    from reconciler.commands.place import parse_now  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=False, quiet=quiet, verbose=False)
    options = ImportOptions(file, profile, rule, dry_run, force)
    return run_import_entra_schema(state, options, parse_now(None), terminal)


@export_app.command("entra-schema")
def export_entra_schema(
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Left out: to stdout.")] = None,
    state: State = _STATE,
    now: Now = None,
    no_color: NoColor = False,
    quiet: Quiet = False,
) -> int:
    """Print mappings and filters as a Microsoft Entra synchronization schema.

    Everything outside of the schema is not in it: who is assigned, people and groups, secrets, thresholds, guards.
    Whatever has no equal is listed with its reason; the exit code is 5 then.
    """
    from reconciler.commands.export import run_export_entra_schema  # noqa: PLC0415

    terminal = _terminal(no_color=no_color, redact=False, quiet=quiet, verbose=False)
    return run_export_entra_schema(_place(state, _PLANS, now, sandbox=False), out, terminal)


@sandbox_app.command("serve")
def sandbox_serve(
    state: State = _STATE,
    port: Annotated[int, typer.Option("--port", help="0: a free one.")] = 0,
) -> int:
    """Serve the sandbox until Ctrl-C."""
    from reconciler.commands.sandbox import serve  # noqa: PLC0415

    serve(state, port, sys.stdout.write)
    return ExitCode.OK


@sandbox_app.command("seed")
def sandbox_seed(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A seed; left out: the sample company.")] = None,
    state: State = _STATE,
) -> int:
    """Fill the sandbox, replacing what is in it."""
    from reconciler.commands.sandbox import seed  # noqa: PLC0415

    sys.stderr.write(seed(state, file))
    return ExitCode.OK


@sandbox_app.command("reset")
def sandbox_reset(state: State = _STATE) -> int:
    """Empty the sandbox."""
    from reconciler.commands.sandbox import reset  # noqa: PLC0415

    sys.stderr.write(reset(state))
    return ExitCode.OK


_Author = Annotated[str, typer.Option("--author", metavar="LOGIN", help="Whom the token belongs to.")]
_AUTHOR = "github-actions[bot]"
_PlanFile = Annotated[Path, typer.Argument(metavar="FILE", help="A saved plan.")]


def _plain_terminal() -> Terminal:
    return _terminal(no_color=True, redact=False, quiet=False, verbose=False)


@github_app.command("annotate")
def github_annotate(
    state: State = _STATE,
    folder: Annotated[
        str, typer.Option("--folder", metavar="DIR", help="Where the desired state is in the repository.")
    ] = "desired-state",
    redact: Redact = False,
) -> int:
    """Print mistakes of the desired state as annotations at file and line."""
    from reconciler.commands.github import run_annotate  # noqa: PLC0415

    return run_annotate(_place(state, _PLANS, None, sandbox=False), folder, _plain_terminal(), redact=redact)


@github_app.command("summary")
def github_summary(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A saved plan (.json), or text.")], redact: Redact = False
) -> int:
    """Append a saved plan or a text to the step summary, within GitHub's limit."""
    from reconciler.commands.github import run_summary  # noqa: PLC0415

    return run_summary(file, _plain_terminal(), redact=redact)


@github_app.command("outputs")
def github_outputs(file: _PlanFile) -> int:
    """Give plan-id, changes, blocked and counts of a plan to other steps."""
    from reconciler.commands.github import run_outputs  # noqa: PLC0415

    return run_outputs(file, _plain_terminal())


@github_app.command("comment")
def github_comment(
    file: _PlanFile,
    pull: Annotated[int, typer.Option("--pull", min=1, metavar="NUMBER", help="The pull request.")],
    author: _Author = _AUTHOR,
    redact: Redact = False,
) -> int:
    """Show a saved plan as the one comment of a pull request."""
    from reconciler.commands.github import run_comment  # noqa: PLC0415

    return run_comment(file, pull, author, _plain_terminal(), redact=redact)


@github_app.command("drift-issue")
def github_drift_issue(file: _PlanFile, author: _Author = _AUTHOR, redact: Redact = False) -> int:
    """Open, update or close the one issue about drift, by a saved plan."""
    from reconciler.commands.github import run_drift_issue  # noqa: PLC0415

    return run_drift_issue(file, author, _plain_terminal(), redact=redact)


@github_app.command("heartbeat")
def github_heartbeat(
    workflow: Annotated[str, typer.Argument(metavar="FILE", help="Name of the workflow's file.")] = "drift.yml",
) -> int:
    """Keep GitHub from switching off a schedule after 60 days without a commit."""
    from reconciler.commands.github import run_heartbeat  # noqa: PLC0415

    return run_heartbeat(workflow, _plain_terminal())


@github_app.command("record")
def github_record(
    file: _PlanFile,
    head: Annotated[str, typer.Option("--head", metavar="COMMIT", help="Last commit of the pull request.")],
) -> int:
    """Note at a head commit which plan was made for it."""
    from reconciler.commands.github import run_record  # noqa: PLC0415

    return run_record(file, head, _plain_terminal())


@github_app.command("reviewed")
def github_reviewed(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to put it.")],
) -> int:
    """Fetch the plan that was reviewed in the pull request of this commit; exit 4 when there is none."""
    from reconciler.commands.github import run_reviewed  # noqa: PLC0415

    return run_reviewed(out, _plain_terminal())


@github_app.command("fetch-record")
def github_fetch_record(state: State = _STATE) -> int:
    """Bring the record branch that settings.yaml names here, so that plan and apply know of earlier applies."""
    from reconciler.commands.record_branch import run_fetch_record  # noqa: PLC0415

    return run_fetch_record(_place(state, _PLANS, None, sandbox=False), _plain_terminal())


@github_app.command("push-record")
def github_push_record(
    state: State = _STATE,
    plans: Plans = _PLANS,
    author: Annotated[
        str, typer.Option("--author", metavar="'NAME <EMAIL>'", help="Whom the commit is by.")
    ] = "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>",
) -> int:
    """Add plans and receipts to the record branch that settings.yaml names."""
    from reconciler.commands.record_branch import run_push_record  # noqa: PLC0415

    return run_push_record(_place(state, plans, None, sandbox=False), author, _plain_terminal())


@github_app.command("expect")
def github_expect(
    file: _PlanFile,
    plan_id: Annotated[str, typer.Argument(metavar="PLAN_ID", help="The id of the plan somebody looked at.")],
) -> int:
    """Exit with 4 unless a saved plan has this id."""
    from reconciler.commands.github import run_expect  # noqa: PLC0415

    return run_expect(file, plan_id, _plain_terminal())
