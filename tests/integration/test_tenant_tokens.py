"""Whole commands whose token comes from a command or a directory: planted tokens are in no output and in no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import all_bytes
from support.sample_org import person
from support.servers.fake_scim import FakeScimServer
from support.workspace import CommandResult, Workspace

CANARY = "c4nary-0f-acme-T0ken"
SOURCES = ["RECONCILER_TOKEN_COMMAND", "RECONCILER_TOKEN_DIR"]


@pytest.fixture
def service() -> Iterator[FakeScimServer]:
    started = FakeScimServer(token=CANARY).start()
    yield started
    started.close()


def open_tenant(root: Path, service: FakeScimServer, patch: pytest.MonkeyPatch, variable: str) -> Workspace:
    work = Workspace(root / "work", service.base_url, "", patch)
    work.settings(target={"profile": "scim", "base_url": service.base_url, "tenant": "acme"})
    work.users([person("ada")])
    tokens = root / "tokens"
    tokens.mkdir()
    for name, token in (("acme", CANARY), ("beta", "another-c4nary")):
        (tokens / name).write_text(token + "\n")
        (tokens / name).chmod(0o600)
    patch.setenv(variable, str(tokens) if variable == SOURCES[1] else f"cat {tokens}/{{tenant}}")
    return work


def run_all(work: Workspace, root: Path) -> list[CommandResult]:
    lines = (
        ("check",),
        ("plan", "--out", str(root / "work" / "plan.json"), "--verbose"),
        ("apply", "--auto-approve"),
        ("drift",),
        ("export", "--out", str(root / "work" / "exported")),
    )
    return [work.run(command, *options) for command, *options in lines]


def find_canaries(root: Path, results: list[CommandResult]) -> int:
    return all_bytes(root / "work", [text for each in results for text in (each.out, each.err)]).count(b"c4nary")


@pytest.mark.parametrize("variable", SOURCES)
def test_no_output_and_no_file_has_the_token(
    tmp_path: Path, service: FakeScimServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    work = open_tenant(tmp_path, service, monkeypatch, variable)
    results = run_all(work, tmp_path)
    assert [each.code for each in results] == [0, 0, 0, 0, 0], [each.err for each in results]
    assert len(service.users) == 1
    assert find_canaries(tmp_path, results) == 0


@pytest.mark.parametrize("variable", SOURCES)
def test_the_token_of_another_tenant_is_refused_and_not_shown(
    tmp_path: Path, service: FakeScimServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    work = open_tenant(tmp_path, service, monkeypatch, variable)
    work.settings(target={"profile": "scim", "base_url": service.base_url, "tenant": "beta"})
    results = run_all(work, tmp_path)
    assert {each.code for each in results} == {1}
    assert all(f"Check the token of {variable}" in " ".join(each.err.split()) for each in results[1:3])
    assert not service.users
    assert find_canaries(tmp_path, results) == 0
