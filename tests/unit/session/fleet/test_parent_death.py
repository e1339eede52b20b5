from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from reconciler.session.fleet.parent_death import end_with_parent


def test_a_process_whose_parent_is_gone_already_ends_at_once() -> None:
    process = os.fork()
    if process == 0:
        end_with_parent(os.getppid() + 1, signal.SIGTERM)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_the_end_of_the_parent_is_a_signal() -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        here = os.getpid()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, lambda _number, _frame: (os.write(writer, b"told"), os._exit(0)))
            end_with_parent(here, signal.SIGTERM)
            os.write(writer, b"ready ")
            time.sleep(20)
            os._exit(0)
        time.sleep(20)
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 100) == b"ready "
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert os.read(reader, 100) == b"told"
    os.close(reader)
