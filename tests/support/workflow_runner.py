"""Run the workflows of a repository as GitHub does: `run:` steps for real, actions by a substitute.

Coverage does not follow into the steps: it would take a third of their time, and other tests run the same commands.
"""

from __future__ import annotations

import base64
import fnmatch
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from support.servers.git_http import GitServer
from support.servers.github_api import REPOSITORY, GitHubApi, Token
from support.workflow_action import list_steps, read_inputs
from support.workflow_call import check_permissions, parse_call, read_call
from support.workflow_expressions import Expressions

GITHUB_TOKEN = "ghs_16C7e42F292c6912E7710c838347Ae178B4a"
_CONCLUSIONS = {0: "success", None: "skipped"}


def git(folder: Path, *command: str) -> str:
    """Run git in `folder` and return its output."""
    settings = ("user.name=x", "user.email=x@example.com", "init.defaultBranch=main")
    line = ["git", *(word for setting in settings for word in ("-c", setting)), *command]
    return subprocess.run(line, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Step:
    """The exit code of a step (None: skipped), and its output."""

    name: str
    code: int | None
    said: str = ""


@dataclass
class Job:
    """The result of a job. `code` is the first exit code that is not 0; `skipped`: its `if` was false."""

    steps: list[Step] = field(default_factory=list)
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    skipped: bool = False
    run: int = 0
    attempt: int = 1

    @property
    def code(self) -> int:
        return next((step.code for step in self.steps if step.code), 0)

    @property
    def result(self) -> str:
        """What other jobs see of it."""
        return "skipped" if self.skipped else "failure" if self.code else "success"

    def said(self, name: str) -> str:
        return next(step.said for step in self.steps if step.name == name)

    def ran(self, name: str) -> bool:
        return any(step.name == name and step.code is not None for step in self.steps)


class Runner:
    """GitHub's runner, for jobs of `origin`, a repository on this machine; each job has a clone of its own."""

    def __init__(self, origin: Path, scratch: Path, api: GitHubApi, secrets: Mapping[str, str], hosts: str) -> None:
        self.server = GitServer(origin, lambda: self.api.tokens)
        self.origin = origin
        self.scratch = scratch
        self.api = api
        self.secrets = secrets
        self.hosts = hosts
        self.visibility = "private"
        self.libraries: dict[str, Path] = {}
        """Other repositories, by name, whose workflows are called."""
        self.vars: Mapping[str, str] = {}
        """Variables of every environment."""
        self.repository_vars: dict[str, str] = {}
        self.alerts: list[dict[str, Any]] = []
        """What was uploaded for code scanning."""
        self.pages = scratch / "pages"
        """What was published."""
        self.oidc: Mapping[str, str] = {}
        """Variables of jobs that may ask for an OIDC token."""
        self.numbers: dict[str, int] = {}
        self._count = 0

    def close(self) -> None:
        self.server.close()

    def environment_vars(self, job: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the variables that a job has by its environment."""
        return {"RECONCILER_ALLOWED_HOSTS": self.hosts, **self.vars} if job.get("environment") else {}

    def definition(self, workflow: str, commit: str) -> dict[str, Any]:
        """Return a workflow as it is at `commit`."""
        text = git(self.origin, "show", f"{commit}:.github/workflows/{workflow}")
        found: dict[str, Any] = YAML(typ="safe").load(text)
        return found

    def job(
        self,
        workflow: str,
        name: str,
        event: str,
        commit: str,
        payload: Mapping[str, Any] | None = None,
        *,
        needs: Mapping[str, Job] | None = None,
        leg: Mapping[str, Any] | None = None,
        attempt: int = 1,
    ) -> Job:
        """Run one job of the workflow as it is at `commit` (the default branch's, but for `pull_request`).

        A job of a workflow that it calls is named `caller / called`, as GitHub names it.
        `needs`: the jobs of the same run that it waited for; without them it is the first job of a run. `leg`: the
        contexts `matrix` and `strategy` of one job of a matrix. `attempt`: of the run.
        """
        if needs:
            run = next(iter(needs.values())).run
        else:
            self.numbers[workflow] = self.numbers.get(workflow, 0) + 1
            run = self.api.run(self.numbers[workflow], workflow, event, head_sha=commit)
        return self._finish(
            run,
            name,
            _Run(
                self,
                workflow,
                name,
                (event, commit, payload or {}),
                Job([], run=run, attempt=attempt),
                needs=needs,
                leg=leg,
            ),
        )

    def again(self, done: Job, workflow: str, name: str, event: str, commit: str) -> Job:
        """Run a job of an earlier run again, as another attempt."""
        self.api.runs[done.run].update(status="in_progress", conclusion=None)
        made = _Run(self, workflow, name, (event, commit, {}), Job(run=done.run, attempt=done.attempt + 1))
        return self._finish(done.run, name, made)

    def _finish(self, run: int, name: str, made: _Run) -> Job:
        conclusion = "failure"
        try:
            job = made.result()
            conclusion = "failure" if job.code else "success"
            steps = {step.name: _CONCLUSIONS.get(step.code, "failure") for step in job.steps}
            self.api.job(run, name, steps, run_attempt=job.attempt, conclusion="skipped" if job.skipped else conclusion)
            return job
        finally:
            self.api.runs[run].update(status="completed", conclusion=conclusion)

    def folder(self) -> Path:
        self._count += 1
        made = self.scratch / f"run-{self._count}"
        made.mkdir(parents=True)
        return made


class _Run(Expressions):
    def __init__(
        self,
        runner: Runner,
        workflow: str,
        name: str,
        cause: tuple[str, str, Mapping[str, Any]],
        done: Job,
        *,
        needs: Mapping[str, Job] | None = None,
        leg: Mapping[str, Any] | None = None,
    ) -> None:
        event, commit, payload = cause
        self.runner = runner
        self.root = runner.folder()
        self.work = self.root / "work"
        self.definition = runner.definition(workflow, commit)
        first, _, called = name.partition(" / ")
        self.job = self.definition["jobs"][first]
        self.commit = commit
        self.done = done
        self.values: dict[str, Any] = {
            "github": {
                "event_name": event,
                "event": {"repository": {"default_branch": "main"}, **payload},
                "repository": REPOSITORY,
                "repository_visibility": runner.visibility,
                "ref_name": "main",
                "ref": "refs/heads/main",
                "sha": commit,
                "token": GITHUB_TOKEN,
                "run_attempt": str(done.attempt),
            },
            "inputs": payload.get("inputs", {}),
            # The secrets of an environment are there for jobs that name one only.
            "secrets": runner.secrets if self.job.get("environment") else {},
            "vars": {**runner.repository_vars, **runner.environment_vars(self.job)},
            "steps": {},
            "needs": {name: {"outputs": job.outputs, "result": job.result} for name, job in (needs or {}).items()},
            **(leg or {}),
        }
        if called:
            self.enter(called)
        self.values["env"] = self.env = self.texts(self.job.get("env", {}))
        permissions = self.job.get("permissions", self.definition.get("permissions", {}))
        runner.api.tokens = {GITHUB_TOKEN: Token(permissions=dict(permissions))}

    def enter(self, called: str) -> None:
        """Become a job of the workflow that this job calls. The event and the repository stay those of the caller."""
        call = self.job
        repository, file, commit = parse_call(call["uses"])
        text = git(self.runner.libraries[repository], "show", f"{commit}:.github/workflows/{file}")
        self.definition = YAML(typ="safe").load(text)
        check_permissions(call, self.definition)
        self.job = self.definition["jobs"][called]
        protected = self.runner.secrets if self.job.get("environment") else {}
        inputs, secrets = read_call(call, self.definition, protected, self.text)
        self.values |= {"inputs": inputs, "secrets": secrets}
        self.values["vars"] = {**self.runner.repository_vars, **self.runner.environment_vars(self.job)}

    def result(self) -> Job:
        if not self.truth(self.job.get("if", "true")):
            self.done.skipped = True
            return self.done
        (self.root / "home").mkdir()
        (self.root / "temp").mkdir()
        for number, step in enumerate(self.job["steps"]):
            self.step(number, step)
        summary = self.root / "summary.md"
        self.done.summary = summary.read_text() if summary.exists() else ""
        self.done.outputs = {name: self.text(value) for name, value in self.job.get("outputs", {}).items()}
        return self.done

    def step(self, number: int, step: Mapping[str, Any]) -> None:
        name = step.get("name") or step.get("uses", "").partition("@")[0] or "install"
        condition = str(step.get("if", "true"))
        goes_on = "cancelled()" in condition or "always()" in condition
        if (self.done.code and not goes_on) or not self.truth(condition):
            self.done.steps.append(Step(name, None))
        elif step.get("uses", "").startswith("./"):
            self.done.steps.append(self.composite(name, number, step))
        elif "uses" in step:
            outputs = self.use(step["uses"].partition("@")[0], self.texts(step.get("with", {})))
            if "id" in step:
                self.values["steps"][step["id"]] = {"outputs": outputs}
            self.done.steps.append(Step(name, 0))
        elif step["run"].startswith("python -m venv"):
            (self.work / ".venv").symlink_to(Path(sys.executable).parent.parent)
            self.done.steps.append(Step(name, 0))
        else:
            self.done.steps.append(self.run(name, number, step))

    def composite(self, name: str, number: int, step: Mapping[str, Any]) -> Step:
        """Run an action of the checkout: its steps see its inputs and the variables of the caller, and no secrets."""
        folder = self.work / step["uses"]
        action = YAML(typ="safe").load(folder / "action.yml")
        given, env = self.texts(step.get("with", {})), self.texts(step.get("env", {}))
        inputs = read_inputs(action, given, self.text)
        outer = self.values, self.env
        self.env = {**self.env, **env, "GITHUB_ACTION_PATH": str(folder)}
        self.values = {
            "github": {**self.values["github"], "action_path": str(folder)},
            "env": self.env,
            "inputs": inputs,
            "steps": {},
        }
        done: list[Step] = []
        for nested, each in enumerate(list_steps(action)):
            if self.truth(str(each.get("if", "true"))) and not any(ended.code for ended in done):
                done.append(self.run(each["name"], 100 * (number + 1) + nested, each))
        outputs = {key: self.text(output["value"]) for key, output in action.get("outputs", {}).items()}
        self.values, self.env = outer
        if "id" in step:
            self.values["steps"][step["id"]] = {"outputs": outputs}
        return Step(name, next((ended.code for ended in done if ended.code), 0), "".join(ended.said for ended in done))

    def run(self, name: str, number: int, step: Mapping[str, Any]) -> Step:
        assert "${{" not in step["run"], "an expression in a script can become a command"
        outputs = self.root / f"outputs-{number}"
        outputs.touch()
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_API_URL": self.runner.api.url,
            "GITHUB_SERVER_URL": self.runner.server.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REF_NAME": "main",
            "GITHUB_SHA": self.commit,
            "GITHUB_RUN_ID": str(self.done.run),
            "GITHUB_RUN_ATTEMPT": str(self.done.attempt),
            "GITHUB_RUN_NUMBER": str(self.runner.api.runs[self.done.run]["run_number"]),
            "GITHUB_STEP_SUMMARY": str(self.root / "summary.md"),
            "GITHUB_OUTPUT": str(outputs),
            "RUNNER_TEMP": str(self.root / "temp"),
        }
        if self.job.get("permissions", {}).get("id-token") == "write":
            env |= self.runner.oidc
        env |= {**self.env, **self.texts(step.get("env", {}))}
        assert not ("GITHUB_TOKEN" in env and "RECONCILER_TOKEN" in env), "no step has both tokens"
        line = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        ended = subprocess.run(
            line, cwd=self.work, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if "id" in step:
            lines = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
            self.values["steps"][step["id"]] = {"outputs": lines}
        return Step(name, ended.returncode, ended.stdout + ended.stderr)

    def use(self, action: str, given: Mapping[str, str]) -> dict[str, str]:
        """Do what the action does and return its outputs."""
        match action:
            case "actions/checkout":
                assert given["persist-credentials"] == "False"
                self.checkout(self.work / given.get("path", ""), given)
            case "actions/upload-artifact":
                return self.upload(given)
            case "actions/download-artifact":
                self.download(given)
            case "actions/setup-python":
                pass
            case "actions/upload-pages-artifact":
                assert all(path.stat().st_mode & 0o044 == 0o044 for path in (self.work / given["path"]).rglob("*"))
                return self.upload({**given, "name": "github-pages"})
            case "actions/deploy-pages":
                assert {**self.job["permissions"]} == {"pages": "write", "id-token": "write"}
                self.download({"name": "github-pages", "path": str(self.runner.pages)})
            case "github/codeql-action/upload-sarif":
                assert self.job["permissions"]["security-events"] == "write"
                self.runner.alerts.append(json.loads((self.work / given["sarif_file"]).read_text()))
            case _:
                raise AssertionError(action)
        return {}

    def checkout(self, folder: Path, given: Mapping[str, str]) -> None:
        """Clone as `actions/checkout` does, shallow, full or partial; no token stays in the remote.

        With the whole history it fetches all branches, and once more if the branch of the event has moved on since:
        then its remote-tracking branch is the commit of the event, not the newest one.
        """
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init")
        git(folder, "remote", "add", "origin", self.runner.server.repository)
        basic = base64.b64encode(f"x-access-token:{GITHUB_TOKEN}".encode()).decode()
        header = ("-c", f"http.{self.runner.server.url}/.extraheader=AUTHORIZATION: basic {basic}")
        how = ["--filter=blob:none"] if "sparse-checkout" in given else []
        if given.get("ref") == "main":
            # A branch is its newest commit; everything else of a run is of the commit of its event.
            git(folder, *header, "fetch", "origin", "+refs/heads/*:refs/remotes/origin/*")
            git(folder, *header, "checkout", "--force", "-B", "main", "refs/remotes/origin/main")
            return
        commit = given.get("ref") or self.commit
        branch = "main" if not given.get("ref") and self.values["github"]["event_name"] != "pull_request" else None
        only = f"+{commit}:refs/remotes/origin/{branch}" if branch else commit
        if given.get("fetch-depth") == "0":
            git(folder, *header, "fetch", "--prune", *how, "origin", "+refs/heads/*:refs/remotes/origin/*")
            if branch and git(folder, "rev-parse", f"refs/remotes/origin/{branch}") != commit:
                git(folder, *header, "fetch", "--prune", *how, "--no-tags", "origin", only)
        else:
            git(folder, *header, "fetch", *how, "--no-tags", "--depth=1", "origin", only)
        if "sparse-checkout" in given:
            git(folder, "sparse-checkout", "set", given["sparse-checkout"])
        where = ("-B", branch, f"refs/remotes/origin/{branch}") if branch else ("--detach", commit)
        git(folder, *header, "checkout", "--force", *where)

    def download(self, given: Mapping[str, str]) -> None:
        if "pattern" in given:
            assert given["merge-multiple"] == "True"
            # Of two attempts of a job the artifact of the later one counts.
            latest = {item["name"]: item for item in self.runner.api.artifacts if item["run"] == self.done.run}
            for item in latest.values():
                if fnmatch.fnmatchcase(item["name"], given["pattern"]):
                    with zipfile.ZipFile(io.BytesIO(self.runner.api.contents[item["id"]])) as archive:
                        archive.extractall(self.work / given["path"])
            return
        for item in reversed(self.runner.api.artifacts):
            if (item["run"], item["name"]) == (self.done.run, given["name"]):
                with zipfile.ZipFile(io.BytesIO(self.runner.api.contents[item["id"]])) as archive:
                    archive.extractall(self.work / given["path"])
                return
        raise AssertionError(f"there is no artifact {given['name']}")

    def upload(self, given: Mapping[str, str]) -> dict[str, str]:
        path = self.work / given["path"]
        if "*" in given["path"].rpartition("/")[0]:
            # Names are relative to what is before the first wildcard.
            above, rest = given["path"].split("/*/", 1)
            top = self.work / above
            found = [file for each in top.glob(f"*/{rest}") for file in (each.rglob("*") if each.is_dir() else [each])]
            files = {str(file.relative_to(top)): file.read_bytes() for file in found if file.is_file()}
        elif path.is_dir():
            files = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}
            files = {name: content for name, content in files.items() if not name.startswith(".")}
        elif "*" in path.name:
            # Names are relative to what is before the first wildcard.
            files = {file.name: file.read_bytes() for file in path.parent.glob(path.name)}
        else:
            files = {path.name: path.read_bytes()} if path.exists() else {}
        if not files:
            assert given["if-no-files-found"] == "ignore"
            return {}
        self.runner.api.artifact(self.done.run, given["name"], files)
        return {"artifact-id": str(self.runner.api.artifacts[-1]["id"])}
