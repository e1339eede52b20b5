from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from support.entra_reads import open_reader
from support.servers.graph.companies import company
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant

from reconciler.errors import SourceError
from reconciler.sources.graph import groups as groups_module
from reconciler.sources.graph.groups import ReadGroup, cut_cycles, name_groups, walk_groups
from reconciler.sources.graph.rows import ChangedDuringReadError


def group(object_id: str, name: str = "", *inner: str) -> ReadGroup:
    return ReadGroup(object_id, name or object_id, "", (), inner)


def walk(tenant: Tenant, *roots: str, **options: Any) -> Mapping[str, ReadGroup | None]:
    with GraphServer(tenant, page_cap=2) as server, open_reader(server) as reader:
        found = walk_groups(reader, roots, **options)
        assert server.count(r"/groups/[^/]+") == len(found), "each group once"
        return found


def test_nested_groups_are_read_once_each_and_cycles_end() -> None:
    tenant = Tenant()
    users = [tenant.add_user() for _ in range(5)]
    inner = tenant.add_group("Inner", users[:3])
    middle = tenant.add_group("Middle", [inner, users[3]])
    outer = tenant.add_group("Outer", [inner, middle, users[4]])
    tenant.add_member(inner, outer)
    found = walk(tenant, outer, middle)
    assert set(found) == {inner, middle, outer}
    assert found[outer] == ReadGroup(outer, "Outer", "", (users[4],), tuple(sorted((inner, middle))))


@pytest.mark.parametrize(
    ("properties", "description"),
    [
        ({}, ""),
        ({"description": " Berlin "}, "Berlin"),
        ({"rule": 'user.city -eq "Berlin"'}, 'Dynamic: user.city -eq "Berlin"'),
        ({"rule": "r", "description": "Berlin."}, "Berlin. Dynamic: r"),
        ({"rule": "r", "membershipRuleProcessingState": "Paused"}, "Dynamic (paused): r"),
        ({"membershipRule": "r"}, ""),
    ],
)
def test_the_rule_of_a_dynamic_group_is_in_its_description(properties: dict[str, Any], description: str) -> None:
    tenant = Tenant()
    found = tenant.add_group("Berlin", **properties)
    read = walk(tenant, found)[found]
    assert read is not None
    assert read.description == description


def test_a_group_that_does_not_exist_is_an_error_unless_accepted() -> None:
    found = company(2)
    found.tenant.delete(found.staff)
    with pytest.raises(ChangedDuringReadError, match=f"the group {found.staff} is assigned or a member"):
        walk(found.tenant, found.staff)
    assert walk(found.tenant, found.staff, accept_missing=True) == {found.staff: None}


def test_a_group_without_a_name_shows_that_a_permission_is_missing() -> None:
    found = company(2)
    fault = Fault(f"/groups/{found.staff}", edit=lambda row: dict.fromkeys(row) | {"id": row["id"]})
    with (
        GraphServer(found.tenant, faults=[fault]) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError, match="the app may not read groups") as raised,
    ):
        walk_groups(reader, [found.staff])
    assert "GroupMember.Read.All" in raised.value.detail


@pytest.mark.parametrize("value", [None, "user", 5])
def test_a_member_without_a_type_fails_the_read(value: object) -> None:
    found = company(3)
    fault = Fault("/members", edit=lambda page: page | {"value": [page["value"][0] | {"@odata.type": value}]})
    with (
        GraphServer(found.tenant, faults=[fault]) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError, match="without its type"),
    ):
        walk_groups(reader, [found.staff])


def test_the_number_of_groups_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = Tenant()
    inner = [tenant.add_group(f"g{number}") for number in range(4)]
    outer = tenant.add_group("Outer", inner)
    monkeypatch.setattr(groups_module, "MAX_GROUPS", 4)
    with pytest.raises(SourceError, match="more than 4 groups"):
        walk(tenant, outer)


def test_groups_of_one_name_get_the_start_of_their_id() -> None:
    one, other = "3f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11", "3f1c9a52-7000-4a43-9e3f-0b6f4f0f6a11"
    names = name_groups([group(other, "SALES"), group(one, "Sales"), group("x", "Support")])
    assert names == {one: "Sales (3f1c9a52)", other: "SALES (3f1c9a52-7000)", "x": "Support"}
    trap = group("y", "Sales (3f1c9a52)")
    assert name_groups([group(other, "Sales"), group(one, "Sales"), trap]) == {
        one: "Sales (3f1c9a52-6c1e)",
        other: "Sales (3f1c9a52-7000)",
        "y": "Sales (3f1c9a52)",
    }


def test_cut_cycles_leaves_no_cycle_and_reaches_the_same() -> None:
    chance = random.Random(52)  # noqa: S311 - the same graphs each time
    for _ in range(200):
        names = [str(number) for number in range(chance.randint(1, 7))]
        edges = {name: tuple(sorted({chance.choice(names) for _ in range(chance.randint(0, 3))})) for name in names}
        roots = chance.sample(names, chance.randint(1, len(names)))
        all_groups = {name: group(name, "", *edges[name]) for name in names}
        kept, cut = cut_cycles(roots, all_groups)
        assert reach(roots, kept) == reach(roots, edges)
        assert set(kept) == reach(roots, edges)
        assert not any(name in reach(kept[name], kept) for name in kept), "a cycle is left"
        assert len(cut) + sum(map(len, kept.values())) == sum(len(edges[name]) for name in kept)


def reach(roots: Any, edges: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += edges[each]
    return found
