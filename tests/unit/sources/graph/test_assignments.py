from __future__ import annotations

import pytest
from support.entra_reads import open_reader
from support.servers.graph.companies import company
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import DEFAULT_ACCESS, Tenant

from reconciler.errors import SourceError
from reconciler.sources.graph.assignments import Application, find_application, read_assignments


@pytest.mark.parametrize("name", ["O'Hara & Söhne, 100% + #1", "Apple Business Manager"])
def test_an_application_is_found_by_name_in_any_case_and_by_both_ids(name: str) -> None:
    tenant = Tenant()
    tenant.add_application("Another")
    object_id = tenant.add_application(name)
    app_id = tenant.objects[object_id].properties["appId"]
    with GraphServer(tenant) as server, open_reader(server) as reader:
        found = {find_application(reader, each) for each in (name, name.upper(), object_id, object_id.upper(), app_id)}
    assert found == {Application(object_id, app_id, name)}


@pytest.mark.parametrize("named", ["Apple", "00000000-0000-4000-8000-000000000000"])
def test_an_application_that_does_not_exist_is_an_error(named: str) -> None:
    with (
        GraphServer(company(1).tenant) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError) as raised,
    ):
        find_application(reader, named)
    assert raised.value.summary == f'there is no enterprise application "{named}" in this tenant'
    assert "source.entra.application" in raised.value.detail


def test_several_applications_of_one_name_are_an_error_that_lists_their_ids() -> None:
    tenant = Tenant()
    ids = sorted(tenant.add_application() for _ in range(3))
    with (
        GraphServer(tenant) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError, match='3 enterprise applications are named "Apple Business Manager"') as raised,
    ):
        find_application(reader, "Apple Business Manager")
    assert all(each in raised.value.detail for each in ids)


def test_a_filter_that_is_ignored_finds_no_other_application() -> None:
    tenant = Tenant()
    tenant.add_application("Another")
    rows = [{"id": tenant.order["servicePrincipal"][0], "appId": tenant.id, "displayName": "Another"}]
    fault = Fault("/servicePrincipals", edit=lambda page: page | {"value": rows})
    with (
        GraphServer(tenant, faults=[fault]) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError, match="there is no enterprise application"),
    ):
        find_application(reader, "Apple Business Manager")


def test_principals_are_read_once_whatever_their_roles() -> None:
    found = company(3)
    tenant = found.tenant
    tenant.assign(found.application, found.users[0], DEFAULT_ACCESS)
    tenant.assign(found.application, found.staff, DEFAULT_ACCESS)
    tenant.assign(found.application, tenant.add_application("Robot"))
    with GraphServer(tenant, page_cap=2) as server, open_reader(server) as reader:
        assigned = read_assignments(reader, find_application(reader, found.application))
    assert assigned.users == (found.users[0],)
    assert assigned.groups == (found.staff,)
    assert assigned.others == {"ServicePrincipal": 1}


@pytest.mark.parametrize("row", [{"principalId": "x", "principalType": "User"}, {"principalType": None}, {}])
def test_a_row_that_cannot_be_read_fails_the_read(row: dict[str, object]) -> None:
    found = company(2)
    fault = Fault("/appRoleAssignedTo", edit=lambda page: page | {"value": [row]})
    with (
        GraphServer(found.tenant, faults=[fault]) as server,
        open_reader(server) as reader,
        pytest.raises(SourceError, match="an assignment without a"),
    ):
        read_assignments(reader, Application(found.application, "", ""))
