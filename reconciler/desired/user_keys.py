"""Find user names in the files of users as text, for shell completion: quick, and never an error.

The files are not parsed: a file that is being edited, or that is invalid, still completes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from reconciler.desired.layout import SUFFIXES

_MAX_BYTES = 64 << 20
"""Bytes that are read: 100,000 users are 30 MiB, and take 0.1 s."""
_MAX_KEYS = 200
_CHARACTERS = rb"[A-Za-z0-9._+-]*@?[A-Za-z0-9._-]*"
"""No character that a shell could expand or execute: the scripts of zsh evaluate what is completed."""


def find_user_keys(state: Path, start: str) -> list[str]:
    """Return each userPrincipalName that begins with `start`, in the order of the files; 200 at most."""
    line = rb"^[ -]*[\"']?userPrincipalName[\"']?: +[\"']?(%b%b)[\"']? *(?:#.*)?\r?$"
    pattern = re.compile(line % (re.escape(start.encode(errors="replace")), _CHARACTERS), re.MULTILINE)
    keys: dict[str, None] = {}
    for content in _read_files(state / "users"):
        for match in pattern.finditer(content):
            keys[match[1].decode("ascii", errors="replace")] = None
            if len(keys) == _MAX_KEYS:
                return list(keys)
    return list(keys)


def _read_files(folder: Path) -> Iterator[bytes]:
    left = _MAX_BYTES
    for path in sorted(folder.rglob("*")):
        if path.suffix not in SUFFIXES or path.is_symlink() or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                content = file.read(left)
        except OSError:
            continue
        yield content
        left -= len(content)
        if left <= 0:
            return
