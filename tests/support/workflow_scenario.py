"""A repository with the project's workflows, a sandbox and a stand-in of GitHub's API, and runs of the workflows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox.seed import list_users, seed
from reconciler.sandbox.server import start
from support.servers.github_api import GitHubApi
from support.workflow_runner import Job, Runner, git
from support.workspace import run as reconciler

ADA, GRACE, LINUS = "ada.example@example.com", "grace.hopper@example.com", "linus.pauling@example.com"
IDS = {GRACE: "11111111-1111-4111-8111-111111111111", LINUS: "22222222-2222-4222-8222-222222222222"}


class WorkflowScenario:
    """A repository made by `init`, a sandbox and GitHub; the users of the first commit are in the sandbox."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.file = root / "sandbox.db"
        seed(self.file, {"domains": ["example.com"], "users": []})
        self.sandbox = start(self.file)
        self.api = GitHubApi()
        self.origin = root / "origin"
        self.origin.mkdir()
        reconciler(["reconciler", "init", str(self.origin)])
        self.edit("settings.yaml", "https://federation.apple.com/feeds/business/scim", self.sandbox.base_url)
        git(self.origin, "init")
        self.first = self.commit("First")
        secrets = {"RECONCILER_TOKEN": self.sandbox.token}
        self.runner = Runner(self.origin, root / "runs", self.api, secrets, "127.0.0.1")
        patch.setenv("RECONCILER_TOKEN", self.sandbox.token)
        patch.setenv("RECONCILER_ALLOWED_HOSTS", "127.0.0.1")
        patch.setenv("XDG_STATE_HOME", str(root / "state"))
        self.settle()
        assert self.users() == [ADA]

    def settle(self) -> None:
        """Apply main as it is."""
        here = ["--state", str(self.origin / "desired-state"), "--plans", str(self.file.parent / "settled")]
        assert reconciler(["reconciler", "apply", "--auto-approve", *here]).code == 0

    def close(self) -> None:
        self.runner.close()
        self.sandbox.close()
        self.api.close()

    # --- git ------------------------------------------------------------------

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.origin / "desired-state" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def add(self, user: str, **attributes: str) -> None:
        """Add a user in scope."""
        name, _, surname = user.partition("@")[0].partition(".")
        person = {"objectId": IDS[user], "userPrincipalName": user, "givenName": name, "surname": surname, **attributes}
        with (self.origin / "desired-state/users/people.yaml").open("a") as file:
            file.write(f"- {json.dumps(person)}\n")
        with (self.origin / "desired-state/groups/apple-users.yaml").open("a") as file:
            file.write(f"      - {user}\n")

    def commit(self, message: str) -> str:
        git(self.origin, "add", "-A")
        git(self.origin, "commit", "--allow-empty", "-m", message)
        return git(self.origin, "rev-parse", "HEAD")

    def branch(self, change: Callable[[], object], name: str = "change") -> str:
        """Make a branch with one commit that holds the change, go back to main and return the commit."""
        git(self.origin, "checkout", "-b", name, "main")
        change()
        head = self.commit("Change")
        git(self.origin, "checkout", "main")
        return head

    def merge(self, head: str, how: str = "squash", number: int = 7) -> str:
        """Merge as GitHub's buttons do and return main's new commit."""
        match how:
            case "merge":
                git(self.origin, "merge", "--no-ff", "-m", "Merge", head)
            case "squash":
                git(self.origin, "merge", "--squash", head)
                git(self.origin, "commit", "-m", "Squashed")
            case _:
                git(self.origin, "-c", "core.editor=true", "cherry-pick", "--allow-empty", head)
                git(self.origin, "commit", "--amend", "--no-edit", "--date=2026-12-01T00:00:00Z")
        merged = git(self.origin, "rev-parse", "main")
        self.api.pull(number, head, merged)
        return merged

    # --- runs -----------------------------------------------------------------

    def plan(self, head: str, repository: str = "example/people", **payload: Any) -> Job:
        pull = {
            "number": 7,
            "head": {"sha": head, "ref": payload.get("title", "change"), "repo": {"full_name": repository}},
            "base": {"sha": git(self.origin, "rev-parse", "main"), "ref": "main"},
        }
        main = git(self.origin, "rev-parse", "main")
        return self.runner.job("plan.yml", "plan", "pull_request_target", main, {"pull_request": {**pull, **payload}})

    def plan_manually(self, head: str) -> Job:
        """Plan pull request 7 by `workflow_dispatch`, as for one that started no workflow."""
        main = git(self.origin, "rev-parse", "main")
        self.api.pull(7, head, None)
        self.api.pulls[-1]["base"]["sha"] = main
        job = self.runner.job("plan.yml", "plan", "workflow_dispatch", main, {"inputs": {"pull": "7"}})
        self.api.pulls.pop()
        return job

    def apply(self, commit: str) -> Job:
        return self.runner.job("apply.yml", "apply", "push", commit)

    def apply_again(self, commit: str, done: Job) -> Job:
        """Start an earlier run of the apply workflow again."""
        return self.runner.again(done, "apply.yml", "apply", "push", commit)

    def record(self, commit: str, applied: Job) -> Job:
        """Run the second job of an apply."""
        return self.runner.job("apply.yml", "record", "push", commit, needs={"apply": applied})

    def dispatch(self, plan_id: str) -> Job:
        main = git(self.origin, "rev-parse", "main")
        return self.runner.job("apply.yml", "apply", "workflow_dispatch", main, {"inputs": {"plan-id": plan_id}})

    def drift(self) -> DriftRun:
        main = git(self.origin, "rev-parse", "main")
        return DriftRun(self.runner.job("drift.yml", "drift", "schedule", main))

    # --- what is there --------------------------------------------------------

    def users(self) -> list[str]:
        return sorted(user["userName"] for user in list_users(self.file) if user["active"])

    def comments(self) -> list[str]:
        return [comment["body"] for comment in self.api.comments.get(7, [])]


class DriftRun:
    """A run of the drift workflow."""

    def __init__(self, job: Job) -> None:
        self.job = job
        found = re.search(r"sha256:[0-9a-f]{64}", job.summary)
        self.plan_id = found[0] if found else ""


def ci(scenario: WorkflowScenario, head: str) -> Job:
    base = git(scenario.origin, "rev-parse", "main")
    payload = {"pull_request": {"base": {"sha": base}, "head": {"sha": head}}}
    return scenario.runner.job("ci.yml", "desired-state", "pull_request", head, payload)
