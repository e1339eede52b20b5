"""An incremental plan is made only where no other user can have a part in it. The law: tests/integration."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.sample_org import person
from unit.session.incremental.conftest import CommittedTarget

from reconciler.core.plan import Plan
from reconciler.errors import FullPlanNeededError
from reconciler.session.incremental.attempt import open_incremental

ADA, BEN = person("ada"), person("ben")


def plan_of(committed: CommittedTarget) -> Plan:
    with open_incremental(committed.target.workspace, committed.target.terminal) as (_, plan, _):
        return plan


def why(committed: CommittedTarget) -> str:
    with pytest.raises(FullPlanNeededError) as raised:
        plan_of(committed)
    return raised.value.summary


def test_the_totals_are_those_of_all_users(committed: CommittedTarget) -> None:
    committed.desire({**ADA, "department": "Research"})
    plan = plan_of(committed)
    assert sorted((change.key, change.action.value) for change in plan.changes) == [
        ("ada@example.com", "update"),
        ("ben@example.com", "deactivate"),
    ]
    messages = {guard.name: guard.message for guard in plan.guards}
    assert messages["updates"].startswith("1 of 3 managed users (33.3 %) would be updated")
    assert messages["removals"].startswith("1 of 3 active managed users (33.3 %) would be deactivated")
    assert plan.population is not None
    assert (plan.population.users, plan.population.managed, plan.population.active) == (2, 3, 2)
    assert plan.seen is None
    assert plan.incremental is not None
    # Ben, who has no entry any more, counts in both.
    assert (plan.incremental.looked_at, plan.incremental.users) == (2, 3)


def test_numbers_on_record_make_no_percentage_pass(committed: CommittedTarget) -> None:
    """A forged record must not make one removal of three look like one of a million."""
    for receipt in committed.target.workspace.history.glob("*/receipt.jsonl"):
        text = receipt.read_text("utf-8")
        receipt.write_text(text.replace('"managed": 3, "active": 3', '"managed": 1000000, "active": 1000000'), "utf-8")
        assert receipt.read_text("utf-8") != text
    committed.desire({**ADA, "department": "Research"}, BEN)
    messages = {guard.name: guard.message for guard in plan_of(committed).guards}
    assert messages["updates"].startswith("1 of 4 managed users (25.0 %)")
    committed.desire(ADA)
    assert why(committed) == "the service lists fewer users than there were, and accounts would be removed"


def test_percentages_of_active_users_need_no_more_of_them_than_were_read(committed: CommittedTarget) -> None:
    """Two removals are more than 10 % of those that were looked at, whatever the record says of others."""
    target = committed.target
    people = [person(f"user{number}") for number in range(30)]
    target.files.settings(guards={"removals": {"count": 100, "percent": 10}, "creates": {"count": 100}})
    committed.desire(ADA, BEN, *people)
    target.apply()
    committed.desire(ADA, BEN, *people[1:])
    assert len(plan_of(committed).changes) == 1
    committed.desire(ADA, BEN, *people[2:])
    assert why(committed) == "the guard removals has to be judged by all users"
    target.files.settings(guards={"removals": {"count": 100, "percent": 10, "floor": 2}, "creates": {"count": 100}})
    committed.desire(ADA, BEN, *people)
    target.apply()
    committed.desire(ADA, BEN, *people[2:])
    assert len(plan_of(committed).changes) == 2


def test_an_account_that_becomes_active_needs_a_full_plan(committed: CommittedTarget) -> None:
    committed.target.live("ada")["active"] = False
    committed.desire({**ADA, "department": "Research"}, BEN)
    assert why(committed) == "an account would become active, and filters may hide another one of its user"


def test_a_user_in_the_files_who_loses_the_account_needs_a_full_plan(committed: CommittedTarget) -> None:
    committed.desire({**ADA, "accountEnabled": False}, BEN)
    assert why(committed) == "a user in the files would lose the account, and filters may hide another one"


def replace_account(committed: CommittedTarget, who: str) -> None:
    """Delete an account in the target, and add another one with the same names."""
    service, account = committed.target.service, committed.target.live(who)
    del service.users[account["id"]]
    service.add({key: value for key, value in account.items() if key not in ("id", "meta")})


def test_another_account_than_on_record_needs_a_full_plan(committed: CommittedTarget) -> None:
    committed.desire({**ADA, "department": "Research"}, BEN)
    assert len(plan_of(committed).changes) == 1
    replace_account(committed, "ada")
    assert why(committed) == "another account has the name of a user on record"


def test_another_account_than_that_of_the_external_id_on_record_needs_a_full_plan(committed: CommittedTarget) -> None:
    """No receipt has the userName: it was changed in the target first."""
    named = {**ADA, "userPrincipalName": "augusta@example.com"}
    committed.target.live("ada")["userName"] = "augusta@example.com"
    committed.desire(named, BEN)
    assert committed.target.apply() == 0
    replace_account(committed, "augusta")
    committed.desire({**named, "department": "Research"}, BEN)
    assert why(committed) == "another account has the name of a user on record"


def test_another_account_of_a_user_without_an_external_id_needs_a_full_plan(committed: CommittedTarget) -> None:
    target, cy = committed.target, person("cy", objectId=None)
    target.files.settings(ownership="userName pr")
    committed.desire(ADA, BEN, cy)
    assert target.apply() == 0
    committed.desire(ADA, BEN, {**cy, "department": "Research"})
    assert len(plan_of(committed).changes) == 1
    replace_account(committed, "cy")
    assert why(committed) == "another account has the name of a user on record"


def test_removals_need_no_replacement_while_others_are_active(committed: CommittedTarget) -> None:
    committed.desire(ADA)
    plan = plan_of(committed)
    assert len(plan.changes) == 1
    assert not any(change.requires for change in plan.changes)


Drift = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (lambda user: user.update(userName="other@example.com"), "a name that no filter finds"),
        (lambda user: user.update(userName="ada@example.com "), "a name that no filter finds"),
        (lambda user: user.update(externalId="other"), "a name that no filter finds"),
        (lambda user: user.update(userName="ADA@example.com"), "differs in case alone"),
    ],
)
def test_drift_of_names_needs_a_full_plan(committed: CommittedTarget, drift: Drift, expected: str) -> None:
    drift(committed.target.live("ada"))
    committed.desire({**ADA, "department": "Research"}, BEN)
    assert any(part in why(committed) for part in expected.split("|"))


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([{**ADA, "lifecycle": {"protected": True}}, BEN], "protected users"),
        ([ADA, BEN, person("new")], "a name that no filter finds"),
        ([{**ADA, "userPrincipalName": "new@example.com"}, BEN], "a name that no filter finds"),
        ([{**ADA, "userPrincipalName": BEN["userPrincipalName"]}, BEN], "a user got a name"),
    ],
)
def test_what_others_have_a_part_in_needs_a_full_plan(
    committed: CommittedTarget, people: list[dict[str, Any]], expected: str
) -> None:
    committed.desire(*people)
    assert expected in why(committed)


NAMED_IN_ONE = """
- {{target: externalId, source: objectId, match: 1}}
- {{target: userName, source: userPrincipalName, match: 2}}
- {{target: {path}, source: called}}
"""


@pytest.mark.parametrize("path", ["displayName", "name.formatted"])
def test_full_names_in_one_attribute_are_judged_by_all_users(committed: CommittedTarget, path: str) -> None:
    """Two users who get the names of others that the plan does not look at, at once or one after the other."""
    target = committed.target
    target.files.write("mappings.yaml", NAMED_IN_ONE.format(path=path))
    target.files.settings(guards={"creates": {"count": 100}, "updates": {"percent": 100}})
    people = {who: {**person(who), "called": f"{who} of {who}ton"} for who in ("ada", "ben", "cy", "dan", "eve")}
    committed.desire(*people.values())
    assert target.apply() == 0
    people["cy"]["called"] = people["ada"]["called"]
    people["dan"]["called"] = people["ben"]["called"]
    committed.desire(*people.values())
    assert "several names changed" in why(committed)
    people["dan"]["called"] = "dan of danton"
    committed.desire(*people.values())
    assert target.apply() == 0
    people["dan"]["called"] = people["ben"]["called"]
    committed.desire(*people.values())
    assert "some within the last 24 hours" in why(committed)


def test_users_out_of_scope_are_not_what_shows_that_filters_answer(committed: CommittedTarget) -> None:
    target = committed.target
    left = "".join(f"- {json.dumps({**person(f'gone{number}'), 'accountEnabled': False})}\n" for number in range(5))
    target.files.write("users/a.yaml", left)
    committed.desire(ADA, BEN)
    assert target.apply() == 0
    committed.desire({**ADA, "department": "Research"}, BEN)
    target.files.write("users/people.yaml", f"- {json.dumps({**ADA, 'department': 'Research'})}\n")
    target.files.write("users/z.yaml", f"- {json.dumps(BEN)}\n")
    committed.git.commit("Move Ben")
    assert target.apply() == 0
    target.files.write("users/people.yaml", f"- {json.dumps({**ADA, 'department': 'Sales'})}\n")
    committed.git.commit("Edit")
    assert len(plan_of(committed).changes) == 1
    (target.files.root / "desired-state/users/z.yaml").unlink()
    committed.git.commit("Remove Ben")
    assert target.apply() == 0
    target.files.write("users/people.yaml", f"- {json.dumps({**ADA, 'department': 'IT'})}\n")
    committed.git.commit("Edit again")
    assert why(committed) == "among the users whose entries did not change none was found who has an account"


def test_a_user_whose_name_a_group_has_needs_a_full_plan(committed: CommittedTarget) -> None:
    target = committed.target
    target.files.write("groups/a.yaml", "- {name: a, members: {users: [ada@example.com]}}\n")
    committed.desire(ADA, BEN)
    target.apply()
    committed.desire(BEN)
    assert why(committed) == "scope or groups name a user whose name is gone"


def test_filters_that_are_ignored_need_a_full_plan(committed: CommittedTarget) -> None:
    service = committed.target.service
    service.faults = replace(service.faults, ignore_filter=True)
    assert why(committed) == "the service answers a filter with other accounts than those asked for"


def test_accounts_that_become_due_for_deletion_need_a_full_plan(committed: CommittedTarget) -> None:
    target = committed.target
    target.files.settings(lifecycle={"delete_after_days": 1})
    committed.desire(ADA)
    assert target.apply() == 0
    assert plan_of(committed).changes == ()
    later = replace(target.workspace, now=target.workspace.now.replace(year=target.workspace.now.year))
    target.workspace = replace(later, now=later.now.fromtimestamp(later.now.timestamp() + 100_000, later.now.tzinfo))
    assert why(committed) == "accounts may have become due for deletion"
