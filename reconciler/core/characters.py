"""Find characters in user names and addresses that a reader cannot see, or takes for others (UTS #39).

An account with such a name is not the one that a reader sees, and its user cannot sign in. Python's
`unicodedata` has the names and compatibility forms; the first word of a letter's name is its script.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

_INVISIBLE = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc\ufffd\U000e0100-\U000e01ef]"
)
"""Without an own shape, but in no category that says so: joiners, fillers, variation selectors, replacements."""
_HIDDEN = {
    "Cc": "a control character",
    "Cf": "which cannot be seen",
    "Cs": "half of a character",
    "Co": "which has no shape of its own",
    "Cn": "which is no character",
    "Zs": "a space other than U+0020",
    "Zl": "a line break",
    "Zp": "a line break",
}
_LOOK_ALIKES = {
    "\u3002": ".",
    "\uff61": ".",
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
}
"""Characters that IDNA or mail programs take for the ASCII one, and that have no compatibility form that says so."""
_LABEL = re.compile(r"[^.@]+")
_MIXABLE = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "HALFWIDTH"}
)
"""Scripts that are written together, and with Latin letters (UTS #39 §5.2)."""
_DIGITS = {"ARABIC-INDIC": "ARABIC", "EXTENDED": "ARABIC"}
"""Scripts of digits whose names begin otherwise than those of letters."""


@dataclass(frozen=True, slots=True)
class DeceptiveCharacter:
    """A character that a name must not have: its 0-based position, and its name with the reason."""

    position: int
    text: str


def find_deceptive_character(text: str) -> DeceptiveCharacter | None:
    """Find the first character of a user name or an address that cannot be seen or passes for another; None: none.

    Letters of any one script are accepted, and each label, between dots and `@`, may have another.
    """
    if text.isascii():
        return None
    for position, character in enumerate(text):
        why = None if character.isascii() else _find_fault(character)
        if why is not None:
            return DeceptiveCharacter(position, f"{describe_character(character)}, {why}")
    for label in _LABEL.finditer(text):
        found = None if label[0].isascii() else _find_other_script(label[0])
        if found is not None:
            return DeceptiveCharacter(label.start() + found.position, found.text)
    return None


def describe_character(character: str) -> str:
    """Return the code point and the name of a character: `U+200B ZERO WIDTH SPACE`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


@lru_cache(4_096)
def _find_fault(character: str) -> str | None:
    """Return why a character that is not ASCII cannot be in a name; None if it can."""
    if _INVISIBLE.match(character):
        return "which cannot be seen"
    hidden = _HIDDEN.get(unicodedata.category(character))
    if hidden is not None:
        return hidden
    plain = _LOOK_ALIKES.get(character) or unicodedata.normalize("NFKC", character)
    return f'which looks like "{plain}"' if plain.isascii() and plain.isprintable() and plain.strip() else None


def _find_other_script(label: str) -> DeceptiveCharacter | None:
    """Find the first letter of another script than most letters of the label."""
    scripts = [_find_script(character) for character in label]
    counts = Counter(script for script in scripts if script is not None)
    if len(counts) < 2:  # noqa: PLR2004 - one script
        return None
    # Most addresses are Latin: of equally frequent scripts, the other one is named.
    usual = max(counts, key=lambda script: (counts[script], script == "LATIN"))
    position = next(index for index, script in enumerate(scripts) if script not in (None, usual))
    what = f"{describe_character(label[position])}, among {usual.capitalize()} letters"
    return DeceptiveCharacter(position, what)


@lru_cache(4_096)
def _find_script(character: str) -> str | None:
    """Return the script of a letter or digit; None for those of all scripts, and for scripts that are mixed."""
    if character.isascii():
        return "LATIN" if character.isalpha() else None
    if unicodedata.category(character) not in ("Lu", "Ll", "Lt", "Lo", "Nd"):
        return None
    script = unicodedata.name(character, "").partition(" ")[0]
    script = _DIGITS.get(script, script)
    return None if script in _MIXABLE or script.startswith("CJK") else script or None
