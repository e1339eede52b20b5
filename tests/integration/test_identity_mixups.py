"""No account is handed to another user: objectIds shifted by a line, swapped columns, lost and mistyped ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.builders import change
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

from reconciler.core.planning.temporary_names import make_temporary_name

People = list[dict[str, Any]]
COMPANY = 60


def person(number: int, **changed: Any) -> dict[str, Any]:
    """Return an account whose names are those of no other account."""
    name = {"givenName": f"Given{number}", "familyName": f"Family{number}"}
    return make_user(number, userName=f"user{number:02}@example.com", name=name, **changed)


def failed_guards(result: CommandResult) -> list[str]:
    return [guard["name"] for guard in result.plan["guards"] if not guard["passed"]]


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> tuple[Workspace, FakeScimServer, People]:
    """Return a company whose accounts are as desired, and its people."""
    accounts = [person(number) for number in range(COMPANY)]
    service = FakeScimServer(users=accounts)
    people = [source(account) for account in accounts]
    work = open_workspace(service)
    work.users(people)
    assert work.plan().actions == {}
    return work, service, people


def let_time_pass(work: Workspace, **period: float) -> None:
    """Make every receipt older by this period."""
    for receipt in work.plans.rglob("receipt.jsonl"):
        lines = [json.loads(line) for line in receipt.read_text().splitlines()]
        for line in lines:
            line["time"] = (datetime.fromisoformat(line["time"]) - timedelta(**period)).isoformat()
        receipt.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def shift(people: People, first: int, last: int) -> None:
    """Shift the objectIds of these lines by one; the last gets the first one's."""
    ids = [people[number]["objectId"] for number in range(first, last)]
    for number, moved in zip(range(first, last), [*ids[1:], ids[0]], strict=True):
        people[number]["objectId"] = moved


def shift_all(people: People) -> None:
    shift(people, 0, COMPANY)


def shift_three(people: People) -> None:
    shift(people, 3, 6)


def swap_thirty_pairs(people: People) -> None:
    for number in range(0, COMPANY, 2):
        shift(people, number, number + 2)


def swap_two_pairs(people: People) -> None:
    shift(people, 0, 2)
    shift(people, 2, 4)


def swap_one_pair_completely(people: People) -> None:
    """Two accounts exchange userName, givenName and familyName: each becomes another user."""
    shift(people, 0, 2)


def shift_without_an_end(people: People) -> None:
    """A line is inserted above the objectIds: each user gets the one before, the first gets a new one."""
    ids = [user["objectId"] for user in people]
    for user, moved in zip(people, ["new-id", *ids[:-1]], strict=True):
        user["objectId"] = moved


def rotate_names(people: People) -> None:
    names = [user["userPrincipalName"] for user in people]
    for user, name in zip(people, [*names[1:], names[0]], strict=True):
        user["userPrincipalName"] = name


def take_the_name_of_the_next(people: People) -> None:
    """A chain: each of three takes the name of the next, the last gets a new one."""
    names = ["user01@example.com", "user02@example.com", "other@example.com"]
    for user, name in zip(people[:3], names, strict=True):
        user["userPrincipalName"] = name


def rewrite_one(people: People) -> None:
    people[7].update(userPrincipalName="someone@example.com", givenName="Some", surname="One")


MIX_UPS: dict[str, tuple[Callable[[People], None], list[str]]] = {
    "objectIds shifted by a line": (shift_all, ["name-takeovers", "identity-changes"]),
    "three objectIds rotated": (shift_three, ["name-takeovers", "identity-changes"]),
    "objectIds swapped in pairs": (swap_thirty_pairs, ["name-takeovers", "identity-changes"]),
    "two pairs": (swap_two_pairs, ["name-takeovers", "identity-changes"]),
    "one pair": (swap_one_pair_completely, ["identity-changes"]),
    "userPrincipalNames rotated": (rotate_names, ["name-takeovers"]),
    "a chain of names": (take_the_name_of_the_next, ["name-takeovers"]),
    "one account rewritten": (rewrite_one, ["identity-changes"]),
}


@pytest.mark.parametrize("name", MIX_UPS)
def test_a_mix_up_blocks_the_plan_and_nothing_is_written(
    name: str, company: tuple[Workspace, FakeScimServer, People]
) -> None:
    work, service, people = company
    edit, guards = MIX_UPS[name]
    edit(people)
    work.users(people)
    planned = work.plan()
    assert (planned.code, failed_guards(planned)) == (3, guards)
    assert work.apply().code == 3
    assert service.writes == []


def test_ids_shifted_by_an_inserted_line_are_conflicts(company: tuple[Workspace, FakeScimServer, People]) -> None:
    work, service, people = company
    shift_without_an_end(people)
    work.users(people)
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert work.apply().code == 5
    assert service.writes == []


def test_settings_allow_more(company: tuple[Workspace, FakeScimServer, People]) -> None:
    work, _, people = company
    shift_three(people)
    rewrite_one(people)
    work.users(people)
    limits = {"name_takeovers": {"count": 3}, "identity_changes": {"count": 4}}
    work.settings(guards={"name_takeovers": {"count": 2}, "identity_changes": {"count": 3}})
    assert failed_guards(work.plan()) == ["name-takeovers", "identity-changes"]
    work.settings(guards=limits)
    assert work.plan().code == 2
    assert work.apply().code == 0
    assert work.plan().actions == {}


def test_a_column_with_the_names_of_the_managers_blocks_the_plan(
    company: tuple[Workspace, FakeScimServer, People],
) -> None:
    work, _, people = company
    managers = [dict(user) for user in people]
    for number, user in enumerate(people):
        manager = managers[number // 10]
        user.update(givenName=manager["givenName"], surname=manager["surname"])
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]


def test_a_mix_up_in_two_steps_within_a_day_blocks_the_second(
    company: tuple[Workspace, FakeScimServer, People],
) -> None:
    work, _, people = company
    people[7].update(givenName="Some", surname="One")
    work.users(people)
    assert work.apply().code == 0
    people[7].update(userPrincipalName="someone@example.com")
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]


# --- accounts handed over one or two at a time ------------------------------------


def staff(open_workspace: OpenWorkspace, *names: str, **overrides: Any) -> tuple[Workspace, FakeScimServer, People]:
    """Return a company of these users (`anna.mueller`) and twenty others, whose accounts are as desired.

    `overrides`: values of the named accounts.
    """
    named = []
    for number, who in enumerate(names):
        given, _, family = who.partition(".")
        name = {"givenName": given.capitalize(), "familyName": family.capitalize()}
        named.append(make_user(100 + number, userName=f"{who}@example.com", name=name, **overrides))
    accounts = [*named, *(person(number) for number in range(20))]
    service = FakeScimServer(users=accounts)
    work = open_workspace(service)
    people = [source(account, accountEnabled=account["active"]) for account in accounts]
    work.users(people)
    return work, service, people


def exchange(one: dict[str, Any], other: dict[str, Any], key: str) -> None:
    one[key], other[key] = other[key], one[key]


def owners(service: FakeScimServer) -> dict[str, str]:
    """Return the externalId by userName."""
    return {str(user["userName"]): str(user["externalId"]) for user in service.users.values()}


SIBLINGS = ["anna.mueller", "peter.mueller"]


def apply_each(work: Workspace, people: People, *names: str) -> list[int]:
    """Apply one user after the other, and return the exit codes."""
    work.users(people)
    return [work.apply("--user", name if "@" in name else f"{name}@example.com").code for name in names]


@pytest.mark.parametrize("names", [SIBLINGS, ["anna.one", "anna.two"], ["anna.one", "peter.two"]])
@pytest.mark.parametrize("protected", [[], ["anna.mueller@example.com"]])
def test_two_object_ids_that_are_swapped_hand_no_account_over(
    names: list[str], protected: list[str], open_workspace: OpenWorkspace
) -> None:
    work, service, people = staff(open_workspace, *names)
    work.settings(guards={"protected": protected})
    exchange(people[0], people[1], "objectId")
    work.users(people)
    planned = work.plan()
    assert (planned.code, failed_guards(planned)) == (3, ["identity-changes"])
    assert work.apply().code == 3
    assert service.writes == []


BY_DISPLAY_NAME = """
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: displayName, source: displayName}
"""


def test_the_display_name_counts_if_it_is_the_one_that_is_mapped(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, *SIBLINGS)
    work.write("mappings.yaml", BY_DISPLAY_NAME)
    people = [{**user, "displayName": f"{user['givenName']} {user['surname']}"} for user in people]
    work.users(people)
    assert work.apply().code == 0
    before = owners(service)
    exchange(people[0], people[1], "objectId")
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]
    assert work.apply().code == 3
    assert owners(service) == before


def test_accounts_known_by_their_display_names_are_not_handed_to_new_users(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, "anna.mueller")
    work.write("mappings.yaml", BY_DISPLAY_NAME)
    people = [{**user, "displayName": f"{user['givenName']} {user['surname']}"} for user in people]
    work.users(people)
    assert work.apply().code == 0
    people[0].update(userPrincipalName="anna.schmidt@example.com", displayName="Anna Schmidt")
    work.users(people)
    assert work.apply().code == 0
    writes = len(service.writes)
    for number, user in enumerate(people[1:10]):
        user.update(userPrincipalName=f"new{number}@example.com", displayName=f"Some{number} Body{number}")
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]
    assert work.apply().code == 3
    assert len(service.writes) == writes


@pytest.mark.parametrize("first", ["userPrincipalName", "givenName"])
def test_a_swap_in_two_steps_hands_no_account_over(first: str, open_workspace: OpenWorkspace) -> None:
    work, _, people = staff(open_workspace, *SIBLINGS)
    exchange(people[0], people[1], first)
    work.users(people)
    assert work.apply().code == 0
    exchange(people[0], people[1], "givenName" if first == "userPrincipalName" else "userPrincipalName")
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]


def test_a_temporary_name_that_was_typed_is_an_error_of_its_user(open_workspace: OpenWorkspace) -> None:
    """It could have been made for the takeover that follows, which the guards would then not count."""
    work, service, people = staff(open_workspace, *SIBLINGS)
    account = next(key for key, user in service.users.items() if user["userName"] == "peter.mueller@example.com")
    taken = {"userName": "anna.mueller@example.com"}
    step = change("x", live_id=account, before={"userName": "peter.mueller@example.com"}, after=taken)
    people[1].update(userPrincipalName=make_temporary_name(step, ()))
    work.users(people)
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert "has the form of a temporary name" in planned.plan["diagnostics"][0]["summary"]
    assert work.apply().code == 5
    assert service.writes == []


def test_the_account_of_a_leaver_is_not_handed_to_a_joiner(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, "anna.mueller", active=False)
    people[0].update(userPrincipalName="peter.mueller@example.com", givenName="Peter", accountEnabled=True)
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]
    assert work.apply().code == 3
    assert service.writes == []


@pytest.mark.parametrize(
    "rehired",
    [{}, {"surname": "Schmidt"}, {"userPrincipalName": "a.mueller@example.com"}, {"department": "Sales"}],
    ids=["as before", "married", "renamed", "moved"],
)
def test_a_rehire_passes(rehired: dict[str, str], open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, "anna.mueller", active=False)
    people[0].update(accountEnabled=True, **rehired)
    work.users(people)
    assert work.apply().code == 0
    assert sum(user["active"] is not False for user in service.users.values()) == 21


BY_USER_NAME = """
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: active, expression: 'Not([IsSoftDeleted])', default: "True"}
"""
BY_CHOSEN_NAME = """
- {target: externalId, source: objectId, match: 1}
- target: userName
  expression: 'SelectUniqueValue(Join("@", [givenName], "example.com"), Join("@", [surname], "example.com"))'
  apply: create
- {target: active, expression: 'Not([IsSoftDeleted])', default: "True"}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
"""


@pytest.mark.parametrize("mappings", [BY_USER_NAME, BY_CHOSEN_NAME])
def test_the_account_of_a_leaver_is_not_handed_on_whatever_is_mapped(
    mappings: str, open_workspace: OpenWorkspace
) -> None:
    work, service, people = staff(open_workspace, "anna.mueller", active=False)
    work.write("mappings.yaml", mappings)
    joiner = {"userPrincipalName": "peter.two@example.com", "givenName": "Peter", "surname": "Two"}
    work.users([{**people[0], **joiner, "accountEnabled": True}, *people[1:]])
    assert failed_guards(work.plan()) == ["identity-changes"]
    assert work.apply().code == 3
    assert service.writes == []
    work.users([{**people[0], "accountEnabled": True}, *people[1:]])
    assert work.apply().code == 0


def test_accounts_without_a_name_exchange_no_user_names(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, *SIBLINGS)
    work.write("mappings.yaml", BY_USER_NAME)
    exchange(people[0], people[1], "objectId")
    work.users(people)
    assert failed_guards(work.plan()) == ["name-takeovers"]
    assert work.apply().code == 3
    assert service.writes == []


def test_accounts_of_one_name_are_not_handed_to_users_of_two(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, "x.madonna", "y.prince")
    for account in list(service.users.values())[:2]:
        del account["name"]["givenName"]
    for number, user in enumerate(people[:2]):
        user.update(userPrincipalName=f"new{number}@example.com", givenName="Some", surname=f"Body{number}")
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]


@pytest.mark.parametrize("active", [True, False])
def test_an_adoption_in_two_steps_hands_no_account_over(active: bool, open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, "anna.mueller", active=active)
    next(iter(service.users.values())).pop("externalId")
    people[0].update(objectId="id-new", accountEnabled=True, surname="Two")
    work.users(people)
    assert work.apply().code == 0
    people[0].update(givenName="Peter")
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]
    assert work.apply().code == 3


def test_a_rehire_who_married_and_has_a_new_user_name_is_approved(open_workspace: OpenWorkspace) -> None:
    work, _, people = staff(open_workspace, "anna.mueller", active=False)
    people[0].update(accountEnabled=True, surname="Schmidt", userPrincipalName="anna.schmidt@example.com")
    work.users(people)
    planned = work.plan()
    assert failed_guards(planned) == ["identity-changes"]
    assert work.apply("--approve", planned.plan["plan_id"], "--lift", "identity-changes").code == 0


def test_a_leaver_who_comes_back_is_not_renamed_to_another_user_on_the_same_day(open_workspace: OpenWorkspace) -> None:
    work, _, people = staff(open_workspace, "anna.mueller", active=False)
    people[0].update(accountEnabled=True)
    work.users(people)
    assert work.apply().code == 0
    people[0].update(userPrincipalName="peter.mueller@example.com", givenName="Peter")
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]


# --- takeovers over a day ---------------------------------------------------------

PAIRS = [f"{given}.family{number}" for number in range(5) for given in ("anna", "peter")]


def test_five_pairs_one_after_the_other_exchange_no_names(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, *PAIRS)
    for number in range(0, 10, 2):
        exchange(people[number], people[number + 1], "userPrincipalName")
    assert apply_each(work, people, *PAIRS[::2]) == [0, 3, 3, 3, 3]
    assert sum(owners(service)[user["userPrincipalName"]] != user["objectId"] for user in people) == 8


def test_a_rotation_as_two_swaps_is_blocked(open_workspace: OpenWorkspace) -> None:
    work, _, people = staff(open_workspace, "a.one", "b.two", "c.three")
    exchange(people[0], people[1], "userPrincipalName")
    work.users(people)
    assert work.apply().code == 0
    exchange(people[1], people[2], "userPrincipalName")
    work.users(people)
    planned = work.plan()
    assert (planned.code, failed_guards(planned)) == (3, ["name-takeovers"])
    assert work.apply().code == 3


def test_a_chain_of_names_one_user_after_the_other_is_blocked(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, "a.one", "b.two", "c.three")
    for user, name in zip(people, ["new", "a.one", "b.two"], strict=False):
        user["userPrincipalName"] = f"{name}@example.com"
    identifiers = [user["objectId"] for user in people[:3]]
    work.users(people)
    codes = [work.apply("--user", identifier).code for identifier in identifiers]
    assert codes == [0, 3, 3]
    assert owners(service)["b.two@example.com"] == identifiers[1]


def test_a_swap_by_a_third_name_is_blocked(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, "a.one", "b.two")
    people[0]["userPrincipalName"] = "other@example.com"
    work.users(people)
    assert work.apply().code == 0
    people[1]["userPrincipalName"] = "a.one@example.com"
    work.users(people)
    blocked = work.apply()
    assert blocked.code == 3
    assert "another account has today or had in the last 24 hours" in blocked.out
    let_time_pass(work, hours=25)
    assert work.apply().code == 0
    assert len(owners(service)) == 22


@pytest.mark.parametrize("values", ["full", "digest"])
def test_a_new_user_does_not_get_a_name_that_was_free_a_moment_ago(
    values: str, open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, service, people = staff(open_workspace, "a.one")
    if values == "digest":
        monkeypatch.setenv("RECONCILER_RECORD_KEY", "k" * 40)
        work.settings(record={"values": "digest"})
    people[0]["userPrincipalName"] = "a.renamed@example.com"
    newcomer = {**people[0], "objectId": "id-new", "userPrincipalName": "a.one@example.com", "surname": "New"}
    assert apply_each(work, [*people, newcomer], "a.renamed", "a.one") == [0, 3]
    assert "a.one@example.com" not in owners(service)


@pytest.mark.parametrize("values", ["full", "digest"])
def test_an_account_takes_its_own_name_back(
    values: str, open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, _, people = staff(open_workspace, "a.one", "b.two", "c.three")
    if values == "digest":
        monkeypatch.setenv("RECONCILER_RECORD_KEY", "k" * 40)
        work.settings(record={"values": "digest"})
    people[0]["userPrincipalName"] = "a.new@example.com"
    work.users(people)
    assert work.apply().code == 0
    people[0]["userPrincipalName"] = "a.one@example.com"
    work.users(people)
    assert work.apply().code == 0
    # So do two that exchanged theirs, and two others still may.
    for first, second in ((0, 1), (0, 1), (1, 2)):
        exchange(people[first], people[second], "userPrincipalName")
        work.users(people)
        assert work.apply().code == 0


def test_takeovers_that_were_approved_do_not_count_again(open_workspace: OpenWorkspace) -> None:
    work, _, people = staff(open_workspace, "a.one", "b.two", "c.three", "d.four", "e.five")
    shift_ids = [user["userPrincipalName"] for user in people[:3]]
    for user, name in zip(people, [*shift_ids[1:], shift_ids[0]], strict=False):
        user["userPrincipalName"] = name
    work.users(people)
    plan = work.plan().plan["plan_id"]
    assert work.apply("--approve", plan, "--lift", "name-takeovers").code == 0
    exchange(people[3], people[4], "userPrincipalName")
    work.users(people)
    assert work.apply().code == 0


# --- names of others over a day ---------------------------------------------------

RING = ["a.one", "b.two", "c.three", "d.four"]


@pytest.mark.parametrize("order", [RING, RING[::-1]])
@pytest.mark.parametrize("values", ["full", "digest"])
def test_rotated_names_one_user_after_the_other_are_blocked(
    order: list[str], values: str, open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, _, people = staff(open_workspace, *RING)
    if values == "digest":
        monkeypatch.setenv("RECONCILER_RECORD_KEY", "k" * 40)
        work.settings(record={"values": "digest"})
    names = [(user["givenName"], user["surname"]) for user in people[:4]]
    for user, (given, surname) in zip(people, [*names[1:], names[0]], strict=False):
        user.update(givenName=given, surname=surname)
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]
    assert apply_each(work, people, *order) == [0, 3, 3, 3]


# --- changes of other users -------------------------------------------------------


def test_changes_that_are_not_selected_block_no_removal(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, "a.one", "b.two", "leaver.x")
    exchange(people[0], people[1], "objectId")
    people.pop(2)
    work.users(people)
    assert failed_guards(work.plan()) == ["identity-changes"]
    assert apply_each(work, people, "leaver.x") == [0]
    assert [user["active"] for user in service.users.values()].count(False) == 1


# --- ordinary changes -------------------------------------------------------------


def marriage(people: People) -> None:
    people[0].update(userPrincipalName="user00.new@example.com", surname="New")


def typo(people: People) -> None:
    people[0].update(givenName="Gwen")


def swap_two_names(people: People) -> None:
    one, other = people[0], people[1]
    one["userPrincipalName"], other["userPrincipalName"] = other["userPrincipalName"], one["userPrincipalName"]


def migrate_the_domain(people: People) -> None:
    for user in people:
        user["userPrincipalName"] = user["userPrincipalName"].replace("example.com", "example.org")


def transliterate(people: People) -> None:
    for user in people:
        user.update(givenName=f"{user['givenName']}ü", surname=f"{user['surname']}ß")


def write_in_capitals(people: People) -> None:
    for user in people[:9]:
        user.update({key: user[key].upper() for key in ("userPrincipalName", "givenName", "surname")})


ORDINARY = [marriage, typo, swap_two_names, migrate_the_domain, transliterate, write_in_capitals]


def test_two_namesakes_exchange_their_user_names(open_workspace: OpenWorkspace) -> None:
    work, service, people = staff(open_workspace, "anna.mueller", "anna.mueller")
    names = ["anna.mueller@example.com", "anna.mueller2@example.com"]
    for account, user, name in zip(service.users.values(), people, names, strict=False):
        account["userName"] = user["userPrincipalName"] = name
    work.users(people)
    assert work.plan().actions == {}
    exchange(people[0], people[1], "userPrincipalName")
    work.users(people)
    assert work.apply().code == 0


def test_two_namesakes_who_joined_today_exchange_their_user_names(open_workspace: OpenWorkspace) -> None:
    work, _, people = staff(open_workspace)
    namesake = {**people[0], "givenName": "Anna", "surname": "Mueller"}
    new = [{**namesake, "objectId": f"new-{name}", "userPrincipalName": f"{name}@example.com"} for name in ("a", "a2")]
    work.users([*new, *people])
    assert work.apply().code == 0
    exchange(new[0], new[1], "userPrincipalName")
    work.users([*new, *people])
    assert work.apply().code == 0


@pytest.mark.parametrize("edit", ORDINARY)
def test_an_ordinary_change_passes(
    edit: Callable[[People], None], company: tuple[Workspace, FakeScimServer, People]
) -> None:
    work, _, people = company
    edit(people)
    work.users(people)
    assert work.plan().code == 2
    assert work.apply().code == 0
    assert work.plan().actions == {}
