"""Tenants whose processes do what their names say (`support.fleet_program`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.cluster import make_fleet, run_git
from support.fleet_program import PROGRAM

from reconciler.fleet.catalog import read_fleet
from reconciler.fleet.cluster_task import ClusterTask
from reconciler.fleet.result import TenantResult, from_json, to_json
from reconciler.session.fleet.cluster_runner import EngineRunner, RunnerSettings, WorkerUnusableError

PLAN_ID = "sha256:" + "a" * 64


@contextmanager
def open_runner(root: Path, program: str = PROGRAM, **settings: Any) -> Iterator[tuple[EngineRunner, ClusterTask]]:
    commit = run_git(root, "rev-parse", "HEAD")
    fleet = read_fleet(root)
    found = RunnerSettings(commit, root.parent / "out", 2, **settings)
    with EngineRunner(fleet, found, os.environ, program) as runner:
        yield runner, ClusterTask(fleet.tenants[0].name, "plan", commit, "run-1")


@pytest.mark.slow
def test_tasks_are_run_by_processes_of_one_fork_server(tmp_path: Path) -> None:
    root = make_fleet(tmp_path, "ok-1", "ok-2", "killed", "blocked")
    with open_runner(root) as (runner, task), ThreadPoolExecutor(4) as threads:
        tasks = [replace(task, tenant=name) for name in ("ok-1", "ok-2", "killed", "blocked")]
        found = {each.tenant: (each.exit_code, each.run) for each in threads.map(runner.run, tasks)}
        again = runner.run(replace(task, tenant="ok-1"))
    assert found == {"ok-1": (0, "run-1"), "ok-2": (0, "run-1"), "killed": (1, "run-1"), "blocked": (3, "run-1")}
    assert again.exit_code == 0
    servers = {(root.parent / "out" / name / "process").read_text().split()[1] for name in ("ok-1", "ok-2", "killed")}
    assert len(servers) == 1


@pytest.mark.slow
def test_an_engine_that_cannot_start_makes_the_worker_unusable(tmp_path: Path) -> None:
    with open_runner(make_fleet(tmp_path, "ok-1"), "support.no_such_program") as (runner, task):
        for _ in range(2):
            with pytest.raises(WorkerUnusableError, match="cannot be started"):
                runner.run(task)


def test_a_task_of_this_commit_can_be_run(tmp_path: Path) -> None:
    with open_runner(make_fleet(tmp_path, "acme")) as (runner, task):
        assert runner.check(task) is None
        assert runner.check(replace(task, verb="drift")) is None


def test_the_result_of_a_task_that_was_not_run_replaces_an_older_one(tmp_path: Path) -> None:
    root = make_fleet(tmp_path, "acme")
    file = root.parent / "out/acme/result.json"
    file.parent.mkdir(parents=True)
    with open_runner(root) as (runner, task):
        file.write_text(to_json(TenantResult("acme", "plan", task.commit, task.run, 0)))
        failed = TenantResult("acme", "plan", task.commit, task.run, 3, error="not begun")
        assert runner.keep(task, failed) == failed == from_json(file.read_bytes())
        unknown = replace(failed, tenant="other")
        assert runner.keep(replace(task, tenant="other"), unknown) == unknown


def test_an_unknown_tenant_is_refused(tmp_path: Path) -> None:
    with open_runner(make_fleet(tmp_path, "acme")) as (runner, task):
        assert runner.check(replace(task, tenant="other")) == "the fleet has no such tenant at this commit"


def test_changed_files_are_refused(tmp_path: Path) -> None:
    root = make_fleet(tmp_path, "acme")
    with open_runner(root) as (runner, task):
        (root / "tenants/acme/settings.yaml").write_text("changed: 1\n", "utf-8")
        assert runner.check(task) == ('1 file of the checkout differs from its commit: "tenants/acme/settings.yaml"')


def test_a_checkout_that_moved_makes_the_worker_unusable(tmp_path: Path) -> None:
    root = make_fleet(tmp_path, "acme")
    with open_runner(root) as (runner, task):
        run_git(root, "commit", "--allow-empty", "-qm", "next")
        with pytest.raises(WorkerUnusableError, match=r"^the checkout has moved since the worker started$"):
            runner.check(task)


def test_an_apply_needs_its_reviewed_plan(tmp_path: Path) -> None:
    root, plans = make_fleet(tmp_path, "acme"), tmp_path / "plans"
    with open_runner(root, plans=plans) as (runner, task):
        apply = replace(task, verb="apply", plan_id=PLAN_ID)
        assert runner.check(apply) == '--plans has no plan of "acme"'
        assert runner.check(replace(apply, plan_id=None)) == (
            "no plan was reviewed, and the worker has no --auto-approve"
        )
        (plans / "acme").mkdir(parents=True)
        (plans / "acme" / "plan.json").write_text("{}")
        assert runner.check(apply) is None
        built = runner._build_task(apply)
        assert (built.reviewed, built.plan_id) == (str(plans / "acme" / "plan.json"), PLAN_ID)
    with open_runner(root, auto_approve=True) as (runner, _):
        assert runner.check(replace(apply, plan_id=None)) is None
        assert runner.check(apply) == "the worker has no reviewed plans: start it with --plans DIR"
        assert runner._build_task(replace(apply, plan_id=None)).reviewed is None
