"""A commit as its author wrote it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Commit:
    """Author and subject (the first line of the message) of a commit: untrusted text."""

    id: str
    author: str
    email: str
    subject: str

    @property
    def pull_request(self) -> str | None:
        """The number of the pull request in its subject, as GitHub and Azure write it; None without one."""
        found = _PULL_REQUEST.match(self.subject)
        return next(filter(None, found.groups())) if found is not None else None


_PULL_REQUEST = re.compile(r"Merge pull request #(\d{1,9})\b|Merged PR (\d{1,9}):|.*\(#(\d{1,9})\)\Z")
