"""No account is handed to another user: objectIds shifted by a line, swapped columns, lost and mistyped ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

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
