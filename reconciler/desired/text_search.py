"""Search the bytes of a YAML file for values without parsing it: a value that is there is found, whatever its case.

A hit may be anything: a comment, a part of another value. That nothing is found proves that no scalar of the file is
the value, unless the file has what `hides_text` knows.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from reconciler.core.values import fold_case

MOST_SEARCHED = 16
"""Values that are worth searching for: each is searched for by itself."""
_FOLDS_TO_ASCII = re.compile(rb"\xe2\x84\xaa|\xcd\xbe|\xe1\xbf\xaf")
"""The characters other than ASCII that are ASCII after `fold_case`: the Kelvin sign, the Greek question mark, and a
grave accent."""
_SEARCHABLE = re.compile(r"[!-~]+")
_UNSAFE = frozenset("\"',[]{}")


def is_searchable(value: str) -> bool:
    """Whether a scalar with this value has it on one line, as it is: printable ASCII without quotes and brackets."""
    return bool(_SEARCHABLE.fullmatch(value)) and _UNSAFE.isdisjoint(value)


def hides_text(content: bytes) -> bool:
    """Whether scalars of the file can be spelt differently: by escapes, or with characters that fold to ASCII."""
    return b"\\" in content or _FOLDS_TO_ASCII.search(content) is not None


def finds_any(content: bytes, values: Collection[str]) -> bool:
    """Whether the file has one of these values, which must be `is_searchable`."""
    if not values:
        return False
    # As any part of the text: YAML has more ways to begin and end a scalar than are worth knowing.
    folded = content.lower()
    return any(fold_case(value).encode("ascii") in folded for value in values)


def finds_text(content: bytes, texts: Collection[bytes]) -> bool:
    """Whether the file has one of these texts, which have no letters."""
    return any(text in content for text in texts)
