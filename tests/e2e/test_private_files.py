"""What names people is for its owner only, whatever the umask is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, sample_users


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    live, people = sample_users(2, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)
    return opened


def open_to_others(top: Path) -> list[str]:
    """Return what is below `top`, or `top` itself, that users other than the owner may read or write."""
    found = [path for path in (top, *top.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    return [str(path.relative_to(top.parent)) for path in found]


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_everything_that_an_apply_writes_is_private(umask: int, work: CommandWorkspace) -> None:
    saved = ("-o", "saved/deep/plan.json", "--log", "provisioning.log")
    assert work.command("plan", *saved, umask=umask).code == 0
    assert work.command("apply", "saved/deep/plan.json", umask=umask).code == 0
    assert [
        name for top in ("plans", "saved", ".local", "provisioning.log") for name in open_to_others(work.root / top)
    ] == []
    assert {path.name for path in work.plans.rglob("*") if path.is_file()} == {
        "receipt.jsonl",
        "plan.json",
        "README.md",
    }


def test_the_sandbox_is_private(work: CommandWorkspace) -> None:
    assert work.command("apply", "--sandbox", "--auto-approve", umask=0).code in (0, 3, 5)
    assert (work.root / ".reconciler/sandbox.db").is_file()
    assert open_to_others(work.root / ".reconciler") == []


def test_a_refusal_and_a_new_repository_are_private(work: CommandWorkspace) -> None:
    assert work.command("apply", "--auto-approve", env={"RECONCILER_TOKEN": "wrong"}, umask=0).code == 1
    assert [path.name for path in work.plans.iterdir()] == ["refusal.json"]
    assert open_to_others(work.plans) == []
    assert work.command("init", "new", umask=0).code == 0
    assert open_to_others(work.root / "new/plans") == []
    assert open_to_others(work.root / "new/.reconciler") == []


def test_a_report_is_private(work: CommandWorkspace) -> None:
    assert work.command("report", "-o", "site/deep", umask=0).code == 0
    assert open_to_others(work.root / "site") == []


def test_directories_that_git_checked_out_are_used_as_they_are(work: CommandWorkspace) -> None:
    """With umask 022 git makes them 0755, with 002 0775."""
    work.plans.mkdir()
    work.plans.chmod(0o775)
    applied = work.command("apply", "--auto-approve", umask=0)
    assert (applied.code, "can write to" in applied.err) == (0, False)
    assert stat.S_IMODE(work.plans.stat().st_mode) == 0o775
    assert [name for record in work.plans.iterdir() for name in open_to_others(record)] == []


def test_a_record_that_every_user_of_the_machine_can_forge_is_reported(work: CommandWorkspace) -> None:
    work.plans.mkdir()
    work.plans.chmod(0o777)
    for line in (["plan"], ["apply", "--auto-approve"]):
        answer = work.command(*line)
        assert answer.code == 0
        assert "Every user of this machine can write to plans, and so could forge the record" in answer.err
        assert "chmod o-w plans" in answer.err


def test_so_is_one_record_that_they_can_replace(work: CommandWorkspace) -> None:
    assert work.command("apply", "--auto-approve").code == 0
    record = work.receipts()[0].parent
    record.chmod(0o707)
    assert f"Every user of this machine can write to plans/{record.name}," in work.command("plan").err
