from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fleet_program import PROGRAM, make_task

from reconciler.session.fleet.processes import run_tenants
from reconciler.session.fleet.stopping import StopSwitch
from reconciler.session.fleet.task_feed import TaskFeed


@pytest.fixture
def feed() -> Iterator[TaskFeed]:
    found = TaskFeed()
    yield found
    found.close()


def test_tasks_come_in_their_order_until_the_feed_is_finished(feed: TaskFeed, tmp_path: Path) -> None:
    tasks = [make_task(tmp_path, f"ok-{number}") for number in range(3)]
    assert select.select([feed], [], [], 0)[0] == []
    feed.add(tasks[0])
    feed.add(tasks[1])
    assert select.select([feed], [], [], 0)[0] == [feed]
    assert feed.take() == tasks[:2]
    assert feed.is_open
    feed.add(tasks[2])
    feed.finish()
    assert feed.take() == tasks[2:]
    assert not feed.is_open


@pytest.mark.slow
def test_a_run_goes_on_until_its_feed_is_finished(feed: TaskFeed, tmp_path: Path) -> None:
    results = run_tenants([], 2, None, os.environ, PROGRAM, feed=feed)
    feed.add(make_task(tmp_path, "ok-1"))
    assert next(results).tenant == "ok-1"
    feed.add(make_task(tmp_path, "killed"))
    feed.add(make_task(tmp_path, "ok-1"))
    assert {next(results).tenant, next(results).tenant} == {"ok-1", "killed"}
    threading.Timer(0.3, feed.finish).start()
    assert list(results) == []


@pytest.mark.slow
def test_a_run_that_was_stopped_begins_no_task_of_its_feed(feed: TaskFeed, tmp_path: Path) -> None:
    stop = StopSwitch()
    stop.request()
    feed.add(make_task(tmp_path, "ok-1"))
    feed.finish()
    (result,) = run_tenants([], 2, stop, os.environ, PROGRAM, feed=feed)
    assert (result.exit_code, result.error) == (130, "not begun: the run was interrupted")
    stop.close()
