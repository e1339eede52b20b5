"""The commands around it: a new repository, expressions, schemas, Entra's schemas, the sandbox."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.apps import app, export_app, import_app, sandbox_app
from reconciler.cli.options import (
    PLANS,
    STATE,
    NoColor,
    Now,
    Quiet,
    Redact,
    State,
    Verbose,
    build_terminal,
    build_workspace,
)
from reconciler.errors import ExitCode


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Left out: the current directory.")] = Path(),
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="Or apple-school-manager; scim for any other service.")
    ] = "apple-business-manager",
    domain: Annotated[str, typer.Option("--domain", metavar="NAME", help="A verified domain.")] = "example.com",
    wheel: Annotated[
        Path | None,
        typer.Option("--wheel", metavar="FILE", help="This version's wheel, for the workflows to install: copied."),
    ] = None,
    no_color: NoColor = False,
    quiet: Quiet = False,
) -> int:
    """Make a new repository with an example and workflows. Overwrites nothing."""
    from reconciler.commands.init import InitOptions, run_init  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=False, quiet=quiet, verbose=False)
    return run_init(directory, InitOptions(profile, domain, wheel), terminal)


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
    from reconciler.session.workspace import parse_now  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=False, quiet=quiet, verbose=False)
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
    state: State = STATE,
    redact: Redact = False,
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Walk through the whole job on the embedded sandbox. In a scratch copy: your files stay as they are."""
    from reconciler.commands.demo import run_demo  # noqa: PLC0415

    return run_demo(state, build_terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose))


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
    state: State = STATE,
    no_color: NoColor = False,
    quiet: Quiet = False,
) -> int:
    """Make mappings.yaml and the filters of scope.yaml of a Microsoft Entra synchronization schema.

    Whatever has no equal is listed with its reason, and is a comment in the files; the exit code is 5 then.
    """
    from reconciler.commands.import_entra import ImportOptions, run_import_entra_schema  # noqa: PLC0415
    from reconciler.session.workspace import parse_now  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=False, quiet=quiet, verbose=False)
    options = ImportOptions(file, profile, rule, dry_run, force)
    return run_import_entra_schema(state, options, parse_now(None), terminal)


@export_app.command("entra-schema")
def export_entra_schema(
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Left out: to stdout.")] = None,
    state: State = STATE,
    now: Now = None,
    no_color: NoColor = False,
    quiet: Quiet = False,
) -> int:
    """Print mappings and filters as a Microsoft Entra synchronization schema.

    Everything outside of the schema is not in it: who is assigned, people and groups, secrets, thresholds, guards.
    Whatever has no equal is listed with its reason; the exit code is 5 then.
    """
    from reconciler.commands.export_entra import run_export_entra_schema  # noqa: PLC0415

    terminal = build_terminal(no_color=no_color, redact=False, quiet=quiet, verbose=False)
    return run_export_entra_schema(build_workspace(state, PLANS, now, sandbox=False), out, terminal)


@sandbox_app.command("serve")
def sandbox_serve(
    state: State = STATE,
    port: Annotated[int, typer.Option("--port", help="0: a free one.")] = 0,
) -> int:
    """Serve the sandbox until Ctrl-C."""
    from reconciler.commands.sandbox import serve  # noqa: PLC0415

    serve(state, port, sys.stdout.write)
    return ExitCode.OK


@sandbox_app.command("seed")
def sandbox_seed(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A seed; left out: the sample company.")] = None,
    state: State = STATE,
) -> int:
    """Fill the sandbox, replacing what is in it."""
    from reconciler.commands.sandbox import seed  # noqa: PLC0415

    sys.stderr.write(seed(state, file))
    return ExitCode.OK


@sandbox_app.command("reset")
def sandbox_reset(state: State = STATE) -> int:
    """Empty the sandbox."""
    from reconciler.commands.sandbox import reset  # noqa: PLC0415

    sys.stderr.write(reset(state))
    return ExitCode.OK
