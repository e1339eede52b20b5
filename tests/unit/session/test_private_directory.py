import os
import socket
from pathlib import Path

import pytest

from reconciler.session.private_directory import (
    make_ours,
    open_private,
    open_unchangeable,
    read_private,
    write_private,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".reconciler" / "cache"


def write(folder: Path, name: str = "a", content: bytes = b"1", *, replace: bool = True) -> None:
    with open_private(folder, create=True) as handle:
        write_private(handle, name, [content], replace=replace)


def read(folder: Path, name: str = "a", limit: int = 100) -> bytes:
    with open_private(folder) as handle:
        return read_private(handle, name, limit)


def test_directories_and_files_are_for_their_owner_only(folder: Path) -> None:
    before = os.umask(0)
    try:
        write(folder)
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in (folder.parent, folder, folder / "a")]
    assert modes == [0o700, 0o700, 0o600]
    assert read(folder) == b"1"
    assert names(folder) == ["a"]


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o702, 0o777])
def test_a_directory_that_others_can_enter_is_refused(folder: Path, mode: int) -> None:
    write(folder)
    folder.chmod(mode)
    with pytest.raises(PermissionError):
        read(folder)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o1777])
def test_a_directory_in_one_that_others_can_change_is_refused(folder: Path, mode: int) -> None:
    write(folder)
    folder.parent.chmod(mode)
    with pytest.raises(PermissionError):
        read(folder)
    with pytest.raises(PermissionError):
        write(folder)


def test_links_are_refused(folder: Path, tmp_path: Path) -> None:
    write(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    (folder / "link").symlink_to(folder / "a")
    with pytest.raises(OSError, match="symbolic links"):
        read(folder, "link")
    folder.rename(elsewhere / "cache")
    folder.symlink_to(elsewhere / "cache")
    with pytest.raises(NotADirectoryError):
        read(folder)
    folder.unlink()
    folder.parent.rmdir()
    folder.parent.symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        read(folder)
    (elsewhere / "cache" / "a").unlink()
    with pytest.raises(NotADirectoryError):
        write(folder)
    assert names(elsewhere / "cache") == ["link"]


def test_nothing_is_made_through_a_link(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    folder.parent.symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        write(folder)
    assert names(elsewhere) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_of_others_is_refused(folder: Path, mode: int) -> None:
    write(folder)
    (folder / "a").chmod(mode)
    with pytest.raises(PermissionError):
        read(folder)


def test_files_of_another_user_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    for use in (lambda: read(folder), lambda: write(folder), lambda: make_ours(folder.parent.parent / "new")):
        with pytest.raises(PermissionError):
            use()
    assert not (folder.parent.parent / "new").exists()


def test_what_is_no_file_is_refused_at_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder)
    monkeypatch.chdir(folder)  # the path of a socket is short
    os.mkfifo("pipe", 0o600)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        (folder / "directory").mkdir()
        for name in ("pipe", "socket", "directory", "absent"):
            with pytest.raises(OSError):
                read(folder, name)
    assert tmp_path.exists()


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    write(folder, content=bytes(11))
    assert read(folder, limit=11) == bytes(11)
    with pytest.raises(OSError):
        read(folder, limit=10)


def test_writing_replaces_a_link_and_not_what_it_points_to(folder: Path, tmp_path: Path) -> None:
    write(folder)
    target = tmp_path / "target"
    target.write_text("theirs")
    (folder / "b").symlink_to(target)
    write(folder, "b", b"ours")
    assert (target.read_text(), read(folder, "b")) == ("theirs", b"ours")


def test_without_replacing_the_first_file_stays(folder: Path) -> None:
    write(folder)
    with pytest.raises(FileExistsError):
        write(folder, content=b"2", replace=False)
    assert read(folder) == b"1"
    assert names(folder) == ["a"]


def test_a_failed_write_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="No space"):
        write(folder, content=b"2")
    assert (read(folder), names(folder)) == (b"1", ["a"])


def test_a_directory_that_only_we_can_change_may_be_read_by_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with open_unchangeable(tmp_path) as handle:
        assert os.fstat(handle).st_ino == tmp_path.stat().st_ino
