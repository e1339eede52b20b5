"""Numbers that look drawn by chance but follow from a seed: a value made once is the same in every plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import count


def build_random(*seed: str) -> Callable[[int], int]:
    """A function as `Context.random` must be, which gives the same numbers for the same seed: SHA-256 of a counter.

    256 bits are folded into each number, so that below 2^128 none is likelier than another by more than 2^-128. Who
    knows the seed knows the numbers: nothing made from them is a secret.
    """
    key = json.dumps(seed).encode()
    numbers = count()

    def draw(below: int) -> int:
        digest = hashlib.sha256(b"%d:%b" % (next(numbers), key)).digest()
        return int.from_bytes(digest, "big") % below

    return draw
