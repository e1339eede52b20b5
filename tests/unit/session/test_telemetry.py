from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest
from support.servers.collector import TraceCollector, attributes
from support.servers.http_server import Reply

from reconciler.session.telemetry import is_wanted, trace_command
from reconciler.tracing import is_traced, trace_phase, trace_request

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[TraceCollector]:
    server = TraceCollector()
    monkeypatch.setenv(ENDPOINT, server.endpoint)
    yield server
    server.close()


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "http://127.0.0.1:1"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_wanted_if_the_environment_says_where_they_go(environment: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environment) is wanted


def test_phases_and_requests_form_one_trace(collector: TraceCollector) -> None:
    told: list[str] = []
    environment = {ENDPOINT: collector.endpoint, "TRACEPARENT": PARENT, "GITHUB_RUN_ID": "7"}
    with trace_command("reconciler plan", told.append, environment) as root:
        with trace_phase("read live users") as phase, trace_request("GET /Users", {"http.request.method": "GET"}):
            phase.set({"reconciler.live_users": 3})
        root.set({"process.exit.code": 0})
    spans = {span.name: span for span in collector.spans()}
    assert spans.keys() == {"reconciler plan", "read live users", "GET /Users"}
    assert {span.trace_id.hex() for span in spans.values()} == {PARENT.split("-")[1]}
    assert spans["reconciler plan"].parent_span_id.hex() == PARENT.split("-")[2]
    assert spans["read live users"].parent_span_id == spans["reconciler plan"].span_id
    assert spans["GET /Users"].parent_span_id == spans["read live users"].span_id
    assert attributes(spans["read live users"]) == {"reconciler.live_users": 3}
    (message,) = collector.messages()
    resource = attributes(message.resource_spans[0].resource)
    assert resource["service.name"] == "reconciler"
    assert resource["cicd.pipeline.run.id"] == "7"
    assert not told
    assert not is_traced()


def test_an_exception_marks_its_spans_by_its_class_alone(collector: TraceCollector) -> None:
    def fail() -> None:
        with trace_command("reconciler plan", print, {ENDPOINT: collector.endpoint}), trace_phase("build the plan"):
            raise ValueError("ada@example.com")

    with pytest.raises(ValueError, match="ada"):
        fail()
    assert {span.name: attributes(span) for span in collector.spans()} == {
        "build the plan": {"error.type": "ValueError"},
        "reconciler plan": {"error.type": "ValueError"},
    }
    assert b"ada" not in collector.raw


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=400, body=b"\x1b[31mnot you\n"),
        Reply(status=401, body=b"\x1b[31mnot you\n"),
        Reply(status=307, headers={"Location": "http://127.0.0.1:9/v1/traces"}),
    ],
)
def test_a_destination_that_refuses_is_reported_once_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], reply: Reply
) -> None:
    server = TraceCollector(reply)
    monkeypatch.setenv(ENDPOINT, server.endpoint)
    told: list[str] = []
    try:
        with trace_command("reconciler plan", told.append, {ENDPOINT: server.endpoint}):
            pass
    finally:
        server.close()
    assert told == ["The traces of this run could not all be exported: the destination did not accept them."]
    assert capfd.readouterr() == ("", "")
    assert len(server.requests) == 1


def test_a_destination_that_answers_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.session.telemetry._LONGEST_EXPORT", 1)
    server = TraceCollector(Reply(status=200, body=b"x" * 1000, drip=0.2))
    monkeypatch.setenv(ENDPOINT, server.endpoint)
    told: list[str] = []
    begun = time.monotonic()
    with trace_command("reconciler plan", told.append, {ENDPOINT: server.endpoint}):
        pass
    assert time.monotonic() - begun < 10
    assert len(told) == 1
    server.close()


def test_little_of_an_answer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def pour() -> Iterator[bytes]:
        for number in range(1_000):
            sent.append(number)
            yield b"x" * 1_000_000

    server = TraceCollector(Reply(status=200, chunks=pour()))
    monkeypatch.setenv(ENDPOINT, server.endpoint)
    with trace_command("reconciler plan", print, {ENDPOINT: server.endpoint}):
        pass
    server.close()
    assert len(sent) < 100


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_BSP_MAX_QUEUE_SIZE", "-1"), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x")]
)
def test_a_variable_that_the_library_cannot_use_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    told: list[str] = []
    with trace_command("reconciler plan", told.append, {ENDPOINT: "http://127.0.0.1:1", name: value}):
        assert not is_traced()
    assert told == ["Nothing is traced: OpenTelemetry cannot use one of its variables (OTEL_…): ValueError."]


def test_another_protocol_is_a_warning() -> None:
    told: list[str] = []
    environment = {ENDPOINT: "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with trace_command("reconciler plan", told.append, environment):
        assert not is_traced()
    assert told == ["Nothing is traced: only the protocol http/protobuf is supported (OTEL_EXPORTER_OTLP_PROTOCOL)."]


def test_a_missing_extra_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    told: list[str] = []
    with trace_command("reconciler plan", told.append, {ENDPOINT: "http://127.0.0.1:1"}):
        assert not is_traced()
    assert told == [
        (
            "Nothing is traced: OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed"
            " (pip install --require-hashes -r requirements/otel.lock)."
        )
    ]
