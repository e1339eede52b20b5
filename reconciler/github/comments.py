"""Write one comment per pull request and one open issue about drift, found by author and marker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reconciler.core.tenant_names import TENANT_NAME
from reconciler.github.api import GitHub, Json, number_at, text_at

AUTHOR = "github-actions[bot]"
"""The author of what a workflow writes. Any user can write a marker, so the marker alone proves nothing."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What a comment or an issue is: each named tenant has one of its own."""

    kind: str
    tenant: str | None = None

    def __str__(self) -> str:
        return self.kind if self.tenant is None else f"{self.kind} {self.tenant}"


def find_only_marker(hub: GitHub, pull: int, kind: str, author: str = AUTHOR) -> Marker:
    """Return the marker of the only comment of this kind; one without a tenant if there are several, or none."""
    tagged = re.compile(rf"<!-- {re.escape(kind)}(?: ({TENANT_NAME}))? -->")
    bodies = (text_at(item, "body") for item in _list_comments(hub, pull) if _is_by(item, author))
    tenants = {match[1] for body in bodies if (match := tagged.match(body))}
    return Marker(kind, tenants.pop() if len(tenants) == 1 else None)


def write_comment(hub: GitHub, pull: int, marker: Marker, body: str, author: str = AUTHOR) -> str:
    """Create or update the comment; return what was done. Raises `GitHubError`. No text of a comment is used."""
    found = _find_former(_list_comments(hub, pull), marker, author)
    if found is None:
        hub.send("POST", f"/issues/{pull}/comments", {"body": body})
        return "created"
    if text_at(found, "body") == body:
        return "unchanged"
    hub.send("PATCH", f"/issues/comments/{number_at(found, 'id')}", {"body": body})
    return "updated"


def write_issue(hub: GitHub, marker: Marker, title: str, body: str, author: str = AUTHOR) -> str:
    """Open the issue or update the open one; return what was done. Raises `GitHubError`."""
    found = _find_former(_list_open_issues(hub, author), marker, author)
    if found is None:
        hub.send("POST", "/issues", {"title": title, "body": body})
        return "opened"
    if (text_at(found, "title"), text_at(found, "body")) == (title, body):
        return "unchanged"
    hub.send("PATCH", f"/issues/{number_at(found, 'number')}", {"title": title, "body": body})
    return "updated"


def comment_once(hub: GitHub, marker: Marker, body: str, author: str = AUTHOR) -> str:
    """Comment on the open issue unless it has this very comment; return what was done. Raises `GitHubError`.

    GitHub mails a comment to those who watch the repository, and no change of the issue itself.
    """
    found = _find(_list_open_issues(hub, author), marker, author)
    if found is None:
        return "none is open"
    number = number_at(found, "number")
    if any(text_at(item, "body") == body for item in _list_comments(hub, number) if _is_by(item, author)):
        return "unchanged"
    hub.send("POST", f"/issues/{number}/comments", {"body": body})
    return "commented"


def close_issue(hub: GitHub, marker: Marker, body: str, author: str = AUTHOR) -> str:
    """Close the open issue, if any; return what was done. Raises `GitHubError`.

    A named tenant leaves an issue without a tenant open: it may be about another one.
    """
    found = _find(_list_open_issues(hub, author), marker, author)
    if found is None:
        return "none is open"
    closed = {"body": body, "state": "closed", "state_reason": "completed"}
    hub.send("PATCH", f"/issues/{number_at(found, 'number')}", closed)
    return "closed"


def _list_comments(hub: GitHub, pull: int) -> Iterator[Json]:
    return hub.items(f"/issues/{pull}/comments")


def _list_open_issues(hub: GitHub, author: str) -> Iterator[Json]:
    """Yield the open issues, oldest first. GitHub's list has pull requests too."""
    listed = hub.items("/issues", state="open", creator=author, sort="created", direction="asc")
    return (item for item in listed if "pull_request" not in item)


def _find_former(listed: Iterable[Json], marker: Marker, author: str) -> Json | None:
    """Return the item of the marker, else the one from before its tenant was named."""
    if marker.tenant is None:
        return _find(listed, marker, author)
    items = list(listed)
    return _find(items, marker, author) or _find(items, replace(marker, tenant=None), author)


def _find(listed: Iterable[Json], marker: Marker, author: str) -> Json | None:
    start = f"<!-- {marker} -->"
    return next((item for item in listed if _is_by(item, author) and text_at(item, "body").startswith(start)), None)


def _is_by(item: Json, author: str) -> bool:
    return text_at(item, "user", "login") == author
