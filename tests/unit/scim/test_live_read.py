from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arriving_users import arrive, cut
from support.builders import (
    APPLE,
    MAPPINGS,
    OUT,
    SCIM,
    desired,
    live,
    mapping,
    mappings,
    name_of,
    reader,
    resource,
)
from support.laws import examples
from support.page_helper import helper_of

from reconciler.core import paths
from reconciler.core.model import IN_SCOPE, NO_LIFECYCLE, AttributeMapping, DesiredUser, LiveUser, Resource
from reconciler.core.planning.joined_users import list_open_users
from reconciler.core.planning.request import LiveState
from reconciler.core.profile import TargetProfile
from reconciler.desired.user_table import UserTable
from reconciler.errors import ScimError, TargetError
from reconciler.scim import live_read, missing_users
from reconciler.scim.list_check import Corrections, ListCheck
from reconciler.scim.listed_users import ConvertPage, ListedUsers, Page, Settling
from reconciler.scim.live_read import Joining, read_live
from reconciler.scim.paging import ListRead

T = TypeVar("T")

NO = ScimError(400, "", "not supported")


class Service:
    """Users, of which lists show what `listed` makes of them. Counts what is asked for."""

    def __init__(
        self, *users: dict[str, Any], listed: Callable[[dict[str, Any]], dict[str, Any] | None] = dict
    ) -> None:
        self.users = {user["id"]: user for user in users}
        self.listed = listed
        self.problem: str | None = None
        self.large: range | None = None
        self.end_unproven = False
        self.filters_fail = False
        self.reads_fail = False
        self.found: list[str] = []
        self.read: list[str] = []

    def list_users(
        self,
        convert: Callable[[Resource], T],
        *,
        page_size: int,
        progress: Callable[[int, int], None],
        settling: Settling[T] | None = None,
        elsewhere: ConvertPage | None = None,
    ) -> ListRead[T]:
        shown = [found for user in self.users.values() if (found := self.listed(user)) is not None]
        listed = ListedUsers(convert, progress, settling)
        listed.restart()
        page = Page(len(shown), shown)
        if elsewhere is not None:
            page = elsewhere(json.dumps({"totalResults": len(shown), "Resources": shown}).encode()) or page
        listed.add(listed.read_page("the list", page, len(shown)), len(shown))
        return ListRead(listed.users, self.problem, self.end_unproven, large=self.large)

    def get_user(self, identity: str) -> dict[str, Any] | None:
        self.read.append(identity)
        if self.reads_fail:
            raise NO
        return self.users.get(identity)

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        self.found.append(f"{attribute} {value}")
        if self.filters_fail:
            raise NO
        return [user for user in self.users.values() if str(user.get(attribute)).casefold() == value.casefold()]

    def filter_by_active(self, *, active: bool, start: int = 1, cursor: str | None = None) -> Page:
        self.found.append(f"active {active}")
        if self.filters_fail:
            raise NO
        found = [user for user in self.users.values() if user.get("active") is active]
        shown = [user for user in map(self.listed, found) if user is not None]
        return Page(len(shown), shown[start - 1 :])


def read(
    service: Service, *wanted: DesiredUser, steps: list[str] | None = None, profile: TargetProfile = APPLE
) -> LiveState:
    """Read with settled users, and without: the same live state, by the same requests."""
    if not vars(service).keys().isdisjoint(dir(Service)):
        # A method of a test that counts what is asked.
        return read_with(service, wanted, [] if steps is None else steps, profile, settles=True)
    plain, seen = deepcopy(service), list[str]()
    expected = read_with(plain, wanted, seen, profile, settles=False)
    converted, also_seen = deepcopy(service), list[str]()
    assert read_with(converted, wanted, also_seen, profile, settles=True, helped=True) == expected
    assert (sorted(converted.found), sorted(converted.read), also_seen) == (
        sorted(plain.found),
        sorted(plain.read),
        seen,
    )
    state = read_with(service, wanted, [] if steps is None else steps, profile, settles=True)
    assert state == expected
    assert (sorted(service.found), sorted(service.read)) == (sorted(plain.found), sorted(plain.read))
    assert steps is None or steps == seen
    return state


def read_with(
    service: Service,
    wanted: Sequence[DesiredUser],
    steps: list[str],
    profile: TargetProfile = APPLE,
    *,
    settles: bool,
    rows: Sequence[AttributeMapping] = MAPPINGS,
    check: ListCheck | None = None,
    helped: bool = False,
) -> LiveState:
    def progress(step: str, done: int, total: int) -> None:
        steps.append(f"{step} {done}/{total}")

    used = reader(rows, profile=profile)
    helper = helper_of(used) if helped else None
    joining = Joining(settles=settles, helper=helper)
    state = read_live(service, used, wanted, rows, page_size=100, progress=progress, check=check, joining=joining)
    assert helper is None or helper.ended
    return state


def ids(state: LiveState) -> list[str]:
    return [user.id for user in state.users]


def people(names: str) -> list[DesiredUser]:
    return [desired(name) for name in names]


def resources(names: str) -> Sequence[dict[str, Any]]:
    return [resource(name) for name in names]


def hide(*names: str) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    return lambda user: None if user["userName"] in map(name_of, names) else user


def test_a_complete_list_is_the_live_state() -> None:
    steps: list[str] = []
    state = read(Service(*resources("abc")), *people("abc"), steps=steps)
    assert (state.users, state.problem) == ([live(name) for name in "abc"], None)
    assert steps == ["Reading live users 3/3"]


def test_a_list_with_a_problem_is_incomplete() -> None:
    service = Service(*resources("ab"))
    service.problem = "it moved"
    state = read(service, *people("abc"))
    assert (ids(state), state.problem) == (["live-a", "live-b"], "it moved")
    assert service.found == [], "nothing else is asked for"


# --- users that the list leaves out ------------------------------------------------------------


def test_a_user_that_a_filter_finds_and_the_list_does_not_show_makes_it_incomplete() -> None:
    service = Service(*resources("abc"), listed=hide("b"))
    state = read(service, *people("abc"))
    assert state.problem == 'the list leaves out 1 user that a filter finds: "b@example.com"'
    assert ids(state) == ["live-a", "live-c"]


def test_the_first_three_hidden_users_are_named() -> None:
    service = Service(*resources("abcde"), listed=hide(*"abcde"))
    problem = read(service, *people("abcde")).problem
    assert problem is not None
    assert problem.startswith("the list leaves out 5 users that a filter finds: ")
    assert problem.count('"') == 6


def test_missing_users_are_looked_up_by_every_identifier() -> None:
    service = Service()
    assert read(service, desired("a")).problem is None
    assert service.found == ["externalId id-a", "userName a@example.com"]


def test_at_most_twenty_missing_users_are_looked_up_spread_over_all() -> None:
    service = Service()
    names = [f"u{number:03}" for number in range(100)]
    read(service, *[desired(name) for name in names])
    looked_up = [entry.split()[1] for entry in service.found if entry.startswith("userName")]
    assert sorted(looked_up) == [name_of(names[99 * number // 19]) for number in range(20)]
    assert name_of("u099") in looked_up, "a page left out while the list moved may be the last one"


MANY = [f"u{number:02}" for number in range(40)]


def renamed(**shown: Any) -> Service:
    """A service with an account under its old name, of which the list shows something else; none of a sample."""
    users = [resource(name, **({"userName": "old@example.com"} if name == "u17" else {})) for name in MANY]
    return Service(*users, listed=lambda user: drop_none({**user, **shown}) if user["id"] == "live-u17" else user)


def drop_none(user: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in user.items() if value is not None}


def test_users_are_read_one_by_one_if_a_filter_finds_one_by_what_the_list_leaves_out() -> None:
    steps: list[str] = []
    state = read(renamed(externalId=None), *map(desired, MANY), steps=steps)
    assert (state.problem, [user.external_id for user in state.users]) == (None, [f"id-{name}" for name in MANY])
    assert steps[-1] == "Reading each live user, because lists leave attributes out 40/40"


def test_a_list_that_shows_another_name_than_a_filter_is_not_relied_on() -> None:
    state = read(renamed(externalId="id-x"), *map(desired, MANY))
    assert state.problem == 'the list shows account "live-u17" as "id-x", but a filter shows it as "id-u17"'
    assert len(state.users) == 40


def test_an_account_that_only_a_filter_shows_by_its_name_makes_the_state_incomplete() -> None:
    service = renamed(externalId=None)
    hidden, get = drop_none({**service.users["live-u17"], "externalId": None}), service.get_user
    service.get_user = lambda identity: hidden if identity == "live-u17" else get(identity)  # type: ignore[method-assign]
    state = read(service, *map(desired, MANY))
    assert state.problem == 'a filter shows account "live-u17" as "id-u17", but read by its id it is ""'


# --- users that the list shows as inactive ------------------------------------------------------


def inactive_in_list(*names: str, at: str = "", by_id: str = "") -> Service:
    """A service whose list shows some active users as inactive; `at`, `by_id`: their lastModified."""

    def show(user: dict[str, Any]) -> dict[str, Any]:
        wrong = user["userName"] in map(name_of, names)
        return {**user, "active": False, "meta": {"lastModified": at}} if wrong else user

    meta = {"meta": {"lastModified": by_id}} if by_id else {}
    return Service(*(resource(name, **meta) for name in MANY), listed=show)


@pytest.mark.parametrize("name", MANY)
def test_an_active_user_that_the_list_shows_as_inactive_makes_it_incomplete(name: str) -> None:
    problem = read(inactive_in_list(name), *map(desired, MANY)).problem
    assert problem == f'the list shows account "live-{name}" as inactive, but read by its id it is active'


@pytest.mark.parametrize("place", [0, 14, 29])
def test_inactive_users_are_read_spread_over_the_list(place: int) -> None:
    """The first, the last and one between: really inactive ones on either side hide no others there."""
    service = inactive_in_list(MANY[5 + place])
    for user in MANY[5:35]:
        service.users[f"live-{user}"]["active"] = user == MANY[5 + place]
    assert read(service, *map(desired, MANY)).problem is not None


def test_users_that_are_really_inactive_are_no_problem() -> None:
    service = Service(*(resource(name, active=name not in MANY[:9]) for name in MANY))
    assert read(service, *map(desired, MANY)).problem is None
    assert {"live-u00", "live-u08"} <= set(service.read)


def test_inactive_users_that_nobody_wants_are_not_read() -> None:
    service = Service(*(resource(name, active=name not in MANY[11:14]) for name in MANY))
    assert read(service, *map(desired, MANY[:11] + MANY[14:])).problem is None
    assert set(service.read).isdisjoint({"live-u11", "live-u12", "live-u13"})


def test_of_large_pages_the_inactive_users_are_read() -> None:
    service = inactive_in_list("u21")
    service.large = range(10, 30)
    for name in (*MANY[:10], *MANY[37:]):
        service.users[f"live-{name}"]["active"] = False
    assert read(service, *map(desired, MANY)).problem is not None


def test_a_user_that_is_reactivated_while_the_list_is_read_is_as_it_is_now() -> None:
    service = inactive_in_list("u17", at="2026-11-30T08:00:00Z", by_id="2026-11-30T08:00:01Z")
    state = read(service, *map(desired, MANY))
    assert (state.problem, [user.active for user in state.users]) == (None, [True] * 40)


def test_a_user_that_is_deactivated_while_the_list_is_read_is_as_it_is_now() -> None:
    """It was as desired, and settled."""
    service = Service(*(resource(name, active=name != "u00") for name in MANY))
    service.users["live-u00"]["meta"] = {"lastModified": "2026-11-30T08:00:01Z"}
    service.listed = lambda user: {**user, "active": True, "meta": {"lastModified": "2026-11-30T08:00:00Z"}}
    state = read(service, *map(desired, MANY))
    assert (state.problem, [user.active for user in state.users]) == (None, [False] + [True] * 39)


def test_a_user_that_changed_meanwhile_still_shows_what_the_list_leaves_out() -> None:
    service = inactive_in_list("u00", at="2026-11-30T08:00:00Z", by_id="2026-11-30T08:00:01Z")
    service.users = {"live-u00": service.users["live-u00"]}
    show = service.listed
    service.listed = lambda user: drop_none({**(show(user) or {}), "externalId": None})
    steps: list[str] = []
    state = read(service, desired("u00"), steps=steps)
    assert (state.problem, [user.external_id for user in state.users]) == (None, ["id-u00"])
    assert steps[-1].startswith("Reading each live user, because lists leave attributes out")


def test_a_list_that_is_out_of_date_is_incomplete() -> None:
    service = inactive_in_list("u17", "u20", at="2026-11-30T08:00:00Z", by_id="2026-11-30T08:00:01Z")
    assert read(service, *map(desired, MANY)).problem is not None


def test_users_out_of_scope_are_not_missing() -> None:
    service = Service()
    read(service, desired("a", verdict=OUT))
    assert service.found == []


def test_users_found_by_any_identifier_are_not_missing() -> None:
    service = Service(resource("a", externalId="other"))
    read(service, desired("a"))
    assert service.found == []


@pytest.mark.parametrize(("status", "asked"), [(429, 4), (503, 4), (500, 20), (400, 20), (501, 20)])
def test_lookups_by_an_attribute_end_when_one_of_them_keeps_failing(status: int, asked: int) -> None:
    """Each would be tried again and again for a minute and a half. By the other attribute, all are looked up."""
    service = Service()
    attributes: list[str] = []

    def refuse(attribute: str, _value: str) -> list[dict[str, Any]]:
        attributes.append(attribute)
        if attribute == "externalId":
            raise ScimError(status, "", "refused")
        return []

    service.find_users = refuse  # type: ignore[method-assign]
    read(service, *[desired(f"n{number}") for number in range(25)])
    assert attributes.count("userName") == 20
    assert 1 <= attributes.count("externalId") <= asked
    assert asked < 20 or attributes.count("externalId") == 20


def test_a_service_that_ignores_filters_hides_no_user() -> None:
    service = Service(*resources("ab"))
    service.find_users = lambda _attribute, _value: [resource("x"), resource("y")]  # type: ignore[method-assign]
    assert read(service, *people("abc")).problem is None


@pytest.mark.parametrize(("filters_fail", "problem"), [(False, False), (True, True)])
def test_an_unproven_end_needs_a_filter_that_works(filters_fail: bool, problem: bool) -> None:
    service = Service(*resources("ab"))
    service.end_unproven, service.filters_fail = True, filters_fail
    state = read(service, *people("abc"))
    assert (state.problem is not None) is problem
    if problem:
        assert state.problem == (
            "the service refuses both a page past the end and filters: nothing shows that the list is whole"
        )


# --- attributes that the list leaves out -------------------------------------------------------


def without_name(user: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in user.items() if key != "name"}


def test_users_are_read_one_by_one_if_lists_leave_attributes_out() -> None:
    steps: list[str] = []
    service = Service(*resources("abcdefg"), listed=without_name)
    state = read(service, *people("abcdefg"), steps=steps)
    assert (state.users, state.problem) == ([live(name) for name in "abcdefg"], None)
    assert steps[-1] == "Reading each live user, because lists leave attributes out 7/7"


@pytest.mark.parametrize(
    ("shown", "problem"),
    [
        (
            {"userName": name_of("b")},
            'the list shows account "live-a" as "b@example.com", but read by its id it is "a@example.com"',
        ),
        ({"externalId": "id-b"}, 'the list shows account "live-a" as "id-b", but read by its id it is "id-a"'),
    ],
)
def test_a_list_that_shows_accounts_as_other_users_is_not_relied_on(shown: dict[str, Any], problem: str) -> None:
    service = Service(*resources("abc"), listed=lambda user: {**user, **shown} if user["id"] == "live-a" else user)
    state = read(service, *people("abc"))
    assert state.problem == problem


def test_a_filter_that_finds_other_users_does_not_prove_that_the_list_is_whole() -> None:
    service = Service(*resources("ab"))
    service.end_unproven = True
    service.find_users = lambda _attribute, _value: [resource("x")]  # type: ignore[method-assign]
    problem = read(service, *people("abc")).problem
    assert problem == "the service refuses both a page past the end and filters: nothing shows that the list is whole"


def test_at_most_five_users_are_read_again() -> None:
    service = Service(*resources("abcdefghij"))
    read(service, *people("abcdefghij"))
    assert len(service.read) == 5


def test_users_that_lack_an_attribute_are_read_first() -> None:
    users = [resource(f"u{number:02}") for number in range(20)]
    users[13] = without_name(users[13])
    service = Service(*users)
    read(service, *[desired(f"u{number:02}") for number in range(20)])
    assert service.read[0] == "live-u13"


def test_the_users_read_again_are_spread_over_the_list() -> None:
    """Five accounts at its beginning really have no name; of the others, the list leaves it out."""
    names = [f"u{number:02}" for number in range(40)]
    users = [resource(name) if number >= 5 else without_name(resource(name)) for number, name in enumerate(names)]
    service = Service(*users, listed=lambda user: user if user["id"] < "live-u20" else without_name(user))
    state = read(service, *map(desired, names))
    assert service.read[:3] == ["live-u00", "live-u27", "live-u39"]
    assert [user.attributes.get("name.familyName") for user in state.users] == [None] * 5 + ["Lovelace"] * 35


def test_of_users_that_only_large_pages_brought_some_of_each_kind_are_read_again() -> None:
    """Those of the first page lack a name, and the last ones came in small pages again."""
    names = [f"u{number:02}" for number in range(40)]
    lacking = (*range(5), 12, *range(35, 40))
    users = [without_name(resource(name)) if number in lacking else resource(name) for number, name in enumerate(names)]
    service = Service(*users)
    service.large = range(10, 30)
    read(service, *map(desired, names))
    assert service.read == [f"live-u{number}" for number in (12, 10, 20, 29)]


def test_a_service_that_reads_no_single_user_is_believed() -> None:
    service = Service(*resources("abc"), listed=without_name)
    service.reads_fail = True
    assert read(service, *people("abc")).problem is None


def test_a_user_that_is_gone_when_read_by_id_makes_the_state_incomplete() -> None:
    service = Service(*resources("abcdefg"), listed=without_name)
    seen = iter(range(100))
    usual = service.get_user
    service.get_user = lambda identity: usual(identity) if next(seen) < 3 else None  # type: ignore[method-assign]
    state = read(service, *people("abcdefg"))
    assert state.problem == "lists leave attributes out, and a listed user is not found by its id"
    assert len(state.users) == 7


def test_a_user_that_cannot_be_read_by_id_makes_the_state_incomplete() -> None:
    service = Service(*resources("abcdefg"), listed=without_name)
    usual, seen = service.get_user, iter(range(100))

    def get(identity: str) -> dict[str, Any] | None:
        if next(seen) >= 3:
            raise NO
        return usual(identity)

    service.get_user = get  # type: ignore[method-assign]
    state = read(service, *people("abcdefg"))
    assert state.problem == "lists leave attributes out, and a user can't be read: not supported"


def test_a_service_that_refuses_every_request_raises() -> None:
    service = Service(*resources("ab"))

    def refuse(_attribute: str, _value: str) -> list[dict[str, Any]]:
        raise TargetError("the token was refused")

    service.find_users = refuse  # type: ignore[method-assign]
    with pytest.raises(TargetError, match="the token was refused"):
        read(service, *people("abc"))


def without_active(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda user: {k: v for k, v in user.items() if k != "active" or user["userName"] not in map(name_of, names)}


def test_users_whose_active_only_the_list_leaves_out_are_read_by_id() -> None:
    service = Service(*resources("abcdefghij"), listed=without_active("h", "i", "j"))
    service.users["live-i"]["active"] = False
    state = read(service, *people("abcdefghij"), profile=SCIM)
    assert (state.problem, ids(state)) == (None, ids(read(Service(*resources("abcdefghij")))))
    assert {user.id: user.active for user in state.users if not user.active} == {"live-i": False}
    assert not any(user.omits_active for user in state.users)
    assert service.read[:2] == ["live-h", "live-j"]
    assert len(service.read) == 6 + 3


def test_a_user_without_active_that_cannot_be_read_by_id_makes_the_list_incomplete() -> None:
    service = Service(*resources("abcdefghij"), listed=without_active("h", "i", "j"))
    get = service.get_user
    service.get_user = lambda identity: None if identity == "live-i" else get(identity)  # type: ignore[method-assign]
    state = read(service, *people("abcdefghij"), profile=SCIM)
    assert state.problem == "lists leave attributes out, and a listed user is not found by its id"
    assert len(state.users) == 10


def test_a_filter_says_which_users_without_active_are_inactive() -> None:
    def show(user: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in user.items() if k != "active" or v is True}

    service = Service(*resources("abc"), listed=show)
    service.users["live-b"]["active"] = False
    service.get_user = lambda identity: show(service.users[identity])  # type: ignore[method-assign]
    assert read(service, *people("abc"), profile=SCIM).inactive == {"live-b"}
    service.problem = "incomplete"
    assert read(service, *people("abc"), profile=SCIM).inactive == frozenset()


# --- with settled users and without -------------------------------------------------------------

PEOPLE = 16
COST = f"{paths.ENTERPRISE}:costCenter"
CLEARING = mappings(mapping("enterprise:costCenter", "costCenter", clear=True))
OFTEN = st.sampled_from([None] * 7 + ["department", "userName", "externalId", "active", "all"])
Find = Callable[[LiveUser], DesiredUser | None]


@st.composite
def listings(draw: st.DrawFn) -> tuple[Service, list[DesiredUser], Mapping[str, LiveUser | None]]:
    """A service, desired users, most of them the same, and corrections."""
    names = [f"p{number}" for number in range(PEOPLE)]
    users, wanted = [], []
    for name in names:
        centre = draw(st.sampled_from([None, None, "7"]))
        differs, other = draw(OFTEN), draw(st.sampled_from(names))
        shown = resource(name, **({paths.ENTERPRISE: {"department": "Engineering", "costCenter": centre}}))
        match differs:
            case "department":
                shown[paths.ENTERPRISE]["department"] = None
            case "userName":
                shown["userName"] = name_of(other)
            case "externalId":
                shown["externalId"] = draw(st.sampled_from([None, f"id-{other}"]))
            case "active":
                shown["active"] = draw(st.sampled_from([None, False]))
        users.append(shown)
        if differs != "all":
            verdict = draw(st.sampled_from([IN_SCOPE] * 9 + [OUT]))
            shared = draw(st.sampled_from([name] * 9 + [other]))
            wanted.append(desired(shared, key=name, verdict=verdict, **({COST: centre} if centre else {})))
    hidden = draw(st.sampled_from([(), (), ("p3", "p7")]))
    lacks = draw(st.sampled_from([None, None, "name", paths.ENTERPRISE]))

    def listed(user: dict[str, Any]) -> dict[str, Any] | None:
        shown = {key: value for key, value in user.items() if key != lacks}
        return hide(*hidden)(shown)

    service = Service(*users, listed=listed)
    service.filters_fail, service.reads_fail = draw(st.booleans()), draw(st.sampled_from([False] * 3 + [True]))
    service.end_unproven = draw(st.booleans())
    numbers = draw(st.sets(st.integers(0, PEOPLE), max_size=3))
    changed = {f"live-p{number}": draw(st.sampled_from([None, live(f"p{number}"), live("x")])) for number in numbers}
    return service, wanted, changed


@settings(max_examples=examples(300), deadline=None)
@given(listing=listings(), profile=st.sampled_from([APPLE, SCIM]))
def test_settled_users_change_nothing_of_a_read(listing: Any, profile: TargetProfile) -> None:
    service, wanted, changed = listing
    states, asked = [], []
    same = [replace(user, lifecycle=NO_LIFECYCLE) for user in wanted]
    rows, arriving = UserTable(same), arrive(cut(same, 2), early=1)
    for people, settles in ((rows, True), (wanted, True), (wanted, False), (arriving, True)):
        used, steps, seen = deepcopy(service), list[str](), list[Any]()

        def check(missing: Sequence[DesiredUser], listed: Mapping[str, LiveUser], find: Find, seen: Any = seen) -> Any:
            seen += [list(missing), dict(listed), [find(user) for user in listed.values()]]
            return Corrections(changed) if changed else Corrections()

        with pytest.MonkeyPatch.context() as patch:
            for module in (live_read, missing_users):
                patch.setattr(module, "_WORKERS", 1)  # several threads ask in no order
            state = read_with(used, people, steps, profile, settles=settles, rows=CLEARING, check=check)
        states.append(state)
        asked.append((sorted(used.found), used.read, steps, seen))
    for state, seen in zip(states[1:], asked[1:], strict=True):
        assert list(states[0].users) == list(state.users)
        assert states[0] == state
        assert asked[0] == seen


def test_most_users_of_a_list_are_settled() -> None:
    names = [f"p{number}" for number in range(30)]
    state = read(Service(*map(resource, names)), *map(desired, names))
    assert list(list_open_users(state.users)) == []
    assert len(state.users) == 30
