"""Tell the recipients of settings.yaml what a run found, once it has ended.

Nothing here changes how a command ends. The state is kept only after a message was sent, so that the next run tries
again what failed.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from reconciler.core.model import Target, warning
from reconciler.desired import schema
from reconciler.desired.directory import Directory
from reconciler.desired.validation import LocatedModel
from reconciler.desired.yaml_text import MAX_BYTES
from reconciler.errors import ExitCode, LockedError, ReconcilerError
from reconciler.github.environment import read_workflow
from reconciler.notify.event import Event
from reconciler.notify.news import Sorting, find_news, record_sent
from reconciler.record.files import read_file
from reconciler.record.lock import LockWait, hold_lock
from reconciler.record.notified import Notified
from reconciler.record.notified_file import read_notified, write_notified
from reconciler.render.notification import MessageContext
from reconciler.session.audit_record import open_full_record
from reconciler.session.notification_channels import SECONDS, Channel, deliver, describe_problems, find_channels
from reconciler.session.run_events import RunEvents, find_expiry
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, current_time, resolve_target

_LONGEST_WAIT = 0.5
"""For another run that sends, as a share of the time for all messages."""


def notify(
    events: RunEvents,
    workspace: Workspace,
    terminal: Terminal,
    run: Callable[[], ExitCode],
    environment: Mapping[str, str] = os.environ,
    *,
    expiry: bool = True,
) -> ExitCode:
    """Run a command and tell what it found, whether it succeeds or raises. `expiry`: also which credentials expire."""
    error: BaseException | None = None
    code: int = ExitCode.ERROR
    try:
        result = run()
        code = result
    except BaseException as exc:
        error = exc
        raise
    finally:
        if error is None or isinstance(error, Exception):
            _tell(_Run(events, workspace, terminal, environment, expiry), code, error)
    return result


def notify_of_import(
    workspace: Workspace, terminal: Terminal, run: Callable[[], ExitCode], *, writes: bool
) -> ExitCode:
    """Run an import and tell whether it was blocked or failed; one that only shows what it would do tells nothing."""
    if not writes:
        return run()
    return notify(RunEvents("import"), workspace, terminal, run, expiry=False)


@dataclass(frozen=True, slots=True)
class _Run:
    events: RunEvents
    workspace: Workspace
    terminal: Terminal
    environment: Mapping[str, str]
    expiry: bool


def _tell(run: _Run, code: int, error: BaseException | None) -> None:
    """Tell what was found; problems are reported, and nothing is raised."""
    try:
        directory = Directory(run.workspace.state)
        # Errors of the file were reported by the command itself.
        settings = directory.read_settings() if run.workspace.state.is_dir() else None
        if settings is not None:
            _tell_news(run, settings, code, error)
        elif _has_recipients(directory) and _find_failures(run, code, error):
            _report(run.terminal, "No one was notified: settings.yaml cannot be read, and it names the recipients.")
    except LockedError:
        _report(run.terminal, "No one was notified: another run is sending notifications. The next run tries again.")
    except KeyboardInterrupt:
        _report(run.terminal, "Notifications were interrupted. The next run tries again.")
    except Exception as exc:  # noqa: BLE001 - the command has ended, and its exit code stands
        why = exc.summary if isinstance(exc, ReconcilerError) else type(exc).__name__
        _report(run.terminal, f"Notifications failed: {why}. The next run tries again.")


def _has_recipients(directory: Directory) -> bool:
    """Return whether settings that are not valid may name recipients; which ones is not guessed."""
    try:
        files = directory.list_files("settings.yaml")
        return any(b"notifications" in read_file(directory.root / name, MAX_BYTES) for name in files)
    except ReconcilerError:
        return True


def _find_failures(run: _Run, code: int, error: BaseException | None) -> list[Event]:
    return [event for event in run.events.find(code, error, current_time()) if not event.is_calm]


def _report(terminal: Terminal, line: str) -> None:
    terminal.diagnostics([warning(line)])


def _tell_news(run: _Run, settings: LocatedModel[schema.Settings], code: int, error: BaseException | None) -> None:
    channels = find_channels(settings.value.notifications)
    if not channels:
        return
    now = current_time()
    events = _find_events(run, settings, code, error, now)
    if not events:
        return
    target = resolve_target(run.workspace, settings.value)
    context = MessageContext(
        target,
        now,
        find_run_url(run.environment),
        names=settings.value.notifications.names and not run.terminal.style.redact,
    )
    branch = settings.value.record.branch
    begun = time.monotonic()
    with _only_sender(run, target), _open_record(run, branch) as workspace:
        share = (SECONDS - (time.monotonic() - begun)) / len(channels)
        before = known = read_notified(workspace.history, target)
        for channel in channels:
            found = [event for event in events if event.kind in channel.kinds]
            sorting = find_news(found, known, channel.name, now, lasting=_lasts(run, branch))
            known = _tell_channel(run, channel, sorting, context, share)
        if known != before:
            write_notified(workspace.record, target, known)


def _find_events(
    run: _Run, settings: LocatedModel[schema.Settings], code: int, error: BaseException | None, now: datetime
) -> list[Event]:
    events = run.events.find(code, error, now)
    return [*events, *find_expiry(settings, now)] if run.expiry else events


@contextmanager
def _only_sender(run: _Run, target: Target) -> Iterator[None]:
    """Hold the lock of a target's notifications, from reading what was reported until what is reported now is written.

    Two at once would report the same twice, and each would forget what the other reported. It is not the target's lock,
    which `drift` does not need. Raises `LockedError` if another run holds it for long.
    """
    wait = LockWait(SECONDS * _LONGEST_WAIT, lambda _: None, work="run that sends notifications about this target")
    with ExitStack() as stack:
        try:
            lock = run.workspace.lock(target)
            stack.enter_context(hold_lock(lock.with_name(f"{lock.stem}-notifications.lock"), wait))
        except LockedError:
            raise
        except ReconcilerError:
            # Where no lock can be made, a message that is sent twice is better than none.
            pass
        yield


def _lasts(run: _Run, branch: str | None) -> bool:
    """Return whether the next run can know what this one tells: a runner of GitHub Actions begins with nothing."""
    return branch is not None or not read_workflow(run.environment).run


def _tell_channel(run: _Run, channel: Channel, sorting: Sorting, context: MessageContext, seconds: float) -> Notified:
    """Send what is news, report what fails, and return what is known then."""
    known = sorting.kept
    if not sorting.news:
        return known
    only_here = run.workspace.sandbox
    delivery = deliver(channel, sorting.news, context, run.environment, seconds=seconds, local_only=only_here)
    for each in tuple(delivery.sent):
        known = record_sent(known, each, context.now)
    for line in describe_problems(channel, delivery, sorting.news):
        _report(run.terminal, line)
    return known


@contextmanager
def _open_record(run: _Run, branch: str | None) -> Iterator[Workspace]:
    """Open the whole record. If it cannot be read, what is in the directory alone counts: then a message may repeat."""
    with ExitStack() as stack:
        try:
            workspace = stack.enter_context(open_full_record(run.workspace, branch, run.terminal.quieter()))
        except ReconcilerError:
            workspace = run.workspace
        yield workspace


_REPOSITORY_RUN = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+/actions/runs/[0-9]+")


def find_run_url(environment: Mapping[str, str] = os.environ) -> str:
    """Return the URL of this run in GitHub; "" outside of GitHub Actions, or if the variables make no such URL."""
    url = read_workflow(environment).run_url
    return url if _REPOSITORY_RUN.fullmatch(url) else ""
