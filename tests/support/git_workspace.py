"""A workspace that is a git repository, on a fake server: for commands that read history and the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from support.git_repository import GitRepository
from support.servers.fake_scim import FakeScimServer
from support.workspace import ENTERPRISE, Workspace

RECORD_KEY = "k" * 64


def person(who: str, **fields: Any) -> dict[str, Any]:
    """Return a source user; keywords set further attributes."""
    return {
        "objectId": f"id-{who}",
        "userPrincipalName": f"{who}@example.com",
        "givenName": who.title(),
        "surname": "Lee",
        "department": "Sales",
        **fields,
    }


class GitWorkspace:
    """A `Workspace` whose desired state is committed; plans and the state directory are ignored by git."""

    def __init__(self, work: Workspace, service: FakeScimServer) -> None:
        self.work = work
        self.service = service
        self.git = GitRepository(work.root)
        (work.root / ".gitignore").write_text("plans/\nstate-home/\n*.json\n")

    def write(self, *people: Mapping[str, Any]) -> None:
        """Write the desired users."""
        self.work.users(people)

    def commit(self, *people: Mapping[str, Any], subject: str = "Edit") -> str:
        """Write the desired users, commit them and return the commit id."""
        self.write(*people)
        return self.git.commit(subject)

    def edit_live(self, who: str, department: str) -> None:
        """Change the department of a live user, as an edit in the target does."""
        self.live(who)[ENTERPRISE]["department"] = department

    def live(self, who: str) -> dict[str, Any]:
        """Return the live user named `who`."""
        return next(user for user in self.service.users.values() if user["userName"] == f"{who}@example.com")

    def digest_record(self, patch: pytest.MonkeyPatch) -> None:
        """Record digests instead of values, with a key in the environment."""
        self.work.settings(record={"values": "digest"})
        patch.setenv("RECONCILER_RECORD_KEY", RECORD_KEY)
