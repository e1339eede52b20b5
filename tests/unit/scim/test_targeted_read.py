"""Filters are relied on only where they answer beyond doubt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from support.builders import APPLE, MAPPINGS, OWNED, resource

from reconciler.core.planning.live_user import LiveReader
from reconciler.core.values import fold_case
from reconciler.errors import FullPlanNeededError, ScimError
from reconciler.scim.targeted_read import Names, TargetedRead

CONTROL = Names("id-grace", "grace@example.com")
ADA = Names("id-ada", "ada@example.com")


class Filters:
    """Accounts that are found by filter and by id. `ways`: how it misbehaves."""

    def __init__(self, *accounts: dict[str, Any], ways: Iterable[str] = ()) -> None:
        self.accounts, self.ways = list(accounts), frozenset(ways)
        self.asked: list[tuple[str, str]] = []

    def find_users(self, attribute: str, value: str, *, all_of_them: bool = False) -> list[dict[str, Any]]:
        assert all_of_them
        self.asked.append((attribute, value))
        if f"refuses {attribute}" in self.ways:
            raise ScimError(400, "invalidFilter", "no")
        if "ignores filters" in self.ways:
            return self.accounts
        if "finds nothing" in self.ways:
            return []
        exact = f"exact {attribute}" in self.ways
        same = (lambda a, b: a == b) if exact else (lambda a, b: fold_case(a) == fold_case(b))
        return [each for each in self.accounts if same(str(each.get(attribute, "")), value)]

    def get_user(self, identity: str) -> dict[str, Any] | None:
        if "fails by id" in self.ways:
            raise ScimError(500, "", "no")
        found = next((each for each in self.accounts if each["id"] == identity), None)
        if found is not None and "differs by id" in self.ways:
            return {**found, "name": {"givenName": "Other"}}
        return None if "hides by id" in self.ways else found


def account(who: str, **changed: Any) -> dict[str, Any]:
    return {**resource(who), "id": f"live-{who}", **changed}


def read_of(*accounts: dict[str, Any], ways: Iterable[str] = ()) -> TargetedRead:
    return TargetedRead(Filters(account("grace"), *accounts, ways=ways), LiveReader(APPLE, MAPPINGS, OWNED))


def test_an_account_is_found_by_either_name_and_read_once() -> None:
    read = read_of(account("ada"))
    assert read.prove_filters([CONTROL]).user_name == "grace@example.com"
    assert [user.id for user in read.find(ADA)] == ["live-ada"]
    assert [user.id for user in read.find(Names(None, "ADA@example.com"))] == ["live-ada"]
    assert [*read.found] == ["live-ada"]


def test_the_same_question_is_asked_once() -> None:
    read = read_of(account("ada"))
    read.find(ADA)
    read.find(ADA)
    assert isinstance(read.client, Filters)
    assert len(read.client.asked) == 2


@pytest.mark.parametrize(
    "way",
    ["refuses userName", "refuses externalId", "ignores filters", "finds nothing", "exact userName"],
)
def test_filters_that_prove_nothing(way: str) -> None:
    with pytest.raises(FullPlanNeededError):
        read_of(account("ada"), ways=[way]).prove_filters([CONTROL])


@pytest.mark.parametrize("way", ["fails by id", "differs by id", "hides by id"])
def test_an_account_that_looks_different_by_its_id(way: str) -> None:
    with pytest.raises(FullPlanNeededError):
        read_of(account("ada"), ways=[way]).find(ADA)


def test_an_account_that_filters_show_in_two_ways() -> None:
    read = read_of(account("ada"))
    read.find(Names("id-ada", None))
    assert isinstance(read.client, Filters)
    read.client.accounts[1]["active"] = False
    with pytest.raises(FullPlanNeededError, match="in two ways"):
        read.find(Names(None, "ada@example.com"))


def test_a_user_of_whom_there_is_nothing_to_show_is_no_control() -> None:
    for controls in ([], [Names(None, "grace@example.com")], [Names("id-grace", "zoë@example.com")]):
        with pytest.raises(FullPlanNeededError):
            read_of().prove_filters(controls)


def test_two_accounts_of_one_name() -> None:
    with pytest.raises(FullPlanNeededError, match="several accounts"):
        read_of(account("ada"), account("ada", id="other")).find(ADA)


def test_an_account_without_an_id() -> None:
    with pytest.raises(FullPlanNeededError, match="without an id"):
        read_of(account("ada", id=None)).find(ADA)


def test_a_filter_by_external_id_may_distinguish_case() -> None:
    read = read_of(account("ada"), ways=["exact externalId"])
    assert read.prove_filters([CONTROL]).user_name == "grace@example.com"
    assert [user.id for user in read.find(ADA)] == ["live-ada"]
    with pytest.raises(FullPlanNeededError, match="no filter finds"):
        read.find(Names("ID-ADA", "ada@example.com"))


def test_that_a_filter_finds_nothing_proves_nothing() -> None:
    with pytest.raises(FullPlanNeededError, match="no filter finds"):
        read_of(account("ada", userName="other@example.com")).find(ADA)


def test_a_name_that_is_not_ascii_is_not_asked_for() -> None:
    with pytest.raises(FullPlanNeededError, match="not ASCII"):
        read_of().find(Names(None, "zoë@example.com"))
