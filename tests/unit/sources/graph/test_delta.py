from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from support.entra_reads import build_request, open_reader
from support.laws import examples
from support.random_edits import edits
from support.servers.graph.companies import Company, company
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer
from support.servers.graph.service import DeltaEnd, DeltaHabits

from reconciler.errors import SourceError
from reconciler.sources.graph.client import GraphClient
from reconciler.sources.graph.delta import DeltaUsers
from reconciler.sources.graph.delta_cache import CacheKey, DeltaCache, write_cache
from reconciler.sources.graph.errors import GraphError
from reconciler.sources.graph.read import read_entra
from reconciler.sources.snapshot import GoneReason, Snapshot

NAMES = ("costCenter", "department", "manager", "extension")


class Reads:
    """Reads of one company, in full and by delta; the cache is kept from read to read."""

    def __init__(self, company: Company, client: GraphClient, **settings: Any) -> None:
        self.company = company
        self.settings = settings
        self.cache: DeltaCache | None = None
        self.outcome = ""
        self.known: set[str] = set()
        self._client = client

    def request(self) -> Any:
        extension = [each["name"] for each in self.company.tenant.extensions]
        names = [extension[0] if name == "extension" else name for name in NAMES if name != "extension" or extension]
        return build_request(attributes=names, known=self.known, **self.settings)

    def full(self) -> Snapshot:
        return sort(read_entra(self._client, self.request()))

    def delta(self) -> Snapshot:
        key = CacheKey("host", "tenant", "application", self.settings.get("users", "assigned"), NAMES)
        users = DeltaUsers(key, self.cache, "there is no file yet")
        found = sort(read_entra(self._client, self.request(), users))
        self.cache, self.outcome = users.next, users.outcome
        return found


def sort(snapshot: Snapshot) -> Snapshot:
    """The order of people is that of the lists, which is no part of the result."""
    return replace(
        snapshot,
        people=sorted(snapshot.people, key=lambda person: person.object_id),
        diagnostics=tuple(sorted(snapshot.diagnostics, key=lambda found: found.summary)),
    )


@pytest.fixture
def contoso() -> Company:
    return prepare(company(12))


def prepare(contoso: Company) -> Company:
    """Give each selected property to someone, else only a full read can tell whether Graph returns it."""
    tenant = contoso.tenant
    full = tenant.define_extension("badge")
    tenant.set(contoso.users[-1], **{full: "0001"})
    return contoso


@pytest.fixture(params=["assigned", "all"])
def reads(request: pytest.FixtureRequest, contoso: Company) -> Iterator[Reads]:
    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        yield Reads(contoso, client, users=request.param)


def test_the_first_read_is_full_and_the_next_only_asks_what_changed(contoso: Company) -> None:
    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        first = reads.delta()
        assert reads.outcome == "Everything was read: there is no file yet."
        server.requests.clear()
        assert reads.delta() == first
        assert reads.outcome == (
            "Only users that changed since the last import were read: none. The last full read was on 2026-11-02 at"
            " 09:00 UTC."
        )
        assert server.count("/users") == 0
        assert server.count("/users/delta") == 1
        contoso.tenant.set(contoso.users[3], department="New")
        changed = reads.delta()
        assert "were read: 1 user." in reads.outcome
        assert server.count("/users") == 1
        assert changed != first
        assert changed == reads.full()
        # Each link leads on from the one before.
        reads.delta()
        assert reads.delta() == changed
        assert "were read: none." in reads.outcome


def test_assignments_and_members_are_listed_in_every_read(contoso: Company) -> None:
    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.delta()
        server.requests.clear()
        reads.delta()
        assert server.count("/appRoleAssignedTo") == 2
        assert server.count("/members") == 1


def test_a_change_is_read_in_two_reads_because_replicas_lag(contoso: Company) -> None:
    """The replica that is asked first may not have the change yet that delta reports."""
    user = contoso.users[3]
    old = dict(contoso.tenant.objects[user].properties)

    def lag(document: Any) -> Any:
        for row in document["value"]:
            row["department"] = old["department"]
        return document

    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        first = reads.delta()
        contoso.tenant.set(user, department="New")
        server.faults.append(Fault("/users", edit=lag))
        assert reads.delta() == first
        assert reads.delta() == reads.full() != first


@pytest.mark.parametrize("end", DeltaEnd)
def test_a_link_that_has_expired_means_a_full_read(contoso: Company, end: DeltaEnd) -> None:
    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.delta()
        contoso.tenant.set(contoso.users[3], department="New")
        server.service.expire_deltas(end)
        assert reads.delta() == reads.full()
        assert reads.outcome == "Everything was read: Microsoft Graph no longer knows the link to the changes."
        assert reads.cache is not None
        reads.delta()
        assert reads.outcome.startswith("Only users that changed")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/users/delta", status=503),
        Fault("/users/delta", status=403),
        Fault("/users/delta", truncate=True),
        Fault("/users/delta", close=True),
        Fault("/users/delta", without_value=True),
        Fault("/users/delta", loop=True),
        Fault("/users/delta", edit=lambda document: {**document, "value": [{"id": "x"}]}),
        Fault("/users", status=503),
    ],
)
def test_a_read_that_fails_fails_and_keeps_no_cache(contoso: Company, fault: Fault) -> None:
    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.delta()
        contoso.tenant.set(contoso.users[3], department="New")
        before = reads.cache
        server.faults.append(fault)
        with pytest.raises(SourceError):
            reads.delta()
        assert reads.cache is before


def test_a_link_that_leads_elsewhere_is_not_followed(contoso: Company) -> None:
    fault = Fault("/users/delta", call=2, edit=lambda found: {**found, "@odata.nextLink": "https://evil.example/"})
    drop = Fault("/users/delta", call=2, edit=lambda found: {k: v for k, v in found.items() if "delta" not in k})
    with GraphServer(contoso.tenant, faults=[drop, fault]) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.delta()
        with pytest.raises(GraphError, match="leaves"):
            reads.delta()


@pytest.mark.parametrize("status", [400, 404, 501])
def test_a_directory_without_delta_is_read_in_full_each_time(contoso: Company, status: int) -> None:
    fault = Fault("/users/delta", times=None, status=status)
    with GraphServer(contoso.tenant, faults=[fault]) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        assert reads.delta() == reads.full()
        assert reads.cache is None
        assert reads.outcome.endswith("Microsoft Graph has no delta for this selection here.")


def test_a_first_read_that_may_not_be_fails(contoso: Company) -> None:
    with (
        GraphServer(contoso.tenant, faults=[Fault("/users/delta", status=403)]) as server,
        open_reader(server) as client,
    ):
        reads = Reads(contoso, client)
        with pytest.raises(GraphError, match="403"):
            reads.delta()


def test_changes_without_an_end_mean_a_full_read(contoso: Company) -> None:
    endless = Fault("/users/delta", call=2, edit=lambda found: {"value": found["value"]})
    with GraphServer(contoso.tenant, faults=[endless]) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.delta()
        assert reads.delta() == reads.full()
        assert reads.outcome == "Everything was read: the list of changes has no end."


def test_many_changes_mean_a_full_read() -> None:
    big = prepare(company(120))
    with GraphServer(big.tenant) as server, open_reader(server) as client:
        reads = Reads(big, client)
        reads.delta()
        for user in big.users[:31]:  # three requests by id, two pages
            big.tenant.set(user, department="New")
        assert reads.delta() == reads.full()
        assert reads.outcome == "Everything was read: 31 users changed, so that a full read is faster."


@pytest.mark.parametrize("first", [True, False])
def test_properties_that_some_rows_lack_are_read_in_full(contoso: Company, *, first: bool) -> None:
    """Either the full read had no department at all, or the user that changed has none."""

    def leave_out(page: dict[str, Any]) -> dict[str, Any]:
        rows = [{name: value for name, value in row.items() if name != "department"} for row in page["value"]]
        return {**page, "value": rows}

    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        if first:
            server.faults[:] = [Fault("/users", times=None, edit=leave_out)]
        assert ("department" in reads.delta().attributes) is not first
        contoso.tenant.set(contoso.users[3], jobTitle="New", department="New")
        server.faults[:] = [] if first else [Fault("/users", edit=leave_out)]
        server._counts.clear()
        found = reads.delta()
        assert reads.outcome.startswith("Everything was read: some users have properties that others lack")
        assert found == reads.full()


# --- users that come and go -----------------------------------------------------


def test_a_removal_is_confirmed_before_anybody_is_gone(contoso: Company) -> None:
    """Delta says that a user was removed who exists: nothing changes."""
    user = contoso.users[3]
    row = {"id": user, "@removed": {"reason": "deleted"}}
    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.known = set(contoso.users)
        first = reads.delta()
        server.faults.append(Fault("/users/delta", edit=lambda found: {**found, "value": [row]}))
        assert reads.delta() == first
        assert first.gone == {}


def test_a_user_that_delta_says_nothing_about_is_not_gone(contoso: Company) -> None:
    """A user out of the assigned group is found by a request for its id, not by delta."""
    user = contoso.users[3]
    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.known = set(contoso.users)
        reads.delta()
        contoso.tenant.remove_member(contoso.staff, user)
        assert reads.delta().gone == {user: GoneReason.NOT_ASSIGNED}
        contoso.tenant.delete(user)
        assert reads.delta().gone == {user: GoneReason.DELETED}


def test_a_deletion_that_delta_does_not_report_is_noticed_by_the_count(contoso: Company) -> None:
    habits = DeltaHabits(silent_deletions=True)
    with GraphServer(contoso.tenant, habits=habits) as server, open_reader(server) as client:
        reads = Reads(contoso, client, users="all")
        reads.delta()
        contoso.tenant.delete(contoso.users[3])
        assert reads.delta() == reads.full()
        assert reads.outcome == (
            "Everything was read: 12 users are known after the changes, but Microsoft Graph counts 11."
        )


def test_users_that_are_assigned_later_are_read_by_id(reads: Reads) -> None:
    tenant = reads.company.tenant
    later = tenant.add_user("later@contoso.com", department="Sales")
    reads.delta()
    reads.delta()
    tenant.add_member(reads.company.staff, later)
    assert reads.delta() == reads.full()
    assert reads.outcome.startswith("Only users that changed")
    assert reads.cache is not None
    assert later in {person["objectId"] for person in reads.cache.people}


def test_a_deleted_manager_leaves_and_comes_back_with_his_reports(reads: Reads) -> None:
    tenant, (boss, *others) = reads.company.tenant, reads.company.users
    tenant.set_manager(others[0], others[1])
    reads.delta()
    tenant.delete(boss)
    assert reads.delta() == reads.full()
    assert reads.outcome.startswith("Only users that changed")
    reads.delta()
    tenant.restore(boss)
    found = reads.delta()
    assert found == reads.full()
    assert reads.outcome.startswith("Everything was read: a deleted user was restored")
    assert [person.attributes.get("manager") for person in found.people].count(boss) == 10


def test_a_manager_who_was_deleted_before_the_first_read_comes_back(reads: Reads) -> None:
    tenant, (boss, *others) = reads.company.tenant, reads.company.users
    tenant.set_manager(others[0], others[1])
    tenant.delete(boss)
    reads.delta()
    tenant.restore(boss)
    assert reads.delta() == reads.full()


def test_a_manager_whose_deletion_is_reported_late_comes_back(contoso: Company) -> None:
    """A report was read while the manager was deleted, and delta only says that the manager is there."""
    tenant, (boss, report, *_) = contoso.tenant, contoso.users

    def withhold(found: Any) -> Any:
        return {**found, "value": [row for row in found["value"] if row["id"] != boss]}

    tenant.set_manager(contoso.users[2], report)
    with GraphServer(tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.delta()
        tenant.set(report, department="New")
        reads.delta()
        tenant.delete(boss)
        server.faults.append(Fault("/users/delta", edit=withhold))
        reads.delta()
        assert reads.outcome.startswith("Only users that changed")
        tenant.restore(boss)
        assert reads.delta() == reads.full()


def test_the_last_value_of_an_attribute_that_few_have_means_a_full_read(reads: Reads) -> None:
    tenant = reads.company.tenant
    reads.delta()
    tenant.set(reads.company.users[-1], **{tenant.extensions[0]["name"]: None})
    assert reads.delta() == reads.full()
    assert reads.outcome == f"Everything was read: no user has the attribute {tenant.extensions[0]['name']}."


def test_a_contradiction_is_settled_by_a_full_read(contoso: Company) -> None:
    """`read_entra` reads twice if the assignments change: the second time nothing of the cache counts."""
    fault = Fault("/appRoleAssignedTo", call=4, before=lambda tenant: tenant.assign(contoso.application, later))
    later = contoso.tenant.add_user("later@contoso.com")
    with GraphServer(contoso.tenant, faults=[fault]) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.delta()
        assert reads.delta() == reads.full()
        assert reads.outcome == "Everything was read: the first read by delta was contradicted."


def test_a_file_without_an_object_id_is_not_believed(contoso: Company) -> None:
    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.delta()
        assert reads.cache is not None
        reads.cache = msgspec.structs.replace(reads.cache, people=[{"userPrincipalName": "ada@contoso.com"}])
        assert reads.delta() == reads.full()
        assert "without an objectId" in reads.outcome


def test_a_cache_holds_nobody_who_is_not_imported(contoso: Company, tmp_path: Path) -> None:
    contoso.tenant.add_user("private@contoso.com", givenName="Private")
    with GraphServer(contoso.tenant) as server, open_reader(server) as client:
        reads = Reads(contoso, client)
        reads.delta()
        reads.delta()
        assert reads.cache is not None
        write_cache(tmp_path / "delta", reads.cache)
    content = (tmp_path / "delta").read_bytes()
    assert b"private" not in content.lower()
    assert len(reads.cache.people) == 12


# --- the law --------------------------------------------------------------------


def result(read: Callable[[], Snapshot]) -> Snapshot | str:
    """What a read returns, or why it is refused: because no user is left, for example."""
    try:
        return read()
    except SourceError as exc:
        return f"{exc.summary} {exc.detail}"


HABITS = st.builds(
    DeltaHabits,
    duplicates=st.booleans(),
    shuffled=st.booleans(),
    replays=st.booleans(),
    late=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 9),
)
OPTIONS = st.fixed_dictionaries({"users": st.sampled_from(["assigned", "all"]), "nested_groups": st.booleans()})


@pytest.mark.slow
@settings(max_examples=examples(40))
@given(rounds=st.lists(edits(), min_size=1, max_size=4), options=OPTIONS, habits=HABITS, page=st.integers(1, 7))
def test_changes_give_what_a_full_read_gives(
    rounds: list[list[Any]], options: dict[str, Any], habits: DeltaHabits, page: int
) -> None:
    contoso = prepare(company(8))
    contoso.tenant.add_member(contoso.staff, contoso.tenant.add_group("Inner", contoso.users[:2]))
    with GraphServer(contoso.tenant, habits=habits, delta_page=page) as server, open_reader(server) as client:
        reads = Reads(contoso, client, **options)
        reads.known = set(contoso.users)
        reads.delta()
        for some in rounds:
            for edit in some:
                edit(contoso)
            found = result(reads.delta)
            if not habits.late:
                assert found == result(reads.full), reads.outcome
            event(reads.outcome.partition(":")[0])
        server.service.habits = replace(habits, late=0.0)
        # What came late is reported now.
        assert result(reads.delta) == result(reads.full), reads.outcome
        event(reads.outcome.partition(":")[0])
