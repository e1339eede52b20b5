"""The two ends of the pipe in this process; whole workers in processes of their own, which may fork."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.desired_users import anybody

from reconciler.core.model import Diagnostic, error
from reconciler.core.planning.arriving_rows import RowsReplacedError
from reconciler.core.planning.blocks import OpenBlock
from reconciler.desired import user_table, worker
from reconciler.desired.content import BrokenStateError, StateContent
from reconciler.desired.user_table import UserSink, UserTable
from reconciler.desired.worker import (
    ReadContent,
    WorkerContent,
    is_large,
    may_fork,
    send_content,
)
from reconciler.errors import MachineLimitError

USERS = [anybody(number, f"users/{number // 2_000}.yaml") for number in range(5_000)]
CONTENT = StateContent((), tuple(error(f"error {number}") for number in range(1_234)), "sha256:1", {"a": "b"}, "unseen")


def read_users(sink: UserSink) -> StateContent:
    for user in USERS:
        sink.append(user)
    return CONTENT


def find_errors(_sink: UserSink) -> tuple[Diagnostic, ...]:
    return CONTENT.diagnostics


@contextmanager
def received(
    send: Callable[[int], None], again: ReadContent = read_users, on_complete: Callable[[], None] = lambda: None
) -> Iterator[WorkerContent]:
    """The content that is received while `send` writes to the pipe. The process is one that only waits."""
    ours, theirs = os.pipe()
    process = subprocess.Popen(["sleep", "60"])
    content = WorkerContent(process.pid, ours, again, on_complete)

    def write() -> None:
        send(theirs)
        process.kill()
        os.close(theirs)

    sender = threading.Thread(target=write)
    sender.start()
    try:
        yield content
    finally:
        sender.join()
        content.close()
        process.returncode = -9  # reaped by `content`


def test_everything_arrives_as_it_was_read() -> None:
    complete = threading.Event()
    with received(lambda pipe: send_content(pipe, read_users), on_complete=complete.set) as content:
        assert content.users[0] == USERS[0]
        assert list(content.users) == USERS
        found = content.wait()
        assert (found.diagnostics, found.digest, found.files, found.unseen) == (
            CONTENT.diagnostics,
            "sha256:1",
            {"a": "b"},
            "unseen",
        )
        assert found.users is content.users
        assert complete.is_set()
        content.check()


def test_rows_are_followed_while_they_arrive() -> None:
    with received(lambda pipe: send_content(pipe, read_users)) as content:
        content.wait()
        assert content.users.is_complete
    with received(lambda pipe: send_content(pipe, read_users)) as content:
        arrived = list(content.users.follow())
        numbers = [number for each in arrived for number in range(each.first, each.first + len(each.rows))]
        assert numbers == list(range(len(USERS)))
        assert [row[0] for each in arrived for row in each.rows] == [user.match[0] for user in USERS]
        assert [content.users.read_user(number) for number in (0, 4_999)] == [USERS[0], USERS[4_999]]


def test_who_follows_rows_gets_the_errors_of_the_state_too() -> None:
    with (
        received(lambda pipe: send_content(pipe, find_errors)) as content,
        pytest.raises(BrokenStateError),
    ):
        list(content.users.follow())


def test_rows_that_are_read_again_here_are_said_to_be() -> None:
    def send_some(pipe: int) -> None:
        def read(sink: UserSink) -> StateContent:
            for user in USERS[:1_000]:
                sink.append(user)
            raise RuntimeError

        send_content(pipe, read)

    with received(send_some) as content:
        with pytest.raises(RowsReplacedError):
            list(content.users.follow())
        assert list(content.users) == USERS


def test_a_broken_state_is_raised_at_each_access() -> None:
    complete = threading.Event()
    with received(lambda pipe: send_content(pipe, find_errors), on_complete=complete.set) as content:
        for _ in range(2):
            with pytest.raises(BrokenStateError) as raised:
                len(content.users)
            assert raised.value.diagnostics == CONTENT.diagnostics
        with pytest.raises(BrokenStateError):
            content.check()
        assert not complete.is_set()


def raise_something(_sink: UserSink) -> StateContent:
    raise RuntimeError("something unexpected")


def test_what_goes_wrong_in_the_worker_is_read_again_here() -> None:
    complete = threading.Event()
    with received(lambda pipe: send_content(pipe, raise_something), on_complete=complete.set) as content:
        assert list(content.users) == USERS
        assert content.wait().digest == "sha256:1"
        assert complete.is_set()


def test_what_goes_wrong_here_too_is_raised_here() -> None:
    with (
        received(lambda pipe: send_content(pipe, raise_something), raise_something) as content,
        pytest.raises(RuntimeError, match="something unexpected"),
    ):
        content.wait()


def test_rows_that_arrived_before_a_failure_do_not_count() -> None:
    def fail_late(sink: UserSink) -> StateContent:
        read_users(sink)
        raise RuntimeError

    with received(lambda pipe: send_content(pipe, fail_late)) as content:
        assert list(content.users) == USERS


@pytest.mark.parametrize(
    "sent",
    [b"", b"\0\0", b"\0\0\0\x09short", b"\xff\xff\xff\xff", b"\0\0\0\x01\xc0", b"\0\0\0\x02\x91\xa3"],
    ids=["nothing", "half a length", "half a message", "too long", "no message", "no MessagePack"],
)
def test_a_worker_that_ends_early_is_one_error(sent: bytes) -> None:
    def send(pipe: int) -> None:
        os.write(pipe, sent)

    with received(send) as content:
        for _ in range(2):
            with pytest.raises(MachineLimitError) as raised:
                content.wait()
            assert raised.value.summary == (
                "the process that read the desired state ended before it was done (signal 9)"
            )


def test_nothing_is_sent_to_a_process_that_is_gone() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    send_content(theirs, read_users)
    os.close(theirs)


def test_no_fork_beside_other_threads() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    assert not may_fork()
    stop.set()
    other.join()


def test_the_size_of_a_directory_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/1.yaml", "2.yaml"):
        (tmp_path / name).write_bytes(b"x" * 50)
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    assert [is_large(tmp_path, least) for least in (100, 200)] == [True, False]
    assert not is_large(tmp_path / "missing", 1)


# --- whole workers --------------------------------------------------------------------------

_KILLED = """
import os, signal, sys, time
from reconciler.desired.worker import start_worker
from reconciler.errors import ReconcilerError
def read(keep):
    time.sleep(60)
content = start_worker(read)
os.kill(content._process, signal.SIGKILL)
try:
    content.wait()
except ReconcilerError as exc:
    print(exc.summary)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are for Linux")
def test_a_killed_worker_is_one_error() -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED], capture_output=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == (
        b"the process that read the desired state ended before it was done (signal 9)\n",
        b"",
    )


_ORPHAN = """
import os, sys, time
from reconciler.desired.worker import start_worker
def read(keep):
    os.write(int(sys.argv[1]), b"reads\\n")
    time.sleep(60)
start_worker(read)
time.sleep(60)
"""
_ASKED_ORPHAN = """
import os, sys, time
from reconciler.desired.content import StateContent
from reconciler.desired.worker import start_worker
def make_answer():
    os.write(int(sys.argv[1]), b"reads\\n")
    return lambda question: question
start_worker(lambda keep: StateContent((), (), "", {}, None), make_answer=make_answer)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are for Linux")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("program", [_ORPHAN, _ASKED_ORPHAN], ids=["reads", "is asked"])
def test_a_worker_ends_with_its_parent(number: signal.Signals, program: str) -> None:
    ours, theirs = os.pipe()
    command = [sys.executable, "-c", program, str(theirs)]
    with (
        subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL) as parent,
        os.fdopen(ours, "rb") as pipe,
    ):
        os.close(theirs)
        assert pipe.readline() == b"reads\n"
        parent.send_signal(number)
        # The worker has the pipe too: it is closed when both have ended.
        assert pipe.read() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are for Linux")
def test_how_a_worker_ended_is_not_made_up_if_the_system_does_not_say() -> None:
    ignore = "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    done = subprocess.run([sys.executable, "-c", ignore + _KILLED], capture_output=True, check=False, timeout=60)
    assert done.stdout == b"the process that read the desired state ended before it was done\n"


_ASKING = """
import os, signal, sys
from reconciler.desired.content import StateContent
from reconciler.desired.worker import start_worker
def read(keep):
    if sys.argv[1] == "fails":
        raise ValueError if os.getpid() != parent else KeyError
    return () if sys.argv[1] == "broken" else StateContent((), (), "sha256:1", {}, None)
def make_answer():
    return lambda question: question + str(os.getpid()).encode()
parent = os.getpid()
content = start_worker(read, make_answer=make_answer)
worker = content._process
content._receiver.join()
if sys.argv[1] == "killed":
    os.kill(worker, signal.SIGKILL)
print(content.ask(b"by ") == b"by %d" % worker, content.ask(b"") == b"%d" % worker)
try:
    print(content.wait().digest)
except Exception as exc:
    print(type(exc).__name__)
print(content.ask(b"") is not None)
content.end_questions()
print(content.ask(b""))
if sys.argv[1] != "fails":
    print(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]))
content.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are for Linux")
@pytest.mark.parametrize(
    ("how", "printed"),
    [
        ("works", "True True sha256:1 True None 0"),
        ("killed", "False False sha256:1 False None -9"),
        ("broken", "False False BrokenStateError False None 0"),
        ("fails", "False False KeyError False None"),
    ],
)
def test_a_worker_that_has_sent_everything_answers_until_nobody_asks(how: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", _ASKING, how], capture_output=True, check=False, timeout=60)
    assert (done.stdout.decode().split(), done.stderr) == (printed.split(), b"")


def test_no_memory_for_what_arrives_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: UserTable, _chunk: object) -> None:
        raise MemoryError

    monkeypatch.setattr(UserTable, "adopt", refuse)
    with (
        received(lambda pipe: send_content(pipe, read_users)) as content,
        pytest.raises(MachineLimitError, match="has run out of memory"),
    ):
        content.wait()


def test_a_disk_without_space_for_what_arrives_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> OpenBlock:
        raise MachineLimitError("a temporary file cannot be used", "Free some space.")

    monkeypatch.setattr(user_table, "MOST_IN_MEMORY", 0)
    monkeypatch.setattr(worker, "open_block", refuse)
    with (
        received(lambda pipe: send_content(pipe, read_users)) as content,
        pytest.raises(MachineLimitError, match="a temporary file cannot be used"),
    ):
        content.wait()
