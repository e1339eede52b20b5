"""The record branch: read the record of applies from it, fetch it, and add to it.

On the branch the record is in `plans/`; other files of the branch stay. It only grows: nothing is forced, and what
others pushed in between is kept. Fetched it is `refs/remotes/origin/BRANCH`, as after any `git fetch`.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from reconciler.core.text import pluralize, quote
from reconciler.errors import RepositoryError
from reconciler.git.checkout import build_error, check_work_tree, find_repository
from reconciler.git.incomplete_clone import explain_missing_objects
from reconciler.git.process import GitCommandError, run_git
from reconciler.git.refs import BrokenRefError, resolve_ref
from reconciler.git.repository import read_regular_files
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
        self._branch = branch
        self._server = ServerRepository(directory, remote, f"the record branch {quote(branch)}", _DETAILS)

    def fetch(self) -> str | None:
        """Fetch the branch and return its commit; None if the server has no such branch."""
        return self._server.fetch(self._branch, _tracking_ref(self._branch))

    def push(self, plans: Path, author: Author, note: str) -> str | None:
        """Add the record in `plans` to the branch, creating it if needed; return the commit, None if nothing is new.

        `note`: the last line of the commit message.
        """
        ours = dict(read_record_files(plans))
        for attempt in range(_TRIES):
            tip = self.fetch()
            there = dict(read_record_at(self._server.directory, tip, ours.__contains__)) if tip is not None else {}
            new = files_to_write(there, ours)
            if not new:
                return None
            files = {f"{FOLDER}/{name}": content for name, content in new.items()}
            commit = self._server.commit(tip, files, author, f"{_build_subject(new)}\n\n{note}")
            try:
                self._server.push(f"{commit}:refs/heads/{self._branch}")
                return commit
            except RepositoryError:
                if self._server.read_tip(self._branch) == tip:
                    raise
            time.sleep(2**attempt)
        summary = f"the branch {quote(self._branch)} moved {_TRIES} times while the record was added to it"
        raise RepositoryError(summary, "Run this job again: the record is in the artifact.")


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
    if records:
        return f"Record {pluralize(len(records), 'plan')}"
    return "Record what was notified" if all(map(is_notified, new)) else "Record whether the service answers"
