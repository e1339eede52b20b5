from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fleet_server import BRANCH, FleetServer, serve_fleet
from support.recording_terminal import RecordingTerminal

from reconciler.commands.github.fleet_push_record import run_fleet_push_record
from reconciler.errors import ExitCode
from reconciler.fleet.applied import write_applied

AUTHOR = "Ada <ada@example.com>"
STARTED = '{"event": "apply_started", "plan_id": "sha256:x"}\n'
RECORD = "2026-03-01-0123456789ab"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetServer]:
    with serve_fleet(tmp_path, monkeypatch) as made:
        yield made


def keep(records: Path, tenant: str) -> Path:
    folder = records / tenant / "plans" / RECORD
    folder.mkdir(parents=True)
    (folder / "receipt.jsonl").write_text(STARTED.replace("x", tenant))
    return folder


def test_the_records_of_all_tenants_are_one_commit(
    served: FleetServer, tmp_path: Path, terminal: RecordingTerminal
) -> None:
    root, records = served.clone("one"), tmp_path / "records"
    for tenant in ("acme", "beta", "stranger"):
        keep(records, tenant)
    write_applied(root, "a" * 40, ["beta"])
    assert run_fleet_push_record(root, [records], AUTHOR, terminal) is ExitCode.OK
    assert served.on_branch() == [
        "fleet/applied.json",
        f"tenants/acme/plans/{RECORD}/receipt.jsonl",
        f"tenants/beta/plans/{RECORD}/receipt.jsonl",
    ]
    assert served.origin.git("rev-list", "--count", BRANCH) == "1"
    assert served.origin.git("log", "-1", "--format=%s %an", BRANCH) == "Record 2 plans Ada"
    run_fleet_push_record(root, [records], AUTHOR, terminal)
    assert terminal.notes[0].startswith(f"The record of 2 tenants is {BRANCH} at ")
    assert terminal.notes[1] == f"Nothing is new for {BRANCH}."


def test_the_receipts_of_two_attempts_are_put_together(
    served: FleetServer, tmp_path: Path, terminal: RecordingTerminal
) -> None:
    root, attempts = served.clone("one"), [tmp_path / "attempt-1/tenants", tmp_path / "attempt-2/tenants"]
    for number, records in enumerate(attempts):
        line = f'{{"event": "apply_started", "plan_id": "sha256:x", "time": "2026-03-01T00:0{number}:00+00:00"}}\n'
        (keep(records, "acme") / "receipt.jsonl").write_text(line)
    run_fleet_push_record(root, [*attempts, tmp_path / "none"], AUTHOR, terminal)
    pushed = served.origin.git("show", f"{BRANCH}:tenants/acme/plans/{RECORD}/receipt.jsonl")
    assert pushed.count("apply_started") == 2
    assert served.on_branch() == [f"tenants/acme/plans/{RECORD}/receipt.jsonl"]


def test_links_are_not_followed(served: FleetServer, tmp_path: Path, terminal: RecordingTerminal) -> None:
    root, records = served.clone("one"), tmp_path / "records"
    keep(tmp_path / "elsewhere", "acme")
    keep(records, "beta")
    (records / "acme").mkdir()
    (records / "acme/plans").symlink_to(tmp_path / "elsewhere/acme/plans")
    run_fleet_push_record(root, [records], AUTHOR, terminal)
    assert served.on_branch() == [f"tenants/beta/plans/{RECORD}/receipt.jsonl"]


def test_without_a_branch_nothing_is_pushed(served: FleetServer, tmp_path: Path, terminal: RecordingTerminal) -> None:
    root = served.clone("one")
    (root / "defaults/settings.yaml").write_text("ownership: externalId pr\n")
    assert run_fleet_push_record(root, [tmp_path / "none"], AUTHOR, terminal) is ExitCode.OK
    assert terminal.notes == ["defaults/settings.yaml names no record.branch: nothing was pushed."]
