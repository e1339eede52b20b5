"""How connections leave this machine: through which proxy, and which certificate authorities are trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from reconciler.core.base_url import is_loopback
from reconciler.scim.ca_bundle import CaBundle
from reconciler.scim.secret import Secret


@dataclass(frozen=True, slots=True)
class ProxyServer:
    """A proxy that opens tunnels (RFC 9110 §9.3.6). `scheme`: how it is spoken to, http or https.

    User and password are in no repr: some proxies take a token as the user.
    """

    scheme: str
    host: str
    port: int
    user: Secret | None = field(default=None, repr=False)
    password: Secret | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The proxy in a message, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def reveal_url(self) -> str:
        """Return the URL with user and password: for environments of other programs, never for an argument."""
        before = ""
        if self.user is not None and self.password is not None:
            before = f"{quote(self.user.reveal(), safe='')}:{quote(self.password.reveal(), safe='')}@"
        return f"{self.scheme}://{before}{self.name}"


@dataclass(frozen=True, slots=True)
class Network:
    """How connections leave this machine. `direct_hosts`: hosts, or domains as `.example.com`, without the proxy.

    `ignored`: names of the variables of other programs that name a proxy and are not used, for messages.
    """

    proxy: ProxyServer | None = None
    ca_bundle: CaBundle | None = None
    direct_hosts: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def find_proxy(self, host: str) -> ProxyServer | None:
        """Return the proxy for a host in lower case; None if it is reached directly, as this machine always is."""
        if self.proxy is None or is_loopback(host) or any(_matches(each, host) for each in self.direct_hosts):
            return None
        return self.proxy


DIRECT = Network()
"""No proxy, and the public authorities."""


def _matches(entry: str, host: str) -> bool:
    name = host.removesuffix(".")
    return name.endswith(entry) if entry.startswith(".") else name == entry


def origin_host(raw_host: bytes) -> str:
    """Return the host of `httpx.URL.raw_host` in lower case, without brackets; `httpx.URL.host` decodes punycode."""
    return raw_host.decode("ascii").strip("[]").casefold()
