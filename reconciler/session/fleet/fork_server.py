"""The fork server: a program that has imported everything, and forks a process for each tenant.

It knows no token and handles no data: it forks, waits, passes on signals, compares digests of tokens (`token_desk`) and
tells how processes end. It ends with the process that started it, whatever ends that one, and its children then end as
on SIGTERM.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from reconciler.core.system_limits import describe_os_error
from reconciler.session.fleet.channel import MessageChannel
from reconciler.session.fleet.child import RunTask, run_child
from reconciler.session.fleet.parent_death import end_with_parent
from reconciler.session.fleet.task import TenantTask
from reconciler.session.fleet.token_desk import TokenDesk, TokenLine, ask_over
from reconciler.session.fleet.tokens import TokenGate, install_gate

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HELD = {*_PASSED_ON, signal.SIGCHLD}
_OWN_LINE, _MOST_FILES = 3, 65_536
"""The one file descriptor that a child has from the server, and how many the server can have: one for each child."""


@dataclass(slots=True)
class ForkServer:
    """The state of the server: its channel and its children, by process id."""

    channel: MessageChannel
    run: RunTask
    prepare: Callable[[TenantTask], None]
    children: dict[int, str] = field(default_factory=dict)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    desk: TokenDesk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = TokenDesk(self.selector)

    def serve(self) -> None:
        """Serve until the other end is gone and, if it asked them to stop, all children have ended."""
        wakeup, signals = socket.socketpair()
        for each in (wakeup, signals):
            each.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(signals.fileno(), warn_on_full_buffer=False)
        self.channel.send(ready=True)
        with self.selector as selector:
            selector.register(self.channel, selectors.EVENT_READ)
            selector.register(wakeup, selectors.EVENT_READ)
            while not self.channel.closed:
                ready = [key.fileobj for key, _ in selector.select()]
                if wakeup in ready:
                    with suppress(BlockingIOError):
                        wakeup.recv(4096)
                self._reap()
                if self.channel in ready:
                    for message in self.channel.receive():
                        self._obey(message)
                for line in ready:
                    if isinstance(line, TokenLine):
                        self.desk.answer(line)
        if sys.platform != "linux":  # There the kernel does it, also if this process is killed.
            self._pass_on(signal.SIGTERM)

    def _obey(self, message: dict[str, Any]) -> None:
        if "task" in message:
            self._start(TenantTask(**message["task"]))
        else:
            self._pass_on(signal.Signals(message["signal"]), message.get("tenant"))

    def _start(self, task: TenantTask) -> None:
        self.prepare(task)
        server = os.getpid()
        # A signal between the fork and the child's own handlers would be lost, or end it with a traceback.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
        try:
            with self.desk.open_line(task.tenant) as line:
                process = os.fork()
                if process == 0:
                    _begin_child(self, task, server, line)
                self.children[process] = task.tenant
        except OSError as exc:
            self.channel.send(ended=task.tenant, problem=f"cannot start a process: {describe_os_error(exc)}")
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _pass_on(self, number: signal.Signals, tenant: str | None = None) -> None:
        """Send a signal to the process of `tenant`; None: to all. None of them was waited for: the ids are theirs."""
        for process, name in self.children.items():
            if tenant in {None, name}:
                with suppress(ProcessLookupError):
                    os.kill(process, number)

    def _reap(self) -> None:
        while self.children:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            tenant = self.children.pop(process, None)
            if tenant is not None:
                self.channel.send(ended=tenant, status=os.waitstatus_to_exitcode(status))


def _begin_child(server: ForkServer, task: TenantTask, parent: int, line: socket.socket) -> NoReturn:
    """Leave nothing of the server to the child but the line to ask on, and run it to the end of the process."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in _PASSED_ON:
            signal.signal(each, signal.default_int_handler)
        end_with_parent(parent, signal.SIGTERM)
        os.dup2(line.detach(), _OWN_LINE, inheritable=False)
        os.closerange(_OWN_LINE + 1, _MOST_FILES)
        key, ask = server.desk.registry.key, ask_over(socket.socket(fileno=_OWN_LINE))
        install_gate(TokenGate(task.tenant, key, ask, task.commit))
        run_child(task, server.run, unblock=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD))
    finally:
        os._exit(1)  # nothing of the server runs twice


def serve(handle: int, parent: int, run: RunTask, prepare: Callable[[TenantTask], None] = lambda _task: None) -> None:
    """Serve on the inherited socket `handle` for the process `parent`.

    `run`: what a child does with its task; `prepare`: what the server does before it starts one.
    """
    end_with_parent(parent, signal.SIGKILL)
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # the collector would write to the pages that all children share
    ForkServer(MessageChannel(socket.socket(fileno=handle)), run, prepare).serve()
