from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support.builders import MAPPINGS, change

from reconciler.apply.name_conflicts import describe_recorded_holder, find_recorded_holder, is_own
from reconciler.core.plan import Action
from reconciler.record.recorded_accounts import RecordedAccount, RecordedAccounts

DAY = datetime(2026, 2, 3, 10, 0, tzinfo=UTC)
NEW = change("ada", Action.CREATE)


def known(**fields: Any) -> RecordedAccounts:
    usual = {"user_name": "ADA@example.com", "external_id": "id-ada", "created": DAY}
    return RecordedAccounts({"7": RecordedAccount("7", **{**usual, **fields})})


OURS = 'belongs to this user\'s account "7",'
WAY_OUT = (
    "If it is the same person, give this user the `objectId` that the account has; otherwise choose another user name."
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, f"{OURS} which an apply created on 2026-02-03 and the service does not show yet. Plan again later."),
        (
            {"shown": DAY, "removal": DAY},
            f"{OURS} which an apply deactivated on 2026-02-03. Plan again: it is reactivated by its id.",
        ),
        (
            {"shown": DAY, "removal": DAY, "external_id": "OLD"},
            f'belongs to account "7" (externalId "OLD"), which an apply deactivated on 2026-02-03. {WAY_OUT}',
        ),
        ({"shown": DAY, "external_id": "hmac:0123"}, f'belongs to account "7", by the record. {WAY_OUT}'),
    ],
)
def test_the_holder_is_named_with_a_way_out(fields: dict[str, Any], expected: str) -> None:
    recorded = known(**fields)
    account = find_recorded_holder(NEW, recorded)
    assert account is not None
    assert describe_recorded_holder(NEW, account, recorded, MAPPINGS) == f'User name "ada@example.com" {expected}'
    assert is_own(NEW, account, recorded) is ("this user's" in expected)


def test_without_a_record_nobody_holds_a_name() -> None:
    assert find_recorded_holder(NEW, RecordedAccounts()) is None
    assert find_recorded_holder(NEW, known(user_name="bob@example.com")) is None


def test_an_account_does_not_hold_its_own_name() -> None:
    recorded = known()
    recorded.accounts["7"].live_id = "live-ada"
    assert find_recorded_holder(change("ada"), recorded) is None
