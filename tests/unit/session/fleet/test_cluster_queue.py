from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.cluster import COMMIT, FileRunner, Notes, QueueOnPostgres, make_task, read_notes
from support.servers.postgres import PostgresServer

from reconciler.errors import FleetError
from reconciler.fleet.cluster_job import ClusterJob
from reconciler.fleet.cluster_task import build_queue_name
from reconciler.session.fleet.cluster_queue import ClusterQueue, check_requeue
from reconciler.session.fleet.cluster_worker import WorkerSettings, work

pytestmark = pytest.mark.slow


@pytest.fixture
def queue(postgres: PostgresServer) -> QueueOnPostgres:
    return QueueOnPostgres(postgres)


def run_all(queue: QueueOnPostgres, folder: Path) -> None:
    work(queue.secret, WorkerSettings("fleet", COMMIT, 2, until_empty=True), FileRunner(folder), Notes())


def stall(queue: QueueOnPostgres, number: int) -> None:
    """Leave a job as a worker that was killed does."""
    queue.execute(f"UPDATE procrastinate_jobs SET status = 'doing' WHERE id = {number}")  # noqa: S608


def test_tasks_are_queued_in_their_order_with_the_lock_of_their_tenant(queue: QueueOnPostgres) -> None:
    assert queue.submit("beta", "acme") == {1: make_task("beta"), 2: make_task("acme")}
    assert [(job.number, job.state, job.task) for job in queue.jobs()] == [
        (1, "todo", make_task("beta")),
        (2, "todo", make_task("acme")),
    ]
    locks = queue.execute("SELECT queue_name, lock, queueing_lock FROM procrastinate_jobs ORDER BY id")
    assert locks == [
        (build_queue_name("fleet", COMMIT), f"reconciler:fleet/{name}", f"reconciler:fleet/{name}")
        for name in ("beta", "acme")
    ]


def test_all_tenants_are_queued_or_none(queue: QueueOnPostgres) -> None:
    queue.submit("acme", "beta")
    with pytest.raises(FleetError) as caught:
        queue.submit("new", "beta", "acme", verb="apply")
    assert caught.value.summary == '2 tenants waiting in the queue already: "acme", "beta"'
    assert caught.value.detail == "Nothing was queued. Let a worker run them first (reconciler fleet jobs)."
    assert queue.states() == {"acme": ["todo"], "beta": ["todo"]}


def test_a_lock_that_is_held_by_no_job_of_ours_is_an_error(queue: QueueOnPostgres) -> None:
    lock = "'reconciler:fleet/acme'"
    queue.execute(
        f"INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('x', 'x', {lock})"  # noqa: S608
    )
    with pytest.raises(FleetError, match=r"^a tenant was queued at the same time, or not by fleet submit$"):
        queue.submit("acme")


def test_jobs_are_found_by_number(queue: QueueOnPostgres) -> None:
    queue.submit("acme", "beta")
    assert queue.use(lambda found: found.find(2)).task == make_task("beta")
    with pytest.raises(FleetError, match=r"^the queue has no job 3$"):
        queue.use(lambda found: found.find(3))


def test_queues_do_not_see_each_other(queue: QueueOnPostgres) -> None:
    queue.submit("acme")
    queue.execute("UPDATE procrastinate_jobs SET lock = 'reconciler:other/acme'")
    assert queue.jobs() == []


def test_a_stalled_job_is_closed_and_queued_again_under_a_new_number(queue: QueueOnPostgres, tmp_path: Path) -> None:
    queue.submit("acme")
    stall(queue, 1)
    (job,) = queue.jobs()
    assert job.state == "stalled"
    assert queue.use(lambda found: found.requeue(job)) == 2
    assert queue.states() == {"acme": ["failed", "todo"]}
    run_all(queue, tmp_path)
    assert queue.states() == {"acme": ["failed", "succeeded"]}
    assert read_notes(tmp_path) == {"acme": ["began", "ended"]}


def test_a_job_that_waits_for_a_stalled_one_runs_in_its_place(queue: QueueOnPostgres, tmp_path: Path) -> None:
    queue.submit("acme")
    stall(queue, 1)
    queue.submit("acme", verb="apply")
    run_all(queue, tmp_path)
    assert read_notes(tmp_path) == {}, "the tenant is locked"
    stalled = queue.jobs()[0]
    assert queue.use(lambda found: found.requeue(stalled)) is None
    assert queue.states() == {"acme": ["failed", "todo"]}
    run_all(queue, tmp_path)
    assert queue.states() == {"acme": ["failed", "succeeded"]}


def test_a_job_that_ended_meanwhile_is_not_queued_again(queue: QueueOnPostgres) -> None:
    queue.submit("acme")
    stall(queue, 1)
    (job,) = queue.jobs()
    queue.execute("UPDATE procrastinate_jobs SET status = 'succeeded'")
    with pytest.raises(FleetError, match=r"^the job has changed meanwhile$"):
        queue.use(lambda found: found.requeue(job))
    assert queue.states() == {"acme": ["succeeded"]}


def test_a_job_whose_worker_lives_after_all_is_left_alone(queue: QueueOnPostgres) -> None:
    queue.submit("acme")
    stall(queue, 1)
    (job,) = queue.jobs()
    assert job.state == "stalled"
    queue.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() + interval '1 hour')")
    queue.execute("UPDATE procrastinate_jobs SET worker_id = (SELECT max(id) FROM procrastinate_workers)")
    with pytest.raises(FleetError, match=r"^the job has changed meanwhile$"):
        queue.use(lambda found: found.requeue(job))
    assert queue.states() == {"acme": ["doing"]}


def test_of_two_people_who_queue_a_failed_job_again_one_does(queue: QueueOnPostgres) -> None:
    queue.submit("acme")
    queue.execute("UPDATE procrastinate_jobs SET status = 'failed'")
    (job,) = queue.jobs()
    assert queue.use(lambda found: found.requeue(job)) == 2
    stall(queue, 2)  # a worker has it: the lock of those that wait is free
    with pytest.raises(FleetError, match=r"^job 1 was queued again already: as job 2$"):
        queue.use(lambda found: found.requeue(job))
    assert len(queue.jobs()) == 2
    queue.execute("UPDATE procrastinate_jobs SET status = 'cancelled' WHERE id = 2")
    assert queue.use(lambda found: found.requeue(job)) == 3


def test_two_people_at_the_same_moment(queue: QueueOnPostgres) -> None:
    queue.submit("acme")
    stall(queue, 1)
    (job,) = queue.jobs()

    async def both(found: ClusterQueue) -> list[int | BaseException | None]:
        return await asyncio.gather(found.requeue(job), found.requeue(job), return_exceptions=True)

    first, second = sorted(queue.use(both), key=lambda each: isinstance(each, FleetError))
    assert first == 2
    assert isinstance(second, FleetError)
    assert queue.states() == {"acme": ["failed", "todo"]}


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("todo", "job 7 is queued: it waits for a worker"),
        ("doing", "job 7 runs: its worker is alive"),
        ("succeeded", "job 7 cannot be queued again: it has succeeded"),
        ("unknown", "job 7 cannot be queued again: its state is unknown"),
    ],
)
def test_only_a_job_that_failed_or_stalled_is_queued_again(state: str, why: str) -> None:
    with pytest.raises(FleetError) as caught:
        check_requeue(ClusterJob(7, state, make_task("acme")))
    assert caught.value.summary == why
    for good in ("failed", "stalled", "cancelled", "aborted"):
        assert check_requeue(ClusterJob(7, good, make_task("acme"))) == make_task("acme")


def test_a_row_of_a_stranger_is_not_queued_again() -> None:
    with pytest.raises(FleetError, match=r"^job 7 was not queued by fleet submit$"):
        check_requeue(ClusterJob(7, "failed", None))
