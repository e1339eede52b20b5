import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW, TARGET, change, plan_with

from reconciler.core.model import Deactivation
from reconciler.core.plan import Action, FormDifference, Outcome, Result
from reconciler.record.account_history import AccountHistory
from reconciler.record.reader import read_account_history
from reconciler.record.receipt import Receipt
from reconciler.record.redaction import Redactor

PLAN = plan_with(change("ada"))


def opened(directory: Path, now: datetime = NOW) -> Receipt:
    return Receipt(directory, PLAN, lambda: now)


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
    return read_account_history(plans, TARGET, 30, NOW).reserved


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (deletion("Ada@Example.com"), {"ada@example.com": date(2026, 3, 31)}),
        (deletion("ada", time="2026-01-31T12:00:00+00:00"), {"ada": date(2026, 3, 2)}),
        # 30 days are over on the first of March
        (deletion("ada", time="2026-01-30T12:00:00+00:00"), {}),
        # an event of a later version
        (deletion("ada", event="retried"), {"ada": date(2026, 3, 31)}),
        (deletion("ada", result="failed"), {}),
        (deletion("ada", result="unknown"), {}),
        (deletion("ada", action="deactivate"), {}),
        (deletion("ada", event="started", result=None), {}),
        (deletion("ada", time="yesterday"), {}),
        (deletion("ada", time=None), {}),
        (deletion("ada", time="2026-03-01T12:00:00"), {}),
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
    assert read_account_history(tmp_path, TARGET, 0, NOW).reserved == {}
    assert read_account_history(tmp_path / "nowhere", TARGET, 30, NOW) == AccountHistory()


@pytest.mark.parametrize("days", [30, 120])
def test_a_name_is_free_again_when_its_window_has_passed(tmp_path: Path, days: int) -> None:
    write(tmp_path, [deletion("ada", time="2026-03-01T23:59:59+00:00")])
    free = date(2026, 3, 1) + timedelta(days=days)

    def found(day: date) -> dict[str, date]:
        now = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
        return dict(read_account_history(tmp_path, TARGET, days, now).reserved)

    assert found(date(2026, 3, 1)) == {"ada": free}
    assert found(free - timedelta(days=1)) == {"ada": free}
    assert found(free) == {}


@pytest.mark.parametrize("folder", ["", "2026/archive/"])
def test_receipts_of_another_target_are_ignored(tmp_path: Path, folder: str) -> None:
    write(tmp_path, [apply_started("https://elsewhere.example.com"), deletion("ada"), line()], f"{folder}other")
    assert read_account_history(tmp_path, TARGET, 30, NOW) == AccountHistory()
    write(tmp_path, [apply_started(TARGET.base_url), deletion("bob"), line()], f"{folder}one")
    found = read_account_history(tmp_path, TARGET, 30, NOW)
    assert (found.reserved, found.deactivated) == ({"bob": date(2026, 3, 31)}, at(0))


# --- since when accounts are deactivated ------------------------------------------------------------


def apply_started(target: str) -> dict[str, Any]:
    return {"time": NOW.isoformat(), "event": "apply_started", "target": target}


@pytest.mark.parametrize(
    ("noted", "protected"),
    [
        ([("here", "protected", 0)], True),
        ([("elsewhere", "protected", 0)], True),
        ([("elsewhere", "protected", -2), ("here", "unprotected", -1)], False),
        ([("elsewhere", "protected", -2), ("elsewhere", "unprotected", -1)], False),
        # Ids may be of other accounts there.
        ([("here", "protected", -2), ("elsewhere", "unprotected", -1)], True),
    ],
)
def test_entries_protect_an_account_until_an_apply_to_the_same_target_or_to_this_one_ends_it(
    noted: list[tuple[str, str, float]], protected: bool, tmp_path: Path
) -> None:
    for number, (where, key, hours) in enumerate(noted):
        address = TARGET.base_url if where == "here" else "https://old.example.com"
        when = (NOW + timedelta(hours=hours)).isoformat()
        write(tmp_path, [{**apply_started(address), "time": when, key: ["7"]}], str(number))
    assert read_account_history(tmp_path, TARGET, 30, NOW).protected == ({"7"} if protected else set())


def test_of_another_target_only_what_protects_accounts_counts(tmp_path: Path) -> None:
    lines = [
        {**line(), "event": "started", "id": "7", "action": "update", "user_name": "Old", "external_id": "x"},
        line(id="7", action="update"),
        line(id="8", action="delete"),
    ]
    write(tmp_path, [apply_started("https://old.example.com"), *lines])
    found = read_account_history(tmp_path, TARGET, 30, NOW, names=True)
    assert found.names_elsewhere["7"].user_names == {"old", "ada"}
    assert replace(found, names_elsewhere={}) == AccountHistory()


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
        # an undated reactivation may have been at any time
        ([line(0), line(1, action="reactivate", time="yesterday")], {}),
        ([line(0), line(-1, action="adopt", time="2026-02-01T12:00:00")], {}),
        ([line(0, action="reactivate", time=None), line(5), line(9)], {}),
        # an event of a later version may have reactivated it, and never starts a period
        ([line(0), line(1, action="reactivate", event="retried", result=None)], {}),
        ([line(0), line(1, action="adopt", event=None)], {}),
        ([line(0, event="retried")], {}),
        # of another account, or nothing of the kind
        ([line(0), line(1, action="reactivate", id="live-bob")], at(0)),
        ([line(0), line(1, action="update")], at(0)),
    ],
)
def test_the_last_deactivation_counts_unless_something_reactivated_the_account(
    tmp_path: Path, lines: list[dict[str, Any]], found: dict[str, Deactivation]
) -> None:
    write(tmp_path, lines)
    assert read_account_history(tmp_path, TARGET, 30, NOW).deactivated == found


@pytest.mark.parametrize("time", ["yesterday", 5, None, "2026-02-01T12:00:00"])
def test_an_undated_deactivation_counts_from_the_end_of_the_day_of_its_record(tmp_path: Path, time: object) -> None:
    receipt = tmp_path / "2026-02-28-0123456789ab/receipt.jsonl"
    write(tmp_path, [line(0, time=time)])
    receipt.parent.mkdir()
    next(tmp_path.glob("*/receipt.jsonl")).rename(receipt)
    (found,) = read_account_history(tmp_path, TARGET, 30, NOW).deactivated.values()
    assert f"{found.at:%Y-%m-%d %H:%M}" == "2026-02-28 23:59"


def test_what_a_receipt_writes_is_what_is_read_back_as_deactivated(tmp_path: Path) -> None:
    receipt = opened(tmp_path / "2026-03-01-x")
    receipt.finished(Outcome(change("ada", Action.DEACTIVATE), Result.DONE))
    found = read_account_history(tmp_path, TARGET, 30, NOW)
    assert found.deactivated == {"live-ada": Deactivation(NOW, "2026-03-01-x")}


def test_what_a_receipt_writes_is_what_is_read_back_as_deleted(tmp_path: Path) -> None:
    receipt = opened(tmp_path / "x", now=datetime(2026, 2, 28, 23, 59, tzinfo=UTC))
    receipt.finished(Outcome(change("Ada", Action.DELETE), Result.DONE))
    assert reserved(tmp_path) == {"ada@example.com": date(2026, 3, 30)}


@pytest.mark.parametrize(("recorded", "known"), [(None, True), ("acme", True), ("globex", False)])
def test_what_happened_to_accounts_before_the_tenant_was_named_counts_for_it(
    recorded: str | None, known: bool, tmp_path: Path
) -> None:
    started = {"event": "apply_started", "target": TARGET.base_url, "profile": TARGET.profile}
    named = {**started, "tenant": recorded} if recorded else started
    write(tmp_path, [named, deletion("ada"), {**deletion("bob"), "action": "deactivate", "id": "7"}])
    history = read_account_history(tmp_path, replace(TARGET, tenant="acme"), 30, NOW)
    assert (set(history.reserved), set(history.deactivated)) == (({"ada"}, {"7"}) if known else (set(), set()))


@pytest.mark.parametrize(
    ("entries", "known"),
    [
        ([{"action": "create"}], True),
        ([{"action": "update"}], True),
        ([{"action": "adopt"}], True),
        ([{"action": "reactivate"}], True),
        ([{"action": "update", "result": "failed"}], False),
        ([{"action": "create", "event": "started", "result": None}], False),
        ([{"action": "create", "event": "retried"}], False),
        ([{"action": "create"}, {"action": "deactivate"}], False),
        ([{"action": "create"}, {"action": "delete", "result": "unknown"}], False),
        ([{"action": "delete", "event": "started"}, {"action": "update"}], False),
        ([{"action": "create"}, {"action": "delete", "event": "retried"}], False),
    ],
)
def test_an_account_exists_by_the_record_if_an_apply_left_it_active_and_none_began_to_remove_it(
    entries: list[dict[str, Any]], known: bool, tmp_path: Path
) -> None:
    write(tmp_path, [deletion("ada", id="7", **entry) for entry in entries])
    assert read_account_history(tmp_path, TARGET, 30, NOW).accounts == ({"7"} if known else set())


@pytest.mark.parametrize(
    ("target", "entries", "accounts", "seen"),
    [
        (TARGET.base_url, [], {"7", "8"}, {"7", "8"}),
        (TARGET.base_url, [{"action": "update", "id": "9"}], {"7", "8", "9"}, {"7", "8"}),
        (TARGET.base_url, [{"action": "deactivate", "id": "8"}], {"7"}, {"7"}),
        (TARGET.base_url, [{"action": "delete", "id": "8", "event": "started"}], {"7"}, {"7"}),
        ("https://other.test", [], set(), set()),
    ],
)
def test_accounts_that_users_had_are_missed_unless_an_apply_removed_them(
    target: str, entries: list[dict[str, Any]], accounts: set[str], seen: set[str], tmp_path: Path
) -> None:
    start = {**apply_started(target), "accounts": ["7", "8"]}
    write(tmp_path, [start, *(deletion("ada", **entry) for entry in entries)])
    history = read_account_history(tmp_path, TARGET, 30, NOW)
    assert (history.accounts, history.seen) == (accounts, seen)


def test_an_account_that_was_made_again_after_a_disconnect_is_missed_no_more(tmp_path: Path) -> None:
    made = {"action": "create", "external_id": "id-ada"}
    later = (NOW + timedelta(seconds=5)).isoformat()
    write(tmp_path, [deletion("ada", id="7", **made), deletion("ada", id="8", **{**made, "time": later})])
    history = read_account_history(tmp_path, TARGET, 30, NOW)
    assert (history.accounts, history.replaced) == ({"8"}, {"7"})
    write(tmp_path, [deletion("ada", id="7")], "two")
    assert read_account_history(tmp_path, TARGET, 30, NOW).replaced == frozenset()


@pytest.mark.parametrize(
    ("event", "action", "result", "known"),
    [
        ("finished", "create", "done", True),
        ("finished", "create", "not_in_effect", True),
        ("finished", "create", "failed", False),
        ("started", "create", None, False),
        ("started", "update", None, True),
        ("finished", "update", "failed", True),
        ("finished", "adopt", "skipped", True),
        ("finished", "reactivate", "unknown", True),
        ("of a later version", "adopt", "done", True),
        ("finished", "deactivate", "done", False),
        ("finished", "delete", "done", False),
    ],
)
def test_accounts_of_desired_users_are_known(
    tmp_path: Path, event: str, action: str, result: str | None, known: bool
) -> None:
    line = {"time": NOW.isoformat(), "event": event, "action": action, "id": "live-ada", "result": result}
    write(tmp_path, [line])
    found = read_account_history(tmp_path, TARGET, 0, NOW).known
    assert found == (frozenset({"live-ada"}) if known else frozenset())


@pytest.mark.parametrize("identity", [None, 7, "", ["x"]])
def test_a_line_without_an_id_makes_no_account_known(tmp_path: Path, identity: Any) -> None:
    write(tmp_path, [{"time": NOW.isoformat(), "event": "finished", "action": "update", "id": identity}])
    assert read_account_history(tmp_path, TARGET, 0, NOW).known <= {""}


@pytest.mark.parametrize(
    ("top_files", "found"),
    [(["scope.yaml"], {"scope.yaml"}), ([], set()), (None, set()), ("scope.yaml", set()), ([1], set()), ({}, set())],
)
def test_the_files_of_the_last_apply(tmp_path: Path, top_files: object, found: set[str]) -> None:
    earlier = {**apply_started(TARGET.base_url), "time": "2026-01-01T00:00:00+00:00", "top_files": ["mappings.yaml"]}
    write(tmp_path, [{**apply_started(TARGET.base_url), "top_files": top_files}, earlier])
    assert read_account_history(tmp_path, TARGET, 30, NOW).last_files == found


def test_the_forms_in_which_values_were_stored_are_known(tmp_path: Path) -> None:
    receipt = opened(tmp_path / "one")
    form = FormDifference("title", "Engineer", "engineer")
    receipt.finished(Outcome(change("ada"), Result.DONE, live_id="7", forms=(form,)))
    receipt.finished(Outcome(change("bob"), Result.DONE, live_id="8"))
    deactivation = change("cyd", Action.DEACTIVATE)
    receipt.finished(Outcome(deactivation, Result.DONE, live_id="9", without_active="2026-03-01T10:00:00Z"))
    receipt.close({})
    found = read_account_history(tmp_path, TARGET, 30, NOW).forms
    left_out = Redactor().form("9", "active", False, "2026-03-01T10:00:00Z")
    assert found == {Redactor().form("7", "title", "Engineer", "engineer"), left_out}
    write(tmp_path, [deletion("x", forms=5), deletion("x", forms=["a"])], "two")
    assert read_account_history(tmp_path, TARGET, 30, NOW).forms == {*found, "a"}
