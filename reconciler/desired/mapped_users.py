"""Read the users of a large directory from the rows to which their files were mapped before.

A file that is as it was, under the same settings, scope, groups and mappings, has the same rows, and need not be parsed
and mapped. That holds only while its users do not concern those of other files: names are compared by their hashes, and
when anything is unusual, all users are read and compared in the ordinary way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from reconciler.core.model import NO_LIFECYCLE, DesiredUser, SourceUser
from reconciler.desired.content import StateContent
from reconciler.desired.loader import BrokenState, Preparation
from reconciler.desired.mapped_file import MappedFile, pack_file, unpack_file
from reconciler.desired.name_hashes import NameHashes
from reconciler.desired.user_rows import Shape
from reconciler.desired.user_table import Chunk, ChunkWriter, UserSink
from reconciler.desired.users_cache import UsersCache, UsersFile, fingerprint_program
from reconciler.disk_blocks import open_block

_MAX_SHAPES = 1000
"""Of all rows that were kept."""
_FOLDERS = ("core", "desired", "expressions", "profiles")
_LIBRARIES = ("google-re2", "jinja2", "lark", "msgspec", "pydantic")
"""Those that decide what a mapping gives."""


def read_rows(preparation: Preparation, sink: UserSink, *, checked_out: bool = True) -> StateContent | BrokenState:
    """Read and check all users of a directory, and give them to `sink`. `checked_out`: as for `loader.load`.

    The content is returned without them. What `sink` was given does not count if the state is broken.
    """
    directory = preparation.directory
    entries = None if directory.watch is not None else directory.cache
    program = None if entries is None else _fingerprint_mapping()
    if entries is None or program is None or any(row.uses_now for row in preparation.mappings):
        return preparation.read_content(sink.append, checked_out=checked_out)
    given = _Given(sink)
    attempt = replace(preparation, directory=directory.copy())
    reader = _MappedReader(attempt, _fingerprint_context(program, directory.digests), entries, given)
    if reader.read():
        return attempt.check_content(reader.users, checked_out=checked_out)
    given.begin_again()
    return preparation.read_content(given.append, checked_out=checked_out, before=attempt.directory.digests)


class _Given:
    """Passes users on, without those that were passed on before in an attempt to read the same files."""

    def __init__(self, sink: UserSink) -> None:
        self._sink = sink
        self._count = 0
        self._known = 0

    def begin_again(self) -> None:
        """Expect the users that were given again, one at a time."""
        self._known, self._count = self._count, 0

    def append(self, user: DesiredUser) -> None:
        """Pass a user on."""
        self._count += 1
        if self._count > self._known:
            self._sink.append(user)

    def adopt(self, chunk: Chunk) -> None:
        """Pass the rows of a chunk on."""
        self._count += chunk.count
        self._sink.adopt(chunk)


class _MappedReader:
    """Reads users, those of files that are known as rows."""

    def __init__(self, preparation: Preparation, context: str, entries: UsersCache, sink: UserSink) -> None:
        self._scope = preparation.rules.scope
        self._directory = preparation.directory
        self._entries = entries
        self._sink = sink
        self._today = preparation.now.date()
        self._context = context
        self._names = NameHashes(preparation.directory, open_block)
        self._chunks: list[Chunk] = []
        self._writer = ChunkWriter(self._chunks.append)
        self._shapes: set[Shape] = set()
        self.users = preparation.build_reader(self._writer.append, self._names)

    def read(self) -> bool:
        """Read all users; false if they have to be read again in another way."""
        for file, parse in self._directory.read_user_files(self.users.keys):
            key = f"rows {self._context} {file.digest}"
            packed = self._entries.read(key, file.size, counts=False)
            known = None if packed is None else unpack_file(packed, file.name, self._today)
            if known is None:
                self._map(file, key, parse)
                continue
            self._entries.count(file.size)
            if not self._adopt(known):
                return False
        self.users.finish()
        return self._names.is_unique(self._scope)

    def _adopt(self, file: MappedFile) -> bool:
        """Take the users of a file that is known; false if they would be too unlike each other."""
        self._shapes.update(shape for chunk in file.chunks for shape in chunk.shapes)
        if len(self._shapes) > _MAX_SHAPES:
            return False
        self._names.add(file.names)
        self.users.attributes.update(file.attributes)
        self.users.has_users |= bool(file.chunks)
        for chunk in file.chunks:
            self._sink.adopt(chunk)
        return True

    def _map(self, file: UsersFile, key: str, parse: Callable[[], Iterator[SourceUser]]) -> None:
        """Read the users of a file, and keep their rows if nothing is to be said about them."""
        before, day = self.users.count_findings(), self._today if self._scope.rules.use_today else None
        attributes: set[str] = set()
        for user in parse():
            attributes.update(user.attributes)
            if user.lifecycle is not NO_LIFECYCLE:
                day = self._today
            self.users.add(user)
        self._writer.flush()
        for chunk in self._chunks:
            self._sink.adopt(chunk)
        names = self._names.take()
        if self.users.count_findings() == before:
            packed = pack_file(MappedFile(file.name, day, tuple(sorted(attributes)), names, tuple(self._chunks)))
            if packed is not None:
                self._entries.write(key, file.size, packed)
        self._chunks.clear()


def _fingerprint_context(program: str, digests: dict[str, str]) -> str:
    """Return a digest of all that decides how a file is mapped but the file and the day. `digests`: of other files."""
    return hashlib.sha256(f"{program}\0{json.dumps(digests, sort_keys=True)}".encode()).hexdigest()


@cache
def _fingerprint_mapping() -> str | None:
    """Return a digest of the program; None if a library does not say which version it is."""
    try:
        return " ".join((fingerprint_program(*_FOLDERS), *map(version, _LIBRARIES)))
    except PackageNotFoundError:
        return None
