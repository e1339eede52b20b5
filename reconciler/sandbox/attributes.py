"""The attributes of an Apple account over SCIM, and how their paths are written."""

import re
import unicodedata
from collections.abc import Mapping

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

# Documented by Apple and Microsoft; `emails` is not in their list, but a field report sends it without a refusal.
SIMPLE = ("userName", "externalId", "active", "locale", "timezone", "emails")
NAME = ("givenName", "familyName")
ENTERPRISE_ATTRIBUTES = ("employeeNumber", "costCenter", "division", "department")

# RFC 7643 §3.1: every resource may carry these; `name.formatted` is sent by clients but never stored.
COMMON = ("schemas", "id", "meta")
TOLERATED = frozenset({"name.formatted"})

_SIMPLE_BY_KEY = {name.lower(): name for name in SIMPLE}
_NAME_BY_KEY = {name.lower(): name for name in NAME}
_ENTERPRISE_BY_KEY = {name.lower(): name for name in ENTERPRISE_ATTRIBUTES}
_COMMON_BY_KEY = {name.lower(): name for name in COMMON}
_HEAD = re.compile(r"[A-Za-z$][\w$-]*")


def name_key(user_name: str) -> str:
    """Return the key by which user names are compared: RFC 7643 §4.1.1 ignores case; NFC is inferred."""
    return unicodedata.normalize("NFC", user_name).lower()


def common_name(key: str) -> str | None:
    """Return the common attribute (RFC 7643 §3.1) that a JSON key names."""
    return _COMMON_BY_KEY.get(key.lower())


def canonical_path(path: str) -> str | None:
    """Return a path in RFC 7643 spelling, or None if an Apple account has no such attribute.

    RFC 7643 §2.1: attribute names and schema URNs ignore case. A value selection (`emails[…]`) is kept as given.
    """
    text = path.strip()
    lowered = text.lower()
    if lowered == ENTERPRISE.lower():
        return ENTERPRISE
    if lowered.startswith(f"{ENTERPRISE.lower()}:"):
        sub = _ENTERPRISE_BY_KEY.get(lowered[len(ENTERPRISE) + 1 :])
        return f"{ENTERPRISE}:{sub}" if sub else None
    if lowered.startswith(f"{CORE.lower()}:"):
        text = text[len(CORE) + 1 :]
    return _core_path(text)


def _core_path(text: str) -> str | None:
    found = _HEAD.match(text)
    if found is None:
        return None
    head, rest = found.group().lower(), text[found.end() :]
    if head == "name":
        return _name_path(rest)
    name = _SIMPLE_BY_KEY.get(head)
    if name is None or (rest and (name != "emails" or rest[0] not in ".[")):
        return None
    return name + rest


def _name_path(rest: str) -> str | None:
    if not rest:
        return "name"
    sub = _NAME_BY_KEY.get(rest[1:].lower()) if rest.startswith(".") else None
    return f"name.{sub}" if sub else None


def head_of(path: str) -> str:
    """Return the attribute a canonical path starts with: `emails[type eq "work"].value` -> `emails`."""
    if path.startswith(ENTERPRISE):
        return ENTERPRISE
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def split_path(path: str) -> tuple[str, str | None]:
    """Split a canonical path into the key of the resource and the key inside it, if any."""
    if path.startswith(f"{ENTERPRISE}:"):
        return ENTERPRISE, path[len(ENTERPRISE) + 1 :]
    head, dot, sub = path.partition(".")
    return head, sub if dot else None


def schemas_of(user: Mapping[str, object]) -> list[str]:
    """Return the `schemas` of a user (RFC 7643 §3): the enterprise URN only with its block."""
    return [CORE, ENTERPRISE] if user.get(ENTERPRISE) else [CORE]
