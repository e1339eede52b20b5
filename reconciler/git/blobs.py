"""The ids of files as git computes them, and the files of a commit by these ids. Nothing is written or fetched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.git.process import GitCommandError
from reconciler.git.repository import find_tree, list_entries, list_named_entries, parse_object_id, read_contents

_SHA256_DIGITS = 64


class CommitFiles:
    """The files that a commit has in a directory. Raises `RepositoryError` if git cannot tell."""

    def __init__(self, directory: Path, commit: str, names: Sequence[str] | None = None) -> None:
        """`names`: only these files; None: all."""
        self._directory = directory
        try:
            identity = parse_object_id(commit.encode("ascii", "replace"))
            if names is not None:
                entries = list_named_entries(directory, identity, names)
            else:
                tree = find_tree(directory, identity)
                entries = list_entries(directory, tree) if tree is not None else []
        except GitCommandError as exc:
            raise RepositoryError(f"commit {commit[:12]} cannot be read here: {exc}", "Fetch the history.") from exc
        self._entries = {os.fsdecode(entry.name): entry for entry in entries}

    @property
    def ids(self) -> dict[str, str]:
        """The id of each regular file, by its name relative to the directory."""
        return {name: entry.oid.decode("ascii") for name, entry in self._entries.items() if not entry.is_link}

    @property
    def links(self) -> dict[str, str]:
        """The id of each symbolic link, whose content is where it leads, by its name relative to the directory."""
        return {name: entry.oid.decode("ascii") for name, entry in self._entries.items() if entry.is_link}

    def read(self, names: Iterable[str], limit: int) -> dict[str, bytes]:
        """Return the bytes of files, of at most `limit` bytes in all."""
        wanted = [self._entries[name] for name in names]
        if sum(entry.size for entry in wanted) > limit:
            raise RepositoryError("the files of the commit are too large", "")
        try:
            return {os.fsdecode(entry.name): content for entry, content in read_contents(self._directory, wanted)}
        except GitCommandError as exc:
            raise RepositoryError(f"files of the commit cannot be read: {exc}", "Fetch the history.") from exc


def compute_blob_id(content: bytes, like: str) -> str:
    """Return git's id of a file with these bytes, in the hash function of the id `like`."""
    head = b"blob %d\0" % len(content)
    is_sha256 = len(like) == _SHA256_DIGITS
    digest = hashlib.sha256(head) if is_sha256 else hashlib.sha1(head, usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()
