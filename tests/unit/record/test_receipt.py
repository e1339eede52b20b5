import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW, change, plan_with, values_of
from support.parsers import assert_calm
from support.untrusted_text import HOSTILE

from reconciler.core.plan import Action, Outcome, Plan, Result
from reconciler.core.plan_id import digest_change
from reconciler.errors import PlanFileError
from reconciler.record.layout import shorten_plan_id
from reconciler.record.outlines import read_lines
from reconciler.record.reader import read_entries
from reconciler.record.receipt import ApplyNotes, Receipt, directory_for
from reconciler.record.receipt_line import LARGEST_CLOCK_OFFSET, ApplyStarted
from reconciler.record.runs import Quarantine

ADA = change("ada", after=values_of("ada", family="King"))
PLAN = plan_with(ADA)


def opened(directory: Path, plan: Plan = PLAN, now: datetime = NOW) -> Receipt:
    return Receipt(directory, plan, lambda: now)


def events(path: Path) -> list[str]:
    return [entry["event"] for entry in read_entries(path)]


def test_a_receipt_lies_beside_its_plan(tmp_path: Path) -> None:
    assert shorten_plan_id(PLAN.plan_id) == PLAN.plan_id[7:19]
    assert directory_for(tmp_path, PLAN) == tmp_path / f"2026-03-01-{PLAN.plan_id[7:19]}"
    assert opened(directory_for(tmp_path, PLAN)).path == directory_for(tmp_path, PLAN) / "receipt.jsonl"


@pytest.mark.parametrize(
    ("action", "said", "expected"),
    [
        (Action.DEACTIVATE, "2026-02-01T10:00:00+01:00", "2026-02-01T09:00:00+00:00"),
        (Action.DELETE, "2026-02-01T09:00:00Z", "2026-02-01T09:00:00+00:00"),
        (Action.DEACTIVATE, "W/'1'\n::error::", None),
        (Action.DEACTIVATE, None, None),
        (Action.UPDATE, "2026-02-01T09:00:00Z", None),
    ],
)
def test_the_service_s_date_of_an_account_is_noted_before_its_removal(
    action: Action, said: str | None, expected: str | None, tmp_path: Path
) -> None:
    receipt = opened(tmp_path)
    receipt.started(ADA.address, action, "live-ada", [], before=ADA.before, last_modified=said)
    assert [*read_entries(receipt.path)][1].get("last_modified") == expected


def test_a_receipt_has_a_line_for_each_event(tmp_path: Path) -> None:
    receipt = opened(tmp_path)
    receipt.started(ADA.address, ADA.action, "live-ada", ["name.familyName"], before=ADA.before)
    receipt.finished(Outcome(ADA, Result.NOT_IN_EFFECT, "Zoë\nx", "live-ada", ("name.familyName",)))
    receipt.quarantined(Quarantine("Because", "it failed"))
    receipt.close({Result.NOT_IN_EFFECT: 1}, left=2)
    always = {"format_version": "1.0", "time": "2026-03-01T12:00:00+00:00", "plan_id": PLAN.plan_id}
    lines = receipt.path.read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            **always,
            "event": "apply_started",
            "target": PLAN.target.base_url,
            "profile": "apple-business-manager",
            "changes": 1,
            "whole": True,
            "commit": None,
            "config_digest": "",
            "approved": {},
            "population": {
                "users": 0,
                "managed": 0,
                "active": 0,
                "at": "2026-03-01T12:00:00+00:00",
                "planned": "2026-03-01T12:00:00+00:00",
                "version": "0.1.0",
            },
        },
        {
            **always,
            "event": "started",
            "address": ADA.address,
            "action": "update",
            "id": "live-ada",
            "attributes": ["name.familyName"],
            "was_active": True,
            "user_name": "ada@example.com",
            "external_id": "id-ada",
            "full_name": "Ada Lovelace",
        },
        {
            **always,
            "event": "finished",
            "address": ADA.address,
            "action": "update",
            "id": "live-ada",
            "user_name": "ada@example.com",
            "result": "not_in_effect",
            "message": "Zoë\nx",
            "attributes": ["name.familyName"],
            "change": digest_change(ADA),
            "external_id": "id-ada",
        },
        {**always, "event": "quarantined", "reason": "Because", "message": "it failed"},
        {**always, "event": "apply_finished", "how": "complete", "left": 2, "not_in_effect": 1},
    ]
    assert list(read_entries(receipt.path)) == [json.loads(line) for line in lines]
    assert stat.S_IMODE(receipt.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("ahead", "written"),
    [
        (timedelta(hours=25, seconds=0.6), 90_001),
        (timedelta(days=-60), -5_184_000),
        (timedelta(days=365 * 2_000), LARGEST_CLOCK_OFFSET),
        (-timedelta(days=365 * 2_000), -LARGEST_CLOCK_OFFSET),
    ],
)
def test_a_receipt_notes_how_far_the_services_clock_was_ahead(tmp_path: Path, ahead: timedelta, written: int) -> None:
    receipt = Receipt(tmp_path, PLAN, lambda: NOW, ApplyNotes(service_ahead=ahead))
    (line,) = read_lines(receipt.path)
    assert isinstance(line, ApplyStarted)
    assert line.service_ahead == written


@pytest.mark.parametrize(
    ("seen", "whole", "written"),
    [(None, True, None), (("a", "b"), True, ["a", "b"]), ((), True, []), (("a", "b"), False, None)],
)
def test_a_receipt_of_all_users_notes_their_accounts(
    seen: tuple[str, ...] | None, whole: bool, written: list[str] | None, tmp_path: Path
) -> None:
    receipt = Receipt(tmp_path, PLAN, lambda: NOW, ApplyNotes(whole=whole, made_now=replace(PLAN, seen=seen)))
    assert next(iter(read_entries(receipt.path))).get("accounts") == written


def test_counts_are_in_the_order_in_which_results_first_occurred(tmp_path: Path) -> None:
    receipt = opened(tmp_path)
    receipt.close({Result.SKIPPED: 2, Result.DONE: 1, Result.FAILED: 3})
    last = receipt.path.read_text("utf-8").splitlines()[-1]
    assert list(json.loads(last))[4:] == ["how", "left", "skipped", "done", "failed"]


def test_a_receipt_names_users_but_not_their_values(tmp_path: Path) -> None:
    receipt = opened(tmp_path)
    receipt.finished(Outcome(ADA, Result.DONE, "", "live-ada"))
    assert "King" not in receipt.path.read_text()
    assert "Lovelace" not in receipt.path.read_text()


@pytest.mark.parametrize(
    ("action", "before", "after", "name"),
    [
        (Action.CREATE, {}, {"userName": "new"}, "new"),
        (Action.UPDATE, {"userName": "old"}, {"userName": "new"}, "new"),
        (Action.DELETE, {"userName": "old"}, {}, "old"),
        (Action.DELETE, {}, {}, None),
    ],
)
def test_an_outcome_has_the_user_name_that_is_held(
    tmp_path: Path, action: Action, before: dict[str, Any], after: dict[str, Any], name: str | None
) -> None:
    receipt = opened(tmp_path)
    receipt.finished(Outcome(change("x", action, before=before, after=after), Result.DONE))
    assert list(read_entries(receipt.path))[-1]["user_name"] == name


def test_every_line_is_on_disk_when_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    sync = os.fsync

    def watch(handle: int) -> None:
        sync(handle)
        found = os.fstat(handle)
        if stat.S_ISREG(found.st_mode):
            synced.append(found.st_size)

    monkeypatch.setattr(os, "fsync", watch)
    receipt = opened(tmp_path)
    receipt.started(ADA.address, ADA.action, None, [])
    receipt.finished(Outcome(ADA, Result.DONE))
    sizes = [len(line) + 1 for line in receipt.path.read_bytes().splitlines()]
    assert synced == [sum(sizes[:count]) for count in (1, 2, 3)]


def test_the_names_of_a_new_receipt_are_on_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda handle: synced.add(os.fstat(handle).st_ino))
    opened(tmp_path / "plans" / "one")
    assert {(tmp_path / "plans").stat().st_ino, (tmp_path / "plans" / "one").stat().st_ino} <= synced


def test_after_a_disk_failed_no_line_is_believed_to_be_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receipt = opened(tmp_path)

    def fail(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PlanFileError, match=r"receipt\.jsonl: Input/output error") as caught:
        receipt.started(ADA.address, ADA.action, None, [])
    assert "run the same\ncommand again" in caught.value.detail
    monkeypatch.undo()
    with pytest.raises(PlanFileError, match=r"receipt\.jsonl: Input/output error"):
        receipt.started(ADA.address, ADA.action, None, [])


def test_a_line_that_a_full_disk_cut_short_is_followed_by_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt, write, room = opened(tmp_path), os.write, [10]

    def write_while_there_is_room(handle: int, content: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        done = write(handle, content[: room[0]])
        room[0] -= done
        return done

    monkeypatch.setattr(os, "write", write_while_there_is_room)
    with pytest.raises(PlanFileError, match=r"No space left on device \(ENOSPC\)$") as caught:
        receipt.started(ADA.address, ADA.action, None, [])
    assert "Free some space there" in caught.value.detail
    room[0] = 1000
    with pytest.raises(PlanFileError, match="No space left on device"):
        receipt.finished(Outcome(ADA, Result.DONE))
    assert events(receipt.path) == ["apply_started"]


def test_a_second_apply_of_a_plan_is_appended(tmp_path: Path) -> None:
    opened(tmp_path).close({})
    opened(tmp_path).close({})
    assert events(tmp_path / "receipt.jsonl") == ["apply_started", "apply_finished"] * 2


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    receipt = opened(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(200):
            pool.submit(receipt.started, ADA.address, ADA.action, None, ["x" * 500])
    assert events(receipt.path) == ["apply_started", *["started"] * 200]


def test_a_place_that_cannot_be_written_says_that_nothing_was_changed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanFileError) as caught:
        opened(tmp_path / "file")
    assert caught.value.detail == "Nothing was changed."


# --- torn and broken receipts -----------------------------------------------------------------


@pytest.mark.parametrize("torn", [b'{"event": "star', b'{"event": "Zo\xc3', b"{", b'{"event": "started"'])
def test_a_torn_last_line_is_left_out_and_the_next_apply_drops_it(tmp_path: Path, torn: bytes) -> None:
    receipt = opened(tmp_path)
    receipt.started(ADA.address, ADA.action, None, [])
    with receipt.path.open("ab") as file:
        file.write(torn)
    assert events(receipt.path) == ["apply_started", "started"]
    opened(tmp_path)
    assert events(receipt.path) == ["apply_started", "started", "apply_started"]
    assert torn not in receipt.path.read_bytes().splitlines()


@pytest.mark.parametrize("damaged", [bytes(400), b"{}{}", b"{}\r{}\r", b"x"])
def test_what_no_crash_leaves_is_not_dropped(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "receipt.jsonl"
    path.write_bytes(b"{}\n" + damaged)
    with pytest.raises(PlanFileError, match=r"receipt\.jsonl:2: not a receipt line"):
        opened(tmp_path)
    assert path.read_bytes() == b"{}\n" + damaged


def test_a_receipt_of_nothing_but_a_torn_line_starts_again(tmp_path: Path) -> None:
    (tmp_path / "receipt.jsonl").write_bytes(b'{"event": "app')
    opened(tmp_path)
    assert events(tmp_path / "receipt.jsonl") == ["apply_started"]


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_the_name_a_receipt_is_safe_to_print_and_has_a_line_for_each_event(name: str, tmp_path: Path) -> None:
    word = HOSTILE[name]
    whose = change(word, before={"userName": word}, after={"title": word})
    receipt = opened(tmp_path, plan_with(whose))
    receipt.started(whose.address, whose.action, word, [word])
    receipt.finished(Outcome(whose, Result.FAILED, word, word, (word,)))
    receipt.quarantined(Quarantine(word, word))
    receipt.close({})
    text = receipt.path.read_text("utf-8")
    assert_calm(text)
    assert len(text.splitlines()) == 5
    found = list(read_entries(receipt.path))[2]
    # Two halves of a surrogate pair become one character.
    read = json.loads(json.dumps(word))
    assert (found["user_name"], found["message"], found["id"]) == (read, read, read)
