"""What can be the base URL of a service, and when two spellings of one are the same address."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

DEFAULT_PORTS = {"https": 443, "http": 80}
_MAX_URL = 2_000
_LONGEST_NAME = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.]+\](:[0-9]*)?")
_NEAR = 0.85
"""Similarity of a host to the one that it misspells, in the measure of difflib."""
_ENTRA_FLAG = "aadoptscim"
_EXAMPLE = "Write it like https://host/scim."


class BaseUrlError(ValueError):
    """A URL cannot be a base URL: the message says why, as what follows the URL in a sentence; `hint` what to do."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


def check_base_url(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a base URL. Raises `BaseUrlError` if a token must not be sent to it.

    Plain http is for this machine only. Which hosts are allowed is another question: it depends on the environment.
    """
    odd = next((each for each in url if not "!" <= each <= "~"), None)
    if odd is not None:
        name = "a blank" if odd == " " else f"the character U+{ord(odd):04X}"
        raise BaseUrlError("is not a URL", f"It has {name}. {_EXAMPLE}")
    if len(url) > _MAX_URL:
        raise BaseUrlError("is not a URL", f"It has more than {_MAX_URL:,} characters. {_EXAMPLE}")
    try:
        parts = urlsplit(url)
        scheme, host, port = split_origin(url)
    except ValueError as exc:
        raise BaseUrlError("is not an https:// URL", f"{exc}. {_EXAMPLE}") from exc
    if parts.username is not None or parts.password is not None or "?" in url or "#" in url:
        raise BaseUrlError("may have no user, query or fragment", _describe_parts(url))
    if scheme == "http" and not is_loopback(host):
        raise BaseUrlError("would send the token unencrypted", "Use https://. Plain http is for this machine only.")
    return scheme, host, port


def _describe_parts(url: str) -> str:
    """Return which parts of a URL to remove."""
    before, _, query = url.partition("#")[0].partition("?")
    flag = query if query.isalnum() and query.casefold().startswith(_ENTRA_FLAG) else ""
    found = []
    if "@" in before:
        found.append("Remove the user name, all up to the @: the token is in RECONCILER_TOKEN.")
    if flag:
        found.append(f"Remove ?{flag[:20]}: this flag is meant for Microsoft Entra alone, here it is not needed.")
    elif "?" in url:
        found.append("Remove the query, all from the ? on.")
    if "#" in url:
        found.append("Remove the fragment, all from the # on.")
    return " ".join(found)


def canonicalize_base_url(url: str) -> str:
    """Return `url` with scheme and host in lower case, without a default port and a slash at the end.

    RFC 3986 §6.2.2 and §6.2.3 call these equivalent. What is no http or https URL is returned as it is.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        return url
    host = f"[{parts.hostname}]" if "[" in parts.netloc else parts.hostname.removesuffix(".")
    authority = host if port in (None, DEFAULT_PORTS[parts.scheme]) else f"{host}:{port}"
    return parts._replace(netloc=authority, path=parts.path.rstrip("/")).geturl()


def split_origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an http or https URL; its host is a name that can be looked up, or an address.

    Raises `ValueError` with the reason. Other parsers of URLs, and the resolver, fail in ways of their own for others.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").casefold()
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("It does not begin with https://")
    if not (_is_bracketed_address(parts.netloc, host) if "[" in parts.netloc else _is_host_name(host)):
        raise ValueError("Its host is neither a DNS name nor an IP address")
    if parts.port == 0:
        raise ValueError("Port out of range 1-65535")
    return parts.scheme, host, parts.port or DEFAULT_PORTS[parts.scheme]


def _is_bracketed_address(netloc: str, host: str) -> bool:
    """Whether an authority is `[IPv6]` or `[IPv6]:port`, without a zone or what a later IP version would have."""
    authority = netloc.rpartition("@")[2]
    try:
        return ipaddress.IPv6Address(host).scope_id is None and bool(_BRACKETED.fullmatch(authority))
    except ValueError:
        return False


def _is_host_name(host: str) -> bool:
    """Whether `host` is a DNS name (RFC 1123 §2.1, and `_`) or an IPv4 address."""
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        # The resolver takes 2130706433 and 0x7f.1 for addresses.
        return _is_ipv4(host)
    return not any(label.startswith("xn--") and not _is_punycode(label[4:]) for label in labels)


def _is_punycode(text: str) -> bool:
    try:
        return bool(text.encode("ascii").decode("punycode"))
    except UnicodeError:
        return False


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def hide_secrets(url: str) -> str:
    """Return `url` without user information, query and fragment, which may hold a password or a key."""
    before, slashes, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("//")
    authority, slash, path = rest.partition("/")
    return f"{before}{slashes}{authority.rpartition('@')[2]}{slash}{path}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def suggest_host(host: str, known: Collection[str]) -> str | None:
    """Return the known host that `host` probably misspells; None if there is none, or it is one of them."""
    near = difflib.get_close_matches(host, known, 1, cutoff=_NEAR)
    return near[0] if near and host not in known else None
