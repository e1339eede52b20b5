"""Write one comment per pull request and one open issue about drift, found by author and marker."""

from __future__ import annotations

from reconciler.github.api import GitHub, Json, number_at, text_at

AUTHOR = "github-actions[bot]"
"""The author of what a workflow writes. Any user can write a marker, so the marker alone proves nothing."""


def write_comment(hub: GitHub, pull: int, marker: str, body: str, author: str = AUTHOR) -> str:
    """Create or update the comment; return what was done. Raises `GitHubError`. Nothing is ever read from a comment."""
    found = next((item for item in hub.items(f"/issues/{pull}/comments") if _ours(item, marker, author)), None)
    if found is None:
        hub.send("POST", f"/issues/{pull}/comments", {"body": body})
        return "created"
    if text_at(found, "body") == body:
        return "unchanged"
    hub.send("PATCH", f"/issues/comments/{number_at(found, 'id')}", {"body": body})
    return "updated"


def write_issue(hub: GitHub, marker: str, title: str, body: str, author: str = AUTHOR) -> str:
    """Open the issue or update the open one; return what was done. Raises `GitHubError`."""
    found = _open_issue(hub, marker, author)
    if found is None:
        hub.send("POST", "/issues", {"title": title, "body": body})
        return "opened"
    if (text_at(found, "title"), text_at(found, "body")) == (title, body):
        return "unchanged"
    hub.send("PATCH", f"/issues/{number_at(found, 'number')}", {"title": title, "body": body})
    return "updated"


def close_issue(hub: GitHub, marker: str, body: str, author: str = AUTHOR) -> str:
    """Close the open issue, if any; return what was done. Raises `GitHubError`."""
    found = _open_issue(hub, marker, author)
    if found is None:
        return "none is open"
    closed = {"body": body, "state": "closed", "state_reason": "completed"}
    hub.send("PATCH", f"/issues/{number_at(found, 'number')}", closed)
    return "closed"


def _open_issue(hub: GitHub, marker: str, author: str) -> Json | None:
    """Return the oldest one. The list has pull requests too."""
    listed = hub.items("/issues", state="open", creator=author, sort="created", direction="asc")
    return next((item for item in listed if "pull_request" not in item and _ours(item, marker, author)), None)


def _ours(item: Json, marker: str, author: str) -> bool:
    return text_at(item, "user", "login") == author and text_at(item, "body").startswith(f"<!-- {marker} -->")
