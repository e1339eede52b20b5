import time

import pytest
from support.builders import MAPPINGS, change, live, mapping, values_of

from reconciler.core.model import LiveUser
from reconciler.core.plan import Action, Change
from reconciler.core.planning.external_ids import exclude_shared_ids

BO = live("bo")


def problems(*changes: Change, accounts: tuple[LiveUser, ...] = (BO,)) -> tuple[list[str], list[tuple[str, str]]]:
    kept, found = exclude_shared_ids(changes, accounts, MAPPINGS)
    return [item.key for item in kept], [(item.address or "", item.summary) for item in found]


def create(who: str, external_id: str) -> Change:
    return change(who, Action.CREATE, after=values_of(who, external_id=external_id))


def link(who: str, external_id: str, action: Action = Action.UPDATE) -> Change:
    return change(who, action, before=values_of(who, external_id=None), after=values_of(who, external_id=external_id))


HELD = 'externalId "id-bo" belongs to the live account "bo@example.com"'
GIVEN_TWICE = 'externalId "{}" is given to more than one user'


@pytest.mark.parametrize("taker", [create("ada", "id-bo"), link("ada", "id-bo"), link("ada", "id-bo", Action.ADOPT)])
def test_an_external_id_of_a_live_account_is_given_to_no_other(taker: Change) -> None:
    assert problems(taker, change("cy")) == (["cy@example.com"], [('user["ada@example.com"]', HELD)])


@pytest.mark.parametrize(
    "account", [live("bo", active=False), live("bo", managed=False), live("bo", external_id="ID-BO")]
)
def test_any_live_account_holds_its_external_id(account: LiveUser) -> None:
    kept, found = problems(create("ada", "id-bo"), accounts=(account,))
    assert (kept, len(found)) == ([], 1)


@pytest.mark.parametrize("action", [Action.DEACTIVATE, Action.DELETE, Action.UPDATE])
def test_the_account_that_has_it_is_left_untouched(action: Action) -> None:
    assert problems(create("ada", "id-bo"), change("bo", action)) == (
        [],
        [
            ('user["ada@example.com"]', HELD),
            ('user["bo@example.com"]', "another user needs the externalId of this account, which is left untouched"),
        ],
    )


def test_two_changes_set_no_common_external_id() -> None:
    assert problems(create("ada", "new"), link("cy", "NEW"), create("ed", "other")) == (
        ["ed@example.com"],
        [('user["ada@example.com"]', GIVEN_TWICE.format("new")), ('user["cy@example.com"]', GIVEN_TWICE.format("NEW"))],
    )


@pytest.mark.parametrize(
    "usual",
    [
        change("bo"),
        change("bo", after=values_of("bo", external_id="ID-BO")),
        change("bo", Action.DELETE),
        create("ada", "id-ada"),
        link("bo", "id-bo"),
        change("bo", after=values_of("bo", external_id=None)),
    ],
)
def test_other_changes_are_kept(usual: Change) -> None:
    assert problems(usual) == ([usual.key], [])


def test_many_users_may_want_the_external_id_of_many_accounts() -> None:
    changes = [create(f"new{number}", "same") for number in range(8_000)]
    accounts = tuple(live(f"old{number}", external_id="same") for number in range(8_000))
    began = time.process_time()
    kept, found = problems(*changes, accounts=accounts)
    assert time.process_time() - began < 1
    assert (kept, len(found)) == ([], 8_000)


def test_without_a_mapping_of_external_id_nothing_is_excluded() -> None:
    taker = create("ada", "id-bo")
    assert exclude_shared_ids([taker], [BO], [mapping("userName", "userPrincipalName")]) == ([taker], [])
