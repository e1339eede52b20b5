"""Find files of the work tree that were cut off: by a full disk, or by a copy that was interrupted.

Such a file has the beginning of what git has and ends inside a line. One that was cut exactly at the end of a line is
like one from which the last lines were removed on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.git.index import has_digest, list_blobs
from reconciler.git.process import GitCommandError, run_git

_MAX_BYTES = 64 * 1024 * 1024
"""Of a file, and of the files that are in memory at a time."""
_DETAIL = "Run `git fsck` there to see why, or clone the repository again."
_MAX_HEAD = 200
"""Of one answer of `git cat-file`, without content."""


def find_cut_files(directory: Path, names: Sequence[str], suspects: Collection[str]) -> dict[str, int]:
    """Return the `suspects` that have the beginning of what git has, cut inside a line, with the number of this line.

    `names`: what git is asked for. `suspects`: files among them, relative to `directory`, that do not end with a line
    break. Empty outside of git. Raises `RepositoryError` if git cannot tell.
    """
    return _find(directory, names, suspects, _is_cut)


def find_shortened_files(directory: Path, names: Sequence[str], suspects: Collection[str]) -> list[str]:
    """Return the `suspects` that have fewer lines than what git has. The rest is as for `find_cut_files`."""
    return sorted(_find(directory, names, suspects, _is_shorter))


def _find(
    directory: Path, names: Sequence[str], suspects: Collection[str], is_found: Callable[[bytes, bytes], bool]
) -> dict[str, int]:
    """Return the `suspects` for which `is_found` says so, by what they have and what git has."""
    blobs = list_blobs(directory, names) if suspects else {}
    edited = {}
    for name in sorted(set(suspects).intersection(blobs)):
        content = _read(directory / name)
        if content and not has_digest(content, blobs[name]):
            edited[name] = content.count(b"\n") + 1
    if not edited:
        return {}
    try:
        sizes = _list_sizes(directory, {name: blobs[name] for name in edited})
        return {name: edited[name] for batch in _batch(sizes) for name in _find_in(directory, batch, blobs, is_found)}
    except (GitCommandError, ValueError, IndexError) as exc:
        raise RepositoryError("git cannot read what it has of these files", _DETAIL) from exc


def _read(path: Path) -> bytes:
    """Return the content of a file; empty if it cannot be read, or is too large: the loader reports it."""
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= _MAX_BYTES else b""
    except OSError:
        return b""


def _list_sizes(directory: Path, blobs: Mapping[str, str]) -> dict[str, int]:
    """Return the sizes of blobs by the names of their files, without those that are not here (a partial clone)."""
    asked = "".join(f"{blob}\n" for blob in blobs.values()).encode()
    answer = run_git(directory, "cat-file", "--batch-check", stdin=asked, limit=_MAX_HEAD * (len(blobs) + 1))
    sizes = {}
    for name, line in zip(blobs, answer.splitlines(), strict=True):
        _, kind, *size = line.split(b" ")
        if kind == b"blob" and int(size[0]) <= _MAX_BYTES:
            sizes[name] = int(size[0])
    return sizes


def _batch(sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    batch: dict[str, int] = {}
    total = 0
    for name, size in sizes.items():
        if batch and total + size > _MAX_BYTES:
            yield batch
            batch, total = {}, 0
        batch[name] = size
        total += size
    if batch:
        yield batch


def _find_in(
    directory: Path,
    sizes: Mapping[str, int],
    blobs: Mapping[str, str],
    is_found: Callable[[bytes, bytes], bool],
) -> Iterator[str]:
    asked = "".join(f"{blobs[name]}\n" for name in sizes).encode()
    limit = sum(size + _MAX_HEAD for size in sizes.values())
    answer, start = run_git(directory, "cat-file", "--batch", stdin=asked, limit=limit), 0
    for name, size in sizes.items():
        end = answer.find(b"\n", start) + 1
        if answer[start:end].split() != [blobs[name].encode(), b"blob", b"%d" % size]:
            raise GitCommandError("git cat-file did not answer")
        if is_found(_read(directory / name), answer[end : end + size]):
            yield name
        start = end + size + 1


def _is_cut(content: bytes, whole: bytes) -> bool:
    """Whether `content` is the beginning of `whole`, up to a place inside a line, with line ends of any kind."""
    content, whole = (text.replace(b"\r\n", b"\n") for text in (content.removesuffix(b"\r"), whole))
    return whole.startswith(content) and whole[len(content) : len(content) + 1] not in (b"", b"\n")


def _is_shorter(content: bytes, whole: bytes) -> bool:
    return content.count(b"\n") < whole.count(b"\n")
