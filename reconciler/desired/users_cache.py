"""Read the users of a file from the parse cache, or parse the file and cache what it has.

What is cached depends on the bytes of the file and on the program alone: source users without mappings, scope or other
files. All checks of them run again.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reconciler import __version__
from reconciler.core.model import Diagnostic, SourceUser
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.yaml_reader import Report

if TYPE_CHECKING:
    from reconciler.desired.parsed_users import UsersPacker

ParseUsers = Callable[["UsersPacker"], Iterator[SourceUser]]


class UsersCache(Protocol):
    """Keeps bytes by key. `size`: of the file that they are about."""

    smallest_state: int
    """Bytes of users that are read before this is: a small desired state is parsed before a cache is open."""
    smallest_file: int
    """Bytes of a file. A smaller one is parsed in the time that an entry takes to be read."""

    def read(self, key: str, size: int, *, counts: bool = True) -> memoryview | None:
        """Return what was written for `key`, unchanged; None if there is nothing.

        `counts`: whether the file is counted. Each is once, however many entries are about it.
        """

    def count(self, size: int) -> None:
        """Count a file."""

    def write(self, key: str, size: int, content: bytes) -> None:
        """Keep `content` for `key`, if that is possible."""

    def prune(self) -> None:
        """Remove what is old or too much."""


@dataclass(frozen=True, slots=True)
class UsersFile:
    """A file of users: its name, its size in bytes, and its sha256."""

    name: str
    size: int
    digest: str


class CachedReader:
    """Reads files of users through a cache, once enough was read that it pays."""

    def __init__(self, entries: UsersCache) -> None:
        self._entries = entries
        self._read = 0

    def pays(self, size: int) -> bool:
        """Whether to use the cache for the next file, of `size` bytes."""
        self._read += size
        return self._read >= self._entries.smallest_state and size >= self._entries.smallest_file

    def read(self, file: UsersFile, keys: UserKeys, parse: ParseUsers) -> Iterator[SourceUser]:
        """Yield the users of `file`. `parse` reads them from the file, and packs them for the cache."""
        # msgspec takes 50 ms to import, and small desired states do without it.
        from reconciler.desired.parsed_users import UsersPacker, unpack_users  # noqa: PLC0415

        key = f"{fingerprint_program('core', 'desired')} {file.digest}"
        known = self._entries.read(key, file.size)
        count = 0
        if known is not None:
            for users in unpack_users(known, file.name, keys):
                if users is None:
                    break
                yield from users
                count += len(users)
            else:
                return
        packer = UsersPacker()
        yield from islice(parse(packer), count, None)
        packed = packer.finish()
        if packed is not None:
            self._entries.write(key, file.size, packed)

    def close(self) -> None:
        """Remove old entries, after all files."""
        self._entries.prune()


def discard_first(packer: UsersPacker | None, report: Report) -> Report:
    """Return `report`, after which a file is not cached."""
    if packer is None:
        return report

    def discard_and_report(diagnostic: Diagnostic) -> None:
        packer.discard()
        report(diagnostic)

    return discard_and_report


@cache
def fingerprint_program(*folders: str) -> str:
    """Return a digest of all that decides what users are parsed from bytes, with the source in these folders.

    It is the version and, because development changes the program under the same version, its source.
    """
    from _ruamel_yaml import get_version_string  # noqa: PLC0415
    from pydantic import VERSION  # noqa: PLC0415

    from reconciler.desired.parsed_users import FORMAT  # noqa: PLC0415

    digest = hashlib.sha256()
    for part in (str(FORMAT), __version__, platform.python_version(), str(VERSION), str(get_version_string())):
        digest.update(part.encode() + b"\0")
    package = Path(__file__).parents[1]
    for folder in folders:
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
