"""The redirect URI: the address that a browser brings the code of an authorization to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from reconciler.core.base_url import DEFAULT_PORTS, hide_secrets, is_loopback, split_origin
from reconciler.core.text import quote, shorten
from reconciler.errors import UsageError

DEFAULT_PORT, DEFAULT_PATH = 8765, "/callback"
_LOCAL = ("127.0.0.1", "localhost")
"""What a listener on 127.0.0.1 is reached by."""
_MAX_URI = 2_000
_MAX_FIELDS = 20
_OF_THE_ANSWER = ("code", "state", "error")
"""Fields that come with the code (RFC 6749 §4.1.2): with two of a name it is unknown which is the service's."""
_EXAMPLE = "Write it as it is registered, such as https://example.com/callback or http://127.0.0.1:8765/callback."


@dataclass(frozen=True, slots=True)
class RedirectUri:
    """A redirect URI, as it is registered: `text` is sent letter by letter. `origin`: its scheme, host and port."""

    text: str
    origin: tuple[str, str, int]
    path: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def local_port(self) -> int | None:
        """The port on which this machine can receive the code; None if the code must be pasted."""
        scheme, host, port = self.origin
        return port if scheme == "http" and host in _LOCAL else None


def build_loopback_uri(port: int) -> RedirectUri:
    """Return the redirect URI of this machine for a port."""
    return RedirectUri(f"http://127.0.0.1:{port}{DEFAULT_PATH}", ("http", "127.0.0.1", port), DEFAULT_PATH)


def parse_redirect_uri(text: str) -> RedirectUri:
    """Parse a redirect URI. Raises `UsageError` if a code must not be sent to it."""
    shown = quote(shorten(hide_secrets(text), 120))
    if len(text) > _MAX_URI or not all("!" <= character <= "~" for character in text):
        raise UsageError(f"--redirect-uri {shown} is not a URL", _EXAMPLE)
    try:
        origin = split_origin(text)
        parts = urlsplit(text)
        query = parse_qsl(
            parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), max_num_fields=_MAX_FIELDS
        )
    except ValueError as exc:
        raise UsageError(f"--redirect-uri {shown} is not a URL", _EXAMPLE) from exc
    if "@" in parts.netloc or "#" in text:
        raise UsageError(f"--redirect-uri {shown} may have no user and no fragment", _EXAMPLE)
    if origin[0] != "https" and not is_loopback(origin[1]):
        raise UsageError(
            f"--redirect-uri {shown} would receive the code unencrypted", "Plain http is for this machine."
        )
    taken = next((name for name, _ in query if name in _OF_THE_ANSWER), None)
    if taken is not None:
        raise UsageError(
            f"--redirect-uri {shown} has {taken} in its query, which the service adds itself",
            "Leave it out, and register the redirect URI without it.",
        )
    return RedirectUri(text, origin, parts.path or "/", tuple(query))


def split_redirect(url: str) -> tuple[tuple[str, str, int], str, str]:
    """Return the origin, the path and the query of a URL. Raises `ValueError` if it is none, or has other parts."""
    parts = urlsplit(url)
    if "@" in parts.netloc or "#" in url:
        raise ValueError("a user or a fragment")
    return split_origin(url), parts.path or "/", parts.query


def format_origin(redirect: RedirectUri) -> str:
    """Return the origin as a browser writes it in a Host header, with its port if that is not the default."""
    scheme, host, port = redirect.origin
    return host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
