from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from support.builders import OUT, change, desired, live, name_of, plan_of, rename, values_of

from reconciler.core.model import LiveUser, Severity
from reconciler.core.plan import Action, ActionReason, Plan
from reconciler.core.planning.temporary_names import find_temporarily_named, is_temporary, make_temporary_name
from reconciler.core.policy import Policy, Removal

TEMPORARY = make_temporary_name(rename("ada", "bob"), ())
ADA = live("ada", user_name=TEMPORARY)
ORIGINAL = {"live-ada": "ada@example.com"}
KEEP = Policy(removed=Removal.KEEP, out_of_scope=Removal.KEEP)


def names(plan: Plan) -> dict[str, object]:
    return {str(each.live_id): each.after.get("userName") for each in plan.changes}


def reports(plan: Plan) -> list[tuple[str, str]]:
    return [(item.severity.value, f"{item.summary} {item.detail}") for item in plan.diagnostics]


def test_a_temporary_name_has_the_domain_of_the_name_and_is_free() -> None:
    found = make_temporary_name(rename("ada", "bob"), ())
    assert re.fullmatch(r"renaming-[0-9a-f]{12}-[0-9a-f]{16}@example\.com", found)
    assert make_temporary_name(rename("ada", "bob"), ()) == found, "the same in every plan"
    assert make_temporary_name(rename("ada", "bob"), {found}) != found
    bare = change("ada", after={**values_of("ada"), "userName": "bob"})
    assert is_temporary(make_temporary_name(bare, ()))


@pytest.mark.parametrize(
    ("name", "temporary"),
    [
        (TEMPORARY, True),
        (TEMPORARY.upper(), True),
        ("renaming-0123456789ab", True),
        ("renaming-0123456789ab@example.com", True),
        ("renaming-0123456789ab-0123456789abcdef", True),
        ("renaming-0123456789ab-0123456789abcde", False),
        ("renaming-0123456789a@example.com", False),
        ("renaming-0123456789xy@example.com", False),
        ("renaming-0123456789ab@a@b", False),
        ("a.renaming-0123456789ab@example.com", False),
        ("", False),
        ("renaming-0123456789ab\n", False),
    ],
)
def test_temporary_names_are_recognised(name: str, *, temporary: bool) -> None:
    assert is_temporary(name) is temporary
    assert [user.id for user in find_temporarily_named([live("x", user_name=name)])] == (
        ["live-x"] if temporary else []
    )


def test_a_desired_name_is_given_and_reported() -> None:
    plan = plan_of([desired("ada")], [ADA])
    assert names(plan) == {"live-ada": "ada@example.com"}
    ((severity, text),) = reports(plan)
    assert (severity, plan.diagnostics[0].address) == ("warning", 'user["ada@example.com"]')
    assert text == (
        f'account "live-ada" has the temporary user name "{TEMPORARY}" An apply was cut short while users exchanged '
        'their names. This plan gives the account the name "ada@example.com".'
    )


@pytest.mark.parametrize("people", [[], [desired("ada", verdict=OUT)]], ids=["removed", "out of scope"])
def test_an_account_that_is_kept_gets_its_original_name_back(people: list[Any]) -> None:
    bob = desired("bob", user_name=name_of("bob"))
    plan = plan_of([*people, bob], [ADA, live("bob")], policy=KEEP, original_names=ORIGINAL)
    (restored,) = plan.changes
    assert (restored.action, restored.reason) == (Action.UPDATE, ActionReason.TEMPORARY_USER_NAME)
    assert [(row.path, row.before, row.after) for row in restored.attribute_changes()] == [
        ("userName", TEMPORARY, "ada@example.com")
    ]
    assert "This plan gives it back the name" in reports(plan)[0][1]
    settled = replace_name(ADA, "ada@example.com")
    assert plan_of([*people, bob], [settled, live("bob")], policy=KEEP, original_names=ORIGINAL).changes == ()


def replace_name(user: LiveUser, name: str) -> LiveUser:
    return replace(user, user_name=name, attributes={**user.attributes, "userName": name})


def test_a_removal_is_not_held_up_by_a_name() -> None:
    plan = plan_of([desired("bob")], [ADA, live("bob")], original_names=ORIGINAL)
    (removal,) = plan.changes
    assert (removal.action, removal.after["userName"]) == (Action.DEACTIVATE, TEMPORARY)
    assert "This plan deactivates the account; the next one restores its name." in reports(plan)[0][1]
    inactive = live("ada", user_name=TEMPORARY, active=False)
    (restored,) = plan_of([desired("bob")], [inactive, live("bob")], original_names=ORIGINAL).changes
    assert (restored.action, restored.after["userName"], restored.after["active"]) == (
        Action.UPDATE,
        "ada@example.com",
        False,
    )


def test_a_deletion_needs_no_name() -> None:
    plan = plan_of([desired("bob")], [ADA, live("bob")], policy=Policy(removed=Removal.DELETE))
    assert ([each.action for each in plan.changes], reports(plan)) == ([Action.DELETE], [])


@pytest.mark.parametrize(
    ("fields", "hindrance"),
    [
        ({}, "its original name is not on record"),
        ({"original_names": {"live-ada": "ada@elsewhere.example"}}, "temporary name does not confirm it"),
        ({"original_names": {"live-ada": "forged@example.com"}}, "temporary name does not confirm it"),
        ({"original_names": {"live-ada": "renaming-ba9876543210@example.com"}}, "temporary name does not confirm it"),
        ({"original_names": ORIGINAL, "problem": "a page failed"}, "the live users could not be read completely"),
        (
            {"original_names": ORIGINAL, "policy": replace(KEEP, permitted=frozenset({"create"}))},
            "lifecycle.actions in settings.yaml does not permit updates",
        ),
        (
            {"original_names": ORIGINAL, "accounts": [live("eve", user_name="ADA@example.com", external_id=None)]},
            'its original name "ada@example.com" belongs to account "live-eve" now',
        ),
        (
            {"original_names": ORIGINAL, "people": [desired("eve", user_name="ada@example.com")]},
            'its original name "ada@example.com" is given to another user',
        ),
    ],
)
def test_an_account_that_cannot_get_a_name_is_an_error_in_every_plan(fields: dict[str, Any], hindrance: str) -> None:
    people, accounts = fields.pop("people", []), fields.pop("accounts", [])
    plan = plan_of([desired("bob"), *people], [ADA, live("bob"), *accounts], **{"policy": KEEP, **fields})
    assert "live-ada" not in names(plan)
    found = [item for item in plan.diagnostics if item.severity is Severity.ERROR]
    assert [hindrance in item.summary for item in found] == [True]
    assert (found[0].address, plan.tally.failed) == (f'user["{TEMPORARY}"]', 1)


def test_an_account_whose_desired_name_is_taken_gets_its_original_one_back() -> None:
    wanted = desired("ada", user_name="taken@example.com", family="King")
    other = live("eve", user_name="taken@example.com", external_id=None)
    plan = plan_of([wanted], [ADA, other], original_names=ORIGINAL)
    assert names(plan) == {"live-ada": "ada@example.com"}
    assert sorted(severity for severity, _ in reports(plan)) == ["error", "warning"]


def test_two_accounts_that_had_one_name_are_errors_and_keep_what_they_have() -> None:
    # ada's account got stuck, eve got its name, and then that account got stuck too.
    step = change("eve", before=values_of("eve", user_name="ada@example.com"), after=values_of("eve"))
    other = live("eve", user_name=make_temporary_name(step, ()))
    originals = {"live-ada": "ada@example.com", "live-eve": "ada@example.com"}
    plan = plan_of([desired("bob")], [ADA, other, live("bob")], policy=KEEP, original_names=originals)
    assert plan.changes == ()
    problem = 'userName "ada@example.com" is given to more than one user'
    assert [item.summary for item in plan.diagnostics if item.severity is Severity.ERROR] == [problem, problem]


def test_an_account_that_is_not_managed_is_reported_and_left() -> None:
    other = live("ada", user_name=TEMPORARY, managed=False)
    plan = plan_of([desired("bob")], [other, live("bob")], original_names=ORIGINAL)
    assert (plan.changes, [severity for severity, _ in reports(plan)]) == ((), ["warning"])


def test_a_user_who_could_not_be_mapped_is_not_renamed() -> None:
    plan = plan_of([desired("ada", failed=True)], [ADA], original_names=ORIGINAL)
    assert plan.changes == ()
    assert "the user cannot be planned" in reports(plan)[0][1]
