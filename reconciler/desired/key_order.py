"""The order of the keys of users and groups in files that this program writes. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.desired.source_attributes import ENTRA_ATTRIBUTES

_IDENTITY = ("objectId", "userPrincipalName", "givenName", "surname", "displayName")
_LAST = ("accountEnabled", "lifecycle")
_OWN = frozenset((*_IDENTITY, *_LAST))
_LANGUAGE = "preferredLanguage"
USER_KEYS = (
    *_IDENTITY,
    *(
        key
        for name in ENTRA_ATTRIBUTES
        if name not in _OWN
        for key in ((name, "timezone") if name == _LANGUAGE else (name,))
    ),
    None,
    *_LAST,
)
"""The keys of a user; None: the place of all other attributes."""
GROUP_KEYS = ("name", "objectId", "description", None, "members")
MAPPING_KEYS = (
    *("target", "source", "constant", "template", "expression"),
    *("default", "match", "apply", "when_null", None),
)
MEMBER_KEYS = ("users", "groups", None)
LIFECYCLE_KEYS = ("starts", "expires", "protected", None)
SCOPE_KEYS = ("sync", "assigned", "excluded", "filters", None)

Order = tuple[str | None, ...]


class KeyOrder:
    """An order of keys. Keys that it does not name have one rank, so that they keep their order."""

    def __init__(self, order: Order) -> None:
        self._ranks = {key: rank for rank, key in enumerate(order)}

    def rank(self, key: str) -> int:
        """Return the rank of a key."""
        return self._ranks.get(key, self._ranks[None])

    def is_ordered(self, keys: Iterable[str]) -> bool:
        """Whether keys are in this order."""
        ranks = [self.rank(key) for key in keys]
        return ranks == sorted(ranks)

    def find_place(self, key: str, keys: list[str]) -> int:
        """Return the number of the key after which `key` is inserted, -1: before the first.

        Its place if `keys` are in order, else the end.
        """
        if not self.is_ordered(keys):
            return len(keys) - 1
        rank = self.rank(key)
        return max((at for at, each in enumerate(keys) if self.rank(each) <= rank), default=-1)
