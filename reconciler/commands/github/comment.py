"""`github comment`: a saved plan as the one comment of a pull request, or one for each named tenant."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github import comments, workflow_commands
from reconciler.github.api import GitHub
from reconciler.github.comments import Marker
from reconciler.github.environment import read_workflow
from reconciler.session.github_step import run_optional_step
from reconciler.session.saved_plan import read_saved_plan, render_for_github
from reconciler.session.terminal import Terminal

_KIND = "reconciler plan"
_FIRST = """\
**First answer**, from the accounts that this change can affect. The plan of all users is being made and replaces it;
only that one can be applied.

"""


def run_comment(
    file: Path, pull: int, author: str, terminal: Terminal, *, redact: bool, first: bool = False
) -> ExitCode:
    """Write the comment. If GitHub refuses, warn: a missing comment does not fail the plan.

    `first`: the plan is an incremental one, and the next comment of a full one takes its place.
    """
    shown = (_FIRST if first else "") + render_for_github(file, "comment", redact=redact)
    planned = Marker(_KIND, read_saved_plan(file).target.tenant) if file.exists() else None

    def write(hub: GitHub) -> str:
        # Without a plan, the comment of an earlier one must not stay as it is.
        marker = planned or comments.find_only_marker(hub, pull, _KIND, author)
        body = workflow_commands.format_body(shown, str(marker), read_workflow().run_url)
        return comments.write_comment(hub, pull, marker, body, author)

    return run_optional_step("comment", write, terminal)
