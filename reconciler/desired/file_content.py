"""Recognise content that is no YAML of a desired state, to report it as what it is. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARKER = re.compile(rb"^(?:<{7}|\|{7}|>{7})(?:[ \t]|\r?$)|^={7}\r?$", re.MULTILINE)
_MARKS = (b"<<<<<<<", b">>>>>>>", b"|||||||", b"=======")
_LFS = b"version https://git-lfs.github.com/spec/"
_CRYPT = b"\0GITCRYPT\0"
_BINARY = {b"PK\x03\x04": "an Excel workbook or another ZIP archive", b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls)"}
_HTML = re.compile(rb"\s*<(?:!doctype html|html|head|script)\b", re.IGNORECASE)
_HEADER = re.compile(rb'"?[A-Za-z][^:{}]*')
_ENTRA_BULK = b"version:v1.0"
_SEPARATORS = (b",", b";", b"\t")
_LONGEST_HEADER = 8_192
_AS_YAML = (
    "Move it out of this directory and import its users: `reconciler import csv FILE`. Export a workbook as CSV first."
)


@dataclass(frozen=True, slots=True)
class ForeignContent:
    """What a file holds instead of YAML, on which line, and what to do about it."""

    line: int
    summary: str
    detail: str


def find_foreign_content(content: bytes) -> ForeignContent | None:
    """Return the content that is no YAML: what another program wrote, or conflict markers."""
    found = _find_other_format(content)
    if found is not None:
        return found
    marker = _MARKER.search(content) if any(mark in content for mark in _MARKS) else None
    if marker is None:
        return None
    line = content.count(b"\n", 0, marker.start()) + 1
    return ForeignContent(line, "an unresolved merge conflict", "Resolve it, and remove the conflict markers.")


def _find_other_format(content: bytes) -> ForeignContent | None:
    """Return which other format a file has."""
    if content.startswith(_LFS):
        detail = "Fetch the file: `git lfs pull`, or `lfs: true` for actions/checkout. Better, take it out of Git LFS."
        return ForeignContent(1, "a Git LFS pointer, not the file itself", detail)
    if content.startswith(_CRYPT):
        return ForeignContent(1, "encrypted by git-crypt", "Unlock the repository: `git-crypt unlock`.")
    if _HTML.match(content):
        return ForeignContent(1, "a web page (HTML), not YAML", "Download the file itself, such as GitHub's raw view.")
    binary = next((name for start, name in _BINARY.items() if content.startswith(start)), None)
    name = binary or ("a table (CSV)" if _is_table(content) else None)
    return ForeignContent(1, f"{name}, not YAML", _AS_YAML) if name else None


def _is_table(content: bytes) -> bool:
    """Whether the first line is the header of a table, as Excel and Entra write it: names, separators and no colon."""
    header, *_ = (
        content[:_LONGEST_HEADER]
        .removeprefix(b"\xef\xbb\xbf")
        .removeprefix(_ENTRA_BULK)
        .lstrip(b",;\r\n")
        .split(b"\n", 1)
    )
    return any(each in header for each in _SEPARATORS) and _HEADER.fullmatch(header) is not None
