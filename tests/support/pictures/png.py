"""PNG images: a text chunk that says of what a picture was made, and rows that compress well."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEY = b"Source\0"


def digest(page: str) -> str:
    """Return the SHA-256 of a page, in hexadecimal digits."""
    return hashlib.sha256(page.encode()).hexdigest()


def stamp(image: bytes, source: str) -> bytes:
    """Return the image with a text chunk that holds `source`, ASCII, before its end."""
    end = image.rindex(b"IEND") - 4
    return image[:end] + _chunk(b"tEXt", _KEY + source.encode("ascii")) + image[end:]


def repack(image: bytes) -> bytes:
    """Return the same picture, RGB with 8 bits each, without filters: text on plain grounds is a third smaller so."""
    chunks = list(_read_chunks(image))
    header = chunks[0][1]
    width, depth, colours = *struct.unpack_from(">I", header), header[8], header[9]
    assert (depth, colours) == (8, 2)
    rows = zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))
    size = 3 * width
    above, plain = bytes(size), bytearray()
    for start in range(0, len(rows), size + 1):
        above = _unfilter(rows[start], bytearray(rows[start + 1 : start + 1 + size]), above)
        plain += b"\0" + above
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(plain), 9)) + _chunk(b"IEND", b"")


def _unfilter(kind: int, row: bytearray, above: bytes) -> bytes:
    """Undo the filter of a row, as section 9 of the PNG specification has it."""
    for at, value in enumerate(row):
        left, corner = (row[at - 3], above[at - 3]) if at >= 3 else (0, 0)
        guesses = (0, left, above[at], (left + above[at]) // 2, 0)
        guess = guesses[kind] if kind != 4 else _paeth(left, above[at], corner)
        row[at] = (value + guess) & 255
    return bytes(row)


def _paeth(left: int, above: int, corner: int) -> int:
    near = left + above - corner
    return min((left, above, corner), key=lambda each: abs(near - each))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def read_stamp(image: bytes) -> str:
    """Return what `stamp` wrote, or "" if the image has no such chunk."""
    texts = (content for kind, content in _read_chunks(image) if kind == b"tEXt")
    return next((text.removeprefix(_KEY).decode("ascii") for text in texts if text.startswith(_KEY)), "")


def _read_chunks(image: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert image.startswith(_SIGNATURE)
    at = len(_SIGNATURE)
    while at < len(image):
        (length,) = struct.unpack_from(">I", image, at)
        yield image[at + 4 : at + 8], image[at + 8 : at + 8 + length]
        at += length + 12
