import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import PlanFileError
from reconciler.record.files import (
    append_private,
    is_open_to_all,
    make_private_directory,
    read_file,
    write_bytes,
    write_private,
    write_private_bytes,
    write_private_pieces,
)


def test_a_file_is_written_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "plan.json"
    old = os.umask(0)
    try:
        write_private(path, "Zoë\n")
    finally:
        os.umask(old)
    assert path.read_bytes() == "Zoë\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_an_older_file_is_replaced_and_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new\r\n")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new\r\n", 0o600)


@pytest.mark.parametrize("text", ["\ud800", "x" * 10 + "\udfff"])
def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, text)
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("plan.json", "old")]


def test_a_failing_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "plan.json"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PlanFileError) as caught:
        write_private(path, "new")
    assert caught.value.summary == f"cannot write {path}: No space left on device (ENOSPC)"
    assert caught.value.detail == "Free some space there, then run the same command again: nothing is done twice."
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("plan.json", "old")]


def test_a_path_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "plan.json", tmp_path / "folder"):
        with pytest.raises(PlanFileError, match="cannot write"):
            write_private(path, "x")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("write", [write_private_bytes, write_bytes])
def test_a_name_that_is_too_long_is_an_error(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    with pytest.raises(PlanFileError, match=r"cannot write .*: File name too long"):
        write(tmp_path / ("a" * 300), b"x")


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "here").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    before = {item.name: item.lstat().st_mode for item in tmp_path.iterdir()}
    for name in ("pipe", "link", "dangling", "here"):  # as are /dev/null and /dev/stdout, which root could replace
        with pytest.raises(PlanFileError) as caught:
            write_private(tmp_path / name, "new")
        assert caught.value.summary == f"cannot write {tmp_path / name}: not a regular file"
    assert {item.name: item.lstat().st_mode for item in tmp_path.iterdir()} == before
    assert (tmp_path / "file").read_text() == "old"


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(b"\xff\r\n")
    assert read_file(tmp_path / "plan.json") == b"\xff\r\n"


def test_what_is_no_file_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path, message in {
            tmp_path: "is not a regular file",
            tmp_path / "pipe": "is not a regular file",
            tmp_path / "socket": "cannot read",
            Path("/dev/zero"): "is not a regular file",
            tmp_path / "missing": "there is no file",
        }.items():
            with pytest.raises(PlanFileError, match=message):
                read_file(path)


def test_a_file_that_is_no_plan_by_its_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"x" * 1024 * 1024)
    assert len(read_file(path, 1024 * 1024)) == 1024 * 1024
    os.truncate(path, 2**40)  # of which the disk holds nothing
    with pytest.raises(PlanFileError, match=r"plan\.json is larger than 1,024 MiB"):
        read_file(path)


def test_a_file_without_a_size_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of /proc tell no size, and some never end."""
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda handle: os.stat_result((*real(handle)[:6], 0, *real(handle)[7:])))
    with pytest.raises(PlanFileError, match="is larger than 0 MiB"):
        read_file(Path(__file__), 100)
    assert read_file(Path(__file__), 100_000) == Path(__file__).read_bytes()


# --- directories --------------------------------------------------------------------


@pytest.fixture
def no_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def modes(path: Path, above: Path) -> set[int]:
    return {stat.S_IMODE(each.stat().st_mode) for each in (path, *path.parents) if above in each.parents}


@pytest.mark.usefixtures("no_umask")
def test_a_directory_and_its_parents_are_made_for_their_owner_only(tmp_path: Path) -> None:
    make_private_directory(tmp_path / "a/b/c")
    make_private_directory(tmp_path / "a/b/c")
    assert modes(tmp_path / "a/b/c", tmp_path) == {0o700}


@pytest.mark.usefixtures("no_umask")
def test_a_private_file_makes_private_directories(tmp_path: Path) -> None:
    write_private(tmp_path / "a/b/plan.json", "x")
    assert modes(tmp_path / "a/b", tmp_path) == {0o700}


def test_a_directory_is_never_open_to_others_not_even_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = os.mkdir
    monkeypatch.setattr(os, "mkdir", lambda path, mode=0o777: (made.append(mode), real(path, mode))[1])
    make_private_directory(tmp_path / "a/b/c")
    assert made == [0o700] * 3


def test_existing_directories_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir(mode=0o755)
    make_private_directory(tmp_path / "plans" / "one")
    assert stat.S_IMODE((tmp_path / "plans").stat().st_mode) == 0o755


def test_a_file_in_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "dangling"):
        with pytest.raises(OSError, match=r"File exists|Not a directory"):
            make_private_directory(path)


def test_a_directory_that_all_may_write_to_is_told_from_others(tmp_path: Path) -> None:
    for mode, found in {0o777: True, 0o702: True, 0o775: False, 0o755: False, 0o700: False}.items():
        tmp_path.chmod(mode)
        assert is_open_to_all(tmp_path) is found, oct(mode)
    tmp_path.chmod(0o700)
    assert not is_open_to_all(tmp_path / "missing")


# --- files to append to -------------------------------------------------------------


@pytest.mark.usefixtures("no_umask")
def test_a_file_to_append_to_is_private(tmp_path: Path) -> None:
    for text in (b"a", b"b"):
        handle = append_private(tmp_path / "receipt.jsonl")
        os.write(handle, text)
        os.close(handle)
    assert (tmp_path / "receipt.jsonl").read_bytes() == b"ab"
    assert stat.S_IMODE((tmp_path / "receipt.jsonl").stat().st_mode) == 0o600


def test_nothing_is_appended_to_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "link", tmp_path / "pipe", tmp_path, Path("/dev/null")):
        with pytest.raises(OSError):
            append_private(path)
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="not a regular file"):
        append_private(tmp_path / "pipe")
    os.close(reading)
    assert not (tmp_path / "elsewhere").exists()


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PlanFileError, match="not a regular file"):
        write_bytes(tmp_path / "pipe", b"x")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_what_fails_between_two_pieces_leaves_the_old_file(tmp_path: Path) -> None:
    def fail() -> Iterator[bytes]:
        yield b"new"
        raise RuntimeError

    file = tmp_path / "plan.json"
    write_private_pieces(file, [b"o", b"ld"])
    with pytest.raises(RuntimeError):
        write_private_pieces(file, fail())
    assert ([each.name for each in tmp_path.iterdir()], file.read_bytes()) == (["plan.json"], b"old")
