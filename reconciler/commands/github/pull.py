"""`github pull`: the commits of a pull request as outputs of the step, for a plan that was started manually."""

from __future__ import annotations

import re

from reconciler.errors import ExitCode, UsageError
from reconciler.github.api import text_at
from reconciler.github.environment import open_github, read_workflow
from reconciler.session.github_step import print_outputs
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def run_pull(number: int, terminal: Terminal) -> ExitCode:
    """Write `number`, `head` and `base` to the outputs of the step; outside of GitHub Actions to stdout.

    Raises `UsageError` for a pull request that is closed, of a fork, or for another branch than the default one.
    """
    here = read_workflow()
    with open_github(read_network()) as hub:
        pull = hub.get(f"/pulls/{number}")
        head, base = text_at(pull, "head", "sha"), text_at(pull, "base", "sha")
        where = text_at(pull, "state"), text_at(pull, "head", "repo", "full_name"), text_at(pull, "base", "ref")
        if where != ("open", hub.repository, here.branch) or not (_COMMIT.fullmatch(head) and _COMMIT.fullmatch(base)):
            raise UsageError(
                f"pull request {number} cannot be planned",
                "Only open ones of this repository for the default branch can be, none of a fork.",
            )
    print_outputs({"number": number, "head": head, "base": base}, terminal)
    return ExitCode.OK
