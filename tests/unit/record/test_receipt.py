import json
import os
import stat
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW, TARGET, change, plan_with, values_of
from support.parsers import assert_calm
from support.untrusted_text import HOSTILE

from reconciler.core.model import Deactivation
from reconciler.core.plan import Action, Outcome, Plan, Result
from reconciler.core.plan_id import digest_change
from reconciler.errors import PlanFileError
from reconciler.record.receipt import (
    FORMAT_VERSION,
    AccountHistory,
    Receipt,
    directory_for,
    json_schema,
    read_account_history,
    read_receipt,
    short_id,
    started_addresses,
)
from reconciler.record.runs import Quarantine

ADA = change("ada", after=values_of("ada", family="King"))
PLAN = plan_with(ADA)


def opened(directory: Path, plan: Plan = PLAN, now: datetime = NOW) -> Receipt:
    return Receipt(directory, plan, lambda: now)


def events(path: Path) -> list[str]:
    return [entry["event"] for entry in read_receipt(path)]


def test_a_receipt_lies_beside_its_plan(tmp_path: Path) -> None:
    assert short_id(PLAN.plan_id) == PLAN.plan_id[7:19]
    assert directory_for(tmp_path, PLAN) == tmp_path / f"2026-03-01-{PLAN.plan_id[7:19]}"
    assert opened(directory_for(tmp_path, PLAN)).path == directory_for(tmp_path, PLAN) / "receipt.jsonl"


def test_a_receipt_has_a_line_for_each_event(tmp_path: Path) -> None:
    receipt = opened(tmp_path)
    receipt.started(ADA.address, ADA.action, "live-ada", ["name.familyName"])
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
        },
        {
            **always,
            "event": "started",
            "address": ADA.address,
            "action": "update",
            "id": "live-ada",
            "attributes": ["name.familyName"],
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
        },
        {**always, "event": "quarantined", "reason": "Because", "message": "it failed"},
        {**always, "event": "apply_finished", "how": "complete", "left": 2, "not_in_effect": 1},
    ]
    assert list(read_receipt(receipt.path)) == [json.loads(line) for line in lines]
    assert stat.S_IMODE(receipt.path.stat().st_mode) == 0o600


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
    assert list(read_receipt(receipt.path))[-1]["user_name"] == name


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
    with pytest.raises(PlanFileError, match="No space left on device"):
        receipt.started(ADA.address, ADA.action, None, [])
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


@pytest.mark.parametrize("torn", [b'{"event": "star', b'{"event": "Zo\xc3', b"{", b"\xff", b'{"event": "started"'])
def test_a_torn_last_line_is_left_out_and_the_next_apply_drops_it(tmp_path: Path, torn: bytes) -> None:
    receipt = opened(tmp_path)
    receipt.started(ADA.address, ADA.action, None, [])
    with receipt.path.open("ab") as file:
        file.write(torn)
    assert events(receipt.path) == ["apply_started", "started"]
    opened(tmp_path)
    assert events(receipt.path) == ["apply_started", "started", "apply_started"]
    assert torn not in receipt.path.read_bytes().splitlines()


def test_a_receipt_of_nothing_but_a_torn_line_starts_again(tmp_path: Path) -> None:
    (tmp_path / "receipt.jsonl").write_bytes(b'{"event": "app')
    opened(tmp_path)
    assert events(tmp_path / "receipt.jsonl") == ["apply_started"]


@pytest.mark.parametrize("line", ["nonsense", "[]", "1", '"x"', "[" * 100_000])
def test_a_broken_line_in_the_middle_is_told(tmp_path: Path, line: str) -> None:
    path = tmp_path / "receipt.jsonl"
    path.write_text(f'{{"event": "a"}}\n{line}\n{{"event": "b"}}\n')
    with pytest.raises(PlanFileError) as caught:
        list(read_receipt(path))
    assert (caught.value.summary, caught.value.detail) == (
        f"{path}:2: not a receipt line",
        "Restore the file from git.",
    )


def test_empty_lines_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "receipt.jsonl"
    path.write_text('\n{"event": "a"}\n\n')
    assert events(path) == ["a"]


# --- what receipts tell -------------------------------------------------------------------------


def test_all_addresses_that_were_ever_started_are_found(tmp_path: Path) -> None:
    other = plan_with(change("bob"))
    for plan, day, names in ((PLAN, "2026-03-01", "ad"), (PLAN, "2026-03-02", "e"), (other, "2026-03-01", "z")):
        receipt = opened(tmp_path / f"{day}-{short_id(plan.plan_id)}", plan)
        for name in names:
            receipt.started(name, Action.UPDATE, None, [])
    receipt.finished(Outcome(change("finished-only"), Result.DONE))
    assert started_addresses(tmp_path, PLAN.plan_id) == {"a", "d", "e"}
    assert started_addresses(tmp_path, other.plan_id) == {"z"}
    assert started_addresses(tmp_path / "nowhere", PLAN.plan_id) == frozenset()


def test_plans_that_share_their_first_digits_are_told_apart(tmp_path: Path) -> None:
    twin = PLAN.plan_id[:-1] + ("0" if PLAN.plan_id[-1] != "0" else "1")
    opened(directory_for(tmp_path, PLAN)).started("a", Action.UPDATE, None, [])
    assert started_addresses(tmp_path, twin) == frozenset()


def deletion(name: Any, **fields: Any) -> dict[str, Any]:
    return {
        "time": NOW.isoformat(),
        "event": "finished",
        "action": "delete",
        "result": "done",
        "user_name": name,
        **fields,
    }


def write(plans: Path, entries: Iterable[dict[str, Any]], name: str = "one") -> None:
    (plans / name).mkdir(parents=True)
    text = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    (plans / name / "receipt.jsonl").write_text(text)


def reserved(plans: Path) -> Mapping[str, date]:
    return read_account_history(plans, TARGET.base_url, 30, NOW).reserved


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (deletion("Ada@Example.com"), {"ada@example.com": date(2026, 3, 31)}),
        (deletion("ada", time="2026-01-31T12:00:00+00:00"), {"ada": date(2026, 3, 2)}),
        # 30 days are over on the first of March
        (deletion("ada", time="2026-01-30T12:00:00+00:00"), {}),
        (deletion("ada", result="failed"), {}),
        (deletion("ada", result="unknown"), {}),
        (deletion("ada", action="deactivate"), {}),
        (deletion("ada", event="started", result=None), {}),
        (deletion("ada", time="yesterday"), {}),
        (deletion("ada", time=None), {}),
        (deletion(None), {}),
        (deletion(5), {}),
    ],
)
def test_names_of_deleted_accounts_are_reserved_for_a_while(
    tmp_path: Path, entry: dict[str, Any], found: dict[str, date]
) -> None:
    write(tmp_path, [entry])
    assert reserved(tmp_path) == found


def test_the_latest_deletion_of_a_name_counts(tmp_path: Path) -> None:
    write(tmp_path, [deletion("ada", time=(NOW - timedelta(days=20)).isoformat())], "2026-02-09-a")
    write(tmp_path, [deletion("ada")], "2026-03-01-b")
    assert reserved(tmp_path) == {"ada": date(2026, 3, 31)}


def test_where_the_target_keeps_no_names_none_is_reserved(tmp_path: Path) -> None:
    write(tmp_path, [deletion("ada")])
    assert read_account_history(tmp_path, TARGET.base_url, 0, NOW).reserved == {}
    assert read_account_history(tmp_path / "nowhere", TARGET.base_url, 30, NOW) == AccountHistory()


@pytest.mark.parametrize("days", [30, 120])
def test_a_name_is_free_again_when_its_window_has_passed(tmp_path: Path, days: int) -> None:
    write(tmp_path, [deletion("ada", time="2026-03-01T23:59:59+00:00")])
    free = date(2026, 3, 1) + timedelta(days=days)

    def found(day: date) -> dict[str, date]:
        now = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
        return dict(read_account_history(tmp_path, TARGET.base_url, days, now).reserved)

    assert found(date(2026, 3, 1)) == {"ada": free}
    assert found(free - timedelta(days=1)) == {"ada": free}
    assert found(free) == {}


@pytest.mark.parametrize("folder", ["", "2026/archive/"])
def test_receipts_of_another_target_tell_nothing(tmp_path: Path, folder: str) -> None:
    write(tmp_path, [apply_started("https://elsewhere.example.com"), deletion("ada"), line()], f"{folder}other")
    assert read_account_history(tmp_path, TARGET.base_url, 30, NOW) == AccountHistory()
    write(tmp_path, [apply_started(TARGET.base_url), deletion("bob"), line()], f"{folder}one")
    found = read_account_history(tmp_path, TARGET.base_url, 30, NOW)
    assert (found.reserved, found.deactivated) == ({"bob": date(2026, 3, 31)}, at(0))


# --- since when accounts are deactivated ------------------------------------------------------------


def apply_started(target: str) -> dict[str, Any]:
    return {"time": NOW.isoformat(), "event": "apply_started", "target": target}


def line(hours: float = 0, **fields: Any) -> dict[str, Any]:
    usual = {"event": "finished", "action": "deactivate", "id": "live-ada", "result": "done", "user_name": "ada"}
    return {"time": (NOW + timedelta(hours=hours)).isoformat(), **usual, **fields}


def at(hours: float) -> dict[str, Deactivation]:
    return {"live-ada": Deactivation(NOW + timedelta(hours=hours), "one")}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([line()], at(0)),
        ([line(result="failed")], {}),
        ([line(result="unknown")], {}),
        ([line(result="not_in_effect")], {}),
        ([line(event="started", result=None)], {}),
        ([line(action="update")], {}),
        ([line(time="yesterday")], {}),
        ([line(time="2026-03-01T12:00:00")], {}),
        ([line(time=None)], {}),
        ([line(id=None)], {}),
        ([line(id=["x"])], {}),
        # the last one counts, in whatever order files are read
        ([line(0), line(5)], at(5)),
        ([line(5), line(0)], at(5)),
        # something reactivated it since
        ([line(0), line(1, action="reactivate")], {}),
        ([line(1, action="reactivate"), line(0)], {}),
        ([line(0), line(0, action="reactivate")], {}),
        ([line(0), line(1, action="adopt")], {}),
        ([line(0), line(1, action="reactivate"), line(2)], at(2)),
        ([line(2), line(1, action="reactivate"), line(0)], at(2)),
        # it may have taken effect
        ([line(0), line(1, action="reactivate", result="unknown")], {}),
        ([line(0), line(1, action="reactivate", event="started", result=None)], {}),
        # of another account, or nothing of the kind
        ([line(0), line(1, action="reactivate", id="live-bob")], at(0)),
        ([line(0), line(1, action="update")], at(0)),
    ],
)
def test_the_last_deactivation_counts_unless_something_reactivated_the_account(
    tmp_path: Path, lines: list[dict[str, Any]], found: dict[str, Deactivation]
) -> None:
    write(tmp_path, lines)
    assert read_account_history(tmp_path, TARGET.base_url, 30, NOW).deactivated == found


def test_what_a_receipt_writes_is_what_is_read_back_as_deactivated(tmp_path: Path) -> None:
    receipt = opened(tmp_path / "2026-03-01-x")
    receipt.finished(Outcome(change("ada", Action.DEACTIVATE), Result.DONE))
    found = read_account_history(tmp_path, TARGET.base_url, 30, NOW)
    assert found.deactivated == {"live-ada": Deactivation(NOW, "2026-03-01-x")}


def test_what_a_receipt_writes_is_what_is_read_back_as_deleted(tmp_path: Path) -> None:
    receipt = opened(tmp_path / "x", now=datetime(2026, 2, 28, 23, 59, tzinfo=UTC))
    receipt.finished(Outcome(change("Ada", Action.DELETE), Result.DONE))
    assert reserved(tmp_path) == {"ada@example.com": date(2026, 3, 30)}


def test_the_schema_knows_every_key_that_is_written(tmp_path: Path) -> None:
    receipt = opened(tmp_path)
    receipt.started(ADA.address, ADA.action, None, [])
    receipt.finished(Outcome(ADA, Result.DONE))
    receipt.quarantined(Quarantine("Because", "it failed"))
    receipt.close({Result.DONE: 1})
    schema = json_schema()
    assert schema["properties"]["event"]["enum"] == [
        "apply_started",
        "started",
        "finished",
        "quarantined",
        "apply_finished",
    ]
    counted = {"target", "profile", "changes", "done"}
    for entry in read_receipt(receipt.path):
        assert set(schema["required"]) <= entry.keys() <= set(schema["properties"]) | counted
    assert schema["properties"]["format_version"]["const"] == FORMAT_VERSION


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_somebody_is_called_a_receipt_is_calm_and_has_a_line_for_each_event(name: str, tmp_path: Path) -> None:
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
    found = list(read_receipt(receipt.path))[2]
    # Two halves of a surrogate pair become one character.
    read = json.loads(json.dumps(word))
    assert (found["user_name"], found["message"], found["id"]) == (read, read, read)
