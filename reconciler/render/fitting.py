"""Cut a text to a number of bytes, between its pieces."""

from __future__ import annotations

from collections.abc import Sequence


def measure(piece: str) -> int:
    """Return the bytes of a piece in UTF-8, with the end of its line."""
    return len(piece.encode()) + 1


def count_fitting(pieces: Sequence[str], space: int) -> int:
    """Return how many of the first pieces have space."""
    for number, piece in enumerate(pieces):
        space -= measure(piece)
        if space < 0:
            return number
    return len(pieces)
