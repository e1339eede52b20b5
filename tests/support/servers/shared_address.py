"""One address that serves several tenants, as Apple's does: the token alone says which."""

from __future__ import annotations

from typing import Self

from support.servers.fake_scim import PREFIX, FakeScimServer
from support.servers.http_server import HttpServer, Reply, Request
from support.servers.running_server import RunningServer


class TenantService(FakeScimServer):
    """The users of one tenant, with a token of their own, at the address that it is given; not started itself."""

    origin = ""

    @property
    def base_url(self) -> str:
        return self.origin + PREFIX


class SharedAddress(RunningServer):
    """The server of several tenants."""

    def __init__(self, *tenants: TenantService) -> None:
        self._tenants = tenants
        self._server: HttpServer | None = None

    def start(self) -> Self:
        self._server = HttpServer(self._answer)
        for each in self._tenants:
            each.origin = self._server.origin
        return self

    def close(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        if server.failures:
            raise server.failures[0]

    @property
    def base_url(self) -> str:
        if self._server is None:
            raise RuntimeError("the server is not running")
        return self._server.origin + PREFIX

    def _answer(self, request: Request) -> Reply:
        given = {name.casefold(): value for name, value in request.headers.items()}.get("authorization", "")
        named = (each for each in self._tenants if given == f"Bearer {each.token}")
        return next(named, self._tenants[0]).answer(request)
