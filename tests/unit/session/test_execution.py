from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.sample_org import account, person
from support.servers.server_faults import ServerFaults
from support.target_workspace import TargetWorkspace

from reconciler.apply.quarantine import Health
from reconciler.apply.report import Report
from reconciler.apply.selection import select_changes
from reconciler.core.plan import Outcome, Result
from reconciler.scim.adaptive_rate import LearnedRate
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.session import execution
from reconciler.session.audit_record import prepare_record_directory
from reconciler.session.execution import Job, execute_selection
from reconciler.session.live_plan import make_plan
from reconciler.session.provisioning_log import open_log


def execute(target: TargetWorkspace, log_file: Path, *skip: str) -> Report:
    """Execute the plan of the desired state without the changes of `skip`."""
    with target.session() as session, open_log(log_file, target.terminal) as log:
        plan = make_plan(session, (), target.terminal)
        skipped = [Outcome(each, Result.SKIPPED, "a test") for each in plan.changes if each.key in skip]
        log.begin(plan, session, person=False)
        job = Job(select_changes(plan, skipped, Health()), plan, whole=True)
        return execute_selection(job, session, log, target.terminal)


def entries(target: TargetWorkspace) -> list[dict[str, object]]:
    (receipt,) = target.workspace.plans.glob("*/receipt.jsonl")
    return [json.loads(line) for line in receipt.read_text().splitlines()]


def test_the_selection_is_executed_and_recorded(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire(person("ada"), person("bob"))
    report = execute(target, tmp_path / "log", "bob@example.com")
    assert [(each.change.key, each.result) for each in report.outcomes] == [("ada@example.com", Result.DONE)]
    assert len(target.service.users) == 2
    events = [(entry["event"], entry.get("result")) for entry in entries(target)]
    assert ("finished", "skipped") in events
    assert ("finished", "done") in events
    assert entries(target)[-1]["event"] == "apply_finished"
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_a_record_is_plan_receipt_and_page(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire(person("ada"))
    execute(target, tmp_path / "log")
    (directory,) = target.workspace.plans.iterdir()
    assert sorted(file.name for file in directory.iterdir()) == ["README.md", "plan.json", "receipt.jsonl"]
    assert target.terminal.notes[-1] == f"Receipt: {directory / 'receipt.jsonl'}"


@pytest.mark.parametrize(
    ("faults", "result"),
    [(ServerFaults(), Result.DONE), (ServerFaults(write_error_on=1, write_error_status=400), Result.FAILED)],
)
def test_an_outcome_is_noted_as_it_happens(
    target: TargetWorkspace, tmp_path: Path, faults: ServerFaults, result: Result
) -> None:
    target.desire(person("ada"))
    target.service.add(account("other", externalId=None))
    target.service.faults = faults
    (outcome,) = execute(target, tmp_path / "log").outcomes
    assert outcome.result is result
    assert any('user["ada@example.com"]' in note for note in target.terminal.notes)


def test_a_page_of_an_earlier_apply_goes_before_the_first_change(
    target: TargetWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.desire(person("ada"))
    with target.session() as session:
        directory = prepare_record_directory(session.workspace, make_plan(session, (), target.terminal))
    directory.mkdir(parents=True)
    (directory / "README.md").write_text("of an earlier apply")

    def crash(*_arguments: object, **_options: object) -> Report:
        assert (directory / "receipt.jsonl").is_file()
        assert not (directory / "README.md").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr("reconciler.session.execution.execute", crash)
    with pytest.raises(KeyboardInterrupt):
        execute(target, tmp_path / "log")


def test_writing_begins_with_what_reading_learned(
    target: TargetWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.desire(person("ada"))
    begun: list[LearnedRate | None] = []

    def build(*arguments: object, learned: LearnedRate | None) -> RateLimiter:
        begun.append(learned)
        return RateLimiter(*arguments, learned=learned)  # type: ignore[arg-type]

    monkeypatch.setattr(execution, "RateLimiter", build)
    execute(target, tmp_path / "log")
    assert [learned is not None and learned.in_flight >= 1 for learned in begun] == [True], "reading had one in flight"
