from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import FleetError
from reconciler.fleet.cluster_task import (
    MAX_TASK_BYTES,
    ClusterTask,
    build_lock,
    build_lock_prefix,
    build_queue_name,
    check_queue,
    read_task,
    to_arguments,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PLAN_ID = "sha256:" + "a" * 64
SUBMISSION = "0123456789abcdef-20000"
TASK = ClusterTask("acme", "apply", COMMIT, "run-1", PLAN_ID, SUBMISSION)


@pytest.mark.parametrize("task", [TASK, ClusterTask("a-1", "plan", "f" * 64, "github:7/2")])
def test_a_task_is_read_as_it_was_queued(task: ClusterTask) -> None:
    assert read_task(json.loads(json.dumps(to_arguments(task)))) == task


def test_the_largest_task_is_within_its_limit() -> None:
    largest = ClusterTask("a" * 40, "apply", "f" * 64, "r" * 100, PLAN_ID, SUBMISSION)
    assert read_task(to_arguments(largest)) == largest
    assert len(json.dumps(to_arguments(largest))) < MAX_TASK_BYTES / 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant", "../acme"),
        ("tenant", "Acme"),
        ("tenant", "acme\n"),
        ("tenant", "-acme/"),
        ("tenant", "a" * 41),
        ("tenant", None),
        ("tenant", 7),
        ("tenant", ["acme"]),
        ("verb", "retry"),
        ("verb", "plan; rm -rf /"),
        ("verb", "--help"),
        ("commit", "HEAD"),
        ("commit", "0123456"),
        ("commit", COMMIT + "\n"),
        ("commit", COMMIT.upper()),
        ("run", ""),
        ("run", "a b"),
        ("run", "\u202e"),
        ("run", "r" * 101),
        ("submission", ""),
        ("submission", "0123456789abcdef-"),
        ("submission", SUBMISSION + "0"),
        ("submission", 7),
        ("plan_id", ""),
        ("plan_id", "sha256:abc"),
        ("plan_id", False),
        ("plan_id", {"$ref": "x"}),
    ],
)
def test_any_other_value_is_refused(field: str, value: Any) -> None:
    with pytest.raises(FleetError, match=f"^the task has an invalid {field}: "):
        read_task({**to_arguments(TASK), field: value})


@pytest.mark.parametrize("more", [{"command": "sh"}, {"context": 1}, {"self": 1}])
def test_a_field_too_many_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(FleetError, match=r"^the task has other fields$"):
        read_task({**to_arguments(TASK), **more})


@pytest.mark.parametrize("field", ["tenant", "verb", "commit", "run", "plan_id"])
def test_a_missing_field_is_refused(field: str) -> None:
    arguments = to_arguments(TASK)
    del arguments[field]
    with pytest.raises(FleetError, match=r"^the task has other fields$"):
        read_task(arguments)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["tenant", "verb", "commit", "run", "plan_id", "x"]), json_values))
def test_no_value_of_a_row_raises_anything_else(arguments: dict[str, Any]) -> None:
    with pytest.raises(FleetError) as caught:
        read_task(arguments)
    assert caught.value.summary.isprintable()
    assert len(caught.value.summary) < 500


def test_the_lock_names_queue_and_tenant() -> None:
    assert build_lock("fleet", "acme") == "reconciler:fleet/acme"
    assert build_lock("fleet", "acme").startswith(build_lock_prefix("fleet"))
    assert build_lock("fleet", "acme") != build_lock("other", "acme")


def test_each_commit_has_a_queue_whose_channel_postgres_can_name() -> None:
    name = build_queue_name("a" * 40, "f" * 64)
    assert len(f"procrastinate_queue_v1#{name}") < 63
    assert len({name, build_queue_name("a" * 40, "e" * 64), build_queue_name("b" * 40, "f" * 64)}) == 3


@pytest.mark.parametrize("queue", ["", "Fleet", "a/b", "a" * 41, "fleet\n", "%"])
def test_a_queue_is_named_like_a_tenant(queue: str) -> None:
    with pytest.raises(FleetError, match=r"cannot name a queue$"):
        check_queue(queue)
