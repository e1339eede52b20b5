from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.desired_users import anybody, desired_users

from reconciler.core.model import DesiredUser, Lifecycle
from reconciler.desired.mapped_file import MappedFile, pack_file, unpack_file
from reconciler.desired.user_rows import Shape
from reconciler.desired.user_table import Chunk, ChunkWriter, UserTable

NAME = "users/a.yaml"
TODAY = date(2026, 11, 30)
USERS = [anybody(number, NAME) for number in range(3)]


def build(users: Sequence[DesiredUser], day: date | None = None) -> MappedFile:
    chunks: list[Chunk] = []
    writer = ChunkWriter(chunks.append)
    for user in users:
        writer.append(user)
    writer.flush()
    return MappedFile(NAME, day, ("userPrincipalName",), b"12345678", tuple(chunks))


def pack(file: MappedFile) -> bytes:
    packed = pack_file(file)
    assert packed is not None
    return packed


def read_table(file: MappedFile) -> UserTable:
    table = UserTable()
    for chunk in file.chunks:
        table.adopt(chunk)
    return table


@given(st.lists(desired_users(), max_size=5))
def test_a_file_comes_back_as_it_was(users: list[DesiredUser]) -> None:
    users = [replace(user, origin=user.origin and replace(user.origin, file=NAME)) for user in users if user.origin]
    file = build(users)
    packed = pack_file(file)
    if packed is not None:
        assert unpack_file(packed, NAME, TODAY) == file
        assert read_table(file) == users


def test_a_file_with_a_first_matching_value_that_is_no_text_is_not_kept() -> None:
    assert pack_file(build([replace(USERS[0], match=(True,))])) is None
    assert pack_file(build([replace(USERS[0], match=("\ud800",))])) is None
    assert pack_file(build([replace(USERS[0], match=())])) is not None


def test_users_of_a_renamed_file_are_at_the_new_name() -> None:
    found = unpack_file(pack(build(USERS)), "users/b.yaml", TODAY)
    assert found is not None
    assert list(read_table(found)) == [anybody(number, "users/b.yaml") for number in range(3)]
    assert read_table(found).find("id-1") == 1


def test_a_user_who_is_written_out_whole_has_the_old_name() -> None:
    packed = pack(build([*USERS, replace(USERS[0], lifecycle=Lifecycle(protected=True))]))
    assert unpack_file(packed, "users/b.yaml", TODAY) is None
    assert unpack_file(packed, NAME, TODAY) is not None


def test_a_file_of_another_day() -> None:
    packed = pack(build(USERS, TODAY))
    assert unpack_file(packed, NAME, TODAY) is not None
    assert unpack_file(packed, NAME, date(2026, 12, 1)) is None


CHUNK = build(USERS).chunks[0]
SHAPE = CHUNK.shapes[0]


@pytest.mark.parametrize(
    "damaged",
    [
        msgspec.structs.replace(CHUNK, starts=CHUNK.starts[:-1]),
        msgspec.structs.replace(CHUNK, starts=CHUNK.starts[:-4]),
        msgspec.structs.replace(CHUNK, starts=CHUNK.starts[:8] + CHUNK.starts[4:8]),
        msgspec.structs.replace(CHUNK, starts=b"\1\0\0\0" + CHUNK.starts[4:]),
        msgspec.structs.replace(CHUNK, starts=CHUNK.starts[:8] + b"\xff\xff\0\0"),
        msgspec.structs.replace(CHUNK, starts=CHUNK.starts[:4] + b"\1\0\0\0" + CHUNK.starts[8:]),
        msgspec.structs.replace(CHUNK, starts=b""),
        msgspec.structs.replace(CHUNK, rows=CHUNK.rows[:-1]),
        msgspec.structs.replace(CHUNK, rows=CHUNK.rows + b"\xc0"),
        msgspec.structs.replace(CHUNK, dated=b"\3\0\0\0"),
        msgspec.structs.replace(CHUNK, dated=b"\3"),
        msgspec.structs.replace(CHUNK, in_scope=4),
        msgspec.structs.replace(CHUNK, in_scope=-1),
        msgspec.structs.replace(CHUNK, shapes=()),
        msgspec.structs.replace(CHUNK, shapes=(msgspec.structs.replace(SHAPE, identity=(0,)),)),
        msgspec.structs.replace(CHUNK, shapes=(msgspec.structs.replace(SHAPE, identity=(0, -1)),)),
        msgspec.structs.replace(CHUNK, shapes=(msgspec.structs.replace(SHAPE, identity=(0, 99)),)),
        msgspec.structs.replace(CHUNK, shapes=(msgspec.structs.replace(SHAPE, values=(0,)),)),
        msgspec.structs.replace(CHUNK, shapes=(Shape((), (), (0, 0), ()),), rows=b"\x91\xc0" * 3, starts=CHUNK.starts),
    ],
)
def test_numbers_that_do_not_belong_together(damaged: Chunk) -> None:
    file = msgspec.structs.replace(build(USERS), chunks=(damaged,))
    assert unpack_file(msgspec.msgpack.encode(file), NAME, TODAY) is None
    assert pack_file(file) is None


@pytest.mark.parametrize("names", [b"1234567", b"\2" * 8 + b"\1" * 8])
def test_damaged_hashes_of_names(names: bytes) -> None:
    assert pack_file(msgspec.structs.replace(build(USERS), names=names)) is None


@given(st.binary(max_size=40), st.integers(0, 600))
def test_other_bytes(content: bytes, end: int) -> None:
    assert unpack_file(content, NAME, TODAY) is None
    whole = pack(build(USERS))
    assert (unpack_file(whole[:end], NAME, TODAY) is None) == (end < len(whole))
