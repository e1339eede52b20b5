from __future__ import annotations

from datetime import timedelta

import pytest
from support.entra_reads import NOW, open_reader
from support.servers.graph.companies import company
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer

from reconciler.errors import SourceError
from reconciler.sources.attributes import select_attributes
from reconciler.sources.graph.people import Doubt, UserRows, read_users, read_users_by_id

SELECTION = select_attributes(["department"])
ADA = "3f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11"
ROW = {"id": ADA.upper(), "userPrincipalName": "ada@example.com", "accountEnabled": True, "department": None}


def test_rows_are_people_doubts_and_ids_of_others() -> None:
    rows = UserRows(SELECTION, {ADA})
    other = ADA.replace("3", "4")
    read = rows.collect([rows.convert(ROW), rows.convert(ROW | {"id": other, "extra": 1})])
    assert read.people[ADA].attributes == {
        "objectId": ADA.upper(),
        "userPrincipalName": "ada@example.com",
        "accountEnabled": True,
    }
    assert read.others == {other}
    assert read.keys == {*ROW, "extra"}
    assert read.knows(ADA)
    assert not read.knows(other)


def test_a_null_of_account_enabled_is_a_doubt() -> None:
    doubt = UserRows(SELECTION).convert(ROW | {"accountEnabled": None})
    assert doubt == Doubt(ADA, "ada@example.com", "accountEnabled is null in Microsoft Entra ID")


@pytest.mark.parametrize("name", [None, "", 5])
def test_a_null_of_the_name_shows_that_a_permission_is_missing(name: object) -> None:
    with pytest.raises(SourceError, match=f"the user {ADA} without a userPrincipalName") as raised:
        UserRows(SELECTION, set()).convert(ROW | {"userPrincipalName": name})
    assert "User.Read.All" in raised.value.detail


@pytest.mark.parametrize("value", [None, "", "ada@example.com", 5, f"{ADA}\n", f"{ADA}/x"])
def test_a_row_without_an_id_fails_the_read(value: object) -> None:
    with pytest.raises(SourceError, match="a user without a usable id"):
        UserRows(SELECTION).convert(ROW | {"id": value})


def test_all_users_are_a_list_and_few_are_asked_for_by_id() -> None:
    found = company(40)
    with GraphServer(found.tenant, page_cap=999) as server, open_reader(server) as reader:
        assert len(read_users(reader, SELECTION, None, NOW).people) == 40
        assert server.count("/users") == 1
        few = read_users(reader, SELECTION, frozenset(found.users[:3]), NOW)
        assert server.count("/users") == 2, "one page has all"
        assert set(few.people) == set(found.users[:3])
        assert few.others == set(found.users[3:])
        by_id = read_users_by_id(reader, SELECTION, found.users[:31])
        assert server.count("/users") == 5
        assert set(by_id.people) == set(found.users[:31])


def test_users_that_do_not_exist_are_left_out() -> None:
    found = company(2)
    with GraphServer(found.tenant) as server, open_reader(server) as reader:
        assert set(read_users_by_id(reader, SELECTION, [ADA, *found.users]).people) == set(found.users)


def test_a_filter_that_is_ignored_is_an_error() -> None:
    found = company(3)
    fault = Fault("/users", edit=lambda page: page | {"value": [ROW]})
    with (
        GraphServer(found.tenant, faults=[fault]) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError, match="it ignores the filter"),
    ):
        read_users_by_id(reader, SELECTION, found.users[:1])


def test_only_recent_deletions_explain_a_difference() -> None:
    found = company(3)
    found.tenant.delete(found.users[2])
    with (
        GraphServer(found.tenant, faults=[Fault(r"/users/\$count", times=None, body=b"3")]) as server,
        open_reader(server) as reader,
    ):
        assert len(read_users(reader, SELECTION, None, NOW).people) == 2
        with pytest.raises(SourceError, match="counts 3 users, but lists 2"):
            read_users(reader, SELECTION, None, NOW + timedelta(days=1))
