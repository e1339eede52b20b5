"""Search git's history of a directory for values of keys, such as the userPrincipalName of a former user.

Only states of the first-parent line count: a commit of a branch was never applied, and may leave no trace in the diff
of its pull request. Changed lines are searched as text, for scalars on the line of their key. A hit is not yet
evidence, because comments and notes hold such text too: the file is read, in the version with that line. What cannot
be read within the limits is reported as unknown.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from reconciler.errors import RepositoryError
from reconciler.git.patches import PatchedFile, read_patches
from reconciler.git.process import GIT_OPTIONS, GitCommandError, build_git_environment, run_git
from reconciler.git.repository import parse_object_id

_SECONDS = 60
_MAX_BYTES = 2 * 1024 * 1024 * 1024
_MAX_LINE = 1024 * 1024
_MAX_NAMES = 1024 * 1024
_MAX_COMMITS = 256 * 1024 * 1024
_MAX_FILE = 64 * 1024 * 1024
_MAX_FOLDERS = 20
_SCALAR = rb"""["']?\s*:\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s,{}\[\]#"'][^,{}\[\]#\r\n]*))"""
_DIFF = (
    *("--stdin", "--root", "-r", "-p", "-U0", "--no-commit-id", "--full-index", "--src-prefix=a/", "--dst-prefix=b/"),
    *("--text", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"),
)
_MISSING = "git's history is incomplete; if this is a partial clone, run git fetch --refetch --no-filter origin"
_SHALLOW = (
    "this clone is shallow, so the history of users/ is incomplete: run git fetch --unshallow, or in GitHub Actions "
    "set `fetch-depth: 0` for actions/checkout"
)
_COMMIT_FIRST = (
    "with git, add the removed users again, commit users/, then remove them in a later commit; or approve the plan"
)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search: the folders below the directory, the keys, and the account or user that each folded value stands for.

    `anchor`: a file of the directory, whose renames show where the directory was before; None: it was never elsewhere.
    `is_read`: whether a file,
    named relative to the directory, counts. `read_values`: the values that its content has for the keys.
    """

    folders: Sequence[str]
    anchor: str | None
    keys: Sequence[str]
    values: Mapping[str, frozenset[str]]
    fold: Callable[[str], str]
    is_read: Callable[[str], bool]
    read_values: Callable[[bytes], Iterable[str]]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found, and why the rest may be in history all the same; empty: it is not."""

    found: frozenset[str]
    problem: str = ""


def search_history(directory: Path, query: SearchQuery) -> SearchResult:
    """Return what the values found in the history of HEAD stand for. Stops when all is found. Never raises for git."""
    wanted = frozenset[str]().union(*query.values.values())
    try:
        shallow = run_git(directory, "rev-parse", "--is-shallow-repository").strip() == b"true"
        run_git(directory, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        places = _find_places(directory, query.anchor)
        top = Path(os.fsdecode(run_git(directory, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    except GitCommandError as exc:
        return SearchResult(frozenset(), _describe_refusal(exc))
    except RepositoryError as exc:
        return SearchResult(frozenset(), f"git's history cannot be searched: {exc.summary}")
    try:
        found, problem = _search(top, places, query, wanted)
    except RepositoryError as exc:
        return SearchResult(frozenset(), f"git's history cannot be searched: {exc.summary}")
    except OSError as exc:
        return SearchResult(frozenset(), f"git's history cannot be searched: {exc}")
    if found == wanted:
        return SearchResult(found)
    return SearchResult(found, problem or (_SHALLOW if shallow else ""))


def _describe_refusal(exc: GitCommandError) -> str:
    message = str(exc)
    if "not a git repository" in message:
        return f"the desired state is not in a git repository: {_COMMIT_FIRST}"
    if message == "git printed no message":  # --quiet: HEAD names no commit
        return f"the current branch has no commit yet: {_COMMIT_FIRST}"
    return f"git's history cannot be searched: {message}"


def _find_places(directory: Path, anchor: str | None) -> list[str]:
    """Return the prefixes (`desired-state/`) that the directory has and had, below the top of the repository."""
    prefix = os.fsdecode(run_git(directory, "rev-parse", "--show-prefix").removesuffix(b"\n"))
    if anchor is None:
        return [prefix]
    follow = ("--first-parent", "-m", "--follow", "-M", "--format=", "--name-only", "-z")
    plain = ("--no-show-signature", "--no-ext-diff", "--no-textconv", "--no-color")
    names = run_git(directory, "log", *plain, *follow, "--", anchor, limit=_MAX_NAMES)
    places = {prefix: None}
    for name in names.split(b"\0"):
        path = os.fsdecode(name.strip(b"\n"))
        if path == anchor or path.endswith(f"/{anchor}"):
            places[path.removesuffix(anchor)] = None
    return list(places)[:_MAX_FOLDERS]


def _search(top: Path, places: Sequence[str], query: SearchQuery, wanted: frozenset[str]) -> tuple[frozenset[str], str]:
    """Read the lines that commits changed below `places`; return what was found, and why the rest was not read."""
    key = re.compile(rb"(?<![\w.-])(?:" + b"|".join(re.escape(name.encode()) for name in query.keys) + rb")" + _SCALAR)
    paths = [f"{place}{folder}" for place in places for folder in query.folders]
    files = _Files(top, places, query)
    with _Diffs(top, paths) as diffs:
        for file, line in read_patches(diffs.read_lines()):
            for match in key.finditer(line):
                possible = query.values.get(query.fold(_parse_scalar(match)), frozenset())
                if not possible <= files.found:
                    files.read(file, file.old if line.startswith(b"-") else file.new)
            if files.found >= wanted or diffs.timed_out:
                break
        if files.found >= wanted:
            return wanted, ""
        return frozenset(files.found), diffs.describe_problem() or files.problem


class _Files:
    """The versions of files in which a value may be; `found`: what the values in them stand for."""

    def __init__(self, top: Path, places: Sequence[str], query: SearchQuery) -> None:
        self._top = top
        self._places = places
        self._query = query
        self._read: set[bytes] = set()
        self.found: set[str] = set()
        self.problem = ""

    def read(self, file: PatchedFile, blob: bytes) -> None:
        """Add what is in one version of a file, if it is one that counts."""
        if blob in self._read or not file.is_regular or not self._counts(file.path):
            return
        self._read.add(blob)
        try:
            content = run_git(self._top, "cat-file", "blob", parse_object_id(blob), limit=_MAX_FILE)
        except (GitCommandError, RepositoryError):
            self.problem = _MISSING
            return
        for value in self._query.read_values(content):
            self.found |= self._query.values.get(self._query.fold(value), frozenset())

    def _counts(self, path: bytes) -> bool:
        try:
            name = path.decode()
        except UnicodeDecodeError:
            return False
        names = (name.removeprefix(place) for place in self._places if name.startswith(place))
        return any(map(self._query.is_read, names))


def _parse_scalar(match: re.Match[bytes]) -> str:
    double, single, plain = match.groups()
    if double is not None:
        text = double.decode("utf-8", "replace")
        try:
            return str(json.loads(f'"{text}"'))
        except ValueError:
            return text
    if single is not None:
        return str(single.decode("utf-8", "replace")).replace("''", "'")
    return str(plain.decode("utf-8", "replace")).strip()


class _Diffs:
    """The lines that each commit of the first-parent line changed, compared with its first parent. A context manager.

    So a merge has the lines that it brought to that line.
    """

    def __init__(self, top: Path, paths: Sequence[str]) -> None:
        self.timed_out = self._too_much = False
        self._empty = True
        commits = _list_first_parents(top)
        command = ("git", *GIT_OPTIONS, "-c", "core.quotePath=false", "-C", str(top), "diff-tree", *_DIFF, "--", *paths)
        with tempfile.TemporaryFile() as asked:
            asked.write(commits)
            asked.seek(0)
            self._git = subprocess.Popen(  # noqa: S603 - fixed arguments, no shell
                command, env=build_git_environment(), stdin=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        self._timer = threading.Timer(_SECONDS, self._time_out)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._git.kill()
        self._git.wait()
        if self._git.stdout is not None:
            self._git.stdout.close()

    def _time_out(self) -> None:
        self.timed_out = True
        self._git.kill()

    def read_lines(self) -> Iterator[bytes]:
        """Yield the lines of git's output, cut into parts of at most 1 MiB."""
        stream, size = self._git.stdout, 0
        while stream is not None and (line := stream.readline(_MAX_LINE)):
            size += len(line)
            self._empty = False
            if size > _MAX_BYTES:
                self._too_much = True
                return
            yield line

    def describe_problem(self) -> str:
        """Return why not all lines were read; empty: they were."""
        if self._too_much:
            return "git's history is too large to be searched for users"
        code = self._git.wait()
        if self.timed_out:
            return f"git's history could not be searched for users within {_SECONDS} seconds"
        if code:
            return _MISSING
        return f"no commit has a file in users/: {_COMMIT_FIRST}" if self._empty else ""


def _list_first_parents(top: Path) -> bytes:
    """Return lines of a commit and its first parent, if it has one, newest first."""
    try:
        listed = run_git(top, "rev-list", "--first-parent", "--parents", "HEAD", limit=_MAX_COMMITS)
    except GitCommandError as exc:
        raise RepositoryError(str(exc), "Run `git rev-list HEAD` there to see why.") from exc
    return b"".join(b" ".join(line.split()[:2]) + b"\n" for line in listed.splitlines())
