"""The branch of the import's pull request: one commit on top of the default branch, replaced in place.

Only commits that the workflow made are replaced; the server checks that no other commit came in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.core.text import escape_control, pluralize
from reconciler.errors import RepositoryError, StalePlanError
from reconciler.git.server import Author, Remote, ServerRepository
from reconciler.github.import_patch import ImportPatch

BRANCH = "reconciler/import"
WORKFLOW_AUTHOR = Author("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")
_TRACKING = f"refs/remotes/origin/{BRANCH}"
_LISTED = 100
_OLD_RUN = "Nothing was changed. Start the workflow `import` (Run workflow): a run that is run again keeps its commit."
_DETAILS = {
    "push": "Check that the job has `contents: write` and that no rule forbids pushes to this branch. If a commit was\n"
    "pushed to it meanwhile, run the workflow again.",
    "fetch": "Check that the job has `contents: write`. Nothing was changed.",
    "ls-remote": "Check that the job has `contents: write`. Nothing was changed.",
}


@dataclass(frozen=True, slots=True)
class BranchUpdate:
    """The head of the branch; `pushed`: it is a new one."""

    head: str
    pushed: bool


class ImportBranch:
    """The branch on the server. `state`: the desired state in a clone. Methods raise `RepositoryError` if git fails."""

    def __init__(self, state: Path, remote: Remote) -> None:
        self._server = ServerRepository(state, remote, f"the branch {BRANCH}", _DETAILS)
        self._prefix = self._server.local("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").strip("\n")

    def update(self, patch: ImportPatch, message: str) -> BranchUpdate:
        """Make the branch the patch on top of its base. The branch stays as it is if it is that already."""
        tip = self._fetch_own(patch.base)
        files = {f"{self._prefix}{name}": content for name, content in patch.contents.items()}
        commit = self._server.commit(patch.base, files, WORKFLOW_AUTHOR, message)
        if tip is not None and self._read_content(tip) == self._read_content(commit):
            return BranchUpdate(tip, pushed=False)
        self._server.push(f"{commit}:refs/heads/{BRANCH}", f"--force-with-lease=refs/heads/{BRANCH}:{tip or ''}")
        return BranchUpdate(commit, pushed=True)

    def check_base(self, base: str, default: str) -> None:
        """Raise `StalePlanError` unless `base` is the head of the default branch, whose settings decide."""
        tip = self._server.read_tip(default)
        if tip != base:
            where = f"{escape_control(default)} is at {tip[:12]}" if tip else f"there is no {escape_control(default)}"
            raise StalePlanError(f"this run imports for commit {base[:12]}, and {where}", _OLD_RUN)

    def check(self, base: str) -> None:
        """Raise `RepositoryError` if others committed to the branch."""
        self._fetch_own(base)

    def delete(self, base: str) -> bool:
        """Delete the branch; return whether there was one."""
        tip = self._fetch_own(base)
        if tip is not None:
            self._server.push(f":refs/heads/{BRANCH}", f"--force-with-lease=refs/heads/{BRANCH}:{tip}")
        return tip is not None

    def _fetch_own(self, base: str) -> str | None:
        """Return the head of the branch, None without one. Raises `RepositoryError` if others committed to it."""
        tip = self._server.fetch(BRANCH, _TRACKING)
        if tip is None:
            return None
        shown = ("log", f"--max-count={_LISTED}", "--format=%H %ae %ce", tip, f"^{base}")
        lines = self._server.local(*shown).decode("utf-8", "replace").splitlines()
        mail = WORKFLOW_AUTHOR.email
        foreign = [line[:12] for line in lines if line.split(" ")[1:] != [mail, mail]]
        if foreign:
            summary = f"{BRANCH} has {pluralize(len(foreign), 'commit')} that this workflow did not make"
            detail = (
                f"They stay: {', '.join(foreign[:5])}. Merge the pull request, or move them to another branch and\n"
                f"delete {BRANCH}; the next run opens another pull request."
            )
            raise RepositoryError(summary, detail)
        return tip

    def _read_content(self, commit: str) -> tuple[bytes, bytes]:
        """Return the parents and the tree of a commit."""
        lines = self._server.local("log", "-1", "--format=%P%n%T", commit).splitlines()
        return lines[0], lines[1]
