"""Spans of phases and requests, if something collects them (`session/telemetry.py`). Nothing here knows OpenTelemetry.

What a span is called, and its attributes, are words of this program, numbers, hosts and statuses: never a name, an id,
a value or a message, which could be those of a user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol, TypeAlias

Attributes: TypeAlias = Mapping[str, str | int | float | bool]


class Span(Protocol):
    """One span, open until its context ends. An exception that passes marks it as failed, by the class alone."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""

    def fail(self, kind: str) -> None:
        """Mark it as failed; `kind`: an HTTP status or the name of a class."""


class Tracer(Protocol):
    """Collects spans. It is called from several threads."""

    def open(self, name: str, attributes: Attributes, *, request: bool) -> AbstractContextManager[Span]:
        """Open a span in the newest open phase; `request`: it is a request to a service, not a phase."""


class _NoSpan:
    def set(self, attributes: Attributes) -> None:
        """Ignore them."""

    def fail(self, kind: str) -> None:
        """Ignore it."""


_NOTHING: AbstractContextManager[Span] = nullcontext(_NoSpan())
_tracers: list[Tracer] = []


@contextmanager
def use_tracer(tracer: Tracer) -> Iterator[None]:
    """Have `tracer` collect the spans of this process."""
    _tracers.append(tracer)
    try:
        yield
    finally:
        _tracers.remove(tracer)


def is_traced() -> bool:
    """Whether spans are collected."""
    return bool(_tracers)


def trace_phase(name: str, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
    """Open the span of a phase, such as `read live users`."""
    return _tracers[-1].open(name, attributes or {}, request=False) if _tracers else _NOTHING


def trace_request(name: str, attributes: Attributes) -> AbstractContextManager[Span]:
    """Open the span of one request that is sent to a service."""
    return _tracers[-1].open(name, attributes, request=True) if _tracers else _NOTHING
