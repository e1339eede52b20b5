"""A receipt that was damaged or lost stops plan and apply: only it knows that a leaver is protected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import OpenWorkspace, Workspace, source

DAMAGES: dict[str, Callable[[Path], object]] = {
    "NULs": lambda receipt: receipt.write_bytes(bytes(receipt.stat().st_size)),
    "NULs at the end": lambda receipt: receipt.write_bytes(receipt.read_bytes()[:-20] + bytes(20)),
    "empty": lambda receipt: receipt.write_bytes(b""),
    "half a line": lambda receipt: receipt.write_bytes(receipt.read_bytes()[:100]),
    "one line": lambda receipt: receipt.write_bytes(receipt.read_bytes().replace(b"\n", b" ")),
    "CR only": lambda receipt: receipt.write_bytes(receipt.read_bytes().replace(b"\n", b"\r")),
    "deleted": Path.unlink,
    "compressed": lambda receipt: receipt.rename(receipt.with_suffix(".jsonl.gz")),
}


@pytest.fixture
def service() -> FakeScimServer:
    return FakeScimServer(users=[make_user(number) for number in range(6)])


@pytest.fixture
def company(open_workspace: OpenWorkspace, service: FakeScimServer) -> Workspace:
    """The first user was protected by an entry that is gone."""
    people = [source(user) for user in service.users.values()]
    work: Workspace = open_workspace(service)
    work.users([{**people[0], "lifecycle": {"protected": True}}, *people[1:]])
    assert work.apply().code == 0
    work.users(people[1:])
    return work


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_receipt_stops_plan_and_apply(company: Workspace, service: FakeScimServer, name: str) -> None:
    assert company.plan().code == 3
    (receipt,) = company.plans.glob("*/receipt.jsonl")
    content = receipt.read_bytes()
    DAMAGES[name](receipt)
    for ended in (company.plan(), company.apply()):
        assert (ended.code, str(receipt) in ended.err) == (1, True), ended
    assert service.writes == []
    receipt.write_bytes(content)
    assert company.apply().code == 3, "the user is protected"


@pytest.mark.parametrize("left", [None, b"", b'{"format_version": "1.0", "ti'])
def test_an_apply_that_was_killed_before_any_request_stops_no_other(company: Workspace, left: bytes | None) -> None:
    """Nor does one that comes after it take what was left for evidence."""
    directory = company.plans / "2026-03-01-0123456789ab"
    directory.mkdir()
    (directory / "plan.json").write_text("{}")
    if left is not None:
        (directory / "receipt.jsonl").write_bytes(left)
    for _ in range(2):
        assert company.plan().code == 3
        assert company.apply().code == 3
    assert not (directory / "README.md").exists()
