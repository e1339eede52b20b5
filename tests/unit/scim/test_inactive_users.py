from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.builders import SCIM, reader, resource

from reconciler.core.model import LiveUser
from reconciler.errors import ScimError, TargetError
from reconciler.scim.inactive_users import find_inactive
from reconciler.scim.listed_users import Page


def shown(who: str, active: bool | None) -> dict[str, Any]:
    """A user as the service shows it; None: without `active`."""
    found = {key: value for key, value in resource(who).items() if key != "active"}
    return found if active is None else {**found, "active": active}


LISTED = [shown("ada", True), shown("eve", True), shown("bob", None), shown("cyd", None)]


class Service:
    """Answers a filter for active users with `active` and one for inactive ones with `inactive`, in pages."""

    def __init__(
        self, active: Sequence[dict[str, Any]], inactive: Sequence[dict[str, Any]], *, page: int = 100
    ) -> None:
        self.answers = {True: active, False: inactive}
        self.page = page
        self.by_cursor = False
        self.ignores_start = False
        self.asked: list[str] = []

    def filter_by_active(self, *, active: bool, start: int = 1, cursor: str | None = None) -> Page:
        self.asked.append(f"{active} {cursor or start}")
        users = self.answers[active]
        first = 0 if self.ignores_start else int(cursor) if cursor else start - 1
        last = first + self.page
        following = str(last) if self.by_cursor and last < len(users) else None
        return Page(None if self.by_cursor else len(users), list(users[first:last]), following)


def find(service: Service, *listed: dict[str, Any]) -> frozenset[str]:
    reads = reader(profile=SCIM)
    users: list[LiveUser] = [reads.read(user) for user in listed or LISTED]
    return find_inactive(service, reads, users)


def test_a_user_without_active_is_inactive_if_a_filter_says_so() -> None:
    service = Service(LISTED[:2], [LISTED[2]])
    assert find(service) == {"live-bob"}
    assert service.asked == ["True 1", "False 1"]
    # Others that it says are inactive are none of the users in question.
    assert find(Service(LISTED[:2], [shown("dan", False), shown("zoe", None)])) == frozenset()


@pytest.mark.parametrize(
    "listed",
    [
        (shown("ada", True), shown("eve", False)),
        (shown("bob", None), shown("cyd", None)),
        (shown("bob", None), shown("eve", False)),
    ],
)
def test_nothing_is_asked_unless_some_show_true_and_others_nothing(listed: Sequence[dict[str, Any]]) -> None:
    service = Service((), ())
    assert (find(service, *listed), service.asked) == (frozenset(), [])


@pytest.mark.parametrize(
    ("active", "inactive"),
    [
        (LISTED, LISTED),  # filters are ignored
        (LISTED[2:], LISTED[2:]),  # the same, and the first page has users without it only
        (LISTED[:3], LISTED[2:]),  # what is not set matches both
        ([], LISTED[2:]),  # whatever is asked, no user is active
        (LISTED[:2], [*LISTED[2:], LISTED[0]]),
        ([*LISTED[:2], shown("dan", False)], LISTED[2:]),
    ],
)
def test_answers_that_contradict_themselves_prove_nothing(
    active: Sequence[dict[str, Any]], inactive: Sequence[dict[str, Any]]
) -> None:
    assert find(Service(active, inactive)) == frozenset()


@pytest.mark.parametrize("prepare", [lambda _s: None, lambda s: setattr(s, "by_cursor", True)])
def test_all_pages_are_read(prepare: Callable[[Service], None]) -> None:
    many = [shown(f"u{number}", None) for number in range(7)]
    service = Service(LISTED[:1], many, page=3)
    prepare(service)
    assert find(service, LISTED[0], *many) == {user["id"] for user in many}
    assert len(service.asked) == 1 + 3


def test_a_service_that_repeats_its_first_page_is_not_asked_for_ever() -> None:
    many = [shown(f"u{number}", None) for number in range(7)]
    service = Service(LISTED[:1], many, page=3)
    service.ignores_start = True
    assert len(find(service, LISTED[0], *many)) == 3
    assert len(service.asked) == 1 + 2


def test_a_true_on_a_later_page_proves_that_the_filter_is_ignored() -> None:
    many = [shown(f"u{number}", None) for number in range(3)]
    assert find(Service(LISTED[:1], [*many, LISTED[1]], page=3), LISTED[0], *many) == frozenset()


@pytest.mark.parametrize("refusal", [ScimError(400, "invalidFilter", "no"), TargetError("not a list")])
def test_a_refusal_proves_nothing(refusal: Exception) -> None:
    service = Service(LISTED[:2], LISTED[2:])

    def refuse(**_: object) -> Page:
        raise refusal

    service.filter_by_active = refuse  # type: ignore[assignment, method-assign]
    assert find(service) == frozenset()
