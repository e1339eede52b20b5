from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from support.builders import NOW

from reconciler.core.planning.seen_accounts import MOST_SEEN
from reconciler.record.receipt_line import ApplyFinished, ApplyStarted, ReceiptLine, parse_line
from reconciler.record.recorded_accounts import RecordedAccount
from reconciler.record.seen_accounts import SeenAccountReader
from reconciler.record.timestamps import LONG_AGO

HOUR = timedelta(hours=1)
LIFTED = {"disconnect": "settings.yaml:7:5"}


def began(when: datetime | None = NOW, **fields: Any) -> ApplyStarted:
    return ApplyStarted(time=when.isoformat() if when is not None else "", **fields)


def noted(*ids: str, when: datetime | None = NOW, **fields: Any) -> ApplyStarted:
    return began(when, accounts=ids, **fields)


def read(*receipts: list[ReceiptLine]) -> frozenset[str]:
    reader = SeenAccountReader(NOW)
    for lines in receipts:
        for line in lines:
            reader.add(line)
        reader.end()
    return reader.build({}, ())


@pytest.mark.parametrize(
    ("receipts", "seen"),
    [
        ([], set()),
        # As of version 0.1, and of an apply that had nothing new to note.
        ([[began()]], set()),
        ([[noted("a", when=NOW - HOUR)], [began()]], {"a"}),
        ([[noted("a", when=NOW - HOUR)], [noted("b")]], {"b"}),
        ([[noted("a", when=NOW - HOUR)], [noted()]], set()),
        ([[noted("a", when=NOW - HOUR)], [noted(whole=False)]], {"a"}),
        ([[noted("a"), ApplyFinished(how="quarantined", failed=3)]], {"a"}),
        # From the future, or undated: it counts until there is a dated one.
        ([[noted("a", when=NOW + HOUR)]], {"a"}),
        ([[noted("a", when=NOW + HOUR)], [noted("b", when=NOW - HOUR)]], {"b"}),
        ([[noted("a", when=None)], [noted("b", when=NOW - HOUR)]], {"b"}),
        ([[noted("../a", "", "b" * 501, "ok")]], {"ok"}),
        ([[noted(*(f"id{number:04}" for number in range(MOST_SEEN + 1)))]], {f"id{n:04}" for n in range(MOST_SEEN)}),
    ],
)
def test_the_last_apply_that_noted_it_says_which_accounts_users_had(
    receipts: list[list[ReceiptLine]], seen: set[str]
) -> None:
    assert read(*receipts) == seen
    assert read(*reversed(receipts)) == seen


@pytest.mark.parametrize("guard", ["disconnect", "tenant"])
@pytest.mark.parametrize(
    ("end", "seen"),
    [
        ([], {"a"}),
        ([ApplyFinished(done=2)], set()),
        ([ApplyFinished(done=2, failed=0)], set()),
        ([ApplyFinished(done=2, failed=1)], {"a"}),
        ([ApplyFinished(done=2, skipped=1)], {"a"}),
        ([ApplyFinished(done=2, unknown=1)], {"a"}),
        ([ApplyFinished(done=2, not_in_effect=1)], {"a"}),
        ([ApplyFinished(done=2, left=1)], {"a"}),
        ([ApplyFinished(how="interrupted")], {"a"}),
        ([ApplyFinished(how="quarantined")], {"a"}),
        ([ApplyFinished(how="quarantined"), noted(approved=LIFTED), ApplyFinished(done=3)], set()),
    ],
)
def test_an_approved_apply_forgets_lost_accounts_only_if_all_its_changes_were_made(
    guard: str, end: list[ReceiptLine], seen: set[str]
) -> None:
    approved = [noted(approved={guard: "settings.yaml:7:5"}), *end]
    assert read([noted("a", when=NOW - HOUR)], approved) == seen
    assert read(approved, [noted("a", when=NOW - HOUR)]) == seen
    other = [noted("b", approved={"removals": "settings.yaml:7:5"})]
    assert read([noted("a", when=NOW - HOUR)], other) == {"b"}


def test_the_end_of_another_receipt_ends_no_apply() -> None:
    assert read([noted("a", when=NOW - HOUR)], [noted(approved=LIFTED)], [ApplyFinished(done=3)]) == {"a"}


@pytest.mark.parametrize(
    ("removal", "seen"),
    [(NOW, set()), (NOW + HOUR, set()), (LONG_AGO, set()), (NOW - HOUR, {"a"}), (None, set())],
)
def test_what_an_apply_removed_since_is_not_missed(removal: datetime | None, seen: set[str]) -> None:
    reader = SeenAccountReader(NOW)
    reader.add(noted("a"))
    accounts = {"a": RecordedAccount("a", removal=removal)} if removal is not None else {}
    assert reader.build(accounts, {"a"}) == seen
    assert reader.build(accounts, {"b"}) == {"a"}


@pytest.mark.parametrize("value", ['"a"', "{}", "[1]", "null", "7", "[null]"])
def test_an_edited_receipt_notes_nothing(value: str) -> None:
    line = parse_line(f'{{"event": "apply_started", "time": "{NOW.isoformat()}", "accounts": {value}}}'.encode())
    assert read([line]) == frozenset()
