from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.builders import DesiredUser, LiveUser, Value, desired, live, mapping, mappings, plan_of

from reconciler.core.model import Flow, Severity
from reconciler.core.plan import Action, Plan
from reconciler.core.planning.unique_values import ChosenValues, choose_values
from reconciler.core.values import to_comparable

ROWS = mappings(mapping("timezone", flow=Flow.CREATE, unique=True))
NAME_ROW = mapping("userName", flow=Flow.CREATE, unique=True)
BY_ID = mappings(NAME_ROW)


def newcomer(who: str, *candidates: str, target: str = "timezone", **changed: Any) -> DesiredUser:
    return replace(desired(who, **changed), candidates=((target, candidates),))


def chosen(*people: DesiredUser, accounts: tuple[LiveUser, ...] = ()) -> dict[str, Value]:
    found = choose_values(people, accounts, ROWS, ())
    assert not found.problems
    return {key.split("@")[0]: values["timezone"] for key, values in found.values.items()}


def test_the_first_free_candidate_is_chosen() -> None:
    assert chosen(newcomer("ada", "a", "b")) == {"ada": "a"}


def test_a_value_of_a_live_account_is_taken_managed_or_not() -> None:
    accounts = (live("x", timezone="a"), live("y", external_id=None, timezone="b"))
    assert chosen(newcomer("ada", "a", "b", "c"), accounts=accounts) == {"ada": "c"}


def test_two_new_users_never_get_one_value_and_the_order_of_names_decides() -> None:
    people = (newcomer("bob", "a", "b"), newcomer("Carol", "a", "b", "c"), newcomer("ada", "a", "b"))
    assert chosen(*people) == chosen(*reversed(people)) == {"ada": "a", "bob": "b", "Carol": "c"}


def test_candidates_are_compared_as_the_attribute_is() -> None:
    people = [newcomer("ada", "Ada@example.com", "b@example.com", target="userName", user_name=None)]
    found = choose_values(people, [live("x", user_name="ADA@EXAMPLE.COM")], BY_ID, ())
    assert [dict(values) for values in found.values.values()] == [{"userName": "b@example.com"}]
    # timezone compares exactly
    assert chosen(newcomer("ada", "A"), accounts=(live("x", timezone="a"),)) == {"ada": "A"}


def test_the_name_of_a_recently_deleted_account_is_taken() -> None:
    people = [newcomer("ada", "Ada@example.com", "b@example.com", target="userName", user_name=None)]
    found = choose_values(people, [], BY_ID, ["ada@example.com"])
    assert [dict(values) for values in found.values.values()] == [{"userName": "b@example.com"}]


def test_a_user_without_a_free_candidate_is_reported_with_the_holders() -> None:
    people = [newcomer("ada", "a"), newcomer("bob", "a", "b")]
    found = choose_values(people, [live("x", timezone="b")], ROWS, ())
    assert [*found.values] == ["ada@example.com"]
    (problem,) = found.problems
    assert (problem.severity, problem.summary, problem.address, problem.origin) == (
        Severity.ERROR,
        "no value for timezone is free",
        'user["bob@example.com"]',
        people[1].origin,
    )
    assert problem.detail == (
        '"a" is used by "ada@example.com"; "b" is used by the live account "x@example.com".'
        " Add a rule to SelectUniqueValue."
    )


def test_many_taken_candidates_are_summarized() -> None:
    accounts = [live(name, timezone=name) for name in "abcdefg"]
    (problem,) = choose_values([newcomer("ada", *"abcdefg")], accounts, ROWS, ()).problems
    assert problem.detail.count("is used by") == 5
    assert ", and 2 others." in problem.detail


def test_a_user_without_one_value_reserves_no_other() -> None:
    rows = mappings(
        mapping("timezone", flow=Flow.CREATE, unique=True), mapping("locale", flow=Flow.CREATE, unique=True)
    )
    ada = replace(desired("ada"), candidates=(("timezone", ("a",)), ("locale", ("en",))))
    found = choose_values([ada, newcomer("bob", "a", "b")], [live("x", locale="en")], rows, ())
    assert (dict(found.values["bob@example.com"]), len(found.problems)) == ({"timezone": "a"}, 1)


def test_without_candidates_nothing_is_chosen() -> None:
    assert choose_values([desired("ada")], [live("x")], ROWS, ()) == ChosenValues()


# --- in a plan --------------------------------------------------------------------------------


def test_a_plan_creates_with_the_chosen_value_and_leaves_existing_users_theirs() -> None:
    people = [newcomer("ada", "a", "b"), newcomer("bob", "a", "b", family="King"), newcomer("eve", "a")]
    plan = plan_of(people, [live("bob", timezone="z"), live("x", external_id=None, timezone="a")], rows=ROWS)
    assert {change.key: (change.action, change.after.get("timezone")) for change in plan.changes} == {
        "ada@example.com": (Action.CREATE, "b"),
        "bob@example.com": (Action.UPDATE, "z"),
    }
    assert ([item.address for item in plan.diagnostics], plan.tally.failed) == (['user["eve@example.com"]'], 1)


def test_a_plan_gives_no_name_that_the_target_still_keeps() -> None:
    people = [newcomer("ada", "a@example.com", "b@example.com", target="userName", user_name=None, key="ada")]
    plan = plan_of(people, rows=BY_ID, recently_deleted={"a@example.com": date(2026, 4, 1)})
    assert [change.after["userName"] for change in plan.changes] == ["b@example.com"]
    assert not plan.blocked


# --- laws -------------------------------------------------------------------------------------

VALUES = st.sampled_from("abcde")
CANDIDATES = st.lists(VALUES, min_size=1, max_size=4, unique=True)


@given(st.lists(CANDIDATES, max_size=6), st.lists(VALUES, max_size=3), st.data())
def test_a_plan_made_after_a_part_was_applied_gives_the_rest_the_same_values(
    wanted: list[list[str]], held: list[str], data: st.DataObject
) -> None:
    people = [newcomer(f"u{number}", *candidates) for number, candidates in enumerate(wanted)]
    accounts = [live(f"x{number}", external_id=None, timezone=value) for number, value in enumerate(held)]
    first = plan_of(data.draw(st.permutations(people)), accounts, rows=ROWS)
    given_to = given_values(first)
    assert len(set(given_to.values())) == len(given_to)
    assert not set(given_to.values()) & set(held)
    created = {key for key in given_to if data.draw(st.booleans())}
    there = [live(key.split("@")[0], timezone=given_to[key]) for key in sorted(created)]
    again = plan_of(people, [*accounts, *there], rows=ROWS)
    assert given_values(again) == {key: value for key, value in given_to.items() if key not in created}
    assert [item.address for item in again.diagnostics] == [item.address for item in first.diagnostics]


def given_values(plan: Plan) -> dict[str, Value | None]:
    assert all(change.action is Action.CREATE for change in plan.changes)
    row = next(row for row in ROWS if row.unique)
    return {change.key: to_comparable(row.attribute, change.after["timezone"]) for change in plan.changes}
