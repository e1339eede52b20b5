"""The commands that bring people into the desired state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import lazy
from reconciler.cli.apps import import_app
from reconciler.cli.completion import complete_from
from reconciler.cli.options import TERMINAL, CommonOptions, DataFormat, MetricsFile, Only, command

ON_MISSING = ("report", "disable", "remove")


@dataclass(frozen=True, slots=True)
class ImportFlags:
    """Options of all imports of people, in the order in which `--help` lists them."""

    approve: Annotated[
        str | None,
        typer.Option("--approve", metavar="ID", help="Let exactly the users that a blocked import listed leave."),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change of files without writing it.")] = False
    check: Annotated[bool, typer.Option("--check", help="As --dry-run, and exit with 2 if files would change.")] = False
    format: DataFormat = "text"
    metrics: MetricsFile = None


@dataclass(frozen=True, slots=True)
class _ReadOptions:
    map: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="HEADER=attribute",
            help='The attribute of a column; "HEADER=" leaves it out. Repeatable.',
        ),
    ] = None
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", metavar="C", help="Default: by the known headers.")
    ] = None
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Default: UTF-8, or as the file begins.")
    ] = None
    dates: Annotated[
        str,
        typer.Option(
            "--dates",
            metavar="iso|dmy|mdy",
            autocompletion=complete_from("iso", "dmy", "mdy"),
            help="The order of local dates.",
        ),
    ] = "iso"


@command(import_app, "csv")
def import_csv(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file.")],
    reading: _ReadOptions,
    on_missing: Annotated[
        str,
        typer.Option(
            "--on-missing",
            metavar="|".join(ON_MISSING),
            autocompletion=complete_from(*ON_MISSING),
            help="What happens to users in users/csv.yaml that the file does not list.",
        ),
    ] = "report",
    *,
    flags: ImportFlags,
    common: Annotated[CommonOptions, Only("state", "now", *TERMINAL)],
) -> int:
    """Import people from a CSV file.

    The formats of Entra, Google Workspace, Okta and Apple School Manager are recognised by their headers, and so are
    attribute names. Columns that are not recognised are listed, and imported with --map.

    Writes files of users/ only. Exit code 2: files would change (--check); 3: blocked by guards.removals; 5: some
    people could not be imported, the others were.
    """
    options = lazy.ImportCsvOptions(
        file=file,
        maps=tuple(reading.map or ()),
        delimiter=reading.delimiter,
        encoding=reading.encoding,
        dates=reading.dates,
        on_missing=on_missing,
        approve=flags.approve,
        dry_run=flags.dry_run,
        check=flags.check,
        format=flags.format,
        metrics=flags.metrics,
    )
    return lazy.run_import_csv(common.workspace(), options, common.terminal())


@dataclass(frozen=True, slots=True)
class _EntraOptions:
    parts: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="PARTS",
            help="What to import: people, people,groups or people,groups,scope; and of the provisioning job ,mappings"
            " and ,settings.",
        ),
    ] = "people,groups,scope"
    job: Annotated[
        str | None, typer.Option("--job", metavar="ID", help="Which provisioning job, if there are several.")
    ] = None
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="NAME", help="Which rule of the job, if several provision users.")
    ] = None
    on_missing: Annotated[
        str | None,
        typer.Option(
            "--on-missing",
            metavar="|".join(ON_MISSING),
            autocompletion=complete_from(*ON_MISSING),
            help="What happens to users that are confirmed gone or unassigned; default: as in settings.yaml.",
        ),
    ] = None
    delta: Annotated[
        Path | None,
        typer.Option("--delta", metavar="FILE", help="Read only what changed since the import that wrote this file."),
    ] = None


@command(import_app, "entra")
def import_entra(
    reading: _EntraOptions,
    *,
    flags: ImportFlags,
    common: Annotated[CommonOptions, Only("state", "now", *TERMINAL)],
) -> int:
    """Import people, groups and assignments from Microsoft Entra ID.

    Reads the enterprise application of source.entra in settings.yaml by Microsoft Graph, completely or not at all.

    Writes files only. Exit code 2: files would change (--check); 3: blocked by guards.removals; 5: some people could
    not be imported, the others were.
    """
    options = lazy.EntraImportOptions(
        parts=reading.parts,
        job=reading.job,
        rule=reading.rule,
        on_missing=reading.on_missing,
        approve=flags.approve,
        dry_run=flags.dry_run,
        check=flags.check,
        format=flags.format,
        delta=reading.delta,
        metrics=flags.metrics,
    )
    return lazy.run_import_entra(common.workspace(), options, common.terminal())


@command(import_app, "entra-links")
def import_entra_links(
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with the accounts that the plan matches at the target.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write the table as CSV to this file.")
    ] = None,
    days: Annotated[int, typer.Option("--days", metavar="N", help="How many days of the log to read.")] = 30,
    job: Annotated[
        str | None, typer.Option("--job", metavar="ID", help="Which provisioning job, if there are several.")
    ] = None,
    format: DataFormat = "text",  # noqa: A002 - the option's name
    *,
    common: CommonOptions,
) -> int:
    """Show which account Entra made for which user.

    Reads the provisioning log of Microsoft Entra ID, and writes no file of the desired state. With --verify, accounts
    that the plan matches are compared: before Entra's job is paused, each should be the one that Entra made.

    Exit code 5: an account is not the one that Entra made, or is not in the log.
    """
    options = lazy.EntraLinksOptions(days=days, job=job, out=out, verify=verify, format=format)
    return lazy.run_import_entra_links(common.workspace(), options, common.terminal())
