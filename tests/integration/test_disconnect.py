"""A directory that is disconnected and connected again: nothing is made a second time, until it is reviewed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.servers.server_faults import ServerFaults
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

from reconciler.core.plan import Action
from reconciler.sandbox import admin
from reconciler.sandbox.seed import list_users, seed
from reconciler.sandbox.server import RunningSandbox, start

SIZE = 20
CUT = "20 of 20 accounts that earlier applies left active are gone: 20 not listed. The connection was cut, or the"


class Company:
    """20 users that were applied to a sandbox."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.file = root / "sandbox.db"
        seed(self.file, {"domains": ["example.com"], "users": []})
        self.sandbox: RunningSandbox = start(self.file)
        self.patch = patch
        self.work = Workspace(root, self.sandbox.base_url, self.sandbox.token, patch)
        self.write_settings()
        self.work.users([source(make_user(number)) for number in range(SIZE)])
        assert self.apply().code == 0
        assert self.plan().code == 0

    def write_settings(self, **more: Any) -> None:
        target = {"profile": "apple-business-manager", "base_url": self.sandbox.base_url, "domains": ["example.com"]}
        self.work.settings(target=target, **more)

    def plan(self) -> CommandResult:
        return self.work.run("plan", "--detailed-exitcode")

    def apply(self) -> CommandResult:
        return self.work.apply()

    def reconnect(self, *, merge: bool) -> None:
        self.patch.setenv("RECONCILER_TOKEN", admin.reconnect(self.file, merge=merge))

    def approve(self, blocked: CommandResult, reason: str = "Connected again") -> None:
        """Write the approval that the plan prints."""
        found = re.search(r'\{plan: "(sha256:[0-9a-f]+)", lifts: \[disconnect\], .*until: ([0-9-]+), ', blocked.out)
        assert found is not None
        self.write_settings(
            approvals=[{"plan": found[1], "lifts": ["disconnect"], "until": found[2], "reason": reason}]
        )


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    opened = Company(tmp_path, monkeypatch)
    yield opened
    opened.sandbox.close()


def test_after_reconnecting_with_merge_the_reviewed_plan_links_all_accounts_again(company: Company) -> None:
    admin.disconnect(company.file)
    cut = company.plan()
    assert (cut.code, "does not accept the token (401)" in cut.err) == (1, True)
    company.reconnect(merge=True)
    blocked = company.plan()
    assert blocked.code == 3
    assert CUT in blocked.out
    assert "  3. If it was disconnected, connect again and choose to merge" in blocked.out
    assert company.apply().code == 3
    assert list_users(company.file) == []
    company.approve(blocked)
    assert company.apply().code == 0
    assert len(list_users(company.file)) == SIZE
    assert {found["source"] for found in admin.list_accounts(company.file)} == {"scim"}, "none was made beside another"
    last = company.plan()
    assert (last.code, "No changes." in last.out) == (0, True)


def test_a_second_disconnect_is_recognised_too(company: Company) -> None:
    for reason in ("The first time", "The second time"):
        admin.disconnect(company.file)
        company.reconnect(merge=True)
        blocked = company.plan()
        assert (blocked.code, CUT in blocked.out) == (3, True)
        company.approve(blocked, reason)
        assert company.apply().code == 0
    assert company.plan().code == 0


def test_after_reconnecting_without_merge_every_create_is_refused_until_they_are_merged(company: Company) -> None:
    admin.disconnect(company.file)
    company.reconnect(merge=False)
    company.approve(company.plan())
    refused = company.apply()
    assert refused.code == 5
    assert "is already in use" in refused.out
    assert "from before the connection was cut: merge it there" in refused.out
    assert "by the record. Plan again later" not in refused.out
    assert "open the account, choose Resolve, download the conflicts and merge them" in refused.out
    assert list_users(company.file) == []
    again = company.plan()
    assert "Plan: 20 to create, 0 to update, 0 to delete." in again.out, "refused names are no inactive accounts"
    assert f"Approved: {CUT}" in again.out
    admin.set_auto_merge(company.file, on=True)
    assert company.work.apply("--retry-failed").code == 0
    assert company.plan().code == 0
    assert len(list_users(company.file)) == SIZE


def test_users_are_compared_with_a_snapshot_by_the_commands_of_the_documentation(company: Company) -> None:
    before, jq = company.work.root / "before", shutil.which("jq")
    assert company.work.run("export", "--unmanaged", "-o", str(before)).code == 0
    admin.disconnect(company.file)
    company.reconnect(merge=True)
    now = company.work.run("export", "--unmanaged", "-o", str(company.work.root / "now"))
    assert (now.code, "there are no accounts to export" in now.err) == (1, True)
    people = [source(make_user(number)) for number in range(SIZE)]
    old, people[0]["userPrincipalName"] = people[0]["userPrincipalName"], "renamed@example.com"
    company.work.users(people)
    plan = company.work.run("plan", "--format", "json").out
    snapshot = (before / "accounts.jsonl").read_text("ascii")
    text = (Path(__file__).parents[2] / "docs" / "disconnect.md").read_text("utf-8")
    programs = re.findall(r"jq -r '([^']+)'", text)
    if jq is None:
        pytest.skip("jq is not installed")
    planned, had = (
        set(subprocess.run([jq, "-r", program], input=given, capture_output=True, text=True, check=True).stdout.split())
        for program, given in zip(programs, (plan, snapshot), strict=True)
    )
    assert (len(planned), planned - had, had - planned) == (SIZE, {"renamed@example.com"}, {old})


def test_a_disconnect_after_one_without_merge_plans_no_return_of_the_oldest_accounts(company: Company) -> None:
    admin.disconnect(company.file)
    company.reconnect(merge=False)
    company.approve(company.plan())
    assert company.apply().code == 5
    admin.set_auto_merge(company.file, on=True)
    assert company.work.apply("--retry-failed").code == 0
    admin.disconnect(company.file)
    company.reconnect(merge=True)
    again = company.plan()
    assert "Plan: 20 to create, 0 to update, 0 to delete." in again.out
    company.approve(again, "The second time")
    assert company.work.apply("--retry-failed").code == 0
    assert company.plan().code == 0


def test_an_approved_apply_that_was_refused_does_not_let_the_next_plan_past(company: Company) -> None:
    shutil.rmtree(company.work.plans)
    assert company.apply().code == 0
    admin.disconnect(company.file)
    company.reconnect(merge=False)
    company.approve(company.plan())
    assert company.apply().code == 5
    company.write_settings()
    blocked = company.plan()
    assert (blocked.code, CUT in blocked.out) == (3, True)


# --- other evidence ---------------------------------------------------------------------------------


@pytest.fixture
def service() -> FakeScimServer:
    return FakeScimServer()


@pytest.fixture
def workspace(service: FakeScimServer, open_workspace: OpenWorkspace) -> Workspace:
    opened = open_workspace(service)
    opened.settings()
    opened.users([source(make_user(number)) for number in range(SIZE)])
    assert opened.apply().code == 0
    return opened


def failing(workspace: Workspace) -> tuple[list[str], dict[str, int]]:
    """Return the guards that block, and the counts of the plan."""
    plan = workspace.plan().plan
    counts = {action.value: plan["summary"][action.value] for action in Action if plan["summary"][action.value]}
    return [guard["name"] for guard in plan["guards"] if not guard["passed"]], counts


def test_accounts_that_lost_their_external_ids_are_adopted_by_an_approved_plan(
    workspace: Workspace, service: FakeScimServer
) -> None:
    for user in service.users.values():
        del user["externalId"]
    assert failing(workspace) == (["disconnect"], {"adopt": SIZE})
    blocked = workspace.run("plan")
    assert (
        "20 of 20 accounts that earlier applies left active are gone: 20 listed without an externalId." in blocked.out
    )
    plan_id = workspace.plan().plan["plan_id"]
    assert workspace.apply("--approve", plan_id, "--lift", "disconnect").code == 0
    assert workspace.plan().code == 0
    assert len(service.users) == SIZE


def test_one_user_after_the_other_does_not_get_past_it(workspace: Workspace, service: FakeScimServer) -> None:
    service.users.clear()
    before = len(service.writes)
    for key in (make_user(0)["userName"], make_user(1)["userName"]):
        assert workspace.apply("--user", str(key)).code == 3
    assert len(service.writes) == before


def test_without_a_record_accounts_are_created_or_adopted_as_ever(
    workspace: Workspace, service: FakeScimServer
) -> None:
    shutil.rmtree(workspace.plans)
    for user in service.users.values():
        del user["externalId"]
    assert failing(workspace) == ([], {"adopt": SIZE})
    service.users.clear()
    assert failing(workspace) == ([], {"create": SIZE})


@pytest.fixture
def moved(workspace: Workspace, service: FakeScimServer) -> Workspace:
    """A tenant from elsewhere: the first apply on record has nothing to do, a later one changes two accounts."""
    shutil.rmtree(workspace.plans)
    assert "No changes were left to make by this first apply on record" in workspace.apply().err
    people = [source(make_user(number)) for number in range(SIZE)]
    for person in people[:2]:
        person["givenName"] = "Changed"
    workspace.users(people)
    assert workspace.apply().code == 0
    assert failing(workspace) == ([], {})
    return workspace


def test_accounts_that_no_apply_changed_are_missed_too(moved: Workspace, service: FakeScimServer) -> None:
    service.users.clear()
    assert failing(moved) == (["disconnect"], {"create": SIZE})
    assert "20 of 20 accounts that earlier applies left active are gone" in moved.run("plan").out
    writes = len(service.writes)
    assert moved.apply().code == 3
    assert len(service.writes) == writes
    moved.settings(lifecycle={"actions": ["update"]})
    assert "No changes" in moved.apply().out
    moved.settings()
    assert failing(moved) == (["disconnect"], {"create": SIZE}), "an apply without changes forgets nothing"


def test_accounts_that_no_apply_changed_are_not_missed_for_ever(moved: Workspace, service: FakeScimServer) -> None:
    for _ in range(2):
        service.users.clear()
        assert failing(moved) == (["disconnect"], {"create": SIZE})
        plan_id = moved.plan().plan["plan_id"]
        assert moved.apply("--approve", plan_id, "--lift", "disconnect").code == 0
        assert failing(moved) == ([], {})


def test_what_record_does_not_know_yet_is_noted_by_an_apply_without_changes(
    workspace: Workspace, service: FakeScimServer
) -> None:
    for receipt in workspace.plans.rglob("receipt.jsonl"):
        kept = [line for line in receipt.read_text().splitlines() if '"event":"apply_' in line.replace(" ", "")]
        receipt.write_text("\n".join(kept) + "\n")
        receipt.with_name("README.md").unlink()
    assert "Noted which accounts the users have. Receipt: " in workspace.apply().err
    assert "Receipt: " not in workspace.apply().err
    service.users.clear()
    assert failing(workspace)[0] == ["disconnect"]


def test_accounts_that_applies_removed_are_not_missed(workspace: Workspace, service: FakeScimServer) -> None:
    workspace.settings(lifecycle={"removed": "delete"}, guards={"removals": {"count": 100, "percent": 100}})
    workspace.users([source(make_user(0))])
    assert workspace.apply().code == 0
    assert len(service.users) == 1
    workspace.users([source(make_user(number)) for number in range(SIZE)])
    assert failing(workspace)[0] == []


def test_an_incomplete_list_stays_one(workspace: Workspace, service: FakeScimServer) -> None:
    service.users.clear()
    service.faults = ServerFaults(claim_total=SIZE)
    assert failing(workspace) == (["complete-read"], {})


def test_two_accounts_that_were_deleted_at_the_target_are_created_again(
    workspace: Workspace, service: FakeScimServer
) -> None:
    for identity in list(service.users)[:2]:
        del service.users[identity]
    assert failing(workspace) == ([], {"create": 2})
