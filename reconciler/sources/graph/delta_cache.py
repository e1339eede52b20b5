"""The file of `import entra --delta`: what the last read returned, and Graph's link to what changed since.

It mirrors the directory, not git: losing it costs a full read and nothing else. It holds the people that were imported
and is readable by its owner only. The first line is the SHA-256 of the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from reconciler.core.text import quote
from reconciler.core.untrusted_values import LONGEST_VALUE
from reconciler.errors import PlanFileError, RepositoryError, SourceError
from reconciler.git.checkout import find_repository
from reconciler.git.process import GitCommandError, run_git
from reconciler.record.files import read_file, write_private_bytes

VERSION = 1
LONGEST_AGE = timedelta(days=6)
"""A day less than Graph keeps a delta token. It also bounds how long a change that delta did not report is missed."""
_LARGEST_FILE = 512 * 1024 * 1024
_CLOCKS_DIFFER = timedelta(minutes=10)

Text = Annotated[str, msgspec.Meta(max_length=LONGEST_VALUE)]


class CacheKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file is for. `host`: of Graph; `users`: assigned or all; `attributes`: those read, sorted."""

    host: Text
    tenant: Text
    application: Text
    users: Text
    attributes: tuple[Text, ...]


class CachedDoubt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user that could not be imported (`people.Doubt`)."""

    object_id: Text
    name: Text
    why: Text


class DeltaCache(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of the directory. Ids are folded.

    `began`: when everything was read last. `keys`: properties that Graph has returned. `deleted`: users that can come
    back; empty unless managers are read. `touched`: users that changed in the last read, to be read once more.
    """

    key: CacheKey
    began: datetime
    link: Annotated[str, msgspec.Meta(max_length=100_000)]
    keys: tuple[Text, ...]
    people: Sequence[dict[Text, Text | bool | tuple[Text, ...]]]
    doubts: tuple[CachedDoubt, ...] = ()
    deleted: frozenset[Text] = frozenset()
    touched: frozenset[Text] = frozenset()
    version: int = VERSION


class NoCacheError(Exception):
    """There is no usable cache. The message says why, and completes "everything was read: "."""


def read_cache(path: Path, key: CacheKey, now: datetime) -> DeltaCache:
    """Read a cache that is for `key` and recent enough. Raises `NoCacheError`, also for a damaged file."""
    if not path.exists():
        raise NoCacheError(f"there is no file {quote(str(path))} yet")
    try:
        content = read_file(path, _LARGEST_FILE)
    except PlanFileError as exc:
        raise NoCacheError(exc.summary) from exc
    digest, _, document = content.partition(b"\n")
    if digest.decode("ascii", "replace") != hashlib.sha256(document).hexdigest():
        raise NoCacheError(f"{quote(str(path))} is damaged, or of another program")
    try:
        cache = msgspec.json.decode(document, type=DeltaCache)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise NoCacheError(f"{quote(str(path))} is of another version") from exc
    _check(cache, path, key, now)
    return cache


def _check(cache: DeltaCache, path: Path, key: CacheKey, now: datetime) -> None:
    if cache.version != VERSION:
        raise NoCacheError(f"{quote(str(path))} is of another version")
    if cache.key != key or not cache.link.startswith(f"{key.host}/v1.0/users/"):
        raise NoCacheError(f"{quote(str(path))} is of another tenant, application or selection of attributes")
    if cache.began.tzinfo is None or not -_CLOCKS_DIFFER <= now - cache.began <= LONGEST_AGE:
        raise NoCacheError(f"the last full read is more than {LONGEST_AGE.days} days ago, or in the future")


def write_cache(path: Path, cache: DeltaCache) -> None:
    """Write a cache; a crash leaves the old one or the new one. Raises `PlanFileError`."""
    document = msgspec.json.encode(cache)
    write_private_bytes(path, hashlib.sha256(document).hexdigest().encode() + b"\n" + document)


def check_place(path: Path) -> None:
    """Check that a file can be at `path`, and that git does not take it into a repository. Raises `SourceError`."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise SourceError(f"the delta file {quote(str(path))} is not a regular file", "Choose another path.")
    whole = path.parent.resolve() / path.name
    try:
        repository = find_repository(next(each for each in whole.parents if each.is_dir()))
        if repository is None or repository / ".git" in whole.parents:
            return
        # check-ignore knows no literal paths; a leading "./" keeps a name such as ":x" from being more than a name.
        name = f"./{whole.relative_to(repository)}"
        run_git(repository, "--no-literal-pathspecs", "check-ignore", "--quiet", "--", name)
    except RepositoryError as exc:
        raise SourceError(f"the delta file {quote(str(path))} cannot be there: {exc.summary}", exc.detail) from exc
    except GitCommandError as exc:
        raise SourceError(
            f"git would take the delta file {quote(str(path))} into the repository",
            "It holds personal data and changes with each import: choose a path outside of the repository, or add it to"
            " .gitignore.",
        ) from exc
