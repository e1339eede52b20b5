"""Upper case, lower case, title case and letters without their marks, as .NET does them: character by character."""

from __future__ import annotations

import re
import unicodedata

_SEPARATORS = frozenset("Zs Zl Zp Cc Cf Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So".split())
"""The categories Entra's reference lists as ends of a word for PCase."""
_CULTURE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_TURKIC = ("tr", "az")
_DOTTED, _DOTLESS = "\u0130", "\u0131"
_SPECIAL = str.maketrans(
    {
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "oe",
        "Ø": "OE",
        "ß": "ss",
        "ẞ": "SS",
        "ı": "i",
        "ł": "l",
        "Ł": "L",
        # Not in Entra's table, which ends with its examples: the other letters that are a letter and a stroke.
        "đ": "d",
        "Đ": "D",
        "ħ": "h",
        "Ħ": "H",
        "ŧ": "t",
        "Ŧ": "T",
    }
)
# The blocks of combining diacritical marks: vowel signs of Thai or Hindi and voicing marks of kana are no diacritics.
_MARKS = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")


def is_culture(name: str) -> bool:
    """Whether `name` looks like the name of a culture, such as "tr-TR"; "" is the invariant one."""
    return not name or _CULTURE.fullmatch(name) is not None


def _is_turkic(culture: str) -> bool:
    return culture.partition("-")[0].lower() in _TURKIC


def lower(text: str, culture: str = "") -> str:
    """Lower case that never changes the length, as in .NET: İ has no lower case but in Turkish and Azeri."""
    if _is_turkic(culture):
        text = text.replace("I", _DOTLESS).replace(_DOTTED, "i")
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := each.lower()) == 1 else each for each in text)


def upper(text: str, culture: str = "") -> str:
    """Upper case that never changes the length, as in .NET: ß stays ß."""
    if _is_turkic(culture):
        text = text.replace("i", _DOTTED).replace(_DOTLESS, "I")
    if text.isascii():
        return text.upper()
    return "".join(each if each == _DOTLESS or len(up := each.upper()) != 1 else up for each in text)


def title(text: str, separators: str | None = None) -> str:
    """The first letter of each word in upper case, all others in lower case.

    Words end at `separators`, or without them at spaces, punctuation and symbols. Entra's documents don't say whether
    an apostrophe is one of them; here it is ("John'S"), as its list of categories and its Workday guide have it.
    """
    starts = True
    letters: list[str] = []
    for each in lower(text):
        letters.append(upper(each) if starts else each)
        starts = each in separators if separators else unicodedata.category(each) in _SEPARATORS
    return "".join(letters)


def strip_diacritics(text: str) -> str:
    """Letters without their marks: what Unicode takes apart, and ae, oe, ss, i, l for æ, ø, ß, ı, ł.

    Entra's table has 261 examples, all of which come out so. For other letters its documents don't say; here marks go
    from every letter, and đ, ħ, ŧ lose their stroke. Letters of their own, such as ð and þ, stay.
    """
    if text.isascii():
        return text
    bare = _MARKS.sub("", unicodedata.normalize("NFD", text)).translate(_SPECIAL)
    return unicodedata.normalize("NFC", bare)
