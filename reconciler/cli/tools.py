"""The other commands: a new repository, expressions, JSON Schemas, Entra's synchronization schema, the sandbox."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import lazy
from reconciler.cli.apps import app, export_app, import_app, sandbox_app
from reconciler.cli.completion import complete_from, complete_profiles
from reconciler.cli.options import TERMINAL, CommonOptions, Only, command, group_command
from reconciler.errors import ExitCode, UsageError

_KINDS = (
    *("settings", "scope", "mappings", "users", "groups", "fleet", "tenant"),
    *("layer-settings", "layer-scope", "tenant-settings"),
    *("plan", "receipt", "validation", "check", "import", "notification", "status"),
)
_State = Annotated[CommonOptions, Only("state")]


@command(app)
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Directory of the repository.")] = Path(),
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            metavar="NAME",
            autocompletion=complete_profiles,
            help="Target profile: apple-business-manager, apple-school-manager or scim.",
        ),
    ] = "apple-business-manager",
    domain: Annotated[str, typer.Option("--domain", metavar="NAME", help="A verified domain.")] = "example.com",
    wheel: Annotated[
        Path | None,
        typer.Option("--wheel", metavar="FILE", help="Wheel of this version to copy, for the workflows to install."),
    ] = None,
    imports: Annotated[
        bool, typer.Option("--import", help="Write the workflow that imports people from Microsoft Entra ID, too.")
    ] = False,
    sync: Annotated[
        bool, typer.Option("--sync", help="Write the workflow that imports, plans and applies every hour, too.")
    ] = False,
    fleet: Annotated[bool, typer.Option("--fleet", help="Create a repository of many tenants.")] = False,
    *,
    common: Annotated[CommonOptions, Only("no_color", "quiet")],
) -> int:
    """Create a repository with an example and workflows. Overwrites nothing."""
    options = lazy.InitOptions(profile, domain, wheel, imports, sync, fleet)
    return lazy.run_init(directory, options, common.terminal())


@command(app, "eval")
def evaluate(
    expression: Annotated[
        str, typer.Argument(metavar="EXPRESSION", help='Such as \'Replace([mail], "@", , , "#", , )\'.')
    ],
    attributes: Annotated[
        str, typer.Option("--attributes", metavar="JSON", help="The user's attributes, as a JSON object.")
    ] = "{}",
    explain: Annotated[bool, typer.Option("--explain", help="Show the value of every subexpression.")] = False,
    *,
    common: Annotated[CommonOptions, Only("now", "no_color", "quiet")],
) -> int:
    """Print the value of an Entra expression."""
    return lazy.run_eval(expression, attributes, lazy.parse_now(common.now), common.terminal(), explain=explain)


@command(app)
def schema(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", autocompletion=complete_from(*_KINDS), help=f"{', '.join(_KINDS[:-1])} or {_KINDS[-1]}."
        ),
    ],
) -> int:
    """Print the JSON Schema of a kind of file."""
    sys.stdout.write(lazy.render_schema(kind))
    return ExitCode.OK


@command(app)
def demo(
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="Directory of the desired state; default: desired-state, or a small company if there is none.",
        ),
    ] = None,
    *,
    common: Annotated[CommonOptions, Only(*TERMINAL)],
) -> int:
    """Walk through plan, apply and drift on the embedded sandbox. Works on a copy: your files are not changed."""
    return lazy.run_demo(state, common.terminal())


@dataclass(frozen=True, slots=True)
class _ImportFlags:
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            autocompletion=complete_profiles,
            help="Target profile; default: as in settings.yaml, else apple-business-manager.",
        ),
    ] = None
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="NAME", help="Which rule, if several provision users.")
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print both files without writing them.")] = False
    force: Annotated[bool, typer.Option("--force", help="Replace existing mappings and filters.")] = False


@command(import_app, "entra-schema")
def import_entra_schema(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The schema as JSON, from the portal or from Graph.")],
    flags: _ImportFlags,
    common: Annotated[CommonOptions, Only("state", "no_color", "quiet")],
) -> int:
    """Create mappings and filters from a synchronization schema.

    The schema is that of a provisioning job of Microsoft Entra. Writes mappings.yaml and the filters of scope.yaml.

    Anything without an equivalent is listed with its reason, and is a comment in the files; the exit code is 5 then.
    """
    options = lazy.ImportOptions(file, flags.profile, flags.rule, flags.dry_run, flags.force)
    return lazy.run_import_entra_schema(common.state, options, lazy.parse_now(None), common.terminal())


@group_command(export_app)
def export(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="A new directory for the desired state; default: stdout."),
    ] = None,
    unmanaged: Annotated[
        bool, typer.Option("--unmanaged", help="Add the accounts that are not managed, as comments.")
    ] = False,
    *,
    common: CommonOptions,
) -> int:
    """Export live users as a desired state, to adopt a tenant.

    The plan for it says `No changes.`. If it does not, the exit code is 5, and what differs is listed.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return ExitCode.OK
    return lazy.run_export(common.workspace(), lazy.ExportOptions(out, unmanaged), common.terminal())


def _refuse_options(context: typer.Context) -> None:
    """Raise for options before a subcommand: it would not see them."""
    for option in context.command.params:
        source = context.get_parameter_source(str(option.name))
        # Typer does not export the type of sources.
        if source is not None and source.name != "DEFAULT":
            name = option.opts[-1]
            raise UsageError(
                f"{name} is written before {context.invoked_subcommand}", "Options of a subcommand follow its name."
            )


@command(export_app, "entra-schema")
def export_entra_schema(
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Default: stdout.")] = None,
    *,
    common: Annotated[CommonOptions, Only("state", "now", "no_color", "quiet")],
) -> int:
    """Print mappings and filters as a synchronization schema.

    The schema is that of a provisioning job of Microsoft Entra.

    The schema does not hold who is assigned, users and groups, secrets, thresholds and guards.
    Anything without an equivalent is listed with its reason; the exit code is 5 then.
    """
    return lazy.run_export_entra_schema(common.workspace(), out, common.terminal())


@command(sandbox_app, "serve")
def sandbox_serve(
    common: _State,
    port: Annotated[int, typer.Option("--port", help="0: any free port.")] = 0,
    redirect_uri: Annotated[
        str | None, typer.Option("--redirect-uri", metavar="URL", help="Where OAuth sends codes, for login.")
    ] = None,
) -> int:
    """Serve the sandbox until Ctrl-C."""
    lazy.run_serve(common.state, port, sys.stdout.write, redirect_uri)
    return ExitCode.OK


@command(sandbox_app, "seed")
def sandbox_seed(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A seed file; default: the sample company.")
    ] = None,
    *,
    common: _State,
) -> int:
    """Fill the sandbox, replacing its users."""
    sys.stderr.write(lazy.run_seed(common.state, file))
    return ExitCode.OK


@command(sandbox_app, "reset")
def sandbox_reset(common: _State) -> int:
    """Empty the sandbox."""
    sys.stderr.write(lazy.run_reset(common.state))
    return ExitCode.OK


@command(sandbox_app, "token")
def sandbox_token(common: _State) -> int:
    """Issue another token and print it. Two at most are valid at a time."""
    sys.stdout.write(lazy.run_token(common.state))
    return ExitCode.OK


@command(sandbox_app, "advance")
def sandbox_advance(
    days: Annotated[int, typer.Argument(metavar="DAYS", min=1, max=3650, help="Number of days.")],
    *,
    common: _State,
) -> int:
    """Move the sandbox's clock forwards: tokens expire after a year."""
    sys.stderr.write(lazy.run_advance(common.state, days))
    return ExitCode.OK


@command(sandbox_app, "disconnect")
def sandbox_disconnect(common: _State) -> int:
    """Disconnect the directory, as an administrator can."""
    sys.stderr.write(lazy.run_disconnect(common.state))
    return ExitCode.OK


@command(sandbox_app, "reconnect")
def sandbox_reconnect(
    merge: Annotated[
        bool, typer.Option("--merge", help="New users take over the manual accounts with their names.")
    ] = False,
    *,
    common: _State,
) -> int:
    """Connect the directory again and print a token."""
    token, text = lazy.run_reconnect(common.state, merge=merge)
    sys.stderr.write(text)
    sys.stdout.write(token)
    return ExitCode.OK
