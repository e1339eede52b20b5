from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from support.entra_reads import open_reader
from support.servers.graph.companies import company
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer

from reconciler.errors import SourceError
from reconciler.sources.graph import gone as gone_module
from reconciler.sources.graph.gone import GroupEvidence, Whereabouts, find_groups, find_whereabouts


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
    found.tenant.delete(found.tenant.add_group("Of no interest"))
    asked = [*living, deleted, purged, found.users[0], "../groups"]
    no_id = {"../groups": "Not asked for: the objectId is not one of Microsoft Entra ID."}
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        evidence = find_groups(reader, asked)
        assert evidence.proved == set(living)
        assert set(evidence.unsure) == {deleted, purged, found.users[0], "../groups"}
        assert "Microsoft Graph refused page 1 of /directory/deletedItems/" in evidence.unsure[deleted]
        assert "(403 " in evidence.unsure[deleted]
        assert evidence.unsure[deleted].endswith("; it needs Group.Read.All, and the next import asks again.")
    found.tenant.app.roles.append("Group.Read.All")
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        assert find_groups(reader, asked) == GroupEvidence(frozenset({*living, deleted}), no_id)
        assert len(server.requests) == 3, "two filters, and the deleted groups"
        assert find_groups(reader, living[:2]) == GroupEvidence(frozenset(living[:2]))
        assert find_groups(reader, ["../groups"]) == GroupEvidence(frozenset(), no_id)
        assert find_groups(reader, []) == GroupEvidence()
        assert len(server.requests) == 4


_LISTED = json.dumps({"value": [{"id": None}]}).encode()


@pytest.mark.parametrize("path", ["/groups", "/deletedItems/microsoft.graph.group"])
@pytest.mark.parametrize(
    "fault",
    [
        *({"status": status} for status in (400, 403, 404, 429, 500, 501)),
        {"body": b"[]"},
        {"body": _LISTED},
        {"truncate": True},
        {"body": json.dumps({"value": [{"id": str(UUID(int=7))}] * 2}).encode()},
    ],
)
def test_a_question_about_groups_that_fails_proves_nothing(path: str, fault: dict[str, Any]) -> None:
    found = company(1)
    found.tenant.app.roles.append("Group.Read.All")
    living, purged = (found.tenant.add_group(name) for name in ("Living", "Purged"))
    found.tenant.purge(purged)
    with GraphServer(found.tenant, faults=[Fault(path, times=None, **fault)]) as server, open_reader(server) as reader:
        evidence = find_groups(reader, [living, purged])
        assert evidence.proved == ({living} if path != "/groups" else set())
        assert set(evidence.unsure) == {living, purged} - evidence.proved
        assert all("it needs Group.Read.All" in why for why in evidence.unsure.values())
        assert len(server.requests) == (2 if path != "/groups" else 1), "nothing more is asked"


@pytest.mark.parametrize("path", ["/groups", "/deletedItems/microsoft.graph.group"])
def test_a_token_that_is_refused_when_groups_are_asked_for_is_an_error(path: str) -> None:
    found = company(1)
    with (
        GraphServer(found.tenant, faults=[Fault(path, times=None, status=401)]) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError, match="401"),
    ):
        find_groups(reader, found.users)


def test_the_number_of_groups_in_filters_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gone_module, "MAX_FILTERED", 15)
    found = company(1)
    groups = sorted((found.tenant.add_group(f"Group {number}") for number in range(20)), reverse=True)
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        evidence = find_groups(reader, [*groups, "x"])
        assert evidence.proved == set(groups[:15]), "the first are the most important"
        assert set(evidence.unsure) == {*groups[15:], "x"}
        assert evidence.unsure[groups[15]] == "Not asked for: an import asks for 15 groups, assigned ones first."
        assert len(server.requests) == 1
