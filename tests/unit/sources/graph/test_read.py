from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.entra_reads import NOW, build_request, open_reader, read_tenant
from support.servers.graph.companies import company
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant

from reconciler.core.scope.groups import GroupMembers, resolve_members
from reconciler.errors import SourceError
from reconciler.sources.graph.read import read_entra
from reconciler.sources.snapshot import GoneReason, Snapshot, SourceScope


def resolve(snapshot: Snapshot) -> set[str]:
    """Resolve who is assigned, as a desired state does."""
    assert snapshot.groups is not None
    assert snapshot.scope is not None
    names = {group.object_id: group.name for group in snapshot.groups}
    groups = {
        group.name.casefold(): GroupMembers(group.users, tuple(names[each] for each in group.groups))
        for group in snapshot.groups
    }
    assigned = GroupMembers(snapshot.scope.users, tuple(names[each] for each in snapshot.scope.groups))
    return set(resolve_members(assigned, groups))


def test_a_company_is_read() -> None:
    found = company(30)
    with GraphServer(found.tenant, page_cap=7) as server:
        snapshot = read_tenant(server, attributes=["department", "costCenter", "givenName"])
    assert {person.object_id for person in snapshot.people} == set(found.users)
    assert snapshot.attributes == {
        *("objectId", "userPrincipalName", "accountEnabled"),
        *("department", "costCenter", "givenName"),
    }
    assert snapshot.scope == SourceScope((found.users[0],), (found.staff,))
    assert snapshot.groups is not None
    (staff,) = snapshot.groups
    assert (staff.name, staff.description) == ("Staff", "Everyone at Contoso")
    assert staff.users == tuple(found.users[1:]), "sorted by userPrincipalName"
    assert snapshot.notes == ()
    assert snapshot.source == "Microsoft Entra ID (contoso.onmicrosoft.com)"


def build_nested() -> tuple[Tenant, dict[str, str]]:
    """Build a tenant with a nested group of three: one assigned elsewhere, one not, one disabled."""
    tenant = Tenant()
    ids = {name: tenant.add_user(f"{name}@contoso.com") for name in ("ada", "alan", "ken", "zoe")}
    ids["inner"] = tenant.add_group("Inner", [ids["ada"], ids["ken"], ids["zoe"]])
    ids["outer"] = tenant.add_group("Outer", [ids["alan"], ids["inner"]])
    ids["app"] = tenant.add_application()
    tenant.assign(ids["app"], ids["outer"])
    tenant.assign(ids["app"], ids["ada"])
    return tenant, ids


@pytest.mark.parametrize("users", ["assigned", "all"])
def test_nested_groups_are_there_but_provision_no_one_else_as_in_entra(users: str) -> None:
    tenant, ids = build_nested()
    with GraphServer(tenant) as server:
        snapshot = read_tenant(server, users=users)
    assert resolve(snapshot) == {ids["ada"], ids["alan"]}
    assert snapshot.groups is not None
    inner, outer = snapshot.groups
    assert outer.groups == (ids["inner"],)
    assert inner.users == (ids["ada"],), "who is assigned in another way"
    assert len(snapshot.people) == (4 if users == "all" else 2)
    assert any("members of nested groups: 2 users." in note for note in snapshot.notes)


def test_nested_groups_are_resolved_if_they_should() -> None:
    tenant, ids = build_nested()
    with GraphServer(tenant) as server:
        snapshot = read_tenant(server, nested_groups=True)
    assert resolve(snapshot) == {ids[name] for name in ("ada", "alan", "ken", "zoe")}
    assert len(snapshot.people) == 4
    assert snapshot.notes == ()


def test_groups_that_contain_each_other_reach_the_same_users() -> None:
    tenant, ids = build_nested()
    tenant.add_member(ids["inner"], ids["outer"])
    with GraphServer(tenant) as server:
        snapshot = read_tenant(server, nested_groups=True)
    assert resolve(snapshot) == {ids[name] for name in ("ada", "alan", "ken", "zoe")}
    assert snapshot.groups is not None
    assert [group.groups for group in snapshot.groups] == [(), (ids["inner"],)]
    assert '"Outer" is left out of "Inner"' in snapshot.notes[0]


def test_an_application_without_assignments_is_refused() -> None:
    tenant = Tenant()
    tenant.add_user()
    application = tenant.add_application()
    with GraphServer(tenant) as server:
        with pytest.raises(SourceError, match="no user is assigned to the enterprise application") as raised:
            read_tenant(server)
        tenant.assign(application, tenant.add_group("Empty"))
        with pytest.raises(SourceError, match="no user is assigned to the enterprise application"):
            read_tenant(server)
    assert application in raised.value.summary


def test_a_user_deleted_between_lists_is_explained() -> None:
    found = company(5)
    faults = [Fault("/members", after=lambda tenant: tenant.delete(found.users[2]))]
    with GraphServer(found.tenant, faults=faults) as server:
        snapshot = read_tenant(server, users="all", known=found.users)
    assert {person.object_id for person in snapshot.people} == {*found.users} - {found.users[2]}
    assert snapshot.groups is not None
    assert found.users[2] not in snapshot.groups[0].users
    assert snapshot.gone == {found.users[2]: GoneReason.DELETED}


def drop(user: str) -> Any:
    """Leave a user out of a list."""
    return lambda page: page | {"value": [row for row in page["value"] if row["id"] != user]}


def test_a_member_that_the_list_of_users_lacks_is_asked_for() -> None:
    found = company(5)
    faults = [Fault("/users", edit=drop(found.users[3])), Fault(r"/users/\$count", times=None, body=b"4")]
    with GraphServer(found.tenant, faults=faults) as server:
        snapshot = read_tenant(server, users="all")
    assert {person.object_id for person in snapshot.people} == set(found.users)


def test_a_member_that_cannot_be_read_fails_the_read() -> None:
    found = company(5)
    faults = [
        Fault("/users", times=None, edit=drop(found.users[3])),
        Fault(r"/users/\$count", times=None, body=b"4"),
    ]
    why = f"assigned or in groups cannot be read: .*{found.users[3]}"
    with GraphServer(found.tenant, faults=faults) as server, pytest.raises(SourceError, match=why):
        read_tenant(server, users="all")


def test_a_list_that_is_shorter_than_its_count_is_read_again_and_refused() -> None:
    found = company(5)
    fault = Fault("/users", edit=drop(found.users[3]))
    with GraphServer(found.tenant, faults=[fault]) as server:
        assert len(read_tenant(server, users="all").people) == 5
        server.faults[0] = replace(fault, times=None)
        with pytest.raises(SourceError, match="counts 5 users, but lists 4"):
            read_tenant(server, users="all")
        server.faults[0] = Fault("/members", times=None, edit=drop(found.users[3]))
        with pytest.raises(SourceError, match='counts 4 members of the group "Staff", but lists 3'):
            read_tenant(server)


def test_users_deleted_in_the_last_hour_may_still_be_counted() -> None:
    found = company(5)
    gone = found.tenant.add_user()
    found.tenant.delete(gone)
    with GraphServer(found.tenant, faults=[Fault(r"/users/\$count", times=None, body=b"6")]) as server:
        assert len(read_tenant(server, users="all").people) == 5
        with pytest.raises(SourceError, match="counts 6 users, but lists 5"):
            read_tenant(server, users="all", now=NOW + timedelta(hours=2))


def edit_rows(edit: Callable[[list[Any]], list[Any]]) -> dict[str, Any]:
    """Build a fault that changes the rows of a page."""
    return {"edit": lambda page: page | {"value": edit(page["value"])} if "value" in page else page}


FAULTS: dict[str, dict[str, Any]] = {
    "refused": {"status": 403},
    "unavailable": {"status": 503},
    "redirected": {"status": 302},
    "closed": {"close": True},
    "truncated": {"truncate": True},
    "broken off": {"break_off": True},
    "a list": {"body": b"[]"},
    "a web page": {"body": b"<html>"},
    "empty": {"body": b""},
    "without rows": {"without_value": True},
    "leading elsewhere": {"other_host": "https://graph.example.com"},
    "leading back": {"loop": True},
    "with a row that is none": edit_rows(lambda rows: [*rows, 7]),
    "with nulls": edit_rows(lambda rows: [dict.fromkeys(row) for row in rows]),
}
"""No answer can be used."""
CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "not found": {"status": 404},
    "with a row twice": {"duplicate_rows": True},
    "an empty page before": {"empty_page": True},
    "without the last row": edit_rows(lambda rows: rows[:-1]),
    "without all rows": edit_rows(lambda rows: rows[:0]),
}
"""Answers that could be true, if the directory changed: another answer contradicts them, and all is read again."""


@pytest.mark.parametrize("name", [*FAULTS, *CONTRADICTIONS])
def test_a_read_with_a_fault_in_any_answer_is_the_same_or_refused(name: str) -> None:
    fault = (FAULTS | CONTRADICTIONS)[name]
    found = company(4)
    extra = found.tenant.add_group("Extra", found.users[:1])
    found.tenant.add_member(found.staff, extra)
    other = found.tenant.add_user("other@contoso.com")
    known = [*found.users, other]
    with GraphServer(found.tenant, page_cap=2) as server:
        whole = read_tenant(server, known=known)
        refused = 0
        for call in range(1, len(server.requests) + 1):
            server.faults = [Fault(call=call, **fault)]
            server.requests.clear()
            server._counts.clear()
            try:
                assert read_tenant(server, known=known) == whole, server.requests[call - 1].path
            except SourceError:
                refused += 1
    assert refused or name in CONTRADICTIONS
    assert not refused or name != "not found", "an object that was deleted meanwhile is read about again"


def test_people_that_git_has_and_that_are_not_read() -> None:
    found = company(5)
    tenant = found.tenant
    other = tenant.add_user("other@contoso.com")
    deleted, purged = tenant.add_user("d@contoso.com"), tenant.add_user("p@contoso.com")
    tenant.delete(deleted)
    tenant.purge(purged)
    with GraphServer(tenant) as server:
        snapshot = read_tenant(server, known=[*found.users, other.upper(), deleted, purged, "not an id"])
    assert snapshot.gone == {other: GoneReason.NOT_ASSIGNED, deleted: GoneReason.DELETED}
    (note,) = snapshot.notes
    assert note.startswith(f'No user, not even a deleted one, has the objectId of 1 entry in git: "{purged}"')


def test_people_of_another_directory_are_not_deleted_beside_those_of_this_one() -> None:
    found, elsewhere = company(3), company(3, seed=9)
    with GraphServer(found.tenant) as server:
        snapshot = read_tenant(server, known=[*found.users, *elsewhere.users])
    assert snapshot.gone == {}
    assert any("the objectId of 3 entries in git" in note for note in snapshot.notes)


def test_an_assigned_user_of_whom_there_is_no_trace_is_named_and_not_deleted() -> None:
    found = company(3)
    phantom = company(1, seed=9).users[0]

    def add(page: dict[str, list[dict[str, str]]]) -> object:
        return page | {"value": [*page["value"], page["value"][0] | {"id": phantom}]}

    faults = [Fault("/members", times=None, edit=add)]
    with GraphServer(found.tenant, faults=faults) as server:
        snapshot = read_tenant(server, known=[*found.users, phantom])
    assert snapshot.gone == {}
    assert any(f'do not exist: "{phantom}"' in note for note in snapshot.notes)


def test_no_one_is_gone_from_a_tenant_that_knows_none_of_them() -> None:
    found, elsewhere = company(3), company(3, seed=9)
    with GraphServer(found.tenant) as server:
        snapshot = read_tenant(server, known=elsewhere.users)
    assert snapshot.gone == {}
    assert any("knows none of the 3 objectIds" in note for note in snapshot.notes)


def test_users_whose_values_cannot_be_used_are_doubtful() -> None:
    found = company(4)
    found.tenant.set(found.users[1], accountEnabled=None)
    found.tenant.set(found.users[2], department=12)
    with GraphServer(found.tenant) as server:
        snapshot = read_tenant(server, known=found.users)
    assert {person.object_id for person in snapshot.people} == {found.users[0], found.users[3]}
    assert snapshot.doubtful == {
        *(found.users[1], found.users[2]),
        *("user000001@contoso.com", "user000002@contoso.com"),
    }
    assert [each.summary for each in snapshot.diagnostics] == [
        '"user000001@contoso.com" is not imported: accountEnabled is null in Microsoft Entra ID',
        '"user000002@contoso.com" is not imported: department is not text, or is too long',
    ]
    assert snapshot.groups is not None
    assert set(snapshot.groups[0].users) == set(found.users[1:]), "they are still members"
    assert snapshot.gone == {}


def test_a_read_in_which_every_user_is_doubtful_is_refused() -> None:
    found = company(1)
    found.tenant.set(found.users[0], accountEnabled=None)
    with GraphServer(found.tenant) as server, pytest.raises(SourceError, match="no user can be imported") as raised:
        read_tenant(server)
    assert "user000000@contoso.com" in raised.value.detail


def test_guests_are_users_with_their_own_address() -> None:
    found = company(1)
    name = "ada_fabrikam.com#EXT#@contoso.onmicrosoft.com"
    for enabled in (True, None):
        found.tenant.assign(found.application, found.tenant.add_user(name, userType="Guest", accountEnabled=enabled))
    with GraphServer(found.tenant) as server:
        snapshot = read_tenant(server)
    assert {person.name for person in snapshot.people} == {"user000000@contoso.com", "ada@fabrikam.com"}
    assert "ada@fabrikam.com" in snapshot.doubtful


def test_attributes_that_graph_does_not_have_are_git_s_own() -> None:
    found = company(2)
    with GraphServer(found.tenant) as server:
        snapshot = read_tenant(server, attributes=["badgeNumber", "skills", "department"])
    assert snapshot.attributes == {"objectId", "userPrincipalName", "accountEnabled", "department"}
    assert [note.partition(" is not imported")[0] for note in snapshot.notes] == ['"badgeNumber"', '"skills"']


def test_a_directory_extension_that_no_user_has_is_read_only_if_it_exists() -> None:
    found = company(2)
    name = found.tenant.define_extension("badge")
    with GraphServer(found.tenant) as server:
        assert name in read_tenant(server, attributes=[name]).attributes
        unknown = f"{name}x"
        snapshot = read_tenant(server, attributes=[unknown])
        assert unknown not in snapshot.attributes
        assert any("no user has it" in note for note in snapshot.notes)
        server.faults.append(Fault("/getAvailableExtensionProperties", status=403))
        assert name not in read_tenant(server, attributes=[name]).attributes


def test_managers_are_read_with_users() -> None:
    found = company(5)
    with GraphServer(found.tenant, page_cap=2) as server:
        snapshot = read_tenant(server, attributes=["manager"], users="all")
    assert {person.attributes.get("manager") for person in snapshot.people} == {None, found.users[0]}
    assert "manager" in snapshot.attributes


def test_managers_that_no_row_has_were_not_read() -> None:
    found = company(3)

    def ignore(page: dict[str, list[dict[str, str]]]) -> object:
        return page | {"value": [{key: row[key] for key in row if key != "manager"} for row in page["value"]]}

    with GraphServer(found.tenant, faults=[Fault("/users", times=None, edit=ignore)]) as server:
        assert "manager" not in read_tenant(server, attributes=["manager"]).attributes


def leave_out(user: str, name: str, part: str = "") -> Callable[[dict[str, Any]], object]:
    """Leave a property, or a part of it, out of the row of a user."""

    def edit(row: dict[str, Any]) -> dict[str, Any]:
        if row["id"] != user:
            return row
        whole = row if not part else row[name]
        less = {key: value for key, value in whole.items() if key != (part or name)}
        return less if not part else row | {name: less}

    return lambda page: page | {"value": [edit(row) for row in page["value"]]} if "value" in page else page


@pytest.mark.parametrize("users", ["assigned", "all"])
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("department", ""),
        ("accountEnabled", ""),
        ("employeeOrgData", ""),
        ("employeeOrgData", "costCenter"),
        ("onPremisesExtensionAttributes", "extensionAttribute3"),
    ],
)
def test_a_row_without_a_property_that_others_have_is_read_again_and_refused(users: str, name: str, part: str) -> None:
    """Graph lists a property without a value as null: absent, it would clear what git has."""
    found = company(4)
    for user in found.users:
        found.tenant.set(user, employeeOrgData={"costCenter": "1", "division": None}, onPremisesExtensionAttributes={})
    names = ["department", "costCenter", "division", "extensionAttribute3"]
    fault = Fault("/users", edit=leave_out(found.users[2], name, part))
    with GraphServer(found.tenant) as server:
        whole = read_tenant(server, attributes=names, users=users)
        server.faults[:] = [fault]
        assert read_tenant(server, attributes=names, users=users) == whole, "the second read is complete"
        server.faults[:] = [replace(fault, times=None)]
        lacking = f"{name}.{part}" if part else name
        with pytest.raises(SourceError, match=f'lists some users without "{lacking}"'):
            read_tenant(server, attributes=names, users=users)


def test_a_property_that_no_row_has_is_left_alone() -> None:
    found = company(3)

    def ignore(page: dict[str, list[dict[str, str]]]) -> object:
        return page | {"value": [{key: row[key] for key in row if key != "department"} for row in page["value"]]}

    with GraphServer(found.tenant, faults=[Fault("/users", times=None, edit=ignore)]) as server:
        assert "department" not in read_tenant(server).attributes


def test_members_that_are_neither_users_nor_groups_are_counted() -> None:
    found = company(3)
    found.tenant.add_member(
        found.staff, found.tenant.add_other("device", "Mac"), found.tenant.add_other("orgContact", "C")
    )
    found.tenant.assign(found.application, found.tenant.add_application("Another"))
    with GraphServer(found.tenant) as server:
        snapshot = read_tenant(server)
    assert snapshot.notes == (
        "Members of groups that are neither users nor groups are left out: 1 device, 1 orgContact.",
        "Assigned, but neither users nor groups: 1 ServicePrincipal.",
    )


def test_hidden_membership_needs_its_permission() -> None:
    found = company(3)
    found.tenant.set(found.staff, visibility="HiddenMembership")
    with GraphServer(found.tenant) as server:
        server.service.hidden_as_empty = True
        with pytest.raises(SourceError, match=r"Member\.Read\.Hidden"):
            read_tenant(server)


def test_missing_permissions_are_named_before_the_first_read() -> None:
    found = company(3)
    found.tenant.app.roles = ["User.Read.All"]
    with GraphServer(found.tenant) as server:
        with pytest.raises(SourceError, match=r"GroupMember\.Read\.All, Application\.Read\.All"):
            read_tenant(server)
        assert server.count() == 0
        found.tenant.app.roles += ["GroupMember.Read.All", "Application.Read.All"]
        with pytest.raises(SourceError, match=r"User-LifeCycleInfo\.Read\.All"):
            read_tenant(server, attributes=["employeeLeaveDateTime"])


def test_assigned_groups_that_are_no_security_groups_are_named() -> None:
    found = company(1)
    team = found.tenant.add_group("M365", found.users, securityEnabled=False)
    found.tenant.assign(found.application, team)
    with GraphServer(found.tenant) as server:
        notes = read_tenant(server).notes
    assert any(note.endswith('no security group: "M365".') for note in notes), notes


def test_a_group_that_is_gone_is_believed_if_it_is_among_the_deleted_ones() -> None:
    found = company(3)
    extra = found.tenant.add_group("Extra", found.users)
    found.tenant.assign(found.application, extra)
    with GraphServer(found.tenant, faults=[Fault(f"/groups/{extra}", status=404)]) as server:
        snapshot = read_tenant(server)
        assert snapshot.scope is not None
        assert extra in snapshot.scope.groups, "the second read found it"
        server.service.lagging_assignments = True
        found.tenant.delete(extra)
        with pytest.raises(SourceError, match=f"the group {extra} is assigned or in a group, but not found") as raised:
            read_tenant(server)
        assert "Grant Group.Read.All" in raised.value.detail
        found.tenant.app.roles.append("Group.Read.All")
        snapshot = read_tenant(server)
    assert snapshot.scope is not None
    assert snapshot.scope.groups == (found.staff,)
    assert any(extra in note for note in snapshot.notes)


def test_groups_of_git_are_gone_only_if_the_tenant_shows_that_it_had_them() -> None:
    found = company(3)
    tenant, other = found.tenant, company(1, seed=2)
    old, purged, lost = (tenant.add_group(name) for name in ("Old", "Purged", "Lost"))
    tenant.purge(purged)
    tenant.assign(found.application, lost)
    known = [found.staff, old.upper(), purged, other.staff, lost]
    with GraphServer(tenant) as server:
        snapshot = read_tenant(server, known_groups=known)
        assert snapshot.gone_groups == {old}
        assert set(snapshot.unsure_groups) == {purged, other.staff}
        assert read_tenant(server).gone_groups == frozenset()
        with open_reader(server) as reader:
            request = replace(build_request(known_groups=known), groups=False)
            without = read_entra(reader, request)
            assert without.gone_groups == frozenset()
            assert without.unsure_groups == {}
        tenant.app.roles.append("Group.Read.All")
        server.service.lagging_assignments = True
        tenant.delete(lost)
        snapshot = read_tenant(server, known_groups=known)
        assert snapshot.gone_groups == {old, lost}
        assert snapshot.unsure_groups == {}


@pytest.mark.parametrize("nested", [False, True])
def test_a_group_that_is_not_found_and_not_deleted_fails_the_read(nested: bool) -> None:
    found = company(3)
    found.tenant.app.roles.append("Group.Read.All")
    extra = found.tenant.add_group("Extra", [found.tenant.add_user()])
    if nested:
        found.tenant.add_member(found.staff, extra)
    else:
        found.tenant.assign(found.application, extra)
    with GraphServer(found.tenant, faults=[Fault(f"/groups/{extra}", times=None, status=404)]) as server:
        with pytest.raises(SourceError, match=f"the group {extra} .* neither exists nor is deleted"):
            read_tenant(server)
        server.faults.append(Fault("/deletedItems/microsoft.graph.group", status=500))
        with pytest.raises(SourceError, match="500"):
            read_tenant(server)


def test_assignments_that_end_at_the_first_page_each_time_are_noticed() -> None:
    found = company(2)
    for number in range(1_000):
        found.tenant.assign(found.application, found.tenant.add_user(f"direct{number}@contoso.com"))

    def end(page: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in page.items() if name != "@odata.nextLink"}

    fault = Fault("/appRoleAssignedTo", times=None, edit=end)
    with GraphServer(found.tenant, faults=[fault]) as server, pytest.raises(SourceError, match="two lists of who is"):
        read_tenant(server)


def test_the_requests_are_pages_however_many_users_there_are() -> None:
    found = company(2_000)
    for number in range(20):
        found.tenant.add_user(f"guest{number}@contoso.com")
    with GraphServer(found.tenant) as server:
        read_tenant(server, users="all", known=found.users)
        # Application, assignments twice, group; 3 pages and 2 counts each of members and users.
        assert len(server.requests) == 14


def test_few_users_of_many_are_asked_for_by_id() -> None:
    found = company(40)
    for number in range(5_000):
        found.tenant.add_user(f"other{number}@contoso.com")
    with GraphServer(found.tenant) as server:
        snapshot = read_tenant(server, known=found.users)
        assert len(snapshot.people) == 40
        assert server.count("/users") == 3
