import pytest
from support.builders import source_user

from reconciler.core.scope.groups import GroupMembers, find_cycles, find_membership_path, fold_names, resolve_members
from reconciler.core.values import fold_case


def test_nested_groups_are_resolved_and_names_folded() -> None:
    groups = {
        "engineering": GroupMembers(("Ada@Example.com", "bob@example.com"), ("Platform", "missing")),
        "platform": GroupMembers(("id-carol",), ("engineering",)),
        "sales": GroupMembers(("dan@example.com",)),
    }
    members = GroupMembers((" EVE@example.com",), ("ENGINEERING",))
    assert resolve_members(members, groups) == {"eve@example.com", "ada@example.com", "bob@example.com", "id-carol"}


def test_an_empty_group_has_no_members() -> None:
    assert resolve_members(GroupMembers(), {"a": GroupMembers(("ada@example.com",))}) == frozenset()


def nested(depth: int) -> dict[str, GroupMembers]:
    groups = {f"g{number}": GroupMembers((f"u{number}",), (f"g{number + 1}",)) for number in range(depth - 1)}
    return {**groups, f"g{depth - 1}": GroupMembers((f"u{depth - 1}",))}


@pytest.mark.slow
def test_five_thousand_nested_groups_are_resolved() -> None:
    groups = nested(5_000)
    assert resolve_members(GroupMembers(groups=("g0",)), groups) == {f"u{number}" for number in range(5_000)}
    assert list(find_cycles(groups)) == []


@pytest.mark.slow
def test_a_cycle_of_five_thousand_groups_is_found() -> None:
    groups = {**nested(5_000), "g4999": GroupMembers((), ("g0",))}
    (found,) = find_cycles(groups)
    assert found == (*(f"g{number}" for number in range(5_000)), "g0")


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({}, []),
        ({"a": ["b"], "b": []}, []),
        ({"a": ["missing"]}, []),
        ({"a": ["a"]}, [("a", "a")]),
        ({"a": ["B"], "b": ["A"]}, [("a", "b", "a")]),
        ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, [("a", "b", "c", "a")]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, []),
        ({"a": ["a", "b"], "b": ["b"]}, [("a", "a"), ("b", "b")]),
    ],
)
def test_each_cycle_is_found_once(groups: dict[str, list[str]], expected: list[tuple[str, ...]]) -> None:
    members = {name: GroupMembers((), tuple(inner)) for name, inner in groups.items()}
    assert list(find_cycles(members)) == expected


def test_a_group_named_twice_in_another_is_one_cycle() -> None:
    groups = {"a": GroupMembers((), ("b",)), "b": GroupMembers((), ("a", "A"))}
    assert len(set(find_cycles(groups))) == 1


def test_names_are_compared_without_case_and_space_around_them() -> None:
    assert fold_case("  Ada@EXAMPLE.com\t") == "ada@example.com"


GROUPS = {
    "all": GroupMembers((), ("Engineering", "short", "missing")),
    "engineering": GroupMembers((), ("platform",)),
    "platform": GroupMembers(("Ada@Example.com", "bob@example.com"), ("all",)),
    "short": GroupMembers(("ID-ada",)),
}


@pytest.mark.parametrize(
    ("who", "members", "expected"),
    [
        ("bob", GroupMembers(groups=("ALL",)), ("ALL", "Engineering", "platform", "bob@example.com")),
        ("ada", GroupMembers(groups=("all",)), ("all", "short", "ID-ada")),
        ("ada", GroupMembers(groups=("short", "engineering")), ("short", "ID-ada")),
        ("ada", GroupMembers(groups=("engineering", "short")), ("short", "ID-ada")),
        ("ada", GroupMembers(("ada@example.com",), ("all",)), ("ada@example.com",)),
        ("eve", GroupMembers(groups=("all",)), None),
        ("bob", GroupMembers(), None),
    ],
)
def test_the_path_to_a_member_is_the_shortest_as_written(
    who: str, members: GroupMembers, expected: tuple[str, ...] | None
) -> None:
    assert find_membership_path(source_user(who), members, GROUPS) == expected


def test_a_user_is_called_by_name_and_object_id() -> None:
    assert fold_names(source_user("Ada", objectId=" ID-1")) == ("ada@example.com", "id-1")
    assert fold_names(source_user("ada", objectId=None)) == ("ada@example.com",)
