"""Read commits of the repository of the desired state: its files, who changed them and when.

Only plumbing commands are used, which no setting of a user or a repository changes. A repository is untrusted: names
are bytes until they are shown, and ids are checked before they are passed on.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.core.text import quote, shorten
from reconciler.errors import RepositoryError
from reconciler.git.checkout import build_error, find_repository
from reconciler.git.commit import Commit
from reconciler.git.incomplete_clone import explain_missing_objects
from reconciler.git.process import GIT_OPTIONS, GitCommandError, build_git_environment, run_git

_RAW = ("-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--no-relative")
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NODE = re.compile(rb"([0-9]{1,18}) ([0-9a-f]{40,64})((?: [0-9a-f]{40,64})*)")
_CHANGE = re.compile(rb":+[0-7]{6}(?: [0-7]{6})+(?: [0-9a-f]{40,64})+ [A-Z]+[0-9]*")
_ENTRY = re.compile(rb"[0-7]{6} [a-z]+ ([0-9a-f]{40,64})")
_SECONDS = 600
_MAX_OUTPUT = 1024 * 1024 * 1024
_BATCH = 500
_AHEAD = 128
"""Pending requests: few enough that a pipe holds them all."""
_CACHED_BYTES = 128 * 1024 * 1024
_MAX_BLOB = 64 * 1024 * 1024
_LAST_SECOND = 253_402_300_799
_REGULAR = frozenset({b"100644", b"100755"})
_UNSAFE_STEPS = frozenset({"", ".", "..", ".git"})


@dataclass(frozen=True, slots=True)
class Node:
    """A commit in the graph. `time`: of the commit, not of its author."""

    id: str
    parents: tuple[str, ...]
    time: datetime


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of the directory that a commit changed: its blobs before (one per parent) and after; None: no file."""

    name: str
    old: tuple[str | None, ...]
    new: str | None


class Commits:
    """The git repository around a directory, and its files below that directory. A context manager.

    Every method raises `RepositoryError` if git fails or an object is missing.
    """

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise RepositoryError(f"there is no directory {directory}", "Name it with --state DIR.")
        self._top = directory
        try:
            self._prefix = self._text("rev-parse", "--show-prefix")
            self._top = Path(self._text("rev-parse", "--show-toplevel"))
        except RepositoryError as exc:
            folder = find_repository(directory)
            if folder is not None:
                raise build_error(folder, exc.summary, "the repository") from exc
            raise RepositoryError(f"{directory} is not in a git repository", exc.detail) from exc
        self.shallow = self._text("rev-parse", "--is-shallow-repository") == "true"
        self._blobs = _Blobs(self._top)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop git."""
        self._blobs.close()

    def resolve(self, name: str) -> str:
        """Return the id of the commit that `name` (an id, a branch, a tag) names."""
        if name.startswith("-") or not name.strip():
            raise RepositoryError(f"{name!r} is not a commit", "Name an id, a branch or a tag.")
        try:
            return _checked(self._text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"))
        except RepositoryError as exc:
            if not self._has_commit():
                summary, way_out = "the current branch has no commit yet", "Commit the desired state first."
                raise RepositoryError(summary, way_out) from exc
            way_out = "This clone is shallow: git fetch --unshallow" if self.shallow else "See git log."
            raise RepositoryError(f"there is no commit {name!r} here", way_out) from exc

    def _has_commit(self) -> bool:
        try:
            return bool(self._text("rev-parse", "--verify", "--quiet", "HEAD^{commit}"))
        except RepositoryError:
            return False

    def read_graph(self, tip: str) -> list[Node]:
        """Return all ancestors of `tip` and itself, each before its parents."""
        lines = self._run("rev-list", "--topo-order", "--timestamp", "--parents", _checked(tip)).split(b"\n")
        return [_node(line) for line in lines if line]

    def is_ancestor(self, commit: str, tip: str) -> bool:
        """Return whether `commit` is `tip` or one of its ancestors in this clone."""
        return not self._run("rev-list", "--max-count=1", _checked(commit), f"^{_checked(tip)}")

    def has_in_history(self, tip: str, commits: Iterable[str]) -> bool:
        """Return whether each of `commits` is `tip` or one of its ancestors; one that is not here is an error."""
        return not self._run("rev-list", "--max-count=1", *map(_checked, commits), f"^{_checked(tip)}")

    def read_first_parents(self, since: str, tip: str) -> list[Node]:
        """Return the commits of the first-parent line of `tip` that are no ancestors of `since`, newest first.

        Only those that changed the directory, compared with their first parent.
        """
        command = ("rev-list", "--first-parent", "--topo-order", "--timestamp")
        range_ = (_checked(tip), f"^{_checked(since)}")
        changed = {line.split()[-1] for line in self._run(*command, *range_, "--", *self._below()).splitlines()}
        nodes = [_node(line) for line in self._run(*command, "--parents", *range_).split(b"\n") if line]
        return [node for node in nodes if node.id.encode() in changed]

    def read_changes(self, commits: Iterable[str]) -> Iterator[tuple[str, list[FileChange]]]:
        """Yield each of `commits` that changed files of the directory, with these, in the same order.

        A merge has the files that differ from all of its parents.
        """
        waiting = iter(commits)
        while batch := [_checked(each) for each in islice(waiting, _BATCH)]:
            output = self._run(
                "diff-tree", "--stdin", "--root", "-c", *_RAW, "--", *self._below(), stdin="\n".join(batch) + "\n"
            )
            yield from self._parse_changes(output)

    def compare(self, old: str, new: str) -> list[FileChange]:
        """Return the files of the directory that differ between two commits."""
        output = self._run("diff-tree", *_RAW, _checked(old), _checked(new), "--", *self._below())
        return [change for _, changes in self._parse_changes(output) for change in changes]

    def list_files(self, commit: str) -> dict[str, str]:
        """Return the blobs of the directory's regular files at a commit, by name."""
        output = self._run("ls-tree", "-r", "-z", "--full-tree", _checked(commit), "--", *self._below())
        found = {}
        for entry in output.split(b"\0"):
            head, _, path = entry.partition(b"\t")
            name = self._name(path)
            if name is not None and head[:6] in _REGULAR:
                found[name] = _match(_ENTRY, head)[1].decode()
        return found

    def read_blob(self, identity: str | None) -> bytes:
        """Return the bytes of a blob; none for None."""
        if identity is None:
            return b""
        kind, content = self._blobs.read(_checked(identity))
        if kind != "blob":
            absent = RepositoryError(f"object {identity} is missing", "Fetch it: a part of the history is not here.")
            raise explain_missing_objects(self._top) or absent
        return content

    def prefetch(self, changes: Iterable[FileChange]) -> None:
        """Ask git for the blobs that will be read next."""
        blobs = (blob for change in changes for blob in (change.new, *change.old))
        self._blobs.prefetch(_checked(blob) for blob in blobs if blob is not None)

    def read_commit(self, identity: str) -> Commit:
        """Return author and subject of a commit."""
        kind, content = self._blobs.read(_checked(identity))
        if kind != "commit":
            raise RepositoryError(f"commit {identity} is missing", "Fetch it: a part of the history is not here.")
        return _commit(identity, content)

    # --- git ------------------------------------------------------------

    def _below(self) -> list[str]:
        return [self._prefix.rstrip("/")] if self._prefix else []

    def _name(self, path: bytes) -> str | None:
        """Return a path relative to the directory; None if it is outside, or if no work tree may have it."""
        text = path.decode("utf-8", "surrogateescape")
        if not text.startswith(self._prefix):
            return None
        name = text[len(self._prefix) :]
        return None if _UNSAFE_STEPS & set(name.split("/")) else name

    def _parse_changes(self, output: bytes) -> Iterator[tuple[str, list[FileChange]]]:
        commit, changes = "", list[FileChange]()
        parts = iter(output.split(b"\0"))
        for part in parts:
            if part.startswith(b":"):
                name = self._name(next(parts, b""))
                if name is not None:
                    changes.append(_file_change(name, part))
            elif part:
                if changes:
                    yield commit, changes
                commit, changes = _checked(part.decode("ascii", "replace")), []
        if changes:
            yield commit, changes

    def _text(self, *arguments: str) -> str:
        return self._run(*arguments).decode("utf-8", "surrogateescape").rstrip("\n")

    def _run(self, *arguments: str, stdin: str = "") -> bytes:
        try:
            return run_git(self._top, *arguments, stdin=stdin.encode(), limit=_MAX_OUTPUT)
        except GitCommandError as exc:
            missing = explain_missing_objects(self._top) if _PROMISED in str(exc) else None
            failed = RepositoryError(f"git {arguments[0]} failed: {exc}", "Run `git log` there to see why.")
            raise missing or failed from exc


_PROMISED = "from promisor remote"
"""In git's message about an object that a partial clone does not have."""


class _Blobs:
    """`git cat-file --batch`, with a cache of the objects that were read last."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._command = ("git", *GIT_OPTIONS, "-C", str(directory), "cat-file", "--batch")
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: threading.Timer | None = None
        self._cache: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._held = 0
        self._asked: dict[str, None] = {}

    def prefetch(self, identities: Iterable[str]) -> None:
        """Ask for objects that will be read next, in this order, so that git works ahead."""
        for identity in identities:
            if identity not in self._cache and identity not in self._asked and len(self._asked) < _AHEAD:
                self._ask(identity)

    def read(self, identity: str) -> tuple[str, bytes]:
        """Return kind and content of an object; the kind is "missing" if it is not here."""
        if identity in self._cache:
            self._cache.move_to_end(identity)
            return self._cache[identity]
        if identity not in self._asked:
            self._ask(identity)
        while True:
            first = next(iter(self._asked))
            found = self._answer()
            del self._asked[first]
            self._keep(first, found)
            if first == identity:
                return found

    def _keep(self, identity: str, found: tuple[str, bytes]) -> None:
        self._cache[identity] = found
        self._held += len(found[1])
        while self._held > _CACHED_BYTES and len(self._cache) > 1:
            _, (_, oldest) = self._cache.popitem(last=False)
            self._held -= len(oldest)

    def _ask(self, identity: str) -> None:
        process = self._process or self._start()
        try:
            if process.stdin is not None:
                process.stdin.write(identity.encode() + b"\n")
                process.stdin.flush()
        except OSError as exc:
            raise self._no_answer() from exc
        self._asked[identity] = None

    def _answer(self) -> tuple[str, bytes]:
        stream = self._process.stdout if self._process is not None else None
        try:
            head = stream.readline().split() if stream is not None else []
            if head[1:] == [b"missing"]:
                return "missing", b""
            kind, size = head[1].decode(), int(head[2]) if head[2].isdigit() else -1
            if size < 0:
                raise self._no_answer()
            if size > _MAX_BLOB:
                raise RepositoryError(f"{head[0].decode()} is larger than 64 MiB", "No file of a desired state is.")
            content = stream.read(size + 1) if stream is not None else b""
        except (OSError, ValueError, IndexError) as exc:
            raise self._no_answer() from exc
        if len(content) != size + 1:
            raise self._no_answer()
        return kind, content[:size]

    def _no_answer(self) -> RepositoryError:
        # git ends at an object that it would have to fetch.
        return explain_missing_objects(self._directory) or RepositoryError(
            "git cat-file did not answer", "Check the repository with git fsck."
        )

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - fixed arguments, no shell
            self._command,
            env=build_git_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._watch = threading.Timer(_SECONDS, process.kill)
        self._watch.daemon = True
        self._watch.start()
        self._process = process
        return process

    def close(self) -> None:
        process, self._process = self._process, None
        self._cache.clear()
        self._held = 0
        if self._watch is not None:
            self._watch.cancel()
        if process is not None:
            process.kill()
            process.communicate()


def _checked(identity: str) -> str:
    if not _ID.fullmatch(identity):
        raise RepositoryError(f"{identity[:80]!r} is not the id of an object", "Check the repository with git fsck.")
    return identity


def _match(pattern: re.Pattern[bytes], output: bytes) -> re.Match[bytes]:
    """Match a part of git's output. Raises `RepositoryError` if it is something else."""
    found = pattern.fullmatch(output)
    if found is None:
        shown = quote(shorten(output.decode("utf-8", "replace"), 80))
        raise RepositoryError(f"unexpected output of git: {shown}", "Check the repository with git fsck.")
    return found


def _node(line: bytes) -> Node:
    when, identity, parents = (part.decode("ascii") for part in _match(_NODE, line).groups())
    return Node(identity, tuple(parents.split()), datetime.fromtimestamp(min(int(when), _LAST_SECOND), UTC))


def _file_change(name: str, raw: bytes) -> FileChange:
    """Parse `:mode mode id id status`, with one colon for each parent."""
    _match(_CHANGE, raw)
    parents = len(raw) - len(raw.lstrip(b":"))
    fields = raw[parents:].split()
    modes, ids = fields[: parents + 1], fields[parents + 1 : 2 * parents + 2]
    found = [each.decode() if mode in _REGULAR else None for mode, each in zip(modes, ids, strict=False)]
    return FileChange(name, tuple(found[:-1]), found[-1])


def _commit(identity: str, content: bytes) -> Commit:
    head, _, message = content.decode("utf-8", "replace").partition("\n\n")
    author = next((line[7:] for line in head.split("\n") if line.startswith("author ")), "")
    name, _, rest = author.partition(" <")
    subject = message.lstrip("\n").partition("\n")[0]
    return Commit(identity, name, rest.partition(">")[0], subject.strip())
