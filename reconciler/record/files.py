"""Read files with a size limit; write them as a whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reconciler.core.system_limits import advise, describe_os_error, is_exhaustion
from reconciler.errors import PlanFileError

_MEBIBYTE = 1024 * 1024
_MAX_BYTES = 1024 * _MEBIBYTE


def make_private_directory(path: Path) -> None:
    """Make a directory and its missing parents, for their owner only whatever the umask is. Raises `OSError`.

    Existing ones stay as they are: git checks directories out for all users.
    """
    if not path.is_dir() and path != path.parent:
        # `parents=True` makes the parents for all users.
        make_private_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def is_open_to_all(path: Path | str) -> bool:
    """Return whether every user of this machine may put files into a directory; False if there is none."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - of very many
    except OSError:
        return False
    return stat.S_ISDIR(mode) and bool(mode & stat.S_IWOTH)


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path`, readable by its owner only; a crash leaves the old file or the new one.

    It replaces a regular file only: root's `-o /dev/null` must not replace the device. Raises `PlanFileError`.
    """
    write_private_pieces(path, (text.encode(),))


def write_private_bytes(path: Path, content: bytes) -> None:
    """The same for bytes."""
    write_private_pieces(path, (content,))


def write_private_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """The same for bytes that come in pieces. What raises while they come leaves the old file."""
    if _is_special(path):
        raise PlanFileError(f"cannot write {path}: not a regular file", "Choose another path.")
    with _write_errors(path):
        make_private_directory(path.parent)
        _write(path, pieces, 0o600)


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
    mode = 0o644
    with _write_errors(path):
        if path.exists():
            mode = path.stat().st_mode & 0o777
            if not path.is_file() and not path.is_dir():
                raise PlanFileError(f"cannot write {path}: not a regular file", "Choose another path.")
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, (content,), mode)


def _write(path: Path, pieces: Iterable[bytes], mode: int) -> None:
    # mkstemp makes files of mode 0600.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        sync_directory(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise PlanFileError(
            f"cannot write {path}: {describe_os_error(exc)}", advise(exc, "Choose another path.")
        ) from exc


def sync_directory(path: Path) -> None:
    """Force the names in a directory onto the disk, if the file system can.

    Raises `OSError` if the machine has run out of files or space.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as exc:
        if is_exhaustion(exc):
            raise


def read_file(path: Path | str, limit: int = _MAX_BYTES) -> bytes:
    """Return the bytes of a plan or receipt. Raises `PlanFileError` if it cannot be read or is larger than `limit`.

    A pipe, a device or a socket in its place is refused: reading one may never end.
    """
    pieces: list[bytes] = []
    try:
        with _open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            too_large = size > limit
            # Room for a mebibyte costs more than to read a receipt, and there are very many.
            room = min(size + 1, _MEBIBYTE)
            while not too_large and (piece := file.read(room)):
                pieces.append(piece)
                too_large = sum(map(len, pieces)) > limit
    except FileNotFoundError as exc:
        raise PlanFileError(f"there is no file {path}", "Make a plan with `reconciler plan -o FILE`.") from exc
    except OSError as exc:
        raise PlanFileError(
            f"cannot read {path}: {describe_os_error(exc)}", advise(exc, "Check its permissions.")
        ) from exc
    if too_large:
        raise PlanFileError(f"{path} is larger than {limit // _MEBIBYTE:,} MiB", "Check the path.")
    return b"".join(pieces)


def read_beginning(path: Path | str, size: int, *, follow_links: bool = True) -> bytes | None:
    """Return the first `size` bytes of a file; None if there is no regular file that can be read.

    `follow_links`: whether the file itself may be a link; those of others may not.
    """
    try:
        # There are very many: a file object costs more than to read.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow_links else os.O_NOFOLLOW))
    except OSError:
        return None
    try:
        return os.read(handle, size) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(handle)


def _open_regular(path: Path | str) -> IO[bytes]:
    """Open a file to read. Raises `PlanFileError` if it is anything else, `OSError` if it cannot be opened."""
    # Not blocking: a named pipe without a writer would hang. Some files of /proc wait for content, too.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise PlanFileError(f"{path} is not a regular file", "Only regular files are read.")


def append_private(path: Path) -> int:
    """Open a file to append to, made for its owner only; return its handle. Raises `OSError`, also for a link.

    A pipe, a device or a socket in its place is refused: a receipt in it would prove nothing.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "not a regular file")
