"""The parse cache: files in `.reconciler/cache`, next to the desired state, that any failure makes as good as absent.

An entry is a file named after its key and authenticated by `cache_key`: one that was cut off, changed, moved, or made
by another user, job or program is not used. Entries hold personal data and are readable by their owner only.
"""

from __future__ import annotations

import hmac
import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from math import inf
from pathlib import Path

from reconciler.desired.tenant_folder import find_private_folder
from reconciler.session.cache_key import KeyPlace, find_key_place, read_key
from reconciler.session.private_directory import open_private, read_private, write_private

SWITCH = "RECONCILER_NO_CACHE"
_MEBIBYTE = 1024 * 1024
_MAGIC = b"RCNCLR1\n"
_MAC = 32
_DAY = 86_400
_HOUR = 3600
_LONGEST_UNUSED = 30 * _DAY
_TIMES_OF_USERS = 4
"""How many times the size of the users' files all entries may have, and within which bounds."""
_SMALLEST_TOTAL, _LARGEST_TOTAL = 64 * _MEBIBYTE, 2048 * _MEBIBYTE
_MOST_ENTRIES = 50_000
_SIZE = "size of the users' files"
"""The key of the entry that says how large they were, at most, in the commands of the last month."""
_LEAVE_FREE = 256 * _MEBIBYTE
"""Of the file system: receipts of applies need it more."""
_MARKS = {".gitignore": b"*\n", "CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\n"}
_ENTRY = re.compile(r"(?P<temporary>\.)?[0-9a-f]{40}(?(temporary)\.[0-9a-f]{16})")


def build_parse_cache(
    state: Path, *, off: bool = False, environment: Mapping[str, str] = os.environ
) -> ParseCache | None:
    """Return the cache of the desired state `state`; None if it is off, or nothing is private to this user or job."""
    if off or environment.get(SWITCH):
        return None
    place = find_key_place(state, environment)
    return None if place is None else ParseCache(find_private_folder(state) / "cache", place)


class ParseCache:
    """Keeps bytes by key. Nothing here fails: without a usable directory or key there is nothing, and stays nothing."""

    smallest_state = 256 * 1024
    smallest_file = 4096

    def __init__(self, folder: Path, place: KeyPlace, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._place = place
        self._clock = clock
        self._of_users = 0
        self._wrote = False
        self._is_writable = True

    @cached_property
    def _secret(self) -> bytes | None:
        try:
            return read_key(self._place)
        except OSError:
            return None

    def read(self, key: str, size: int, *, counts: bool = True) -> memoryview | None:
        """Return what was written for `key`, unchanged; None if there is nothing.

        `size`: of the file it is about. `counts`: whether it is read for the first time in this command.
        """
        if counts:
            self.count(size)
        return self._read(key, size)

    def count(self, size: int) -> None:
        """Count a file of this size as one of the users' files, by which it is judged what is too large."""
        self._of_users += size

    def _read(self, key: str, size: int, *, is_use: bool = True) -> memoryview | None:
        if self._secret is None:
            return None
        name = self._name(self._secret, key)
        try:
            with open_private(self._folder) as folder:
                content = memoryview(read_private(folder, name, _bound(size)))
                if is_use:
                    self._note_use(folder, name)
        except OSError:
            return None
        head = len(_MAGIC) + _MAC
        payload = content[head:]
        expected = _MAGIC + self._authenticate(self._secret, name, payload)
        return payload if hmac.compare_digest(content[:head], expected) else None

    def write(self, key: str, size: int, content: bytes) -> None:
        """Keep `content` for `key`, if that is possible. `size`: of the file it is about."""
        if self._secret is None or not self._is_writable or len(content) > _bound(size) - len(_MAGIC) - _MAC:
            return
        name = self._name(self._secret, key)
        mac = self._authenticate(self._secret, name, memoryview(content))
        try:
            with open_private(self._folder, create=True) as folder:
                _check_space(folder, len(content))
                if not self._wrote:
                    _write_marks(folder)
                self._wrote = True
                write_private(folder, name, [_MAGIC, mac, content])
        except OSError:
            self._is_writable = False

    def prune(self) -> None:
        """Remove entries that are old, or the oldest if all are too large; only after some were written.

        What is too large is judged by the largest desired state of the last month: this command may have read little.
        """
        largest = self._note_size() if self._is_large or self._wrote else 0
        if not self._wrote:
            return
        try:
            with open_private(self._folder) as folder:
                self._prune(folder, largest)
        except OSError:
            return

    @property
    def _is_large(self) -> bool:
        """Whether the users' files are so large that the least that entries may have is not enough."""
        return _TIMES_OF_USERS * self._of_users > _SMALLEST_TOTAL

    def _note_size(self) -> int:
        """Note how large the users' files are; return how large they were at most in the last month."""
        known, age = self._read(_SIZE, 0, is_use=False), self._find_age(_SIZE)
        noted = int(known) if known is not None and bytes(known).isdigit() and age <= _LONGEST_UNUSED else 0
        largest = max(noted, self._of_users)
        # Less than half: a part of them, or a state that shrank, which is believed after a month.
        if self._is_large and 2 * self._of_users >= noted and (largest > noted or age > _DAY):
            self.write(_SIZE, 0, str(largest).encode())
        return largest

    def _find_age(self, key: str) -> float:
        """Return how many seconds ago an entry was written; of one that is not there, for ever."""
        try:
            with open_private(self._folder) as folder:
                name = self._name(self._secret or b"", key)
                return self._clock() - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
        except OSError:
            return inf

    @staticmethod
    def _name(secret: bytes, key: str) -> str:
        return hmac.digest(secret, b"name\0" + key.encode(), "sha256").hex()[:40]

    @staticmethod
    def _authenticate(secret: bytes, name: str, content: memoryview) -> bytes:
        code = hmac.new(secret, b"entry\0" + name.encode() + b"\0", "sha256")
        code.update(content)
        return code.digest()

    def _note_use(self, folder: int, name: str) -> None:
        """Keep an entry that is used from growing old."""
        now = self._clock()
        if now - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime > _DAY:
            os.utime(name, (now, now), dir_fd=folder, follow_symlinks=False)

    def _prune(self, folder: int, largest: int) -> None:
        now = self._clock()
        kept: list[tuple[float, int, str]] = []
        size = self._name(self._secret or b"", _SIZE)
        for name in os.listdir(folder):
            entry = _ENTRY.fullmatch(name)
            if entry is None:
                continue
            try:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:  # another run removed it
                continue
            longest = _HOUR if entry["temporary"] else _LONGEST_UNUSED
            if not stat.S_ISREG(found.st_mode) or now - found.st_mtime > longest:
                _remove(folder, name)
            elif name != size:
                kept.append((found.st_mtime, found.st_size, name))
        _remove_oldest(folder, kept, largest)


def _remove_oldest(folder: int, kept: list[tuple[float, int, str]], of_users: int) -> None:
    """Remove the oldest of `kept` (time, size, name) beyond what users' files of `of_users` bytes may have."""
    limit = min(max(_TIMES_OF_USERS * of_users, _SMALLEST_TOTAL), _LARGEST_TOTAL)
    total, count = sum(size for _, size, _ in kept), len(kept)
    for _, size, name in sorted(kept):
        if total <= limit and count <= _MOST_ENTRIES:
            return
        _remove(folder, name)
        total, count = total - size, count - 1


def _bound(size: int) -> int:
    """Return how large the entry of a file of `size` bytes may be: a larger one would not pay."""
    return 2 * size + 4096


def _write_marks(folder: int) -> None:
    """Keep git from committing entries, and backup programs from copying them."""
    there = set(os.listdir(folder))
    for name, content in _MARKS.items():
        if name not in there:
            write_private(folder, name, [content])


def _check_space(folder: int, size: int) -> None:
    """Raise `OSError` if `size` bytes would leave too little of the file system."""
    space = os.fstatvfs(folder)
    if space.f_bavail * space.f_frsize < size + _LEAVE_FREE:
        raise OSError


def _remove(folder: int, name: str) -> None:
    """Remove an entry; a directory of its name stays."""
    try:
        os.unlink(name, dir_fd=folder)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        return
