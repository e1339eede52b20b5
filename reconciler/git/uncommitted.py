"""Compare files that were read with those of the commit that is checked out. Nothing of the repository runs.

The index does not count: what is staged is not committed, and a file marked assume-unchanged can have any content.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.git.blobs import CommitFiles, compute_blob_id
from reconciler.git.index import has_digest
from reconciler.git.repository import find_head_commit


def find_uncommitted(
    directory: Path, read: Mapping[str, str], is_read: Callable[[str], bool], names: Sequence[str] | None = None
) -> list[str]:
    """Return the files of `directory` that are not as in the commit that is checked out, sorted by name.

    `read`: the sha256 of each file that was read. `is_read`: whether a file of this name would be, so that deleted ones
    are found. `names`: only these files can be among them; None: all of the directory. Line ends of any kind are the
    same. Raises `RepositoryError` if git knows no commit.
    """
    commit = find_head_commit(directory)
    if commit is None:
        raise RepositoryError(f"git shows no commit of {directory}", "Put it into a git repository, and commit it.")
    committed = CommitFiles(directory, commit, names)
    deleted = {name for name in (*committed.ids, *committed.links) if is_read(name)} - read.keys()
    return sorted(deleted.union(name for name in read if not _is_committed(directory, name, read[name], committed)))


def _is_committed(directory: Path, name: str, sha256: str, committed: CommitFiles) -> bool:
    """Whether a file has the bytes that were read, and those of the commit; a link, that it and its target do."""
    path = directory / name
    try:
        if path.is_symlink():
            link = committed.links.get(name, "")
            if compute_blob_id(os.fsencode(path.readlink()), link) != link:
                return False
            name = str(path.resolve().relative_to(directory.resolve()))
        content = path.read_bytes()
    except (OSError, ValueError):
        return False
    return hashlib.sha256(content).hexdigest() == sha256 and has_digest(content, committed.ids.get(name, ""))
