"""The sandbox's state outlives processes, is shared by them, and stays consistent under parallel writes."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.sandbox import admin
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.seed import list_users, reset, seed
from reconciler.sandbox.server import RunningSandbox, serve_forever, start

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

SERVE = """
import sys
from pathlib import Path
from reconciler.sandbox.server import serve_forever
serve_forever(Path(sys.argv[1]), 0, lambda s: print(s.base_url, s.token, flush=True))
print("stopped")
"""


def connect(sandbox: RunningSandbox) -> httpx.Client:
    return httpx.Client(base_url=sandbox.base_url, headers={"Authorization": f"Bearer {sandbox.token}"}, verify=NO_TLS)


def new_user(number: object) -> dict[str, Any]:
    return {
        "userName": f"u{number}@example.com",
        "name": {"givenName": "N", "familyName": "C"},
        "externalId": f"e{number}",
    }


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "new directory" / "sandbox.db"


@pytest.fixture
def other_process(state: Path) -> Any:
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(state)], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_another_process_serves_the_same_state_concurrently(state: Path, other_process: Any) -> None:
    url, token = other_process.stdout.readline().split()
    theirs = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, verify=NO_TLS)
    with start(state) as sandbox, theirs, connect(sandbox) as ours:
        assert sandbox.token == token
        created = theirs.post("/Users", json=new_user(1)).json()
        assert ours.get(f"/Users/{created['id']}").json()["externalId"] == "e1"
        assert ours.post("/Users", json=new_user(1)).status_code == 409
        assert ours.delete(f"/Users/{created['id']}").status_code == 204
        assert theirs.get(f"/Users/{created['id']}").status_code == 404
        assert theirs.post("/Users", json=new_user(1)).status_code == 409
        both_write(ours, theirs)
    other_process.send_signal(signal.SIGINT)
    assert other_process.wait(5) == 0
    assert other_process.stdout.read() == "stopped\n"
    assert len(list_users(state)) == 40


def both_write(*clients: httpx.Client) -> None:
    def write(number: int) -> int:
        return clients[number % 2].post("/Users", json=new_user(100 + number)).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(40))) == {201}


def test_state_survives_a_killed_process(state: Path, other_process: Any) -> None:
    url, token = other_process.stdout.readline().split()
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{url}/Users", json=new_user(1), headers=headers, verify=NO_TLS)
    other_process.kill()
    other_process.wait()
    with start(state) as sandbox, connect(sandbox) as client:
        assert sandbox.token == token
        path = f"/Users/{answer.json()['id']}"
        theirs, ours = answer.json(), client.get(path).json()
        assert ours.pop("meta").items() >= {"created": theirs.pop("meta")["created"]}.items()
        assert ours == theirs


def test_eight_threads_write_one_consistent_state(state: Path) -> None:
    names = 12
    with start(state) as sandbox, connect(sandbox) as client:

        def create(number: int) -> int:
            return client.post("/Users", json=new_user(number % names)).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(create, range(8 * names)))
        assert statuses.count(201) == names
        assert statuses.count(409) == 7 * names
        users = client.get("/Users").json()["Resources"]
        assert sorted(user["externalId"] for user in users) == sorted(f"e{number}" for number in range(names))
        update_in_parallel(client, users[0]["id"])


def update_in_parallel(client: httpx.Client, identifier: str) -> None:
    """Eight threads each own one attribute of one user: a lost update shows."""
    paths = ["locale", "timezone", "externalId", "name.givenName", "name.familyName"]
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    paths += [f"{enterprise}:{name}" for name in ("department", "division", "costCenter")]

    def update(path: str) -> None:
        for number in range(6):
            body = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": path, "value": f"v{number}"}]}
            assert client.patch(f"/Users/{identifier}", json=body).status_code == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(update, paths))
    user = client.get(f"/Users/{identifier}").json()
    values = [user["locale"], user["timezone"], user["externalId"], *user["name"].values(), *user[enterprise].values()]
    assert values == ["v5"] * 8


def test_readers_see_consistent_states_during_writes(state: Path) -> None:
    seed(state, {"users": [{"userName": f"s{number}@example.com"} for number in range(20)]})
    stop = threading.Event()
    totals: list[tuple[int, int]] = []

    def read(client: httpx.Client) -> None:
        while not stop.is_set():
            page = client.get("/Users").json()
            totals.append((page["totalResults"], len(page["Resources"])))

    with start(state, quirks=Quirks(reserve_names=False)) as sandbox, connect(sandbox) as client:
        reader = threading.Thread(target=read, args=(client,))
        reader.start()
        for number in range(15):
            created = client.post("/Users", json=new_user(number)).json()
            client.delete(f"/Users/{created['id']}")
        stop.set()
        reader.join()
    assert totals
    assert {total - length for total, length in totals} == {0}
    assert {total for total, _ in totals} <= {20, 21}


def test_the_same_connection_serves_many_requests(state: Path) -> None:
    with start(state) as sandbox, socket.create_connection(("127.0.0.1", sandbox.port)) as connection:
        stream = connection.makefile("rwb")
        # 204 responses too, after which waitress by itself would close the connection.
        identifier = add(stream, sandbox)
        delete = f"DELETE /feeds/business/scim/Users/{identifier} HTTP/1.1\r\n{header(sandbox)}\r\n\r\n"
        assert [answer_of(stream, delete)[0] for _ in range(2)] == [204, 404]
        stream.close()


def header(sandbox: RunningSandbox) -> str:
    return f"Host: x\r\nAuthorization: Bearer {sandbox.token}"


def add(stream: Any, sandbox: RunningSandbox) -> str:
    body = json.dumps(new_user(1))
    request = (
        f"POST /feeds/business/scim/Users HTTP/1.1\r\n{header(sandbox)}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    return str(json.loads(answer_of(stream, request)[1])["id"])


def answer_of(stream: Any, request: str) -> tuple[int, bytes]:
    stream.write(request.encode())
    stream.flush()
    status = int(stream.readline().split()[1])
    headers = dict(line.decode().rstrip().lower().split(": ", 1) for line in iter(stream.readline, b"\r\n"))
    assert "connection" not in headers
    return status, stream.read(int(headers.get("content-length", 0)))


def test_http_1_0_is_served(state: Path) -> None:
    with start(state) as sandbox, socket.create_connection(("127.0.0.1", sandbox.port)) as connection:
        request = f"GET /feeds/business/scim/Users HTTP/1.0\r\nAuthorization: Bearer {sandbox.token}\r\n\r\n"
        connection.sendall(request.encode())
        assert b" 200 OK" in connection.makefile("rb").read()


def test_a_client_may_request_to_close_the_connection(state: Path) -> None:
    with start(state) as sandbox, connect(sandbox) as client:
        assert client.delete("/Users/x", headers={"Connection": "close"}).headers["Connection"] == "close"


def test_the_server_listens_only_on_loopback(state: Path) -> None:
    with start(state) as sandbox:
        assert sandbox.base_url.startswith("http://127.0.0.1:")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", sandbox.port), timeout=1)


def test_the_server_closes_immediately_and_can_be_closed_twice(state: Path) -> None:
    others = set(threading.enumerate())
    sandbox = start(state)
    with connect(sandbox) as client:
        client.get("/Users")
        before = time.monotonic()
        sandbox.close()
        sandbox.close()
        assert time.monotonic() - before < 10, "it hangs"
        with pytest.raises(httpx.ConnectError):
            client.get("/Users")
    assert not set(threading.enumerate()) - others


def test_closing_cuts_a_delay_short_and_delivers_the_response(state: Path) -> None:
    sandbox = start(state, quirks=Quirks(slow=30))
    with connect(sandbox) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, "/Users")
        while not any(channel.requests for channel in list(sandbox._server.active_channels.values())):
            time.sleep(0.01)
        before = time.monotonic()
        sandbox.close()
        assert time.monotonic() - before < 10, "it waits for the delay of 30 seconds"
        assert waiting.result(1).status_code == 200


def test_a_port_in_use_is_explained(state: Path) -> None:
    with start(state) as sandbox, pytest.raises(SandboxError, match=f"Port {sandbox.port}.*Choose another"):
        start(state, port=sandbox.port)
    with pytest.raises(SandboxError, match="no port 70000"):
        start(state, port=70000)
    with pytest.raises(SandboxError, match="no port -1"):
        start(state, port=-1)


def test_a_chosen_port_can_be_reused_immediately(state: Path) -> None:
    with start(state) as sandbox, connect(sandbox) as client:
        client.get("/Users")
        port = sandbox.port
    with start(state, port=port) as again:
        assert again.port == port


def test_serving_ends_with_ctrl_c(state: Path) -> None:
    def interrupt(sandbox: RunningSandbox) -> None:
        assert httpx.get(sandbox.base_url, verify=NO_TLS).status_code == 401
        raise KeyboardInterrupt

    serve_forever(state, 0, interrupt)


def test_a_reset_while_the_server_runs_keeps_its_token(state: Path) -> None:
    with start(state) as sandbox, connect(sandbox) as client:
        client.post("/Users", json=new_user(1))
        admin.advance_clock(state, days=3)
        reset(state)
        assert client.get("/Users").json()["totalResults"] == 0
        assert client.post("/Users", json=new_user(1)).status_code == 201
        seed(state, {"users": [{"userName": "seeded@example.com"}]})
        assert client.get("/Users").json()["totalResults"] == 1


def test_an_invalid_token_is_replaced_at_the_next_start(state: Path) -> None:
    with start(state) as sandbox:
        old = sandbox.token
    admin.expire_token(state, old)
    with start(state) as sandbox, connect(sandbox) as client:
        assert sandbox.token != old
        assert client.get("/Users").status_code == 200


def test_a_list_of_250_users_and_a_patch_are_fast(state: Path) -> None:
    seed(state, {"users": [new_user(number) for number in range(250)]})
    with start(state, quirks=Quirks(page_cap=1000)) as sandbox, connect(sandbox) as client:
        sandbox.warm_up()
        path = f"/Users/{client.get('/Users').json()['Resources'][100]['id']}"
        body = {"Operations": [{"op": "replace", "path": "locale", "value": "x"}]}
        client.patch(path, json=body)
        lists = [client.get("/Users").elapsed.total_seconds() for _ in range(5)]
        values = [{"Operations": [{"op": "replace", "path": "locale", "value": str(number)}]} for number in range(9)]
        patches = [client.patch(path, json=value).elapsed.total_seconds() for value in values]
    assert min(lists) < 0.15
    assert min(patches) < 0.015
