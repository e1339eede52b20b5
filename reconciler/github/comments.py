"""One comment per pull request and one open issue about drift, found again by author and marker."""

from __future__ import annotations

from reconciler.github.api import GitHub, Json, number_at, text_at

AUTHOR = "github-actions[bot]"
"""Who writes with the token of a workflow. Anybody can write a marker, so it alone proves nothing."""


def write_comment(hub: GitHub, pull: int, marker: str, body: str, author: str = AUTHOR) -> str:
    """Makes the comment or changes it in place; what was done. A comment is for people: nothing is read from it."""
    found = next((item for item in hub.items(f"/issues/{pull}/comments") if _ours(item, marker, author)), None)
    if found is None:
        hub.send("POST", f"/issues/{pull}/comments", {"body": body})
        return "written"
    if text_at(found, "body") == body:
        return "as it was"
    hub.send("PATCH", f"/issues/comments/{number_at(found, 'id')}", {"body": body})
    return "updated"


def write_issue(hub: GitHub, marker: str, title: str, body: str, author: str = AUTHOR) -> str:
    """Opens the issue, or changes the one that is open."""
    found = _open_issue(hub, marker, author)
    if found is None:
        hub.send("POST", "/issues", {"title": title, "body": body})
        return "opened"
    if (text_at(found, "title"), text_at(found, "body")) == (title, body):
        return "as it was"
    hub.send("PATCH", f"/issues/{number_at(found, 'number')}", {"title": title, "body": body})
    return "updated"


def close_issue(hub: GitHub, marker: str, body: str, author: str = AUTHOR) -> str:
    """Closes the open issue, if there is one."""
    found = _open_issue(hub, marker, author)
    if found is None:
        return "none is open"
    closed = {"body": body, "state": "closed", "state_reason": "completed"}
    hub.send("PATCH", f"/issues/{number_at(found, 'number')}", closed)
    return "closed"


def _open_issue(hub: GitHub, marker: str, author: str) -> Json | None:
    """The oldest one; pull requests are issues too in this list."""
    listed = hub.items("/issues", state="open", creator=author, sort="created", direction="asc")
    return next((item for item in listed if "pull_request" not in item and _ours(item, marker, author)), None)


def _ours(item: Json, marker: str, author: str) -> bool:
    return text_at(item, "user", "login") == author and text_at(item, "body").startswith(f"<!-- {marker} -->")
