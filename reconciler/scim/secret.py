"""Tokens, as values that nothing shows."""

from __future__ import annotations


class Secret:
    """A token that no repr, log or traceback shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "<token>"

    def reveal(self) -> str:
        """Return the token itself."""
        return self._value


def is_token(text: str) -> bool:
    """Whether `text` has only characters that a token can have in an Authorization header."""
    return text.isascii() and text.isprintable() and " " not in text
