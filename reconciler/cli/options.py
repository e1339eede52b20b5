"""Options that commands share, and what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reconciler.session.terminal import Terminal
    from reconciler.session.workspace import Workspace

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

STATE = Path("desired-state")
PLANS = Path("plans")


def build_terminal(*, no_color: bool, redact: bool, quiet: bool, verbose: bool) -> Terminal:
    """Where words go, by the flags of a command."""
    from reconciler.session.terminal import Terminal  # noqa: PLC0415

    return Terminal(no_color=no_color, redact=redact, quiet=quiet, verbose=verbose)


def build_workspace(state: Path, plans: Path, now: str | None, *, sandbox: bool) -> Workspace:
    """Where things are, by the options of a command."""
    from reconciler.session.workspace import Workspace, parse_now  # noqa: PLC0415

    return Workspace(state, plans, sandbox, parse_now(now))


def plain_terminal() -> Terminal:
    """The terminal of a workflow's step."""
    return build_terminal(no_color=True, redact=False, quiet=False, verbose=False)
