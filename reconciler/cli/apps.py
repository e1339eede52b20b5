"""The Typer application and its groups. The other modules of this package register their commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

_SETTINGS: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": None,
    # A traceback with local variables could show the token.
    "pretty_exceptions_enable": False,
}
app = typer.Typer(
    help="Managed Apple Accounts as code: plan and apply users from YAML in git to any SCIM 2.0 service.",
    # Groups and commands inherit it.
    context_settings={"help_option_names": ["--help", "-h"]},
    **_SETTINGS,
)
sandbox_app = typer.Typer(help="The embedded service that behaves like Apple's, on 127.0.0.1.", **_SETTINGS)
app.add_typer(sandbox_app, name="sandbox")
import_app = typer.Typer(help="Import configuration from other systems.", **_SETTINGS)
app.add_typer(import_app, name="import")
add_app = typer.Typer(help="Add entries to the files of the desired state.", **_SETTINGS)
app.add_typer(add_app, name="add")
export_app = typer.Typer(**{**_SETTINGS, "no_args_is_help": False})
app.add_typer(export_app, name="export")
github_app = typer.Typer(help="Steps of workflows in GitHub Actions.", **_SETTINGS)
app.add_typer(github_app, name="github")
fleet_app = typer.Typer(help="A fleet: many tenants in one repository.", **_SETTINGS)
app.add_typer(fleet_app, name="fleet")


def find_command(words: Sequence[str]) -> str:
    """Return the command in the words of a command line, such as `import csv`; the program alone if there is none.

    Only names of commands are returned, never an argument.
    """
    found, here = ["reconciler"], app
    for word in words[:2]:
        group = next((each for each in here.registered_groups if each.name == word), None)
        names = {each.name or getattr(each.callback, "__name__", "") for each in here.registered_commands}
        if group is None and word not in names:
            break
        found.append(word)
        if group is None or group.typer_instance is None:
            break
        here = group.typer_instance
    return " ".join(found)
