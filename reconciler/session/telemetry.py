"""Traces by OpenTelemetry, if its variables name where they go. The library is an extra, imported only then.

Spans hold what `tracing` allows. Where they go comes from the environment only, and so do the headers for it.
"""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reconciler import __version__
from reconciler.tracing import Attributes, Span, trace_phase, use_tracer

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OtelSpan

DESTINATIONS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Variables that switch traces on."""
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SUPPORTED = "http/protobuf"
_EXPORT_SECONDS = 5
_LONGEST_EXPORT = 10
"""Seconds for which the end of a command waits for its traces."""
_LONGEST_ANSWER = 64 * 1024
_REDIRECT, _ERROR = 300, 400
_EXTRA = "pip install --require-hashes -r requirements/otel.lock"
"""From a lock, never by a name that anyone could register on an index."""


def is_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment asks for traces."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().casefold() == "true"
    none = environment.get("OTEL_TRACES_EXPORTER", "").strip().casefold() == "none"
    return not (off or none) and any(environment.get(name, "").strip() for name in DESTINATIONS)


@contextmanager
def trace_command(
    command: str, report: Callable[[str], None], environment: Mapping[str, str] = os.environ
) -> Iterator[Span]:
    """Collect the spans of one command, and export them until it ends; `report` takes what is wrong with that.

    Nothing that fails here changes what the command does. The export ends within seconds.
    """
    problem = _find_problem(environment)
    if problem is not None:
        report(problem)
        with trace_phase("") as span:
            yield span
        return
    log = _ExportLog()
    with log.attached():
        provider, parent = _make_provider(environment), _read_parent(environment)
        try:
            with use_tracer(_OtelTracer(provider, parent)), trace_phase(command) as span:
                yield span
        finally:
            if not _export(provider) or log.failed:
                report("The traces of this run could not all be exported: the destination did not accept them.")


def _export(provider: TracerProvider) -> bool:
    """Export what is left; return whether that ended in time. Ctrl-C gives it up: the command itself has ended."""

    def export() -> None:
        provider.force_flush(_EXPORT_SECONDS * 1000)
        provider.shutdown()

    # A destination that sends its answer byte by byte outlasts the timeouts of the library.
    thread = threading.Thread(target=export, daemon=True)
    thread.start()
    with suppress(KeyboardInterrupt):
        thread.join(_LONGEST_EXPORT)
    return not thread.is_alive()


def _find_problem(environment: Mapping[str, str]) -> str | None:
    named = next((value for name in _PROTOCOLS if (value := environment.get(name, "").strip())), _SUPPORTED)
    if named != _SUPPORTED:
        return f"Nothing is traced: only the protocol {_SUPPORTED} is supported (OTEL_EXPORTER_OTLP_PROTOCOL)."
    try:
        _make_provider(environment).shutdown()
    except ImportError:
        variable = next(name for name in DESTINATIONS if environment.get(name, "").strip())
        return f"Nothing is traced: {variable} is set, but OpenTelemetry is not installed ({_EXTRA})."
    except Exception as exc:  # noqa: BLE001 - whatever the library raises for a variable that it cannot use
        return f"Nothing is traced: OpenTelemetry cannot use one of its variables (OTEL_…): {type(exc).__name__}."
    return None


def _make_provider(environment: Mapping[str, str]) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    attributes = {"service.version": __version__, **_describe_pipeline(environment)}
    if not environment.get("OTEL_SERVICE_NAME", "").strip():
        attributes["service.name"] = "reconciler"
    # Not at exit, where nothing limits it.
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(timeout=_EXPORT_SECONDS, session=_open_session())
    provider.add_span_processor(BatchSpanProcessor(exporter, export_timeout_millis=_EXPORT_SECONDS * 1000))
    return provider


def _open_session() -> Any:
    """Return a session that reads little of an answer and follows no redirect: headers of traces can hold a key."""
    requests: Any = import_module("requests")
    session = requests.Session()

    def bound(response: Any, *_arguments: Any, **_options: Any) -> Any:
        content = response.raw.read(_LONGEST_ANSWER, decode_content=False)
        response.raw.release_conn()
        response.close()
        response.raw = io.BytesIO(content)
        response.headers.pop("Location", None)
        if _REDIRECT <= response.status_code < _ERROR:
            response.status_code = _ERROR  # the library takes it for a success
        return response

    session.hooks["response"].append(bound)
    session.stream = True
    return session


def _describe_pipeline(environment: Mapping[str, str]) -> dict[str, str]:
    """Return attributes of the workflow run, by OpenTelemetry's names: nothing in them comes from a branch."""
    names = {
        "cicd.pipeline.name": "GITHUB_WORKFLOW",
        "cicd.pipeline.run.id": "GITHUB_RUN_ID",
        "vcs.repository.name": "GITHUB_REPOSITORY",
        "vcs.ref.head.revision": "GITHUB_SHA",
    }
    return {key: environment[name] for key, name in names.items() if environment.get(name)}


def _read_parent(environment: Mapping[str, str]) -> Context:
    """Return the span of the job that runs this command, by TRACEPARENT and TRACESTATE."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    names = ("traceparent", "tracestate")
    return TraceContextTextMapPropagator().extract({name: environment.get(name.upper(), "") for name in names})


class _OtelTracer:
    """Opens OpenTelemetry's spans. Requests, from any thread, belong to the newest open phase."""

    def __init__(self, provider: TracerProvider, parent: Context) -> None:
        self._tracer = provider.get_tracer("reconciler", __version__)
        self._phases = [parent]

    @contextmanager
    def open(self, name: str, attributes: Attributes, *, request: bool) -> Iterator[Span]:
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415

        kind = SpanKind.CLIENT if request else SpanKind.INTERNAL
        otel = self._tracer.start_span(name, self._phases[-1], kind, dict(attributes))
        span = _OtelSpan(otel)
        if not request:
            self._phases.append(set_span_in_context(otel, self._phases[-1]))
        try:
            yield span
        except BaseException as exc:
            # Not `record_exception`: messages can name users.
            span.fail(type(exc).__name__)
            raise
        finally:
            if not request:
                self._phases.pop()
            otel.end()


class _OtelSpan:
    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def fail(self, kind: str) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)


class _ExportLog(logging.Handler):
    """Keeps the library's log off the terminal: it quotes what the destination answers."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.failed = False

    def emit(self, _record: logging.LogRecord) -> None:
        self.failed = True

    @contextmanager
    def attached(self) -> Iterator[None]:
        loggers: Sequence[logging.Logger] = [logging.getLogger(name) for name in ("opentelemetry", "urllib3")]
        before = [(each, each.propagate) for each in loggers]
        for each in loggers:
            each.addHandler(self)
            each.propagate = False
        try:
            yield
        finally:
            for each, propagate in before:
                each.removeHandler(self)
                each.propagate = propagate
