from __future__ import annotations

from pathlib import Path

import pytest
from support.fleet_documents import build_document, format_document
from support.workflow_step import HEAD, MERGED, Step

from reconciler.commands.github.fleet_record import run_fleet_record
from reconciler.errors import UsageError


def test_the_status_names_the_plans_and_their_run(step: Step, tmp_path: Path) -> None:
    results = {"acme": {"create": 2, "delete": 1}}
    (tmp_path / "fleet.json").write_text(format_document(results))
    run_fleet_record(tmp_path / "fleet.json", HEAD, step.terminal)
    (status,) = step.api.statuses[HEAD]
    assert status["description"] == f"{build_document(results)['id']} of run 5: 1 tenants, 2 changes, 1 removals"
    assert status["state"] == "success"
    (tmp_path / "fleet.json").write_text(format_document(results, {"beta": "blocked"}))
    run_fleet_record(tmp_path / "fleet.json", HEAD, step.terminal)
    assert step.api.statuses[HEAD][0]["state"] == "failure"
    grown = "20000 tenants, 100000 changes, 100000 removals"
    assert len(f"sha256:{'0' * 64} of run 12345678901: {grown}") <= 140, "GitHub takes no more"


def test_plans_of_another_commit_are_not_recorded(step: Step, tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text(format_document({"acme": {}}))
    with pytest.raises(UsageError, match="not for"):
        run_fleet_record(tmp_path / "fleet.json", MERGED, step.terminal)
