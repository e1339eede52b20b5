from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace
from support.workspace import ENTERPRISE

from reconciler.commands.fleet.tenant import run_task
from reconciler.errors import ReconcilerError, StalePlanError
from reconciler.fleet.result import TenantResult, from_json, to_json
from reconciler.session.fleet.task import TenantTask
from reconciler.session.fleet.tenant_terminal import TenantTerminal
from reconciler.session.saved_plan import read_saved_plan


def run(target: TargetWorkspace, verb: str, **options: Any) -> TenantResult:
    state = target.workspace.state
    task = TenantTask(
        tenant="acme",
        verb=verb,
        state=str(state),
        out=str(state.parent / "out"),
        commit="c" * 40,
        run="7/1",
        **options,
    )
    result = run_task(task, TenantTerminal(redact=False))
    assert from_json(to_json(result).encode()) == result
    return result


@pytest.fixture
def plan_file(target: TargetWorkspace) -> Path:
    return target.workspace.state.parent / "out" / "plan.json"


def test_a_plan_is_saved_and_counted(target: TargetWorkspace, plan_file: Path) -> None:
    target.desire(person("ada"))
    result = run(target, "plan")
    assert (result.exit_code, result.counts) == (0, {"create": 1, "unchanged": 1})
    assert result.plan_id == read_saved_plan(plan_file).plan_id
    assert (result.tenant, result.verb, result.commit, result.run) == ("acme", "plan", "c" * 40, "7/1")
    assert run(target, "plan", detailed_exitcode=True).exit_code == 2
    assert target.service.writes == []


@pytest.mark.parametrize("reviewed", [True, False])
def test_an_apply_writes_its_receipt_into_the_record_of_the_tenant(
    target: TargetWorkspace, plan_file: Path, *, reviewed: bool
) -> None:
    target.desire(person("ada"))
    planned = run(target, "plan")
    given = {"reviewed": str(plan_file), "plan_id": planned.plan_id} if reviewed else {}
    result = run(target, "apply", **given)
    (receipt,) = (target.workspace.state / "plans").glob("*/receipt.jsonl")
    assert (result.exit_code, result.counts) == (0, {"create": 1, "unchanged": 1})
    assert result.receipt == f"sha256:{hashlib.sha256(receipt.read_bytes()).hexdigest()}"
    assert target.live("ada")


def test_a_plan_with_another_id_than_the_reviewed_one_is_stale(target: TargetWorkspace, plan_file: Path) -> None:
    target.desire(person("ada"))
    run(target, "plan")
    with pytest.raises(StalePlanError, match=r"the saved plan is sha256:.*, and sha256:00* was reviewed"):
        run(target, "apply", reviewed=str(plan_file), plan_id=f"sha256:{'0' * 64}")
    assert target.service.writes == []


def test_drift_is_what_was_edited_in_the_target(target: TargetWorkspace, plan_file: Path) -> None:
    target.desire(person("ada"))
    run(target, "apply")
    target.live("ada")[ENTERPRISE]["department"] = "Edited"
    writes = len(target.service.writes)
    result = run(target, "drift")
    assert (result.exit_code, result.counts) == (0, {"update": 1, "unchanged": 1})
    assert plan_file.is_file()
    assert len(target.service.writes) == writes


def test_a_blocked_plan_names_its_guards_and_no_user(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    run(target, "apply")
    target.files.users([])
    result = run(target, "plan")
    assert (result.exit_code, result.error) == (3, "the guards last-active-user, empty-desired-state block it")
    assert run(target, "drift").error == result.error


def test_what_is_done_on_the_sandbox_says_so(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    assert not run(target, "plan").sandbox
    assert run(target, "plan", sandbox=True).sandbox
    assert target.service.writes == []


def test_what_is_switched_off_is_held_in_the_plan_and_in_the_apply(target: TargetWorkspace, plan_file: Path) -> None:
    target.desire(person("ada"))
    settings = target.workspace.state / "settings.yaml"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "provisioning": {"enabled": False}}))
    planned = run(target, "plan", detailed_exitcode=True)
    assert (planned.held, planned.counts["create"]) == (True, 1)
    applied = run(target, "apply", reviewed=str(plan_file), plan_id=planned.plan_id)
    assert (applied.exit_code, applied.held, target.service.writes) == (0, True, [])


def test_a_switch_without_any_change_is_held(target: TargetWorkspace, plan_file: Path) -> None:
    target.files.settings(provisioning={"enabled": False})
    planned = run(target, "plan", detailed_exitcode=True)
    assert (planned.exit_code, planned.held) == (0, True)
    applied = run(target, "apply", reviewed=str(plan_file), plan_id=planned.plan_id)
    assert (applied.exit_code, applied.held, target.service.writes) == (0, True, [])
    assert not run(target, "drift").held


def test_what_the_newest_commit_switches_off_is_held(target: TargetWorkspace, plan_file: Path) -> None:
    git = GitRepository(target.files.root)
    target.desire(person("ada"))
    on = git.commit("On")
    planned = run(target, "plan")
    target.files.settings(provisioning={"enabled": False, "reason": "A move"})
    off = git.commit("Off")
    target.files.settings()
    given = {"reviewed": str(plan_file), "plan_id": planned.plan_id}
    held = run(target, "apply", newest=off, **given)
    assert (held.exit_code, held.held, held.counts, held.receipt) == (0, True, {"unchanged": 1}, None)
    assert target.service.writes == []
    assert read_saved_plan(plan_file).plan_id == planned.plan_id, "the reviewed plan stays"
    done = run(target, "apply", newest=on, **given)
    assert (done.exit_code, done.held, done.counts) == (0, False, {"create": 1, "unchanged": 1})


def test_nothing_is_applied_if_the_newest_settings_cannot_be_read(target: TargetWorkspace) -> None:
    git = GitRepository(target.files.root)
    target.desire(person("ada"))
    git.commit("Begin")
    target.files.write("settings.yaml", "provisioning: off\n")
    broken = git.commit("Break it")
    target.files.settings()
    with pytest.raises(ReconcilerError, match=f"cannot be read in commit {broken[:12]}, the newest one"):
        run(target, "apply", newest=broken)
    assert target.service.writes == []


def test_a_date_that_has_passed_waits_for_an_apply_and_is_no_drift(target: TargetWorkspace) -> None:
    target.desire(person("ada", lifecycle={"expires": "2131-06-01"}), person("bob"))
    assert run(target, "apply").counts == {"create": 2, "unchanged": 1}
    assert run(target, "drift").counts == {"unchanged": 3}
    found = run(target, "drift", now="2131-06-02", detailed_exitcode=False)
    assert (found.exit_code, found.counts) == (0, {"not_applied": 1, "removals_not_applied": 1, "unchanged": 2})
    shutil.rmtree(target.workspace.state / "plans")
    found = run(target, "drift", now="2131-06-02", detailed_exitcode=False)
    assert found.counts == {"deactivate": 1, "may_wait": 1, "unchanged": 2}, "without the record it may be either"
