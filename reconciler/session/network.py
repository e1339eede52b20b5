"""The only reader of the variables that say how connections leave this machine.

RECONCILER_PROXY, RECONCILER_NO_PROXY and RECONCILER_CA_BUNDLE: nothing in YAML can choose what receives the token, and
the variables of other programs (HTTPS_PROXY, SSL_CERT_FILE, …) are not used.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reconciler.core.base_url import split_origin
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import quote, shorten
from reconciler.errors import ReconcilerError
from reconciler.scim.ca_bundle import MAX_BYTES, VARIABLE, CaBundle, CaBundleError, parse_ca_bundle
from reconciler.scim.network import Network, ProxyServer
from reconciler.scim.secret import Secret

PROXY, NO_PROXY, CA_BUNDLE = "RECONCILER_PROXY", "RECONCILER_NO_PROXY", VARIABLE
_FILE = "Check the path, and that this user may read the file."
_PEM = "Name a file of certificates in PEM."
_OTHERS = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_LONGEST = 2_000
_MOST_HOSTS = 200
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FORM = "Write it like http://proxy.example.com:8080, or http://user:password@proxy.example.com:8080."


def read_network(
    environment: Mapping[str, str] = os.environ, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Network:
    """Read how connections leave this machine. Raises `ReconcilerError`, which never shows the proxy's URL."""
    text = environment.get(PROXY, "").strip()
    bundle = environment.get(CA_BUNDLE, "")
    ignored = tuple(name for name in _OTHERS if environment.get(name, "").strip())
    return Network(
        proxy=_parse_proxy(text) if text else None,
        ca_bundle=_read_bundle(bundle, now()) if bundle.strip() else None,
        direct_hosts=_parse_hosts(environment.get(NO_PROXY, "")),
        ignored=ignored,
    )


def _parse_proxy(text: str) -> ProxyServer:
    """Parse the URL of a proxy. The error does not repeat it: any part of it may be the password."""
    try:
        return _split_proxy(text)
    except ValueError as exc:
        raise ReconcilerError(f"{PROXY} is not the URL of a proxy: {exc}", _FORM) from None


def _split_proxy(text: str) -> ProxyServer:
    if len(text) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST:,} characters")
    if not all("!" <= each <= "~" for each in text):
        raise ValueError("it has a blank, a control character or a letter that is not ASCII (percent-encode it)")
    if not text.casefold().startswith(("http://", "https://")):
        raise ValueError("it does not begin with http:// or https://")
    authority = text.partition("//")[2].removesuffix("/")
    if any(each in authority for each in "/?#\\") or authority.count("@") > 1:
        raise ValueError("it has a path, or a character of user or password that must be percent-encoded")
    try:
        parts = urlsplit(text)
        scheme, host, _ = split_origin(text)
        port = parts.port
    except ValueError:
        raise ValueError("its host or port is not valid") from None
    if port is None:
        raise ValueError("it has no port")
    return ProxyServer(scheme, host, port, *_parse_credentials(authority))


def _parse_credentials(authority: str) -> tuple[Secret | None, Secret | None]:
    """Return user and password, decoded; None without a user."""
    before, at, _ = authority.rpartition("@")
    if not at:
        return None, None
    user, colon, password = before.partition(":")
    if not user or not colon or ":" in password or _ESCAPE.search(before):
        raise ValueError("what is before the @ is not user:password, each percent-encoded")
    decoded = unquote(user, errors="replace"), unquote(password, errors="replace")
    # RFC 7617 §2: no control characters, and the first colon ends the user.
    if ":" in decoded[0] or not all(each.isprintable() and "\ufffd" not in each for each in decoded):
        raise ValueError("its user or password has a character that cannot be sent")
    return Secret(decoded[0]), Secret(decoded[1])


def _parse_hosts(text: str) -> tuple[str, ...]:
    entries = tuple(each for each in (part.strip().casefold() for part in text.split(",")) if each)
    if len(entries) > _MOST_HOSTS:
        raise ReconcilerError(f"{NO_PROXY} has more than {_MOST_HOSTS} hosts", "A domain such as .example.com is one.")
    for number, entry in enumerate(entries, 1):
        if not _is_host(entry.removeprefix(".")):
            raise ReconcilerError(
                f"entry {number} of {NO_PROXY} is neither a host nor a domain",
                "Write hosts as scim.example.com and domains as .example.com, with commas in between, without ports.",
            )
    # A name with a dot at its end is the same name.
    return tuple(entry.strip("[]").removesuffix(".") for entry in entries)


def _is_host(text: str) -> bool:
    """Whether `text` is a DNS name or an address, without port, path or user."""
    host = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    try:
        return split_origin(f"https://{host}")[1] == text.strip("[]") and urlsplit(f"https://{host}").netloc == host
    except ValueError:
        return False


def _read_bundle(path: str, now: datetime) -> CaBundle:
    if "-----BEGIN" in path:
        raise CaBundleError("has certificates in place of a path", "Write them to a file, and set it to its path.")
    # A relative path would be another file elsewhere, and in a checkout one that each pull request can change.
    if not Path(path).is_absolute():
        next_step = "Write it from the / on. Keep the file outside of the repository, where no pull request changes it."
        raise CaBundleError("is not an absolute path", next_step)
    return parse_ca_bundle(path, _read_file(path), now)


def _read_file(path: str) -> bytes:
    """Read a regular file of at most `MAX_BYTES`, without waiting for a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise CaBundleError("does not name a file, but a directory or a device", _PEM)
            with open(handle, "rb", closefd=False) as file:
                content = file.read(MAX_BYTES + 1)
        finally:
            os.close(handle)
    except ValueError as exc:
        raise CaBundleError("is not a path: it has a null character", _FILE) from exc
    except OSError as exc:
        shown = quote(shorten(path, 200))
        raise CaBundleError(f"{shown} cannot be read: {describe_os_error(exc)}", advise(exc, _FILE)) from exc
    if len(content) > MAX_BYTES:
        raise CaBundleError(f"names a file of more than {MAX_BYTES // 1024**2} MiB", _PEM)
    return content
