import os
from pathlib import Path

import pytest

from reconciler.errors import PlanFileError
from reconciler.record.record_files import list_receipts, merge_into, read_record_files

RECEIPT, PLAN = (f"2026-03-01-0123456789ab/{name}" for name in ("receipt.jsonl", "plan.json"))
FIRST, SECOND = (f'{{"event": "apply_started", "plan_id": "{name}"}}\n'.encode() for name in "ab")


def test_nothing_else_belongs_to_a_record(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in (
        "a/receipt.jsonl",
        "a/notes.txt",
        "receipt.jsonl",
        ".gitkeep",
        "refusal.json",
        "refusal-acme.json",
        "refusal-.json",
    ):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/receipt.jsonl").symlink_to(tmp_path / "a/receipt.jsonl")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/plan.json").write_text("{}")
    assert [name for name, _ in read_record_files(tmp_path)] == [
        "refusal-acme.json",
        "refusal.json",
        "a/receipt.jsonl",
    ]
    assert list(read_record_files(tmp_path / "nowhere")) == []


@pytest.mark.parametrize("kind", ["pipe", "directory"])
def test_anything_else_in_place_of_a_receipt_is_an_error(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").mkdir()
    path = tmp_path / "a/receipt.jsonl"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    assert list_receipts(tmp_path) == [path]
    with pytest.raises(PlanFileError, match="is not a regular file"):
        list(read_record_files(tmp_path))


def test_receipts_are_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("a-b", "a", "a/c", "a/receipt.jsonl", "a.b", "B"):
        (tmp_path / name).mkdir(exist_ok=True)
        if name != "a":
            (tmp_path / name / "receipt.jsonl").write_text("")
    (tmp_path / "linked").symlink_to(tmp_path / "a", target_is_directory=True)
    expected = sorted(path for path in tmp_path.rglob("receipt.jsonl") if "linked" not in path.parts)
    assert list_receipts(tmp_path) == expected
    assert len(expected) == 6


def test_a_record_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_receipts(tmp_path / "missing") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanFileError, match=r"cannot list .*file: Not a directory"):
        list_receipts(tmp_path / "file")
    (tmp_path / "locked").mkdir()
    real = os.scandir

    def refuse(path: str) -> object:  # root may list anything
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PlanFileError, match=r"cannot list .*locked: Permission denied"):
        list_receipts(tmp_path)


def test_copies_are_merged_in_a_directory(tmp_path: Path) -> None:
    merge_into([(RECEIPT, FIRST), (PLAN, b"p"), ("refusal.json", b"{}")], tmp_path)
    merge_into([(RECEIPT, SECOND), (PLAN, b"q"), ("refusal.json", b'{"last": "2026-03-01T00:00:00+00:00"}')], tmp_path)
    assert dict(read_record_files(tmp_path)) == {
        RECEIPT: FIRST + SECOND,
        PLAN: b"q",
        "refusal.json": b'{"last": "2026-03-01T00:00:00+00:00"}',
    }


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanFileError) as caught:
        merge_into([(RECEIPT, FIRST)], tmp_path / "file")
    assert caught.value.detail == "Check TMPDIR and the space there."
