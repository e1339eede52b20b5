from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import APPLE, MAPPINGS, SCIM, mapping, mappings, reader, resource
from support.page_helper import PageHelper, helper_of

from reconciler.core import paths
from reconciler.core.model import LiveUser
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.scope.scim_filter import compile_filter
from reconciler.desired.scim_filter_parser import parse_filter
from reconciler.scim.converted_pages import PageConverter
from reconciler.scim.listed_users import Page, identify
from reconciler.scim.packed_users import PackingReader

EMAIL = mappings(mapping('emails[type eq "work"].value', "mail", profile=SCIM))
HOSTS = LiveReader(SCIM, EMAIL, compile_filter(parse_filter('userType eq "Employee"')), keeps_resources=True)


def body(*users: Any, **changed: Any) -> bytes:
    return msgspec.json.encode({"totalResults": 10, "Resources": users, **changed})


def convert(content: bytes, by: LiveReader) -> tuple[Page | None, PackingReader]:
    packing = PackingReader(by)
    return PageConverter(helper_of(by), packing).convert(content), packing


def list_users(page: Page, packing: PackingReader) -> list[tuple[str, LiveUser]]:
    assert page.users is not None
    return [
        (live_id, packing.unpack(live_id, user) if isinstance(user, bytes) else user) for live_id, user in page.users
    ]


def every_field(user: LiveUser) -> list[Any]:
    return [getattr(user, name) for name in LiveUser.__slots__]


_TEXTS = st.sampled_from(["ada", " Ada ", "", "Åda", "x" * 2_000, "2026-01-01T00:00:00Z"])
_ANY = (
    _TEXTS | st.booleans() | st.none() | st.just(7) | st.just(2**64) | st.just(1.5) | st.just([{"a": [None, {}]}, "x"])
)
_USERS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["live-x", "a b", "Ä", 7]),
        "externalId": _ANY,
        "userName": _ANY,
        "active": _ANY,
        "name": st.dictionaries(st.sampled_from(["givenName", "familyName", "other"]), _ANY, max_size=3) | _ANY,
        paths.ENTERPRISE: st.dictionaries(st.sampled_from(["department", "DEPARTMENT"]), _ANY, max_size=2) | _ANY,
        "emails": st.lists(st.fixed_dictionaries({"type": _TEXTS | st.just("work"), "value": _ANY}), max_size=2),
        "userType": st.just("Employee") | _ANY,
        "meta": st.fixed_dictionaries({"lastModified": _ANY}),
    },
)


@given(
    changed=st.lists(_USERS, max_size=4),
    by=st.sampled_from([reader(), reader(EMAIL, profile=SCIM), reader(MAPPINGS, profile=APPLE), HOSTS]),
    total=st.none() | st.just(3) | st.just("4"),
    cursor=st.none() | st.just("c") | st.just([]),
)
def test_users_are_what_they_are_when_they_are_read_here(
    changed: list[dict[str, Any]], by: LiveReader, total: Any, cursor: Any
) -> None:
    users = [resource(f"u{number}", **each) for number, each in enumerate(changed)]
    schemas = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
    more = {"schemas": schemas, "totalResults": total, "nextCursor": cursor}
    content = body(*users, **{key: value for key, value in more.items() if value is not None})
    page, packing = convert(content, by)
    if page is None:
        assert str(2**64) in content.decode()  # a number that MessagePack does not have
        return
    shown = msgspec.json.decode(content)["Resources"]
    expected = [(identify(each), by.read(each)) for each in shown]
    found = list_users(page, packing)
    assert [each for each, _ in found] == [each for each, _ in expected]
    assert [every_field(user) for _, user in found] == [every_field(user) for _, user in expected]
    assert (page.total, page.size, page.resources) == (10 if total is None else int(total), len(users), [])
    assert (page.next_cursor, bool(page.cursor_problem)) == ("c" if cursor == "c" else None, cursor == [])


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"<html>", body(total=1)[:-1], b'{"Resources": []}'),
        *(body(7), body({"userName": "ada"}), body({"id": ".."}), body({"id": "a/b"}), body({"id": {}})),
        body(resource(), totalResults="x"),
    ],
)
def test_a_page_with_anything_wrong_is_converted_here(content: bytes) -> None:
    assert convert(content, reader())[0] is None


def test_a_lone_surrogate_is_left_to_this_process() -> None:
    content = body(resource(userName="X")).replace(b'"X"', b'"\\ud800"')
    assert convert(content, reader())[0] is None


@pytest.mark.parametrize("answer", [None, b"", b"\xc1", b"\x90", msgspec.msgpack.encode([1, None, "", [7], [], {}])])
def test_an_answer_that_is_none_is_none(answer: bytes | None) -> None:
    assert PageConverter(PageHelper(lambda _body: answer), PackingReader(reader())).convert(body()) is None


def test_users_packed_here_and_there_are_told_apart() -> None:
    by = reader()
    packing = PackingReader(by)
    converter = PageConverter(helper_of(by), packing)
    mine = packing.read(resource("here", name=None))
    first, second = (converter.convert(body(each)) for each in (resource("a"), resource("b", name=None)))
    assert isinstance(mine, bytes)
    assert packing.unpack("live-here", mine) == by.read(resource("here", name=None))
    for page, shown in ((second, resource("b", name=None)), (first, resource("a"))):
        assert page is not None
        assert list_users(page, packing) == [(shown["id"], by.read(shown))]
