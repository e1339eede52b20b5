"""A step of the workflow `import` in a clone, on stand-ins of GitHub's API and of its git server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.github.import_patch import run_import_patch
from reconciler.commands.github.import_pull import run_import_pull
from reconciler.core.plan import Action, Attribution, Base, Change, Plan
from reconciler.errors import ExitCode
from reconciler.github import api as hub_api
from reconciler.github.import_branch import BRANCH
from reconciler.github.reviewed_plan import artifact_name
from reconciler.record.layout import PLAN
from reconciler.record.plan_file import to_json
from reconciler.session.workspace import Workspace
from support import builders
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal
from support.servers.git_http import GitServer
from support.servers.github_api import GitHubApi, Token
from support.workflow_runner import git
from support.workflow_step import set_step_environment

PERMISSIONS = {
    "contents": "write",
    "pull-requests": "write",
    "actions": "write",
    "statuses": "read",
    "checks": "read",
}
"""Those of the job `pull-request`."""
SETTINGS = """\
target: {profile: scim, base_url: "https://scim.example.com"}
source:
  entra: {tenant: contoso.onmicrosoft.com, application: Apple, auto_merge: 2}
"""
PEOPLE = """\
- {userPrincipalName: ada@example.com, objectId: a-1, department: Sales}
- {userPrincipalName: bob@example.com, objectId: b-1}
"""


@dataclass
class ImportStep:
    """A clone of `origin` at its main branch; imports are edits of the clone's files."""

    root: Path
    origin: GitRepository
    api: GitHubApi
    terminal: RecordingTerminal
    clone: Path = field(init=False)

    def __post_init__(self) -> None:
        self.update()

    def update(self) -> None:
        """Clone again, as the next run does."""
        self.clone = self.root / f"clone-{len(list(self.root.iterdir()))}"
        git(self.root, "clone", "--quiet", "--branch", "main", str(self.origin.root), str(self.clone))

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.clone / "desired-state", self.clone / "plans", sandbox=False, now=datetime.now(UTC))

    def edit(self, files: Mapping[str, str | None]) -> None:
        """Edit the clone's files as an import does."""
        for name, text in files.items():
            path = self.workspace.state / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink() if text is None else path.write_text(text)

    def run(self, files: Mapping[str, str | None], **options: Any) -> ExitCode:
        """Run both commands of a fresh run whose import edits `files`."""
        self.update()
        self.edit(files)
        patch = self.root / "import.json"
        assert run_import_patch(self.workspace, patch, self.terminal) is ExitCode.OK
        git(self.clone, "checkout", "--", ".")
        git(self.clone, "clean", "-fdq")
        self.terminal.notes.clear()
        self.api.dispatches.clear()
        return run_import_pull(self.workspace, patch, self.terminal, **options)

    @property
    def pull(self) -> dict[str, Any]:
        """The newest pull request."""
        return max(self.api.pulls, key=lambda pull: int(pull["number"]))

    def head(self, branch: str = BRANCH) -> str | None:
        found = git(self.origin.root, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return found or None

    def authors(self, commit: str) -> tuple[str, str]:
        author, committer = git(self.origin.root, "log", "-1", "--format=%ae %ce", commit).split()
        return author, committer

    def plan(self, *changes: Change, **fields: Any) -> Plan:
        """A plan of the branch, made now; without `changes` it creates one account."""
        now, head = datetime.now(UTC), self.head()
        base = Base("main", str(self.head("main")))
        made = {"commit": head, "base": base, "created_at": now, "expires_at": now + timedelta(days=7), **fields}
        created = builders.change("eve", Action.CREATE, attribution=Attribution.THIS_CHANGE_SET)
        return builders.plan_with(*(changes or (created,)), **made)

    def planned(self, plan: Plan | None = None, *, run: Mapping[str, Any] | None = None, **changes: Any) -> Plan:
        """Record a plan at the head of the branch, as the workflow `plan` does, and pass the validation.

        `run`: changes of the run that made it; `changes`: of its status.
        """
        self.validated()
        head, plan = str(self.head()), plan or self.plan()
        number = self.api.run(1, "plan.yml", "workflow_dispatch", head_sha=self.head("main"))
        self.api.runs[number].update(run or {})
        self.api.artifact(number, artifact_name(head), {PLAN: to_json(plan).encode()})
        now = datetime.now(UTC).isoformat()
        state = "failure" if plan.blocked else "success"
        description = f"{plan.plan_id} of run {number}: 1 to create"
        self.api.status(head, description, **{"created_at": now, "state": state, **changes})
        return plan

    def validated(self, conclusion: str | None = "success") -> None:
        """Run the workflow `ci` at the head of the branch."""
        ended = {"status": "completed", "conclusion": conclusion} if conclusion else {}
        self.api.run(1, "ci.yml", "workflow_dispatch", head_branch=BRANCH, head_sha=self.head(), **ended)

    def merge(self, pull: Mapping[str, Any]) -> str:
        """Squash and merge a pull request as GitHub does."""
        git(self.origin.root, "merge", "--quiet", "--squash", str(pull["head"]["sha"]))
        git(self.origin.root, "commit", "--quiet", "-m", "Merged")
        return str(self.head("main"))


@contextmanager
def import_step(root: Path, monkeypatch: pytest.MonkeyPatch, terminal: RecordingTerminal) -> Iterator[ImportStep]:
    """Run the test as a step of the workflow `import`."""
    (root / "runs").mkdir()
    origin = GitRepository(root / "origin", ".")
    origin.commit(
        "Begin", {"desired-state/settings.yaml": SETTINGS, "desired-state/users/people.yaml": PEOPLE, "a": ""}
    )
    api = GitHubApi()
    api.tokens["t"] = Token(permissions=PERMISSIONS)
    server = GitServer(origin.root, lambda: api.tokens)
    set_step_environment(monkeypatch, api, GITHUB_SERVER_URL=server.url)
    monkeypatch.setattr(hub_api.time, "sleep", lambda _: None)
    found = ImportStep(root / "runs", origin, api, terminal)
    api.find_head, api.merged, api.find_authors = found.head, found.merge, found.authors
    yield found
    server.close()
    api.close()
