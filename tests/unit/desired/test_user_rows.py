from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.desired_users import anybody, desired_users

from reconciler.core.model import DesiredUser, Lifecycle, Origin
from reconciler.desired.user_rows import RowCodec, decode_row, decode_rows, encode_value, starts_with

ADA = DesiredUser(
    "Ada@Example.com",
    ("1", "ada@example.com"),
    Origin("users/a.yaml", 3, 5),
    "1",
    {"externalId": "1", "userName": "Ada@Example.com", "active": True, "title": "Countess"},
    {"timezone": "Europe/London"},
)


def file_of(user: DesiredUser) -> str | None:
    return user.origin and user.origin.file


@given(desired_users())
def test_a_user_comes_back_as_it_was(user: DesiredUser) -> None:
    codec = RowCodec()
    found = codec.decode(decode_row(codec.encode(user)), file_of(user))
    assert found == user
    # The order of attributes is that of a plan's rows.
    assert [list(found.attributes), list(found.create_only)] == [list(user.attributes), list(user.create_only)]
    assert found.verdict.by_date == user.verdict.by_date


@given(st.lists(desired_users()))
def test_rows_that_follow_each_other_are_read_at_once(users: list[DesiredUser]) -> None:
    codec = RowCodec()
    rows = decode_rows(b"".join(map(codec.encode, users)), len(users))
    assert [codec.decode(row, file_of(user)) for row, user in zip(rows, users, strict=True)] == users


def test_a_value_that_occurs_twice_is_in_the_row_once() -> None:
    row = RowCodec().encode(ADA)
    assert row.count(b"Ada@Example.com") == 1
    assert row.count(b"ada@example.com") == 1


def test_users_with_the_same_attributes_share_a_shape() -> None:
    codec = RowCodec()
    for number in range(3):
        codec.encode(anybody(number))
    assert len(codec.shapes) == 1


def test_any_other_user_is_written_out_whole() -> None:
    codec = RowCodec()
    ends = DesiredUser("a@example.com", ("1",), None, lifecycle=Lifecycle(expires=date(2027, 1, 1)))
    assert codec.decode(decode_row(codec.encode(ends)), None) == ends
    assert codec.shapes == []


def test_beyond_many_shapes_users_are_written_out_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.desired.user_rows._MAX_SHAPES", 1)
    codec = RowCodec()
    users = [anybody(1), DesiredUser("b", ("2",), Origin("users/b.yaml", 1, 1), attributes={"title": "x"})]
    assert [codec.decode(decode_row(codec.encode(user)), file_of(user)) for user in users] == users
    assert len(codec.shapes) == 1


@given(st.one_of(st.text(), st.booleans()), st.one_of(st.text(), st.booleans()), st.integers(0, 20))
def test_the_first_matching_value_is_found_in_the_bytes(value: str | bool, other: str | bool, extra: int) -> None:
    attributes: dict[str, str | bool] = {f"a{number}": f"v{number}" for number in range(extra)}
    row = b"--" + RowCodec().encode(DesiredUser("key", (value, "x"), None, attributes=attributes))
    assert starts_with(row, 2, encode_value(value))
    assert starts_with(row, 2, encode_value(other)) == (value == other)
