"""What a command says while it waits for the service."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from reconciler.core.text import pluralize
from reconciler.scim.failed_reads import format_time
from reconciler.scim.retry import Wait
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import current_time

_LONG = 5.0
"""Seconds since a request was sent first, the pause included, from which on every user is informed; -v shows all."""
_NEXT = timedelta(seconds=2)
"""A pause that begins so soon after another one ended is part of the same wait, whichever request it is for."""
_SAME = timedelta(seconds=1)
"""Pauses that end within this time of each other are one: several requests that failed together."""


class WaitReport:
    """Reports each pause to the terminal. Thread-safe."""

    def __init__(self, terminal: Terminal, now: Callable[[], datetime] = current_time) -> None:
        self._terminal = terminal
        self._now = now
        self._lock = threading.Lock()
        self._until = datetime.min.replace(tzinfo=now().tzinfo)  # the end of the pause that was reported last
        self._began = self._ended = self._until  # of pauses that follow each other

    def __call__(self, wait: Wait) -> None:
        """Report a pause: as a note if it is long, as a detail otherwise."""
        with self._lock:
            now = self._now()
            until = now + timedelta(seconds=wait.seconds)
            text = describe_wait(wait, now)
            if now > self._ended + _NEXT:
                self._began = now
            self._ended = max(self._ended, until)
            waited = max(wait.elapsed + wait.seconds, (until - max(self._began, self._until)).total_seconds())
            if waited < _LONG or until <= self._until + _SAME:
                self._terminal.detail(text)
                return
            self._until = until
            self._terminal.waiting(text, f"until {format_time(now, wait.seconds)}")

    def wait_for(self, what: str, seconds: float) -> None:
        """Report a wait for `what`, of so many seconds at most."""
        with self._lock:
            now = self._now()
            until = now + timedelta(seconds=seconds)
            if until <= self._until + _SAME:
                return
            self._until = until
            then = f"until {format_time(now, seconds)}"
            self._terminal.waiting(f"Waiting for {what}: {then} at most.", then)


def describe_wait(wait: Wait, now: datetime) -> str:
    """Describe a pause: until when, for what, and why. `now`: in UTC."""
    seconds = pluralize(max(1, round(wait.seconds)), "second")
    asked = " as the service asks," if wait.asked else ""
    then = f"for try {wait.attempt + 1} of {wait.request}" if wait.retry else f"before the next request; {wait.request}"
    return f"Waiting {seconds}, until {format_time(now, wait.seconds)},{asked} {then}: {wait.answer}"
