from __future__ import annotations

import pytest
from support.entra_reads import open_reader
from support.servers.graph.companies import company
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer

from reconciler.errors import SourceError
from reconciler.sources.graph import gone as gone_module
from reconciler.sources.graph.gone import Whereabouts, find_groups, find_whereabouts


def test_users_live_or_are_deleted_or_unknown() -> None:
    found = company(20)
    living, deleted, purged, seen = found.users[:16], found.users[16], found.users[17], found.users[18]
    found.tenant.delete(deleted)
    found.tenant.purge(purged)
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        asked = [*living, deleted.upper(), purged, seen, "ada@example.com", "../users"]
        where = find_whereabouts(reader, asked, {seen})
        assert where == Whereabouts(frozenset({*living, seen}), frozenset({deleted}), frozenset({purged}))
        assert len(server.requests) == 4, "two filters, the deleted users, and one user by id"


def test_nothing_is_asked_about_no_one() -> None:
    found = company(2)
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        assert find_whereabouts(reader, ["x"]) == Whereabouts()
        assert find_whereabouts(reader, found.users, found.users) == Whereabouts(frozenset(found.users))
        assert server.requests == []


def test_who_is_found_by_id_lives_whatever_lists_say() -> None:
    found = company(2)
    fault = Fault("/users", edit=lambda page: page | {"value": []})
    with GraphServer(found.tenant, faults=[fault]) as server, open_reader(server) as reader:
        assert find_whereabouts(reader, found.users).living == set(found.users)


def test_beyond_the_bound_users_stay_unconfirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gone_module, "MAX_ASKED", 1)
    found = company(3)
    for user in found.users:
        found.tenant.purge(user)
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        assert find_whereabouts(reader, found.users).unknown == {found.users[0]}, "the first is the most important"


def test_the_number_of_users_in_filters_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gone_module, "MAX_FILTERED", 15)
    found = company(40)
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        where = find_whereabouts(reader, found.users, found.users[:2])
        assert where.living == set(found.users[:17])
        assert where.deleted == where.unknown == frozenset()
        assert len(server.requests) == 1


@pytest.mark.parametrize("path", ["/users", "/deletedItems/microsoft.graph.user", "/users/[^/]+"])
def test_an_answer_that_is_missing_is_an_error(path: str) -> None:
    found = company(1)
    found.tenant.purge(found.users[0])
    with (
        GraphServer(found.tenant, faults=[Fault(path, status=403)]) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError, match="403"),
    ):
        find_whereabouts(reader, found.users)


def test_a_group_counts_only_if_the_tenant_has_it_or_shows_that_it_had_it() -> None:
    found = company(1)
    living = [found.tenant.add_group(f"Group {number}") for number in range(16)]
    deleted, purged = found.tenant.add_group("Deleted"), found.tenant.add_group("Purged")
    found.tenant.delete(deleted)
    found.tenant.purge(purged)
    asked = [*living, deleted, purged, found.users[0], "../groups"]
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        assert find_groups(reader, asked) == set(living), "the app may not list deleted groups"
    found.tenant.app.roles.append("Group.Read.All")
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        assert find_groups(reader, asked) == {*living, deleted}
        assert len(server.requests) == 3, "two filters, and the deleted groups"
        assert find_groups(reader, living[:2]) == set(living[:2])
        assert find_groups(reader, ["x"]) == frozenset()
        assert len(server.requests) == 4


@pytest.mark.parametrize(("path", "status"), [("/groups", 403), ("/deletedItems/microsoft.graph.group", 500)])
def test_an_answer_about_groups_that_is_missing_is_an_error(path: str, status: int) -> None:
    found = company(1)
    with (
        GraphServer(found.tenant, faults=[Fault(path, times=None, status=status)]) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError, match=str(status)),
    ):
        find_groups(reader, found.users)


def test_the_number_of_groups_in_filters_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gone_module, "MAX_FILTERED", 15)
    found = company(1)
    groups = [found.tenant.add_group(f"Group {number}") for number in range(20)]
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        assert find_groups(reader, groups) == set(sorted(groups)[:15])
