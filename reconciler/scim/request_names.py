"""What a request is about, for messages."""

from __future__ import annotations

import re
from urllib.parse import unquote

import httpx

from reconciler.core.text import quote, shorten

_LONGEST = 80
_EQUALS = re.compile(r'(\w+) eq "(.*)"', re.DOTALL)


def name_request(request: httpx.Request) -> str:
    """Name what a request reads or writes: `the page from startIndex 201 on`. Values of users are quoted."""
    # Not `url.path`, in which an encoded slash of an id is a slash.
    path, params = request.url.raw_path.decode("ascii").partition("?")[0], request.url.params
    if path.endswith("/Users"):
        if request.method != "GET":
            return "a new user"
        return _name_filter(params["filter"]) if "filter" in params else name_page(request.url)
    collection, _, last = path.rpartition("/")
    if collection.endswith("/Users"):
        return f"the user with the id {quote(shorten(unquote(last), _LONGEST))}"
    return last or path


def is_first_page(url: httpx.URL) -> bool:
    """Whether this is the first page of the list of users, by startIndex or by cursor, without a filter."""
    params = url.params
    listed = url.path.endswith("/Users") and "filter" not in params
    return listed and not params.get("cursor") and params.get("startIndex", "1") == "1"


def name_page(url: httpx.URL) -> str:
    """Name a page of the list of users, as `the page from startIndex 201 on`."""
    if is_first_page(url):
        return "the first page of users"
    cursor, start = url.params.get("cursor"), url.params.get("startIndex", "1")
    if cursor:
        return f"the page at cursor {name_cursor(cursor)}"
    return f"the page from startIndex {int(start):,} on" if start.isdecimal() else "a page of users"


def name_cursor(cursor: str) -> str:
    """Quote a cursor, shortened."""
    return quote(shorten(cursor, _LONGEST))


def _name_filter(text: str) -> str:
    found = _EQUALS.fullmatch(text)
    if found is None:
        return f"the users that match {quote(shorten(text, _LONGEST))}"
    attribute, value = found.groups()
    return f"the users with the {attribute} {quote(shorten(value, _LONGEST))}"
