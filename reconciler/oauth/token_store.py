"""The token store: a place for the token document, by RECONCILER_TOKEN_STORE, and the keys of RECONCILER_TOKEN_KEY.

Only the environment chooses it: a command in the desired state would run with the rights of the user who plans it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from reconciler.core.tenant_names import is_tenant_name
from reconciler.errors import TargetError
from reconciler.oauth.command_store import CommandStore
from reconciler.oauth.encryption import KEY_VARIABLE, TokenCipher, parse_token_keys
from reconciler.oauth.file_store import FileStore, TokenStoreError
from reconciler.oauth.token_document import TokenDocument, format_token_document, parse_token_document

STORE_VARIABLE = "RECONCILER_TOKEN_STORE"
TENANT = "{tenant}"
"""In its value: the name of the tenant."""
_FORMS = "Set it to file:/PATH, or to cmd:COMMAND that answers get and put: see docs/oauth.md."


class TokenPlace(Protocol):
    """Keeps bytes. All methods raise `TokenStoreError`."""

    name: str
    """For messages: "the token store /var/lib/reconciler/tokens"."""

    def read(self) -> bytes | None:
        """Return what is stored; None if nothing is."""

    def write(self, content: bytes) -> None:
        """Replace what is stored."""

    def find_lock(self) -> Path | None:
        """Return the file to lock while the document is replaced; None if there is none."""

    def check_writable(self) -> None:
        """Find out, as far as possible without a change, whether `write` would fail."""


class TokenStore:
    """The token document in its place. A writer holds the lock of the connection (`oauth.rotation`)."""

    def __init__(self, place: TokenPlace, cipher: TokenCipher) -> None:
        self._place = place
        self._cipher = cipher

    @property
    def name(self) -> str:
        """For messages."""
        return self._place.name

    def load(self) -> TokenDocument | None:
        """Return the document; None if none is stored.

        Raises `TokenStoreError`, `TokenKeyError` if it cannot be decrypted, `TokenDocumentError` if it is damaged.
        """
        stored = self._place.read()
        if stored is None:
            return None
        return parse_token_document(self._cipher.decrypt(stored, self.name), self.name)

    def find_lock(self) -> Path | None:
        """Return the file to lock while the document is replaced; None if there is none. Raises `TokenStoreError`."""
        return self._place.find_lock()

    def check_writable(self) -> None:
        """Check that a document can be stored, as far as that shows without one. Raises as `save` does."""
        self._cipher.encrypt(b"")
        self._place.check_writable()

    def save(self, document: TokenDocument) -> None:
        """Replace the document, and check that the store returns it. Raises as `load` does."""
        content = self._cipher.encrypt(format_token_document(document))
        self._place.write(content)
        found = self._place.read()
        if found is None or found.strip() != content.strip():
            raise TokenStoreError(
                f"{self.name} does not return what was just stored",
                "After put, get must return the same document, also to the next command of the same job: see\n"
                "docs/oauth.md.",
            )


def parse_token_store(environment: Mapping[str, str], tenant: str | None = None) -> TokenStore:
    """Return the store that the environment names; `{tenant}` in it is the tenant. Raises `TargetError`."""
    cipher = parse_token_keys(environment.get(KEY_VARIABLE, ""))
    kind, colon, rest = environment.get(STORE_VARIABLE, "").strip().partition(":")
    if not colon or not rest.strip():
        what = f"is {kind}: without a place" if colon and kind in ("file", "cmd") else "is not set, or has another form"
        raise TargetError(f"{STORE_VARIABLE} {what}", _FORMS)
    match kind:
        case "file":
            return TokenStore(FileStore(_parse_path(_name_tenant(rest, tenant))), cipher)
        case "cmd":
            return TokenStore(
                CommandStore([_name_tenant(word, tenant) for word in _parse_command(rest)], environment), cipher
            )
    raise TargetError(f"{STORE_VARIABLE} is neither file: nor cmd:", _FORMS)


def _name_tenant(text: str, tenant: str | None) -> str:
    """Return `text` with the name of the tenant, which never becomes several words or folders."""
    if TENANT not in text:
        return text
    if tenant is None or not is_tenant_name(tenant):
        raise TargetError(
            f"{STORE_VARIABLE} has {TENANT}, but the settings do not say which tenant this is",
            "Set target.tenant in settings.yaml, or name one place.",
        )
    return text.replace(TENANT, tenant)


def _parse_path(text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError as exc:
        raise TargetError(f"{STORE_VARIABLE}: this user has no home directory", "Write the whole path.") from exc
    if not path.is_absolute() or path.name in ("", ".."):
        raise TargetError(
            f"{STORE_VARIABLE} needs the whole path of a file",
            "A relative one would be another file in each directory. Write file:/PATH.",
        )
    return path


def _parse_command(text: str) -> list[str]:
    try:
        command = shlex.split(text)
    except ValueError as exc:
        raise TargetError(
            f"{STORE_VARIABLE} has a command that cannot be split into words: {exc}", "Check its quotes."
        ) from exc
    if not command:
        raise TargetError(f"{STORE_VARIABLE} has no command after cmd:", _FORMS)
    return command
