"""`github heartbeat`: keep a scheduled workflow enabled."""

from __future__ import annotations

from reconciler.errors import ExitCode
from reconciler.github.api import GitHub
from reconciler.session.github_step import run_optional_step
from reconciler.session.terminal import Terminal


def run_heartbeat(workflow: str, terminal: Terminal) -> ExitCode:
    """Enable the workflow: GitHub disables a schedule after 60 days without a commit, and this restarts them."""

    def enable(hub: GitHub) -> str:
        hub.send("PUT", f"/actions/workflows/{workflow}/enable")
        return "enabled"

    return run_optional_step("heartbeat", enable, terminal)
