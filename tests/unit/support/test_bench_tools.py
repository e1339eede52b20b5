"""The tools of the benchmarks tested: what they write, serve and count agrees."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.generate import ENTERPRISE, live_users, people, write_desired_state
from ruamel.yaml import YAML
from scim2_models import Context, EnterpriseUser, ListResponse, User

TOOLS = Path(__file__).resolve().parents[2] / "benchmarks"


@contextmanager
def bench_server(users: int, *options: str, load: dict[str, int] | None = None) -> Iterator[httpx.Client]:
    """`load`: takes what the server says at its end."""
    command = [sys.executable, str(TOOLS / "bench_server.py"), "--users", str(users), "--drift", "0.02", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx.Client(base_url=url, headers={"Authorization": "Bearer any"}) as client:
            yield client
        process.stdin.close()
        assert process.wait(timeout=5) == 0
        found = json.loads(process.stdout.readline())
        if load is not None:
            load |= found


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with bench_server(2500) as client:
        yield client


def read(client: httpx.Client, start: int, count: int) -> Any:
    return client.get(f"/Users?startIndex={start}&count={count}").json()


@pytest.mark.parametrize("count", [1000, 200, 77])
def test_pages_of_any_size_bring_every_user_once(client: httpx.Client, count: int) -> None:
    pages = [read(client, start, count) for start in range(1, 2501, count)]
    assert [user for page in pages for user in page["Resources"]] == list(live_users(2500))
    assert [page["itemsPerPage"] for page in pages] == [len(page["Resources"]) for page in pages]
    assert {page["totalResults"] for page in pages} == {2500}


def test_a_page_is_capped_and_past_the_end_is_empty(client: httpx.Client) -> None:
    assert len(read(client, 1, 5000)["Resources"]) == 1000
    past = read(client, 2501, 1000)
    assert (past["totalResults"], past["itemsPerPage"], past["Resources"]) == (2500, 0, [])
    assert read(client, 1, 0)["Resources"] == []


def test_pages_are_valid_scim(client: httpx.Client) -> None:
    ListResponse[User[EnterpriseUser]].model_validate(read(client, 1, 200), scim_ctx=Context.RESOURCE_QUERY_RESPONSE)


def test_users_are_found_one_by_one(client: httpx.Client) -> None:
    user = list(live_users(2500))[7]
    for text in (f'userName eq "{user["userName"].upper()}"', f'externalId eq "{user["externalId"]}"'):
        assert client.get("/Users", params={"filter": text}).json()["Resources"] == [user]
    nobody = client.get("/Users", params={"filter": 'userName eq "nobody"'}).json()
    assert (nobody["totalResults"], nobody["Resources"]) == (0, [])
    assert client.get(f"/Users/{user['id']}").json() == user
    assert client.get("/Users/x").status_code == 404
    assert client.get("/Users?startIndex=x").status_code == 400
    assert client.get("/Users", params={"filter": "userName pr"}).status_code == 400
    assert httpx.get(f"{client.base_url}Users").status_code == 401


def test_a_server_without_users_serves_an_empty_list() -> None:
    with bench_server(0) as client:
        assert read(client, 1, 1000)["Resources"] == []


def test_the_desired_state_is_the_generated_users(tmp_path: Path) -> None:
    write_desired_state(tmp_path, 5001, 3, base_url="http://127.0.0.1:1/scim")
    files = sorted((tmp_path / "users").iterdir())
    assert [path.name for path in files] == ["users-0001.yaml", "users-0002.yaml"]
    yaml = YAML(typ="safe", pure=False)
    last = yaml.load(files[1])
    assert last == list(people(5001, 3))[-1:]
    settings = yaml.load(tmp_path / "settings.yaml")
    assert settings["target"] == {
        "profile": "apple-business-manager", "base_url": "http://127.0.0.1:1/scim", "domains": ["example.com"],
    }  # fmt: skip
    assert yaml.load(tmp_path / "scope.yaml") == {"sync": "all"}


def test_every_scalar_is_read_as_the_text_it_was(tmp_path: Path) -> None:
    write_desired_state(tmp_path, 400, 1, base_url="http://127.0.0.1:1/scim")
    assert YAML(typ="safe").load(tmp_path / "users" / "users-0001.yaml") == list(people(400, 1))


def test_the_same_seed_gives_the_same_users_and_drift() -> None:
    assert list(live_users(300, 5, 0.1)) == list(live_users(300, 5, 0.1))
    assert list(live_users(300, 5, 0.1)) != list(live_users(300, 6, 0.1))
    still, moved = list(live_users(300, 5, 0)), list(live_users(300, 5, 0.1))
    differing = [(old, new) for old, new in zip(still, moved, strict=True) if old != new]
    assert len(differing) == 30
    for old, new in differing:
        assert {**old, ENTERPRISE: None} == {**new, ENTERPRISE: None}
        assert old[ENTERPRISE]["department"] != new[ENTERPRISE]["department"]


def test_a_bare_read_has_as_many_requests_in_flight_as_connections() -> None:
    load: dict[str, int] = {}
    with bench_server(1050, "--cap", "50", "--latency", "20", load=load) as client:
        command = [sys.executable, str(TOOLS / "bare_read.py"), str(client.base_url).rstrip("/"), "--connections", "5"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    figures = json.loads(answer.stdout)
    assert (figures["requests"], figures["users"]) == (21, 1050)
    assert load == {"requests": 21, "at_once": 5}


def test_the_floor_counts_users_and_differences(client: httpx.Client, tmp_path: Path) -> None:
    write_desired_state(tmp_path, 2500, base_url=str(client.base_url))
    command = [sys.executable, str(TOOLS / "floor.py"), str(tmp_path), str(client.base_url).rstrip("/")]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    figures = json.loads(answer.stdout)
    assert (figures["users"], figures["differ"]) == (2500, 50)
    assert figures.keys() == {"parse_s", "read_s", "join_s", "wall_s", "peak_mib", "users", "differ"}
    assert figures["wall_s"] == pytest.approx(figures["parse_s"] + figures["read_s"] + figures["join_s"], abs=0.01)


def test_the_tenant_of_imports_answers_as_before_and_the_floor_reads_it(tmp_path: Path) -> None:
    command = [sys.executable, str(TOOLS / "graph_server.py"), "--users", "3"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        environment = json.loads(process.stdout.readline())["environment"]
        headers = {"Authorization": f"Bearer {environment['RECONCILER_GRAPH_TOKEN']}"}
        target = "/v1.0/users?$select=id,userPrincipalName,employeeOrgData&$top=2"
        with httpx.Client(base_url=environment["RECONCILER_GRAPH_URL"], headers=headers) as client:
            first, again = client.get(target), client.get(target)
        assert first.content == again.content
        process.stdin.write("\n")
        process.stdin.flush()
        asked = json.loads(process.stdout.readline())
        assert [(method, body) for method, _, body in asked] == [("GET", ""), ("GET", "")]
        (tmp_path / "requests.json").write_text(json.dumps(asked))
        write_desired_state(tmp_path / "state", 4, base_url="https://federation.apple.com/feeds/business/scim")
        floor = [
            sys.executable,
            str(TOOLS / "import_floor.py"),
            str(tmp_path / "state"),
            str(tmp_path / "requests.json"),
        ]
        floor += [environment["RECONCILER_GRAPH_URL"]]
        found = subprocess.run(floor, env={**os.environ, **environment}, capture_output=True, check=True)
        assert json.loads(found.stdout) == {"rows": 4, "entries": 4}
        process.stdin.close()
        assert process.wait(timeout=5) == 0


@pytest.mark.parametrize("options", [[], ["--floor"]])
def test_the_join_of_very_many_users_and_its_floor_find_the_same(options: list[str]) -> None:
    command = [sys.executable, str(TOOLS / "large_join.py"), "300", "--changed", "6", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == {"settled": 294, "changes": 6}
