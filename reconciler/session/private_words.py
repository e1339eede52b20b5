"""The words of a command line that `--redact` hides wherever they are shown: paths, and names of branches and commits.

A directory, a file or a branch is easily named after the person that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_NAMES = frozenset({"--state", "--plans", "-o", "--out", "--log", "--template", "--base", "--whole-plan-at", "--wheel"})
"""The options whose value is hidden."""
_FLAGS = frozenset(
    {
        *("--sandbox", "--redact", "--no-color", "-q", "--quiet", "-v", "--verbose", "--summary", "--offline", "--"),
        *("--detailed-exitcode", "--auto-approve", "--strict", "--retry-failed", "--all", "--dry-run", "--force"),
    }
)
"""Options without a value: the word after them is an argument."""
_GROUPS = frozenset({"add", "github", "import", "export", "sandbox"})
_DEFAULTS = frozenset({"desired-state", "plans", ".", "/", "-", "HEAD"})
_IDENTITY = re.compile(r"(?:sha256:)?[0-9a-f]{7,64}|\d+|\d{4}-\d\d-\d\d-[0-9a-f]{12}")
"""The id of a commit or a plan, a number, the name of a record: about no person."""


def find_private_words(line: Sequence[str]) -> list[str]:
    """Return the private words of a command line without the program's name, sorted."""
    words = {word for value in _list_values(line) for word in _list_forms(value)}
    return sorted(word for word in words - _DEFAULTS if not _IDENTITY.fullmatch(word))


def _list_values(line: Sequence[str]) -> Iterator[str]:
    before = ""
    for word in line[2:] if line and line[0] in _GROUPS else line[1:]:
        option, equals, value = word.partition("=")
        takes_value = before.startswith("-") and before not in _FLAGS
        if not word.startswith("-") or word == "-":
            if not takes_value or before in _NAMES:
                yield word
        elif equals and option in _NAMES:
            yield value
        before = word if not equals else ""


def _list_forms(value: str) -> Iterator[str]:
    """Yield a path as it is written and as `pathlib` writes it."""
    trimmed = re.sub(r"/(?:\./)*/*", "/", value.removeprefix("./")).rstrip("/")
    yield from (form for form in (value, trimmed) if form)
