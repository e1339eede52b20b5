"""Run tasks of many tenants, each in a process of its own that the fork server starts.

What ends one process is that tenant's failure, and the others go on. This process sees no token of a tenant.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import escape_control, shorten
from reconciler.errors import ExitCode, MachineLimitError, PlanFileError
from reconciler.fleet.result import MAX_BYTES, TenantResult, from_json
from reconciler.record.files import make_private_directory
from reconciler.record.layout import RESULT
from reconciler.session.fleet.channel import MessageChannel
from reconciler.session.fleet.server_environment import build_server_environment
from reconciler.session.fleet.stopping import StopSwitch
from reconciler.session.fleet.task import TenantTask, build_failure, clear_result, keep_result
from reconciler.session.fleet.task_feed import TaskFeed

PROGRAM = "reconciler.commands.fleet.server"
"""The module of the fork server. It is not imported here: it is a program of its own, from a layer above."""
_BOOT = "import sys; sys.path[:] = sys.argv[3:]; from {} import main; main(int(sys.argv[1]), int(sys.argv[2]))"
_MAX_RESTARTS = 3
"""Fork servers that end in a row without a result of a tenant."""
_LONGEST = {"plan": 6 * 3600.0, "drift": 6 * 3600.0, "apply": 25 * 3600.0}


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds. `longest`: what a tenant may take by verb, more than any limit of the verb; then it is asked to end.

    `grace`: until a process that was asked to end is killed.
    """

    longest: Mapping[str, float] = field(default_factory=lambda: _LONGEST)
    grace: float = 300.0


def run_tenants(
    tasks: Iterable[TenantTask],
    at_once: int,
    stop: StopSwitch | None = None,
    environment: Mapping[str, str] = os.environ,
    program: str = PROGRAM,
    *,
    feed: TaskFeed | None = None,
    limits: TimeLimits | None = None,
    hold: Callable[[], str] | None = None,
) -> Iterator[TenantResult]:
    """Yield the result of each task as it ends, at most `at_once` at a time; each is in result.json too, if it can be.

    After a request to `stop`, no task is begun, and the results of what was not begun say so. `environment`: what the
    processes get, but see `server_environment`. `feed`: tasks to come; the run goes on until it is finished, and no two
    of them may be of one tenant at a time. `hold`: why no further task is begun; what is in flight
    finishes, and the others are blocked. Raises `MachineLimitError` if the fork server cannot be started.
    """
    run = _TenantsRun(deque(tasks), at_once, stop, environment, program, feed, limits or TimeLimits(), hold)
    try:
        yield from run.results()
    finally:
        run.close()


@dataclass(slots=True)
class _Running:
    task: TenantTask
    since: float
    asked: int = 0
    """How many signals it got because it took too long."""


@dataclass(slots=True)
class _TenantsRun:
    waiting: deque[TenantTask]
    at_once: int
    stop: StopSwitch | None
    environment: Mapping[str, str]
    program: str
    feed: TaskFeed | None
    limits: TimeLimits
    hold: Callable[[], str] | None = None
    running: dict[str, _Running] = field(default_factory=dict)
    server: _Server | None = None
    restarts: int = 0

    def results(self) -> Iterator[TenantResult]:
        while self.waiting or self.running or self._is_fed:
            if self.stop is not None and self.stop.requests:
                yield from self._give_up_waiting(ExitCode.INTERRUPTED, "the run was interrupted")
            elif self.hold is not None and (why := self.hold()):
                yield from self._give_up_waiting(ExitCode.BLOCKED, why)
            self._start_more()
            if self.running or self._is_fed:
                yield from self._wait()

    @property
    def _is_fed(self) -> bool:
        return self.feed is not None and self.feed.is_open

    def close(self) -> None:
        if self.server is not None:
            self.server.close()

    def _give_up_waiting(self, code: ExitCode, why: str) -> Iterator[TenantResult]:
        while self.waiting:
            task = self.waiting.popleft()
            _clear(task)
            yield keep_result(task, build_failure(task, code, f"not begun: {why}"))

    def _start_more(self) -> None:
        while self.waiting and len(self.running) < self.at_once:
            if self.server is None:
                self.server = _Server(self.environment, self.program)
            task = self.waiting.popleft()
            _clear(task)
            self.running[task.tenant] = _Running(task, time.monotonic())
            self.server.channel.send(task=asdict(task))

    def _wait(self) -> Iterator[TenantResult]:
        ready = self._select()
        if self.feed is not None and self.feed in ready:
            self.waiting.extend(self.feed.take())
        requests = self.stop.take() if self.stop is not None and self.stop in ready else 0
        server = self.server
        if server is None:
            return
        for _ in range(requests):
            server.channel.send(signal=signal.SIGTERM)
        if server.channel in ready:
            for message in server.channel.receive():
                if "ended" in message:
                    self.restarts = 0
                    yield self._finish(message)
        self._end_what_hangs(server)
        if server.channel.closed:
            yield from self._replace(server)

    def _finish(self, message: Mapping[str, Any]) -> TenantResult:
        ended = self.running.pop(message["ended"])
        if "problem" in message:
            return keep_result(ended.task, build_failure(ended.task, ExitCode.ERROR, message["problem"]))
        result = _read_result(ended.task, message["status"])
        if not ended.asked or (message["status"] >= 0 and result.exit_code != ExitCode.INTERRUPTED):
            return result
        # No user interrupted it.
        error = f"it took too long and was asked to end: {result.error or 'interrupted'}"
        return keep_result(ended.task, replace(result, exit_code=ExitCode.ERROR, error=error[:300]))

    def _replace(self, server: _Server) -> Iterator[TenantResult]:
        """Give up what the ended server had begun; another one starts what is left."""
        code = server.close()
        self.server = None
        self.restarts += 1
        for each in self.running.values():
            problem = f"the process that starts those of the tenants ended ({_describe_end(code)})"
            yield keep_result(each.task, build_failure(each.task, ExitCode.ERROR, problem))
        self.running.clear()
        if self.restarts > _MAX_RESTARTS:
            raise MachineLimitError(
                "the process that starts the tenants' processes keeps ending",
                "The machine may have run out of memory: run fewer tenants at once (--at-once).",
            )

    def _select(self) -> list[Any]:
        """Return which of the fork server, the switch and the feed are ready, after waiting for one of them."""
        channel = self.server.channel if self.server is not None else None
        # Unlike others, this one is no file: there may be none left.
        with selectors.PollSelector() as selector:
            for each in (channel, self.stop, self.feed if self._is_fed else None):
                if each is not None:
                    selector.register(each, selectors.EVENT_READ)
            return [key.fileobj for key, _ in selector.select(self._seconds_left())]

    def _seconds_left(self) -> float | None:
        ends = [self._next_signal(each) for each in self.running.values()]
        return max(min(ends) - time.monotonic(), 0.0) if ends else None

    def _end_what_hangs(self, server: _Server) -> None:
        for each in self.running.values():
            if time.monotonic() >= self._next_signal(each):
                number = signal.SIGKILL if each.asked else signal.SIGTERM
                server.channel.send(signal=number, tenant=each.task.tenant)
                each.asked += 1

    def _next_signal(self, running: _Running) -> float:
        return running.since + self.limits.longest[running.task.verb] + running.asked * self.limits.grace


class _Server:
    """The fork server, as a process of its own: started, not forked, so that nothing of this process is in it."""

    def __init__(self, environment: Mapping[str, str], program: str) -> None:
        ours, theirs = socket.socketpair()
        handle = str(theirs.fileno())
        # -P: never a module of the working directory, which can be a pull request.
        line = [sys.executable, "-P", "-c", _BOOT.format(program), handle, str(os.getpid()), *sys.path]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this Python and this package
                line,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=build_server_environment(environment),
                pass_fds=[theirs.fileno()],
                # Ctrl-C of a terminal reaches this process alone, which passes it on once.
                start_new_session=True,
            )
        except OSError as exc:
            ours.close()
            raise _cannot_start(describe_os_error(exc), advise(exc, "")) from exc
        finally:
            theirs.close()
        self.channel = MessageChannel(ours)
        if not self.channel.receive():
            raise _cannot_start(_describe_end(self.close()), "")

    def close(self) -> int:
        """Let it end, and the processes it started as on SIGTERM; return its exit code."""
        self.channel.close()
        return self._process.wait()


def _cannot_start(why: str, advice: str) -> MachineLimitError:
    return MachineLimitError(f"the process that starts the tenants' processes cannot be started: {why}", advice)


def _clear(task: TenantTask) -> None:
    """Remove what an earlier run left in the directory of the tenant: it must not look like the result of this one."""
    with suppress(OSError):
        make_private_directory(task.folder)
        clear_result(task)


def _read_result(task: TenantTask, status: int) -> TenantResult:
    """Return what the process left, if that is a result of this task and of how the process ended."""
    if status < 0:
        return keep_result(
            task, build_failure(task, ExitCode.ERROR, f"its process was ended ({_describe_end(status)})")
        )
    try:
        with (task.folder / RESULT).open("rb") as file:
            result = from_json(file.read(MAX_BYTES + 1))
    except FileNotFoundError:
        return keep_result(task, build_failure(task, ExitCode.ERROR, "its process left no result"))
    except OSError as exc:  # it is left for `gather`
        return build_failure(task, ExitCode.ERROR, f"its result cannot be read: {describe_os_error(exc)}")
    except PlanFileError as exc:
        return keep_result(task, build_failure(task, ExitCode.ERROR, _no_result(exc.summary)))
    expected = (task.tenant, task.verb, task.commit, task.run, task.began, task.sandbox, status)
    found = (result.tenant, result.verb, result.commit, result.run, result.began, result.sandbox, result.exit_code)
    if found != expected:
        return keep_result(task, build_failure(task, ExitCode.ERROR, _no_result("it is of another run")))
    return result


def _no_result(why: str) -> str:
    return f"its process left no result: {shorten(escape_control(why), 100)}"


def _describe_end(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
