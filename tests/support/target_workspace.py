"""A workspace on a fake service, for functions of `commands` and `session` that are called directly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.desired.loader import DesiredState, load
from reconciler.errors import ExitCode
from reconciler.record.refusal import Refusal, read_refusal
from reconciler.render.formats import OutputOptions
from reconciler.session.session import Session, open_session
from reconciler.session.workspace import Workspace
from support import workspace as files
from support.recording_terminal import RecordingTerminal
from support.sample_org import account, person
from support.servers.fake_scim import FakeScimServer

KEEPER = "keeper"
"""A user that is desired and live in every test: a plan that removes the last user is blocked."""


@dataclass
class TargetWorkspace:
    """Desired state in files, live users on `service`, and what a command writes in `terminal`."""

    files: files.Workspace
    service: FakeScimServer
    workspace: Workspace
    terminal: RecordingTerminal

    def desire(self, *people: dict[str, Any]) -> None:
        """Write the desired users and the keeper."""
        self.files.users([*people, person(KEEPER)])

    def live(self, who: str) -> dict[str, Any]:
        """Return a live user of the service."""
        return next(user for user in self.service.users.values() if user["userName"].startswith(f"{who}@"))

    def state(self) -> DesiredState:
        """Load the desired state, which must be valid."""
        found = load(self.workspace.state, self.workspace.now)
        assert isinstance(found, DesiredState), found
        return found

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session with the service."""
        with open_session(self.workspace, self.state(), self.terminal) as session:
            yield session

    def refusal(self) -> Refusal | None:
        """Return what is on record about a service that refuses."""
        return read_refusal(self.workspace.history, self.state().target)

    def plan(self, **changed: Any) -> ExitCode:
        """Run `plan` as JSON with exit code 2 for changes; keywords replace options."""
        from reconciler.commands.plan import PlanOptions, run_plan  # noqa: PLC0415 - only some tests need it

        options = PlanOptions(None, OutputOptions("json"), (), detailed_exitcode=True)
        return run_plan(self.workspace, replace(options, **changed), self.terminal)

    def apply(self, file: Path | None = None, **changed: Any) -> ExitCode:
        """Run `apply` without a question; keywords replace options."""
        from reconciler.commands.apply import ApplyOptions, run_apply  # noqa: PLC0415 - only some tests need it

        options = ApplyOptions(file, auto_approve=True, approve=None, users=(), summary=False)
        return run_apply(self.workspace, replace(options, **changed), self.terminal)


def build_target_workspace(work: files.Workspace, service: FakeScimServer) -> TargetWorkspace:
    """Return the workspace, with the keeper desired and live."""
    service.add(account(KEEPER))
    workspace = Workspace(work.state, work.plans, sandbox=False, now=datetime.now(UTC))
    target = TargetWorkspace(work, service, workspace, RecordingTerminal())
    target.desire()
    return target
