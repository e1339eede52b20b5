"""Files, written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from reconciler.errors import PlanFileError

_MAX_BYTES = 1024 * 1024 * 1024


def write_private(path: Path, text: str) -> None:
    """Writes `text` to `path`, readable by its owner only; a crash leaves the old file or the new one.

    It takes the place of a regular file only: root's `-o /dev/null` must not make a file of the device.
    """
    write_private_bytes(path, text.encode())


def write_private_bytes(path: Path, content: bytes) -> None:
    """The same for bytes."""
    if _is_special(path):
        raise PlanFileError(f"cannot write {path}: not a regular file", "Choose another place.")
    _write(path, content, 0o600)


def _is_special(path: Path) -> bool:
    """Whether `path` is a device, a pipe, a link: neither a file nor a directory."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path`, readable by everybody unless the file was not; else as `write_private`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """The same for bytes."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        mode = 0o644
    _write(path, content, mode)


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes files of mode 0600.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(temporary).replace(path)
            sync_directory(path.parent)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise PlanFileError(f"cannot write {path}: {exc.strerror}", "Choose another place.") from exc


def sync_directory(path: Path) -> None:
    """Forces the names in a directory onto the disk, where the file system can."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_file(path: Path) -> bytes:
    """The bytes of a plan or receipt."""
    try:
        if not path.is_file():
            raise PlanFileError(f"there is no file {path}", "Make a plan with `reconciler plan -o FILE`.")
        if path.stat().st_size > _MAX_BYTES:
            raise PlanFileError(f"{path} is larger than 1 GiB", "That is not a plan.")
        return path.read_bytes()
    except OSError as exc:
        raise PlanFileError(f"cannot read {path}: {exc.strerror}", "Check that it may be read.") from exc
