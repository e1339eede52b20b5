"""Files of the desired state that another program wrote while they were read.

git removes a file before it writes the new one, so a file can be missing for a moment, and users that a commit moved
from one file to another can be in neither of the two as they were read.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.model import error
from reconciler.core.text import format_names
from reconciler.desired.directory import Directory

_DETAIL = (
    "Another program writes to it, such as `git pull` or an editor. When it is finished, run the same command again. "
    "Other errors may be a result of this."
)


def report_concurrent_changes(directory: Directory, before: Mapping[str, str] | None = None) -> None:
    """Report the files that are not as they were read, after all of them were.

    Files are read again and compared by their content. If none differs, what was read is what the directory had at one
    instant: when the last file had been read for the first time. The error comes first: a file that git was writing
    may look empty or broken. `before`: the sha256 of files that were read even before `directory`.
    """
    again = Directory(directory.root, known=directory.digests)
    again.read_all()
    names = {*directory.digests, *again.digests}
    changed = {name for name in names if directory.digests.get(name) != again.digests.get(name)}
    changed.update(name for name, digest in (before or {}).items() if directory.digests.get(name) != digest)
    if changed:
        summary = f"the desired state changed while it was read: {format_names(sorted(changed))}"
        directory.diagnostics.insert(0, error(summary, _DETAIL))
