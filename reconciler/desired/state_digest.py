"""The digest of a desired state: of everything that can change a plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from reconciler.desired import schema
from reconciler.desired.layers import is_settings

_NOT_IN_DIGEST: Any = {
    "approvals": True,
    "notifications": True,
    "provisioning": True,
    "record": True,
    "target": {"token_issued", "token_expires", "client_secret_expires"},
    "source": {"entra": {"credential_expires"}},
    "unattended": True,
}
"""Settings that change neither a plan nor where it is applied."""


def compute_digest(digests: Mapping[str, str], settings: schema.Settings) -> str:
    """Return the digest of a desired state with these settings, from the sha256 of each of its files by name."""
    without = settings.model_dump(mode="json", exclude=_NOT_IN_DIGEST)
    # A state without a key that came later keeps its digest.
    for name, value in (("tenant", None), ("active_when_absent", None), ("auth", "token")):
        if without["target"][name] == value:
            del without["target"][name]
    if settings.relink == schema.RelinkSettings():
        del without["relink"]
    files = {name: digest for name, digest in digests.items() if not is_settings(name)}
    content = json.dumps({"settings": without, "files": files}, sort_keys=True)
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
