import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.builders import TARGET

from reconciler.core.model import Target
from reconciler.errors import LockedError, ReconcilerError
from reconciler.record.lock import LockWait, build_lock_name, describe_holder, hold_lock, share_lock

HOLD = """
import sys, time
from pathlib import Path
from reconciler.record.lock import LockWait, hold_lock
with hold_lock(Path(sys.argv[1]), LockWait(0, print)):
    print("held", flush=True)
    time.sleep(60)
"""


def silent(_text: str) -> None:
    pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "a.lock"


def other_process(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_name_is_of_one_target_however_its_address_is_written() -> None:
    assert re.fullmatch(r"apple-business-manager-[0-9a-f]{12}\.lock", build_lock_name(TARGET))
    same = Target(TARGET.profile, TARGET.base_url.upper() + "/")
    assert build_lock_name(same) == build_lock_name(TARGET)
    assert build_lock_name(Target("scim", TARGET.base_url)) != build_lock_name(TARGET)
    assert build_lock_name(Target(TARGET.profile, TARGET.base_url + "2")) != build_lock_name(TARGET)


def test_the_name_for_a_target_without_a_tenant_is_that_of_version_0_1() -> None:
    # An apply of that version must find the same lock.
    assert build_lock_name(TARGET) == "apple-business-manager-43c788bfe9ad.lock"


def test_each_tenant_has_a_lock_of_its_own() -> None:
    names = {build_lock_name(replace(TARGET, tenant=tenant)) for tenant in (None, "acme", "globex")}
    assert len(names) == 3


def test_several_share_a_lock_and_an_apply_that_holds_it_alone_waits_for_all(path: Path) -> None:
    with share_lock(path, LockWait(0, silent)), share_lock(path, LockWait(0, silent)):
        assert describe_holder(path) is None, "it names none of them"
        with pytest.raises(LockedError) as refused, hold_lock(path, LockWait(0, silent)):
            pass
    assert refused.value.summary == "another apply to this target is running: an unknown process"
    with hold_lock(path, LockWait(0, silent)):
        with pytest.raises(LockedError) as refused, share_lock(path, LockWait(0, silent)):
            pass
        assert f"process {os.getpid()} of " in refused.value.summary
    assert path.read_bytes() == b""


def test_a_shared_lock_does_not_name_a_process_that_died(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"pid": 1, "user": "u", "host": "h", "since": "s"}))
    with share_lock(path, LockWait(0, silent)):
        assert path.read_bytes() == b""


def test_a_second_process_is_refused_with_the_holder_and_takes_over_from_a_dead_one(path: Path) -> None:
    process = other_process(path)
    try:
        with pytest.raises(LockedError) as refused, hold_lock(path, LockWait(0, silent)):
            pass
        assert f"process {process.pid} of " in refused.value.summary
        assert re.search(r" on \S+, since \d{4}-\d\d-\d\dT", refused.value.summary)
        assert "--lock-timeout" in refused.value.detail
        assert f"process {process.pid} of" in (describe_holder(path) or "")
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert describe_holder(path) is None
        with hold_lock(path, LockWait(0, silent)):
            assert json.loads(path.read_text())["pid"] == os.getpid()
    finally:
        process.kill()
        process.wait(10)
    assert path.read_text() == ""


def test_who_waits_says_so_once_and_gets_it_as_soon_as_it_is_free(path: Path) -> None:
    said: list[str] = []
    process = other_process(path)
    threading.Timer(1, process.kill).start()
    began = time.monotonic()
    with hold_lock(path, LockWait(30, said.append)):
        assert time.monotonic() - began < 20
    process.wait(10)
    assert len(said) == 1
    assert said[0].startswith(f"Waiting for another apply to this target to end: process {process.pid}")


def test_only_one_of_many_has_it(path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with hold_lock(path, LockWait(30, silent)):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1] * 6


def test_looking_up_the_holder_takes_the_lock_from_no_process(path: Path) -> None:
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.001):
            describe_holder(path)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(100):
            with hold_lock(path, LockWait(0, silent)):
                assert describe_holder(path) is not None
    finally:
        stop.set()
        looker.join(10)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"pid": 1}', b"\xff\xfe", b"[" * 4000])
def test_a_holder_who_left_no_name_still_holds(content: bytes, path: Path) -> None:
    with hold_lock(path, LockWait(0, silent)):
        path.write_bytes(content)
        with pytest.raises(LockedError) as refused, hold_lock(path, LockWait(0, silent)):
            pass
    assert refused.value.summary == "another apply to this target is running: an unknown process"


def test_an_untrusted_lock_holder_name_does_not_control_the_terminal(path: Path) -> None:
    with hold_lock(path, LockWait(0, silent)):
        path.write_text(json.dumps({"pid": 1, "user": "\x1b[2Jroot\n", "host": "h" * 3000, "since": "now"}))
        with pytest.raises(LockedError) as refused, hold_lock(path, LockWait(0, silent)):
            pass
    assert refused.value.summary.isprintable()
    assert len(refused.value.summary) < 400


# --- places that cannot be trusted, or not be written -----------------------------------------


def link_the_file(path: Path, victim: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(victim)


def link_the_directory(path: Path, victim: Path) -> None:
    (victim.parent / "elsewhere").mkdir()
    path.parent.symlink_to(victim.parent / "elsewhere")


def a_pipe(path: Path, _victim: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)


def a_directory(path: Path, _victim: Path) -> None:
    path.mkdir(parents=True)


def a_file_for_a_directory(path: Path, _victim: Path) -> None:
    path.parent.write_text("")


@pytest.mark.parametrize("plant", [link_the_file, link_the_directory, a_pipe, a_directory, a_file_for_a_directory])
def test_a_lock_that_is_no_file_of_ours_is_refused(
    plant: Callable[[Path, Path], None], path: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    plant(path, victim)
    with pytest.raises(ReconcilerError, match=r"^cannot lock ") as refused, hold_lock(path, LockWait(0, silent)):
        pass
    assert "XDG_STATE_HOME" in refused.value.detail
    assert victim.read_text() == "precious"
    assert not (tmp_path / "elsewhere" / "a.lock").exists()


def test_a_lock_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    with pytest.raises(ReconcilerError, match="it belongs to another user"), hold_lock(path, LockWait(0, silent)):
        pass


@pytest.mark.parametrize("fault", [13, 30, 28])  # EACCES, EROFS, ENOSPC
def test_a_directory_that_cannot_be_written_is_explained(
    fault: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_named: object) -> int:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ReconcilerError, match=os.strerror(fault)), hold_lock(path, LockWait(0, silent)):
        pass


@pytest.mark.parametrize(
    ("fault", "advice"), [(28, "Free some space"), (24, "Raise the limit"), (13, "XDG_STATE_HOME")]
)
def test_what_the_machine_has_run_out_of_decides_the_next_step(
    fault: int, advice: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_named: object) -> int:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ReconcilerError) as caught, hold_lock(path, LockWait(0, silent)):
        pass
    assert advice in caught.value.detail


def test_a_file_system_that_cannot_lock_is_explained(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_handle: int, _how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with (
        pytest.raises(ReconcilerError, match=r"cannot lock \(No locks available\)"),
        hold_lock(path, LockWait(0, silent)),
    ):
        pass
