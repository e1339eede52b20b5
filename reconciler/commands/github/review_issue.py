"""`github review-issue`: the one issue about a plan that is not applied unattended, or one for each named tenant."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github import comments, workflow_commands
from reconciler.github.comments import Marker
from reconciler.github.environment import open_github, read_workflow
from reconciler.session.network import read_network
from reconciler.session.saved_plan import read_saved_plan, render_for_github
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings

_KIND = "reconciler review"
_TITLE = "A plan waits for a review"
_ABOUT = """\
The workflow `sync` applied nothing of this plan: the summary of its run says why, a line for each reason. Review it,
then start the workflow `apply` with its id, or change the desired state by a pull request:

```
{plan_id}
```

"""
_DONE = "Nothing waits for a review: the last cycle of all users was applied, or had nothing to do."


def run_review_issue(
    workspace: Workspace, file: Path | None, author: str, terminal: Terminal, *, redact: bool
) -> ExitCode:
    """Open or update the issue with a saved plan; without one, close it.

    Raises `GitHubError` if GitHub refuses: no one would know that something waits.
    """
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    tenant, url = settings.target.tenant, read_workflow().run_url
    marker, title = Marker(_KIND, tenant), _TITLE if tenant is None else f"{_TITLE} (tenant {tenant})"
    with open_github(read_network()) as hub:
        if file is None:
            done = comments.close_issue(hub, marker, workflow_commands.format_body(_DONE, str(marker), url), author)
        else:
            plan = read_saved_plan(file)
            shown = _ABOUT.format(plan_id=plan.plan_id) + render_for_github(file, "comment", redact=redact)
            body = workflow_commands.format_body(shown, str(marker), url)
            done = comments.write_issue(hub, marker, title, body, author)
    terminal.note(f"Issue about a review: {done}.")
    return ExitCode.OK
