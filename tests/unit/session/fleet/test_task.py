from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from support.fleet_program import make_task

from reconciler.errors import FleetError
from reconciler.fleet.result import from_json
from reconciler.session.fleet.task import TenantTask, build_failure, clear_results, keep_result, save_result


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


def test_a_failure_says_whether_it_is_of_the_sandbox(tmp_path: Path) -> None:
    task = replace(make_task(tmp_path, "acme"), sandbox=True)
    assert build_failure(task, 1, "x").sandbox


@pytest.mark.parametrize(("verb", "left"), [("plan", set()), ("drift", set()), ("apply", {"plan.json"})])
def test_what_an_earlier_run_left_is_removed(tmp_path: Path, verb: str, left: set[str]) -> None:
    for name in ("acme", "beta"):
        (tmp_path / name).mkdir()
        for file in ("plan.json", "result.json"):
            (tmp_path / name / file).touch()
    (tmp_path / "file").touch()
    clear_results(make_task(tmp_path, name, verb) for name in ("acme", "beta", "gamma", "file"))
    assert all({file.name for file in (tmp_path / name).iterdir()} == left for name in ("acme", "beta"))


def test_what_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "acme" / "result.json").mkdir(parents=True)
    with pytest.raises(FleetError, match='what an earlier run left of "acme" cannot be removed'):
        clear_results([make_task(tmp_path, "acme")])


def test_a_folder_of_a_tenant_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "result.json").write_text("kept")
    (tmp_path / "acme").symlink_to(tmp_path / "outside")
    with pytest.raises(FleetError, match="is a link"):
        clear_results([make_task(tmp_path, "acme")])
    assert (tmp_path / "outside" / "result.json").read_text() == "kept"


def test_a_result_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    task = make_task(tmp_path, "acme")
    (tmp_path / "acme").write_text("")
    why = "result.json cannot be written: File exists"
    assert keep_result(task, build_failure(task, 3, "blocked")).error == f"blocked; {why}"
    assert keep_result(task, build_failure(task, 1, "")).error == why
