"""Encrypt token documents with the keys in RECONCILER_TOKEN_KEY, by AES-256-GCM of the library `cryptography`.

An encrypted document is one line: `reconciler-encrypted/1.KEY.CONTENT.CHECKSUM`. KEY is the id of the key, so that a
wrong key and a damaged document are two errors; the checksum finds what a disk or an editor did, before the key is
judged.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Sequence

from reconciler.errors import TargetError

KEY_VARIABLE = "RECONCILER_TOKEN_KEY"
PLAIN = "plain"
"""In place of a key: not encrypted."""
_INSTALL = "pip install --require-hashes -r requirements/oauth.lock"
_PREFIX = "reconciler-encrypted/1"
_SEALED = re.compile(rb"(reconciler-encrypted/1\.([0-9a-f]{16})\.([A-Za-z0-9+/]+={0,2}))\.([0-9a-f]{16})\n?")
_KEY_BYTES = 32
_MOST_KEYS = 8
_FEWEST_VALUES = 16
"""Different bytes in a key. Of 32 random ones fewer than 20 are different once in 10^11 times."""
_NONCE_BYTES = 12
_MAKE_KEY = "Make one with: openssl rand -base64 32"
_LOGIN = "run reconciler login, which replaces it"


class TokenKeyError(TargetError):
    """A token document cannot be decrypted, or not with this key. Exit code 1."""


class TokenCipher:
    """Encrypts with the first key, and decrypts with any of them. A key of None stands for not encrypted."""

    def __init__(self, keys: Sequence[bytes | None] = (None,)) -> None:
        self._keys = tuple(keys)

    def __repr__(self) -> str:
        return f"<{len(self._keys)} keys>"

    def encrypt(self, content: bytes) -> bytes:
        """Return the content as it is stored. Raises `TokenKeyError` if the library is missing."""
        key = self._keys[0]
        if key is None:
            return content
        nonce = os.urandom(_NONCE_BYTES)
        header = f"{_PREFIX}.{_derive(key, b'id').hex()[:16]}"
        sealed = _seal(key, nonce, content, header.encode())
        line = f"{header}.{base64.b64encode(nonce + sealed).decode()}".encode()
        return line + b"." + _compute_checksum(line) + b"\n"

    def decrypt(self, stored: bytes, source: str) -> bytes:
        """Return the content of what is stored. Raises `TokenKeyError`. `source`: where it is, for messages."""
        if not stored.startswith(_PREFIX.encode()):
            if None in self._keys:
                return stored
            raise TokenKeyError(
                f"{source} holds tokens that are not encrypted, although {KEY_VARIABLE} is set",
                f"They may have been replaced. If you know that they are yours: add ,{PLAIN} to {KEY_VARIABLE} until\n"
                f"they were refreshed and encrypted. Otherwise {_LOGIN}.",
            )
        found = _SEALED.fullmatch(stored)
        if found is None or _compute_checksum(found[1]) != found[4]:
            raise _explain_damage(source)
        keys = [key for key in self._keys if key is not None]
        if not keys:
            raise TokenKeyError(
                f"{source} holds encrypted tokens, but {KEY_VARIABLE} has no key", f"Set {KEY_VARIABLE}, or {_LOGIN}."
            )
        header, key_id = found[1].rpartition(b".")[0], found[2].decode()
        for key in keys:
            if _derive(key, b"id").hex()[:16] == key_id:
                return _open(key, found[3], header, source)
        raise TokenKeyError(
            f"{source} is encrypted with another key than the one in {KEY_VARIABLE}",
            f"Set the key that it was written with (after the new one and a comma, to change keys), or {_LOGIN}.",
        )


def parse_token_keys(text: str) -> TokenCipher:
    """Parse RECONCILER_TOKEN_KEY: keys in base64 or hex, separated by commas. Raises `TargetError`.

    The first one encrypts, all decrypt. `plain` in place of one stands for not encrypted, as does an empty text.
    """
    parts = [part.strip() for part in text.split(",")]
    if parts == [""]:
        return TokenCipher()
    if len(parts) > _MOST_KEYS:
        raise TargetError(f"{KEY_VARIABLE} has more than {_MOST_KEYS} keys", "Remove the old ones.")
    return TokenCipher([None if part == PLAIN else _parse_key(part) for part in parts])


def _parse_key(text: str) -> bytes:
    try:
        if re.fullmatch(r"[0-9A-Fa-f]{64,}", text):
            key = bytes.fromhex(text)
        else:
            key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise TargetError(f"{KEY_VARIABLE} is no key in base64", _MAKE_KEY) from None
    if len(key) < _KEY_BYTES:
        raise TargetError(f"{KEY_VARIABLE} is shorter than {_KEY_BYTES} bytes", _MAKE_KEY)
    if len(set(key)) < _FEWEST_VALUES:
        raise TargetError(f"{KEY_VARIABLE} is not random", _MAKE_KEY)
    return key


def _derive(key: bytes, purpose: bytes) -> bytes:
    """Derive 32 bytes for one purpose (RFC 5869): the id in a document says nothing about its encryption key."""
    try:
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415 - an extra
    except ImportError as exc:
        summary = f"{KEY_VARIABLE} is set, but the library that encrypts tokens is not installed (cryptography)"
        raise TokenKeyError(summary, f"Install it: {_INSTALL}") from exc
    derived: bytes = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"reconciler tokens " + purpose).derive(key)
    return derived


def _seal(key: bytes, nonce: bytes, content: bytes, header: bytes) -> bytes:
    derived = _derive(key, b"encryption")
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra

    sealed: bytes = AESGCM(derived).encrypt(nonce, content, header)
    return sealed


def _open(key: bytes, content: bytes, header: bytes, source: str) -> bytes:
    derived = _derive(key, b"encryption")
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra

    try:
        sealed = base64.b64decode(content, validate=True)
        opened: bytes = AESGCM(derived).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], header)
    except (InvalidTag, ValueError):
        raise _explain_damage(source) from None
    return opened


def _compute_checksum(line: bytes) -> bytes:
    return hashlib.sha256(line).hexdigest()[:16].encode()


def _explain_damage(source: str) -> TokenKeyError:
    return TokenKeyError(
        f"{source} holds encrypted tokens that are damaged, or were changed",
        f"A backup helps only if the tokens in it were not refreshed since. Otherwise {_LOGIN}.",
    )
