"""Attributes of RFC 7643 that no mapping can set: read-only and write-only ones."""

from __future__ import annotations

from reconciler.core.profile import Attribute, Confidence, Mutability

_META = "meta meta.resourceType meta.created meta.lastModified meta.location meta.version".split()
_GROUPS = "groups groups.value groups.$ref groups.display groups.type".split()


def _read_only(path: str, source: str) -> Attribute:
    return Attribute(path, source, Confidence.DOCUMENTED, mutability=Mutability.READ_ONLY)


UNMAPPABLE = (
    _read_only("id", "RFC 7643 §3.1"),
    *(_read_only(path, "RFC 7643 §3.1") for path in _META),
    *(_read_only(path, "RFC 7643 §4.1.2") for path in _GROUPS),
    Attribute("password", "RFC 7643 §4.1.1", Confidence.DOCUMENTED, mutability=Mutability.WRITE_ONLY),
)
