"""The pictures of the documentation show what the program prints now."""

from __future__ import annotations

import struct
import zlib

import pytest
from support.pictures.png import digest, read_stamp, repack, stamp
from support.pictures.sources import FOLDER, draw_comment, draw_terminal, make_sources

LARGEST = 150_000
"""Bytes of a picture."""


def test_each_picture_is_of_what_the_program_prints_now() -> None:
    made = {name: digest(source.page) for name, source in make_sources().items()}
    stored = {path.name: read_stamp(path.read_bytes()) for path in FOLDER.glob("*.png")}
    assert stored == made, "run `make pictures`, and look at them"


def test_each_picture_is_small() -> None:
    assert [path.name for path in FOLDER.iterdir() if path.stat().st_size > LARGEST] == []


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def image(rows: bytes, height: int) -> bytes:
    """Return an image that is two pixels wide."""
    header = struct.pack(">IIBBBBB", 2, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_stamp_is_read_back_and_leaves_the_picture() -> None:
    plain = image(b"\0" + bytes(6), 1)
    stamped = stamp(plain, "abc")
    assert (read_stamp(plain), read_stamp(stamped)) == ("", "abc")
    assert stamped.replace(chunk(b"tEXt", b"Source\0abc"), b"") == plain


@pytest.mark.parametrize(
    ("kind", "second"),
    [
        (0, [11, 21, 31, 42, 52, 62]),
        (1, [11, 21, 31, 31, 31, 31]),
        (2, [1, 1, 1, 2, 2, 2]),
        (3, [6, 11, 16, 17, 17, 17]),
        (4, [1, 1, 1, 2, 2, 2]),
    ],
)
def test_each_filter_is_undone(kind: int, second: list[int]) -> None:
    first = [10, 20, 30, 40, 50, 60]
    packed = image(bytes([0, *first, kind, *second]), 2)
    assert repack(packed) == image(bytes([0, *first, 0, 11, 21, 31, 42, 52, 62]), 2)


def test_colours_of_a_terminal_become_classes_and_text_is_escaped() -> None:
    drawn = draw_terminal("\x1b[1m\x1b[31m<b>\x1b[0m & \x1b[90mend\x1b[0m")
    assert drawn.endswith(
        '<span class="ansi1"><span class="ansi31">&lt;b&gt;</span></span> &amp; <span class="ansi90">end</span></pre>'
    )


def test_a_comment_has_its_alerts_and_the_colours_of_a_diff() -> None:
    drawn = draw_comment("> [!CAUTION]\n> One user\n\n```diff\n+ <a>\n- b\n! c\n  d\n```\n")
    assert '<blockquote class="caution">\n<p><b>Caution</b></p>\n<p>One user</p>' in drawn
    kinds = ("added", "removed", "changed", "same")
    assert [f'<span class="{kind}">' in drawn for kind in kinds] == [True] * 4
    assert "+ &lt;a&gt;" in drawn
