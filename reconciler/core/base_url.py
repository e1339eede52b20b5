"""When two spellings of a base URL are the same address."""

from __future__ import annotations

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}


def canonicalize_base_url(url: str) -> str:
    """Return `url` with scheme and host in lower case, without a default port and a slash at the end.

    RFC 3986 §6.2.2 and §6.2.3 call these equivalent. What is no http or https URL is returned as it is.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        return url
    host = f"[{parts.hostname}]" if "[" in parts.netloc else parts.hostname.removesuffix(".")
    authority = host if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{port}"
    return parts._replace(netloc=authority, path=parts.path.rstrip("/")).geturl()
