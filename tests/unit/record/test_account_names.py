from typing import Any

import pytest

from reconciler.core.planning.protection import AccountNames
from reconciler.record.account_names import AccountNameReader, merge_names, translate_names
from reconciler.record.receipt_line import Finished, Quarantined, ReceiptLine, Started, UnknownLine
from reconciler.record.runs import AppliedChange, PlanSummary


def read(*lines: ReceiptLine) -> dict[str, AccountNames]:
    reader = AccountNameReader()
    for line in lines:
        reader.add(line)
    return dict(reader.build())


def names(*user_names: str, external_ids: tuple[str, ...] = ()) -> AccountNames:
    return AccountNames(frozenset(user_names), frozenset(external_ids))


def started(**fields: Any) -> Started:
    return Started(**{"id": "1", "action": "update", "user_name": "Old", "external_id": "X", **fields})


def finished(**fields: Any) -> Finished:
    settled = {"id": "1", "action": "update", "user_name": "New", "external_id": "x", "result": "done"}
    return Finished(**{**settled, **fields})


def test_an_account_has_every_name_it_had() -> None:
    again = finished(user_name="Newest", external_id="Y")
    assert read(started(), finished(), again, finished(id="2", user_name="other", external_id=None)) == {
        "1": names("old", "new", "newest", external_ids=("x", "y")),
        "2": names("other"),
    }


@pytest.mark.parametrize("result", ["failed", "skipped"])
def test_a_name_that_was_not_given_is_none(result: str) -> None:
    assert read(finished(result=result)) == {}
    assert read(started(), finished(result=result)) == {"1": names("old", external_ids=("x",))}


@pytest.mark.parametrize("result", ["done", "not_in_effect", "unknown"])
def test_a_name_that_may_have_been_given_is_one(result: str) -> None:
    assert read(finished(result=result)) == {"1": names("new", external_ids=("x",))}


def test_lines_of_later_versions_count() -> None:
    assert read(UnknownLine(id="1", user_name="New", result="done")) == {"1": names("new")}


@pytest.mark.parametrize(
    ("line", "lacking"),
    [
        (started(), False),
        (Started(id="1", action="update"), True),
        (Started(action="create"), False),
        (finished(), False),
        (Finished(id="1", result="done"), True),
        (Finished(id="1", result="failed"), False),
        (Quarantined(), False),
    ],
)
def test_a_line_of_version_0_1_lacks_names(line: ReceiptLine, lacking: bool) -> None:
    assert AccountNameReader().add(line) is lacking


def test_a_plan_has_the_names_before_it() -> None:
    change = AppliedChange("a", "update", "", "", "1", {"userName": "Old", "externalId": "X"}, {"userName": "New"})
    other = AppliedChange("b", "create", "", "", None, {}, {"userName": "new2"})
    reader = AccountNameReader()
    reader.add_plan(PlanSummary(changes={"a": change, "b": other}))
    assert reader.build() == {"1": names("old", external_ids=("x",))}
    redacted = AccountNameReader()
    redacted.add_plan(PlanSummary(changes={"a": change}, redacted=True))
    assert redacted.build() == {}


def test_digests_of_known_names_are_translated() -> None:
    found = {"1": names("hmac:1", "hmac:2", external_ids=("hmac:3",))}
    assert translate_names(found, [("hmac:1", "old"), ("hmac:3", "x")]) == {
        "1": names("old", "hmac:2", external_ids=("x",))
    }


def test_names_at_other_targets_count_for_accounts_that_exist_here() -> None:
    ours = {"1": AccountNames(frozenset({"a"}), frozenset({"x"}))}
    elsewhere = {
        "1": AccountNames(frozenset({"b"})),
        "2": AccountNames(frozenset({"c"}), frozenset({"y"})),
        "3": AccountNames(frozenset({"d"})),
    }
    assert merge_names(ours, elsewhere, ["1", "2", "4"]) == {
        "1": AccountNames(frozenset({"a", "b"}), frozenset({"x"})),
        "2": AccountNames(frozenset({"c"}), frozenset({"y"})),
    }
    assert merge_names(ours, {}, ["2"]) == ours
