"""Recognise content that is no YAML of a desired state, to report it as what it is. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARKER = re.compile(rb"^(?:<{7}|\|{7}|>{7})(?:[ \t]|\r?$)|^={7}\r?$", re.MULTILINE)
_MARKS = (b"<<<<<<<", b">>>>>>>", b"|||||||", b"=======")
_LFS = b"version https://git-lfs.github.com/spec/"
_CRYPT = b"\0GITCRYPT\0"


@dataclass(frozen=True, slots=True)
class ForeignContent:
    """What a file holds instead of YAML, on which line, and what to do about it."""

    line: int
    summary: str
    detail: str


def find_foreign_content(content: bytes) -> ForeignContent | None:
    """Return the content that is no YAML: conflict markers, a Git LFS pointer, or a file encrypted by git-crypt."""
    if content.startswith(_LFS):
        detail = "Fetch the file: `git lfs pull`, or `lfs: true` for actions/checkout. Better, take it out of Git LFS."
        return ForeignContent(1, "a Git LFS pointer, not the file itself", detail)
    if content.startswith(_CRYPT):
        return ForeignContent(1, "encrypted by git-crypt", "Unlock the repository: `git-crypt unlock`.")
    marker = _MARKER.search(content) if any(mark in content for mark in _MARKS) else None
    if marker is None:
        return None
    line = content.count(b"\n", 0, marker.start()) + 1
    return ForeignContent(line, "an unresolved merge conflict", "Resolve it, and remove the conflict markers.")
