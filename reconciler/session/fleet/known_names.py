"""Names that are the program's own: they stay in the error of a result, where values of people are hidden."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cache

from reconciler.core.text import HIDDEN, QUOTED
from reconciler.desired.layout import DEFAULTS, FLEET_FILE, GROUPS, TENANT_FILE, TOP_FILES
from reconciler.desired.schema import UserEntry
from reconciler.desired.schema_values import StrictModel
from reconciler.desired.source_attributes import COMPUTED_ATTRIBUTES, ENTRA_ATTRIBUTES
from reconciler.profiles import PROFILES

_FOLDER = rf"(?:\.\./)*(?:(?:{DEFAULTS}|(?:{GROUPS}|tenants)/[a-z0-9-]{{1,40}})/)?"
_FILES = "|".join(map(re.escape, (*TOP_FILES, TENANT_FILE, FLEET_FILE)))
_LAYER_FILE = re.compile(f"{_FOLDER}(?:{_FILES})", re.ASCII)
_BEFORE_A_KEY = re.compile(r"\b(?:key|attribute) $")
_LIKE = 0.8
"""How similar a word after `key` or `attribute` has to be to one of our names to be that name, misspelt."""


def hide_values(text: str) -> str:
    """Replace quoted words by `(hidden)`, but for keys of settings, names of attributes and files of layers.

    A misspelt key or attribute stays, too, where the message says that it is one.
    """
    return QUOTED.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    word = match.group().strip('"')
    if word in list_known_names() or _LAYER_FILE.fullmatch(word):
        return match.group()
    is_key = _BEFORE_A_KEY.search(match.string, 0, match.start()) is not None
    return match.group() if is_key and difflib.get_close_matches(word, list_known_names(), 1, _LIKE) else HIDDEN


@cache
def list_known_names() -> frozenset[str]:
    """Return the keys of all files, and the attributes of Entra and of the services."""
    of_services = {each.path for profile in PROFILES.values() for each in profile.attributes}
    of_files = {*_list_keys(StrictModel), *UserEntry.model_fields}
    return frozenset({*of_files, *ENTRA_ATTRIBUTES, *COMPUTED_ATTRIBUTES, *of_services})


def _list_keys(model: type[StrictModel]) -> Iterator[str]:
    for each in model.__subclasses__():
        yield from (info.alias or name for name, info in each.model_fields.items())
        yield from _list_keys(each)
