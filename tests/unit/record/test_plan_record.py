import json
from dataclasses import replace

import pytest
from support.builders import change, plan_with
from support.untrusted_text import plan_that_says

from reconciler.errors import PlanFileError
from reconciler.record.plan_file import from_json, to_json
from reconciler.record.plan_record import from_record, to_record
from reconciler.record.redaction import Redactor

PLAN = plan_with(change("ada"))
REDACTOR = Redactor(b"k" * 32)


def test_a_record_with_digests_keeps_no_value_of_a_message() -> None:
    plan = plan_with(replace(change("ada"), history=('title was set to "Countess" by the apply',)))
    assert "Countess" in to_record(plan, Redactor())
    assert "Countess" not in to_record(plan, Redactor(b"k" * 32))


def test_a_record_with_digests_names_no_user_anywhere() -> None:
    plan = replace(plan_that_says("Zebulon"), diagnostics=())
    assert "Zebulon" in to_json(plan)
    redactor = Redactor(b"k" * 32)
    record = to_record(plan, redactor)
    assert "zebulon" not in record.casefold()
    document = json.loads(record)
    assert document["changes_nothing_today"][0]["detail"] == "new, not in scope: requires department EQUALS (hidden)"
    # By its address a user is the same one everywhere.
    assert document["changes_nothing_today"][0]["address"] == redactor.address('user["Zebulon"]')
    assert document["no_longer_pending"][0]["address"] == document["resource_changes"][0]["address"]


def test_a_record_without_a_key_is_the_plan_file() -> None:
    assert to_record(PLAN, Redactor()) == to_json(PLAN)
    assert from_record(to_json(PLAN)) == (PLAN, False)


def test_a_record_with_digests_is_shown_and_never_applied() -> None:
    record = to_record(PLAN, REDACTOR)
    plan, digests = from_record(record)
    assert digests
    assert [change.address for change in plan.changes] == [REDACTOR.address(change.address) for change in PLAN.changes]
    assert plan.plan_id == PLAN.plan_id
    with pytest.raises(PlanFileError) as caught:
        from_json(record)
    assert caught.value.summary == "the plan is on record with digests in place of values and cannot be applied"


def test_the_plan_id_of_a_record_in_full_is_checked() -> None:
    document = json.loads(to_json(PLAN))
    document["resource_changes"][0]["id"] = "live-other"
    with pytest.raises(PlanFileError, match="the plan was edited"):
        from_record(json.dumps(document))


def test_changes_that_wait_for_one_another_do_so_by_their_digests() -> None:
    first, second = change("ada"), change("bob")
    plan = replace(PLAN, changes=(first, replace(second, requires=(first.address,))))
    found, _ = from_record(to_record(plan, REDACTOR))
    assert [change.requires for change in found.changes] == [(), (found.changes[0].address,)]
