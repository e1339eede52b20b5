"""Commits of the repository that the desired state lies in, read only: what its files were, who changed them and when.

Only plumbing is used, which no setting of a user or a repository bends. A repository is a stranger's: names are bytes
until they are shown, and ids are checked before they are passed on.
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

from reconciler.errors import RepositoryError
from reconciler.git.commit import Commit
from reconciler.git.process import GIT_OPTIONS, GitCommandError, build_git_environment, run_git

_RAW = ("-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--no-relative")
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SECONDS = 600
_MAX_ANSWER = 1024 * 1024 * 1024
_BATCH = 500
_AHEAD = 128
"""Questions that wait for an answer: so few that a pipe holds them all."""
_CACHED_BYTES = 128 * 1024 * 1024
_MAX_BLOB = 64 * 1024 * 1024
_LAST_SECOND = 253_402_300_799
_REGULAR = frozenset({b"100644", b"100755"})
_UNSAFE_STEPS = frozenset({"", ".", "..", ".git"})


@dataclass(frozen=True, slots=True)
class Node:
    """A commit in the graph; `time` is when it was committed."""

    id: str
    parents: tuple[str, ...]
    time: datetime


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of the directory that a commit changed: blobs before (a merge has several) and after; None: not there."""

    name: str
    old: tuple[str | None, ...]
    new: str | None


class Commits:
    """The git repository around a directory, and what it holds below that directory. Close it."""

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise RepositoryError(f"there is no directory {directory}", "Name it with --state DIR.")
        self._top = directory
        try:
            self._prefix = self._text("rev-parse", "--show-prefix")
            self._top = Path(self._text("rev-parse", "--show-toplevel"))
        except RepositoryError as exc:
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
        """Ends git."""
        self._blobs.close()

    def resolve(self, name: str) -> str:
        """The id of the commit that `name` (an id, a branch, a tag) means; raises `RepositoryError`."""
        if name.startswith("-") or not name.strip():
            raise RepositoryError(f"{name!r} is not a commit", "Name one as git does: an id, a branch or a tag.")
        try:
            return _checked(self._text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"))
        except RepositoryError as exc:
            way_out = "In a shallow clone fetch the rest: git fetch --unshallow" if self.shallow else "See git log."
            raise RepositoryError(f"there is no commit {name!r} here", way_out) from exc

    def graph(self, tip: str) -> list[Node]:
        """All commits that `tip` is made of, each before its parents."""
        lines = self._run("rev-list", "--topo-order", "--timestamp", "--parents", _checked(tip)).split(b"\n")
        return [_node(line) for line in lines if line]

    def changes(self, commits: Iterable[str]) -> Iterator[tuple[str, list[FileChange]]]:
        """Each of `commits` that changed files of the directory, with these, in the same order.

        Of a merge it is those files that are like none of its parents'.
        """
        waiting = iter(commits)
        while batch := [_checked(each) for each in islice(waiting, _BATCH)]:
            said = self._run(
                "diff-tree", "--stdin", "--root", "-c", *_RAW, "--", *self._below(), stdin="\n".join(batch) + "\n"
            )
            yield from self._parsed(said)

    def between(self, old: str, new: str) -> list[FileChange]:
        """The files of the directory that differ between two commits."""
        said = self._run("diff-tree", *_RAW, _checked(old), _checked(new), "--", *self._below())
        return [change for _, changes in self._parsed(said) for change in changes]

    def files(self, commit: str) -> dict[str, str]:
        """The blobs of the directory's regular files at a commit, by name."""
        said = self._run("ls-tree", "-r", "-z", "--full-tree", _checked(commit), "--", *self._below())
        found = {}
        for entry in said.split(b"\0"):
            head, _, path = entry.partition(b"\t")
            name = self._name(path)
            if name is not None and head[:6] in _REGULAR:
                found[name] = head.split()[2].decode()
        return found

    def blob(self, identity: str | None) -> bytes:
        """The bytes of a blob; none for None."""
        if identity is None:
            return b""
        kind, content = self._blobs.read(_checked(identity))
        if kind != "blob":
            raise RepositoryError(f"the repository lacks {identity}", "Fetch it: a part of the history is not here.")
        return content

    def expect(self, changes: Iterable[FileChange]) -> None:
        """Says which blobs will be read soon."""
        blobs = (blob for change in changes for blob in (change.new, *change.old))
        self._blobs.expect(_checked(blob) for blob in blobs if blob is not None)

    def commit(self, identity: str) -> Commit:
        """What a commit says."""
        kind, content = self._blobs.read(_checked(identity))
        if kind != "commit":
            raise RepositoryError(f"the repository lacks the commit {identity}", "Fetch it: history is not whole here.")
        return _commit(identity, content)

    # --- git ------------------------------------------------------------

    def _below(self) -> list[str]:
        return [self._prefix.rstrip("/")] if self._prefix else []

    def _name(self, path: bytes) -> str | None:
        """A path as the directory sees it; None for what is outside, and for one that no work tree may have."""
        text = path.decode("utf-8", "surrogateescape")
        if not text.startswith(self._prefix):
            return None
        name = text[len(self._prefix) :]
        return None if _UNSAFE_STEPS & set(name.split("/")) else name

    def _parsed(self, said: bytes) -> Iterator[tuple[str, list[FileChange]]]:
        commit, changes = "", list[FileChange]()
        parts = iter(said.split(b"\0"))
        for part in parts:
            if part.startswith(b":"):
                name = self._name(next(parts, b""))
                if name is not None:
                    changes.append(_file_change(name, part))
            elif part:
                if changes:
                    yield commit, changes
                commit, changes = part.decode(), []
        if changes:
            yield commit, changes

    def _text(self, *words: str) -> str:
        return self._run(*words).decode("utf-8", "surrogateescape").rstrip("\n")

    def _run(self, *words: str, stdin: str = "") -> bytes:
        try:
            return run_git(self._top, *words, given=stdin.encode(), limit=_MAX_ANSWER)
        except GitCommandError as exc:
            raise RepositoryError(f"git {words[0]} failed: {exc}", "See what `git log` says there.") from exc


class _Blobs:
    """`git cat-file --batch`, with the objects read last."""

    def __init__(self, directory: Path) -> None:
        self._command = ("git", *GIT_OPTIONS, "-C", str(directory), "cat-file", "--batch")
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: threading.Timer | None = None
        self._cache: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._held = 0
        self._asked: dict[str, None] = {}

    def expect(self, identities: Iterable[str]) -> None:
        """Asks for objects that will be read soon, in this order, so that git is ahead of us."""
        for identity in identities:
            if identity not in self._cache and identity not in self._asked and len(self._asked) < _AHEAD:
                self._ask(identity)

    def read(self, identity: str) -> tuple[str, bytes]:
        """Kind and content of an object; "missing" when it is not here."""
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
            raise _unanswered() from exc
        self._asked[identity] = None

    def _answer(self) -> tuple[str, bytes]:
        stream = self._process.stdout if self._process is not None else None
        try:
            head = stream.readline().split() if stream is not None else []
            if head[1:] == [b"missing"]:
                return "missing", b""
            kind, size = head[1].decode(), int(head[2])
            if size > _MAX_BLOB:
                raise RepositoryError(f"{head[0].decode()} is larger than 64 MiB", "No file of a desired state is.")
            content = stream.read(size + 1) if stream is not None else b""
        except (OSError, ValueError, IndexError) as exc:
            raise _unanswered() from exc
        if len(content) != size + 1:
            raise _unanswered()
        return kind, content[:size]

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - fixed words, no shell
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
        if self._watch is not None:
            self._watch.cancel()
        if process is not None:
            process.kill()
            process.communicate()


def _unanswered() -> RepositoryError:
    return RepositoryError("git cat-file did not answer", "Check the repository with git fsck.")


def _checked(identity: str) -> str:
    if not _ID.fullmatch(identity):
        raise RepositoryError(f"{identity[:80]!r} is not the id of an object", "Check the repository with git fsck.")
    return identity


def _node(line: bytes) -> Node:
    when, identity, *parents = line.decode("ascii", "replace").split()
    return Node(identity, tuple(parents), datetime.fromtimestamp(min(int(when), _LAST_SECOND), UTC))


def _file_change(name: str, raw: bytes) -> FileChange:
    """`:mode mode id id status`, with as many colons as there are parents."""
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
