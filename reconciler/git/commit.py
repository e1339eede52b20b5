from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says of itself: strangers' words. `subject` is the first line of its message."""

    id: str
    author: str
    email: str
    subject: str

    @property
    def pull_request(self) -> str | None:
        """The number that its subject names, as GitHub's and Azure's merges do; None: none."""
        found = _PULL_REQUEST.match(self.subject)
        return next(filter(None, found.groups())) if found is not None else None


_PULL_REQUEST = re.compile(r"Merge pull request #(\d{1,9})\b|Merged PR (\d{1,9}):|.*\(#(\d{1,9})\)\Z")
