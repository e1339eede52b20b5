"""A fleet made by `init --fleet` on GitHub's stand-in: two tenants, each with a sandbox and a token of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox.seed import list_users, seed
from reconciler.sandbox.server import start
from support.servers.github_api import GitHubApi
from support.workflow_runner import Job, Runner, git
from support.workspace import run as reconciler

TENANTS = ("acme", "acme-school")


class FleetScenario:
    """The repository, its services, and runs of its workflows as GitHub orders their jobs."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.origin, self.root = root / "origin", root
        self.origin.mkdir()
        assert reconciler(["reconciler", "init", str(self.origin), "--fleet", "--profile", "scim"]).code == 0
        defaults = self.origin / "defaults/settings.yaml"
        text = defaults.read_text().replace("target.base_url, ", "")
        defaults.write_text(text.replace("  base_url: https://scim.example.com/v2\n", ""))
        (root / "tokens").mkdir()
        self.sandboxes = {}
        for tenant, domain in zip(TENANTS, ("it.example.com", "school.example.com"), strict=True):
            file = root / f"{tenant}.db"
            seed(file, {"domains": [domain], "users": []})
            self.sandboxes[tenant] = start(file)
            (root / "tokens" / tenant).write_text(self.sandboxes[tenant].token)
            settings = f"target: {{base_url: '{self.sandboxes[tenant].base_url}'}}\n"
            (self.origin / "tenants" / tenant / "settings.yaml").write_text(settings)
        git(self.origin, "init")
        self.first = self.commit("First")
        self.api = GitHubApi()
        self.runner = Runner(self.origin, root / "runs", self.api, {}, "127.0.0.1")
        self.runner.vars = {"RECONCILER_TOKEN_COMMAND": f"cat {root}/tokens/{{tenant}}"}
        patch.setenv("XDG_STATE_HOME", str(root / "state"))

    def close(self) -> None:
        self.runner.close()
        for each in self.sandboxes.values():
            each.close()
        self.api.close()

    def commit(self, message: str) -> str:
        git(self.origin, "add", "-A")
        git(self.origin, "commit", "--allow-empty", "-m", message)
        return git(self.origin, "rev-parse", "HEAD")

    def change(self, edit: Callable[[Path], object]) -> str:
        """Make a branch with one commit that holds the change, and return the commit."""
        git(self.origin, "checkout", "-b", "change", "main")
        edit(self.origin)
        head = self.commit("Change")
        git(self.origin, "checkout", "main")
        return head

    def merge(self, head: str) -> str:
        git(self.origin, "merge", "--no-ff", "-m", "Merge", head)
        merged = git(self.origin, "rev-parse", "main")
        self.api.pull(7, head, merged)
        return merged

    def users(self, tenant: str) -> list[str]:
        return sorted(each["userName"] for each in list_users(self.root / f"{tenant}.db") if each["active"])

    # --- runs -----------------------------------------------------------------

    def plan(self, head: str) -> dict[str, Job]:
        main = git(self.origin, "rev-parse", "main")
        pull = {
            "number": 7,
            "head": {"sha": head, "ref": "change", "repo": {"full_name": "example/people"}},
            "base": {"sha": main, "ref": "main"},
        }
        return self.run("plan.yml", "pull_request_target", main, {"pull_request": pull})

    def apply(self, commit: str) -> dict[str, Job]:
        return self.run("apply.yml", "push", commit)

    def run(self, workflow: str, event: str, commit: str, payload: Mapping[str, Any] | None = None) -> dict[str, Job]:
        """Run all jobs of a workflow in the order of `needs`. Of a matrix the first job that failed is returned."""
        definition = self.runner.definition(workflow, commit)
        done: dict[str, Job] = {}
        for name, job in definition["jobs"].items():
            needs = job.get("needs", [])
            needed = {each: done[each] for each in ([needs] if isinstance(needs, str) else needs)}
            legs = self._list_legs(job, needed)
            runs = [
                self.runner.job(workflow, name, event, commit, payload, needs=needed or None, leg=leg) for leg in legs
            ]
            done[name] = next((each for each in runs if each.code), runs[0])
        return done

    def _list_legs(self, job: Mapping[str, Any], needed: Mapping[str, Job]) -> list[Mapping[str, Any] | None]:
        """Return the contexts of each leg; GitHub evaluates the matrix only of a job that is not skipped."""
        if "strategy" not in job:
            return [None]
        path = job["strategy"]["matrix"].removeprefix("${{ fromJSON(needs.").removesuffix(") }}")
        source, _, output = path.partition(".outputs.")
        matrix = json.loads(needed[source].outputs.get(output) or '{"include": []}')
        assert len(matrix["include"]) <= 256
        return [
            {"matrix": each, "strategy": {"job-index": number}} for number, each in enumerate(matrix["include"])
        ] or [{"matrix": {}, "strategy": {"job-index": 0}}]
