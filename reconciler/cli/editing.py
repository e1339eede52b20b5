"""The commands that edit the files of the desired state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import lazy
from reconciler.cli.apps import add_app, app
from reconciler.cli.options import CommonOptions, Only, command


@dataclass(frozen=True, slots=True)
class _UserFlags:
    upn: Annotated[
        str | None, typer.Option("--upn", metavar="NAME", help="userPrincipalName; asked for if absent.")
    ] = None
    given_name: Annotated[str | None, typer.Option("--given-name", metavar="TEXT", help="First name.")] = None
    surname: Annotated[str | None, typer.Option("--surname", metavar="TEXT", help="Family name.")] = None
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Group that gets the user. Repeatable.")
    ] = None
    set: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="attribute=value", help="Another attribute. Repeatable; twice the same one is a list."
        ),
    ] = None
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Default: the only file in users/, else users/people.yaml."),
    ] = None
    offline: Annotated[bool, typer.Option("--offline", help="Show no plan, even if there is a token.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the edit without writing it.")] = False


@command(add_app, "user")
def add_user(
    flags: _UserFlags, common: Annotated[CommonOptions, Only("state", "plans", "sandbox", "now", "no_color", "quiet")]
) -> int:
    """Add a user to a file and to groups.

    Shows the edit and why the user is in or out of scope; with a token or --sandbox also the plan for the user.
    Without --upn it asks on the terminal.
    """
    options = lazy.AddUserOptions(
        upn=flags.upn,
        given_name=flags.given_name,
        surname=flags.surname,
        groups=tuple(flags.group or ()),
        values=tuple(flags.set or ()),
        file=flags.file,
        offline=flags.offline,
        dry_run=flags.dry_run,
    )
    return lazy.run_add_user(common.workspace(), options, common.terminal())


@command(app)
def fmt(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILES]", help="Default: all files in users/ and groups/.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: show the change, and exit with 2 if there is one.")
    ] = False,
    *,
    common: Annotated[CommonOptions, Only("state", "no_color", "quiet")],
) -> int:
    """Order keys and align entries of users and groups.

    Values, quotes, comments and the order of entries stay, and what is read is the same.
    """
    return lazy.run_fmt(common.workspace(), lazy.FmtOptions(tuple(files or ()), check), common.terminal())
