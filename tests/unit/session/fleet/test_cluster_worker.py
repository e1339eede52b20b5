from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import support.cluster
from support.cluster import COMMIT, FileRunner, Notes, QueueOnPostgres, make_task, read_notes, wait_for
from support.command import coverage_environment
from support.servers.postgres import PostgresServer

from reconciler.errors import ExitCode, FleetError
from reconciler.fleet.cluster_task import ClusterTask, build_queue_name, name_submission
from reconciler.fleet.model import FleetLimit
from reconciler.fleet.result import TenantResult
from reconciler.scim.secret import Secret
from reconciler.session.fleet.cluster_runner import WorkerUnusableError
from reconciler.session.fleet.cluster_worker import WorkerSettings, work

pytestmark = pytest.mark.slow
_WHOLE = ["began", "ended"]
UNTIL_EMPTY = WorkerSettings("fleet", COMMIT, 4, until_empty=True, heartbeat_seconds=0.2, stalled_seconds=1.0)
StartWorker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def queue(postgres: PostgresServer) -> QueueOnPostgres:
    return QueueOnPostgres(postgres)


@pytest.fixture
def start_worker(queue: QueueOnPostgres, tmp_path: Path) -> Iterator[StartWorker]:
    """Start workers as processes, with FOLDER SECONDS AT_ONCE; what is left of them is killed."""
    running: list[subprocess.Popen[bytes]] = []
    tests = Path(support.cluster.__file__).parent.parent
    environment = {
        **coverage_environment(),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tests),
        "RECONCILER_CLUSTER_DSN": queue.address,
    }

    def start(*arguments: object) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "support.cluster", *map(str, arguments)]
        process = subprocess.Popen(line, env=environment, cwd=tmp_path, stderr=subprocess.PIPE)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate(timeout=20)


def test_every_tenant_is_run_once_and_its_result_kept(queue: QueueOnPostgres, tmp_path: Path) -> None:
    queue.submit("acme", "beta", "gamma")
    notes = Notes()
    work(queue.secret, UNTIL_EMPTY, FileRunner(tmp_path), notes)
    assert read_notes(tmp_path) == {"acme": _WHOLE, "beta": _WHOLE, "gamma": _WHOLE}
    assert sorted(notes.lines) == ["ended 1: acme 0", "ended 2: beta 0", "ended 3: gamma 0"]
    jobs = queue.jobs()
    assert [(job.state, job.result.exit_code if job.result else None) for job in jobs] == [("succeeded", 0)] * 3
    assert {job.worker.rpartition(":")[2] for job in jobs} == {str(os.getpid())}


def test_a_worker_at_another_commit_leaves_the_tasks_alone(queue: QueueOnPostgres, tmp_path: Path) -> None:
    queue.submit("acme")
    work(queue.secret, replace(UNTIL_EMPTY, commit="0" * 40), FileRunner(tmp_path), Notes())
    assert queue.states() == {"acme": ["todo"]}


class UnusableRunner(FileRunner):
    def check(self, task: ClusterTask) -> str | None:
        raise WorkerUnusableError("the checkout has moved", "Start the worker again.")


def test_a_worker_that_can_run_nothing_fails_one_job_and_leaves_the_others(
    queue: QueueOnPostgres, tmp_path: Path
) -> None:
    queue.submit("acme", "beta", "gamma")
    with pytest.raises(WorkerUnusableError, match=r"^the checkout has moved$"):
        work(queue.secret, replace(UNTIL_EMPTY, at_once=1), UnusableRunner(tmp_path), Notes())
    assert queue.states() == {"acme": ["failed"], "beta": ["todo"], "gamma": ["todo"]}


def test_finished_jobs_are_deleted_after_a_month(queue: QueueOnPostgres, tmp_path: Path) -> None:
    queue.submit("acme", "beta")
    work(queue.secret, UNTIL_EMPTY, FileRunner(tmp_path), Notes())
    queue.submit("gamma")
    queue.execute("UPDATE procrastinate_events SET at = now() - interval '31 days' WHERE job_id IN (1, 3)")
    work(queue.secret, replace(UNTIL_EMPTY, commit="0" * 40), FileRunner(tmp_path), Notes())
    assert queue.states() == {"beta": ["succeeded"], "gamma": ["todo"]}


class FailingRunner(FileRunner):
    def check(self, task: ClusterTask) -> str | None:
        return "the checkout is at another commit" if task.tenant == "beta" else None

    def run(self, task: ClusterTask) -> TenantResult:
        if task.tenant == "gamma":
            raise ZeroDivisionError("secret")
        if task.tenant == "delta":
            return TenantResult(task.tenant, task.verb, task.commit, task.run, ExitCode.BLOCKED, error="blocked")
        return super().run(task)


def test_a_tenant_that_fails_is_a_failed_job_and_the_others_go_on(queue: QueueOnPostgres, tmp_path: Path) -> None:
    queue.submit("beta", "gamma", "delta", "acme")
    work(queue.secret, UNTIL_EMPTY, FailingRunner(tmp_path), Notes())
    found = [(job.state, job.result.exit_code, job.result.error) for job in queue.jobs() if job.result is not None]
    assert found == [
        ("failed", 1, "the checkout is at another commit"),
        ("failed", 1, "ZeroDivisionError"),
        ("failed", 3, "blocked"),
        ("succeeded", 0, ""),
    ]
    notes = read_notes(tmp_path)
    assert (notes["acme"], notes["beta"], notes["gamma"]) == (["began", "ended"], ["kept-1"], ["kept-1"])


class AlwaysFailing(FileRunner):
    def run(self, task: ClusterTask) -> TenantResult:
        super().run(task)
        return TenantResult(task.tenant, task.verb, task.commit, task.run, ExitCode.PARTIAL)


def test_beyond_the_limit_of_failed_tenants_no_apply_of_the_submission_begins(
    queue: QueueOnPostgres, tmp_path: Path
) -> None:
    settings = replace(UNTIL_EMPTY, at_once=1, failed=FleetLimit(1))
    submission = name_submission(4)
    names = ("acme", "beta", "delta", "gamma")
    tasks = [replace(make_task(name, "apply"), submission=submission) for name in names]
    queue.use(lambda found: found.submit(tasks))
    work(queue.secret, settings, AlwaysFailing(tmp_path), Notes())
    ran = ["began", "ended"]
    assert read_notes(tmp_path) == {"acme": ran, "beta": ran, "delta": ["kept-3"], "gamma": ["kept-3"]}
    assert [job.state for job in queue.jobs()] == ["failed", "failed", "aborted", "aborted"]
    left = queue.jobs()[2]
    assert left.result is not None
    assert (left.result.exit_code, left.result.error) == (3, "not begun: 2 tenants of 4 failed, the limit is 1")
    # What a person queues again is run, and another submission counts by itself.
    queue.use(lambda found: found.requeue(left))
    other = replace(make_task("gamma", "apply"), submission=name_submission(1))
    queue.use(lambda found: found.submit([other]))
    work(queue.secret, settings, FileRunner(tmp_path), Notes())
    assert [job.state for job in queue.jobs()][4:] == ["succeeded", "succeeded"]


def test_a_plan_is_made_whatever_failed(queue: QueueOnPostgres, tmp_path: Path) -> None:
    submission = name_submission(2)
    tasks = [replace(make_task(name), submission=submission) for name in ("acme", "beta")]
    queue.use(lambda found: found.submit(tasks))
    work(queue.secret, replace(UNTIL_EMPTY, at_once=1, failed=FleetLimit(0)), AlwaysFailing(tmp_path), Notes())
    assert [job.state for job in queue.jobs()] == ["failed", "failed"]


ROW = """INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
VALUES ('{queue}', '{task}', {lock}, {lock}, '{args}')"""
ARGS = json.dumps({"tenant": "acme", "verb": "plan", "commit": COMMIT, "run": "r", "plan_id": None, "submission": None})
LOCK = "'reconciler:fleet/acme'"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ((LOCK, ARGS.replace("acme", "../../etc")), 'the task has an invalid tenant: "../../etc"'),
        ((LOCK, ARGS.replace('"plan"', '"plan; id"')), 'the task has an invalid verb: "plan; id"'),
        ((LOCK, ARGS.replace("}", ', "context": 1}')), "the task has other fields"),
        ((LOCK, "{}"), "the task has other fields"),
        ((LOCK, '{"tenant": "\\u202e"}'), "the task has other fields"),
        ((LOCK, ARGS.replace(COMMIT, "0" * 40)), "the task is of another commit than the queue"),
        (("'reconciler:fleet/beta'", ARGS), "the job does not hold the lock of its tenant"),
    ],
)
def test_the_row_of_a_stranger_runs_nothing(
    row: tuple[str, str], why: str, queue: QueueOnPostgres, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lock, args = row
    queue.execute(ROW.format(queue=build_queue_name("fleet", COMMIT), task="reconciler.tenant", lock=lock, args=args))
    queue.submit("gamma")
    notes = Notes()
    work(queue.secret, UNTIL_EMPTY, FileRunner(tmp_path), notes)
    assert sorted(notes.lines) == ["ended 2: gamma 0", f"refused 1: {why}"]
    assert read_notes(tmp_path) == {"gamma": ["began", "ended"]}
    assert next((job.state, job.result) for job in queue.jobs()) == ("failed", None)
    assert capfd.readouterr() == ("", "")


def test_sigterm_finishes_what_runs_and_takes_no_more(
    queue: QueueOnPostgres, start_worker: StartWorker, tmp_path: Path
) -> None:
    queue.submit("acme", "beta", "gamma")
    worker = start_worker(tmp_path, 1.5, 1)
    wait_for((tmp_path / "acme").exists)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert read_notes(tmp_path) == {"acme": ["began", "ended"]}
    assert queue.states() == {"acme": ["succeeded"], "beta": ["todo"], "gamma": ["todo"]}


def test_a_second_sigterm_reaches_the_tenant(queue: QueueOnPostgres, start_worker: StartWorker, tmp_path: Path) -> None:
    queue.submit("acme")
    worker = start_worker(tmp_path, 60, 1)
    wait_for((tmp_path / "acme").exists)
    worker.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    (job,) = queue.jobs()
    assert (job.state, job.result.exit_code if job.result else None) == ("failed", 130)


def test_a_killed_worker_leaves_its_tenants_locked_and_nothing_is_run_twice(
    queue: QueueOnPostgres, start_worker: StartWorker, tmp_path: Path
) -> None:
    tenants = [f"t{number:02}" for number in range(20)]
    queue.submit(*tenants)
    for number in range(4):
        worker = start_worker(tmp_path, 0.2, 2)
        wait_for(lambda count=(number + 1) * 3: len(list(tmp_path.iterdir())) >= count)  # type: ignore[misc]
        worker.kill()
        worker.wait(20)
    assert start_worker(tmp_path, 0.0, 2, "until-empty").wait(30) == 0
    wait_for(lambda: ["doing"] not in queue.states().values())
    notes, states = read_notes(tmp_path), queue.states()
    assert states.keys() == set(tenants), "no tenant is lost"
    assert {tuple(words) for words in notes.values()} <= {("began",), ("began", "ended")}, "no tenant is begun twice"
    stalled = [tenant for tenant in tenants if states[tenant] == ["stalled"]]
    assert 1 <= len(stalled) <= 8
    assert all(states[tenant] == ["succeeded"] for tenant in tenants if tenant not in stalled)
    assert all(notes[tenant] == ["began", "ended"] for tenant in tenants if tenant not in stalled)

    # A second job of a stalled tenant waits.
    queue.submit(stalled[0], "new")
    assert start_worker(tmp_path, 0.0, 2, "until-empty").wait(30) == 0
    assert queue.states()[stalled[0]] == ["stalled", "todo"]
    assert queue.states()["new"] == ["succeeded"]


def test_an_abort_of_a_row_does_not_unlock_a_tenant_at_work(
    queue: QueueOnPostgres, start_worker: StartWorker, tmp_path: Path
) -> None:
    queue.submit("acme")
    worker = start_worker(tmp_path, 2, 2, "until-empty")
    wait_for((tmp_path / "acme").exists)
    queue.submit("acme")
    queue.execute("UPDATE procrastinate_jobs SET abort_requested = true WHERE status = 'doing'")
    assert worker.wait(30) == 0
    assert read_notes(tmp_path)["acme"] in (["began", "ended"], ["began", "ended", "began", "ended"])
    assert queue.states()["acme"][0] == "succeeded", "it was not given up while it ran"


def test_a_worker_that_waits_for_more_finishes_a_tenant_whose_row_is_aborted(
    queue: QueueOnPostgres, start_worker: StartWorker, tmp_path: Path
) -> None:
    """It is told of the abort at once: one that ends with the last job has stopped listening."""
    queue.submit("acme")
    worker = start_worker(tmp_path, 2, 1)
    wait_for((tmp_path / "acme").exists)
    queue.submit("acme")
    queue.execute("UPDATE procrastinate_jobs SET abort_requested = true WHERE status = 'doing'")
    wait_for(lambda: queue.states()["acme"][0] != "doing")
    assert read_notes(tmp_path)["acme"][:2] == _WHOLE, "no second job of the tenant began before the first one ended"
    assert queue.states()["acme"][0] == "succeeded"
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0


def test_a_lost_database_ends_the_worker_with_an_error(
    queue: QueueOnPostgres, start_worker: StartWorker, tmp_path: Path
) -> None:
    queue.submit("acme")
    worker = start_worker(tmp_path, 1.5, 1)
    wait_for((tmp_path / "acme").exists)
    name = queue.address.rpartition("/")[2]
    queue.server.execute(queue.server.address("postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    queue.server.execute(
        queue.server.address("postgres"),
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",  # noqa: S608
    )
    assert worker.wait(60) == 1
    assert read_notes(tmp_path) == {"acme": ["began", "ended"]}, "what ran was finished"


@pytest.mark.parametrize(("is_pruned", "at_once"), [(False, 2), (True, 2), (True, 4)])
def test_a_worker_that_comes_back_after_its_job_was_closed_ends_what_it_runs(
    is_pruned: bool, at_once: int, queue: QueueOnPostgres, start_worker: StartWorker, tmp_path: Path
) -> None:
    queue.submit("acme", "beta")
    worker = start_worker(tmp_path, 60, at_once)
    wait_for(lambda: len(queue.execute("SELECT job FROM reconciler_results")) == 2)
    worker.send_signal(signal.SIGSTOP)
    wait_for(lambda: queue.states() == {"acme": ["stalled"], "beta": ["stalled"]})
    job = queue.jobs()[0]
    assert queue.use(lambda found: found.requeue(job)) == 3
    if is_pruned:
        # As by another worker that starts.
        queue.execute("SELECT * FROM procrastinate_prune_stalled_workers_v1(1)")
    worker.send_signal(signal.SIGCONT)
    _, stderr = worker.communicate(timeout=30)
    assert worker.returncode == 1
    assert b"job 1 was closed while it ran here: this worker was taken for dead" in stderr
    assert b"never retrieved" not in stderr
    assert read_notes(tmp_path) == {"acme": _WHOLE, "beta": _WHOLE}, "they were asked to end, and no other was begun"
    assert queue.states() == {"acme": ["failed", "todo"], "beta": ["failed"]}


def test_a_worker_that_was_removed_while_it_ran_nothing_says_so(
    queue: QueueOnPostgres, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker(tmp_path, 0, 1)
    wait_for(lambda: queue.execute("SELECT id FROM procrastinate_workers") != [])
    queue.execute("DELETE FROM procrastinate_workers")
    queue.submit("acme")
    _, stderr = worker.communicate(timeout=30)
    assert worker.returncode == 1
    assert b"this worker was taken for dead, and was removed from the queue" in stderr
    assert queue.states() == {"acme": ["todo"]}


class ClosingRunner(FileRunner):
    """Its job is closed by somebody while it runs, shortly before it ends."""

    def __init__(self, folder: Path, queue: QueueOnPostgres) -> None:
        super().__init__(folder)
        self._queue = queue

    def run(self, task: ClusterTask) -> TenantResult:
        self._queue.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE status = 'doing'")
        return super().run(task)


def test_a_worker_learns_at_the_end_of_a_tenant_that_its_job_was_closed(
    queue: QueueOnPostgres, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    queue.submit("acme", "beta")
    settings = replace(UNTIL_EMPTY, at_once=1, heartbeat_seconds=60.0)
    with pytest.raises(WorkerUnusableError, match=r"^job 1 was closed while it ran here"):
        work(queue.secret, settings, ClosingRunner(tmp_path, queue), Notes())
    assert queue.states() == {"acme": ["failed"], "beta": ["todo"]}
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_no_tables_are_an_error_with_a_way_out(postgres: PostgresServer, tmp_path: Path) -> None:
    with pytest.raises(FleetError) as caught:
        work(Secret(postgres.create_database()), UNTIL_EMPTY, FileRunner(tmp_path), Notes())
    assert caught.value.summary == "the queue's database has no tables for it"
    assert caught.value.detail == "Make them once, as a role that may: reconciler fleet init-queue"
