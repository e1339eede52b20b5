"""Keep the token document in a file that only its owner can read or replace."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.core.system_limits import advise, describe_os_error, is_exhaustion
from reconciler.core.text import escape_control
from reconciler.errors import TargetError
from reconciler.git.ignored import find_unignored, is_tracked
from reconciler.oauth.token_document import MAX_BYTES
from reconciler.record.files import make_private_directory

MAX_STORED = 2 * MAX_BYTES
"""Bytes of a stored document, which may be encrypted."""
_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_PRIVATE = 0o600
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_ANOTHER_PLACE = "Set RECONCILER_TOKEN_STORE to a file in a directory of yours."


class TokenStoreError(TargetError):
    """The token store cannot be read or written. Exit code 1."""


class FileStore:
    """A file of mode 0600. It is replaced as a whole: a crash leaves the old document or the new one.

    One writer at a time: a second one would remove the temporary file of the first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # A fixed name, so that what a killed process left is removed by the next one.
        self._temporary = f".{path.name}.new"
        self.name = f"the token store {escape_control(str(path))}"

    def read(self) -> bytes | None:
        """Return what is stored; None if nothing is. Raises `TokenStoreError`."""
        with self._errors("read"), suppress(FileNotFoundError), self._open_directory() as directory:
            return self._read(directory)
        return None

    def write(self, content: bytes) -> None:
        """Replace what is stored, on the disk before this returns. Raises `TokenStoreError`."""
        with self._errors("write"):
            make_private_directory(self._path.parent)
            with self._open_directory() as directory:
                self._check_kind(directory)
                self._replace(directory, content)

    def find_lock(self) -> Path:
        """Return the file to lock while the tokens are replaced, next to them: every process that shares them finds it.

        Makes the directory. Raises `TokenStoreError` if others could put something in the place of the lock.
        """
        with self._errors("write"):
            make_private_directory(self._path.parent)
            with self._open_directory():
                self._check_git()
                return self._path.with_name(f".{self._path.name}.lock")

    def check_writable(self) -> None:
        """Raise `TokenStoreError` if `write` would fail. Leaves what is stored, and what another process writes."""
        with self._errors("write"):
            make_private_directory(self._path.parent)
            with self._open_directory() as directory:
                self._check_kind(directory)
                self._check_git()
                name = f"{self._temporary}.{os.getpid()}"  # a name of its own: `check` does not hold the lock
                os.close(os.open(name, _NEW_FILE, _PRIVATE, dir_fd=directory))
                os.unlink(name, dir_fd=directory)

    @contextmanager
    def _open_directory(self) -> Iterator[int]:
        handle = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            self._check_directory(os.fstat(handle))
            yield handle
        finally:
            os.close(handle)

    def _check_directory(self, found: os.stat_result) -> None:
        if found.st_uid != os.geteuid():
            raise self._unusable("its directory belongs to another user")
        if found.st_mode & _OTHERS_WRITE:
            raise self._unusable(
                "other users can replace files in its directory",
                f"Run chmod 700 {escape_control(str(self._path.parent))}, or choose a directory of your own.",
            )

    def _read(self, directory: int) -> bytes:
        self._check_kind(directory)
        # Not blocking: a named pipe that was just put there would hang.
        handle = os.open(self._path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
        with os.fdopen(handle, "rb") as file:
            self._check_file(os.fstat(handle))
            content = file.read(MAX_STORED + 1)
        if len(content) > MAX_STORED:
            raise self._unusable(f"it is larger than {MAX_STORED // 1024} KiB")
        return content

    def _check_file(self, found: os.stat_result) -> None:
        if found.st_uid != os.geteuid():
            raise self._unusable("it belongs to another user", "Run the command as its owner.")
        if found.st_mode & _OTHERS:
            raise self._unusable(
                f"other users can read it or write to it (mode {stat.S_IMODE(found.st_mode):04o})",
                f"Run chmod 600 {escape_control(str(self._path))}. If another user may have read it, revoke the\n"
                "connection at the service and run reconciler login.",
            )

    def _check_kind(self, directory: int) -> None:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(os.stat(self._path.name, dir_fd=directory, follow_symlinks=False).st_mode):
                raise self._unusable("it is not a file, or a symbolic link")

    def _check_git(self) -> None:
        """Refuse a place from which the tokens would get into a repository, and to all who can read it."""
        folder, name = self._path.parent, self._path.name
        if is_tracked(folder, name):
            raise self._unusable(
                "git tracks it",
                "Choose a place outside of the repository. If the file was ever pushed, revoke the connection at the\n"
                "service and run reconciler login.",
            )
        if find_unignored(folder, [name, self._temporary]):
            raise self._unusable(
                "it is in a git work tree, and the next git add would take it",
                "Choose a place outside of it, or name its directory in .gitignore.",
            )

    def _replace(self, directory: int, content: bytes) -> None:
        self._remove_temporary(directory)
        handle = os.open(self._temporary, _NEW_FILE, _PRIVATE, dir_fd=directory)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, _PRIVATE)  # whatever the umask is
                file.write(content)
                file.flush()
                os.fsync(handle)
            os.replace(self._temporary, self._path.name, src_dir_fd=directory, dst_dir_fd=directory)
            _sync(directory)
        except BaseException:
            with suppress(OSError):
                self._remove_temporary(directory)
            raise

    def _remove_temporary(self, directory: int) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._temporary, dir_fd=directory)

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            linked = exc.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)
            why = "it is a symbolic link, or not in a directory" if linked else describe_os_error(exc)
            raise TokenStoreError(f"cannot {verb} {self.name}: {why}", advise(exc, _ANOTHER_PLACE)) from exc

    def _unusable(self, why: str, next_step: str = _ANOTHER_PLACE) -> TokenStoreError:
        return TokenStoreError(f"cannot use {self.name}: {why}", next_step)


def _sync(directory: int) -> None:
    """Force the names in a directory onto the disk, if the file system can."""
    try:
        os.fsync(directory)
    except OSError as exc:
        if is_exhaustion(exc):
            raise
