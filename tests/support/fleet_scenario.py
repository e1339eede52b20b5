"""A fleet made by `init --fleet` on GitHub's stand-in: two tenants, each with a sandbox and a token of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox.seed import list_users, seed
from reconciler.sandbox.server import start
from support.servers.github_api import GitHubApi
from support.workflow_runner import Job, Runner, Step, git
from support.workspace import run as reconciler

TENANTS = ("acme", "acme-school")


class FleetScenario:
    """The repository, its services, and runs of its workflows as GitHub orders their jobs."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch, more: Sequence[str] = ()) -> None:
        """`more`: names of further tenants, each like acme-school with a domain of its own."""
        self.origin, self.root = root / "origin", root
        self.origin.mkdir()
        assert reconciler(["reconciler", "init", str(self.origin), "--fleet", "--profile", "scim"]).code == 0
        defaults = self.origin / "defaults/settings.yaml"
        text = defaults.read_text().replace("target.base_url, ", "")
        defaults.write_text(text.replace("  base_url: https://scim.example.com/v2\n", ""))
        (root / "tokens").mkdir()
        self.sandboxes = {}
        domains = dict(zip(TENANTS, ("it.example.com", "school.example.com"), strict=True))
        for tenant in more:
            domains[tenant] = f"{tenant}.example.com"
            self._copy_tenant(tenant, domains[tenant])
        for tenant, domain in domains.items():
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

    def _copy_tenant(self, name: str, domain: str) -> None:
        source, target = (self.origin / "tenants" / each for each in ("acme-school", name))
        for path in source.rglob("*.yaml"):
            made = target / path.relative_to(source)
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text(path.read_text().replace("school.example.com", domain))

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

    def run(
        self,
        workflow: str,
        event: str,
        commit: str,
        payload: Mapping[str, Any] | None = None,
        *,
        dies: Collection[tuple[str, int]] = (),
    ) -> dict[str, Job]:
        """Run all jobs of a workflow in the order of `needs`. Of a matrix the first job that failed is returned.

        `dies`: legs of jobs, by index, whose runner dies before it does anything.
        """
        self.legs: dict[str, list[Job]] = {}
        self._last = (workflow, event, commit, payload)
        return self._run_jobs(1, dies)

    def run_failed_again(self) -> dict[str, Job]:
        """Run the failed jobs of the last run again, and those that need them, as GitHub's button does."""
        attempt = 1 + max(leg.attempt for legs in self.legs.values() for leg in legs)
        return self._run_jobs(attempt)

    def keep_run(self) -> tuple[dict[str, list[Job]], tuple[str, str, str, Mapping[str, Any] | None]]:
        """Return the last run, so that its failed jobs can be run again after another run."""
        return dict(self.legs), self._last

    def return_to(self, kept: tuple[dict[str, list[Job]], tuple[str, str, str, Mapping[str, Any] | None]]) -> None:
        """Make a run that was kept the last one."""
        self.legs, self._last = dict(kept[0]), kept[1]

    def _run_jobs(self, attempt: int, dies: Collection[tuple[str, int]] = ()) -> dict[str, Job]:
        workflow, event, commit, payload = self._last
        done: dict[str, Job] = {}
        fresh: set[str] = set()
        for name, job in self.runner.definition(workflow, commit)["jobs"].items():
            needs = job.get("needs", [])
            needed = {each: done[each] for each in ([needs] if isinstance(needs, str) else needs)}
            before = {} if fresh & needed.keys() else dict(enumerate(self.legs.get(name, [])))
            runs = []
            for number, leg in enumerate(self._list_legs(job, needed)):
                if number in before and not before[number].code:
                    runs.append(before[number])
                    continue
                fresh.add(name)
                runs.append(
                    Job([Step("runner", 1)], run=next(iter(needed.values())).run)
                    if (name, number) in dies
                    else self.runner.job(
                        workflow, name, event, commit, payload, needs=needed or None, leg=leg, attempt=attempt
                    )
                )
            self.legs[name] = runs
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
