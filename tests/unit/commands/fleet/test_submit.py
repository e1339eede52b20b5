from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.cluster import make_fleet, run_git
from support.fake_cluster import FakeCluster
from support.fleet_results import write_result
from support.fleet_workspace import make_fleet_plan
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet import submit
from reconciler.commands.fleet.submit import SubmitOptions, run_submit
from reconciler.errors import BlockedError, FleetError, StalePlanError, UsageError
from reconciler.fleet.applied import write_applied
from reconciler.fleet.cluster_job import ClusterJob
from reconciler.fleet.cluster_task import ClusterTask, count_submission
from reconciler.fleet.result import TenantResult, from_json
from reconciler.session.fleet.selected import FleetSelection

PLAN_ID = "sha256:" + "a" * 64


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    for name in ("GITHUB_RUN_ID", "CI_PIPELINE_ID"):
        monkeypatch.delenv(name, raising=False)
    found = FakeCluster()
    found.install(monkeypatch, submit)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_fleet(tmp_path, "acme", "beta")


def run(root: Path, **options: Any) -> tuple[int, str]:
    terminal = RecordingTerminal()
    code = run_submit(SubmitOptions(FleetSelection(root), "fleet", **options), terminal)
    return code, terminal.out


def test_all_selected_tenants_are_queued_at_the_commit(cluster: FakeCluster, root: Path) -> None:
    commit = run_git(root, "rev-parse", "HEAD")
    assert run(root) == (0, f"Queued: 2 tenants of commit {commit[:12]}.\n")
    (submission,) = {task.submission for task in cluster.submitted}
    assert submission is not None
    assert count_submission(submission) == 2
    expected = [ClusterTask(name, "plan", commit, "local", None, submission) for name in ("acme", "beta")]
    assert cluster.submitted == expected


def test_an_apply_names_the_reviewed_plan_and_leaves_out_who_has_none(cluster: FakeCluster, root: Path) -> None:
    plans = root.parent / "plans"
    plans.mkdir()
    tenants = {"acme": PLAN_ID}
    (plans / "fleet-plan.json").write_text(make_fleet_plan(tenants))
    for place in (plans, plans / "fleet-plan.json"):
        code, _ = run(root, verb="apply", plans=place)
        assert code == 4, "a tenant without a reviewed plan is stale"
    assert {(task.tenant, task.plan_id) for task in cluster.submitted} == {("acme", PLAN_ID)}


@pytest.mark.parametrize(
    "options",
    [
        {"verb": "retry"},
        {"verb": "apply"},
        {"verb": "apply", "plans": Path("x"), "auto_approve": True},
        {"verb": "plan", "auto_approve": True},
        {"verb": "drift", "plans": Path("x")},
        {"verb": "drift", "results": (Path("x"),)},
        {"out": Path("x")},
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], cluster: FakeCluster, root: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(root, **options)
    assert caught.value.detail
    assert cluster.submitted == []


def test_changed_files_are_not_queued(cluster: FakeCluster, root: Path) -> None:
    (root / "tenants/acme/users/all.yaml").write_text("[]\n", "utf-8")
    with pytest.raises(FleetError, match=r"^1 file of the checkout differs"):
        run(root)
    assert cluster.submitted == []


@pytest.mark.parametrize("slice_", [None, "1/2", "2/2"])
def test_an_apply_of_a_wave_is_queued_if_the_gates_before_it_are_open(
    cluster: FakeCluster, root: Path, tmp_path: Path, slice_: str | None
) -> None:
    waves = "waves: [{name: canary, tenants: [acme]}, {name: rest}]\n"
    (root / "fleet.yaml").write_text(f"tenants: tenants/*\n{waves}", "utf-8")
    run_git(root, "commit", "-qam", "waves")
    plans, results = tmp_path / "plans", tmp_path / "results"
    plans.mkdir()
    (plans / "fleet-plan.json").write_text(make_fleet_plan({"acme": PLAN_ID, "beta": PLAN_ID}))
    selection = FleetSelection(root, wave="rest", slice=slice_)
    options = SubmitOptions(selection, "fleet", "apply", plans, results=(results,))
    fields = {"verb": "apply", "commit": run_git(root, "rev-parse", "HEAD"), "run": "local", "plan_id": PLAN_ID}
    write_result(results, "acme", exit_code=5, **fields)
    with pytest.raises(BlockedError, match="the gate after canary is closed, so rest cannot begin"):
        run_submit(options, RecordingTerminal())
    with pytest.raises(BlockedError, match="no result of the wave canary"):
        run_submit(replace(options, results=()), RecordingTerminal())
    assert cluster.submitted == []
    write_result(results, "acme", **fields)
    assert run_submit(options, RecordingTerminal()) == 0
    assert {task.tenant for task in cluster.submitted} <= {"beta"}


def make_job(number: int, tenant: str, code: int | None, state: str = "succeeded") -> ClusterJob:
    task = ClusterTask(tenant, "plan", "0" * 40, "local")
    result = TenantResult(tenant, "plan", "0" * 40, "local", code) if code is not None else None
    return ClusterJob(number, state, task, "", result)


def test_an_apply_of_an_earlier_commit_than_that_on_record_is_not_queued(cluster: FakeCluster, root: Path) -> None:
    earlier = run_git(root, "rev-parse", "HEAD")
    (root / "tenants/acme/users/more.yaml").write_text("[]\n")
    run_git(root, "add", ".")
    run_git(root, "commit", "-q", "-m", "later")
    write_applied(root, run_git(root, "rev-parse", "HEAD"), [])
    run_git(root, "checkout", "-q", earlier)
    with pytest.raises(StalePlanError, match=r'would undo it: "acme"$'):
        run(root, verb="apply", auto_approve=True)
    assert cluster.submitted == []
    assert run(root)[0] == 0, "a plan undoes nothing"


def test_waiting_folds_the_exit_codes_and_keeps_the_results(cluster: FakeCluster, root: Path, tmp_path: Path) -> None:
    cluster.ended = [make_job(1, "acme", 0), make_job(2, "beta", 3, "failed")]
    code, out = run(root, wait=True, out=tmp_path / "results")
    assert (code, out.splitlines()[-1]) == (3, "1 tenant done, 1 with exit code 3.")
    found = from_json((tmp_path / "results" / "beta" / "result.json").read_bytes())
    assert found == cluster.ended[1].result


@pytest.mark.parametrize("ended", [[], [make_job(1, "acme", None, "failed")]])
def test_a_missing_result_is_a_failure(ended: list[ClusterJob], cluster: FakeCluster, root: Path) -> None:
    cluster.ended = [*ended, make_job(2, "beta", 0)]
    assert run(root, wait=True)[0] == 1


def test_what_is_stalled_says_how_to_go_on(cluster: FakeCluster, root: Path) -> None:
    cluster.left = [make_job(1, "acme", None, "stalled"), replace(make_job(2, "beta", None, "todo"))]
    code, out = run(root, wait=True)
    assert code == 1
    assert "reconciler fleet requeue 1\n" in out
    assert "1 job of the queue still waiting or running.\n" in out
