"""Random numbers from a seed, so that a value that is generated once is the same in every plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import count


def build_random(*seed: str) -> Callable[[int], int]:
    """Build a function for `Context.random` that returns the same numbers for the same seed: SHA-256 of a counter.

    Each number uses 256 bits, so that below 2^128 none is likelier than another by more than 2^-128. The seed gives the
    numbers away: do not use them for secrets.
    """
    key = json.dumps(seed).encode()
    numbers = count()

    def random_below(below: int) -> int:
        digest = hashlib.sha256(b"%d:%b" % (next(numbers), key)).digest()
        return int.from_bytes(digest, "big") % below

    return random_below
