from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from support.fleet_program import make_task

from reconciler.fleet.result import from_json
from reconciler.session.fleet.task import TenantTask, build_failure, save_result


def test_a_task_is_json(tmp_path: Path) -> None:
    task = make_task(tmp_path, "acme")
    assert TenantTask(**json.loads(json.dumps(asdict(task)))) == task


def test_a_failure_is_saved_as_a_result(tmp_path: Path) -> None:
    task = make_task(tmp_path, "acme", "apply")
    failure = build_failure(task, 3, "blocked")
    save_result(task, failure)
    file = tmp_path / "acme" / "result.json"
    assert from_json(file.read_bytes()) == failure
    assert (failure.tenant, failure.verb, failure.exit_code, failure.error) == ("acme", "apply", 3, "blocked")
    assert file.stat().st_mode & 0o777 == 0o600
