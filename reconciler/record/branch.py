"""The record branch: read the record of applies from it, fetch it, and add to it.

On the branch the record is in `plans/`; other files of the branch stay. It only grows: nothing is forced, and what
others pushed in between is kept. Fetched it is `refs/remotes/origin/BRANCH`, as after any `git fetch`.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler.core.text import pluralize, quote
from reconciler.errors import RepositoryError
from reconciler.git.checkout import build_error, check_work_tree, find_repository
from reconciler.git.incomplete_clone import explain_missing_objects
from reconciler.git.process import GitCommandError, run_git
from reconciler.git.refs import BrokenRefError, resolve_ref
from reconciler.git.repository import read_named_files, read_regular_files
from reconciler.git.server import Author, Remote, ServerRepository
from reconciler.record.layout import is_notified, is_record
from reconciler.record.merge import files_to_write, is_record_file
from reconciler.record.record_files import read_record_files

FOLDER = "plans"
_TRIES = 5


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
    directory: Path, commit: str, wanted: Callable[[str], bool] = is_record_file, folder: str = FOLDER
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of the record in a commit. Raises `RepositoryError` if it cannot be read.

    `folder`: where the record is on the branch; that of a tenant of a fleet is in a folder of its own.
    """
    with _explain_unreadable(directory, commit):
        yield from read_regular_files(directory, commit, folder, wanted)


@contextmanager
def _explain_unreadable(directory: Path, commit: str) -> Iterator[None]:
    try:
        yield
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
        self._branch = branch
        self._server = ServerRepository(directory, remote, f"the record branch {quote(branch)}", _DETAILS)

    def fetch(self) -> str | None:
        """Fetch the branch and return its commit; None if the server has no such branch."""
        return self._server.fetch(self._branch, _tracking_ref(self._branch))

    def push(self, plans: Path, author: Author, note: str) -> str | None:
        """Add the record in `plans` to the branch, creating it if needed; return the commit, None if nothing is new.

        `note`: the last line of the commit message.
        """
        return self.push_all({FOLDER: plans}, {}, author, note)

    def push_all(
        self, records: Mapping[str, Path], others: Mapping[str, bytes], author: Author, note: str
    ) -> str | None:
        """Add several records, each to a folder of the branch, in one commit; return it, None if nothing is new.

        `others`: files that are replaced as a whole, by their paths on the branch.
        """
        ours = {folder: dict(read_record_files(plans)) for folder, plans in records.items()}
        for attempt in range(_TRIES):
            tip = self.fetch()
            files, new = self._find_new(tip, ours, others)
            if not files:
                return None
            commit = self._server.commit(tip, files, author, f"{_build_subject(new, others)}\n\n{note}")
            try:
                self._server.push(f"{commit}:refs/heads/{self._branch}")
                return commit
            except RepositoryError:
                if self._server.read_tip(self._branch) == tip:
                    raise
            time.sleep(2**attempt)
        summary = f"the branch {quote(self._branch)} moved {_TRIES} times while the record was added to it"
        raise RepositoryError(summary, "Run this job again: the record is in the artifact.")

    def _find_new(
        self, tip: str | None, ours: Mapping[str, Mapping[str, bytes]], others: Mapping[str, bytes]
    ) -> tuple[dict[str, bytes | None], list[tuple[str, str]]]:
        """Return the files to write, by their paths on the branch, with folder and name of those of a record."""
        names = [*others, *(f"{folder}/{name}" for folder, files in ours.items() for name in files)]
        there: dict[str, bytes] = {}
        if tip is not None:
            with _explain_unreadable(self._server.directory, tip):
                there = dict(read_named_files(self._server.directory, tip, names))
        found: dict[str, bytes | None] = {path: text for path, text in others.items() if there.get(path) != text}
        new: list[tuple[str, str]] = []
        for folder, files in ours.items():
            theirs = {name: there[path] for name in files if (path := f"{folder}/{name}") in there}
            for name, content in files_to_write(theirs, files).items():
                found[f"{folder}/{name}"] = content
                new.append((folder, name))
        return found, new


_DETAILS = {
    "push": "Check that the job has `contents: write` and that no rule forbids pushes to this branch. The record is\n"
    "in the artifact `plans`: run this job again.",
    "fetch": "Check that the job has `contents: read`. Nothing was changed.",
    "ls-remote": "Check that the job has `contents: read`. Nothing was changed: without the record no apply is safe.",
}


def _build_subject(new: Sequence[tuple[str, str]], others: Collection[str]) -> str:
    """Return the subject: the record by name, which is a date and a short plan id, or the number of records.

    `new`: folder and name of each file of a record.
    """
    records = sorted({(folder, name.rpartition("/")[0]) for folder, name in new if "/" in name})
    if len(records) == 1 and is_record(records[0][1]):
        return f"Record {records[0][1]}"
    if records:
        return f"Record {pluralize(len(records), 'plan')}"
    if others and not new:
        return "Record what was applied"
    return (
        "Record what was notified"
        if all(is_notified(name) for _, name in new)
        else "Record whether the service answers"
    )
