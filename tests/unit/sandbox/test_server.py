import socket
import urllib.request
from pathlib import Path

import pytest

from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.server import HOST, start


def test_a_sandbox_is_served_until_it_is_closed(state: Path) -> None:
    with start(state) as sandbox:
        assert repr(sandbox) == f"<RunningSandbox http://{HOST}:{sandbox.port}/feeds/business/scim>"
        for url in (sandbox.base_url, sandbox.school_url):
            request = urllib.request.Request(f"{url}/Users", headers={"Authorization": f"Bearer {sandbox.token}"})  # noqa: S310 # http
            with urllib.request.urlopen(request) as response:  # noqa: S310 # http
                assert response.status == 200
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((HOST, sandbox.port))
    sandbox.close()


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist_is_refused(state: Path, port: int) -> None:
    with pytest.raises(SandboxError, match=f"There is no port {port}. Choose one from 1 to 65535, or 0 for any."):
        start(state, port=port)


def test_a_port_that_is_in_use_is_refused(state: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=f"Port {port} on {HOST} can't be used: .*Choose another one"):
            start(state, port=port)
