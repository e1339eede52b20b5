"""Check that a file is text that libyaml and editors break into the same lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from reconciler.core.model import Origin

MAX_BYTES = 64 * 1024 * 1024
MAX_LINE = 65_536
_UNUSUAL_BREAK = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]|\r(?!\n)")
_ASCII = bytes(range(128))
_LOOK_ALIKES = re.compile(
    rb"\xc2[\xa0\xab\xbb]|\xe1\x9a\x80|\xe2\x80[\x80-\x8b\x98-\x9f\xaf]|\xe2\x81[\x9f\xa0]|\xe3\x80\x80|\xef\xbb\xbf"
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

Fail = Callable[[Origin, str, str], Any]


def check_text(content: bytes, file: str, fail: Fail) -> None:
    """Call `fail` with the origin, a summary and a detail if `content` is not such text."""
    if len(content) > MAX_BYTES:
        fail(Origin(file, 1, 1), f"larger than {MAX_BYTES // 1024 // 1024} MiB", "Split the file.")
    if content.startswith(_UTF_16) or (b"\0" in content[:4] and content[:4].strip(b"\0")):
        fail(Origin(file, 1, 1), "UTF-16 text, not UTF-8", "Save the file as UTF-8: editors call it the encoding.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as exc:
        _fail_not_utf8(content, exc.start, file, fail)
    # The few characters that are not ASCII are searched several times faster without the others.
    if b"\r" in content or _UNUSUAL_BREAK.search(content.translate(None, _ASCII)) is not None:
        odd = _UNUSUAL_BREAK.search(content)
        if odd is not None:
            _fail_unusual_break(content, odd, file, fail)
    lines = content.split(b"\n")
    if max(map(len, lines)) > MAX_LINE:
        for number, text in enumerate(lines, start=1):
            if len(text) > MAX_LINE:
                fail(Origin(file, number, 1), f"a line longer than {MAX_LINE:,} bytes", "Break the line.")


def _fail_not_utf8(content: bytes, start: int, file: str, fail: Fail) -> None:
    byte = content[start]
    character = bytes([byte]).decode("windows-1252", "replace")
    shown = f", in Windows-1252 {character}" if character.isalpha() else ""
    summary = f"not UTF-8 text: the byte 0x{byte:02X}{shown}"
    fail(locate_byte(file, content, start), summary, "Save the file as UTF-8: editors call it the encoding.")


def _fail_unusual_break(content: bytes, odd: re.Match[bytes], file: str, fail: Fail) -> None:
    """Report a line break of YAML 1.1 that editors do not break lines at: every later line number would be wrong."""
    at = locate_byte(file, content, odd.start())
    if odd.group() == b"\r" and b"\n" not in content:
        detail = "Save the file with line ends of Unix (LF) or Windows (CRLF)."
        fail(at, "the lines end with a carriage return only (CR)", detail)
    name = {b"\r": "a carriage return without a line feed", b"\xc2\x85": "U+0085"}.get(odd.group())
    name = name or f"U+{ord(odd.group().decode()):04X}"
    fail(at, f"an unusual line break ({name})", "Remove it, or break the line as your editor does.")


def has_look_alikes(content: bytes) -> bool:
    """Whether a file has characters that look like a space or a quote, apart from a byte order mark at its start."""
    foreign = content.removeprefix(b"\xef\xbb\xbf").translate(None, _ASCII)
    return _LOOK_ALIKES.search(foreign) is not None


def locate_byte(file: str, content: bytes, offset: int) -> Origin:
    """Return the origin of the byte at `offset`; columns count characters."""
    start = content.rfind(b"\n", 0, offset) + 1
    column = len(content[start:offset].decode("utf-8", "replace")) + 1
    return Origin(file, content.count(b"\n", 0, offset) + 1, column)
