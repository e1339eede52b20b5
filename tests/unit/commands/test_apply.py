from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from support import builders
from support.git_repository import GitRepository
from support.sample_org import account, person
from support.servers.server_faults import ServerFaults
from support.target_workspace import TargetWorkspace

from reconciler.apply.report import Report
from reconciler.commands import apply
from reconciler.commands.apply import apply_exit_code
from reconciler.core.plan import Base, Outcome, Plan, Result
from reconciler.errors import ExitCode, PlanFileError, StalePlanError, TargetError, UsageError
from reconciler.record.lock import LockWait, hold_lock
from reconciler.record.plan_file import to_json
from reconciler.session import planners
from reconciler.session.drift_baseline import load_drift_baseline
from reconciler.session.live_plan import make_plan
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal


def saved_plan(target: TargetWorkspace, file: Path) -> Path:
    target.plan(out=file)
    return file


def test_an_apply_changes_the_target_and_keeps_a_record(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    assert target.apply() is ExitCode.OK
    assert target.live("ada")["externalId"] == "id-ada"
    (record,) = target.workspace.plans.iterdir()
    assert sorted(file.name for file in record.iterdir()) == ["README.md", "plan.json", "receipt.jsonl"]
    assert target.terminal.notes[-1] == f"Receipt: {record / 'receipt.jsonl'}"


def test_a_reviewed_plan_is_applied_as_it_is(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire(person("ada"))
    file = saved_plan(target, tmp_path / "plan.json")
    assert target.apply(file, auto_approve=False) is ExitCode.OK
    assert target.live("ada")


def test_a_plan_of_another_desired_state_is_stale(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire(person("ada"))
    file = saved_plan(target, tmp_path / "plan.json")
    target.desire(person("ada", department="Sales"))
    with pytest.raises(StalePlanError, match="the plan is stale"):
        target.apply(file)
    assert len(target.service.users) == 1


def test_an_offline_plan_is_refused(target: TargetWorkspace, tmp_path: Path) -> None:
    offline = replace(builders.plan_with(builders.change("ada")), base=Base("main", "c" * 40, offline=True))
    (tmp_path / "plan.json").write_text(to_json(offline))
    with pytest.raises(PlanFileError, match="the plan was made offline: it compares with commit cccccccccccc"):
        target.apply(tmp_path / "plan.json")


def test_a_saved_plan_is_applied_as_a_whole(target: TargetWorkspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--user cannot be combined with a saved plan"):
        target.apply(tmp_path / "plan.json", users=("ada",))


@pytest.mark.parametrize(("answer", "code", "users"), [("yes\n", ExitCode.OK, 2), ("no\n", ExitCode.ERROR, 1)])
def test_only_yes_approves(
    target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch, answer: str, code: ExitCode, users: int
) -> None:
    stdin = io.StringIO(answer)
    stdin.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", stdin)
    target.desire(person("ada"))
    assert target.apply(auto_approve=False) is code
    assert len(target.service.users) == users
    assert ("Apply cancelled." in target.terminal.out) is (code is ExitCode.ERROR)


def test_approval_lifts_a_guard_for_exactly_this_plan(target: TargetWorkspace, tmp_path: Path) -> None:
    target.service.add(account("gone"))
    target.files.settings(guards={"removals": {"count": 0}}, lifecycle={"removed": "deactivate"})
    assert target.apply() is ExitCode.BLOCKED
    assert target.live("gone")["active"] is True
    plan_id = json.loads(saved_plan(target, tmp_path / "plan.json").read_text())["plan_id"]
    assert target.apply(approve=f"{plan_id[:-1]}x") is ExitCode.BLOCKED
    assert target.apply(approve=plan_id) is ExitCode.OK
    assert target.live("gone")["active"] is False


def test_a_service_that_refuses_is_remembered_until_it_answers(target: TargetWorkspace) -> None:
    token, target.service.token = target.service.token, "another"
    with pytest.raises(TargetError):
        target.apply()
    assert target.refusal() is not None
    target.service.token = token
    assert target.apply() is ExitCode.OK
    assert target.refusal() is None


def test_a_failed_change_is_reported_and_its_end_recorded(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.service.faults = ServerFaults(write_error_on=1, write_error_status=400)
    assert target.apply() is ExitCode.PARTIAL
    target.desire()
    assert target.apply() is ExitCode.OK
    assert target.terminal.notes[-1].startswith("No changes were left to make after earlier failures. Receipt: ")


# --- merges that were never applied ---------------------------------------------------------


@pytest.fixture
def git(target: TargetWorkspace) -> GitRepository:
    """A repository whose first commit, with Ada, is applied."""
    found = GitRepository(target.files.root)
    (target.files.root / ".gitignore").write_text("plans/\nstate-home/\n")
    target.desire(person("ada"))
    found.commit("Begin")
    target.apply()
    target.terminal.notes.clear()
    return found


def test_an_apply_notes_the_merges_that_were_never_applied(target: TargetWorkspace, git: GitRepository) -> None:
    """The apply of #7 was cancelled while it waited; that of #8 does both."""
    target.desire(person("ada"), person("bob"))
    middle = git.commit("Add Bob (#7)")
    target.desire(person("ada"), person("bob"), person("cyd"))
    git.commit("Add Cyd (#8)")
    assert target.apply() is ExitCode.OK
    note = target.terminal.notes[0]
    assert note.startswith("Merged after the last complete apply on record (")
    assert f"and not completely applied since:\n{middle[:12]} (#7), 2026-" in note
    assert "#8" not in note
    target.terminal.notes.clear()
    target.apply()
    assert target.terminal.notes == []


def test_an_apply_of_the_next_merge_notes_nothing(target: TargetWorkspace, git: GitRepository) -> None:
    for number, who in enumerate(("bob", "cyd"), start=7):
        target.desire(person("ada"), person(who))
        git.commit(f"Change (#{number})")
        target.apply()
    assert not any(note.startswith(("Merged", "Nothing")) for note in target.terminal.notes)


def test_commits_with_nothing_to_do_are_recorded_once(target: TargetWorkspace, git: GitRepository) -> None:
    """Otherwise they would count as not applied until a later commit changes something in the target."""
    target.files.settings(guards={"removals": {"count": 7, "percent": 7}})
    git.commit("Lower a limit")
    assert target.apply() is ExitCode.OK
    (note,) = target.terminal.notes
    assert note.startswith("No changes were left to make for 1 commit after the last apply. Receipt: ")
    receipts = sorted(target.workspace.plans.glob("*/receipt.jsonl"))
    assert target.apply() is ExitCode.OK
    assert sorted(target.workspace.plans.glob("*/receipt.jsonl")) == receipts
    with target.session() as session:
        drift = load_drift_baseline(session)
    assert drift.warnings == (), "the plan of that receipt is on record too"


def test_a_plan_with_errors_is_not_recorded_as_applied(target: TargetWorkspace, git: GitRepository) -> None:
    target.desire(person("ada"), person("bob", userPrincipalName=""))
    git.commit("A user without a name")
    before = sorted(target.workspace.plans.glob("*/receipt.jsonl"))
    target.apply()
    assert sorted(target.workspace.plans.glob("*/receipt.jsonl")) == before


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (Report(), ExitCode.OK),
        (Report([Outcome(builders.change(), Result.FAILED)]), ExitCode.PARTIAL),
        (Report(stopped=TargetError("no")), ExitCode.ERROR),
        (Report(stopped=TargetError("no"), interrupted=True), ExitCode.INTERRUPTED),
    ],
)
def test_the_exit_code_is_that_of_the_worst_ending(report: Report, code: ExitCode) -> None:
    assert apply_exit_code(builders.plan_of(), report) is code


# --- provisioning is off ------------------------------------------------------------------------


def switch_off(target: TargetWorkspace, reason: str = "A move") -> None:
    target.files.settings(provisioning={"enabled": False, "reason": reason})


def assert_nothing_was_done(target: TargetWorkspace) -> None:
    assert target.service.writes == []
    assert not target.workspace.plans.exists() or not list(target.workspace.plans.rglob("*"))
    assert target.terminal.out.endswith(
        'Apply sent nothing. Provisioning is off: "A move".\n'
        "To switch it on, set `provisioning: {enabled: true}` in settings.yaml. The plan of that change includes what"
        " is pending.\n"
    )


def test_while_provisioning_is_off_an_apply_shows_the_plan_and_sends_nothing(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    switch_off(target)
    assert target.apply() is ExitCode.OK
    assert "Plan: 1 to create" in target.terminal.out
    assert_nothing_was_done(target)


def test_no_question_is_asked_while_provisioning_is_off(target: TargetWorkspace) -> None:
    switch_off(target)
    target.desire(person("ada"))
    assert target.apply(auto_approve=False, approve="sha256:" + "0" * 64) is ExitCode.OK
    assert_nothing_was_done(target)


def test_a_reviewed_plan_is_not_applied_after_provisioning_was_switched_off(
    target: TargetWorkspace, tmp_path: Path
) -> None:
    target.desire(person("ada"))
    file = saved_plan(target, tmp_path / "plan.json")
    switch_off(target)
    assert target.apply(file, strict=True) is ExitCode.OK
    assert_nothing_was_done(target)


def test_a_plan_made_while_provisioning_was_off_has_to_be_reviewed_again(
    target: TargetWorkspace, tmp_path: Path
) -> None:
    target.desire(person("ada"))
    switch_off(target)
    file = saved_plan(target, tmp_path / "plan.json")
    document = json.loads(file.read_text())
    assert document["provisioning"] == {"enabled": False, "reason": "A move", "switched": False}
    assert document["applyable"] is False
    target.files.settings()
    with pytest.raises(StalePlanError, match="made while provisioning was off"):
        target.apply(file)
    off = document["plan_id"]
    target.plan(out=file)
    assert json.loads(file.read_text())["plan_id"] == off, "the switch is no part of what would be done"
    assert target.apply(file) is ExitCode.OK
    assert target.live("ada")


def test_a_blocked_plan_is_no_error_while_provisioning_is_off(target: TargetWorkspace) -> None:
    target.service.add(account("gone"))
    target.files.settings(guards={"removals": {"count": 0}}, provisioning={"enabled": False, "reason": "A move"})
    assert target.apply() is ExitCode.OK
    assert "Blocked:" in target.terminal.out
    assert_nothing_was_done(target)


def test_without_changes_there_is_no_receipt_while_provisioning_is_off(target: TargetWorkspace) -> None:
    switch_off(target)
    assert target.apply() is ExitCode.OK
    assert "No changes." in target.terminal.out
    assert_nothing_was_done(target)


def test_provisioning_can_be_switched_off_while_the_service_is_read(
    target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(session: Session, users: tuple[str, ...], terminal: Terminal) -> Plan:
        made = make_plan(session, users, terminal)
        switch_off(target)
        return made

    target.desire(person("ada"))
    monkeypatch.setattr(planners, "make_plan", plan)
    assert target.apply() is ExitCode.OK
    assert_nothing_was_done(target)


def test_provisioning_can_be_switched_off_at_the_question(
    target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.desire(person("ada"))
    monkeypatch.setattr(apply, "ask_for_approval", lambda _: [switch_off(target)])
    assert target.apply(auto_approve=False) is ExitCode.OK
    assert_nothing_was_done(target)


def test_settings_that_cannot_be_read_right_before_the_first_write_are_never_on(
    target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.desire(person("ada"))
    monkeypatch.setattr(apply, "ask_for_approval", lambda _: [target.files.write("settings.yaml", "[")])
    assert target.apply(auto_approve=False) is ExitCode.ERROR
    assert target.service.writes == []
    assert target.terminal.found


def apply_after(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> ExitCode:
    """Apply after waiting for another apply, which makes a change to the desired state before it ends."""
    with ExitStack() as other:
        other.enter_context(hold_lock(target.workspace.lock(target.state().target), LockWait(0, print)))

        def note(text: str) -> None:
            if text.startswith("Waiting for another apply"):
                change()
                other.close()

        monkeypatch.setattr(target.terminal, "note", note)
        return target.apply(lock_timeout=30)


@pytest.mark.parametrize("people", [["ada"], []], ids=["changes", "no changes"])
def test_provisioning_can_be_switched_off_while_an_apply_waits_for_another_one(
    people: list[str], target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.desire(*map(person, people))
    assert apply_after(target, monkeypatch, lambda: switch_off(target)) is ExitCode.OK
    assert_nothing_was_done(target)


def test_an_apply_that_waited_applies_the_desired_state_as_it_is_then(
    target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.desire(person("ada"))
    assert apply_after(target, monkeypatch, lambda: target.desire(person("bob"))) is ExitCode.OK
    assert target.live("bob")
    assert len(target.service.users) == 2, "Ada is not desired any more"
    assert apply_after(target, monkeypatch, lambda: target.files.write("settings.yaml", "[")) is ExitCode.ERROR


def test_an_apply_that_waited_is_stale_if_the_settings_name_another_target_then(
    target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = target.workspace.state / "settings.yaml"
    other = path.read_text().replace("/scim", "/other/scim")
    assert other != path.read_text()
    with pytest.raises(StalePlanError, match="name another target than when this apply began to wait"):
        apply_after(target, monkeypatch, lambda: path.write_text(other))
    assert target.service.writes == []


def test_settings_that_cannot_be_read_are_never_on(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    with (target.workspace.state / "settings.yaml").open("a") as file:
        file.write("\nprovisioning: off\n")
    assert target.apply() is ExitCode.ERROR
    assert target.service.writes == []


def test_a_saved_plan_can_be_bound_to_an_id(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire(person("ada"))
    file = saved_plan(target, tmp_path / "plan.json")
    found = json.loads(file.read_text())["plan_id"]
    with pytest.raises(StalePlanError) as caught:
        target.apply(file, reviewed=f"sha256:{'0' * 64}")
    assert caught.value.summary == f"the saved plan is {found}, and sha256:{'0' * 64} was reviewed"
    assert len(target.service.users) == 1
    assert target.apply(file, reviewed=found) is ExitCode.OK
