"""Read files with a size limit; write them as a whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from reconciler.errors import PlanFileError

_MAX_BYTES = 1024 * 1024 * 1024


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path`, readable by its owner only; a crash leaves the old file or the new one.

    It replaces a regular file only: root's `-o /dev/null` must not replace the device. Raises `PlanFileError`.
    """
    write_private_bytes(path, text.encode())


def write_private_bytes(path: Path, content: bytes) -> None:
    """The same for bytes."""
    if _is_special(path):
        raise PlanFileError(f"cannot write {path}: not a regular file", "Choose another path.")
    _write(path, content, 0o600)


def _is_special(path: Path) -> bool:
    """Return whether `path` is neither a file nor a directory: a device, a pipe, a link."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, readable by all users unless the file was not; a crash leaves the old file or the new."""
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
        raise PlanFileError(f"cannot write {path}: {exc.strerror}", "Choose another path.") from exc


def sync_directory(path: Path) -> None:
    """Force the names in a directory onto the disk, if the file system can."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_file(path: Path) -> bytes:
    """Return the bytes of a plan or receipt. Raises `PlanFileError` if it cannot be read or is larger than 1 GiB."""
    try:
        if not path.is_file():
            raise PlanFileError(f"there is no file {path}", "Make a plan with `reconciler plan -o FILE`.")
        if path.stat().st_size > _MAX_BYTES:
            raise PlanFileError(f"{path} is larger than 1 GiB", "A plan is smaller: check the path.")
        return path.read_bytes()
    except OSError as exc:
        raise PlanFileError(f"cannot read {path}: {exc.strerror}", "Check its permissions.") from exc
