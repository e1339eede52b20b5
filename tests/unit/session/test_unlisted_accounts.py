from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.builders import MAPPINGS, desired, reader, resource

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.errors import ScimError
from reconciler.record.recorded_accounts import RecordedAccount, RecordedAccounts
from reconciler.record.timestamps import LONG_AGO
from reconciler.scim.list_check import NO_CORRECTIONS, Corrections
from reconciler.session import unlisted_accounts
from reconciler.session.unlisted_accounts import RecordCheck

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MOMENT_AGO = NOW - timedelta(minutes=1)
LONG_SINCE = NOW - timedelta(days=30)


class Service:
    """What reads by id and filters show. `refused`: ids that cannot be read."""

    def __init__(self, *users: dict[str, Any], by_filter: Iterable[dict[str, Any]] = ()) -> None:
        self.users = {user["id"]: user for user in users}
        self.by_filter = list(by_filter)
        self.refused: set[str] = set()
        self.read: list[str] = []
        self.found: list[str] = []

    def get_user(self, identity: str) -> dict[str, Any] | None:
        self.read.append(identity)
        if identity in self.refused:
            raise ScimError(403, "", "no")
        return self.users.get(identity)

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        self.found.append(f"{attribute} {value}")
        return [user for user in self.by_filter if user.get(attribute) == value]


def account(who: str = "ada", when: datetime = MOMENT_AGO, **fields: Any) -> RecordedAccount:
    names = {"user_name": f"{who}@example.com", "external_id": f"id-{who}"}
    return RecordedAccount(f"live-{who}", **{"written": when, "created": when, "shown": when, **names, **fields})


def check(
    service: Service,
    *accounts: RecordedAccount,
    missing: Sequence[DesiredUser] = (),
    listed: Sequence[dict[str, Any]] = (),
    wanted: Sequence[DesiredUser] = (),
) -> Corrections:
    recorded = RecordedAccounts({each.live_id: each for each in accounts})
    users = {user["id"]: reader().read(user) for user in listed}
    by_id = {f"live-{each.key.partition('@')[0]}": each for each in wanted}

    def find(live: LiveUser) -> DesiredUser | None:
        return by_id.get(live.id)

    return RecordCheck(service, reader(), recorded, MAPPINGS, NOW)(missing, users, find)


def test_nothing_is_asked_without_a_record() -> None:
    service = Service(resource("ada"))
    assert check(service, missing=[desired("ada")]) is NO_CORRECTIONS
    assert service.read == service.found == []


def test_nothing_is_asked_if_the_list_shows_what_was_written_long_ago() -> None:
    service = Service(resource("ada"))
    found = check(service, account("ada", LONG_SINCE), listed=[resource("ada")], wanted=[desired("ada")])
    assert (found.users, service.read) == ({}, [])


@pytest.mark.parametrize("when", [MOMENT_AGO, LONG_SINCE])
def test_a_missing_user_is_read_by_the_id_on_record(when: datetime) -> None:
    service = Service(resource("ada"))
    found = check(service, account("ada", when), missing=[desired("ada")])
    assert found.users == {"live-ada": reader().read(resource("ada"))}
    assert service.read == ["live-ada"]
    assert "does not show 1 account as it is after an apply on record" in found.notes[0]


def test_a_missing_user_is_read_by_the_user_name_too() -> None:
    """An account with another externalId is no reason to create one: matching decides."""
    theirs = resource("ada", externalId="old")
    found = check(Service(theirs), account("ada", LONG_SINCE, external_id="old"), missing=[desired("ada")])
    assert found.users["live-ada"].external_id == "old"  # type: ignore[union-attr]


def test_an_account_that_no_read_showed_is_awaited() -> None:
    unseen = account("ada", shown=LONG_SINCE - timedelta(days=9000))
    found = check(Service(), unseen, missing=[desired("ada")])
    awaited = found.awaited["ada@example.com"]
    assert (awaited.live_id, awaited.created, awaited.until) == (
        "live-ada",
        MOMENT_AGO,
        MOMENT_AGO + timedelta(hours=1),
    )
    assert found.settled == {"ada@example.com"}


def test_an_account_that_cannot_be_read_is_awaited() -> None:
    service = Service(resource("ada"))
    service.refused.add("live-ada")
    unseen = account("ada", shown=LONG_SINCE - timedelta(days=9000))
    assert check(service, unseen, missing=[desired("ada")]).awaited.keys() == {"ada@example.com"}


def test_an_account_that_was_shown_and_is_gone_is_created_again() -> None:
    found = check(Service(), account("ada"), missing=[desired("ada")])
    assert (found.awaited, found.users, found.settled) == ({}, {}, frozenset())


def test_an_account_that_only_a_filter_shows_is_found() -> None:
    found = check(Service(by_filter=[resource("ada")]), account("ada"), missing=[desired("ada")])
    assert found.users.keys() == {"live-ada"}


def test_a_filter_that_is_ignored_shows_no_account_of_another() -> None:
    found = check(Service(by_filter=[resource("ada", id="other")]), account("ada"), missing=[desired("ada")])
    assert found.users == {}


def test_an_account_that_is_hidden_is_part_of_the_live_state() -> None:
    hidden = account("ada", LONG_SINCE, unseen=LONG_SINCE + timedelta(days=1))
    found = check(Service(), hidden, missing=[desired("ada")])
    (user,) = found.hidden_users
    assert (user.id, user.external_id, user.user_name, user.active) == ("live-ada", "id-ada", "ada@example.com", False)
    assert found.hidden == {"live-ada": LONG_SINCE + timedelta(days=1)}
    assert (found.users, found.settled) == ({}, {"ada@example.com"})


def test_a_hidden_account_with_another_external_id_is_not_the_users() -> None:
    hidden = account("ada", LONG_SINCE, unseen=MOMENT_AGO, external_id="old")
    found = check(Service(), hidden, missing=[desired("ada")])
    assert (found.hidden_users, found.settled) == ((), frozenset())


def test_two_users_do_not_share_a_hidden_account() -> None:
    hidden = account("ada", LONG_SINCE, unseen=MOMENT_AGO)
    users = [desired("ada"), desired("ada", key="second@example.com")]
    assert len(check(Service(), hidden, missing=users).hidden_users) == 1


def test_an_account_that_is_listed_as_active_after_its_removal_is_read() -> None:
    left = account("ada", removal=MOMENT_AGO)
    inactive = resource("ada", active=False)
    found = check(Service(inactive), left, listed=[resource("ada")])
    assert found.users == {"live-ada": reader().read(inactive)}


def modified(minute: int, **changed: Any) -> dict[str, Any]:
    return resource("ada", meta={"lastModified": f"2026-03-01T11:{minute}:00Z"}, **changed)


BEFORE_REMOVAL = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("listed", "known", "dropped"),
    [
        (modified(30), BEFORE_REMOVAL, True),
        (modified(29), BEFORE_REMOVAL, True),
        (modified(31), BEFORE_REMOVAL, False),
        (resource("ada"), BEFORE_REMOVAL, False),
        (modified(30), LONG_AGO, False),
    ],
)
def test_a_leaver_who_is_listed_as_active_and_has_no_account_by_id_is_dropped_if_the_list_is_older(
    listed: dict[str, Any], known: datetime, dropped: bool
) -> None:
    left = account("ada", removal=MOMENT_AGO, unseen=MOMENT_AGO, modified=known)
    assert check(Service(), left, listed=[listed]).users == ({"live-ada": None} if dropped else {})


@pytest.mark.parametrize(
    ("listed", "known", "dropped"),
    [
        (modified(30), BEFORE_REMOVAL, True),
        (modified(31), BEFORE_REMOVAL, False),
        (resource("ada"), BEFORE_REMOVAL, True),
        (modified(30), LONG_AGO, True),
    ],
)
def test_an_account_that_was_deleted_is_dropped_unless_the_list_is_newer(
    listed: dict[str, Any], known: datetime, dropped: bool
) -> None:
    gone = account("ada", removal=MOMENT_AGO, gone=NOW, modified=known)
    assert check(Service(), gone, listed=[listed]).users == ({"live-ada": None} if dropped else {})


def test_a_user_whose_account_the_list_shows_as_before_its_deactivation_gets_it_back() -> None:
    left = account("ada", removal=MOMENT_AGO, unseen=NOW, modified=BEFORE_REMOVAL)
    found = check(Service(), left, listed=[modified(30)], wanted=[desired("ada")])
    assert [user.id for user in found.hidden_users] == ["live-ada"]
    assert found.settled == {"ada@example.com"}


@pytest.mark.parametrize(("minute", "hidden"), [(30, True), (31, False)])
def test_a_filter_that_shows_an_account_as_before_its_deactivation_does_not_count(minute: int, hidden: bool) -> None:
    left = account("ada", removal=MOMENT_AGO, unseen=NOW, modified=BEFORE_REMOVAL)
    found = check(Service(by_filter=[modified(minute)]), left, missing=[desired("ada")])
    assert bool(found.hidden_users) is hidden
    assert bool(found.users.get("live-ada")) is not hidden


def test_an_account_without_a_removal_is_not_dropped_if_its_id_shows_nothing() -> None:
    found = check(Service(), account("ada"), listed=[resource("ada")], wanted=[desired("ada", department="Sales")])
    assert found.users == {}


def test_an_account_that_is_listed_with_other_values_than_desired_is_read() -> None:
    now = resource("ada", userName="king@example.com")
    service = Service(now)
    found = check(
        service, account("ada"), listed=[resource("ada")], wanted=[desired("ada", user_name="king@example.com")]
    )
    assert found.users == {"live-ada": reader().read(now)}


def test_a_later_state_in_the_list_counts() -> None:
    listed, alone = modified(30), modified(20, userName="old@example.com")
    wanted = [desired("ada", user_name="other@example.com")]
    assert check(Service(alone), account("ada"), listed=[listed], wanted=wanted).users == {}
    assert check(Service(listed), account("ada"), listed=[alone], wanted=wanted).users.keys() == {"live-ada"}


def test_five_accounts_show_whether_the_list_lags() -> None:
    names = [f"user{number}" for number in range(20)]
    accounts, listed = [account(name) for name in names], [resource(name) for name in names]
    service = Service(*listed)
    assert check(service, *accounts, listed=listed, wanted=[desired(name) for name in names]).users == {}
    assert len(service.read) == 5
    changed = Service(*(resource(name, userName=f"new-{name}@example.com") for name in names))
    found = check(changed, *accounts, listed=listed, wanted=[desired(name) for name in names])
    assert (len(found.users), len(changed.read)) == (20, 20)


@pytest.mark.parametrize("shown", [MOMENT_AGO, LONG_SINCE - timedelta(days=9000)])
def test_reads_by_id_are_bounded_and_what_is_not_read_is_not_created(
    shown: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlisted_accounts, "MOST_READ", 3)
    names = [f"user{number}" for number in range(10)]
    accounts = [account(name, shown=shown) for name in names]
    service = Service(*map(resource, names))
    found = check(service, *accounts, missing=[desired(name) for name in names])
    assert (len(service.read), len(found.users), len(found.awaited)) == (3, 3, 7)


def test_a_new_account_that_nothing_shows_is_named_although_no_user_has_it() -> None:
    unseen = account("ada", shown=LONG_SINCE - timedelta(days=9000))
    (found,) = check(Service(), unseen).unshown
    assert (found.live_id, found.until) == ("live-ada", MOMENT_AGO + timedelta(hours=1))
    # A user who waits for it has an error already, and what is shown by its id is removed.
    assert check(Service(), unseen, missing=[desired("ada")]).unshown == ()
    shown = check(Service(resource("ada")), unseen)
    assert (shown.unshown, shown.users.keys()) == ((), {"live-ada"})


def test_a_new_account_is_read_by_its_id_for_an_hour() -> None:
    when = NOW - timedelta(minutes=40)
    found = check(Service(resource("ada")), account("ada", when, shown=LONG_SINCE - timedelta(days=9000)))
    assert found.users.keys() == {"live-ada"}


def test_an_account_that_was_shown_or_is_old_is_not_waited_for() -> None:
    assert check(Service(), account("ada")).unshown == ()
    late = account("ada", NOW - timedelta(minutes=61), shown=LONG_SINCE - timedelta(days=9000))
    assert check(Service(), late).unshown == ()
