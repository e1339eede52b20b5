"""Traces of the installed command, as a collector receives them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.command import TOKEN, CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.collector import TraceCollector, attributes

pytestmark = pytest.mark.slow


@pytest.fixture
def collector() -> Iterator[TraceCollector]:
    server = TraceCollector()
    yield server
    server.close()


@pytest.fixture
def opened(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    live, people = sample_users(3, department="Moved")
    work = open_command_workspace(live)
    work.users(people)
    return work


def test_an_apply_is_one_trace_without_a_user_or_a_secret(opened: CommandWorkspace, collector: TraceCollector) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=abc"}
    result = opened.command("apply", "--auto-approve", env=env)
    assert (result.code, result.err.count("Warning")) == (0, 0), result.err
    spans = list(collector.spans())
    names = [span.name for span in spans]
    assert {"reconciler apply", "load the desired state", "read live users", "build the plan", "apply changes"} <= {
        *names
    }
    assert names.count("PATCH /scim/Users/{}") == 3
    assert len({span.trace_id for span in spans}) == 1
    (root,) = (span for span in spans if span.name == "reconciler apply")
    assert attributes(root) == {"process.exit.code": 0}
    (applied,) = (span for span in spans if span.name == "apply changes")
    assert attributes(applied) == {"reconciler.done": 3}
    for secret in (TOKEN, "example.com", "id-1", "Moved", "userName", "user1"):
        assert secret.encode() not in collector.raw, secret


def test_an_argument_is_no_name_of_a_span(opened: CommandWorkspace, collector: TraceCollector) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    opened.command("explain", "ada@example.com", env=env)
    assert "reconciler explain" in {span.name for span in collector.spans()}
    assert b"ada" not in collector.raw


def test_a_destination_that_does_not_answer_changes_nothing_and_delays_little(
    opened: CommandWorkspace,
) -> None:
    for env in (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "\x1b[31mnonsense"},
    ):
        begun = time.monotonic()
        result = opened.command("plan", "--detailed-exitcode", env=env)
        assert result.code == 2, result.err
        assert "\x1b" not in result.err
        assert "could not all be exported" in result.err
        assert time.monotonic() - begun < 30


def test_without_a_destination_the_library_is_not_imported(opened: CommandWorkspace) -> None:
    result = opened.command("plan", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert "opentelemetry" not in result.err
