from datetime import datetime, timedelta
from typing import Any

import pytest
from support.builders import NOW

from reconciler.record.protected_accounts import ProtectionReader
from reconciler.record.receipt_line import ApplyStarted, Finished, ReceiptLine, parse_line

HOUR = timedelta(hours=1)


def began(when: datetime | None = NOW, **ids: tuple[str, ...]) -> ApplyStarted:
    return ApplyStarted(time=when.isoformat() if when is not None else "", **ids)


def read(*lines: ReceiptLine) -> frozenset[str]:
    reader = ProtectionReader(NOW)
    for line in lines:
        reader.add(line)
    return reader.build()


@pytest.mark.parametrize(
    ("lines", "protected"),
    [
        ([], set()),
        ([began()], set()),
        ([began(protected=("a", "b"))], {"a", "b"}),
        # A receipt that says nothing, as of version 0.1, ends nothing.
        ([began(NOW - HOUR, protected=("a",)), began()], {"a"}),
        ([began(NOW - HOUR, protected=("a",)), began(protected=("b",))], {"a", "b"}),
        ([began(NOW - HOUR, protected=("a", "b")), began(unprotected=("a",))], {"b"}),
        ([began(unprotected=("a",)), began(NOW - HOUR, protected=("a",))], set()),
        ([began(NOW - HOUR, unprotected=("a",)), began(protected=("a",))], {"a"}),
        # What is undated, or from the future, ends nothing; what it protects can be ended.
        ([began(NOW - HOUR, protected=("a",)), began(None, unprotected=("a",))], {"a"}),
        ([began(NOW - HOUR, protected=("a",)), began(NOW + HOUR, unprotected=("a",))], {"a"}),
        ([began(None, protected=("a",))], {"a"}),
        ([began(NOW + HOUR, protected=("a",)), began(unprotected=("a",))], set()),
        ([began(protected=("a",), unprotected=("a",))], {"a"}),
        ([began(protected=("../a", "", "b" * 501, "ok"))], {"ok"}),
    ],
)
def test_only_a_later_line_that_says_so_ends_the_protection_of_an_account(
    lines: list[ReceiptLine], protected: set[str]
) -> None:
    assert read(*lines) == protected
    assert read(*reversed(lines)) == protected


@pytest.mark.parametrize(
    ("fields", "protected"),
    [
        ({}, {"a"}),
        ({"result": "unknown"}, {"a"}),
        ({"result": "failed"}, set()),
        ({"action": "update"}, set()),
        ({"protected": False}, set()),
        ({"id": None}, set()),
    ],
)
def test_a_created_account_is_protected_if_its_entry_was(fields: dict[str, Any], protected: set[str]) -> None:
    line = {"time": NOW.isoformat(), "action": "create", "id": "a", "result": "done", "protected": True, **fields}
    assert read(Finished(**line)) == protected


@pytest.mark.parametrize("ids", ['"a"', "{}", "7", "[[1]]", "null", '["a", 1]'])
def test_a_value_of_another_type_notes_nothing(ids: str) -> None:
    line = f'{{"event": "apply_started", "time": "{NOW.isoformat()}", "protected": {ids}, "unprotected": {ids}}}'
    assert read(parse_line(line.encode())) == set()
