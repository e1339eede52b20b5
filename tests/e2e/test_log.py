"""`--log FILE`: a line for each user, in a private file."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.command import TOKEN, CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.fake_scim import ServerFaults


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def statuses(path: Path) -> dict[str, int]:
    return Counter(line["provisioningStatusInfo"]["status"] for line in lines(path))


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    live, people = sample_users(6, department="Moved")
    opened = open_command_workspace(live, ServerFaults(refuse_user="grace.1@example.com"))
    people[2]["givenName"] = "Zoë\a"
    opened.users(people)
    return opened


def test_apply_adds_a_line_for_each_user(work: CommandWorkspace, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    before = os.umask(0)
    try:
        assert work.apply("--log", str(log)).code == 5
    finally:
        os.umask(before)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert statuses(log) == {"success": 4, "failure": 2}
    found = {line["sourceIdentity"]["displayName"]: line for line in lines(log)}
    refused = found["grace.1@example.com"]
    assert refused["provisioningStatusInfo"]["errorInformation"]["errorCode"] == "UnprocessableEntity"
    assert refused["modifiedProperties"] == [
        {
            "displayName": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "oldValue": "Sales",
            "newValue": "Moved",
        }
    ]
    assert refused["durationInMilliseconds"] >= 0
    assert len({line["cycleId"] for line in lines(log)}) == 1
    assert len({line["id"] for line in lines(log)}) == len({line["changeId"] for line in lines(log)}) == 6
    work.apply("--log", str(log))
    work.apply("--log", str(log))
    assert len({line["cycleId"] for line in lines(log)}) == 3, "runs are added"
    last = lines(log)[-1]
    assert last["provisioningStatusInfo"]["status"] == "skipped"
    assert "deferred until" in last["provisioningSteps"][-1]["details"]["SkipReason"]
    assert TOKEN not in log.read_text("ascii")


def test_plan_logs_what_it_would_do_as_skipped(work: CommandWorkspace, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert work.run("plan", "--log", str(log)).code == 5
    assert statuses(log) == {"skipped": 5, "failure": 1}


def test_the_redacted_log_names_no_user(work: CommandWorkspace, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    work.apply("--log", str(log), "--redact")
    work.run("plan", "--log", str(log), "--redact")
    text = log.read_text("ascii")
    for word in ("@example.com", "Moved", "Sales", "grace", "Hopper", TOKEN):
        assert word not in text
    assert len(lines(log)) == 6 + 2


def test_a_log_that_cannot_be_written_is_an_error_before_anything_is_done(
    work: CommandWorkspace, tmp_path: Path
) -> None:
    failed = work.apply("--log", str(tmp_path / "nowhere" / "log"))
    assert failed.code == 1
    assert "cannot write the log" in failed.err
    assert work.service.log == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_full_disk_ends_the_log_and_not_the_apply(work: CommandWorkspace) -> None:
    applied = work.apply("--log", "/dev/full")
    assert applied.code == 5
    assert "The log /dev/full is not complete: No space left on device" in applied.err
    assert "4 updated" in applied.out
