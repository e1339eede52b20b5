"""Read one cell: spaces and characters that cannot be seen, texts of spreadsheets, booleans. Pure."""

from __future__ import annotations

import re
import unicodedata

_REMOVED = re.compile("[\u200b\ufeff\u2060\u00ad]")
"""Zero-width characters without a meaning in any script. Joiners have one, so they go at the ends only."""
_ENDS = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u2060"
_SPACES = re.compile("[\u00a0\u2007\u202f]")
_TEXT_FORMULA = re.compile(r'="([^"]*)"')
"""What exports write so that Excel keeps leading zeros: `="000123"`."""
_TEXT_PREFIX = re.compile(r"'(?=[=+@-]|0[0-9])")
"""What exports and spreadsheets write before a text that looks like a formula or a number: `'0007`, `'+49 30`."""
_TRUE = "true yes y wahr ja vrai oui verdadero sí si vero sì waar prawda tak sant sann sand tosi はい 是"
_FALSE = "false no n falsch nein faux non falso não nao onwaar nee fałsz nie falskt falsk usann epätosi いいえ 否"
_STATES = {
    **dict.fromkeys("active enabled".split(), True),
    **dict.fromkeys("suspended archived inactive disabled blocked".split(), False),
}
"""Words that name the state of a user, whatever the header asks."""
_WORDS = {**dict.fromkeys(_TRUE.split(), True), **dict.fromkeys(_FALSE.split(), False), **_STATES}
"""Booleans as Entra, Google Workspace and Excel in several languages write them. No word is in both lists."""
SPREADSHEET_BOOLEANS = frozenset(
    {"TRUE", "FALSE", "WAHR", "FALSCH", "VRAI", "FAUX", "VERDADERO", "FALSO", "VERO", "WAAR", "ONWAAR", "PRAWDA"}
)


def clean_cell(text: str) -> str:
    """Return the text of a cell: trimmed, NFC, with plain spaces and line ends, without zero-width characters."""
    if text.isascii() and text.isprintable() and not text.lstrip().startswith(("=", "'")):
        return text.strip()
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    wrapped = _TEXT_FORMULA.fullmatch(text)
    if wrapped is not None:
        text = wrapped[1].strip()
    text = _TEXT_PREFIX.sub("", text)
    if text.isascii():
        return text
    text = _REMOVED.sub("", _SPACES.sub(" ", text))
    return unicodedata.normalize("NFC", text.strip().strip(_ENDS).strip())


def has_hidden_characters(text: str) -> bool:
    """Whether `clean_cell` removes or replaces a character that a reader does not see."""
    if text.isascii():
        return False
    stripped = text.strip()
    return bool(_REMOVED.search(text) or _SPACES.search(text)) or stripped.strip(_ENDS) != stripped


def has_text_prefix(text: str) -> bool:
    """Whether `clean_cell` removes an apostrophe that is no part of the value."""
    return _TEXT_PREFIX.match(text.strip()) is not None


def parse_boolean(text: str) -> bool | None:
    """Return what a cell says; None: neither true nor false."""
    return _WORDS.get(text.casefold())


def is_state(text: str) -> bool:
    """Whether a cell names the state of the user: `Suspended` is no answer to a question such as "Blocked?"."""
    return text.casefold() in _STATES
