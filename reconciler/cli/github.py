"""The steps of the workflows for GitHub Actions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import lazy
from reconciler.cli.apps import github_app
from reconciler.cli.options import CommonOptions, Only, command

if TYPE_CHECKING:
    from reconciler.session.terminal import Terminal

Login = Annotated[str, typer.Option("--author", metavar="LOGIN", help="Login of the token's owner.")]
LOGIN = "github-actions[bot]"
RECORD_AUTHOR = "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>"
_SavedPlan = Annotated[Path, typer.Argument(metavar="FILE", help="A saved plan.")]
_State = Annotated[CommonOptions, Only("state")]
Redact = Annotated[CommonOptions, Only("redact")]


def open_plain_terminal() -> Terminal:
    """Return the terminal of a step; what a step shows is redacted by its renderer."""
    return lazy.Terminal(no_color=True, redact=False, quiet=False, verbose=False)


@command(github_app)
def action() -> int:
    """Run the command that the inputs of the action name.

    It is the step of action.yml, and reads its inputs from INPUT_… variables.
    """
    return lazy.run_action(os.environ, (sys.executable, "-P", sys.argv[0]), open_plain_terminal())


@command(github_app)
def annotate(
    place: _State,
    folder: Annotated[
        str, typer.Option("--folder", metavar="DIR", help="Directory of the desired state in the repository.")
    ] = "desired-state",
    *,
    common: Redact,
) -> int:
    """Annotate files with the errors of the desired state."""
    return lazy.run_annotate(place.workspace(), folder, open_plain_terminal(), redact=common.redact)


@command(github_app)
def summary(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A saved plan (.json), or text.")], common: Redact
) -> int:
    """Append a saved plan or a text to the step summary.

    It is cut at whole users if it exceeds GitHub's limit.
    """
    return lazy.run_summary(file, open_plain_terminal(), redact=common.redact)


@command(github_app)
def outputs(file: _SavedPlan) -> int:
    """Set the outputs of the step from a saved plan.

    They are plan-id, changes, blocked and the counts.
    """
    return lazy.run_outputs(file, open_plain_terminal())


@command(github_app)
def comment(
    file: _SavedPlan,
    pull: Annotated[int, typer.Option("--pull", min=1, metavar="NUMBER", help="The pull request.")],
    author: Login = LOGIN,
    first: Annotated[
        bool, typer.Option("--first", help="It is an incremental plan, and a full one follows: say so.")
    ] = False,
    *,
    common: Redact,
) -> int:
    """Show a saved plan as the one comment of a pull request."""
    return lazy.run_comment(file, pull, author, open_plain_terminal(), redact=common.redact, first=first)


@command(github_app)
def drift_issue(file: _SavedPlan, author: Login = LOGIN, *, common: Redact) -> int:
    """Open, update or close the one issue about drift."""
    return lazy.run_drift_issue(file, author, open_plain_terminal(), redact=common.redact)


@command(github_app)
def heartbeat(
    workflow: Annotated[str, typer.Argument(metavar="FILE", help="File name of the workflow.")] = "drift.yml",
) -> int:
    """Keep GitHub from disabling a scheduled workflow.

    GitHub does that after 60 days without a commit.
    """
    return lazy.run_heartbeat(workflow, open_plain_terminal())


@command(github_app)
def record(
    file: _SavedPlan,
    head: Annotated[str, typer.Option("--head", metavar="COMMIT", help="Head commit of the pull request.")],
) -> int:
    """Record on a head commit which plan was made for it."""
    return lazy.run_record(file, head, open_plain_terminal())


@command(github_app)
def provisioning(place: _State, *, common: Redact) -> int:
    """Set the output `enabled`: whether provisioning is on.

    It is off if the commit of this run or the newest commit of the branch says so.
    """
    return lazy.run_provisioning(place.workspace(), open_plain_terminal(), redact=common.redact)


@command(github_app)
def reviewed(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to save it.")],
    common: Annotated[CommonOptions, Only("state", "plans")],
) -> int:
    """Fetch the plan reviewed in the pull request of this commit.

    The exit code is 4 if there is none, or if a later commit has been applied.
    """
    return lazy.run_reviewed(common.workspace(), out, open_plain_terminal())


@command(github_app)
def fetch_record(common: _State) -> int:
    """Fetch the record branch named in settings.yaml.

    From it, plan and apply know of earlier applies.
    """
    return lazy.run_fetch_record(common.workspace(), open_plain_terminal())


@command(github_app)
def push_record(
    common: Annotated[CommonOptions, Only("state", "plans")],
    author: Annotated[str, typer.Option("--author", metavar="'NAME <EMAIL>'", help="Commit author.")] = RECORD_AUTHOR,
) -> int:
    """Add plans and receipts to the record branch.

    settings.yaml names the branch.
    """
    return lazy.run_push_record(common.workspace(), author, open_plain_terminal())


@command(github_app)
def expect(
    file: _SavedPlan,
    plan_id: Annotated[str, typer.Argument(metavar="PLAN_ID", help="ID of the plan that was reviewed.")],
    common: Annotated[CommonOptions, Only("state", "plans")],
) -> int:
    """Exit with 4 unless a saved plan has this ID.

    Also if a later commit has been applied.
    """
    return lazy.run_expect(common.workspace(), file, plan_id, open_plain_terminal())


@command(github_app)
def source(common: _State) -> int:
    """Set the output `entra`: whether settings.yaml names a directory to import people from."""
    return lazy.run_source(common.workspace(), open_plain_terminal())


@command(github_app)
def unattended(place: _State, *, common: Redact) -> int:
    """Set the output `enabled`: whether this run may apply without a review.

    Not without limits, a record and provisioning, nor while a run of the apply workflow waits or has not applied,
    nor while the record of a run that may have applied is missing: then an issue says so.
    """
    return lazy.run_unattended(place.workspace(), open_plain_terminal(), redact=common.redact)


@command(github_app)
def review_issue(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A saved plan; without one, close it.")] = None,
    author: Login = LOGIN,
    *,
    place: _State,
    common: Redact,
) -> int:
    """Open, update or close the one issue about a plan that needs a review."""
    return lazy.run_review_issue(place.workspace(), file, author, open_plain_terminal(), redact=common.redact)


@command(github_app)
def import_patch(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to save it.")], common: _State
) -> int:
    """Save what an import changed, for the job that opens the pull request."""
    return lazy.run_import_patch(common.workspace(), out, open_plain_terminal())


@command(github_app)
def import_pull(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The patch of an import.")],
    no_apply: Annotated[
        bool, typer.Option("--no-apply", help="Start no apply after a merge: the workflow `sync` continues by itself.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            "--wait", min=0, max=3600, metavar="SECONDS", help="Wait for the plan of what may be merged, and merge it."
        ),
    ] = 0,
    *,
    common: _State,
) -> int:
    """Open, update, merge or close the one pull request of the import."""
    return lazy.run_import_pull(common.workspace(), file, open_plain_terminal(), applies=not no_apply, patience=wait)


@command(github_app)
def pull(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The pull request.")],
) -> int:
    """Set the commits of a pull request as outputs of the step.

    They are number, head and base.
    """
    return lazy.run_pull(number, open_plain_terminal())
