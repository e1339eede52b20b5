"""Choose the file of a new user: a pattern such as `users/{department}.yaml`, safe in every file system. Pure.

A user never moves to another file afterwards. A file that is full is followed by a numbered one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable

from reconciler.core.model import Diagnostic, Origin, SourceAttributes, SourceValue, error
from reconciler.core.text import quote, shorten

MAX_USERS = 1_000
"""Of one file: then a new user goes to the next. A larger file is slow to review."""
DEFAULT = "users/entra.yaml"
_PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9_-]*")
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_LONGEST_SLUG = 50
_SUFFIX = ".yaml"
_UNASSIGNED = "unassigned"
_LONGEST_SEGMENT = 200
# Windows opens these devices whatever the suffix.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
# git mergetool's names: such files are leftovers, and not read (`desired.layout`).
_MERGETOOL = re.compile(r"_(BASE|LOCAL|REMOTE|BACKUP)_|_(BASE|LOCAL|REMOTE|BACKUP)\Z")


def check_place(place: str, attributes: Collection[str], origin: Origin | None = None) -> Diagnostic | None:
    """Return the error of a pattern that is not that of a file below users/; None if it is one.

    `attributes`: those that the source has read. Users would get their files by the absence of any other.
    """
    shown = f"`place` {quote(shorten(place, 80))}"
    why = _find_fault(place)
    if why:
        detail = "An example: users/{department}.yaml. Attributes in braces; otherwise letters, digits, - and _."
        return error(f"{shown} {why}", detail, origin)
    unread = next((each for each in _PLACEHOLDER.findall(place) if each not in attributes), None)
    if unread is None:
        return None
    return error(f"{shown} names {unread}, which the source did not read", "Name an attribute that it has.", origin)


def _find_fault(place: str) -> str:
    if not place.startswith("users/") or place == "users/":
        return "is not below users/"
    if not place.endswith(_SUFFIX):
        return "does not end with .yaml"
    for segment in place.removesuffix(_SUFFIX).split("/"):
        literal = _PLACEHOLDER.sub("", segment)
        if not segment:
            return "has an empty folder or file name"
        if not _LITERAL.fullmatch(literal) or len(literal) > _LONGEST_SLUG:
            return f"has a name that is not safe in every file system, {quote(shorten(segment, 60))}"
        if _MERGETOOL.search(segment):
            return f"has a name that git mergetool uses, {quote(shorten(segment, 60))}"
    return ""


class Placement:
    """Files for new users. `files`: all that exist; `users`: the file of each user that there is.

    The pattern has passed `check_place`.
    """

    def __init__(self, place: str, files: Iterable[str], users: Iterable[str]) -> None:
        self._place = place.removesuffix(_SUFFIX)
        self._sizes = Counter(file.casefold() for file in users)
        self._known: dict[str, str] = {}
        """Folded name of a file or a folder -> the name."""
        for file in files:
            self._learn(file)
        self._numbers: dict[str, int] = {}
        """By name without suffix: the number of the file that has room."""

    def choose(self, attributes: SourceAttributes) -> str:
        """Return the file of a new user, and count the user there. The order of the users decides."""
        folder, _, name = "/".join(_fill(segment, attributes) for segment in self._place.split("/")).rpartition("/")
        base = f"{self._find(folder)}/{name}"
        number = self._numbers.get(base, 1)
        while self._sizes[_add_number(base, number).casefold()] >= MAX_USERS:
            number += 1
        self._numbers[base] = number
        file = self._find(_add_number(base, number))
        self._sizes[file.casefold()] += 1
        self._learn(file)
        return file

    def _find(self, name: str) -> str:
        """Return `name` as it is written already: many file systems ignore case."""
        return self._known.get(name.casefold(), name)

    def _learn(self, name: str) -> None:
        while name and name.casefold() not in self._known:
            self._known[name.casefold()] = name
            name = name.rpartition("/")[0]


def _fill(segment: str, attributes: SourceAttributes) -> str:
    name = _PLACEHOLDER.sub(lambda match: slug(attributes.get(match[1])), segment)
    if len(name) > _LONGEST_SEGMENT:
        name = f"{name[:_LONGEST_SLUG]}-{_digest(name)}"
    return f"{name}_" if name.casefold() in _DEVICES else name


def _add_number(base: str, number: int) -> str:
    return f"{base}{_SUFFIX}" if number == 1 else f"{base}-{number}{_SUFFIX}"


def slug(value: SourceValue | None) -> str:
    """Return a value as a part of a file name: `Forschung & Entwicklung` is `forschung-entwicklung`.

    A value without a Latin letter or digit is a part of its digest: a file name of other letters has several encodings.
    """
    text = value[0] if isinstance(value, tuple) and value else value
    if isinstance(text, bool):
        return str(text).lower()
    if not text or not isinstance(text, str):
        return _UNASSIGNED
    start = text[: 4 * _LONGEST_SLUG]
    latin = unicodedata.normalize("NFKD", start.casefold()).encode("ascii", "ignore").decode()
    return _SEPARATORS.sub("-", latin)[:_LONGEST_SLUG].strip("-") or _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
