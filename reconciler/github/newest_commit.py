"""The newest commit of a branch as GitHub's server has it, whatever the clone says.

`refs/remotes/origin/BRANCH` of a workflow's clone can be an older one: if the branch has moved on since the event,
`actions/checkout` sets it to the commit of the run, also with `fetch-depth: 0`.
"""

from __future__ import annotations

from pathlib import Path

from reconciler.core.text import quote, shorten
from reconciler.errors import RepositoryError
from reconciler.git.server import Remote, ServerRepository

_REF = "refs/reconciler/newest"
"""Not below refs/remotes or refs/heads: neither a checkout nor a `git fetch` writes it."""
_DETAILS = dict.fromkeys(
    ("ls-remote", "fetch"),
    "Check that the job has `contents: read`. Nothing is applied without it; run this job again.",
)


def fetch_newest_commit(directory: Path, branch: str, remote: Remote) -> str:
    """Fetch the branch from the server and return its newest commit. `directory`: anywhere in the clone.

    Raises `RepositoryError` if the server cannot be reached or has no such branch.
    """
    name = quote(shorten(branch, 100))
    found = ServerRepository(directory, remote, f"the branch {name}", _DETAILS).fetch(branch, _REF)
    if found is None:
        raise RepositoryError(
            f"the server has no branch {name}",
            "Nothing is applied without its newest commit. Run this in a workflow of a branch (GITHUB_REF_NAME).",
        )
    return found
