"""`reconciler/tracing.py`: spans go to the tracer that is in use, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from reconciler.tracing import is_traced, trace_phase, trace_request, use_tracer


class _Recorder:
    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any], bool]] = []

    @contextmanager
    def open(self, name: str, attributes: Mapping[str, Any], *, request: bool) -> Iterator[Any]:
        self.seen.append((name, dict(attributes), request))
        yield self

    def set(self, attributes: Mapping[str, Any]) -> None:
        self.seen[-1][1].update(attributes)


def test_without_a_tracer_spans_go_nowhere() -> None:
    with trace_phase("plan") as span, trace_request("GET /Users", {}) as request:
        span.set({"a": 1})
        request.fail("404")
    assert not is_traced()


def test_spans_go_to_the_tracer_in_use() -> None:
    recorder = _Recorder()
    with use_tracer(recorder):
        assert is_traced()
        with trace_phase("plan") as span, trace_request("GET /Users", {"b": 2}):
            span.set({"a": 1})
    assert recorder.seen == [("plan", {}, False), ("GET /Users", {"b": 2, "a": 1}, True)]
    assert not is_traced()
