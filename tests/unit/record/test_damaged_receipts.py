"""Receipts that are lost, and what an apply leaves that was killed before it sent anything."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import PlanFileError, RepositoryError
from reconciler.record.damaged_receipts import check_branch_files, check_receipts
from reconciler.record.record_files import read_record_files

NAME, OTHER = "2026-03-01-0123456789ab", "2026-03-02-0123456789ab"
LINE = '{"format_version": "1.0", "event": "apply_started", "plan_id": "sha256:x"}\n'
KILLED = {"no receipt": None, "empty": "", "cut": LINE[:30]}


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    directory = tmp_path / "plans" / NAME
    directory.mkdir(parents=True)
    (directory / "plan.json").write_text("{}")
    return tmp_path / "plans"


def leave(plans: Path, content: str | None) -> Path:
    receipt = plans / NAME / "receipt.jsonl"
    receipt.unlink(missing_ok=True)
    if content is not None:
        receipt.write_text(content)
    return receipt


@pytest.mark.parametrize("content", KILLED.values(), ids=KILLED)
def test_what_a_kill_leaves_is_in_the_way_of_no_apply(plans: Path, content: str | None) -> None:
    leave(plans, content)
    check_receipts(plans)
    GitRepository(plans.parent).commit("other", {f"plans/{OTHER}/receipt.jsonl": LINE}, tracked=f"plans/{OTHER}")
    check_receipts(plans)


def test_directories_that_are_no_records_do_not_count(plans: Path) -> None:
    (plans / NAME).rename(plans / "reviewed")
    (plans / "reviewed/README.md").write_text("Plans under review.")
    (plans / "README.md").write_text("What this directory is for.")
    (plans / "receipt.jsonl").write_text("")
    check_receipts(plans)
    check_receipts(plans / "nowhere")


@pytest.mark.parametrize("content", KILLED.values(), ids=KILLED)
def test_a_receipt_whose_page_is_there_had_lines(plans: Path, content: str | None) -> None:
    receipt = leave(plans, content)
    (plans / NAME / "README.md").write_text("# Plan")
    with pytest.raises(PlanFileError, match=r"README\.md in the same directory lists its applies") as caught:
        check_receipts(plans)
    assert str(receipt) in caught.value.summary
    command = caught.value.detail.partition("If you know that nothing was applied: ")[2]
    subprocess.run(shlex.split(command), check=True)
    check_receipts(plans)


@pytest.mark.parametrize("content", KILLED.values(), ids=KILLED)
def test_a_receipt_that_git_has_had_lines(plans: Path, content: str | None) -> None:
    repository = GitRepository(plans.parent, "plans")
    repository.commit("record", {f"plans/{NAME}/receipt.jsonl": LINE})
    leave(plans, content)
    with pytest.raises(PlanFileError, match="although git has it") as caught:
        check_receipts(plans)
    command = caught.value.detail.split("`")[1]
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    check_receipts(plans)
    assert (plans / NAME / "receipt.jsonl").read_text() == LINE


def test_if_git_cannot_tell_whether_it_has_a_receipt_that_is_an_error(plans: Path) -> None:
    repository = GitRepository(plans.parent, "plans")
    leave(plans, LINE)
    (repository.root / ".git/HEAD").write_text("")
    check_receipts(plans)
    leave(plans, "")
    with pytest.raises(RepositoryError):
        check_receipts(plans)
    shutil.rmtree(repository.root / ".git")
    check_receipts(plans)


def test_a_broken_receipt_is_named(plans: Path) -> None:
    receipt = leave(plans, LINE + "x\n" + LINE)
    with pytest.raises(PlanFileError, match=f"^{receipt}:2: not a receipt line$"):
        check_receipts(plans)


@pytest.mark.parametrize("content", ["", LINE[:30], "\0\0", LINE + "x\n"])
def test_receipts_of_the_branch_have_lines(plans: Path, content: str) -> None:
    leave(plans, LINE)
    files = list(read_record_files(plans))
    assert list(check_branch_files(files, "record")) == files
    leave(plans, content)
    with pytest.raises(PlanFileError, match=f'^{NAME}/receipt.jsonl on the record branch "record":'):
        list(check_branch_files(read_record_files(plans), "record"))
