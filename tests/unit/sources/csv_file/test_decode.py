"""Encodings."""

from __future__ import annotations

import codecs

import pytest
from support.csv_files import refusal

from reconciler.errors import SourceError, UsageError
from reconciler.sources.csv_file import decode as module
from reconciler.sources.csv_file.decode import decode, parse_encoding

TEXT = "userPrincipalName,surname\r\nzoë@example.com,Śliwa\r\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    ],
)
def test_a_mark_or_valid_utf_8_says_the_encoding(content: bytes) -> None:
    assert decode(content, "f.csv", None) == TEXT


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "windows-1250", "utf-8", "UTF8", "iso-8859-2"])
def test_an_encoding_can_be_named(encoding: str) -> None:
    assert decode(TEXT.encode(encoding), "f.csv", encoding) == TEXT


def test_other_bytes_are_not_guessed() -> None:
    assert decode(TEXT.encode("cp1250"), "f.csv", None) is None


@pytest.mark.parametrize(
    ("content", "summary", "detail"),
    [
        (b"", "the file is empty", "Export it again"),
        (b"\r\n \n", "the file is empty", "Export it again"),
        (codecs.BOM_UTF8 + b"\r\n", "the file is empty", "Export it again"),
        (b"PK\x03\x04rest", "an Excel workbook (.xlsx) or another ZIP archive, not CSV", "CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0rest", "an Excel workbook (.xls), not CSV", "CSV UTF-8"),
        (b"\x1f\x8brest", "compressed (gzip), not CSV", "Unzip it"),
        (b"%PDF-1.7", "a PDF document, not CSV", "CSV UTF-8"),
        (b"\n<!DOCTYPE html>", "a web page or XML, not CSV", "sign-in page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull"),
        (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), "is UTF-32", "Save it as UTF-8"),
        (b"a,b\r\nx\0,y", "f.csv:2: a NUL character", "no text file"),
        (TEXT.encode("utf-16-le"), "looks like UTF-16 without a byte order mark", "--encoding utf-16-le"),
        (TEXT.encode("utf-16-be"), "looks like UTF-16 without a byte order mark", "--encoding utf-16-be"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le")[:-1], "f.csv:2: not utf-16-le from here on", "cut off"),
        (codecs.BOM_UTF8 + b"a\nb\n\xff", "f.csv:3: not utf-8 from here on", "cut off"),
    ],
)
def test_what_is_no_text_is_called_what_it_is(content: bytes, summary: str, detail: str) -> None:
    with pytest.raises(SourceError) as caught:
        decode(content, "f.csv", None)
    assert summary in caught.value.summary
    assert detail in f"{caught.value.summary} {caught.value.detail}"


@pytest.mark.parametrize(
    ("content", "encoding", "summary"),
    [
        (TEXT.encode(), "windows-1252", "the file is valid UTF-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "mac-roman", "begins with the mark of utf-8, so it is not mac-roman"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-8", "begins with the mark of utf-16-le"),
        ("Zoë".encode("cp1252") + b"\x81", "windows-1252", "f.csv:1: not cp1252 from here on"),
        (b"a\nZo\x92", "iso-8859-1", "f.csv:2: read as iso8859-1, the file has control characters"),
    ],
)
def test_an_encoding_that_the_file_contradicts_is_refused(content: bytes, encoding: str, summary: str) -> None:
    with pytest.raises(SourceError) as caught:
        decode(content, "f.csv", encoding)
    assert summary in caught.value.summary


def test_utf_16_may_be_named_where_the_mark_says_it_too() -> None:
    assert decode(codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "f.csv", "utf-16") == TEXT


@pytest.mark.parametrize("name", ["klingon", "rot13", "zlib", "utf-7", "unicode_escape", "idna", "", "x" * 99, "ütf"])
def test_only_encodings_of_text_files_are_accepted(name: str) -> None:
    with pytest.raises(UsageError, match="is not known"):
        parse_encoding(name)


def test_a_large_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    assert "is larger than" in refusal(TEXT)[0]
