from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.errors import FleetError, UsageError
from reconciler.fleet.model import Caps, Fleet, Tenant
from reconciler.fleet.result import TenantResult
from reconciler.session.fleet import fleet_run
from reconciler.session.fleet.fleet_run import FleetRunOptions, build_tasks, limit_at_once, open_out, report_run
from reconciler.session.fleet.selected import FleetSelection, Selected
from reconciler.session.workspace import current_time


def selected(root: Path, rate: float | None = None) -> Selected:
    tenants = tuple(Tenant(name, f"tenants/{name}") for name in ("acme", "globex"))
    return Selected(Fleet(root, tenants, caps=Caps(4, rate)), tenants, None)


def options(root: Path, shard: str | None = None, out: Path | None = None) -> FleetRunOptions:
    return FleetRunOptions(FleetSelection(root, shard=shard), out, now="2026-12-01", sandbox=True, redact=True)


def test_each_tenant_has_a_task_with_a_folder_of_its_own(tmp_path: Path) -> None:
    tasks = build_tasks("plan", selected(tmp_path), options(tmp_path), tmp_path / "out")
    assert [(task.tenant, task.state, task.out) for task in tasks] == [
        (name, str(tmp_path / "tenants" / name), str(tmp_path / "out" / name)) for name in ("acme", "globex")
    ]
    first = tasks[0]
    assert (first.verb, first.commit, first.run, first.now) == ("plan", "0" * 40, "local", "2026-12-01")
    assert (first.sandbox, first.redact, first.no_cache, first.requests_per_second) == (True, True, False, None)


@pytest.mark.parametrize(("shard", "rate"), [(None, 20.0), ("2/4", 5.0)])
def test_shards_divide_the_rate_of_the_address(tmp_path: Path, shard: str | None, rate: float) -> None:
    tasks = build_tasks("plan", selected(tmp_path, 20.0), options(tmp_path, shard), tmp_path)
    assert tasks[0].requests_per_second == rate


@pytest.mark.parametrize(
    ("wanted", "allowed", "notes"),
    [
        (None, 4, []),
        (3, 3, []),
        (5, 4, ["--at-once 5 is more than caps.tenants_at_once of fleet.yaml: 4 at once."]),
    ],
)
def test_the_cap_of_the_fleet_is_an_upper_bound(
    tmp_path: Path, wanted: int | None, allowed: int, notes: list[str]
) -> None:
    terminal = RecordingTerminal()
    assert limit_at_once(wanted, selected(tmp_path).fleet, terminal) == allowed
    assert terminal.notes == notes


@pytest.mark.parametrize(
    ("place", "allowed"), [("out", True), ("..", True), ("tenants", False), ("tenants/acme/a/b", False)]
)
def test_files_of_a_run_do_not_go_into_a_tenant(tmp_path: Path, place: str, *, allowed: bool) -> None:
    fleet = selected(tmp_path / "fleet").fleet
    if allowed:
        fleet_run._check_place(tmp_path / "fleet" / place, fleet)
        return
    with pytest.raises(UsageError, match="-o is a folder of tenants, or inside of one"):
        fleet_run._check_place(tmp_path / "fleet" / place, fleet)


def test_without_a_directory_nothing_is_kept(tmp_path: Path) -> None:
    terminal = RecordingTerminal()
    with open_out(None, terminal) as out:
        assert out.stat().st_mode & 0o777 == 0o700
        (out / "acme").mkdir()
    assert not out.exists()
    assert terminal.notes == ["The plans and the output of the tenants were not kept: -o DIR keeps them."]
    with open_out(tmp_path / "out", terminal) as out:
        assert out == tmp_path / "out"
        (out / "acme").mkdir()
    assert terminal.notes[1:] == [f"What each tenant printed is in {out}/TENANT/output.txt."]
    assert out.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["out", None])
def test_of_a_run_without_tenants_nothing_was_printed(tmp_path: Path, name: str | None) -> None:
    terminal = RecordingTerminal()
    with open_out(tmp_path / name if name else None, terminal):
        pass
    assert terminal.notes == []


def test_a_file_cannot_receive_the_results(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    summary = '-o: the directory ".*file" cannot be made: File exists'
    with pytest.raises(FleetError, match=summary), open_out(tmp_path / "file", RecordingTerminal()):
        pass


def test_the_exit_code_is_the_worst_one() -> None:
    terminal = RecordingTerminal()
    results = [TenantResult(f"t{code}", "plan", "c" * 40, "local", code) for code in (0, 3, 1, 5)]
    assert report_run(results, terminal) == 1
    assert terminal.out.startswith("4 tenants: 1 failed, 1 partly failed, 1 blocked, 1 ok.\n")


def test_results_begin_now_and_after_those_that_they_replace(tmp_path: Path) -> None:
    now = int(current_time().timestamp())
    first = build_tasks("plan", selected(tmp_path), options(tmp_path), tmp_path)[0].began
    assert now <= first <= now + 60
    # The clock was set back meanwhile, or less than a second has passed.
    again = build_tasks("plan", selected(tmp_path), replace(options(tmp_path), after=first + 100), tmp_path)
    assert {task.began for task in again} == {first + 101}
