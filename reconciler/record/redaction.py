"""Redact what a record says about users: keyed digests in place of names and values. Pure.

HMAC-SHA256 with a secret key, not a salted hash: with a salt next to the digests, a department, a name or an employee
number is found by trying all of them. docs/decisions/0023-record.md has the reasons.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.core.model import Attributes, Value, format_user_address
from reconciler.core.text import redact_quoted
from reconciler.core.values import fold_case

SHORTEST_KEY = 32
DIGEST_MARK = "hmac:"
"""What every digest begins with."""
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Redactor:
    """Redacts with digests of `key`. `key` None: every method but `form` and `shown` returns its argument."""

    key: bytes | None = field(default=None, repr=False)

    def address(self, address: str) -> str:
        """Return the address with a digest for the name; the same for all capitalisations of the name."""
        return address if self.key is None else format_user_address(self._digest("address", fold_case(address)))

    def addresses(self, addresses: Iterable[str]) -> list[str]:
        """Return several addresses, redacted."""
        return [self.address(each) for each in addresses]

    def name(self, name: str) -> str:
        """Return the digest of the folded user name."""
        return name if self.key is None else self._digest("name", fold_case(name))

    def values(self, address: str, values: Attributes) -> Attributes:
        """Return digests of attribute values; booleans stay. The same value of two users has different digests."""
        if self.key is None:
            return values
        return {path: self._value(address, path, value) for path, value in values.items()}

    def _value(self, address: str, path: str, value: Value) -> Value:
        return value if isinstance(value, bool) else self._digest("value", fold_case(address), path, value)

    def form(self, live_id: str, path: str, sent: Value, shown: Value) -> str:
        """Return a digest of a value that was sent to an account and the form in which it shows; without a key too."""
        return self._digest("form", live_id, path, str(sent), str(shown))

    def shown(self, live_id: str, path: str, value: Value | None) -> str:
        """Return a digest of a value that an account shows, None for none; without a key too."""
        return self._digest("shown", live_id, path, type(value).__name__, str(value))

    def change(self, digest: str) -> str:
        """Return a keyed digest of the digest of a change, from which its values could be guessed."""
        return digest if self.key is None else self._digest("change", digest)

    def text(self, text: str) -> str:
        """Return a message without what it quotes."""
        return text if self.key is None else redact_quoted(text)

    @property
    def key_id(self) -> str | None:
        """The id of the key; None without one."""
        return None if self.key is None else self._digest("key")

    def _digest(self, *parts: str) -> str:
        content = "\0".join(parts).encode("utf-8", "surrogatepass")
        return DIGEST_MARK + hmac.new(self.key or b"", content, hashlib.sha256).hexdigest()[:_DIGITS]


NO_REDACTION = Redactor()
