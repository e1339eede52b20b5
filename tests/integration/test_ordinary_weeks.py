"""No guard blocks an ordinary week: the sample company through fifty change sets, each planned and applied."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.git_repository import GitRepository
from support.ordinary_weeks import CHANGE_SETS, Company
from support.workspace import CommandResult, run

SAMPLE = Path(__file__).parents[2] / "desired-state"
BETWEEN = timedelta(hours=4)
"""Working hours between two change sets: six in each window of 24 hours."""


def reconciler(*arguments: str) -> CommandResult:
    return run(["reconciler", *arguments])


def let_time_pass(record: Path) -> None:
    """Make every receipt older, as if `BETWEEN` had passed."""
    for receipt in record.rglob("receipt.jsonl"):
        lines = [json.loads(line) for line in receipt.read_text().splitlines()]
        for line in lines:
            line["time"] = (datetime.fromisoformat(line["time"]) - BETWEEN).isoformat()
        receipt.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


@pytest.mark.slow
def test_no_guard_blocks_fifty_ordinary_change_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "desired-state"
    shutil.copytree(SAMPLE, state)
    repository = GitRepository(tmp_path)
    repository.commit("The sample company")
    first = reconciler("apply", "--sandbox", "--auto-approve")
    assert first.code == 0, first.err
    record = tmp_path / ".reconciler" / "plans"
    company, changed = Company(state), set[str]()
    for about, edits in CHANGE_SETS:
        for edit in edits:
            edit(company)
        repository.commit(about)
        let_time_pass(record)
        planned = reconciler("plan", "--sandbox", "--format", "json")
        assert planned.code == 0, f"{about}\n{planned.out}\n{planned.err}"
        plan = planned.plan
        assert [guard for guard in plan["guards"] if not guard["passed"]] == [], about
        assert [item for item in plan["diagnostics"] if item["severity"] == "error"] == [], about
        changed |= {change["action"] for change in plan["resource_changes"]}
        applied = reconciler("apply", "--sandbox", "--auto-approve")
        assert applied.code == 0, f"{about}\n{applied.out}\n{applied.err}"
    assert len(CHANGE_SETS) == 50
    assert changed == {"create", "update", "reactivate", "deactivate"}
    assert reconciler("plan", "--sandbox", "--detailed-exitcode").code == 0
