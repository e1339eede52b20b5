"""Blocks are in files without names, and what goes wrong with them has a way out."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from reconciler.disk_blocks import open_block, take_warning
from reconciler.errors import MachineLimitError


def count_handles() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_what_is_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    block, other = open_block(), open_block()
    block.write(1 << 40, b"far")
    block.write(0, bytearray(b"near"))
    assert block.read(0, 6) == b"near\0\0"
    assert block.read((1 << 40) - 1, 5) == b"\0far\0"
    assert other.read(0, 4) == bytes(4)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_closed_with_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = count_handles()
    block = open_block()
    assert count_handles() == before + 1
    del block
    assert count_handles() == before


def test_without_a_folder_blocks_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    block = open_block()
    block.write(1 << 40, b"far")
    assert block.read(1 << 40, 3) == b"far"
    open_block()
    found = take_warning()
    assert found is not None
    gone = tmp_path / "gone"
    assert found.summary == (
        f'no temporary file can be made in TMPDIR, "{gone}", so users are kept in memory: No such file or directory'
    )
    assert found.detail.startswith("Set TMPDIR to a folder on a disk that can be written, or unset it")
    assert take_warning() is None


def test_with_a_folder_there_is_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    open_block()
    assert take_warning() is None


def test_without_a_folder_and_memory_it_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(MachineLimitError, match=r"no temporary file can be made in .*gone") as found:
        open_block()
    assert "TMPDIR" in str(found.value.detail)


def test_the_folder_is_on_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    monkeypatch.delenv("TMPDIR", raising=False)
    make = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **more: (used.append(more["dir"]), make(**more))[1])
    open_block()
    assert used == ["/var/tmp"]  # noqa: S108


def test_a_full_disk_is_one_error_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    block = open_block()

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    monkeypatch.setattr(os, "pread", refuse)
    for use in (lambda: block.write(0, b"x"), lambda: block.read(0, 1)):
        with pytest.raises(MachineLimitError, match=r"a temporary file in .* \(ENOSPC\)") as found:
            use()
        assert "Free some space there" in str(found.value.detail)


def test_what_comes_in_parts_is_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    read, write = os.pread, os.pwrite
    monkeypatch.setattr(os, "pread", lambda handle, length, start: read(handle, min(length, 2), start))
    monkeypatch.setattr(os, "pwrite", lambda handle, content, start: write(handle, content[:2], start))
    block = open_block()
    block.write(3, b"several")
    assert block.read(3, 7) == b"several"
