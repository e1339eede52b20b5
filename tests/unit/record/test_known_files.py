import hashlib
import os
from pathlib import Path

import pytest
from support.memory_cache import MemoryCache

from reconciler.errors import PlanFileError
from reconciler.record import known_files
from reconciler.record.files import read_file
from reconciler.record.known_files import KnownFiles, read_stamp


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that has been at rest for long."""
    monkeypatch.setattr(known_files, "_AT_REST", -60.0)
    path = tmp_path / "a" / "receipt.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"one")
    return path


def digest(path: Path, store: MemoryCache | None) -> tuple[bytes, bool]:
    """The digest of a file, and whether it was read."""
    files = KnownFiles(path.parents[1], store, "receipts")
    found, content = files.digest(path)
    files.save()
    return found, content is not None


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def test_a_file_that_did_not_change_is_not_read_again(path: Path) -> None:
    store = MemoryCache()
    assert digest(path, store) == (sha256(b"one"), True)
    assert digest(path, store) == (sha256(b"one"), False)
    assert store.counted == 0, "it is no file of users"


def test_without_a_store_each_file_is_read(path: Path) -> None:
    assert [digest(path, None) for _ in range(2)] == [(sha256(b"one"), True)] * 2


def overwrite(path: Path) -> None:
    path.write_bytes(b"two")


def forge(path: Path) -> None:
    """As someone who hides that it was changed."""
    found = path.stat()
    with path.open("r+b") as file:
        file.write(b"two")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert path.stat().st_mtime_ns == found.st_mtime_ns


def put_another(path: Path) -> None:
    found, other = path.stat(), path.with_name("other")
    other.write_bytes(b"two")
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(path)


def put_a_link(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"two")
    path.unlink()
    path.symlink_to(other)


@pytest.mark.parametrize("change", [overwrite, forge, put_another, put_a_link])
def test_a_file_that_changed_is_read_again(path: Path, change: object) -> None:
    store = MemoryCache()
    digest(path, store)
    assert callable(change)
    change(path)
    assert digest(path, store) == (sha256(b"two"), True)


def test_a_file_that_changed_a_moment_ago_is_not_known(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryCache()
    monkeypatch.setattr(known_files, "_AT_REST", 60.0)
    assert [digest(path, store) for _ in range(2)] == [(sha256(b"one"), True)] * 2
    assert store.entries == {}


def test_a_file_that_changes_while_it_is_read_is_not_known(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> bytes:
        content = read_file(path)
        overwrite(path)
        return content

    store = MemoryCache()
    with monkeypatch.context() as patch:
        patch.setattr(known_files, "read_file", read)
        digest(path, store)
    assert digest(path, store) == (sha256(b"two"), True)


def test_files_of_another_directory_are_others(path: Path, tmp_path: Path) -> None:
    store = MemoryCache()
    digest(path, store)
    assert KnownFiles(tmp_path, store, "plans").digest(path)[1] == b"one"
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    moved.mkdir()
    (tmp_path / "a").rename(moved / "a")
    assert KnownFiles(moved, store, "receipts").digest(moved / "a" / "receipt.jsonl")[1] == b"one"


def test_what_is_no_longer_there_is_forgotten(path: Path) -> None:
    store = MemoryCache()
    digest(path, store)
    path.parent.rename(path.parent.with_name("b"))
    digest(path.parents[1] / "b" / "receipt.jsonl", store)
    (content,) = store.entries.values()
    assert b"a/receipt.jsonl" not in content
    assert b"b/receipt.jsonl" in content


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x81\xc4\x01a\x01"])
def test_what_cannot_be_decoded_is_as_good_as_absent(path: Path, content: bytes) -> None:
    store = MemoryCache()
    digest(path, store)
    store.entries = dict.fromkeys(store.entries, content)
    assert digest(path, store) == (sha256(b"one"), True)


def test_a_file_that_cannot_be_read_is_an_error_although_it_was_known(path: Path) -> None:
    store = MemoryCache()
    digest(path, store)
    path.unlink()
    with pytest.raises(PlanFileError):
        digest(path, store)
    os.mkfifo(path)
    assert read_stamp(path) is None
    with pytest.raises(PlanFileError, match="not a regular file"):
        digest(path, store)


def test_names_that_are_not_utf_8_are_known(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = path.with_name("\udcff")
    path.rename(other)
    store = MemoryCache()
    digest(other, store)
    assert digest(other, store) == (sha256(b"one"), False)
