"""Services that do not show accounts while they are inactive: leaving, and coming back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.habit_cycle import MAPPINGS, NO_CHANGES, Cycle, person
from support.lag_clock import LagClock
from support.servers.fake_scim import ServerFaults
from support.servers.patching import ENTERPRISE, PATCH_OP
from support.servers.service_habits import HabitServer, PatchHabits, ServiceHabits
from support.workspace import CommandResult, OpenWorkspace

ADA, BOB, CYD = (person(name) for name in ("ada", "bob", "cyd"))
LEFT = {**BOB, "accountEnabled": False}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> LagClock:
    return LagClock(monkeypatch)


class Hiding(Cycle):
    """A cycle on a service that hides inactive accounts; `server` is the service."""

    server: HabitServer

    def sent(self, method: str) -> list[Any]:
        return [entry.body for entry in self.server.log if entry.method == method]

    def bob(self) -> dict[str, Any]:
        (account,) = self.server.accounts_of("id-bob")
        return account

    def leave(self) -> None:
        """Bob leaves, after all had accounts."""
        self.wants([ADA, BOB, CYD])
        assert self.apply().code == 0
        self.wants([ADA, LEFT, CYD])
        result = self.apply()
        assert result.code == 0, said(result)
        assert self.bob()["active"] is False


def begin(open_workspace: OpenWorkspace, clock: LagClock, faults: ServerFaults | None = None, **habits: Any) -> Hiding:
    server = HabitServer(ServiceHabits(hides_inactive=True, **habits), faults=faults, clock=clock)
    workspace = open_workspace(server)
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.write("scope.yaml", "sync: all\n")
    cycle = Hiding(workspace, lambda: server.people, skips=frozenset({"appRole"}))
    cycle.server = server
    return cycle


def said(result: CommandResult) -> str:
    return result.out + result.err


COMBINED = {
    "plain": (None, {}),
    "204": (ServerFaults(patch_status=204), {}),
    "list lags": (None, {"lag": 5, "lagging": frozenset({"list"})}),
    "list and filter lag": (None, {"lag": 5}),
    "all lag, 204": (ServerFaults(patch_status=204), {"lag": 5, "lagging": frozenset({"list", "filter", "id"})}),
    "names are not unique": (None, {"unique_names": False}),
    "active is left out when false": (None, {"hides_active": False}),
}


@pytest.mark.parametrize("habit", COMBINED)
def test_a_leaver_is_done_and_comes_back(habit: str, open_workspace: OpenWorkspace, clock: LagClock) -> None:
    faults, habits = COMBINED[habit]
    cycle = begin(open_workspace, clock, faults, **habits)
    cycle.leave()
    before = cycle.bob()["id"]
    for pause in (0, 60):
        clock.pass_by(pause)
        again = cycle.apply()
        assert (again.code, NO_CHANGES in again.out) == (0, True), said(again)
    cycle.wants([ADA, {**BOB, "department": "Sales"}, CYD])
    back = cycle.apply()
    assert back.code == 0, said(back)
    assert "Reactivation complete" in said(back)
    assert cycle.bob()["id"] == before
    for pause in (0, 60):
        clock.pass_by(pause)
        again = cycle.apply()
        assert (again.code, NO_CHANGES in again.out) == (0, True), said(again)
    assert cycle.differences() == []


@pytest.mark.parametrize("lag", [0, 5])
def test_someone_who_returns_at_once_is_reactivated(lag: float, open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock, lag=lag)
    cycle.leave()
    cycle.wants([ADA, BOB, CYD])
    back = cycle.apply()
    assert back.code == 0, said(back)
    assert cycle.bob()["active"] is True


def test_the_plan_shows_a_reactivation_and_that_the_account_is_not_shown(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    cycle.wants([ADA, BOB, CYD])
    plan = cycle.workspace.plan()
    assert plan.actions == {"bob@example.com": "reactivate"}
    text = cycle.workspace.run("plan").out
    assert "its account is inactive by the record" in text
    assert "does not show it" in text
    explained = cycle.workspace.run("explain", "bob@example.com", "--plans", str(cycle.workspace.plans))
    assert "reactivate" in said(explained), said(explained)


def test_a_reactivation_counts_for_its_guard(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    limits = {"reactivations": {"count": 0}, "removals": {"count": 1000, "percent": 100}}
    cycle.workspace.settings(guards=limits)
    cycle.wants([ADA, BOB, CYD])
    blocked = cycle.apply()
    assert blocked.code == 3, said(blocked)
    assert "guards.reactivations.count" in said(blocked)
    assert cycle.bob()["active"] is False


def test_a_hidden_account_that_was_deleted_is_created_by_the_next_plan(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    del cycle.server.users[cycle.bob()["id"]]
    cycle.wants([ADA, BOB, CYD])
    gone = cycle.apply()
    assert gone.code == 5, said(gone)
    assert "the account is gone" in said(gone)
    again = cycle.apply()
    assert again.code == 0, said(again)
    assert "Creation complete" in said(again)
    assert cycle.bob()["active"] is True


def test_a_user_gets_no_account_of_another_by_a_wrong_record(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    bob = cycle.bob()["id"]
    rewrite(cycle.workspace.plans, {"id-bob": "id-dan", "bob@example.com": "dan@example.com"})
    cycle.wants([ADA, LEFT, CYD, person("dan")])
    result = cycle.apply()
    assert result.code == 5, said(result)
    assert 'it has externalId "id-bob"; it was deactivated again' in said(result)
    assert (cycle.bob()["id"], cycle.bob()["active"], cycle.bob()["userName"]) == (bob, False, "bob@example.com")
    again = cycle.apply()
    assert again.code == 0, said(again)
    assert len(cycle.server.accounts_of("id-dan")) == 1


def rewrite(plans: Path, texts: dict[str, str]) -> None:
    """Replace texts in all receipts."""
    for receipt in plans.glob("*/receipt.jsonl"):
        content = receipt.read_text("utf-8")
        for old, new in texts.items():
            content = content.replace(old, new)
        receipt.write_text(content, "utf-8")


def test_another_write_after_which_the_account_is_not_shown_is_not_done(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock)
    cycle.wants([ADA, BOB, CYD])
    assert cycle.apply().code == 0

    def vanish(entry: Any) -> None:
        if entry.method == "PATCH":
            cycle.server.users.pop(entry.path.removeprefix("/Users/"), None)

    cycle.server.after = vanish
    cycle.wants([{**ADA, "department": "Sales"}, BOB, CYD])
    result = cycle.apply()
    assert result.code == 5, said(result)
    assert "NOT IN EFFECT: the service accepted it, but it does not show the account" in said(result)


def test_a_rehire_with_a_new_object_id_hears_which_account_has_the_name(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    bob = cycle.bob()["id"]
    cycle.wants([ADA, CYD, {**BOB, "objectId": "new-bob"}])
    refused = cycle.apply()
    assert refused.code == 5, said(refused)
    assert f'belongs to account "{bob}" (externalId "id-bob"), which an apply deactivated on' in said(refused)
    assert "give this user the `objectId` that the account has" in said(refused)
    cycle.wants([ADA, CYD, BOB])
    back = cycle.apply()
    assert back.code == 0, said(back)
    assert cycle.bob()["id"] == bob


def test_an_account_that_an_earlier_version_deactivated_comes_back(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    """Its receipt says nothing of what was shown: the refusal of the name does."""
    cycle = begin(open_workspace, clock)
    cycle.leave()
    for receipt in cycle.workspace.plans.glob("*/receipt.jsonl"):
        lines = [json.loads(line) for line in receipt.read_text("utf-8").splitlines()]
        text = "".join(json.dumps({k: v for k, v in line.items() if k != "unseen"}) + "\n" for line in lines)
        receipt.write_text(text, "utf-8")
    cycle.wants([ADA, BOB, CYD])
    refused = cycle.apply()
    assert refused.code == 5, said(refused)
    assert "belongs to this user's account" in said(refused)
    assert "Plan again: it is reactivated by its id" in said(refused)
    back = cycle.apply()
    assert back.code == 0, said(back)
    assert cycle.bob()["active"] is True


def test_a_record_with_digests_finds_hidden_accounts_too(
    open_workspace: OpenWorkspace, clock: LagClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_RECORD_KEY", "k" * 40)
    cycle = begin(open_workspace, clock)
    cycle.workspace.settings(record={"values": "digest"})
    cycle.leave()
    cycle.wants([ADA, BOB, CYD])
    back = cycle.apply()
    assert back.code == 0, said(back)
    assert "Reactivation complete" in said(back)
    assert cycle.differences() == []


@pytest.mark.parametrize("user_name", ["bob@example.com", "zoe@example.com"])
def test_the_account_of_a_leaver_is_not_handed_on_although_the_record_has_digests(
    user_name: str, open_workspace: OpenWorkspace, clock: LagClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_RECORD_KEY", "k" * 40)
    cycle = begin(open_workspace, clock)
    cycle.workspace.settings(record={"values": "digest"})
    cycle.leave()
    zoe = {"userPrincipalName": user_name, "givenName": "Zoe", "surname": "Other", "displayName": "Zoe Other"}
    cycle.wants([ADA, {**BOB, **zoe}, CYD])
    result = cycle.apply()
    assert result.code in (3, 5), said(result)
    assert cycle.bob()["active"] is False
    assert cycle.bob()["name"]["familyName"] != "Other"


def test_a_mapping_that_gives_false_leaves_a_hidden_account_alone(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock)
    cycle.workspace.write(
        "mappings.yaml",
        MAPPINGS.replace(
            "'Not([IsSoftDeleted])', default: \"True\"", '\'Switch([extensionAttribute1], "True", "off", "False")\''
        ),
    )
    cycle.wants([ADA, BOB])
    assert cycle.apply().code == 0
    cycle.workspace.users([{**ADA}, {**BOB, "extensionAttribute1": "off"}])
    left = cycle.workspace.apply()
    assert left.code == 0, said(left)
    again = cycle.workspace.apply()
    assert (again.code, NO_CHANGES in again.out) == (0, True), said(again)
    assert len(cycle.server.people) == 2


def test_a_reviewed_plan_reactivates_a_hidden_account(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    cycle.wants([ADA, BOB, CYD])
    file = str(cycle.workspace.root / "plan.json")
    assert cycle.workspace.run("plan", "-o", file).code == 0
    back = cycle.workspace.run("apply", file)
    assert back.code == 0, said(back)
    assert cycle.differences() == []


def test_a_reviewed_plan_is_not_applied_to_an_account_that_is_shown_meanwhile(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    cycle.wants([ADA, {**BOB, "department": "Sales"}, CYD])
    file = str(cycle.workspace.root / "plan.json")
    assert cycle.workspace.run("plan", "-o", file).code == 0
    cycle.server.users[cycle.bob()["id"]]["active"] = True
    result = cycle.workspace.run("apply", file)
    assert result.code in (4, 5), said(result)
    assert cycle.bob()[ENTERPRISE]["department"] == "Research"


def test_one_user_of_several_can_come_back(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    cycle.wants([{**ADA, "department": "Sales"}, BOB, CYD])
    back = cycle.workspace.apply("--user", "bob@example.com")
    assert back.code == 0, said(back)
    assert cycle.bob()["active"] is True
    assert len(cycle.differences()) == 1


@pytest.mark.parametrize("lag", [0, 5])
def test_drift_says_nothing_of_hidden_accounts(lag: float, open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock, lag=lag)
    cycle.leave()
    drift = cycle.workspace.run("drift", "--detailed-exitcode", "--plans", str(cycle.workspace.plans))
    assert drift.code == 0, said(drift)
    cycle.wants([ADA, BOB, CYD])
    drift = cycle.workspace.run("drift", "--plans", str(cycle.workspace.plans))
    assert drift.code == 0, said(drift)
    assert "dited in the target" not in said(drift)


def test_a_protected_user_does_not_leave(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    """Protection follows the account that came back: the record knows its names."""
    cycle = begin(open_workspace, clock)
    cycle.leave()
    cycle.wants([ADA, {**BOB, "lifecycle": {"protected": True}}, CYD])
    assert cycle.workspace.apply().code == 0
    cycle.wants([ADA, CYD])
    blocked = cycle.workspace.apply()
    assert blocked.code == 3, said(blocked)
    assert cycle.bob()["active"] is True


def test_the_guards_see_the_name_of_a_hidden_account(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    renamed = {**BOB, "userPrincipalName": "robert@example.com"}
    cycle.wants([{**ADA, "userPrincipalName": "bob@example.com"}, renamed, CYD])
    blocked = cycle.workspace.apply()
    assert blocked.code == 3, said(blocked)
    assert "guards.name_takeovers.count" in said(blocked)


OTHERS = {
    "same user name": {"givenName": "Zoe", "surname": "Other"},
    "same family name": {"givenName": "Zoe", "userPrincipalName": "zoe@example.com"},
    "same given name": {"surname": "Other", "userPrincipalName": "zoe@example.com"},
    "nothing the same": {"givenName": "Zoe", "surname": "Other", "userPrincipalName": "zoe@example.com"},
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_plan_is_blocked_before_a_hidden_account_is_handed_on(
    other: str, open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    """The plan that deactivated it has its names."""
    cycle = begin(open_workspace, clock)
    cycle.leave()
    writes = len(cycle.server.writes)
    cycle.wants([ADA, {**BOB, **OTHERS[other]}, CYD])
    blocked = cycle.workspace.apply()
    assert blocked.code == 3, said(blocked)
    assert "an account that was deactivated gets another name" in said(blocked)
    assert len(cycle.server.writes) == writes
    plan_id = cycle.workspace.plan().plan["plan_id"]
    approved = cycle.workspace.apply("--approve", plan_id, "--lift", "identity-changes")
    assert approved.code == 0, said(approved)
    assert cycle.differences() == []


@pytest.mark.parametrize("other", OTHERS)
def test_without_that_plan_on_record_apply_finds_out(
    other: str, open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock)
    cycle.leave()
    for path in cycle.workspace.plans.glob("*/plan.json"):
        path.unlink()
    cycle.wants([ADA, {**BOB, **OTHERS[other]}, CYD])
    result = cycle.workspace.apply()
    assert result.code in (3, 5), said(result)
    assert cycle.bob()["active"] is False
    assert cycle.bob()["name"] == {"givenName": "Bob", "familyName": "Åström"}


@pytest.mark.parametrize("values", ["full", "digest"])
@pytest.mark.parametrize(
    "changed", [{"userPrincipalName": "robert@example.com"}, {"surname": "King"}, {"givenName": "Robert"}]
)
def test_a_leaver_returns_with_one_new_name(
    values: str,
    changed: dict[str, str],
    open_workspace: OpenWorkspace,
    clock: LagClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RECONCILER_RECORD_KEY", "k" * 40)
    cycle = begin(open_workspace, clock)
    cycle.workspace.settings(record={"values": values})
    cycle.leave()
    cycle.wants([ADA, {**BOB, **changed}, CYD])
    text = cycle.workspace.run("plan").out
    assert "hmac:" not in text
    unknown = values == "digest" and "userPrincipalName" in changed
    assert ("its present user name is not known" in text) is unknown
    back = cycle.apply()
    assert back.code == 0, said(back)
    assert cycle.differences() == []


def test_a_leaver_under_removed_delete_is_deleted_once(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock, lag=5)
    cycle.workspace.settings(lifecycle={"removed": "delete"})
    cycle.wants([ADA, BOB, CYD])
    assert cycle.apply().code == 0
    cycle.wants([ADA, CYD])
    gone = cycle.apply()
    assert gone.code == 0, said(gone)
    for pause in (0, 60):
        clock.pass_by(pause)
        again = cycle.apply()
        assert (again.code, NO_CHANGES in again.out) == (0, True), said(again)
    cycle.wants([ADA, BOB, CYD])
    back = cycle.apply()
    assert back.code == 0, said(back)
    assert len(cycle.server.accounts_of("id-bob")) == 1


def test_a_service_without_paths_in_patch_reactivates_hidden_accounts(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    forms = PatchHabits(path=False, refusal=400, refusal_type="invalidPath")
    cycle = begin(open_workspace, clock, patch=forms)
    cycle.leave()
    cycle.wants([ADA, BOB, CYD])
    back = cycle.apply()
    assert back.code == 0, said(back)
    assert cycle.differences() == []


READS = {
    "list": frozenset({"list"}),
    "filter": frozenset({"filter"}),
    "list and filter": frozenset({"list", "filter"}),
    "id": frozenset({"id"}),
}


@pytest.mark.parametrize("lagging", READS)
def test_a_leaver_is_done_at_a_service_that_lags_for_long(
    lagging: str, open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock, lag=60, lagging=READS[lagging])
    leave_late(cycle, clock)
    again = cycle.apply()
    assert (again.code, NO_CHANGES in again.out) == (0, True), said(again)


@pytest.mark.parametrize("lagging", READS)
def test_someone_who_returns_at_once_is_reactivated_at_a_service_that_lags_for_long(
    lagging: str, open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock, lag=60, lagging=READS[lagging])
    leave_late(cycle, clock)
    cycle.wants([ADA, BOB, CYD])
    back = cycle.workspace.apply()
    assert NO_CHANGES not in back.out or lagging == "id", said(back)
    clock.pass_by(61)
    again = cycle.apply()
    assert again.code == 0 or lagging == "id", said(again)
    assert len(cycle.server.accounts_of("id-bob")) == 1
    assert cycle.bob()["active"] is True


@pytest.mark.parametrize("lagging", READS)
def test_an_account_that_an_administrator_activates_is_deactivated(
    lagging: str, open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    """The list shows it as later modified than before our request, although its id shows nothing yet."""
    cycle = begin(open_workspace, clock, lag=60, lagging=READS[lagging])
    leave_late(cycle, clock)
    clock.pass_by(61)
    activate(cycle)
    result = cycle.workspace.apply()
    if NO_CHANGES in result.out:
        assert "list" in lagging, said(result)
    elif result.code == 5:
        assert "does not find the account by its id" in said(result)
    clock.pass_by(61)
    result = cycle.apply()
    assert result.code in (0, 5), said(result)
    assert cycle.bob()["active"] is False


@pytest.mark.parametrize("lagging", READS)
def test_a_user_who_is_wanted_again_and_was_activated_by_an_administrator_blocks_nothing(
    lagging: str, open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock, lag=60, lagging=READS[lagging], unique_names=False)
    leave_late(cycle, clock)
    clock.pass_by(61)
    activate(cycle)
    cycle.wants([ADA, BOB, CYD])
    result = cycle.apply()
    assert result.code in (0, 5), said(result)
    assert len(cycle.server.accounts_of("id-bob")) == 1
    assert cycle.bob()["active"] is True


def leave_late(cycle: Hiding, clock: LagClock) -> None:
    """Bob leaves when everything shows what was written before."""
    cycle.wants([ADA, BOB, CYD])
    assert cycle.apply().code == 0
    clock.pass_by(61)
    assert NO_CHANGES in cycle.apply().out
    cycle.wants([ADA, LEFT, CYD])
    result = cycle.apply()
    assert result.code in (0, 5), said(result)
    assert cycle.bob()["active"] is False


def activate(cycle: Hiding) -> None:
    """An administrator activates Bob's account in the service's console."""
    body = {
        "schemas": [PATCH_OP],
        "Operations": [{"op": "replace", "path": "active", "value": True}],
    }
    url = f"{cycle.server.base_url}/Users/{cycle.bob()['id']}"
    headers = {"Authorization": f"Bearer {cycle.server.token}", "Content-Type": "application/scim+json"}
    assert httpx.patch(url, headers=headers, json=body).status_code == 200
