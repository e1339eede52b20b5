"""The full name of an account as one text, whatever attributes hold it."""

from __future__ import annotations

import re

from reconciler.core.model import Attributes
from reconciler.core.values import fold_case

GIVEN, FAMILY = "name.givenName", "name.familyName"
WHOLE = ("displayName", "name.formatted")
_BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~\u2010-\u2019]+")
_SHORTEST_WORD = 2
FULL_NAME_PATHS = frozenset({GIVEN, FAMILY, *WHOLE})


def get_full_name(attributes: Attributes) -> str:
    """Return given and family name; without one of them displayName or name.formatted; empty if there is none."""
    given, family = attributes.get(GIVEN), attributes.get(FAMILY)
    if given and family:
        return f"{given} {family}"
    return str(next(filter(None, map(attributes.get, (*WHOLE, GIVEN, FAMILY))), ""))


def fold_full_name(attributes: Attributes) -> str:
    """Return the full name for comparison."""
    return fold_case(get_full_name(attributes))


def share_word(one: str, other: str) -> bool:
    """Whether two names have a word in common. A word has two or more letters: initials and numbers are none."""
    return not _find_words(one).isdisjoint(_find_words(other))


def _find_words(name: str) -> set[str]:
    words = _BETWEEN_WORDS.split(fold_case(name))
    return {word for word in words if sum(map(str.isalpha, word)) >= _SHORTEST_WORD}
