"""Tokens in the processes of tenants: each has its own, which is in nothing else; planted ones are looked for."""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fleet_program import PROGRAM, make_task

from reconciler.fleet.result import TenantResult
from reconciler.session.fleet.processes import run_tenants
from reconciler.session.fleet.token_desk import DIGEST_BYTES, TokenDesk, TokenLine, ask_over

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
NAMES = ("holds-a", "holds-b", "holds-c")


def canary(tenant: str) -> str:
    """The token of a tenant. It is made when it is needed: no constant of a module that a process may import."""
    return f"c4nary-0f-{tenant}-T0ken"


def plant(root: Path, *tenants: str) -> Path:
    folder = root / "planted"
    folder.mkdir()
    for name in tenants:
        (folder / name).write_text(canary(name) + "\n")
        (folder / name).chmod(0o600)
    return folder


def run(out: Path, tenants: tuple[str, ...], at_once: int = 4, **environment: str) -> dict[str, TenantResult]:
    tasks = [make_task(out, name) for name in tenants]
    given = {**os.environ, "RECONCILER_ALLOWED_HOSTS": "127.0.0.1", **environment}
    return {each.tenant: each for each in run_tenants(tasks, at_once, None, given, PROGRAM)}


def test_each_process_has_the_token_of_its_tenant(tmp_path: Path) -> None:
    found = run(tmp_path / "out", ("connects-a", "connects-b"), RECONCILER_TOKEN_COMMAND="echo of-{tenant}")
    assert {name: each.exit_code for name, each in found.items()} == {"connects-a": 0, "connects-b": 0}
    assert (tmp_path / "out" / "connects-a" / "output.txt").read_text() == "None <token>\n"


@pytest.mark.parametrize("at_once", [1, 3])
def test_the_second_tenant_with_a_token_is_refused(tmp_path: Path, at_once: int) -> None:
    tenants = ("connects-a", "connects-b", "connects-c")
    command = "sh -c 'test $0 = connects-c && echo own || echo same' {tenant}"
    found = run(tmp_path / "out", tenants, at_once, RECONCILER_TOKEN_COMMAND=command)
    assert found["connects-c"].exit_code == 0
    refused = [each for each in found.values() if each.exit_code]
    assert len(refused) == 1
    assert refused[0].error in (
        "this tenant has the same token as connects-a",
        "this tenant has the same token as connects-b",
    )


def test_runs_that_know_nothing_of_each_other_leave_a_check_of_the_token(tmp_path: Path) -> None:
    """Shards are machines of their own: their results are compared."""
    same = {"RECONCILER_TOKEN_COMMAND": f"echo {canary(NAMES[0])}"}
    first, second = (run(tmp_path / name, (name,), **same)[name] for name in ("connects-a", "connects-b"))
    other = run(tmp_path / "c", ("connects-c",), RECONCILER_TOKEN_COMMAND=f"echo {canary(NAMES[1])}")["connects-c"]
    assert first.token_check is not None
    assert first.token_check == second.token_check != other.token_check


def test_one_token_of_the_environment_is_not_used_twice(tmp_path: Path) -> None:
    found = run(tmp_path / "out", ("connects-a", "connects-b"), RECONCILER_TOKEN=canary("x"))
    assert sorted(each.exit_code for each in found.values()) == [0, 1]


def test_the_rate_of_the_task_is_the_cap_of_the_process(tmp_path: Path) -> None:
    task = make_task(tmp_path / "out", "connects")
    object.__setattr__(task, "requests_per_second", 25.0)
    environment = {**os.environ, "RECONCILER_ALLOWED_HOSTS": "127.0.0.1", "RECONCILER_TOKEN": "x"}
    (result,) = run_tenants([task], 1, None, environment, PROGRAM)
    assert result.exit_code == 0
    assert (tmp_path / "out" / "connects" / "output.txt").read_text() == "25.0 <token>\n"


# --- planted tokens -----------------------------------------------------------------------------


@LINUX
@pytest.mark.parametrize("source", ["RECONCILER_TOKEN_DIR", "RECONCILER_TOKEN_COMMAND"])
def test_a_token_is_in_its_own_process_and_nowhere_else(tmp_path: Path, source: str) -> None:
    folder, out = plant(tmp_path, *NAMES), tmp_path / "out"
    value = str(folder) if source == "RECONCILER_TOKEN_DIR" else f"cat {folder}/{{tenant}}"
    results: dict[str, TenantResult] = {}
    runner = threading.Thread(target=lambda: results.update(run(out, NAMES, **{source: value})))
    runner.start()
    try:
        owners = {int((out / name / "process").read_text().split()[0]): name for name in wait_for_all(out)}
        server = int((out / NAMES[0] / "process").read_text().split()[1])
        for process in (*owners, server):
            memory = read_memory(process)
            held = {name for name in NAMES if canary(name).encode() in memory}
            assert held == ({owners[process]} if process in owners else set())
        for process in (*owners, server, *descendants()):
            said = b"".join(read_file(Path(f"/proc/{process}/{name}")) for name in ("cmdline", "environ"))
            assert b"c4nary" not in said
    finally:
        (out / "end").touch()
        runner.join()
    assert {each.exit_code for each in results.values()} == {0}
    written = [file for file in out.rglob("*") if file.is_file()]
    assert len(written) > 3 * len(NAMES)
    assert not [file for file in written if b"c4nary" in file.read_bytes()]


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'cat $0; exit 3' {planted}/{tenant}",
        "sh -c 'cat $0 >&2; exit 3' {planted}/{tenant}",
        "sh -c 'cat $0 $0' {planted}/{tenant}",
        "sh -c 'cat $0; head -c 100000000 /dev/zero' {planted}/{tenant}",
        "sh -c 'cat $0; printf \"\\001\\377\"' {planted}/{tenant}",
        "sh -c 'printf \"Bearer \"; cat $0' {planted}/{tenant}",
    ],
)
def test_no_failure_of_the_command_shows_what_it_printed(tmp_path: Path, command: str) -> None:
    folder, out = plant(tmp_path, "connects"), tmp_path / "out"
    command = command.replace("{planted}", str(folder))
    found = run(out, ("connects",), RECONCILER_TOKEN_COMMAND=command)
    assert found["connects"].exit_code == 1
    assert "RECONCILER_TOKEN_COMMAND" in found["connects"].error
    written = [file for file in out.rglob("*") if file.is_file()]
    assert written
    assert not [file for file in written if b"c4nary" in file.read_bytes()]


def wait_for_all(out: Path) -> tuple[str, ...]:
    for _ in range(600):
        if all((out / name / "holds").exists() for name in NAMES):
            return NAMES
        time.sleep(0.05)
    raise AssertionError({path.name: path.read_text() for path in out.rglob("output.txt")})


def read_memory(process: int) -> bytes:
    """All that a process can write to: a value that was made in it is there."""
    found = []
    try:
        with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
            for line in Path(f"/proc/{process}/maps").read_text().splitlines():
                area, rights = line.split()[:2]
                begin, end = (int(each, 16) for each in area.split("-"))
                while rights.startswith("rw") and begin < end:
                    memory.seek(begin)
                    found.append(memory.read(end - begin))
                    begin += len(found[-1])
    except PermissionError:
        pytest.skip("this machine lets no process read the memory of another one")
    return b"".join(found)


def descendants() -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        if b"reconciler" in read_file(folder / "cmdline") and int(folder.name) != os.getpid():
            yield int(folder.name)


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


# --- the protocol -------------------------------------------------------------------------------


def test_a_process_is_answered_until_it_ends() -> None:
    with selectors.DefaultSelector() as selector:
        desk = TokenDesk(selector)
        ends = {name: desk.open_line(name) for name in ("acme", "beta")}
        lines = {key.fileobj.tenant: key.fileobj for key in selector.get_map().values()}  # type: ignore[union-attr]
        answers = {}
        for name, digest in (("acme", b"1"), ("beta", b"2"), ("beta", b"1")):
            ends[name].send(digest * DIGEST_BYTES)
            desk.answer(lines[name])  # type: ignore[arg-type]
            answers[name, digest] = ends[name].recv(100)
        assert answers == {("acme", b"1"): b"\n", ("beta", b"2"): b"\n", ("beta", b"1"): b"acme\n"}
        ends["acme"].close()
        desk.answer(lines["acme"])  # type: ignore[arg-type]
        assert len(selector.get_map()) == 1
        ends["beta"].send(b"short")
        desk.answer(lines["beta"])  # type: ignore[arg-type]
        assert len(selector.get_map()) == 0
        with pytest.raises(BrokenPipeError):
            ask_over(ends["beta"])(b"1" * DIGEST_BYTES)
        ends["beta"].close()


def test_a_server_that_ends_before_it_answers() -> None:
    ours, theirs = socket.socketpair()
    ours.shutdown(socket.SHUT_WR)
    with ours, theirs, pytest.raises(EOFError):
        ask_over(theirs)(b"1" * DIGEST_BYTES)


def test_an_answer_that_cannot_be_sent_ends_the_line() -> None:
    ours, theirs = socket.socketpair()
    theirs.send(b"1" * DIGEST_BYTES)
    theirs.close()
    with selectors.DefaultSelector() as selector:
        desk = TokenDesk(selector)
        assert not TokenLine("acme", ours).answer(desk.registry)
    ours.close()
