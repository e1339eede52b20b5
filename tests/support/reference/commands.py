"""docs/reference/commands.md: every command of the program, with its arguments and options."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from reconciler.cli import app
from reconciler.cli.options import CommonOptions
from support.reference.markdown import code, page, prose, table, wrap

MORE: Mapping[str, tuple[str, str]] = {
    "validate": ("Code scanning and editors", "pull-requests.md#code-scanning-and-editors"),
    "plan": ("Pull requests", "pull-requests.md"),
    "apply": ("Lifecycle", "lifecycle.md"),
    "check": ("Test a connection", "check.md"),
    "login": ("OAuth", "oauth.md"),
    "status": ("A year in the life of a connection", "operations.md"),
    "log": ("The record", "history.md"),
    "rollback": ("The record", "history.md"),
    "explain": ("Why is this user …?", "explain.md"),
    "eval": ("Mapping functions", "reference/mapping-functions.md"),
    "schema": ("JSON Schemas", "reference/schemas.md"),
    "import csv": ("Importing people from a CSV file", "csv-import.md"),
    "import entra": ("Import people from Microsoft Entra ID", "entra-import.md"),
    "import entra-links": ("Verify the accounts", "entra-import.md#verify-the-accounts-before-you-switch"),
    "import entra-schema": ("Mappings and filters", "entra-schema.md"),
    "export entra-schema": ("Mappings and filters", "entra-schema.md"),
    "export": ("Adopting a tenant", "adopting.md"),
    "add user": ("Editing files", "editing.md"),
    "fmt": ("Editing files", "editing.md#format-files"),
    "init": ("Getting started", "getting-started.md"),
    "drift": ("Drift", "history.md"),
    "report": ("The report", "report.md"),
    "github import-patch": ("Importing people by a workflow", "import-workflow.md"),
    "github import-pull": ("Importing people by a workflow", "import-workflow.md"),
    "github comment": ("Pull requests", "pull-requests.md"),
    "github reviewed": ("Pull requests", "pull-requests.md"),
    "github unattended": ("A cycle every hour", "sync.md"),
    "github push-record": ("The record", "history.md"),
    "sandbox disconnect": ("A connection that was cut", "disconnect.md"),
    "sandbox reconnect": ("A connection that was cut", "disconnect.md"),
    "fleet validate": ("The layers of a fleet", "fleet-layers.md"),
    "fleet explain": ("The layers of a fleet", "fleet-layers.md"),
    "fleet plan": ("A fleet", "fleet.md"),
    "fleet apply": ("A fleet", "fleet.md"),
    "fleet drift": ("A fleet", "fleet.md"),
    "fleet matrix": ("A fleet", "fleet.md"),
    "fleet gather": ("A fleet", "fleet.md"),
    "fleet gate": ("A fleet", "fleet.md"),
    "fleet status": ("A fleet", "fleet.md"),
    "fleet retry": ("A fleet", "fleet.md"),
    "fleet init-queue": ("A queue for a fleet", "fleet-cluster.md"),
    "fleet requeue": ("A queue for a fleet", "fleet-cluster.md"),
    "fleet submit": ("A queue for a fleet", "fleet-cluster.md"),
    "fleet worker": ("A queue for a fleet", "fleet-cluster.md"),
    "fleet jobs": ("A queue for a fleet", "fleet-cluster.md"),
}
"""The page about a command: its title, and where it is in docs/."""
INTRODUCTION = """\
Every command of `reconciler`, as `--help` (or `-h`) describes it. Options are read anywhere after the command.
`reconciler --install-completion` installs completion for your shell (bash, zsh or fish): of commands, options, formats,
and userPrincipalNames after `explain`, `log` and `--user`; `--show-completion` prints the script instead. The meaning
of exit codes is in [exit codes](exit-codes.md), variables are in [environment variables](../environment.md). This page
is generated: `make reference`."""
FORMATS = """\
A plan has four output formats: text for a terminal, Markdown for a pull request comment or a step summary (`--limit
comment|summary`), one HTML page with filters, JSON for other programs. [Pull requests](../pull-requests.md) explains
them, `--base` and `--offline`. `--log FILE` adds one JSON line for each user ([the structured log](../log.md)),
`--metrics FILE` writes metrics for Prometheus ([metrics](metrics.md))."""
SHARED_OPTIONS = [
    (name, get_args(hint)[1].help)
    for name, hint in get_type_hints(CommonOptions, include_extras=True).items()
    if get_args(hint)
]
"""The name and the help of each shared option: another option of a shared name is not one of them."""
SHARED = "The options that a command takes of these are named in its section."
_ARGUMENT = "argument"


def render_commands() -> str:
    """Return the page."""
    commands = list(walk(typer.main.get_command(app), ()))
    rows = [(f"[{code(name)}](#{anchor(name)})", first_sentence(command)) for name, command in commands]
    return page(
        "# Commands",
        INTRODUCTION,
        table(("command", "does"), rows),
        FORMATS,
        "## Options that commands share",
        SHARED,
        table(("option", "default", "meaning"), map(describe, shared_options(commands))),
        *(part for name, command in commands for part in render_command(name, command)),
    )


def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield the name and each command that does something, in the order of `--help`."""
    if not hasattr(command, "commands") or command.invoke_without_command:
        yield " ".join(path), command
    for name, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield from walk(each, (*path, name))


def anchor(name: str) -> str:
    """Return the anchor of the section of a command."""
    return name.replace(" ", "-")


def first_sentence(command: Any) -> str:
    """Return what a command does, for the table."""
    return prose(" ".join(inspect.cleandoc(command.help).partition("\n\n")[0].split()))


def render_command(name: str, command: Any) -> list[str]:
    """Return the section of a command."""
    shared = [each for each in command.params if is_shared(each)]
    own = [each for each in command.params if not is_shared(each)]
    paragraphs = inspect.cleandoc(command.help).split("\n\n")
    title, file = MORE.get(name, ("", ""))
    place = file.removeprefix("reference/") if file.startswith("reference/") else f"../{file}"
    return [
        f"## {name}",
        f"```text\n{usage(name, own)}\n```",
        *(wrap(prose(" ".join(paragraph.split()))) for paragraph in paragraphs),
        f"More: [{title}]({place})." if title else "",
        table(("option", "default", "meaning"), map(describe, own)) if own else "",
        wrap(f"Also: {', '.join(code(each.opts[-1]) for each in shared)}.") if shared else "",
    ]


def is_shared(parameter: Any) -> bool:
    """Whether an option is one of those that most commands have."""
    return (parameter.name, parameter.help) in SHARED_OPTIONS


def shared_options(commands: list[tuple[str, Any]]) -> list[Any]:
    """Return each shared option once, in the order in which `--help` lists them."""
    found = {each.name: each for _, command in commands for each in command.params if is_shared(each)}
    return [found[name] for name, _ in SHARED_OPTIONS]


def usage(name: str, parameters: list[Any]) -> str:
    """Return the line that shows how a command is called."""
    arguments = [metavar(each) for each in parameters if each.param_type_name == _ARGUMENT]
    return " ".join(["reconciler", name, "[OPTIONS]", *arguments])


def metavar(parameter: Any) -> str:
    """Return the name of an argument in the line of usage."""
    named = str(parameter.metavar or parameter.name.upper()).strip("[]").removesuffix("...")
    dots = "…" if parameter.nargs != 1 else ""
    return f"{named}{dots}" if parameter.required else f"[{named}]{dots}"


def describe(parameter: Any) -> tuple[str, str, str]:
    """Return the row of an argument or option."""
    if parameter.param_type_name == _ARGUMENT:
        names = code(metavar(parameter))
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar or parameter.type.name.upper()}"
        names = ", ".join(code(f"{each}{value}") for each in [*parameter.opts, *parameter.secondary_opts])
    return names, default_of(parameter), prose(parameter.help or "")


def default_of(parameter: Any) -> str:
    """Return the default that a reader needs to know; "" for a flag that is off and an option that is absent."""
    found = parameter.default
    if found in (None, False, "", (), []) or callable(found):
        return "required" if parameter.required else ""
    return code(found.as_posix() if isinstance(found, Path) else str(found))
