"""The record branch: read the record of applies from it, fetch it, and add to it.

On the branch the record is in `plans/`; other files of the branch stay. It only grows: nothing is forced, and what
others pushed in between is kept. Fetched it is `refs/remotes/origin/BRANCH`, as after any `git fetch`.
"""

from __future__ import annotations

import os
import shlex
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.text import escape_control, pluralize, quote
from reconciler.errors import RepositoryError
from reconciler.git.checkout import build_error, check_work_tree, find_repository
from reconciler.git.incomplete_clone import explain_missing_objects
from reconciler.git.process import GitCommandError, run_git
from reconciler.git.refs import BrokenRefError, resolve_ref
from reconciler.git.repository import parse_object_id, read_regular_files
from reconciler.record.layout import is_record
from reconciler.record.merge import files_to_write, is_record_file
from reconciler.record.record_files import read_record_files

FOLDER = "plans"
_TRIES = 5
_MAX_LISTING = 1024 * 1024
_QUIET = ("--no-tags", "--no-recurse-submodules", "--no-auto-maintenance", "--no-write-fetch-head", "--quiet")


@dataclass(frozen=True, slots=True)
class Remote:
    """The repository on its server. `secrets`: environment variables for git that hold the token."""

    url: str
    server: str
    protocol: str
    secrets: Mapping[str, str] = field(repr=False)

    def options(self) -> list[str]:
        """Return git options that override settings which could redirect a request, weaken it or prompt a user."""
        settings = {
            **{f"{section}.proxy": "" for section in ("http", f"http.{self.server}/")},
            **{f"{section}.sslVerify": "true" for section in ("http", f"http.{self.server}/")},
            "http.followRedirects": "false",
            "credential.helper": "",
            "core.askPass": "",
        }
        return [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]


@dataclass(frozen=True, slots=True)
class Author:
    """The author of commits."""

    name: str
    email: str

    def variables(self) -> dict[str, str]:
        """Return its environment variables for git."""
        both = {"NAME": self.name, "EMAIL": self.email}
        return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in both.items()}


def find_local_tip(directory: Path, branch: str) -> str | None:
    """Return the commit of the branch as last fetched, else of the local branch; None if neither exists.

    None too if there is no `.git` here or above. Raises `RepositoryError` if git cannot tell, or cannot resolve one:
    the record would count as empty.
    """
    folder = find_repository(directory)
    if folder is None:
        return None
    try:
        check_work_tree(directory, folder)
        refs = (_tracking_ref(branch), f"refs/heads/{branch}")
        return next((tip for ref in refs if (tip := _resolve(directory, branch, ref)) is not None), None)
    except GitCommandError as exc:
        raise build_error(folder, str(exc), f"the record branch {quote(branch)}") from exc


def _resolve(directory: Path, branch: str, ref: str) -> str | None:
    """Return the commit of a ref of the branch; None if there is no such ref."""
    try:
        return resolve_ref(directory, ref)
    except BrokenRefError as exc:
        where = f"Without the record no apply is safe. The ref is {ref}"
        where += f", in {exc.path}." if exc.path is not None else "."
        remove = (
            ["rm", str(exc.path)] if exc.path is not None else ["git", "-C", str(directory), "update-ref", "-d", ref]
        )
        fetch = format_fetch(directory, branch)
        way_out = (
            f"Fetch the branch again: {shlex.join(remove)} && {fetch}"
            if fetch is not None
            else "There is no remote `origin` to fetch it from: restore the repository from a copy."
        )
        raise RepositoryError(f"the record branch {quote(branch)} is damaged: {exc}", f"{where}\n{way_out}") from exc


def format_fetch(directory: Path, branch: str) -> str | None:
    """Return the command that fetches the branch, also into a clone of one branch; None if there is no server."""
    try:
        if b"origin" not in run_git(directory, "remote").split():
            return None
    except GitCommandError:
        return None
    return shlex.join(["git", "-C", str(directory), "fetch", "origin", f"{branch}:{_tracking_ref(branch)}"])


def read_record_at(
    directory: Path, commit: str, wanted: Callable[[str], bool] = is_record_file
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of the record in a commit. Raises `RepositoryError` if it cannot be read."""
    try:
        yield from read_regular_files(directory, commit, FOLDER, wanted)
    except GitCommandError as exc:
        if (missing := explain_missing_objects(directory)) is not None:
            raise missing from exc
        detail = "Fetch the branch again, with all of its files (no `filter`)."
        raise RepositoryError(f"the record of commit {commit[:12]} cannot be read: {exc}", detail) from exc


def _tracking_ref(branch: str) -> str:
    return f"refs/remotes/origin/{branch}"


class RecordBranch:
    """The branch on the server. `directory`: anywhere in a clone. Methods raise `RepositoryError` if git fails."""

    def __init__(self, directory: Path, branch: str, remote: Remote) -> None:
        self._directory = directory
        self._branch = branch
        self._remote = remote

    def fetch(self) -> str | None:
        """Fetch the branch and return its commit; None if the server has no such branch."""
        tip = self._read_remote_tip()
        tracking = _tracking_ref(self._branch)
        if tip is None:
            self._local("update-ref", "-d", tracking)
            return None
        self._networked("fetch", *_QUIET, self._remote.url, f"+refs/heads/{self._branch}:{tracking}")
        return parse_object_id(self._local("rev-parse", "--verify", f"{tracking}^{{commit}}"))

    def _read_remote_tip(self) -> str | None:
        """Return the commit of the branch on the server. git exits with 0 only if it answered: no line, no branch."""
        ref = f"refs/heads/{self._branch}"
        for line in self._networked("ls-remote", "--quiet", self._remote.url, ref).splitlines():
            commit, _, name = line.partition(b"\t")
            if name == ref.encode():
                return parse_object_id(commit)
        return None

    def push(self, plans: Path, author: Author, note: str) -> str | None:
        """Add the record in `plans` to the branch, creating it if needed; return the commit, None if nothing is new.

        `note`: the last line of the commit message.
        """
        ours = dict(read_record_files(plans))
        for attempt in range(_TRIES):
            tip = self.fetch()
            there = dict(read_record_at(self._directory, tip, ours.__contains__)) if tip is not None else {}
            new = files_to_write(there, ours)
            if not new:
                return None
            commit = self._commit(tip, new, author, f"{_build_subject(new)}\n\n{note}")
            try:
                self._networked("push", *_PUSH, self._remote.url, f"{commit}:refs/heads/{self._branch}")
                return commit
            except RepositoryError:
                if self._read_remote_tip() == tip:
                    raise
            time.sleep(2**attempt)
        summary = f"the branch {quote(self._branch)} moved {_TRIES} times while the record was added to it"
        raise RepositoryError(summary, "Run this job again: the record is in the artifact.")

    def _commit(self, tip: str | None, new: Mapping[str, bytes | None], author: Author, message: str) -> str:
        """Create a commit on top of `tip` from objects alone: without a work tree, the user's index or filters."""
        with tempfile.TemporaryDirectory(prefix="reconciler-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            if tip is not None:
                self._local("read-tree", tip, variables=index)
            lines = b"".join(self._index_line(name, content) for name, content in sorted(new.items()))
            self._local("update-index", "-z", "--index-info", stdin=lines, variables=index)
            tree = parse_object_id(self._local("write-tree", variables=index))
        parents = ("-p", tip) if tip is not None else ()
        variables = author.variables()
        return parse_object_id(
            self._local("commit-tree", tree, *parents, "-F", "-", stdin=message.encode(), variables=variables)
        )

    def _index_line(self, name: str, content: bytes | None) -> bytes:
        path = os.fsencode(f"{FOLDER}/{name}")
        if content is None:
            return b"0 %s\t%s\0" % (b"0" * 40, path)
        blob = parse_object_id(self._local("hash-object", "-w", "--stdin", stdin=content))
        return b"100644 %s\t%s\0" % (blob.encode(), path)

    def _local(self, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        try:
            return run_git(self._directory, *arguments, stdin=stdin, variables=variables)
        except GitCommandError as exc:
            raise RepositoryError(f"git {arguments[0]} failed: {escape_control(str(exc))}", "Run `git fsck`.") from exc

    def _networked(self, *arguments: str) -> bytes:
        variables = {**self._remote.secrets, "GIT_ALLOW_PROTOCOL": self._remote.protocol}
        command = (*self._remote.options(), *arguments)
        try:
            return run_git(self._directory, *command, limit=_MAX_LISTING, variables=variables)
        except GitCommandError as exc:
            reason = f"({arguments[0]}): {escape_control(str(exc))}"
            summary = f"the record branch {quote(self._branch)} cannot be reached {reason}"
            raise RepositoryError(summary, _DETAILS[arguments[0]]) from exc


_PUSH = ("--no-follow-tags", "--no-signed", "--no-verify", "--recurse-submodules=no", "--quiet")
_DETAILS = {
    "push": "Check that the job has `contents: write` and that no rule forbids pushes to this branch. The record is\n"
    "in the artifact `plans`: run this job again.",
    "fetch": "Check that the job has `contents: read`. Nothing was changed.",
    "ls-remote": "Check that the job has `contents: read`. Nothing was changed: without the record no apply is safe.",
}


def _build_subject(new: Mapping[str, bytes | None]) -> str:
    """Return the subject: the record by name, which is a date and a short plan id, or the number of records."""
    records = sorted({name.rpartition("/")[0] for name in new} - {""})
    named = [record for record in records if is_record(record)]
    if len(records) == 1 == len(named):
        return f"Record {named[0]}"
    return f"Record {pluralize(len(records), 'plan')}" if records else "Record whether the service answers"
