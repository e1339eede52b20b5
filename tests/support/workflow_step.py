"""A step of a workflow: its saved plan, its environment and GitHub's API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.core.plan import Plan
from reconciler.github import api as hub_api
from reconciler.record.plan_file import to_json
from reconciler.session.workspace import Workspace
from support import builders
from support.recording_terminal import RecordingTerminal
from support.servers.github_api import REPOSITORY, GitHubApi, Token

HEAD, MERGED = "a" * 40, "b" * 40
_PERMISSIONS = dict.fromkeys(("actions", "issues", "pull-requests", "statuses"), "write")


@dataclass
class Step:
    """A step of run 5 of a workflow: a saved plan for `HEAD`, GitHub's API, and the files of the runner."""

    plan: Plan
    file: Path
    api: GitHubApi
    summary: Path
    outputs: Path
    terminal: RecordingTerminal
    workspace: Workspace


def write_settings(root: Path) -> Path:
    """Write a desired state that holds settings alone and return its directory."""
    state = root / "desired-state"
    state.mkdir()
    settings = {"target": {"profile": "scim", "base_url": "https://scim.example.com"}}
    (state / "settings.yaml").write_text(json.dumps(settings))
    return state


def set_step_environment(monkeypatch: pytest.MonkeyPatch, api: GitHubApi, **more: str) -> None:
    """Set the variables of GitHub's runner for run 5 at `MERGED`, and `more`."""
    environment = {
        "GITHUB_API_URL": api.url,
        "GITHUB_TOKEN": "t",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": MERGED,
        "GITHUB_RUN_ID": "5",
        "GITHUB_RUN_NUMBER": "3",
        "GITHUB_SERVER_URL": "https://github.com",
        **more,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@contextmanager
def workflow_step(root: Path, monkeypatch: pytest.MonkeyPatch, terminal: RecordingTerminal) -> Iterator[Step]:
    """Run the test as a step of a workflow, on a stand-in of GitHub's API."""
    api = GitHubApi()
    api.tokens["t"] = Token(permissions=_PERMISSIONS)
    plan = replace(builders.plan_with(builders.change("ada")), commit=HEAD)
    workspace = Workspace(write_settings(root), root / "plans", sandbox=False, now=datetime.now(UTC))
    found = Step(plan, root / "plan.json", api, root / "summary.md", root / "outputs", terminal, workspace)
    found.file.write_text(to_json(plan))
    files = {"GITHUB_STEP_SUMMARY": str(found.summary), "GITHUB_OUTPUT": str(found.outputs)}
    set_step_environment(monkeypatch, api, **files)
    monkeypatch.setattr(hub_api.time, "sleep", lambda _: None)
    yield found
    api.close()
