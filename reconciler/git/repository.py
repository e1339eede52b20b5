"""Read the git repository of the desired state: the commit that is checked out, and its files at another commit.

No code of the repository runs and nothing is fetched: no hook, filter or helper, no pager, no remote. Only objects are
read; the work tree and the index are neither read nor written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import pluralize, quote, shorten
from reconciler.errors import RepositoryError, UsageError
from reconciler.git.checkout import explain_trust, find_repository
from reconciler.git.incomplete_clone import explain_missing_objects
from reconciler.git.process import GitCommandError, run_git

_MAX_TOTAL_BYTES = 1024 * 1024 * 1024
_MAX_ENTRIES = 50_000
_MAX_LISTING = 32 * 1024 * 1024
_MAX_LINK = 4096
_MAX_NAMES = 500
"""Names in one command line."""
_BATCH_BYTES = 64 * 1024 * 1024
_REGULAR = (b"100644", b"100755")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ENTRY = re.compile(rb"([0-7]{6}) ([a-z]+) ([0-9a-f]{40}|[0-9a-f]{64}) +([0-9]{1,18}|-|BAD)")
_UNSAFE_REF = re.compile(r"^[-:^]|[\x00-\x20\x7f:]|\.\.|^$")
_FETCH = (
    "Fetch the whole history: in GitHub Actions give actions/checkout `fetch-depth: 0` (and no `filter` or\n"
    "`sparse-checkout`, which omit files of other commits); manually, `git fetch --unshallow`."
)
_FIX_BASE = "Correct or remove the link on the base branch, then merge that branch into yours."


def find_head_commit(directory: Path) -> str | None:
    """Return the commit that is checked out in `directory`; None outside of git, or without a commit."""
    try:
        return parse_object_id(run_git(directory, "rev-parse", "--verify", "HEAD^{commit}"))
    except (GitCommandError, RepositoryError):
        return None


def explain_missing_commit(directory: Path, commit: str) -> str | None:
    """Return why a commit on record cannot be read, as text that follows its name; None if it can."""
    try:
        shallow = run_git(directory, "rev-parse", "--is-shallow-repository").strip() == b"true"
    except (GitCommandError, RepositoryError):
        return "cannot be read: the desired state is not in a git repository that can be read"
    if _COMMIT.fullmatch(commit):
        try:
            run_git(directory, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
        except GitCommandError:
            pass
        else:
            return None
    if shallow:
        return "is not in this clone, which is shallow (git fetch --unshallow; in GitHub Actions `fetch-depth: 0`)"
    return "is not in this repository: the branch that had it was deleted or rewritten"


def has_file(directory: Path, commit: str, name: str) -> bool:
    """Return whether a commit has the file `name` in `directory`; False also if git cannot tell."""
    if not _COMMIT.fullmatch(commit):
        return False
    try:
        run_git(directory, "rev-parse", "--verify", "--quiet", f"{commit}:./{name}")
    except (GitCommandError, RepositoryError):
        return False
    return True


def find_merge_base(directory: Path, ref: str) -> str:
    """Return the merge base of `ref` and HEAD in the repository of `directory`: what a pull request is compared with.

    Raises `UsageError` if `ref` cannot name a commit, `RepositoryError` if it names none here.
    """
    if _UNSAFE_REF.search(ref) or len(ref) > _MAX_LINK:
        raise UsageError(
            f"--base {quote(shorten(ref, 80))} cannot name a commit",
            "Name a branch, a tag or a commit: origin/main.",
        )
    try:
        shallow = run_git(directory, "rev-parse", "--is-shallow-repository").strip() == b"true"
    except GitCommandError as exc:
        raise _unusable(directory, exc) from exc
    tip = _resolve(directory, ref, shallow=shallow)
    if find_head_commit(directory) is None:
        raise RepositoryError("the repository has no commit yet", "Commit first, or leave --base out.")
    try:
        return parse_object_id(run_git(directory, "merge-base", tip, "HEAD"))
    except GitCommandError as exc:
        summary = f"{quote(ref)} and HEAD have no commit in common"
        if shallow:
            raise RepositoryError(f"{summary} among those that are here (a shallow clone)", _FETCH) from exc
        raise RepositoryError(summary, "Name the branch that the change set is to be merged into.") from exc


def _resolve(directory: Path, ref: str, *, shallow: bool) -> str:
    try:
        return parse_object_id(run_git(directory, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"))
    except GitCommandError as exc:
        if shallow:
            summary = f"--base {quote(ref)} is not among the commits that are here (a shallow clone)"
            raise RepositoryError(summary, _FETCH) from exc
        detail = "Fetch it first. A branch of the remote is called origin/main, not main."
        raise RepositoryError(f"--base {quote(ref)} names no commit of this repository", detail) from exc


def parse_object_id(answer: bytes) -> str:
    """Return the object id in the first line of git's output. Raises `GitCommandError` if it is none."""
    found = answer.decode("ascii", "replace").partition("\n")[0]
    if not _COMMIT.fullmatch(found):
        raise GitCommandError(f"not an object id: {shorten(found, 80)}")
    return found


def _unusable(directory: Path, exc: GitCommandError) -> RepositoryError:
    message = str(exc)
    if "dubious ownership" in message:
        detail = f"If you trust it, {explain_trust(find_repository(directory) or directory)}"
        return RepositoryError(f"the repository of {directory} belongs to another user", detail)
    if "not a git repository" in message:
        return RepositoryError(f"{directory} is not in a git repository", "Leave --base out, or check one out.")
    return RepositoryError(
        f"git cannot read the repository of {directory}: {message}", "Run `git log` there to see why."
    )


# --- the files of a commit ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _TreeEntry:
    """One line of `ls-tree -l`; `size` in bytes."""

    mode: bytes
    oid: bytes
    size: int
    name: bytes

    @property
    def is_link(self) -> bool:
        return self.mode == b"120000"


@dataclass(frozen=True, slots=True)
class TreeFilter:
    """Which files of a directory are read: by their names relative to it, at most `max_bytes` each."""

    is_read: Callable[[str], bool]
    max_bytes: int


def write_tree(directory: Path, commit: str, into: Path, wanted: TreeFilter) -> bool:
    """Write the files that `commit` has in `directory` to the empty, private directory `into`.

    Files that are not wanted are written empty, those that are too large as a hole one byte too large, links as
    links: the reader refuses them. Returns False if the commit has no such directory. Raises `RepositoryError`.
    """
    try:
        tree = find_tree(directory, commit)
        if tree is None:
            return False
        entries = list_entries(directory, tree)
        _write(directory, entries, into, wanted)
    except GitCommandError as exc:
        if (missing := explain_missing_objects(directory)) is not None:
            raise missing from exc
        raise RepositoryError(f"files of commit {commit[:12]} cannot be read: {exc}", _FETCH) from exc
    except OSError as exc:
        summary = f"files of commit {commit[:12]} cannot be written to a temporary directory: {describe_os_error(exc)}"
        raise RepositoryError(summary, advise(exc, "Check TMPDIR and the space there.")) from exc
    return True


def write_files(directory: Path, commit: str, names: Sequence[str], into: Path, max_bytes: int) -> None:
    """Write those of the files `names` that `commit` has, relative to `directory`, to `into`, as `write_tree` does."""
    try:
        _write(
            directory,
            list_named_entries(directory, commit, names),
            into,
            TreeFilter(set(names).__contains__, max_bytes),
        )
    except GitCommandError as exc:
        raise RepositoryError(f"files of commit {commit[:12]} cannot be read: {exc}", _FETCH) from exc
    except OSError as exc:
        summary = f"files of commit {commit[:12]} cannot be written to a temporary directory: {describe_os_error(exc)}"
        raise RepositoryError(summary, advise(exc, "Check TMPDIR and the space there.")) from exc


def list_named_entries(directory: Path, commit: str, names: Sequence[str]) -> list[_TreeEntry]:
    """Return those of the files `names` that `commit` has, relative to `directory`. Raises `GitCommandError`."""
    listing = run_git(directory, "ls-tree", "-z", "-l", commit, "--", *names, limit=_MAX_LISTING)
    return [_parse_entry(line) for line in listing.split(b"\0")[:-1] if b" blob " in line.partition(b"\t")[0]]


def read_regular_files(
    directory: Path, commit: str, folder: str, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    """Yield name below `folder` and content of the files of a commit that are `wanted`, without links.

    `directory` is anywhere in the repository. Raises `GitCommandError`, and `RepositoryError` if it is too much.
    """
    listed = run_git(directory, "ls-tree", "-z", "--full-tree", commit, "--", folder)
    _, kind, oid = [*listed.partition(b"\t")[0].split(), b"", b"", b""][:3]
    if kind != b"tree":
        return
    found = [
        entry for entry in list_entries(directory, oid) if entry.mode in _REGULAR and wanted(os.fsdecode(entry.name))
    ]
    _refuse_too_much(found)
    for entry, content in read_contents(directory, found):
        yield os.fsdecode(entry.name), content


def read_named_files(directory: Path, commit: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of those of `names`, paths in the repository, that are files of a commit, without links.

    The other files of the commit are not listed: there can be very many. Raises as `read_regular_files`.
    """
    tree = run_git(directory, "rev-parse", "--verify", f"{commit}^{{tree}}")
    listing = ("ls-tree", "-z", "-l", "--full-tree", parse_object_id(tree), "--")
    found: list[_TreeEntry] = []
    for start in range(0, len(names), _MAX_NAMES):
        answer = run_git(directory, *listing, *names[start : start + _MAX_NAMES], limit=_MAX_LISTING)
        found += (entry for line in answer.split(b"\0")[:-1] if (entry := _parse_entry(line)).mode in _REGULAR)
    _refuse_too_much(found)
    for entry, content in read_contents(directory, found):
        yield os.fsdecode(entry.name), content


def find_tree(directory: Path, commit: str) -> bytes | None:
    """Return the object id of the directory in `commit`; None if it has none."""
    prefix = run_git(directory, "rev-parse", "--show-prefix").removesuffix(b"\n").rstrip(b"/")
    if not prefix:
        return parse_object_id(run_git(directory, "rev-parse", "--verify", f"{commit}^{{tree}}")).encode()
    listed = run_git(directory, "ls-tree", "-z", "--full-tree", commit, "--", os.fsdecode(prefix))
    kind, oid = ([*listed.partition(b"\t")[0].split(), b"", b"", b""])[1:3]
    if kind == b"commit":
        raise RepositoryError(f"in commit {commit[:12]} the desired state is a submodule", "Its files are not here.")
    return oid if kind == b"tree" else None


def list_entries(directory: Path, tree: bytes) -> list[_TreeEntry]:
    """Return all files below `tree`; their names do not lead out of it."""
    identity = parse_object_id(tree)
    listing = run_git(directory, "ls-tree", "-r", "-z", "-l", "--full-tree", identity, limit=_MAX_LISTING)
    lines = listing.split(b"\0")[:-1]
    if len(lines) > _MAX_ENTRIES:
        raise RepositoryError(f"the base has more than {_MAX_ENTRIES:,} files", "Name the directory with --state.")
    return [_parse_entry(line) for line in lines]


def _parse_entry(line: bytes) -> _TreeEntry:
    facts, _, name = line.partition(b"\t")
    found = _ENTRY.fullmatch(facts)
    if found is None:
        raise GitCommandError(f"not an entry of a directory: {quote(shorten(os.fsdecode(line), 80))}")
    mode, kind, oid, size = found.groups()
    if kind == b"commit":
        raise RepositoryError(f"{quote(os.fsdecode(name))} in the base is a submodule", "Its files are not here.")
    if any(step in (b"", b".", b"..") for step in name.split(b"/")):
        raise RepositoryError(
            f"the base holds {quote(os.fsdecode(name))}, which no directory can hold", "Fix its history."
        )
    if not size.isdigit():  # git writes BAD for a blob that is missing
        raise GitCommandError(f"{quote(os.fsdecode(name))} is not here")
    entry = _TreeEntry(mode, oid, int(size), name)
    if entry.is_link and entry.size > _MAX_LINK:
        raise RepositoryError(f"the base has a broken symbolic link: {quote(os.fsdecode(name))}", _FIX_BASE)
    return entry


def _write(directory: Path, entries: Sequence[_TreeEntry], into: Path, wanted: TreeFilter) -> None:
    read, links = [], []
    for entry in entries:
        if entry.is_link:
            links.append(entry)
        elif not wanted.is_read(os.fsdecode(entry.name)):
            _write_file(into, entry, b"", 0)
        elif entry.size > wanted.max_bytes:
            _write_file(into, entry, b"", wanted.max_bytes + 1)
        else:
            read.append(entry)
    _refuse_too_much(read)
    for entry, content in read_contents(directory, read):
        _write_file(into, entry, content, entry.size)
    # Last, so that nothing is ever written through one.
    for entry, target in read_contents(directory, links):
        if b"\0" in target or not target:
            raise RepositoryError(f"the base has a broken symbolic link: {quote(os.fsdecode(entry.name))}", _FIX_BASE)
        path = into / os.fsdecode(entry.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.fsdecode(target))


def _refuse_too_much(entries: Iterable[_TreeEntry]) -> None:
    total = sum(entry.size for entry in entries)
    if total > _MAX_TOTAL_BYTES:
        raise RepositoryError(f"the commit holds {pluralize(total, 'byte')}, more than can be read", "Name --state.")


def _write_file(into: Path, entry: _TreeEntry, content: bytes, size: int) -> None:
    path = into / os.fsdecode(entry.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.truncate(size)


def read_contents(directory: Path, entries: Sequence[_TreeEntry]) -> Iterator[tuple[_TreeEntry, bytes]]:
    """Yield the entries with their bytes, about 64 MiB in memory at a time."""
    for batch in _batches(entries):
        asked = b"".join(entry.oid + b"\n" for entry in batch)
        size = sum(entry.size + 200 for entry in batch)
        answer, start = run_git(directory, "cat-file", "--batch", stdin=asked, limit=size), 0
        for entry in batch:
            end = answer.find(b"\n", start) + 1
            if answer[start:end].split() != [entry.oid, b"blob", b"%d" % entry.size]:
                raise GitCommandError(f"{quote(os.fsdecode(entry.name))} is not here")
            yield entry, answer[end : end + entry.size]
            start = end + entry.size + 1


def _batches(entries: Iterable[_TreeEntry]) -> Iterator[list[_TreeEntry]]:
    batch: list[_TreeEntry] = []
    size = 0
    for entry in entries:
        if batch and size + entry.size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch
