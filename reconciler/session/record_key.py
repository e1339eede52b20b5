"""The key of the digests on record. Imports nothing of the network: `log` and `status` need none."""

from __future__ import annotations

import os
from collections.abc import Mapping

from reconciler.errors import ReconcilerError
from reconciler.record.redaction import SHORTEST_KEY


def read_record_key(environment: Mapping[str, str] = os.environ) -> bytes:
    """Read the key of the record's digests. Raises `ReconcilerError` if it is missing or too short."""
    key = environment.get("RECONCILER_RECORD_KEY", "").strip()
    if len(key) < SHORTEST_KEY:
        what = "is not set" if not key else f"is shorter than {SHORTEST_KEY} characters"
        detail = "record.values is digest. Make a key once (openssl rand -hex 32) and keep it as a secret."
        raise ReconcilerError(f"RECONCILER_RECORD_KEY {what}", detail)
    return key.encode()
