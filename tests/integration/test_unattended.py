"""`apply --unattended`: small plans and nothing else, however the rest is wrapped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository
from support.git_workspace import GitWorkspace
from support.servers.fake_scim import FakeScimServer, make_user
from support.servers.server_faults import ServerFaults
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

SIZE = 200
LIMITS = {"updates": 50, "creates": 50, "removals": 0}
PEOPLE = [source(make_user(number)) for number in range(SIZE)]


@pytest.fixture
def service() -> FakeScimServer:
    return FakeScimServer(users=[make_user(number) for number in range(SIZE)])


@pytest.fixture
def work(service: FakeScimServer, open_workspace: OpenWorkspace) -> Workspace:
    """A workspace whose first apply is on record."""
    opened = open_workspace(service)
    settings(opened)
    opened.users(PEOPLE)
    assert opened.apply().code == 0
    return opened


def settings(work: Workspace, unattended: Any = LIMITS, **sections: Any) -> None:
    limits = {} if unattended is None else {"unattended": unattended}
    work.settings(**limits, **sections)


def edited(count: int, start: int = 0, **changes: Any) -> list[dict[str, Any]]:
    """Everybody, some of them edited."""
    changes = changes or {"department": "Moved"}
    return [{**user, **changes} if start <= n < start + count else user for n, user in enumerate(PEOPLE)]


def newcomers(count: int, start: int = SIZE) -> list[dict[str, Any]]:
    return [source(make_user(number)) for number in range(start, start + count)]


def apply(work: Workspace, *arguments: str) -> CommandResult:
    """Commit what is there, and apply it."""
    GitRepository(work.root).commit("Edit")
    return work.run("apply", "--unattended", *arguments)


def writes(service: FakeScimServer) -> int:
    return sum(request.method != "GET" for request in service.log)


def refused(work: Workspace, service: FakeScimServer, *arguments: str) -> str:
    """The output of an apply that wrote nothing at all, with exit code 3."""
    before, receipts = writes(service), len(work.receipt())
    result = apply(work, *arguments)
    assert result.code == 3, result.out + result.err
    assert writes(service) == before
    assert len(work.receipt()) == receipts
    return result.out + result.err


def let_time_pass(work: Workspace, **period: float) -> None:
    """Make every receipt older by this period."""
    for receipt in work.plans.rglob("receipt.jsonl"):
        lines = [json.loads(line) for line in receipt.read_text().splitlines()]
        for line in lines:
            line["time"] = (datetime.fromisoformat(line["time"]) - timedelta(**period)).isoformat()
        receipt.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


# --- by default nothing ---------------------------------------------------------------


def test_nothing_is_applied_unattended_by_default(work: Workspace, service: FakeScimServer) -> None:
    settings(work, None)
    work.users(edited(1))
    asked = len(service.log)
    said = refused(work, service)
    assert "nothing may be applied unattended: settings.yaml has no `unattended`" in said
    assert "unattended: {updates: 50, creates: 50, removals: 0}" in said
    assert len(service.log) == asked, "the service is not even asked"


def test_what_is_not_named_is_not_done(work: Workspace, service: FakeScimServer) -> None:
    settings(work, {"creates": 1})
    work.users(edited(1))
    assert "1 update: more than unattended.updates allows (0)" in refused(work, service)
    settings(work, {})
    work.users([*PEOPLE, *newcomers(1)])
    assert "1 create: more than unattended.creates allows (0)" in refused(work, service)


def test_the_first_apply_is_reviewed(service: FakeScimServer, open_workspace: OpenWorkspace) -> None:
    opened = open_workspace(service)
    settings(opened)
    opened.users(edited(1))
    assert "no complete apply of all users is on record: the first one is reviewed" in refused(opened, service)
    assert opened.apply("--user", PEOPLE[0]["userPrincipalName"]).code == 0
    opened.users(edited(2))
    assert "no complete apply of all users is on record" in refused(opened, service), "it was of one user"


# --- the limits -----------------------------------------------------------------------


def test_a_small_plan_is_applied_without_a_question(work: Workspace, service: FakeScimServer) -> None:
    work.users([*edited(50), *newcomers(50)])
    result = apply(work)
    assert result.code == 0, result.out
    assert "Apply complete! Users: 50 created, 50 updated, 0 deleted." in result.out
    (begun,) = [line for line in work.receipt() if line["event"] == "apply_started" and line.get("unattended")]
    assert begun["changes"] == 100
    assert apply(work).code == 0, "nothing is left"


def test_one_more_than_the_limit_applies_nothing(work: Workspace, service: FakeScimServer) -> None:
    work.users(edited(51))
    said = refused(work, service)
    assert "51 updates: more than unattended.updates allows (50)" in said
    assert "Nothing was applied, not even a part." in said


def test_many_small_applies_are_no_large_one(work: Workspace, service: FakeScimServer) -> None:
    for count in (20, 40, 50):
        work.users(edited(count))
        assert apply(work).code == 0
    work.users(edited(51))
    assert "1 update, 50 more unattended in the last 24 hours" in refused(work, service)
    work.users([*edited(50), *newcomers(3)])
    assert apply(work).code == 0, "those of another kind have a limit of their own"
    work.users([*edited(51), *newcomers(3)])
    let_time_pass(work, hours=25)
    assert apply(work).code == 0


def test_a_record_of_digests_counts_the_same(
    work: Workspace, service: FakeScimServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_RECORD_KEY", "k" * 64)
    settings(work, {"updates": 2, "creates": 2}, record={"values": "digest"})
    work.users([*edited(2), *newcomers(2)])
    assert apply(work).code == 0
    work.users([*edited(3), *newcomers(3)])
    said = refused(work, service)
    assert "1 update, 2 more unattended in the last 24 hours" in said
    assert "1 create, 2 more unattended in the last 24 hours" in said


def test_what_was_reviewed_does_not_count(work: Workspace, service: FakeScimServer) -> None:
    work.users(edited(120))
    assert work.apply().code == 0
    work.users(edited(121))
    assert apply(work).code == 0


def test_an_apply_that_was_cut_off_counts(work: Workspace, service: FakeScimServer) -> None:
    work.users(edited(50))
    assert apply(work).code == 0
    (receipt,) = [path for path in work.plans.rglob("receipt.jsonl") if '"unattended"' in path.read_text()]
    lines = [json.loads(line) for line in receipt.read_text().splitlines()]
    receipt.write_text(
        "".join(f"{json.dumps(line)}\n" for line in lines if line["event"] in ("apply_started", "started"))
    )
    receipt.with_name("README.md").unlink()
    work.users(edited(51))
    assert "1 update, 50 more unattended" in refused(work, service)


def test_a_removal_is_a_removal_by_whatever_name(work: Workspace, service: FakeScimServer) -> None:
    work.users(PEOPLE[1:])
    assert "1 removal: more than unattended.removals allows (0)" in refused(work, service)
    work.users(edited(1, accountEnabled=False))
    assert "1 removal: more than unattended.removals allows (0)" in refused(work, service)
    settings(work, lifecycle={"actions": ["create", "update", "deactivate", "delete"], "removed": "delete"})
    work.users(PEOPLE[1:])
    assert "1 removal: more than unattended.removals allows (0)" in refused(work, service)
    settings(work, {**LIMITS, "removals": 1}, lifecycle={"actions": ["create", "update"]})
    assert apply(work).code == 0
    assert len(service.users) == SIZE, "the settings do not permit it either way"


def test_removals_within_their_limit_are_applied_and_counted(work: Workspace, service: FakeScimServer) -> None:
    settings(work, {**LIMITS, "removals": 2})
    work.users(PEOPLE[2:])
    assert apply(work).code == 0
    work.users(PEOPLE[3:])
    assert "1 removal, 2 more unattended in the last 24 hours" in refused(work, service)


def test_a_storm_of_renames_is_reviewed(work: Workspace, service: FakeScimServer) -> None:
    renamed = [{**user, "userPrincipalName": f"renamed-{n}@example.com"} for n, user in enumerate(PEOPLE[:40])]
    work.users([*renamed, *PEOPLE[40:]])
    assert "40 accounts would get another userName or externalId: this is always reviewed" in refused(work, service)


def test_access_is_given_back_by_a_review_only(work: Workspace, service: FakeScimServer) -> None:
    work.users(PEOPLE[1:])
    assert work.apply().code == 0
    work.users(PEOPLE)
    assert "1 account would be reactivated, adopted or relinked" in refused(work, service)


# --- guards, approvals, health ----------------------------------------------------------


def test_a_guard_blocks_as_ever_and_no_approval_lifts_it(work: Workspace, service: FakeScimServer) -> None:
    guards = {"removals": {"count": 1000, "percent": 100}, "updates": {"count": 5}}
    settings(work, guards=guards)
    work.users(edited(6))
    plan = work.plan().plan
    until = (datetime.now(UTC).date() + timedelta(days=7)).isoformat()
    approval = {"plan": plan["plan_id"], "lifts": ["updates"], "until": until, "reason": "Reorganisation"}
    settings(work, guards=guards, approvals=[approval])
    assert "guards.updates.count: 5" in refused(work, service)
    assert work.apply().code == 0, "it is not used up: a person's apply is approved"


def test_a_user_that_cannot_be_planned_stops_all(work: Workspace, service: FakeScimServer) -> None:
    """Their account cannot be told: it may be one that would be removed, or one that would not."""
    target = {"profile": "scim", "base_url": work.base_url, "domains": ["example.com"]}
    settings(work, target=target)
    work.users([*edited(1), source(make_user(SIZE), userPrincipalName="new@elsewhere.org")])
    assert "1 user cannot be planned" in refused(work, service)
    assert work.apply().code == 5, "a person's apply leaves that user out"


def test_quarantine_needs_a_person(work: Workspace, service: FakeScimServer) -> None:
    settings(work, guards={"failures": {"count": 1}})
    work.users(edited(40))
    service.faults = ServerFaults(refuse_users=frozenset(str(user["userPrincipalName"]) for user in PEOPLE))
    assert work.apply().code == 5
    service.faults = ServerFaults()
    assert "the target is in quarantine since" in refused(work, service)
    assert work.apply().code == 0
    work.users(edited(41))
    assert apply(work).code == 0


def test_while_provisioning_is_off_nothing_is_sent(work: Workspace, service: FakeScimServer) -> None:
    settings(work, provisioning={"enabled": False, "reason": "Moving"})
    work.users(edited(1))
    before = writes(service)
    result = apply(work)
    assert (result.code, writes(service)) == (0, before)
    assert "Apply sent nothing" in result.out


def test_a_refused_credential_is_an_error_as_ever(
    work: Workspace, service: FakeScimServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.users(edited(1))
    monkeypatch.setenv("RECONCILER_TOKEN", "another")
    before = writes(service)
    assert (apply(work).code, writes(service)) == (1, before)


# --- options --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ["--user", "user0@example.com"],
        ["--auto-approve"],
        ["--approve", "sha256:" + "0" * 64],
        ["--retry-failed"],
        ["--now", "2031-01-01"],
        ["plan.json"],
    ],
)
def test_what_a_person_decides_does_not_go_together_with_it(
    options: list[str], work: Workspace, service: FakeScimServer
) -> None:
    work.users(edited(1))
    before = writes(service)
    result = apply(work, *options)
    assert result.code == 64, result.out + result.err
    assert "--unattended cannot be combined with" in result.err
    assert writes(service) == before


EDITED = "--unattended cannot be combined with edits that are not committed: "


@pytest.mark.parametrize("mode", [(), ("--incremental",)])
def test_edits_that_are_not_committed_are_a_persons(mode: tuple[str, ...], work: Workspace, service: Any) -> None:
    git = GitRepository(work.root)
    git.commit("Begin")
    work.users(edited(1))
    work.write("groups/new.yaml", "- {name: new, members: {}}\n")
    settings(work, {"updates": 1_000})
    git.git("add", "--all", "--", "desired-state")
    before, receipts = writes(service), len(work.receipt())
    result = work.run("apply", "--unattended", *mode)
    assert result.code == 64, result.out
    assert f'{EDITED}"groups/new.yaml", "settings.yaml", "users/' in result.err
    assert "Commit these files, or undo the edits" in result.err
    assert (writes(service), len(work.receipt())) == (before, receipts)
    git.commit("Edit")
    assert work.run("apply", "--unattended", *mode).code == 0


def test_few_of_many_edits_are_named(work: Workspace) -> None:
    GitRepository(work.root).commit("Begin")
    for number in range(9):
        work.write(f"groups/{number}.yaml", f"- {{name: g{number}, members: {{}}}}\n")
    result = work.run("apply", "--unattended")
    assert result.code == 64
    assert f'{EDITED}"groups/0.yaml", "groups/1.yaml"' in result.err
    assert '"groups/4.yaml" and 4 more' in result.err


def test_without_a_repository_nothing_is_unattended(work: Workspace, service: Any) -> None:
    work.users(edited(1))
    before = writes(service)
    result = work.run("apply", "--unattended")
    assert result.code == 64
    assert "--unattended needs the desired state to be committed: git shows no commit of" in result.err
    assert writes(service) == before


def test_the_sandbox_takes_edits_that_are_not_committed(work: Workspace) -> None:
    assert work.apply("--sandbox").code == 0
    work.users(edited(2))
    assert work.run("apply", "--unattended", "--sandbox").code == 0


def test_removals_without_a_review_are_of_all_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account of a user in error, whom no incremental plan looks at, could be the one that is removed."""
    with FakeScimServer(ServerFaults()) as running:
        work = Workspace(tmp_path, running.base_url, running.token, monkeypatch)
        space = GitWorkspace(work, running)
        settings(work, {"updates": 50, "removals": 1})
        people = [source(make_user(number)) for number in range(12)]
        work.users(people)
        space.git.commit("Edit")
        assert work.apply().code == 0
        running.add({**make_user(50), "externalId": people[3]["objectId"]})
        work.users(people[1:])
        space.git.commit("Edit")
        assert work.plan("--incremental").plan["incremental"] is not None
        said = refused(work, running, "--incremental")
        assert "Incremental: no, all users are looked at: removals without a review are made from" in said
        assert "1 user cannot be planned" in said
        people[0]["department"] = "Research"
        work.users(people)
        space.git.commit("Edit")
        result = apply(work, "--incremental")
        assert result.code == 0, "updates of others go on"
        assert "Incremental: 1 of 12 users" in result.out


def test_an_incremental_cycle_has_the_same_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeScimServer() as service:
        work = Workspace(tmp_path, service.base_url, service.token, monkeypatch)
        space = GitWorkspace(work, service)
        settings(work, {"updates": 2, "creates": 2, "removals": 0})

        def commit(people: list[dict[str, Any]]) -> None:
            work.users(people)
            space.git.commit("Edit")

        commit(PEOPLE[:30])
        assert work.apply().code == 0
        commit(edited(2)[:30])
        before = len(service.log)
        result = apply(work, "--incremental")
        assert (result.code, "2 updated" in result.out) == (0, True), result.out + result.err
        assert "Incremental: no" not in result.err
        asked = [each.method for each in service.log[before:]]
        assert asked.count("GET") < 40
        commit(edited(3)[:30])
        said = refused(work, service, "--incremental")
        assert "1 update, 2 more unattended in the last 24 hours: more than unattended.updates allows (2)" in said
        commit(edited(2)[1:30])
        assert "1 removal: more than unattended.removals allows (0)" in refused(work, service, "--incremental")
        assert "Incremental: no" not in said


def test_the_sandbox_has_the_same_limits(work: Workspace) -> None:
    # The sandbox is empty: everybody would be created.
    assert apply(work, "--sandbox").code == 3
    assert work.apply("--sandbox").code == 0
    work.users(edited(51))
    assert "51 updates" in apply(work, "--sandbox").out
    work.users(edited(2))
    assert apply(work, "--sandbox").code == 0


def test_the_limits_change_no_plan(work: Workspace) -> None:
    work.users(edited(3))
    first = work.plan().plan
    settings(work, {"updates": 1_000_000})
    second = work.plan().plan
    assert (first["plan_id"], first["config_digest"]) == (second["plan_id"], second["config_digest"])
