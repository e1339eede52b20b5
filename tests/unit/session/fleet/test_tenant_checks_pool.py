"""Several processes find what one does, whatever happens to one of them."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.broken_fleets import write_broken_fleet

from reconciler.fleet.catalog import read_fleet
from reconciler.session.fleet import tenant_checks_pool
from reconciler.session.fleet.tenant_checks import check_tenants
from reconciler.session.fleet.tenant_checks_pool import check_at_once, count_processes

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("processes", [1, 2, 4, 9])
def test_the_number_of_processes_does_not_matter(processes: int, tmp_path: Path) -> None:
    tenants = read_fleet(write_broken_fleet(tmp_path, [0, 20])).tenants
    slowly = list(check_tenants(tmp_path, tenants, NOW, share=False))
    assert len(slowly) == 4
    assert list(check_at_once(tmp_path, tenants, NOW, processes)) == slowly
    assert list(check_at_once(tmp_path, (), NOW, processes)) == []


@pytest.mark.parametrize("sent", [b"", b"\0" * 8, (9).to_bytes(8, "big") + b"short", (1).to_bytes(8, "big") + b"\xff"])
def test_what_a_process_did_not_send_is_checked_here(
    sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(*arguments: object) -> None:
        os.write(arguments[3], sent)  # type: ignore[call-overload]
        os._exit(1)

    tenants = read_fleet(write_broken_fleet(tmp_path, [0])).tenants
    monkeypatch.setattr(tenant_checks_pool, "_run", send)
    assert list(check_at_once(tmp_path, tenants, NOW, 2)) == list(check_tenants(tmp_path, tenants, NOW))


def test_no_process_without_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError("no process")

    tenants = read_fleet(write_broken_fleet(tmp_path, [0])).tenants
    monkeypatch.setattr(os, "fork", refuse)
    assert list(check_at_once(tmp_path, tenants, NOW, 2)) == list(check_tenants(tmp_path, tenants, NOW))


def test_no_more_processes_than_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(4)))
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert [count_processes(tenants) for tenants in (0, 99, 100, 250, 10_000)] == [1, 1, 1, 2, 4]
