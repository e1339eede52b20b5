from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.oauth import file_store
from reconciler.oauth.file_store import MAX_STORED, FileStore, TokenStoreError

CONTENT = b'{"access_token": "acc-s3cret"}\n'


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(path: Path) -> list[str]:
    return [each.name for each in path.iterdir()]


def refused(store: FileStore, content: bytes | None = None) -> str:
    with pytest.raises(TokenStoreError) as raised:
        store.read() if content is None else store.write(content)
    error = raised.value
    assert error.detail
    assert "s3cret" not in f"{error.summary} {error.detail}"
    return error.summary


def test_a_store_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert FileStore(tmp_path / "tokens").read() is None
    assert FileStore(tmp_path / "missing" / "tokens").read() is None


def test_it_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "tokens"
    for umask in (0o000, 0o777):
        old = os.umask(0o000)
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.umask(umask)
            FileStore(file).write(CONTENT)
        finally:
            os.umask(old)
        assert mode(file) == 0o600
    assert FileStore(file).read() == CONTENT
    assert names(file.parent) == ["tokens"]


def test_missing_directories_are_made_for_the_owner_only(tmp_path: Path) -> None:
    FileStore(tmp_path / "a" / "b" / "tokens").write(CONTENT)
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)


def test_what_a_killed_writer_left_is_replaced(tmp_path: Path) -> None:
    left = tmp_path / ".tokens.new"
    left.symlink_to(tmp_path / "elsewhere")
    FileStore(tmp_path / "tokens").write(CONTENT)
    assert names(tmp_path) == ["tokens"]


def test_file_and_directory_are_on_the_disk_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def sync(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        if synced[-1] == tmp_path.name:
            raise OSError(22, "Invalid argument")  # this file system cannot

    monkeypatch.setattr(file_store.os, "fsync", sync)
    FileStore(tmp_path / "tokens").write(CONTENT)
    assert synced == [".tokens.new", tmp_path.name]
    assert FileStore(tmp_path / "tokens").read() == CONTENT


KILLED = """
import os, sys
from pathlib import Path
from reconciler.oauth import file_store
calls = []
def dying(name):
    real = getattr(os, name)
    def call(*args, **more):
        if name == sys.argv[2]:
            os.kill(os.getpid(), 9)
        return real(*args, **more)
    return call
for name in ("open", "fsync", "replace", "fchmod"):
    setattr(file_store.os, name, dying(name))
file_store.FileStore(Path(sys.argv[1])).write(b"new")
"""


@pytest.mark.parametrize("at", ["open", "fchmod", "fsync", "replace"])
def test_a_writer_that_is_killed_leaves_the_old_document(tmp_path: Path, at: str) -> None:
    file = tmp_path / "tokens"
    FileStore(file).write(CONTENT)
    done = subprocess.run([sys.executable, "-c", KILLED, str(file), at], check=False)
    assert done.returncode == -9
    assert FileStore(file).read() == CONTENT
    FileStore(file).write(b"newer")
    assert FileStore(file).read() == b"newer"
    assert names(tmp_path) == ["tokens"]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, bits: int) -> None:
    file = tmp_path / "tokens"
    FileStore(file).write(CONTENT)
    file.chmod(bits)
    assert f"other users can read it or write to it (mode {bits:04o})" in refused(FileStore(file))


@pytest.mark.parametrize("bits", [0o777, 0o720, 0o702, 0o1777])
def test_a_directory_in_which_others_can_replace_it_is_refused(tmp_path: Path, bits: int) -> None:
    store = FileStore(tmp_path / "shared" / "tokens")
    store.write(CONTENT)
    (tmp_path / "shared").chmod(bits)
    for content in (None, b"new"):
        assert "other users can replace files in its directory" in refused(store, content)
    (tmp_path / "shared").chmod(0o755)
    assert store.read() == CONTENT


def test_a_place_that_git_would_keep_is_refused(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    store = FileStore(tmp_path / "private" / "tokens")
    for ask in (store.check_writable, store.find_lock):
        with pytest.raises(TokenStoreError, match="the next git add would take it"):
            ask()
    for rule in ("tokens", "private/"):
        (tmp_path / ".gitignore").write_text(f"{rule}\n")
        if rule == "tokens":  # what a killed writer leaves has another name
            with pytest.raises(TokenStoreError, match="git add"):
                store.find_lock()
    store.check_writable()
    assert store.find_lock() == tmp_path / "private" / ".tokens.lock"
    store.write(CONTENT)
    subprocess.run(["git", "-C", str(tmp_path), "add", "-f", "private/tokens"], check=True)
    for ask in (store.check_writable, store.find_lock):
        with pytest.raises(TokenStoreError, match="git tracks it"):
            ask()
    assert store.read() == CONTENT  # a token that lasts is used


def test_a_file_or_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(tmp_path / "tokens")
    store.write(CONTENT)
    monkeypatch.setattr(file_store.os, "geteuid", lambda: 4711)
    assert "its directory belongs to another user" in refused(store)
    monkeypatch.undo()
    if os.getuid() == 0:
        os.chown(tmp_path / "tokens", 4711, 0)
        assert "it belongs to another user" in refused(store)


def test_links_and_what_is_not_a_file_are_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(CONTENT)
    (tmp_path / "link").symlink_to(elsewhere)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "in").symlink_to(tmp_path / "folder")
    for name in ("link", "folder", "pipe", "in/tokens"):
        for content in (None, b"new"):
            text = refused(FileStore(tmp_path / name), content)
            assert "it is a symbolic link" in text or "it is not a file" in text
    assert elsewhere.read_bytes() == CONTENT


def test_a_store_that_cannot_be_read_or_written_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(tmp_path / "tokens\x1b[2J")
    store.write(b"x" * (MAX_STORED + 1))
    assert refused(store) == f"cannot use the token store {tmp_path}/tokens\\u{{1b}}[2J: it is larger than 512 KiB"

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file_store.os, "fsync", fail)
    assert refused(store, CONTENT).endswith("No space left on device (ENOSPC)")
    assert len(names(tmp_path)) == 1


def test_a_check_leaves_what_is_stored(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "made" / "tokens")
    store.check_writable()
    assert names(tmp_path / "made") == []
    store.write(b"one")
    store.check_writable()
    assert store.read() == b"one"
    assert names(tmp_path / "made") == ["tokens"]


def test_a_check_leaves_what_another_process_is_writing(tmp_path: Path) -> None:
    half = tmp_path / ".tokens.new"
    half.write_bytes(b"half")
    FileStore(tmp_path / "tokens").check_writable()
    assert half.read_bytes() == b"half"
    assert names(tmp_path) == [".tokens.new"]


def test_a_check_finds_what_a_write_would(tmp_path: Path) -> None:
    (tmp_path / "tokens").mkdir()
    with pytest.raises(TokenStoreError, match="it is not a file"):
        FileStore(tmp_path / "tokens").check_writable()
    with pytest.raises(TokenStoreError, match="cannot write"):
        FileStore(Path("/proc/tokens")).check_writable()
