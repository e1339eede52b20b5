import os
import stat
from pathlib import Path

import pytest

from reconciler.errors import PlanFileError
from reconciler.record import files
from reconciler.record.files import read_file, write_private


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
    assert caught.value.summary == f"cannot write {path}: No space left on device"
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("plan.json", "old")]


def test_a_path_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "plan.json", tmp_path / "folder"):
        with pytest.raises(PlanFileError, match="cannot write"):
            write_private(path, "x")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


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
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing"):
        with pytest.raises(PlanFileError) as caught:
            read_file(path)
        assert caught.value.summary == f"there is no file {path}"


def test_a_file_that_is_no_plan_by_its_size_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MAX_BYTES", 10)
    path = tmp_path / "plan.json"
    path.write_bytes(b"x" * 10)
    assert read_file(path) == b"x" * 10
    path.write_bytes(b"x" * 11)
    with pytest.raises(PlanFileError, match="larger than 1 GiB"):
        read_file(path)
