"""Tokens, as values that nothing shows."""

from __future__ import annotations

import re
import threading
from typing import NoReturn


class Secret:
    """A token that no repr, log or traceback shows, and that cannot be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "<token>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is never handed to another process")

    def reveal(self) -> str:
        """Return the token itself."""
        return self._value


class SentTokens:
    """All tokens that were sent to one service: it may repeat any of them. Thread-safe."""

    def __init__(self, *tokens: Secret) -> None:
        self._lock = threading.Lock()
        self._values: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        for token in tokens:
            self.add(token)

    def add(self, token: Secret) -> None:
        """Hide this token, too, from now on."""
        value = token.reveal()
        if value in self._values:
            return
        with self._lock:
            self._values |= {value} - {""}
            # In one pass, the longest first: one token can be the beginning of another, or of "(token)".
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def hide(self, text: str) -> str:
        """Return text of the service with "(token)" in place of each token."""
        pattern = self._pattern
        return pattern.sub("(token)", text) if pattern is not None else text


def is_token(text: str) -> bool:
    """Whether `text` has only characters that a token can have in an Authorization header."""
    return text.isascii() and text.isprintable() and " " not in text
