"""Pages that another process converts: it decodes, checks and packs, while this one joins the users of other pages.

The other process gets the body of an answer and nothing else: no token, no address. It returns what converting here
would return, or nothing at all; then the page is converted here, and whatever is wrong with it is found and said here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from reconciler.core.model import AttributePath, LiveUser
from reconciler.core.planning.live_user import ResourceReader
from reconciler.core.planning.packed_pairs import PackedUser
from reconciler.scim.json_body import decode_json
from reconciler.scim.list_response import parse_page
from reconciler.scim.listed_users import Page, identify
from reconciler.scim.packed_users import PackingReader

_NO_ANSWER = b""
_FIRST_SHAPE = 1_000_000
"""The shapes of the other process are numbered from here, those of this one from 0."""


class Helper(Protocol):
    """Another process, with what `convert_pages` returned to answer in it."""

    def ask(self, question: bytes, /) -> bytes | None:
        """Return its answer; None if there is none. May be called by several threads."""

    def end_questions(self) -> None:
        """Say that `ask` is not called any more."""


class _Converted(msgspec.Struct, frozen=True, array_like=True):
    """A page as it is sent. `shapes`: of the packed users."""

    total: int | None
    next_cursor: str | None
    cursor_problem: str
    ids: list[str]
    users: list[PackedUser | LiveUser]
    shapes: dict[int, tuple[AttributePath, ...]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Converted).decode


def convert_pages(reader: ResourceReader) -> Callable[[bytes], bytes]:
    """Return the function that answers in the other process."""
    packing = PackingReader(reader, _FIRST_SHAPE)

    def answer(body: bytes) -> bytes:
        try:
            return _encode(_convert(body, packing))
        except Exception:  # noqa: BLE001 - the process that asks converts the page then, and raises what it finds
            return _NO_ANSWER

    return answer


def _convert(body: bytes, packing: PackingReader) -> _Converted:
    page = parse_page(decode_json(body))
    ids = [identify(resource) for resource in page.resources]
    users = [packing.read(resource) for resource in page.resources]
    return _Converted(page.total, page.next_cursor, page.cursor_problem, ids, users, packing.take_used())


class PageConverter:
    """Has pages converted by another process. May be used by several threads."""

    def __init__(self, helper: Helper, packing: PackingReader) -> None:
        self._helper = helper
        self._packing = packing

    def convert(self, body: bytes) -> Page | None:
        """Return the page in the body of an answer; None if it has to be converted here."""
        answer = self._helper.ask(body)
        if not answer:
            return None
        try:
            found = _decode(answer)
        except msgspec.DecodeError:
            return None
        self._packing.adopt(found.shapes)
        users = list(zip(found.ids, found.users, strict=True))
        return Page(found.total, [], found.next_cursor, found.cursor_problem, users=users)
