"""The record of applies on a branch of the repository: read from what git has here, fetched, and added to.

On the branch the record lies in `plans/`; whatever else the branch holds stays. It only ever grows: nothing is forced,
and what others pushed in between is kept. Fetched it is `refs/remotes/origin/BRANCH`, as any `git fetch` has it.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.text import escape_control, pluralize, quote
from reconciler.errors import RepositoryError
from reconciler.git.process import GitCommandError, run_git
from reconciler.git.repository import parse_object_id, read_regular_files
from reconciler.record.directory import read_record_files
from reconciler.record.merge import files_to_write, is_record_file

FOLDER = "plans"
_NAME = re.compile(r"\d{4}-\d\d-\d\d-[0-9a-f]{12}")
_TRIES = 5
_MAX_LISTING = 1024 * 1024
_QUIET = ("--no-tags", "--no-recurse-submodules", "--no-auto-maintenance", "--no-write-fetch-head", "--quiet")


@dataclass(frozen=True, slots=True)
class Remote:
    """The repository at its server. `secrets`: variables of git's environment that hold the token."""

    url: str
    server: str
    protocol: str
    secrets: Mapping[str, str] = field(repr=False)

    def options(self) -> list[str]:
        """What of git's settings could lead a request elsewhere, weaken it or ask somebody, is set aside."""
        settings = {
            **{f"{section}.proxy": "" for section in ("http", f"http.{self.server}/")},
            **{f"{section}.sslVerify": "true" for section in ("http", f"http.{self.server}/")},
            "http.followRedirects": "false",
            "credential.helper": "",
            "core.askPass": "",
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


@dataclass(frozen=True, slots=True)
class Author:
    """Whom commits are by."""

    name: str
    email: str

    def variables(self) -> dict[str, str]:
        """The same for git."""
        both = {"NAME": self.name, "EMAIL": self.email}
        return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in both.items()}


def find_local_tip(directory: Path, branch: str) -> str | None:
    """The commit of the branch as it was fetched last, or of a branch of one's own; None: neither is here."""
    for ref in (_tracking(branch), f"refs/heads/{branch}"):
        try:
            return parse_object_id(run_git(directory, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"))
        except GitCommandError:
            continue
    return None


def read_record_at(
    directory: Path, commit: str, wanted: Callable[[str], bool] = is_record_file
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of the record in a commit. Raises `RepositoryError`."""
    try:
        yield from read_regular_files(directory, commit, FOLDER, wanted)
    except GitCommandError as exc:
        way_out = "Fetch the branch anew, with all of its files (no `filter`)."
        raise RepositoryError(f"the record of commit {commit[:12]} cannot be read: {exc}", way_out) from exc


def _tracking(branch: str) -> str:
    return f"refs/remotes/origin/{branch}"


class RecordBranch:
    """The branch at the server; `directory` is in a clone. Every method raises `RepositoryError`."""

    def __init__(self, directory: Path, branch: str, remote: Remote) -> None:
        self._directory = directory
        self._branch = branch
        self._remote = remote

    def fetch(self) -> str | None:
        """Brings the branch here and gives its commit; None: the server answered, and has no such branch."""
        tip = self._tip()
        tracking = _tracking(self._branch)
        if tip is None:
            self._local("update-ref", "-d", tracking)
            return None
        self._networked("fetch", *_QUIET, self._remote.url, f"+refs/heads/{self._branch}:{tracking}")
        return parse_object_id(self._local("rev-parse", "--verify", f"{tracking}^{{commit}}"))

    def _tip(self) -> str | None:
        """Which commit the branch is at. git ends with 0 only if the server answered: then no line is no branch."""
        ref = f"refs/heads/{self._branch}"
        for line in self._networked("ls-remote", "--quiet", self._remote.url, ref).splitlines():
            commit, _, name = line.partition(b"\t")
            if name == ref.encode():
                return parse_object_id(commit)
        return None

    def push(self, plans: Path, author: Author, note: str) -> str | None:
        """Adds the record in `plans` to the branch, makes the branch when there is none; None: nothing is new.

        `note`: the last line of the commit message.
        """
        ours = dict(read_record_files(plans))
        for attempt in range(_TRIES):
            tip = self.fetch()
            there = dict(read_record_at(self._directory, tip, ours.__contains__)) if tip is not None else {}
            new = files_to_write(there, ours)
            if not new:
                return None
            commit = self._commit(tip, new, author, f"{_subject(new)}\n\n{note}")
            try:
                self._networked("push", *_PUSH, self._remote.url, f"{commit}:refs/heads/{self._branch}")
                return commit
            except RepositoryError:
                if self._tip() == tip:
                    raise
            time.sleep(2**attempt)
        said = f"the branch {quote(self._branch)} moved {_TRIES} times while the record was added to it"
        raise RepositoryError(said, "Run this job again: the record is in the artifact.")

    def _commit(self, tip: str | None, new: Mapping[str, bytes | None], author: Author, message: str) -> str:
        """A commit on top of `tip`, made of objects alone: no work tree, no index of anybody's, no filter."""
        with tempfile.TemporaryDirectory(prefix="reconciler-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            if tip is not None:
                self._local("read-tree", tip, more=index)
            lines = b"".join(self._line(name, content) for name, content in sorted(new.items()))
            self._local("update-index", "-z", "--index-info", given=lines, more=index)
            tree = parse_object_id(self._local("write-tree", more=index))
        parents = ("-p", tip) if tip is not None else ()
        variables = author.variables()
        return parse_object_id(
            self._local("commit-tree", tree, *parents, "-F", "-", given=message.encode(), more=variables)
        )

    def _line(self, name: str, content: bytes | None) -> bytes:
        path = os.fsencode(f"{FOLDER}/{name}")
        if content is None:
            return b"0 %s\t%s\0" % (b"0" * 40, path)
        blob = parse_object_id(self._local("hash-object", "-w", "--stdin", given=content))
        return b"100644 %s\t%s\0" % (blob.encode(), path)

    def _local(self, *words: str, given: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
        try:
            return run_git(self._directory, *words, given=given, more=more)
        except GitCommandError as exc:
            raise RepositoryError(f"git {words[0]} failed: {escape_control(str(exc))}", "See `git fsck`.") from exc

    def _networked(self, *words: str) -> bytes:
        more = {**self._remote.secrets, "GIT_ALLOW_PROTOCOL": self._remote.protocol}
        try:
            return run_git(self._directory, *self._remote.options(), *words, limit=_MAX_LISTING, more=more)
        except GitCommandError as exc:
            said = f"the record branch {quote(self._branch)} cannot be reached ({words[0]}): {escape_control(str(exc))}"
            raise RepositoryError(said, _WAY_OUT[words[0]]) from exc


_PUSH = ("--no-follow-tags", "--no-signed", "--no-verify", "--recurse-submodules=no", "--quiet")
_WAY_OUT = {
    "push": "Does the job have `contents: write`, and does no rule forbid pushes to this branch? The record is in the\n"
    "artifact `plans`: run this job again.",
    "fetch": "Does the job have `contents: read`? Nothing was changed.",
    "ls-remote": "Does the job have `contents: read`? Nothing was changed: without its history an apply is not safe.",
}


def _subject(new: Mapping[str, bytes | None]) -> str:
    """Which records. Their names are a date and the beginning of a plan's id; others are counted only."""
    records = sorted({name.rpartition("/")[0] for name in new} - {""})
    named = [record for record in records if _NAME.fullmatch(record)]
    if len(records) == 1 == len(named):
        return f"Record {named[0]}"
    return f"Record {pluralize(len(records), 'plan')}" if records else "Record whether the service answers"
