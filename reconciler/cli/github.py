"""The steps of the workflows for GitHub Actions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.apps import github_app
from reconciler.cli.options import PLANS, STATE, Plans, Redact, State, build_workspace, plain_terminal

_Author = Annotated[str, typer.Option("--author", metavar="LOGIN", help="Whom the token belongs to.")]
_AUTHOR = "github-actions[bot]"
_PlanFile = Annotated[Path, typer.Argument(metavar="FILE", help="A saved plan.")]


@github_app.command("annotate")
def github_annotate(
    state: State = STATE,
    folder: Annotated[
        str, typer.Option("--folder", metavar="DIR", help="Where the desired state is in the repository.")
    ] = "desired-state",
    redact: Redact = False,
) -> int:
    """Print mistakes of the desired state as annotations at file and line."""
    from reconciler.commands.github import run_annotate  # noqa: PLC0415

    return run_annotate(build_workspace(state, PLANS, None, sandbox=False), folder, plain_terminal(), redact=redact)


@github_app.command("summary")
def github_summary(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A saved plan (.json), or text.")], redact: Redact = False
) -> int:
    """Append a saved plan or a text to the step summary, within GitHub's limit."""
    from reconciler.commands.github import run_summary  # noqa: PLC0415

    return run_summary(file, plain_terminal(), redact=redact)


@github_app.command("outputs")
def github_outputs(file: _PlanFile) -> int:
    """Give plan-id, changes, blocked and counts of a plan to other steps."""
    from reconciler.commands.github import run_outputs  # noqa: PLC0415

    return run_outputs(file, plain_terminal())


@github_app.command("comment")
def github_comment(
    file: _PlanFile,
    pull: Annotated[int, typer.Option("--pull", min=1, metavar="NUMBER", help="The pull request.")],
    author: _Author = _AUTHOR,
    redact: Redact = False,
) -> int:
    """Show a saved plan as the one comment of a pull request."""
    from reconciler.commands.github import run_comment  # noqa: PLC0415

    return run_comment(file, pull, author, plain_terminal(), redact=redact)


@github_app.command("drift-issue")
def github_drift_issue(file: _PlanFile, author: _Author = _AUTHOR, redact: Redact = False) -> int:
    """Open, update or close the one issue about drift, by a saved plan."""
    from reconciler.commands.github import run_drift_issue  # noqa: PLC0415

    return run_drift_issue(file, author, plain_terminal(), redact=redact)


@github_app.command("heartbeat")
def github_heartbeat(
    workflow: Annotated[str, typer.Argument(metavar="FILE", help="Name of the workflow's file.")] = "drift.yml",
) -> int:
    """Keep GitHub from switching off a schedule after 60 days without a commit."""
    from reconciler.commands.github import run_heartbeat  # noqa: PLC0415

    return run_heartbeat(workflow, plain_terminal())


@github_app.command("record")
def github_record(
    file: _PlanFile,
    head: Annotated[str, typer.Option("--head", metavar="COMMIT", help="Last commit of the pull request.")],
) -> int:
    """Note at a head commit which plan was made for it."""
    from reconciler.commands.github import run_record  # noqa: PLC0415

    return run_record(file, head, plain_terminal())


@github_app.command("reviewed")
def github_reviewed(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to put it.")],
) -> int:
    """Fetch the plan that was reviewed in the pull request of this commit; exit 4 when there is none."""
    from reconciler.commands.github import run_reviewed  # noqa: PLC0415

    return run_reviewed(out, plain_terminal())


@github_app.command("fetch-record")
def github_fetch_record(state: State = STATE) -> int:
    """Bring the record branch that settings.yaml names here, so that plan and apply know of earlier applies."""
    from reconciler.commands.record_branch import run_fetch_record  # noqa: PLC0415

    return run_fetch_record(build_workspace(state, PLANS, None, sandbox=False), plain_terminal())


@github_app.command("push-record")
def github_push_record(
    state: State = STATE,
    plans: Plans = PLANS,
    author: Annotated[
        str, typer.Option("--author", metavar="'NAME <EMAIL>'", help="Whom the commit is by.")
    ] = "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>",
) -> int:
    """Add plans and receipts to the record branch that settings.yaml names."""
    from reconciler.commands.record_branch import run_push_record  # noqa: PLC0415

    return run_push_record(build_workspace(state, plans, None, sandbox=False), author, plain_terminal())


@github_app.command("expect")
def github_expect(
    file: _PlanFile,
    plan_id: Annotated[str, typer.Argument(metavar="PLAN_ID", help="The id of the plan somebody looked at.")],
) -> int:
    """Exit with 4 unless a saved plan has this id."""
    from reconciler.commands.github import run_expect  # noqa: PLC0415

    return run_expect(file, plan_id, plain_terminal())
