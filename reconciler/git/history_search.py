"""Search git's history of a directory for values of keys, such as the userPrincipalName of a former user.

Every commit's changed lines are read as they are written, never as YAML: a value counts if it is a scalar on the line
of its key. What cannot be read within the limits is reported as unknown.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from reconciler.errors import RepositoryError
from reconciler.git.process import GIT_OPTIONS, GitCommandError, build_git_environment, run_git

_SECONDS = 60
_MAX_BYTES = 2 * 1024 * 1024 * 1024
_MAX_LINE = 1024 * 1024
_MAX_NAMES = 1024 * 1024
_MAX_FOLDERS = 20
_SCALAR = rb"""["']?\s*:\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s,{}\[\]#"'][^,{}\[\]#\r\n]*))"""
_DIFF = ("--stdin", "--root", "-r", "-c", "-p", "-U0", "--text", "--no-renames", "--no-ext-diff", "--no-textconv")
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

    `anchor`: a file of the directory, whose renames show where the directory was before.
    """

    folders: Sequence[str]
    anchor: str
    keys: Sequence[str]
    values: Mapping[str, frozenset[str]]
    fold: Callable[[str], str]


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
        paths = [f"{place}{folder}" for place in _find_places(directory, query.anchor) for folder in query.folders]
        top = Path(os.fsdecode(run_git(directory, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    except GitCommandError as exc:
        return SearchResult(frozenset(), _describe_refusal(exc))
    except RepositoryError as exc:
        return SearchResult(frozenset(), f"git's history cannot be searched: {exc.summary}")
    try:
        found, problem = _search(top, paths, query, wanted)
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


def _find_places(directory: Path, anchor: str) -> list[str]:
    """Return the prefixes (`desired-state/`) that the directory has and had, below the top of the repository."""
    prefix = os.fsdecode(run_git(directory, "rev-parse", "--show-prefix").removesuffix(b"\n"))
    follow = ("--follow", "-M", "--format=", "--name-only", "-z", "--no-ext-diff", "--no-textconv", "--no-color")
    names = run_git(directory, "log", "--no-show-signature", *follow, "--", anchor, limit=_MAX_NAMES)
    places = {prefix: None}
    for name in names.split(b"\0"):
        path = os.fsdecode(name.strip(b"\n"))
        if path == anchor or path.endswith(f"/{anchor}"):
            places[path.removesuffix(anchor)] = None
    return list(places)[:_MAX_FOLDERS]


def _search(top: Path, paths: Sequence[str], query: SearchQuery, wanted: frozenset[str]) -> tuple[frozenset[str], str]:
    """Read the lines that commits changed below `paths`; return what was found, and why the rest was not read."""
    key = re.compile(rb"(?<![\w.-])(?:" + b"|".join(re.escape(name.encode()) for name in query.keys) + rb")" + _SCALAR)
    found: set[str] = set()
    with _Diffs(top, paths) as diffs:
        for line in diffs.read_lines():
            for match in key.finditer(line):
                found |= query.values.get(query.fold(_parse_scalar(match)), frozenset())
            if found == wanted:
                return frozenset(found), ""
        return frozenset(found), diffs.describe_problem()


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
    """`git rev-list HEAD | git diff-tree`: the lines that each commit changed. A context manager."""

    def __init__(self, top: Path, paths: Sequence[str]) -> None:
        self._too_much = self._too_slow = False
        self._empty = True
        git = ("git", *GIT_OPTIONS, "-C", str(top))
        self._commits = _start((*git, "rev-list", "HEAD"), subprocess.DEVNULL)
        self._lines = _start((*git, "diff-tree", *_DIFF, "--", *paths), self._commits.stdout)
        if self._commits.stdout is not None:
            self._commits.stdout.close()  # or rev-list would not notice the end of diff-tree
        self._timer = threading.Timer(_SECONDS, self._time_out)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._stop()
        for process in (self._lines, self._commits):
            process.wait()
        if self._lines.stdout is not None:
            self._lines.stdout.close()

    def _time_out(self) -> None:
        self._too_slow = True
        self._stop()

    def _stop(self) -> None:
        for process in (self._commits, self._lines):
            process.kill()

    def read_lines(self) -> Iterator[bytes]:
        """Yield the changed lines, cut at 1 MiB, with the sign in front."""
        stream, size = self._lines.stdout, 0
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
        codes = {process.wait() for process in (self._commits, self._lines)}
        if self._too_slow:
            return f"git's history could not be searched for users within {_SECONDS} seconds"
        if codes != {0}:
            return "git's history is incomplete (is this a partial clone?)"
        return f"no commit has a file in users/: {_COMMIT_FIRST}" if self._empty else ""


def _start(command: Sequence[str], stdin: int | IO[bytes] | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - fixed arguments, no shell
        command, env=build_git_environment(), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
