"""Directories and files that only this user can read and change; whatever is not so is refused.

Everything is opened relative to a directory that is open and was checked, so that replacing a directory by a link has
no effect. All functions raise `OSError`, also for what is refused.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
TEMPORARY = "."
"""How the names of files begin that are not written completely."""


@contextmanager
def open_private(path: Path, *, create: bool = False) -> Iterator[int]:
    """Open a directory that only we can list, in one that only we can change."""
    if create:
        make_ours(path.parent)
    with open_unchangeable(path.parent) as above:
        try:
            folder = os.open(path.name, _DIRECTORY, dir_fd=above)
        except FileNotFoundError:
            if not create:
                raise
            with suppress(FileExistsError):  # another process just made it
                os.mkdir(path.name, 0o700, dir_fd=above)
            folder = os.open(path.name, _DIRECTORY, dir_fd=above)
        try:
            _check(folder, _FOR_OTHERS)
            yield folder
        finally:
            os.close(folder)


def make_ours(path: Path) -> None:
    """Make a directory and its missing parents in one that is ours: root leaves nothing in a user's directories."""
    if os.path.lexists(path):
        return
    make_ours(path.parent)
    if path.parent.stat().st_uid != os.geteuid():
        raise _refuse("not ours")
    path.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def open_unchangeable(path: Path) -> Iterator[int]:
    """Open a directory that only we can change."""
    folder = os.open(path, _DIRECTORY)
    try:
        _check(folder, _WRITABLE_BY_OTHERS)
        yield folder
    finally:
        os.close(folder)


def read_private(folder: int, name: str, limit: int) -> bytes:
    """Return the bytes of a file that only we can read, of at most `limit` bytes."""
    # Not blocking: a named pipe in its place would hang.
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            raise _refuse("not a file of this size")
        _check(handle, _FOR_OTHERS)
        return file.read(limit)


def write_private(folder: int, name: str, parts: list[bytes], *, replace: bool = True) -> None:
    """Write a file that only we can read: completely or not at all. Without `replace`, `FileExistsError` if it exists.

    It is not forced onto the disk: after a power failure it may be empty or cut off, which its reader must notice.
    """
    temporary = f"{TEMPORARY}{name}.{secrets.token_hex(8)}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
        if replace:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.unlink(temporary, dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _check(handle: int, forbidden: int) -> None:
    found = os.fstat(handle)
    if found.st_uid != os.geteuid() or found.st_mode & forbidden:
        raise _refuse("not private")


def _refuse(why: str) -> OSError:
    return OSError(errno.EPERM, why)
