from dataclasses import replace
from typing import Any

import pytest
from support.builders import change, live, values_of

from reconciler.core.model import LiveUser
from reconciler.core.plan import Action, Change
from reconciler.core.planning.guards.context import GuardContext, RecentChange
from reconciler.core.planning.guards.handovers import find_identity_changes
from reconciler.core.planning.temporary_names import make_temporary_name

NAMES = frozenset({"name.givenName", "name.familyName"})


def becomes(who: str, **after: Any) -> Change:
    """An account of the family Lovelace gets other values; `before`: those it has now, if others."""
    before = values_of(who, **after.pop("before", {}))
    return change(who, after={**before, **values_of(who, **after)}, before=before)


def find(
    *changes: Change, recent: list[RecentChange] | None = None, accounts: list[LiveUser] | None = None
) -> tuple[set[str], int]:
    users = accounts or []
    found = find_identity_changes(GuardContext(changes, [], users, None, {}, recent=recent or [], live=users))
    return {each.key.partition("@")[0] for each in found.changes}, found.earlier


def recently(who: str, **fields: Any) -> RecentChange:
    return RecentChange("", f"live-{who}", Action.UPDATE, **fields)


BO = becomes("bo", user_name="ed@example.com", given="Ed")
ED = becomes("ed", user_name="bo@example.com", given="Bo")


# --- user name and full name of another account -----------------------------------


def test_an_account_that_takes_user_name_and_full_name_of_another_is_handed_over() -> None:
    assert find(BO, ED) == ({"bo", "ed"}, 0)
    assert find(BO, becomes("ed", user_name="new@example.com")) == ({"bo"}, 0)


@pytest.mark.parametrize(
    "changes",
    [
        [becomes("bo", user_name="ed@example.com"), becomes("ed", user_name="bo@example.com")],
        [becomes("bo", user_name="ed@example.com", given="Max"), becomes("ed", user_name="bo@example.com")],
        [
            becomes("bo", user_name="ed@example.com", given="ED", before={"given": "Ed"}),
            becomes("ed", user_name="bo@example.com"),
        ],
        [becomes("bo", given="Ed"), becomes("ed", given="Bo")],
        [change("new", Action.CREATE, after=values_of("ed")), becomes("ed", user_name="bo@example.com")],
    ],
    ids=["own names kept", "a corrected name", "namesakes", "given names only", "a new user"],
)
def test_other_exchanges_are_ordinary(changes: list[Change]) -> None:
    assert find(*changes) == (set(), 0)


def test_an_account_with_a_temporary_name_is_handed_over_like_any_other() -> None:
    made = change("bo", before=BO.before, after={**BO.before, "userName": "ed@example.com"})
    stuck = replace(BO, before={**BO.before, "userName": make_temporary_name(made, ())})
    assert find(stuck, becomes("ed", user_name="bo@example.com"))[0] == {"bo"}


def test_an_account_without_a_name_gets_that_of_another() -> None:
    bare = {"before": {"given": None, "family": None}}
    assert find(becomes("bo", user_name="ed@example.com", given="Ed", **bare), ED)[0] == {"bo"}


def test_the_display_name_is_the_full_name_of_accounts_without_the_others() -> None:
    def shown(who: str, to: str) -> Change:
        rest = {"name.givenName": None, "name.familyName": None}
        before, after = (values_of(each, displayName=each, **rest) for each in (who, to))
        return change(who, before=before, after=after)

    assert find(shown("bo", "ed"), shown("ed", "bo"))[0] == {"bo", "ed"}


def test_a_handover_in_two_steps_counts() -> None:
    renamed = [
        recently(who, attributes=frozenset({"userName"}), user_names=(f"{who}@example.com",)) for who in ("bo", "ed")
    ]
    swapped = {"bo": "ed@example.com", "ed": "bo@example.com"}
    accounts = [live(who, user_name=name) for who, name in swapped.items()]
    steps = [
        becomes(who, given=other.capitalize(), user_name=swapped[who], before={"user_name": swapped[who]})
        for who, other in (("bo", "ed"), ("ed", "bo"))
    ]
    assert find(*steps, recent=renamed, accounts=accounts)[0] == {"bo", "ed"}
    assert find(steps[0], recent=renamed, accounts=accounts)[0] == {"bo"}
    named = [
        recently(who, attributes=frozenset({"name.givenName"}), full_names=(f"{who} lovelace",)) for who in ("bo", "ed")
    ]
    steps = [
        becomes(who, user_name=swapped[who], given=other, before={"given": other})
        for who, other in (("bo", "Ed"), ("ed", "Bo"))
    ]
    assert find(*steps, recent=named)[0] == {"bo", "ed"}
    assert find(*steps) == (set(), 0)
    # Their own names again.
    back = [
        becomes(who, user_name=swapped[who], before={"given": other}) for who, other in (("bo", "Ed"), ("ed", "Bo"))
    ]
    assert find(back[0], recent=named)[0] == set()


def test_namesakes_that_were_created_today_exchange_their_user_names() -> None:
    """What the record says of a create is that there was no account, not that it had no name."""
    made = [RecentChange("", f"live-{who}", Action.CREATE, attributes=NAMES, user_names=("",)) for who in ("bo", "ed")]
    names = {"given": "Ada"}
    swap = [
        becomes(who, user_name=f"{other}@example.com", **names, before=names)
        for who, other in (("bo", "ed"), ("ed", "bo"))
    ]
    assert find(*swap, recent=made, accounts=[live("bo", **names), live("ed", **names)]) == (set(), 0)
    assert find(BO, ED, recent=made, accounts=[live("bo"), live("ed")])[0] == {"bo", "ed"}


# --- accounts of leavers ----------------------------------------------------------

INACTIVE: dict[str, Any] = {"before": {"active": False}}
WAS_INACTIVE: dict[str, Any] = {"was_active": False, "reactivated": True}


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ({"user_name": "x@example.com", "given": "X"}, True),
        ({"user_name": "x@example.com", "family": "X"}, True),
        ({"user_name": "x@example.com"}, False),
        ({"given": "X"}, False),
        ({"user_name": "BO@example.com", "given": "X"}, False),
        ({"user_name": "x@example.com", "given": "BO"}, False),
        ({"user_name": "x@example.com", "given": "X", "active": False}, False),
    ],
)
def test_the_account_of_a_leaver_becomes_that_of_another(after: dict[str, Any], found: bool) -> None:
    assert find(becomes("bo", **after, **INACTIVE))[0] == ({"bo"} if found else set())


@pytest.mark.parametrize(
    ("recent", "found"),
    [
        ([recently("bo", attributes=frozenset({"active"}), **WAS_INACTIVE)], True),
        (
            [recently("bo", attributes=frozenset({"active"}), lifted=frozenset({"identity-changes"}), **WAS_INACTIVE)],
            False,
        ),
        ([recently("bo", attributes=frozenset({"title"}))], False),
        ([recently("ed", attributes=frozenset({"active"}), **WAS_INACTIVE)], False),
    ],
)
def test_an_account_that_was_activated_within_a_day_counts(recent: list[RecentChange], found: bool) -> None:
    renamed = becomes("bo", user_name="x@example.com", given="X")
    assert find(renamed, recent=recent)[0] == ({"bo"} if found else set())


def test_names_from_before_the_deactivation_do_not_count() -> None:
    married = recently("bo", user_names=("old@example.com",), full_names=("bo old",))
    left = RecentChange("", "live-bo", Action.DEACTIVATE, user_names=("bo@example.com",))
    assert find(becomes("bo", **INACTIVE), recent=[married, left]) == (set(), 0)
    renamed = recently("bo", was_active=False, user_names=("old@example.com",), full_names=("bo old",))
    assert find(becomes("bo", **INACTIVE), recent=[renamed])[0] == {"bo"}


NAMELESS: dict[str, Any] = {"given": None, "family": None}


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({}, {"given": "Max", "family": "King"}, True),
        ({}, {"family": "King"}, False),
        ({"given": None}, {"given": "Max", "family": "King"}, True),
        ({**NAMELESS, "displayName": "Bo Lovelace"}, {**NAMELESS, "displayName": "Max King"}, True),
        ({**NAMELESS, "displayName": "Bo Lovelace"}, {**NAMELESS, "displayName": "Bo King"}, False),
        (NAMELESS, {**NAMELESS, "user_name": "x@example.com"}, True),
        (NAMELESS, {**NAMELESS, "user_name": "BO@example.com"}, False),
        (NAMELESS, {"given": "Bo", "family": "Lovelace"}, False),
    ],
)
def test_a_user_name_that_stays_or_is_all_that_is_known_shows_no_leaver(
    before: dict[str, Any], after: dict[str, Any], found: bool
) -> None:
    """A userName that is chosen on create never changes, whoever gets the account."""
    revived = becomes("bo", **after, before={"active": False, **before})
    assert find(revived)[0] == ({"bo"} if found else set())
    today = recently("bo", attributes=frozenset({"active"}), **WAS_INACTIVE)
    # Of an account without a name the record shows the userName that it had.
    names = () if before is not NAMELESS else ("bo@example.com",)
    active = becomes("bo", **after, before=before)
    assert find(active, recent=[replace(today, user_names=names)])[0] == ({"bo"} if found else set())
    assert find(active)[0] == set()


def test_both_names_of_a_leaver_replaced_one_after_the_other_count() -> None:
    given = recently("bo", attributes=frozenset({"active", "name.givenName"}), full_names=("max king",), **WAS_INACTIVE)
    assert find(becomes("bo", family="King"), recent=[given])[0] == {"bo"}
    filled = replace(given, attributes=given.attributes | NAMES, full_names=("",))
    assert find(becomes("bo", family="King"), recent=[filled])[0] == set()


# --- adoptions --------------------------------------------------------------------


def adopted(*attributes: str, **fields: Any) -> RecentChange:
    return RecentChange("", "live-bo", Action.ADOPT, attributes=frozenset({"externalId", *attributes}), **fields)


@pytest.mark.parametrize(
    ("recent", "after", "found"),
    [
        (adopted(), {"given": "Max", "family": "King"}, True),
        (adopted("name.familyName"), {"given": "Max"}, True),
        (adopted("name.familyName", full_names=("bo king",)), {"given": "Max"}, True),
        (adopted("name.familyName"), {"given": "Max", "user_name": "x@example.com"}, True),
        (adopted("name.familyName"), {"family": "King"}, False),
        (adopted("name.familyName"), {"user_name": "x@example.com"}, False),
        (adopted(*NAMES), {"department": "X"}, False),
        (adopted(*NAMES, full_names=("",)), {"given": "Max"}, False),
        (adopted("name.familyName", lifted=frozenset({"identity-changes"})), {"given": "Max"}, False),
        (adopted("displayName", full_names=("max king",)), {**NAMELESS, "displayName": "Bo Lovelace"}, True),
        (adopted("displayName", full_names=("bo king",)), {**NAMELESS, "displayName": "Bo Lovelace"}, False),
    ],
)
def test_an_adoption_in_two_steps_within_a_day_counts_as_one(
    recent: RecentChange, after: dict[str, Any], found: bool
) -> None:
    before = {**NAMELESS, "displayName": "Bo King"} if "displayName" in after else {}
    assert find(becomes("bo", **after, before=before), recent=[recent])[0] == ({"bo"} if found else set())


@pytest.mark.parametrize(("shown", "found"), [("bo", False), ("Bo@example.com", False), ("bx", True), ("Bo L", False)])
def test_an_adopted_account_that_is_called_by_its_user_name_names_nobody(shown: str, found: bool) -> None:
    before, after = ({**NAMELESS, "displayName": name} for name in (shown, "Max Bo" if "L" in shown else "Max King"))
    step = replace(becomes("bo", **after, before=before), action=Action.ADOPT)
    assert find(step)[0] == ({"bo"} if found else set())


def test_an_adoption_that_may_pass_counts_towards_the_limit() -> None:
    other = replace(adopted(*NAMES), live_id="live-ed")
    assert find(becomes("bo", user_name="x@example.com", given="X", family="Y"), recent=[other]) == ({"bo"}, 1)


def test_an_adoption_with_another_full_name_in_one_attribute_counts_towards_the_limit() -> None:
    other = replace(adopted("displayName", full_names=("ed king",)), live_id="live-ed")
    renamed = becomes("bo", user_name="x@example.com", given="X", family="Y")
    account = live("ed", **NAMELESS, displayName="Max Moor")
    assert find(renamed, recent=[other], accounts=[account]) == ({"bo"}, 1)


# --- both names of another account ------------------------------------------------


def test_names_of_others_count_from_two_accounts_on_within_a_day() -> None:
    accounts = [
        live("bo"),
        live("cy", family="Byron"),
        live("ed", given="Flo", family="King"),
        live("flo", family="King"),
    ]
    to_cy = becomes("bo", given="Cy", family="Byron")
    changed = {"attributes": NAMES, "full_names": ("ed lovelace",)}
    assert find(to_cy, accounts=accounts) == (set(), 0)
    assert find(to_cy, accounts=accounts, recent=[recently("ed", **changed)]) == ({"bo"}, 1)
    for other in (
        recently("ed", **{**changed, "attributes": frozenset({"name.givenName"})}),
        recently("ed", **{**changed, "full_names": ("flo king",)}),
        recently("ed", **changed, lifted=frozenset({"identity-changes"})),
        recently("flo", **{**changed, "full_names": ("flo king",)}),
    ):
        assert find(to_cy, accounts=accounts, recent=[other]) == (set(), 0)


@pytest.mark.parametrize("path", ["displayName", "name.formatted"])
def test_full_names_in_one_attribute_count_over_runs_as_those_in_two_do(path: str) -> None:
    def named(who: str, name: str) -> LiveUser:
        return live(who, **NAMELESS, **{path: name})

    accounts = [named("bo", "Bo Byron"), named("cy", "Cy Dane"), named("ed", "Flo King"), named("flo", "Flo King")]
    step = becomes("bo", **NAMELESS, **{path: "Cy Dane"}, before={**NAMELESS, path: "Bo Byron"})
    changed = {"attributes": frozenset({path}), "full_names": ("ed lovelace",)}
    assert find(step, accounts=accounts, recent=[recently("ed", **changed)]) == ({"bo"}, 1)
    corrected = becomes("ed", **NAMELESS, **{path: "Flo Lovelace"}, before={**NAMELESS, path: "Flo King"})
    assert find(step, corrected, accounts=accounts, recent=[recently("ed", **changed)]) == (set(), 0)
    for other in (
        recently("ed", **{**changed, "full_names": ("ed king",)}),
        recently("ed", **{**changed, "full_names": ("",)}),
        recently("ed", **changed, lifted=frozenset({"identity-changes"})),
        recently("flo", **{**changed, "full_names": ("flo king",)}),
    ):
        assert find(step, accounts=accounts, recent=[other]) == (set(), 0)


def test_a_name_that_another_account_had_within_a_day_is_one_of_others() -> None:
    """The last of a ring begins: nobody has the name any more that the next one gets."""
    accounts = [live("bo"), live("cy", given="Bo"), live("x", given="Bo")]
    before = recently("cy", attributes=NAMES, full_names=("cy byron",))
    assert find(becomes("bo", given="Cy", family="Byron"), accounts=accounts) == (set(), 0)
    assert find(becomes("bo", given="Cy", family="Byron"), accounts=accounts, recent=[before]) == ({"bo"}, 1)


def test_two_hundred_namesakes_are_counted_once_each() -> None:
    accounts = [live(f"u{number}", given="A", family="B") for number in range(200)]
    changes = [becomes(f"v{number}", given="A", family="B") for number in range(200)]
    assert len(find(*changes, accounts=accounts)[0]) == 200


# --- what the reader is told ------------------------------------------------------


def shown(who: str, name: str, **other: Any) -> Change:
    after = {**NAMELESS, "displayName": name, "user_name": f"{who}.x@example.com", **other}
    return becomes(who, **after, before={**NAMELESS, "displayName": f"{who} Lovelace"})


CORRECTED = becomes("bo", given="Bob", family="Lovelaze", user_name="bob@example.com")
REVIVED = becomes("bo", given="X", family="Y", before={"active": False})
NAMED_TODAY = recently("bo", attributes=NAMES, full_names=("b l",))


@pytest.mark.parametrize(
    ("changes", "recent", "reasons"),
    [
        ([BO, ED], [], ()),
        (
            [
                becomes("bo", user_name="ed@example.com", given="Ed", family="King"),
                becomes("ed", user_name="bo@example.com", given="Bo", before={"family": "King"}),
            ],
            [],
            (),
        ),
        ([CORRECTED], [], ("userName, givenName and familyName all change",)),
        (
            [becomes("bo", user_name="bob@example.com")],
            [NAMED_TODAY],
            ("userName, givenName and familyName all change within 24 hours",),
        ),
        ([shown("bo", "Max King")], [], ("userName and full name change",)),
        ([replace(shown("bo", "Max King"), action=Action.ADOPT)], [], ("the full name changes",)),
        ([replace(CORRECTED, action=Action.ADOPT)], [], ("givenName and familyName both change",)),
        ([becomes("bo", given="Max")], [adopted(*NAMES)], ("givenName and familyName both change within 24 hours",)),
        ([REVIVED], [], ("an account that was deactivated gets another name",)),
        (
            [becomes("x", given="Max", family="King", user_name="max@example.com"), BO, ED],
            [],
            ("another account has the names", "userName, givenName and familyName all change"),
        ),
        ([becomes("bo", department="X")], [], ()),
    ],
)
def test_the_reasons_are_true_of_the_changes(
    changes: list[Change], recent: list[RecentChange], reasons: tuple[str, ...]
) -> None:
    found = find_identity_changes(GuardContext(changes, [], [], None, {}, recent=recent))
    assert found.reasons == reasons
