from __future__ import annotations

from typing import Any

from support.builders import desired, live, reader, resource

from reconciler.scim.missing_users import look_up_missing, spread


def test_numbers_are_spread_from_the_first_to_the_last() -> None:
    assert spread(3, 5) == [0, 1, 2]
    assert spread(10, 4) == [0, 3, 6, 9]
    assert spread(10, 1) == [0]
    assert spread(0, 4) == []


class Filters:
    """A service with one account."""

    def __init__(self, account: dict[str, Any]) -> None:
        self.account = account

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        return [self.account] if self.account.get(attribute) == value else []


def test_accounts_are_found_hidden_or_shown_otherwise() -> None:
    service = Filters(resource("ada"))
    found = look_up_missing(service, reader(), [desired("ada")], {})
    assert (len(found.hidden), found.answered, found.otherwise) == (1, True, [])
    shown = live("ada", externalId=None, userName="old@example.com")
    found = look_up_missing(service, reader(), [desired("ada")], {"live-ada": shown})
    assert (found.hidden, found.answered) == ([], True)
    assert {(listed.id, alone.external_id) for listed, alone in found.otherwise} == {("live-ada", "id-ada")}
    same = look_up_missing(service, reader(), [desired("ada")], {"live-ada": live("ada")})
    assert (same.hidden, same.otherwise) == ([], [])
