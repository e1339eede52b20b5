"""Decode the bytes of a CSV file: by its byte order mark, else as UTF-8, else as --encoding says. Nothing is guessed.

Detectors are wrong on files as small as these, and a wrong guess changes people's names. Pure.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

from reconciler.core.text import quote, shorten
from reconciler.errors import SourceError, UsageError

MAX_BYTES = 64 << 20
"""Bytes of a file: 100,000 people with 30 columns are about 30 MB."""
_AS_CSV = 'Export it as "CSV UTF-8 (comma delimited)" from the program that shows it, and import that file.'
_UNZIP = "Unzip it first, then import the CSV file in it."
_FORMATS: Mapping[bytes, tuple[str, str]] = {
    b"PK\x03\x04": ("an Excel workbook (.xlsx) or another ZIP archive", f"{_AS_CSV} If it is an archive, unzip it."),
    b"PK\x05\x06": ("an empty ZIP archive", _AS_CSV),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook (.xls)", _AS_CSV),
    b"\x1f\x8b": ("compressed (gzip)", _UNZIP),
    b"%PDF": ("a PDF document", _AS_CSV),
    b"version https://git-lfs": ("a Git LFS pointer, not the file itself", "Fetch the file: `git lfs pull`."),
}
_MARKS = (
    # That of UTF-32 begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MULTI_BYTE = "utf-8 utf-16 utf-16-le utf-16-be cp932 shift_jis euc_jp gbk gb18030 big5 cp949 euc_kr"
_SINGLE_BYTE = (
    "cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 iso8859-1 iso8859-2 iso8859-5 iso8859-7 iso8859-9"
    " iso8859-15 mac-roman mac-latin2 mac-cyrillic cp437 cp850 cp852 cp866 koi8-r koi8-u cp874"
)
ENCODINGS = frozenset(f"{_MULTI_BYTE} {_SINGLE_BYTE}".split())
"""Python's names of what --encoding accepts: encodings of text files, nothing that executes or compresses."""
_CONTROLS = re.compile("[\x80-\x9f]")


def decode(content: bytes, name: str, encoding: str | None) -> str | None:
    """Return the text without its byte order mark; None: not UTF-8, and nothing says what else.

    Raises `SourceError` for what is no text or not in `encoding`, and `UsageError` for an unknown encoding.
    """
    chosen = parse_encoding(encoding)
    _check_format(content, name)
    mark, marked = next(((mark, found) for mark, found in _MARKS if content.startswith(mark)), (b"", ""))
    if marked == "utf-32":
        raise SourceError(f"{name}: the file is UTF-32", "Save it as UTF-8.")
    if marked and chosen and chosen not in (marked, marked[:6]):
        summary = f"{name}: the file begins with the mark of {marked}, so it is not {encoding}"
        raise SourceError(summary, "Leave out --encoding.")
    if marked or chosen:
        text = _decode_as(content[len(mark) :], name, marked or chosen or "")
        _check_choice(content, name, text, chosen if not marked else None)
    else:
        _check_wide(content, name)
        found = _decode_utf8(content)
        if found is None:
            return None
        text = found
    _check_text(text, name)
    return text


def parse_encoding(encoding: str | None) -> str | None:
    """Return Python's name of an encoding. Raises `UsageError` if it is none of a text file."""
    if encoding is None:
        return None
    try:
        found = codecs.lookup(encoding).name.removesuffix("-sig") if encoding.isascii() and len(encoding) < 40 else ""  # noqa: PLR2004
    except LookupError:
        found = ""
    if found not in ENCODINGS:
        detail = "Such as utf-8, utf-16, windows-1252, windows-1250, iso-8859-15, mac-roman, shift_jis."
        raise UsageError(f"--encoding {quote(shorten(encoding, 40))} is not known", detail)
    return found


def _check_format(content: bytes, name: str) -> None:
    if not content.strip():
        raise SourceError(f"{name}: the file is empty", "No file was changed. Export it again.")
    if len(content) > MAX_BYTES:
        summary = f"{name}: the file is larger than {MAX_BYTES >> 20} MiB"
        raise SourceError(summary, "Is it the right file? Else leave out columns that are not imported.")
    found = next((found for start, found in _FORMATS.items() if content.startswith(start)), None)
    if found is None and re.match(rb"\s*<(?:!doctype|html|\?xml)", content[:200], re.IGNORECASE):
        found = "a web page or XML", "It may be the sign-in page of the service. Download the CSV file again."
    if found is not None:
        raise SourceError(f"{name}: the file is {found[0]}, not CSV", found[1])


def _check_wide(content: bytes, name: str) -> None:
    """Refuse UTF-16 without a byte order mark, which is valid UTF-8 with NUL characters, and binary files."""
    if b"\0" not in content[:4096]:
        return
    even, odd = content[:4096:2].count(0), content[1:4096:2].count(0)
    half = min(len(content), 4096) // 4
    if max(even, odd) > half and min(even, odd) < half:
        encoding = "utf-16-be" if even > odd else "utf-16-le"
        detail = f"Is it a text file of Windows? Then say --encoding {encoding}."
        raise SourceError(f"{name}: the file looks like UTF-16 without a byte order mark", detail)


def _decode_utf8(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _decode_as(content: bytes, name: str, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as exc:
        unit = b"\n\0" if encoding in ("utf-16-le", "utf-16") else b"\0\n" if encoding == "utf-16-be" else b"\n"
        line = content.count(unit, 0, exc.start) + 1
        detail = "Is the file cut off, or put together from two files? Export it again, as UTF-8."
        raise SourceError(f"{name}:{line}: not {encoding} from here on: {exc.reason}", detail) from exc


def _check_choice(content: bytes, name: str, text: str, chosen: str | None) -> None:
    """Refuse a --encoding that the file contradicts."""
    if chosen is None:
        return
    if chosen != "utf-8" and not chosen.startswith("utf-16") and not content.isascii() and _decode_utf8(content):
        summary = f"{name}: the file is valid UTF-8, which text in {chosen} hardly ever is"
        raise SourceError(summary, "Leave out --encoding: names would be read wrongly.")
    controls = _CONTROLS.search(text)
    if controls is not None:
        line = text.count("\n", 0, controls.start()) + 1
        detail = "Try another encoding, such as windows-1252, or save the file as UTF-8."
        raise SourceError(f"{name}:{line}: read as {chosen}, the file has control characters", detail)


def _check_text(text: str, name: str) -> None:
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(f"{name}:{line}: a NUL character, so this is no text file or a damaged one", _AS_CSV)
    if not text.strip():
        raise SourceError(f"{name}: the file is empty", "No file was changed. Export it again.")
