"""`--incremental`: only users that may differ are looked at, with few requests, and what is in doubt is a full plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.git_workspace import GitWorkspace, person
from support.servers import fake_scim
from support.servers.fake_scim import FakeScimServer, make_user
from support.servers.server_faults import ServerFaults
from support.workspace import CommandResult, Workspace

from reconciler.session.incremental.plan import MOST_USERS

UNPROVEN = "a user has a name that no filter finds, which does not prove that it is free"
CROWD = [f"user{number:02d}" for number in range(30)]


class Tenant:
    """A committed company of 30, ten a file, all applied; and the requests of the last command."""

    def __init__(self, space: GitWorkspace, size: int = 30) -> None:
        self.space = space
        self.people = {who: person(who) for who in CROWD[:size]}
        self.commit()
        applied = space.work.apply()
        assert applied.code == 0, applied.err

    def write(self) -> None:
        """Write the people, ten a file."""
        listed = list(self.people.values())
        for number in range(0, max(len(listed), 1), 10):
            lines = [f"- {json.dumps(each)}\n" for each in listed[number : number + 10]]
            self.space.work.write(f"users/{number:03d}.yaml", "".join(lines) or "[]\n")

    def commit(self) -> None:
        """Write and commit them."""
        self.write()
        self.space.git.commit("Edit")

    def plan(self, *arguments: str) -> tuple[CommandResult, list[str]]:
        """Plan as JSON; return the result and the paths that were requested."""
        return self._watch(lambda: self.space.work.plan(*arguments))

    def apply(self, *arguments: str) -> tuple[CommandResult, list[str]]:
        """Apply; return the result and the paths that were requested."""
        return self._watch(lambda: self.space.work.apply(*arguments))

    def _watch(self, run: Callable[[], CommandResult]) -> tuple[CommandResult, list[str]]:
        before = len(self.space.service.log)
        result = run()
        return result, [f"{each.method} {each.path}" for each in self.space.service.log[before:]]


@pytest.fixture
def service() -> Iterator[FakeScimServer]:
    with FakeScimServer(ServerFaults()) as running:
        yield running


@pytest.fixture
def tenant(service: FakeScimServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    return Tenant(GitWorkspace(Workspace(tmp_path, service.base_url, service.token, monkeypatch), service))


def looked_at(result: CommandResult) -> int:
    """Return how many users an incremental plan looked at; -1: it is a full one."""
    found: dict[str, Any] | None = result.plan.get("incremental")
    return -1 if found is None else found["looked_at"]


def why_full(result: CommandResult) -> str:
    """Return why a plan is of all users."""
    assert looked_at(result) == -1
    return next(line for line in result.err.splitlines() if line.startswith("Incremental: ")).partition("at: ")[2]


def test_one_changed_line_is_one_user_and_six_requests(tenant: Tenant) -> None:
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    result, requests = tenant.plan("--incremental")
    assert result.actions == {"user07@example.com": "update"}
    assert result.code == 2
    assert looked_at(result) == 1
    assert len(requests) <= 7, requests
    assert {request.partition("/")[0] for request in requests} == {"GET "}


@pytest.mark.parametrize("size", [10, 30, 100])
@pytest.mark.parametrize("who", ["user00", "user05", "user09"])
def test_the_removal_of_one_user_looks_at_the_list_with_ten_requests_at_most(
    tenant: Tenant, size: int, who: str
) -> None:
    tenant.people = {f"user{number:02d}": person(f"user{number:02d}") for number in range(size)}
    tenant.commit()
    assert tenant.apply()[0].code == 0
    del tenant.people[who]
    tenant.commit()
    result, requests = tenant.plan("--incremental")
    assert looked_at(result) == 1, why_full(result)
    assert result.actions == {f"{who}@example.com": "deactivate"}
    assert len(requests) <= 10, requests
    assert requests.count("GET /Users") <= 8


@pytest.mark.parametrize("size", [30, 100])
@pytest.mark.parametrize(
    "faults",
    [
        ServerFaults(rotate_user_names=True),
        ServerFaults(rotate_external_ids=True),
        ServerFaults(inactive_in_lists=True),
        ServerFaults(hide_in_lists="user20@example.com"),
        ServerFaults(repeat_in_lists=True),
        ServerFaults(cap_total=29),
        ServerFaults(cap_depth=25),
        ServerFaults(ignore_start_index=True),
        ServerFaults(error_on_page=1, error_status=400, error_times=None),
    ],
)
def test_a_removal_needs_a_list_that_can_be_relied_on(tenant: Tenant, size: int, faults: ServerFaults) -> None:
    """A plan of all users is made instead. An update needs no list."""
    tenant.people |= {f"user{number:02d}": person(f"user{number:02d}") for number in range(size)}
    tenant.commit()
    assert tenant.apply()[0].code == 0
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    tenant.space.service.faults = faults
    assert looked_at(tenant.plan("--incremental")[0]) == 1
    del tenant.people["user05"]
    tenant.commit()
    result = tenant.space.work.run("plan", "--incremental")
    assert "accounts would be removed" in result.err
    assert "Incremental: no, all users are looked at: " in result.err


def test_a_removal_needs_an_account_that_the_whole_list_shows(
    service: FakeScimServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many accounts as there were are listed, but the account is not among them."""
    tenant = Tenant(GitWorkspace(Workspace(tmp_path, service.base_url, service.token, monkeypatch), service), size=10)
    tenant.space.service.add(make_user(50))
    del tenant.people["user05"]
    tenant.commit()
    assert looked_at(tenant.plan("--incremental")[0]) == 1
    tenant.space.service.faults = ServerFaults(hide_in_lists="user05@example.com")
    result = tenant.plan("--incremental")[0]
    assert why_full(result).startswith("the list of users leaves out an account that a filter finds")


def test_an_edit_that_is_not_committed_yet_counts(tenant: Tenant) -> None:
    tenant.people["user07"]["department"] = "Research"
    tenant.write()
    assert tenant.plan("--incremental")[0].actions == {"user07@example.com": "update"}


def test_nothing_changed(tenant: Tenant) -> None:
    tenant.space.edit_live("user01", "Drift")
    result, requests = tenant.plan("--incremental")
    assert (result.code, looked_at(result), result.actions) == (0, 0, {})
    assert len(requests) <= 3
    text = tenant.space.work.run("plan", "--incremental").out
    assert "The users that were looked at are as desired." in text
    record = next(tenant.space.work.plans.iterdir()).name
    assert f'Incremental: 0 of 30 users looked at since "{record}"; drift elsewhere is not looked at.' in text


def test_removed_and_edited_users(tenant: Tenant) -> None:
    del tenant.people["user03"]
    tenant.people["user04"]["lifecycle"] = {"starts": "2026-01-01"}
    tenant.people["user05"]["department"] = "Research"
    tenant.commit()
    result, _ = tenant.plan("--incremental")
    assert looked_at(result) == 3
    assert result.actions == {"user03@example.com": "deactivate", "user05@example.com": "update"}
    full, _ = tenant.plan()
    assert full.plan["resource_changes"] == result.plan["resource_changes"]
    assert full.plan["plan_id"] == result.plan["plan_id"]
    assert [
        guard["message"] for guard in full.plan["guards"] if guard["name"] in ("removals", "updates", "creates")
    ] == [guard["message"] for guard in result.plan["guards"] if guard["name"] in ("removals", "updates", "creates")]


def test_a_user_who_expires_today_is_looked_at(tenant: Tenant) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    tenant.people["user04"]["lifecycle"] = {"expires": str(tomorrow)}
    tenant.commit()
    assert tenant.apply()[0].code == 0
    assert tenant.plan("--incremental")[0].actions == {}
    result, _ = tenant.plan("--incremental", "--now", str(tomorrow))
    assert why_full(result) == "a user in the files would lose the account, and filters may hide another one"
    assert result.actions == {"user04@example.com": "deactivate"}
    tenant.space.live("user04")["active"] = False
    result, _ = tenant.plan("--incremental", "--now", str(tomorrow))
    assert (looked_at(result), result.actions) == (1, {})


def test_an_incremental_apply_is_where_the_next_plan_starts(tenant: Tenant) -> None:
    tenant.people["user07"]["department"] = "Research"
    del tenant.people["user08"]
    tenant.commit()
    applied, _ = tenant.apply("--incremental")
    assert applied.code == 0, applied.err
    assert [each.method for each in tenant.space.service.writes[-2:]] == ["PATCH", "PATCH"]
    result, _ = tenant.plan("--incremental")
    assert (looked_at(result), result.actions) == (0, {})
    assert tenant.plan()[0].actions == {}
    lines = [line for line in tenant.space.work.receipt() if line["event"] == "apply_started"]
    started = sorted(lines, key=lambda line: str(line["time"]))
    assert [line["whole"] for line in started] == [True, False]
    assert (started[1]["population"]["users"], started[1]["population"]["managed"]) == (29, 30)
    assert started[1]["population"]["at"] == started[0]["population"]["at"]


def status_of(tenant: Tenant) -> str:
    return tenant.space.work.run("status", "--plans", str(tenant.space.work.plans)).out


def test_the_status_says_why_a_commit_of_an_incremental_apply_counts_as_not_applied(tenant: Tenant) -> None:
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    assert tenant.apply("--incremental")[0].code == 0
    text = status_of(tenant)
    assert "Not applied:   1 commit after the last complete apply" in text
    assert "was incremental, and did not look at all users:" in text
    assert "commits count as completely applied with the next full `reconciler apply`." in text
    assert tenant.apply()[0].code == 0
    assert "Not applied" not in status_of(tenant)


def test_a_reverted_edit_is_not_missed(tenant: Tenant) -> None:
    """Of an apply of some users, what it did is not what the last complete apply left."""
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    assert tenant.apply("--user", "user07@example.com")[0].code == 0
    tenant.people["user07"]["department"] = "Sales"
    tenant.commit()
    result, _ = tenant.plan("--incremental")
    assert why_full(result) == "an apply failed since, was stopped, or was of some users"
    assert result.actions == {"user07@example.com": "update"}


def test_an_apply_of_some_users_for_a_day_to_come_is_not_missed(tenant: Tenant) -> None:
    today = datetime.now(UTC).date()
    tenant.people["user04"]["lifecycle"] = {"expires": str(today + timedelta(days=3))}
    tenant.commit()
    assert tenant.apply()[0].code == 0
    flags = ("--user", "user04@example.com", "--now", str(today + timedelta(days=4)))
    assert tenant.apply(*flags)[0].code == 0
    result, _ = tenant.plan("--incremental")
    assert why_full(result) == "an apply failed since, was stopped, or was of some users"
    assert result.actions == {"user04@example.com": "reactivate"}


def test_what_all_users_depend_on_needs_a_full_plan(tenant: Tenant) -> None:
    tenant.space.work.write("scope.yaml", "sync: all\n")
    assert "settings, scope, groups or mappings changed" in why_full(tenant.plan("--incremental")[0])


def test_an_account_that_is_gone_needs_a_full_plan(tenant: Tenant) -> None:
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    del tenant.space.service.users[tenant.space.live("user07")["id"]]
    result, _ = tenant.plan("--incremental")
    assert why_full(result) == UNPROVEN
    assert result.actions == {"user07@example.com": "create"}


def test_a_guard_that_blocks_is_judged_by_all_users(tenant: Tenant) -> None:
    tenant.space.work.settings(guards={"removals": {"count": 5}})
    tenant.commit()
    assert tenant.apply()[0].code == 0
    for who in CROWD[:6]:
        del tenant.people[who]
    tenant.commit()
    result, _ = tenant.plan("--incremental")
    assert why_full(result) == "the guard removals has to be judged by all users"
    assert result.code == 3


@pytest.mark.parametrize("count", [29, MOST_USERS + 1])
def test_a_few_users_are_looked_up_and_many_are_read(tenant: Tenant, count: int) -> None:
    for number in range(count):
        tenant.people[f"user{number:02d}"] = person(f"user{number:02d}", note="edited")
    tenant.commit()
    result, _ = tenant.plan("--incremental")
    assert looked_at(result) == (count if count <= MOST_USERS else -1)


@pytest.mark.parametrize(
    "account",
    [
        {"userName": "new@example.com ", "externalId": None},
        {"userName": "other@example.com", "externalId": " id-new"},
        {"userName": "new@example.com", "externalId": "id-new", "active": False},
    ],
)
def test_a_new_user_is_looked_for_among_all(
    tenant: Tenant, account: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is there under a name with a blank, or hidden from filters, must not be created again."""
    monkeypatch.setattr(fake_scim, "matching", hiding_inactive(fake_scim.matching))
    tenant.space.service.add({**make_user(77), **account})
    tenant.people["new"] = person("new")
    tenant.commit()
    result, _ = tenant.plan("--incremental")
    assert why_full(result) == UNPROVEN
    assert result.actions == tenant.plan()[0].actions


def hiding_inactive(matching: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Return a filter that finds active accounts only."""
    return lambda users, text, **flags: [user for user in matching(users, text, **flags) if user.get("active", True)]


@pytest.mark.parametrize("twin", [{"externalId": "ID-USER07"}, {"externalId": "id-user07 "}, {"active": False}])
def test_another_account_of_a_user_that_filters_do_not_find(
    tenant: Tenant, twin: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account with both names is updated all the same. It neither gets nor loses access."""
    monkeypatch.setattr(fake_scim, "matching", hiding_inactive(fake_scim.matching))
    tenant.space.service.add({**make_user(77), "externalId": "id-user07", **twin})
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    assert tenant.plan("--incremental")[0].actions == {"user07@example.com": "update"}
    assert tenant.plan()[0].actions == {}
    tenant.people["user07"]["accountEnabled"] = False
    tenant.commit()
    assert looked_at(tenant.plan("--incremental")[0]) == -1


def test_an_account_that_becomes_active_needs_a_full_plan(tenant: Tenant) -> None:
    tenant.space.live("user07")["active"] = False
    tenant.space.service.add({**make_user(77), "externalId": "ID-USER07"})
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    result, _ = tenant.plan("--incremental")
    assert why_full(result) == "an account would become active, and filters may hide another one of its user"
    assert (result.actions, tenant.plan()[0].actions) == ({}, {})


def test_a_saved_incremental_plan_is_applied_incrementally(tenant: Tenant) -> None:
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    tenant.space.edit_live("user01", "Drift")
    file = tenant.space.work.root / "plan.json"
    assert tenant.plan("--incremental", "-o", str(file))[0].code == 2
    applied, _ = tenant.apply(str(file), "--strict")
    assert applied.code == 0, applied.err
    assert tenant.plan()[0].actions == {"user01@example.com": "update"}


def test_a_saved_incremental_plan_is_not_applied_with_more(tenant: Tenant) -> None:
    """It needs a full plan by now, which has a change that nobody reviewed."""
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    tenant.space.edit_live("user01", "Drift")
    file = tenant.space.work.root / "plan.json"
    assert tenant.plan("--incremental", "-o", str(file))[0].code == 2
    tenant.space.service.faults = replace(tenant.space.service.faults, ignore_filter=True)
    applied, requests = tenant.apply(str(file))
    assert applied.code == 4
    assert not [request for request in requests if not request.startswith("GET ")]


def test_a_saved_plan_of_all_users_is_applied_to_all(tenant: Tenant) -> None:
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    tenant.space.edit_live("user01", "Drift")
    file = tenant.space.work.root / "plan.json"
    assert tenant.plan("-o", str(file))[0].code == 2
    applied, _ = tenant.apply(str(file), "--incremental")
    assert applied.code == 0
    assert "The saved plan is of all users, and is applied as such." in applied.err
    assert tenant.plan()[0].actions == {}


def test_provisioning_is_off(tenant: Tenant) -> None:
    tenant.people["user07"]["department"] = "Research"
    tenant.space.work.settings(provisioning={"enabled": False, "reason": "a test"})
    tenant.commit()
    tenant.space.edit_live("user01", "Drift")
    applied, requests = tenant.apply("--incremental")
    assert applied.code == 0
    assert "1 to change" in applied.out or "1 to update" in applied.out
    assert not [request for request in requests if not request.startswith("GET ")]


@pytest.mark.parametrize(
    "flags", [("--user", "user01@example.com"), ("--base", "main"), ("--offline",), ("--offline", "--base", "main")]
)
def test_it_chooses_the_users_itself(tenant: Tenant, flags: tuple[str, ...]) -> None:
    result, _ = tenant.plan("--incremental", *flags)
    assert result.code == 64
    assert f"--incremental cannot be combined with {flags[0]}" in result.err


def test_digests_on_record_are_enough(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.space.digest_record(monkeypatch)
    tenant.commit()
    tenant.people["user07"]["department"] = "Research"
    tenant.commit()
    assert tenant.apply()[0].code == 0
    tenant.people["user08"]["department"] = "Research"
    tenant.commit()
    result, _ = tenant.plan("--incremental")
    assert (looked_at(result), result.actions) == (1, {"user08@example.com": "update"})
    started = [line for line in tenant.space.work.receipt() if "population" in line]
    assert "user" not in json.dumps([line["population"] for line in started]).replace("users", "")
