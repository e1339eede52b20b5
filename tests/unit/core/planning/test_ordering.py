from dataclasses import replace
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import change, live, name_of, rename, values_of
from support.laws import examples

from reconciler.core.model import Diagnostic, LiveUser, error
from reconciler.core.plan import Action, Change
from reconciler.core.planning.ordering import order_changes


def steps(changes: list[Change]) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(item.wave, item.key.split("@")[0], tuple(map(who, item.requires))) for item in changes]


def who(address: str) -> str:
    return address.removeprefix('user["').split("@")[0].removesuffix('"]')


def arranged(*changes: Change, accounts: str = "") -> list[tuple[int, str, tuple[str, ...]]]:
    ordered, conflicts = order_changes(changes, [live(name) for name in accounts.split()])
    assert conflicts == []
    return steps(ordered)


def summaries_of(conflicts: list[Diagnostic]) -> list[tuple[str, str]]:
    return sorted((who(item.address or ""), item.summary) for item in conflicts)


def test_nothing_is_in_order() -> None:
    assert order_changes([], []) == ([], [])


def test_nothing_is_removed_before_what_replaces_it_exists() -> None:
    changes = [change(action.value, action) for action in reversed(Action)]
    assert arranged(*changes) == [
        (0, "adopt", ()),
        (0, "relink", ()),
        (0, "update", ()),
        (1, "create", ()),
        (2, "reactivate", ()),
        (3, "deactivate", ()),
        (4, "delete", ()),
    ]


def test_changes_of_one_wave_are_sorted_by_name_whatever_their_case() -> None:
    changes = [change("bob"), change("Ada"), change("carol"), change("ada2", key="ada")]
    expected = [(0, "ada", ()), (0, "Ada", ()), (0, "bob", ()), (0, "carol", ())]
    assert all(arranged(*shuffled) == expected for shuffled in permutations(changes))


def test_a_change_waits_for_the_name_it_wants() -> None:
    assert arranged(rename("ada", "bob"), rename("bob", "robert"), accounts="ada bob") == [
        (0, "bob", ()),
        (1, "ada", ("bob",)),
    ]


def test_a_new_user_waits_for_the_name_of_a_renamed_user() -> None:
    newcomer = change("new", Action.CREATE, after=values_of("new", user_name="bob@example.com"))
    assert arranged(newcomer, rename("bob", "robert"), accounts="bob") == [(0, "bob", ()), (1, "new", ("bob",))]


def test_an_update_that_waits_for_a_reactivation_comes_after_it() -> None:
    changes = [rename("ada", "bob"), rename("bob", "robert", Action.REACTIVATE), change("carol", Action.DEACTIVATE)]
    assert arranged(*changes, accounts="ada bob carol") == [
        (0, "bob", ()),
        (1, "ada", ("bob",)),
        (2, "carol", ()),
    ]


def test_names_are_compared_without_case() -> None:
    changes = [change("ada", after=values_of("ada", user_name="BOB@Example.com")), rename("bob", "robert")]
    assert arranged(*changes, accounts="ada bob") == [(0, "bob", ()), (1, "ada", ("bob",))]


def test_a_change_of_case_alone_takes_no_name() -> None:
    assert arranged(change("ada", after=values_of("ada", user_name="Ada@example.com")), accounts="ada") == [
        (0, "ada", ())
    ]


def test_a_swap_steps_aside_once() -> None:
    changes = [rename("bob", "ada"), rename("ada", "bob")]
    for shuffled in permutations(changes):
        ordered, conflicts = order_changes(shuffled, [live("ada"), live("bob")])
        assert conflicts == []
        assert steps(ordered) == [(0, "bob", ("ada",)), (1, "ada", ("bob",))]
        temporary = "renaming-6707ea8f4063-985e9709adf1ae02@example.com"
        assert [item.temporary_user_name for item in ordered] == [None, temporary]


def test_a_cycle_of_three_needs_one_temporary_name() -> None:
    changes = [rename("ada", "bob"), rename("bob", "carol"), rename("carol", "ada")]
    for shuffled in permutations(changes):
        ordered, conflicts = order_changes(shuffled, [live("ada"), live("bob"), live("carol")])
        assert conflicts == []
        assert steps(ordered) == [(0, "carol", ("ada",)), (1, "bob", ("carol",)), (2, "ada", ("bob",))]
        assert [item.key for item in ordered if item.temporary_user_name] == ["ada@example.com"]


def test_two_cycles_and_a_chain_into_one_are_separated() -> None:
    changes = [
        rename("a", "b"),
        rename("b", "a"),
        rename("c", "d"),
        rename("d", "c"),
        rename("e", "f"),
        rename("f", "g"),
    ]
    ordered, conflicts = order_changes(changes, [live(name) for name in "abcdef"])
    assert conflicts == []
    assert sorted(item.key[0] for item in ordered if item.temporary_user_name) == ["a", "c"]
    assert steps(ordered) == [
        (0, "b", ("a",)),
        (0, "d", ("c",)),
        (0, "f", ()),
        (1, "a", ("b",)),
        (1, "c", ("d",)),
        (1, "e", ("f",)),
    ]


def test_a_temporary_name_is_free_and_of_the_same_domain() -> None:
    changes = [
        change("ada", after=values_of("ada", user_name="Bob@Example.COM")),
        rename("bob", "ada"),
    ]
    accounts = [live("ada"), live("bob")]
    (first,) = [item.temporary_user_name for item in order_changes(changes, accounts)[0] if item.temporary_user_name]
    assert first.endswith("@Example.COM")
    squatter = live("squatter", user_name=first.casefold())
    (second,) = [
        item.temporary_user_name
        for item in order_changes(changes, [*accounts, squatter])[0]
        if item.temporary_user_name
    ]
    assert second.endswith("@Example.COM")
    assert second != first


def test_a_temporary_name_without_a_domain_has_none() -> None:
    changes = [
        change("ada", before={"userName": "ada"}, after={"userName": "bob"}, key="ada"),
        change("bob", before={"userName": "bob"}, after={"userName": "ada"}, key="bob"),
    ]
    ordered, _ = order_changes(changes, [live("ada", user_name="ada"), live("bob", user_name="bob")])
    assert [len(item.temporary_user_name or "") for item in ordered] == [0, len("renaming-") + 12 + 1 + 16]


# --- names that are not free ----------------------------------------------------------------


def test_a_name_whose_holder_keeps_it_is_refused() -> None:
    ordered, conflicts = order_changes(
        [rename("ada", "bob"), change("carol")], [live("ada"), live("bob"), live("carol")]
    )
    assert steps(ordered) == [(0, "carol", ())]
    assert conflicts == [
        error(
            'userName "bob@example.com" is taken by another live account (id "live-bob", externalId "id-bob")',
            "Rename or remove that account first, or choose another name. A deactivated account still holds its name.",
            None,
            'user["ada@example.com"]',
        )
    ]


@pytest.mark.parametrize("removal", [Action.DEACTIVATE, Action.DELETE])
def test_an_account_whose_name_another_user_wants_is_not_removed(removal: Action) -> None:
    ordered, conflicts = order_changes([rename("ada", "bob"), change("bob", removal)], [live("ada"), live("bob")])
    assert steps(ordered) == []
    assert len(conflicts) == 2
    assert conflicts[0].address == 'user["ada@example.com"]'
    assert conflicts[1].summary.startswith("the removal is withheld")


def test_a_user_that_changes_the_case_of_its_name_keeps_it() -> None:
    keeps = change("bob", after=values_of("bob", user_name="Bob@example.com"))
    ordered, conflicts = order_changes([rename("ada", "bob"), keeps], [live("ada"), live("bob")])
    assert steps(ordered) == [(0, "bob", ())]
    assert [name for name, _ in summaries_of(conflicts)] == ["ada"]


def test_an_unmanaged_account_holds_its_name_too() -> None:
    newcomer = change("ada", Action.CREATE)
    _, conflicts = order_changes([newcomer], [live("ada", id="x", external_id=None)])
    assert summaries_of(conflicts) == [
        ("ada", 'userName "ada@example.com" is taken by another live account (id "x", no externalId)')
    ]


def test_two_users_who_want_one_name_both_stay() -> None:
    changes = [change("a", Action.CREATE, after={"userName": "x@example.com"}), rename("b", "X")]
    ordered, conflicts = order_changes(changes, [live("b")])
    assert ordered == []
    assert summaries_of(conflicts) == [
        ("a", 'userName "x@example.com" is given to more than one user'),
        ("b", 'userName "X@example.com" is given to more than one user'),
    ]


def test_a_change_that_waits_for_an_excluded_change_is_excluded() -> None:
    changes = [rename("a", "b"), rename("b", "c"), rename("c", "d"), rename("x", "y")]
    ordered, conflicts = order_changes(changes, [live(name) for name in "abcdx"])
    assert steps(ordered) == [(0, "x", ())]
    assert summaries_of(conflicts) == [
        ("a", 'userName "b@example.com" is taken by another live account (id "live-b", externalId "id-b")'),
        ("b", 'userName "c@example.com" is taken by another live account (id "live-c", externalId "id-c")'),
        ("c", 'userName "d@example.com" is taken by another live account (id "live-d", externalId "id-d")'),
    ]


def test_a_cycle_with_an_additional_taker_is_excluded_as_a_whole() -> None:
    changes = [rename("a", "b"), rename("b", "a"), change("new", Action.CREATE, after={"userName": name_of("a")})]
    ordered, conflicts = order_changes(changes, [live("a"), live("b")])
    assert ordered == []
    assert [name for name, _ in summaries_of(conflicts)] == ["a", "b", "new"]


# --- size -----------------------------------------------------------------------------------


def test_a_chain_of_two_thousand_is_followed_without_recursion() -> None:
    names = [f"u{number:04}" for number in range(2_001)]
    changes = [rename(one, other) for one, other in pairwise(names)]
    ordered, conflicts = order_changes(changes, [live(name) for name in names[:-1]])
    assert conflicts == []
    assert [(item.wave, item.key) for item in ordered] == [
        (wave, name_of(name)) for wave, name in enumerate(reversed(names[:-1]))
    ]


def test_a_cycle_of_two_thousand_needs_one_temporary_name() -> None:
    names = [f"u{number:04}" for number in range(2_000)]
    changes = [rename(one, other) for one, other in zip(names, [*names[1:], names[0]], strict=True)]
    ordered, conflicts = order_changes(changes, [live(name) for name in names])
    assert conflicts == []
    assert [item.key for item in ordered if item.temporary_user_name] == ["u0000@example.com"]
    assert [item.wave for item in ordered] == list(range(2_000))


# --- the law: carried out in this order, no name is ever taken twice ----------------------------

NAMES = [f"{letter}@example.com" for letter in "abcdefgh"]


@settings(max_examples=examples(300))
@given(st.permutations(NAMES), st.integers(0, 6), st.sets(st.sampled_from(NAMES), max_size=4))
def test_carried_out_in_order_no_name_is_ever_taken_twice(wanted: list[str], people: int, unchanged: set[str]) -> None:
    accounts = [live(name[0]) for name in NAMES[:people]]
    changes = [
        replace(change(before[0]), after={**values_of(before[0]), "userName": after})
        for before, after in zip(NAMES[:people], wanted, strict=False)
        if before != after and before not in unchanged
    ]
    ordered, conflicts = order_changes(changes, accounts)
    assert len(ordered) + len(conflicts) == len(changes)
    assert [item.wave for item in ordered] == sorted(item.wave for item in ordered)
    carry_out(ordered, accounts)
    # Changes of one wave run in any order.
    turned = ordered[::-1]
    carry_out(sorted(turned, key=lambda item: item.wave), accounts)
    check_conflicts(conflicts, accounts, changes)


def carry_out(ordered: list[Change], accounts: list[LiveUser]) -> None:
    names = {account.id: account.user_name for account in accounts}

    def take(item: Change, name: str) -> None:
        assert name not in names.values()
        names[item.live_id or ""] = name

    in_effect: set[str] = set()
    for item in ordered:
        if item.temporary_user_name:
            take(item, item.temporary_user_name)
            in_effect.add(item.address)
    for item in ordered:
        assert set(item.requires) <= in_effect
        take(item, str(item.after["userName"]))
        in_effect.add(item.address)


def check_conflicts(conflicts: list[Diagnostic], accounts: list[LiveUser], changes: list[Change]) -> None:
    """No user is denied a name that would have become free."""
    stuck = {item.address for item in conflicts}
    moving = {item.live_id for item in changes if item.address not in stuck}
    staying = {account.user_name for account in accounts if account.id not in moving}
    for item in changes:
        assert (item.address in stuck) == (item.after["userName"] in staying)
