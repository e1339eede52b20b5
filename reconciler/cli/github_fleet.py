"""The steps of the workflows of a fleet for GitHub Actions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import lazy
from reconciler.cli.apps import github_app
from reconciler.cli.fleet import FleetOptions
from reconciler.cli.github import LOGIN, RECORD_AUTHOR, Login, Redact, open_plain_terminal
from reconciler.cli.options import command
from reconciler.core.text import quote, shorten
from reconciler.errors import UsageError

_Root = Annotated[Path, typer.Option("--fleet", metavar="DIR", help="Directory with fleet.yaml.")]
_HERE = Path()
_Gathered = Annotated[Path, typer.Argument(metavar="FILE", help="What `fleet gather` saved.")]
_PLAN_ID = re.compile(r"sha256:[0-9a-f]{64}")
_RUN = re.compile(r"[0-9]{1,19}", re.ASCII)


@command(github_app)
def fleet_fetch_record(root: _Root = _HERE) -> int:
    """Fetch the record branch named in defaults/settings.yaml.

    From it, plan and apply know of earlier applies.
    """
    return lazy.run_fleet_fetch_record(root, open_plain_terminal())


@command(github_app)
def fleet_push_record(
    records: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Each holds TENANT/plans of the tenants of one attempt.")
    ],
    root: _Root = _HERE,
    author: Annotated[str, typer.Option("--author", metavar="'NAME <EMAIL>'", help="Commit author.")] = RECORD_AUTHOR,
) -> int:
    """Add the plans and receipts of all tenants to the record branch, in one commit for each attempt."""
    return lazy.run_fleet_push_record(root, tuple(records), author, open_plain_terminal())


@command(github_app)
def fleet_tokens(
    chosen: FleetOptions,
    plans: Annotated[
        Path | None, typer.Option("--plans", metavar="DIR", help="The reviewed plans, as for `fleet apply`.")
    ] = None,
) -> int:
    """Write the tokens of this job's tenants, of the secret RECONCILER_FLEET_TOKENS, to a directory.

    Sets the output `dir`, for RECONCILER_TOKEN_DIR. Does nothing without the secret.
    """
    return lazy.run_fleet_tokens(chosen.selection(plans), open_plain_terminal())


@command(github_app)
def fleet_newest(root: _Root = _HERE) -> int:
    """Fetch the newest commit of the branch, for `fleet apply --newest`.

    A tenant whose provisioning it switches off is held, whatever the commit of this run says.
    """
    return lazy.run_fleet_newest(root, open_plain_terminal())


@command(github_app)
def fleet_reviewed(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where to save them.")],
    plan_id: Annotated[
        str,
        typer.Option("--plan-id", metavar="PLAN_ID", help="ID of the fleet's plan, of a run that looked for drift."),
    ] = "",
    run: Annotated[str, typer.Option("--run", metavar="NUMBER", help="That run.")] = "",
) -> int:
    """Fetch the plans of all tenants reviewed in the pull request of this commit.

    The exit code is 4 if there are none, or if a later commit has been applied.
    """
    named = _read_named_run(plan_id, run) if plan_id or run else None
    return lazy.run_fleet_reviewed(out, named, open_plain_terminal())


def _read_named_run(plan_id: str, run: str) -> lazy.NamedRun:
    if _PLAN_ID.fullmatch(plan_id) is None:
        raise UsageError(f"--plan-id {quote(shorten(plan_id, 80))} is not an ID", "It is sha256: and 64 digits.")
    if _RUN.fullmatch(run) is None:
        raise UsageError(f"--run {quote(shorten(run, 40))} is not a number", "It is the last number in the run's URL.")
    return lazy.NamedRun(plan_id, int(run))


@command(github_app)
def fleet_record(
    file: _Gathered,
    head: Annotated[str, typer.Option("--head", metavar="COMMIT", help="Head commit of the pull request.")],
) -> int:
    """Record on a head commit which plans were made for it."""
    return lazy.run_fleet_record(file, head, open_plain_terminal())


@command(github_app)
def fleet_comment(
    file: _Gathered,
    pull: Annotated[int, typer.Option("--pull", min=1, metavar="NUMBER", help="The pull request.")],
    author: Login = LOGIN,
    *,
    common: Redact,
) -> int:
    """Show a run for many tenants as the one comment of a pull request."""
    return lazy.run_fleet_comment(file, pull, author, open_plain_terminal(), redact=common.redact)


@command(github_app)
def fleet_summary(file: _Gathered, common: Redact) -> int:
    """Append a run for many tenants to the step summary."""
    return lazy.run_fleet_summary(file, open_plain_terminal(), redact=common.redact)


@command(github_app)
def fleet_issue(
    file: _Gathered,
    part: Annotated[str, typer.Option("--slice", metavar="I/N", help="The part of the tenants that it is about.")],
    author: Login = LOGIN,
    *,
    common: Redact,
) -> int:
    """Open, update or close the issue about drift of a part of the tenants."""
    return lazy.run_fleet_issue(file, part, author, open_plain_terminal(), redact=common.redact)
