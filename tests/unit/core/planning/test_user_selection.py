import pytest
from support.builders import desired, live, plan_of
from support.small_company import ACCOUNTS, GENEROUS, PEOPLE, actions


@pytest.mark.parametrize(
    ("only", "chosen"),
    [
        ((), {"edited", "manual", "new", "back", "gone", "out"}),
        ({"edited@example.com"}, {"edited"}),
        ({"id-new"}, {"new"}),
        ({"live-gone"}, {"gone"}),
        ({"id-manual", "back@example.com"}, {"manual", "back"}),
        ({"nobody@example.com"}, set()),
        ({"none", "true", ""}, set()),
    ],
)
def test_a_plan_can_be_for_some_users_only(only: set[str], chosen: set[str]) -> None:
    assert actions(plan_of(PEOPLE, ACCOUNTS, policy=GENEROUS, only=only)).keys() == chosen


def test_selecting_a_user_selects_the_users_it_waits_for() -> None:
    people = [
        desired("ada", user_name="bob@example.com"),
        desired("bob", user_name="carol@example.com"),
        desired("carol", user_name="dan@example.com"),
        desired("eve", family="King"),
    ]
    accounts = [live("ada"), live("bob"), live("carol"), live("eve")]
    assert actions(plan_of(people, accounts, only={"id-bob"})).keys() == {"carol", "dan"}
    assert actions(plan_of(people, accounts, only={"id-carol"})).keys() == {"dan"}
    swap = [desired("ada", user_name="bob@example.com"), desired("bob", user_name="ada@example.com")]
    assert len(plan_of(swap, [live("ada"), live("bob")], only={"id-ada"}).changes) == 2
