"""The action, as a step of a workflow: by the stand-in of GitHub's runner, on the embedded sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.servers.github_api import GitHubApi
from support.workflow_runner import Job, Runner, git
from support.workspace import run as reconciler

PROGRAM = {"program": ".venv/bin/reconciler"}
ACTION = "./.github/actions/reconciler"
SANDBOX = {**PROGRAM, "arguments": "--sandbox"}


class Repository:
    """A repository with the action, whose one workflow the test writes."""

    def __init__(self, root: Path) -> None:
        self.origin = root / "origin"
        reconciler(["reconciler", "init", str(self.origin)])
        git(self.origin, "init")
        self.api = GitHubApi()
        self.runner = Runner(self.origin, root / "runs", self.api, {"RECONCILER_TOKEN": "s3cret"}, "")

    def close(self) -> None:
        self.runner.close()
        self.api.close()

    def run(self, *steps: dict[str, Any], **job: Any) -> Job:
        """Run the steps after a checkout and the installation."""
        checkout = {"uses": "actions/checkout@x", "with": {"persist-credentials": False}}
        before = [checkout, {"run": "python -m venv .venv"}]
        definition = {
            "jobs": {
                "it": {"environment": "plan", "permissions": {"contents": "read"}, **job, "steps": [*before, *steps]}
            }
        }
        (self.origin / ".github/workflows/it.yml").write_text(json.dumps(definition))
        git(self.origin, "add", "-A")
        git(self.origin, "commit", "--allow-empty", "-m", "It")
        return self.runner.job("it.yml", "it", "push", git(self.origin, "rev-parse", "HEAD"))


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    opened = Repository(tmp_path)
    yield opened
    opened.close()


def act(name: str, **given: Any) -> dict[str, Any]:
    step = {"name": name, "uses": ACTION, "with": {**PROGRAM, **given.pop("given", {})}}
    return {**step, **given}


def test_a_plan_is_saved_shown_and_applied(repository: Repository) -> None:
    repository.runner.visibility = "public"
    plan = act("Plan", id="plan", given={"command": "plan", "out": "p.json", "log": "p.txt", **SANDBOX})
    said = {"NAME": "${{ steps.plan.outputs.plan-file }}", "FACTS": "${{ steps.plan.outputs.changes }} users"}
    shown = {"name": "Show", "run": 'echo "$NAME: $FACTS" && cat p.txt', "env": said}
    # Without a terminal nobody can approve: the saved plan is the approval.
    apply = act("Apply", id="apply", given={"command": "apply", "plan": "p.json", **SANDBOX})
    drift = act("Drift", id="drift", given={"command": "drift", "out": "d.json", **SANDBOX})
    asked = "${{ steps.drift.outputs.changes }} ${{ steps.drift.outputs.blocked }} ${{ steps.apply.outputs.exit-code }}"
    job = repository.run(plan, shown, apply, drift, outputs={"facts": asked, "id": "${{ steps.plan.outputs.plan-id }}"})
    assert job.code == 0, job.steps
    assert job.said("Show").startswith("p.json: 1 users\n")
    assert job.said("Plan") in job.said("Show")
    assert "ada" not in job.said("Plan").casefold(), "names are hidden in public"
    assert "Apply complete! Users: 1 created" in job.said("Apply")
    assert job.outputs["facts"] == "0 false 0"
    assert job.outputs["id"].startswith("sha256:")


def test_names_are_shown_in_private(repository: Repository) -> None:
    job = repository.run(
        act("Validate", given={"command": "validate"}), act("Plan", given={"command": "plan", **SANDBOX})
    )
    assert job.code == 0, job.steps
    assert "ada.example@example.com" in job.said("Plan")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": "destroy"}, 'the input `command` is "destroy"'),
        ({"command": "plan", "base": "x\n--sandbox"}, "the input `base` has a line break"),
        ({"command": "plan", "program": ""}, "set the input program to its path"),
        ({"command": "plan", "arguments": "--everything"}, "--everything"),
    ],
)
def test_an_unknown_input_fails_the_step(repository: Repository, given: dict[str, str], said: str) -> None:
    job = repository.run(act("It", given={**SANDBOX, **given}), {"name": "Later", "run": "true"})
    assert job.code == 64
    assert said in job.said("It")
    assert not job.ran("Later")


def test_a_step_with_both_tokens_is_refused_and_noticed(repository: Repository) -> None:
    both = act("It", given={"command": "plan", "token": "${{ secrets.RECONCILER_TOKEN }}", **SANDBOX})
    with pytest.raises(AssertionError, match="no step has both tokens"):
        repository.run({**both, "env": {"GITHUB_TOKEN": "${{ github.token }}"}})


def test_the_stand_in_knows_the_inputs(repository: Repository) -> None:
    with pytest.raises(AssertionError, match=r"unknown inputs: {'stat'}"):
        repository.run(act("It", given={"command": "validate", "stat": "x"}))
    with pytest.raises(AssertionError, match=r"missing inputs: \['command'\]"):
        repository.run(act("It"))


def test_the_steps_of_an_action_see_no_secrets(repository: Repository) -> None:
    file = repository.origin / ".github/actions/reconciler/action.yml"
    text = file.read_text()
    file.write_text(text.replace("${{ inputs.command }}", "v${{ secrets.RECONCILER_TOKEN }}alidate"))
    job = repository.run(act("It", given={"command": "plan"}))
    assert job.code == 0, job.steps


PROBE = """\
name: Probe
description: Shows what a step of an action sees
inputs:
  given:
    description: Given
    required: true
  other:
    description: By default an expression
    default: ${{ github.repository_visibility != 'private' }}
outputs:
  said:
    description: Of a step that failed, too
    value: ${{ steps.first.outputs.said }}
runs:
  using: composite
  steps:
    - id: first
      name: First
      shell: bash
      env:
        VALUES: ${{ inputs.given }} ${{ inputs.other }} ${{ env.CALLER }} ${{ github.action_path }}
      run: |
        echo "$VALUES $JOB $CALLER $(basename "$GITHUB_ACTION_PATH") $(basename "$PWD")"
        echo "said=$CALLER" >> "$GITHUB_OUTPUT"
        exit 7
    - name: Second
      shell: bash
      run: echo never
"""


def test_the_stand_in_runs_an_action_as_github_does(repository: Repository) -> None:
    folder = repository.origin / ".github/actions/probe"
    folder.mkdir()
    (folder / "action.yml").write_text(PROBE)
    probe = {"id": "it", "name": "It", "uses": "./.github/actions/probe", "with": {"given": "a b"}}
    job = repository.run(
        {**probe, "env": {"CALLER": "c"}},
        {
            "name": "Later",
            "if": "always()",
            "run": 'echo "$CALLER|$SAID"',
            "env": {"SAID": "${{ steps.it.outputs.said }}"},
        },
        env={"JOB": "j"},
    )
    assert job.code == 7
    said = job.said("It").split()
    assert said[:4] == ["a", "b", "false", "c"]
    assert said[4].endswith("/.github/actions/probe")
    assert said[5:] == ["j", "c", "probe", "work"], "it runs in the workspace, and ends with the step that failed"
    assert job.said("Later") == "|c\n", "the variables of a step are its own; the outputs are there after a failure"
