from dataclasses import replace

import pytest
from support.builders import MAPPINGS, OUT, DesiredUser, LiveUser, desired, live, mapping, mappings

from reconciler.core.model import Flow, Origin, Severity
from reconciler.core.plan import Action, ActionReason
from reconciler.core.planning.lifecycle import plan_update
from reconciler.core.planning.matching import Matching, match_users
from reconciler.core.policy import NO_RELINKING, RelinkedId, RelinkRules

BY_NAME = RelinkRules(by_user_name=True)
ROW = Origin("settings.yaml", 7, 5)


def by_id(*pairs: tuple[str, str]) -> RelinkRules:
    return RelinkRules(tuple(RelinkedId(old, new, ROW) for old, new in pairs))


def match(people: list[DesiredUser], accounts: list[LiveUser], rules: RelinkRules) -> Matching:
    return match_users(people, accounts, MAPPINGS, rules)


def pairs(found: Matching) -> dict[str, str | None]:
    return {user.key: account.id if account else None for user, account in found.pairs}


def summaries(found: Matching) -> list[str]:
    return [item.summary for item in found.conflicts]


@pytest.mark.parametrize("rules", [BY_NAME, by_id(("OLD-ada", "ID-ada"))])
def test_the_account_of_the_same_person_is_linked(rules: RelinkRules) -> None:
    found = match([desired("ada")], [live("ada", external_id="old-ada")], rules)
    assert (pairs(found), found.relinked, found.conflicts) == ({"ada@example.com": "live-ada"}, {"live-ada"}, [])


def test_without_the_setting_nothing_is_linked() -> None:
    found = match([desired("ada")], [live("ada", external_id="old-ada")], NO_RELINKING)
    assert (pairs(found), found.relinked) == ({}, set())


def test_an_id_leads_to_the_account_whatever_it_is_called() -> None:
    # A merger: new domain and new ids at once.
    ada = desired("ada", user_name="ada@merged.example")
    found = match([ada], [live("ada", external_id="old-ada")], by_id(("old-ada", "id-ada")))
    assert (pairs(found), found.relinked) == ({"ada@merged.example": "live-ada"}, {"live-ada"})
    # The name alone finds nobody, and the account of another person is not guessed.
    assert pairs(match([ada], [live("ada", external_id="old-ada")], BY_NAME)) == {"ada@merged.example": None}


def test_an_account_that_a_user_claims_by_its_id_stays_with_that_user() -> None:
    people = [desired("ada", user_name="bob@example.com"), desired("bob", user_name="robert@example.com")]
    found = match(people, [live("bob")], BY_NAME)
    assert (pairs(found)["robert@example.com"], found.relinked) == ("live-bob", set())
    # Which of two users owns it is open, but ada does not.
    twins = [desired("bob", user_name="one@example.com"), desired("bob", key="two", user_name="two@example.com")]
    found = match([people[0], *twins], [live("bob")], BY_NAME)
    assert (pairs(found), found.relinked, found.unclaimed) == ({}, set(), [])


def test_a_user_without_an_id_of_its_own_gets_no_account() -> None:
    found = match([desired("ada", external_id=None)], [live("ada", external_id="old-ada")], BY_NAME)
    assert (pairs(found), found.relinked) == ({}, set())


def test_a_row_whose_new_id_another_account_has_is_an_error() -> None:
    accounts = [live("ada", external_id="old-ada"), live("ada", id="other", user_name="a@example.com")]
    found = match([desired("ada")], accounts, by_id(("old-ada", "id-ada")))
    assert (pairs(found), found.unclaimed, found.relinked) == ({"ada@example.com": "other"}, [], set())
    assert summaries(found) == [
        'relink.ids gives the live account "ada@example.com" externalId "id-ada", which "a@example.com" has'
    ]


def test_two_accounts_with_one_name_are_left_alone() -> None:
    accounts = [live("ada", id=number, external_id=f"old-{number}") for number in "ab"]
    found = match([desired("ada")], accounts, BY_NAME)
    assert (pairs(found), found.unclaimed) == ({}, [])


def test_a_row_whose_old_id_a_user_still_has_holds_both_users() -> None:
    found = match([desired("ada"), desired("bob")], [live("ada")], by_id(("id-ada", "id-bob")))
    assert pairs(found) == {"ada@example.com": "live-ada", "bob@example.com": None}
    assert all(user.failed for user, _ in found.pairs)
    (problem,) = found.conflicts
    assert problem.summary == (
        'relink.ids replaces externalId "id-ada", but it is the one of "ada@example.com" in users/'
    )
    assert (problem.severity, problem.origin, problem.address) == (Severity.ERROR, ROW, 'user["ada@example.com"]')


def test_exchanged_columns_are_named() -> None:
    ada = desired("ada", user_name="new@example.com")
    found = match([ada], [live("ada", external_id="old-ada")], by_id(("id-ada", "old-ada")))
    assert [user.failed for user, _ in found.pairs] == [True]
    assert "are they exchanged?" in found.conflicts[0].detail


def test_a_row_whose_old_id_no_account_has_holds_its_user() -> None:
    people = [desired("ada", user_name="new@example.com"), desired("bob")]
    found = match(people, [live("ada", external_id="old-ada"), live("bob")], by_id(("old-typo", "id-ada")))
    assert pairs(found) == {"new@example.com": None, "bob@example.com": "live-bob"}
    held = found.pairs[0][0]
    assert (held.failed, held.doubtful) == (True, {"externalId"})
    assert summaries(found) == [
        'relink.ids: no live account has externalId "old-typo", to be changed to the one of "new@example.com"'
    ]


def test_a_row_that_was_applied_is_no_error() -> None:
    found = match([desired("ada")], [live("ada")], by_id(("old-ada", "id-ada")))
    assert (pairs(found), found.conflicts) == ({"ada@example.com": "live-ada"}, [])


def test_an_account_whose_new_id_no_user_has_is_not_removed() -> None:
    found = match([desired("bob")], [live("bob"), live("ada", external_id="old-ada")], by_id(("old-ada", "id-typo")))
    assert (pairs(found), found.unclaimed, found.open_relink) == ({"bob@example.com": "live-bob"}, [], True)
    (problem,) = found.conflicts
    assert problem.summary == (
        'relink.ids gives the live account "ada@example.com" externalId "id-typo", but no user has that id'
    )
    assert (problem.severity, problem.origin) == (Severity.ERROR, ROW)


@pytest.mark.parametrize(("foreign", "hinted"), [(2, False), (3, True), (6, True)])
def test_many_accounts_with_unknown_ids_look_like_a_new_identity_provider(foreign: int, hinted: bool) -> None:
    names = [f"user{number}" for number in range(6)]
    accounts = [live(name, external_id=f"old-{name}" if n < foreign else f"id-{name}") for n, name in enumerate(names)]
    found = match([desired(name) for name in names], accounts, NO_RELINKING)
    assert ("have the userName of a user, but an externalId" in " ".join(summaries(found))) is hinted


def test_the_message_leads_on_and_says_that_the_account_is_deactivated() -> None:
    found = match([desired("ada")], [live("ada", external_id="former-o-1", active=False)], NO_RELINKING)
    (problem,) = found.conflicts
    assert problem.summary == (
        'userName "ada@example.com" belongs to a deactivated account with another externalId ("former-o-1")'
    )
    assert 'write `objectId: "former-o-1"` in the user\'s entry' in problem.detail


def test_a_leaver_is_found_by_name_too() -> None:
    found = match([desired("ada", verdict=OUT)], [live("ada", external_id="old-ada")], BY_NAME)
    assert pairs(found) == {"ada@example.com": "live-ada"}


# --- the change -------------------------------------------------------------------


@pytest.mark.parametrize("active", [True, False])
def test_the_change_is_a_relink(active: bool) -> None:
    change = plan_update(desired("ada"), live("ada", external_id="old-ada", active=active), MAPPINGS, relinked=True)
    assert change is not None
    assert (change.action, change.reason) == (Action.RELINK, ActionReason.OTHER_EXTERNAL_ID)
    assert change.before["externalId"] == "old-ada"
    assert change.after["externalId"] == "id-ada"
    assert change.detail.endswith(", and becomes active again") is not active


def test_an_external_id_that_flows_on_create_only_is_relinked_too() -> None:
    rows = mappings(mapping("externalId", "objectId", match=1, flow=Flow.CREATE))
    user = desired("ada", external_id=None, create_only={"externalId": "id-ada"})
    account = live("ada", external_id="old-ada")
    account = replace(account, attributes={k: v for k, v in account.attributes.items() if k != "externalId"})
    change = plan_update(user, account, rows, relinked=True)
    assert change is not None
    assert (change.before["externalId"], change.after["externalId"]) == ("old-ada", "id-ada")
