"""Upper case, lower case, title case and letters without diacritics, character by character as in .NET."""

from __future__ import annotations

import re
import unicodedata

_SEPARATORS = frozenset("Zs Zl Zp Cc Cf Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So".split())
"""The Unicode categories that end a word in PCase, from Entra's reference."""
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
        # Not in Entra's table of examples: other letters with a stroke.
        "đ": "d",
        "Đ": "D",
        "ħ": "h",
        "Ħ": "H",
        "ŧ": "t",
        "Ŧ": "T",
    }
)
# The blocks of combining diacritical marks: vowel signs of Thai or Hindi and voicing marks of kana are not diacritics.
_MARKS = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")


def is_culture(name: str) -> bool:
    """Whether `name` has the form of a culture, such as "tr-TR"; "" is the invariant culture."""
    return not name or _CULTURE.fullmatch(name) is not None


def _is_turkic(culture: str) -> bool:
    return culture.partition("-")[0].lower() in _TURKIC


def lower(text: str, culture: str = "") -> str:
    """Return lower case of the same length, as in .NET: İ only changes in Turkish and Azeri."""
    if _is_turkic(culture):
        text = text.replace("I", _DOTLESS).replace(_DOTTED, "i")
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := each.lower()) == 1 else each for each in text)


def upper(text: str, culture: str = "") -> str:
    """Return upper case of the same length, as in .NET: ß stays ß."""
    if _is_turkic(culture):
        text = text.replace("i", _DOTTED).replace(_DOTLESS, "I")
    if text.isascii():
        return text.upper()
    return "".join(each if each == _DOTLESS or len(up := each.upper()) != 1 else up for each in text)


def title(text: str, separators: str | None = None) -> str:
    """Return the text with the first letter of each word in upper case, all others in lower case.

    Words end at `separators`, by default at spaces, punctuation and symbols. Entra's documents don't say whether an
    apostrophe is one of them; here it is ("John'S"), as in its list of categories and its Workday guide.
    """
    starts = True
    letters: list[str] = []
    for each in lower(text):
        letters.append(upper(each) if starts else each)
        starts = each in separators if separators else unicodedata.category(each) in _SEPARATORS
    return "".join(letters)


def strip_diacritics(text: str) -> str:
    """Remove diacritics: those that Unicode decomposes, and ae, oe, ss, i, l for æ, ø, ß, ı, ł.

    All 261 examples of Entra's table give the documented result. Other letters are not documented; here every letter
    loses its marks, and đ, ħ, ŧ lose their stroke. Separate letters such as ð and þ stay.
    """
    if text.isascii():
        return text
    bare = _MARKS.sub("", unicodedata.normalize("NFD", text)).translate(_SPECIAL)
    return unicodedata.normalize("NFC", bare)
