from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.sample_org import account, person
from support.target_workspace import TargetWorkspace

from reconciler.errors import ExitCode, UsageError
from reconciler.record.plan_file import from_json
from reconciler.render.formats import OutputOptions


def test_a_plan_shows_changes_and_sends_nothing_but_reads(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    assert target.plan() is ExitCode.CHANGES
    changes = json.loads(target.terminal.out)["resource_changes"]
    assert [(change["key"], change["action"]) for change in changes] == [("ada@example.com", "create")]
    assert {request.method for request in target.service.log} == {"GET"}


def test_without_changes_the_exit_code_is_0(target: TargetWorkspace) -> None:
    assert target.plan() is ExitCode.OK
    target.desire(person("ada"))
    assert target.plan(detailed_exitcode=False) is ExitCode.OK


def test_a_saved_plan_names_the_command_that_applies_it(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire(person("ada"))
    file, workspace = tmp_path / "plan.json", target.workspace
    target.plan(out=file)
    assert from_json(file.read_bytes()).applyable
    command = f"reconciler apply --state {workspace.state} --plans {workspace.plans} {file}"
    assert target.terminal.notes[-1].endswith(f"\n    {command}")


def test_a_guard_blocks(target: TargetWorkspace) -> None:
    target.service.add(account("gone"))
    target.files.settings(guards={"removals": {"count": 0}}, lifecycle={"removed": "deactivate"})
    assert target.plan() is ExitCode.BLOCKED


def test_user_limits_the_plan(target: TargetWorkspace) -> None:
    target.desire(person("ada"), person("bob"))
    target.plan(users=("BOB@example.com",))
    assert [each["key"] for each in json.loads(target.terminal.out)["resource_changes"]] == ["bob@example.com"]


def test_a_user_that_does_not_exist_is_a_usage_error(target: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match=r'^user not found: "nora"$'):
        target.plan(users=("nora",))


def test_an_invalid_desired_state_is_shown_and_not_planned(target: TargetWorkspace) -> None:
    target.files.write("users/people.yaml", "- {userPrincipalName: 1, userPrincipalName: 2}\n")
    assert target.plan() is ExitCode.ERROR
    assert target.terminal.found
    assert target.service.log == []


def test_templates_in_the_desired_state_are_refused(target: TargetWorkspace) -> None:
    inside = target.workspace.state / "templates"
    with pytest.raises(UsageError, match="--template is inside of the desired state"):
        target.plan(output=OutputOptions("html", template=inside))


@pytest.mark.parametrize(
    ("options", "message"),
    [({}, "--base is missing"), ({"base": "HEAD", "log": Path("log")}, "--offline cannot be combined with --log")],
)
def test_offline_needs_a_base_and_no_log(target: TargetWorkspace, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        target.plan(offline=True, **options)


def test_the_log_has_a_line_per_change(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire(person("ada"))
    target.plan(log=tmp_path / "log.jsonl")
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1
