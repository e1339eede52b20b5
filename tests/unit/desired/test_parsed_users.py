from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from reconciler.core.model import Diagnostic, SourceUser
from reconciler.desired import parsed_users
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.parsed_users import UsersPacker, unpack_users
from reconciler.desired.source_users import read_source_user
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.desired.yaml_reader import read_items
from reconciler.desired.yaml_text import MAX_LINE

USERS = """\
- userPrincipalName: ada@example.com
  objectId:   "0012"
  department: ~
  otherMails: [a@example.com, "", b@example.com]

# Bob
-   accountEnabled: false
    userPrincipalName: bob@example.com
    lifecycle: {starts: 2026-01-01, expires: 2026-12-31, protected: true}
- {userPrincipalName: zoë@example.com, surname: 'No', lifecycle: {}}
- userPrincipalName: ada2@example.com
  objectId:   "0013"
  department: Sales
  otherMails: []
"""


def fail(diagnostic: Diagnostic) -> None:
    raise AssertionError(diagnostic)


def parse(text: str) -> Iterator[tuple[YamlMapping, SourceUser]]:
    for item in read_items(text.encode(), "users/a.yaml", fail):
        user = read_source_user(item, fail)
        assert user is not None
        yield item, user


def pack(text: str) -> bytes:
    packer = UsersPacker()
    for item, user in parse(text):
        packer.add(item, user)
    packed = packer.finish()
    assert packed is not None
    return packed


def unpack(content: bytes, keys: UserKeys | None = None) -> list[SourceUser] | None:
    users = []
    for found in unpack_users(memoryview(content), "users/a.yaml", keys or UserKeys()):
        if found is None:
            return None
        users += found
    return users


def assert_same(text: str) -> None:
    unpacked = unpack(pack(text))
    parsed = list(parse(text))
    assert unpacked is not None
    assert len(unpacked) == len(parsed)
    for found, (item, user) in zip(unpacked, parsed, strict=True):
        assert replace(found, origin_of=None) == replace(user, origin_of=None)
        assert list(found.attributes) == list(user.attributes)
        assert {key: type(value) for key, value in found.attributes.items()} == {
            key: type(value) for key, value in user.attributes.items()
        }
        for key in (*item, "accountEnabled", "no such key"):
            assert found.at(key) == user.at(key), key


def test_users_are_the_same_after_packing_with_the_origin_of_each_value() -> None:
    assert_same(USERS)


def test_plain_entries_have_the_places_of_their_own_keys() -> None:
    text = """\
- userPrincipalName: ada@example.com
  givenName: Ada
  department: Sales

- userPrincipalName: bob@example.com
  givenName: Bob
  department: "Sales"
- department: Sales
  givenName: Cy
  userPrincipalName: cy@example.com
- userPrincipalName: di@example.com
"""
    assert all(item.marks_follow for item, _ in parse(text))
    assert_same(text)


def test_a_list_without_users_is_one() -> None:
    assert pack("[]\n") == bytes(4)
    assert unpack(bytes(4)) == []


def test_users_are_packed_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed_users, "_USERS_A_CHUNK", 2)
    assert_same(USERS)
    assert len(list(unpack_users(memoryview(pack(USERS)), "x", UserKeys()))) == 2


def test_entries_without_white_space_between_them() -> None:
    """JSON on one line, and as far to the right as a line can be."""
    entry = '{"userPrincipalName":"%d@example.com","surname":"%s"}'
    line = ",".join(entry % (number, "x" * (number % 7)) for number in range(1000))
    assert_same(f"[{line}]\n")
    start = '[{"userPrincipalName":"ada@example.com","surname":"'
    end = '"},{"userPrincipalName":"b","surname":"c"}]'
    assert_same(start + "x" * (MAX_LINE - len(start) - len(end)) + end)


def test_nothing_is_kept_once_something_was_reported() -> None:
    packer = UsersPacker()
    packer.discard()
    for item, user in parse(USERS):
        packer.add(item, user)
    assert packer.finish() is None


def test_text_that_is_not_utf_8_is_not_kept() -> None:
    packer = UsersPacker()
    item, user = next(parse(USERS))
    packer.add(item, replace(user, attributes={"userPrincipalName": "\ud800"}))
    assert packer.finish() is None


def test_a_file_with_a_key_that_is_reported_has_to_be_parsed() -> None:
    packed = pack("- {userPrincipalName: ada@example.com, departement: Sales}\n")
    assert unpack(packed) is not None
    assert unpack(packed, UserKeys(frozenset({"department"}))) is None
    assert unpack(packed, UserKeys(frozenset({"departement"}))) is not None


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-1],
        lambda packed: packed[:3],
        lambda packed: packed + b"\0",
        lambda packed: packed + bytes(4),
        lambda packed: packed[:4] + b"\xff\xff\xff\xff" + packed[8:],
        lambda packed: b"\0\0\0\1" + packed[4:],
        lambda packed: packed[:4],
        lambda packed: packed[:4] + b"\0\0\0\1\xc0",
        lambda packed: packed[:4] + b"\0\0\0\5\xdd\xff\xff\xff\xff",
        lambda _: b"",
    ],
)
def test_bytes_that_are_cut_off_or_claim_more_than_there_is_have_to_be_parsed(damage: object) -> None:
    assert callable(damage)
    assert unpack(damage(pack(USERS))) is None


LAYOUT = (["userPrincipalName"], [0], ["userPrincipalName"])


@pytest.mark.parametrize(
    "chunk",
    [
        ([LAYOUT], [1], [0], [["ada"]], {}),
        ([LAYOUT], [0], [0], [[]], {}),
        ([LAYOUT], [0], [0], [["ada", "bob"]], {}),
        ([LAYOUT], [0], [0, 1], [["ada"]], {}),
        ([LAYOUT], [0], [0], [["ada"], ["bob"]], {}),
        ([LAYOUT], [0], [0], [[12]], {}),
        ([LAYOUT], [0], [0], [[{"a": "b"}]], {}),
        ([LAYOUT], [0], ["0"], [["ada"]], {}),
        ([LAYOUT], [0], [0], [["ada"]], {0: [None, "tomorrow", False]}),
        ([LAYOUT], [0], [0], [["ada"]]),
        ([], [0], [0], [["ada"]], {}),
    ],
)
def test_chunks_that_do_not_fit_together_have_to_be_parsed(chunk: object) -> None:
    content = msgspec.msgpack.encode(chunk)
    assert unpack(b"\0\0\0\1" + len(content).to_bytes(4, "big") + content) is None
    content = msgspec.msgpack.encode(([LAYOUT], [0], [0], [["ada"]], {}))
    assert unpack(b"\0\0\0\1" + len(content).to_bytes(4, "big") + content) is not None
