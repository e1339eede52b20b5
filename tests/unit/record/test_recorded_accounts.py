from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.record.receipt_line import Finished, Started
from reconciler.record.recorded_accounts import RecordedAccount, RecordedAccountReader, RecordedAccounts
from reconciler.record.redaction import Redactor
from reconciler.record.timestamps import LONG_AGO

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CREATED = {"action": "create", "id": "1", "user_name": "Ada@example.com", "external_id": "A-1"}
LEFT = {"action": "deactivate", "id": "1"}
BACK = {"action": "reactivate", "id": "1"}


def at(minutes: float) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat()


def started(minutes: float, **fields: Any) -> Started:
    return Started(time=at(minutes), address='user["ada@example.com"]', **fields)


def finished(minutes: float, result: str = "done", **fields: Any) -> Finished:
    return Finished(time=at(minutes), address='user["ada@example.com"]', result=result, **fields)


def read(*lines: Started | Finished) -> RecordedAccounts:
    reader = RecordedAccountReader(NOW)
    for line in lines:
        reader.add(line)
    return reader.build()


def only(*lines: Started | Finished) -> RecordedAccount:
    (account,) = read(*lines).accounts.values()
    return account


def test_an_account_is_found_by_its_names_whatever_their_case() -> None:
    recorded = read(finished(-5, **CREATED))
    assert [each.live_id for each in recorded.find_by_external_id("a-1")] == ["1"]
    assert [each.live_id for each in recorded.find_by_user_name("ADA@example.com")] == ["1"]
    assert recorded.find_by_user_name("bob@example.com") == recorded.find_by_external_id(None) == []


def test_an_account_is_found_by_digests_of_its_names() -> None:
    redactor = Redactor(b"k" * 40)
    hidden = {"user_name": redactor.name("Ada@example.com"), "external_id": redactor.name("A-1")}
    recorded = read(finished(-5, **{**CREATED, **hidden}))
    recorded.redactor = redactor
    assert [each.live_id for each in recorded.find_by_external_id("A-1")] == ["1"]
    assert [each.live_id for each in recorded.find_by_user_name("ada@example.com")] == ["1"]


def test_the_last_names_count() -> None:
    renamed = finished(-3, action="update", id="1", user_name="king@example.com", external_id="A-1")
    for lines in ([finished(-5, **CREATED), renamed], [renamed, finished(-5, **CREATED)]):
        recorded = read(*lines)
        assert recorded.find_by_user_name("ada@example.com") == []
        assert len(recorded.find_by_user_name("king@example.com")) == 1


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([finished(-5, "not_in_effect", **CREATED)], True),
        ([finished(-61, "not_in_effect", **CREATED)], False),
        ([finished(-5, "done", **CREATED)], False),
        ([finished(-5, "not_in_effect", **CREATED), finished(-4, "done", **CREATED)], False),
        ([finished(-5, "not_in_effect", **CREATED), finished(-4, action="update", id="1")], False),
        ([finished(-5, "not_in_effect", **CREATED), started(-4, action="delete", id="1")], False),
        # A clock that was wrong must not hold a user back for ever.
        ([finished(60 * 24, "not_in_effect", **CREATED)], False),
    ],
)
def test_an_account_is_unconfirmed_for_an_hour_unless_it_was_shown(
    lines: list[Started | Finished], *, expected: bool
) -> None:
    assert only(*lines).is_unconfirmed(NOW) is expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([finished(-5, **LEFT, unseen="1")], True),
        ([finished(-5, **LEFT)], False),
        # It was sent, and the run was killed.
        ([started(-5, **LEFT)], True),
        ([started(-5, **LEFT), finished(-4, **LEFT)], False),
        ([started(-5, **LEFT), finished(-4, "failed", **LEFT)], False),
        # So wrote version 0.1.
        ([finished(-5, "not_in_effect", **LEFT, attributes=("id",))], True),
        ([finished(-5, "not_in_effect", **LEFT, attributes=("active",))], False),
        ([finished(-5, **LEFT, unseen="1"), finished(-4, **BACK)], False),
        ([finished(-5, **LEFT, unseen="1"), finished(-4, "not_in_effect", **BACK, attributes=("id",))], True),
        ([finished(-5, **LEFT, unseen="1"), finished(-4, "failed", **BACK)], True),
        ([finished(-5, **LEFT, unseen="1"), finished(-4, "skipped", **BACK, attributes=("id",))], False),
        ([finished(-5, **LEFT, unseen="1"), started(-4, action="delete", id="1")], False),
        # The name was refused.
        ([finished(-5, **LEFT), finished(-4, "failed", action="create", unseen="1")], True),
    ],
)
def test_an_account_is_hidden_until_it_is_shown_or_gone(lines: list[Started | Finished], *, expected: bool) -> None:
    assert only(*lines).hidden is expected
    assert only(*reversed(lines)).hidden is expected, "receipts are read in any order"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (finished(-4, "skipped", **BACK, attributes=("id",)), []),
        (started(-4, action="delete", id="1"), []),
        # A read may lag behind the creation.
        (finished(-4, "skipped", action="update", id="1", attributes=("id",)), ["1"]),
        (finished(-4, "skipped", **BACK, attributes=("userName",)), ["1"]),
    ],
)
def test_an_account_that_is_gone_is_not_found(line: Started | Finished, expected: list[str]) -> None:
    recorded = read(finished(-5, **CREATED), line)
    assert [account.live_id for account in recorded.find_by_external_id("A-1")] == expected


@pytest.mark.parametrize("order", [1, -1])
def test_what_the_service_said_before_the_last_removal_is_known(order: int) -> None:
    lines = [
        started(-9, id="1", action="deactivate", last_modified="2026-01-01T00:00:01Z"),
        started(-8, id="1", action="reactivate", last_modified="2026-01-01T00:00:02Z"),
        started(-7, id="1", action="deactivate", last_modified="2026-01-01T01:00:03+01:00"),
    ]
    assert only(*lines[::order]).modified == datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "yesterday", "x" * 9999, "2026-01-01T00:00:02", "0001-01-01T00:00:00+14:00"])
def test_a_removal_without_a_usable_date_hides_that_of_an_earlier_one(value: str) -> None:
    lines = [
        started(-9, id="1", action="deactivate", last_modified="2026-01-01T00:00:01Z"),
        started(-7, id="1", action="deactivate", last_modified=value),
    ]
    assert only(*lines).modified == LONG_AGO


def test_what_was_removed_last() -> None:
    assert only(started(-5, **LEFT), finished(-4, **LEFT)).removed_last
    assert not only(started(-5, **LEFT), started(-3, **BACK)).removed_last
    assert not only(finished(-5, **CREATED)).removed_last


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([started(-5, action="create")], NOW - timedelta(minutes=5)),
        ([started(-5, action="create"), finished(-4, "done", **CREATED)], None),
        ([started(-5, action="create"), finished(-4, "failed", action="create")], None),
        ([started(-5, action="create"), finished(-4, "unknown", action="create")], NOW - timedelta(minutes=5)),
        (
            [started(-5, action="create"), finished(-4, "failed", action="create", attributes=("id",))],
            NOW - timedelta(minutes=5),
        ),
        ([finished(-6, "failed", action="create"), started(-5, action="create")], NOW - timedelta(minutes=5)),
        ([started(-5, action="update", id="1")], None),
    ],
)
def test_a_creation_is_unanswered_until_its_outcome_is_known(
    lines: list[Started | Finished], expected: datetime | None
) -> None:
    assert read(*lines).find_unanswered('user["ADA@example.com"]') == expected


def test_accounts_are_listed_by_their_last_request() -> None:
    lines = [started(-minutes, action="update", id=str(minutes)) for minutes in (3, 1, 20, 2)]
    found = read(*lines).list_written_since(NOW - timedelta(minutes=15))
    assert [account.live_id for account in found] == ["1", "2", "3"]


def test_values_of_any_type_are_no_names() -> None:
    recorded = read(Finished(time=at(-1), action="create", id="1", result="done", external_id=None))
    assert recorded.find_by_external_id("") == []


def test_the_last_unconfirmed_request_about_an_attribute_counts() -> None:
    first = finished(-9, "not_in_effect", **LEFT, unconfirmed={"active": "a", "title": "t"})
    last = finished(-5, "not_in_effect", **BACK, unconfirmed={"active": "b"})
    for lines in ((first, last), (last, first)):
        found = only(*lines).find_unconfirmed(NOW)
        assert {path: digest for path, (_, digest) in found.items()} == {"active": "b", "title": "t"}


def test_only_a_later_change_in_effect_confirms_the_state() -> None:
    unknown = finished(-5, "unknown", **LEFT, unconfirmed={"active": "a"})
    assert only(unknown, finished(-4, **BACK)).find_unconfirmed(NOW) == {}
    for line in (finished(-6, **BACK), finished(-4, "failed", **BACK), finished(-4, "skipped", **BACK)):
        assert only(unknown, line).find_unconfirmed(NOW).keys() == {"active"}


def test_an_account_whose_reactivation_nothing_showed_may_return() -> None:
    hidden = [finished(-9, **LEFT, unseen="1")]
    back = finished(-5, "not_in_effect", **BACK, attributes=("id",), unconfirmed={"active": "a"})
    assert not only(*hidden).may_return(NOW)
    assert only(*hidden, back).may_return(NOW)
    assert not only(*hidden, back, finished(-4, **BACK)).may_return(NOW)
    assert not only(*hidden, back, started(-4, **LEFT)).may_return(NOW)


@pytest.mark.parametrize("result", ["not_in_effect", "unknown"])
def test_an_account_may_be_inactive_until_its_activity_is_shown(result: str) -> None:
    doubt = finished(-5, result, **LEFT, attributes=("active",))
    update = {"action": "update", "id": "1"}
    assert read(doubt, finished(-4, **update), finished(-3, "failed", **BACK)).list_doubtful() == {"1"}
    for line in (finished(-4, **BACK), finished(-4, **LEFT)):
        assert read(doubt, line).list_doubtful() == read(line, doubt).list_doubtful() == frozenset()
    assert read(finished(-6, **BACK), doubt).list_doubtful() == {"1"}


def test_an_account_is_replaced_by_a_later_one_of_the_same_user() -> None:
    first, other = finished(-9, **CREATED), finished(-8, **{**CREATED, "id": "2", "external_id": "B-1"})
    again = finished(-5, **{**CREATED, "id": "3", "external_id": "a-1"})
    for lines in ((first, other, again), (again, other, first)):
        assert read(*lines).list_replaced() == {"1"}
    assert read(first, other).list_replaced() == frozenset()
    nameless = [finished(-9, action="update", id=each) for each in "45"]
    assert read(first, *nameless).list_replaced() == frozenset(), "nothing shows whose accounts these are"
    refused = finished(-5, "failed", **{**CREATED, "id": "3"})
    assert read(first, refused).list_replaced() == frozenset()
