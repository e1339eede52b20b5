"""`plan --offline --base REF` and `validate --base REF`: two commits compared, with no token and no network."""

from __future__ import annotations

import json
import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.command import stable
from support.git_repository import GitRepository
from support.servers.users import make_user
from support.workspace import CommandResult, Workspace, run, source
from syrupy.assertion import SnapshotAssertion

NOW = ("--now", "2026-12-01")


class OfflineWorkspace:
    """Six users committed, and no service: opening a connection fails the test."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.work = Workspace(root, "https://scim.example.com/scim", "unused", patch)
        patch.delenv("RECONCILER_TOKEN")
        patch.delenv("RECONCILER_ALLOWED_HOSTS")
        patch.setattr(socket.socket, "connect", lambda *_a: pytest.fail("a connection was opened"))
        self.entries = [source(make_user(number)) for number in range(6)]
        self.work.users(self.entries)
        self.repository = GitRepository(root)
        self.commit()

    def commit(self) -> None:
        self.repository.commit("base")

    def edit(self, number: int, **values: Any) -> None:
        merged = {**self.entries[number], **values}
        self.entries[number] = {key: value for key, value in merged.items() if value is not None}
        self.work.users(self.entries)

    def key(self, number: int) -> str:
        return str(self.entries[number]["userPrincipalName"])

    def plan(self, *arguments: str) -> CommandResult:
        return self.work.plan("--offline", "--base", "HEAD", *NOW, *arguments)

    def changes(self) -> dict[str, tuple[str, str]]:
        """Return the action and the reason of each change by key."""
        return {item["key"]: (item["action"], item["detail"]) for item in self.plan().plan["resource_changes"]}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OfflineWorkspace:
    return OfflineWorkspace(tmp_path, monkeypatch)


def test_without_changes_the_plan_is_empty(workspace: OfflineWorkspace) -> None:
    result = workspace.plan()
    assert (result.code, result.plan["resource_changes"], result.plan["notes"]) == (0, [], [])
    assert "The desired users are those of the base." in workspace.work.run("plan", "--offline", "--base", "HEAD").out


def test_users_added_removed_and_moved_by_dates_are_listed_with_the_reason(workspace: OfflineWorkspace) -> None:
    workspace.edit(0, accountEnabled=False)
    workspace.edit(1, lifecycle={"starts": "2026-12-02"})
    workspace.commit()
    gone = workspace.entries.pop()
    workspace.edit(0, accountEnabled=True)
    workspace.edit(1, lifecycle={"starts": "2026-12-01"})
    workspace.edit(2, lifecycle={"expires": "2026-12-01"})
    workspace.entries.append(source(make_user(60)))
    workspace.work.users(workspace.entries)
    assert workspace.changes() == {
        workspace.key(0): ("create", "comes into scope; in the base: accountEnabled is false"),
        workspace.key(1): ("create", 'comes into scope; in the base: starts "2026-12-02"'),
        workspace.key(2): ("deactivate", 'expired "2026-12-01"'),
        workspace.key(5): ("create", "new in the desired state"),
        gone["userPrincipalName"]: ("deactivate", "no longer in the desired state"),
    }


def test_a_date_that_passes_is_not_listed(workspace: OfflineWorkspace) -> None:
    workspace.edit(0, lifecycle={"expires": "2031-06-01"})
    workspace.commit()
    result = workspace.work.plan("--offline", "--base", "HEAD", "--now", "2031-06-01")
    assert (result.code, result.plan["resource_changes"]) == (0, [])


def test_previous_values_come_from_the_base_and_a_rename_is_an_update(workspace: OfflineWorkspace) -> None:
    before = workspace.key(0)
    workspace.edit(0, userPrincipalName="new.name@example.com", department="Moved")
    (change,) = workspace.plan().plan["resource_changes"]
    rows = change["change"]
    assert change["action"] == "update"
    assert (rows["before"]["userName"], rows["after"]["userName"]) == (before, "new.name@example.com")
    assert change["attribution"] == "this_change_set"


def test_a_user_that_could_not_be_planned_in_the_base_is_reported(workspace: OfflineWorkspace) -> None:
    workspace.edit(0, givenName="bad\a")
    workspace.commit()
    workspace.edit(0, givenName="Good")
    assert workspace.changes() == {workspace.key(0): ("create", "could not be planned in the base, can be now")}


def test_a_swap_of_names_is_planned(workspace: OfflineWorkspace) -> None:
    one, two = workspace.key(0), workspace.key(1)
    workspace.edit(0, userPrincipalName=two)
    workspace.edit(1, userPrincipalName=one)
    assert {action for action, _ in workspace.changes().values()} == {"update"}
    assert len(workspace.changes()) == 2


def test_edits_without_effect_today_are_listed_separately(workspace: OfflineWorkspace) -> None:
    workspace.edit(0, accountEnabled=False)
    workspace.commit()
    gone = workspace.entries.pop(0)
    workspace.entries.append({**source(make_user(60)), "lifecycle": {"starts": "2026-12-24"}})
    workspace.edit(0, lifecycle={"expires": "2027-06-30"})
    plan = workspace.plan().plan
    assert plan["resource_changes"] == []
    assert {item["key"]: item["detail"] for item in plan["changes_nothing_today"]} == {
        gone["userPrincipalName"]: "no longer in the desired state, was not in scope: accountEnabled is false",
        workspace.key(0): 'lifecycle.expires = null -> "2027-06-30"',
        workspace.key(5): 'new, not in scope: starts "2026-12-24"',
    }
    changes = workspace.work.run("validate", "--base", "HEAD", *NOW).out
    assert "0 to delete. 3 edits of users without an effect today." in changes


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_every_format_names_the_base_and_states_that_it_is_not_a_plan(workspace: OfflineWorkspace, name: str) -> None:
    workspace.edit(0, department="Moved", lifecycle={"expires": "2027-06-30"})
    shown = workspace.work.run("plan", "--offline", "--base", "HEAD", *NOW, "--format", name).out
    assert "Offline comparison, not with the live" in shown
    assert "This cannot be applied." in shown
    assert "Changes nothing today" in shown
    assert "lready pending" not in re.sub("<style>.*</style>", "", shown, flags=re.DOTALL)


# --- settings, mappings and scope --------------------------------------------------


def test_settings_that_protect_users_are_listed_separately(workspace: OfflineWorkspace) -> None:
    until = str(datetime.now(UTC).date() + timedelta(days=30))
    approval = {"plan": "sha256:" + "a" * 64, "removals": 3, "until": until, "reason": 'Berlin "closes"'}
    workspace.work.settings(
        target={"profile": "scim", "base_url": "https://other.example.com/scim"},
        ownership='externalId sw "x"',
        lifecycle={"removed": "delete", "delete_after_days": 30},
        guards={"removals": {"count": 1000, "percent": 100}, "protected": ["boss@example.com"]},
        approvals=[approval],
    )
    assert workspace.plan().plan["notes"] == [
        'settings.yaml: approval added: plan: "sha256:'
        + "a" * 64
        + f'", lifts: ["removals"], removals: 3, until: "{until}", reason: "Berlin \\"closes\\""',
        'settings.yaml: guards.protected = [] -> ["boss@example.com"]',
        "settings.yaml: lifecycle.delete_after_days = null -> 30",
        'settings.yaml: lifecycle.removed = "deactivate" -> "delete"',
        'settings.yaml: ownership = "externalId pr" -> "externalId sw \\"x\\""',
        'settings.yaml: target.base_url = "https://scim.example.com/scim" -> "https://other.example.com/scim"',
    ]


def test_a_mapping_is_counted_by_the_users_that_only_it_affects(workspace: OfflineWorkspace) -> None:
    rows = [
        {"target": "externalId", "source": "objectId", "match": 1},
        {"target": "userName", "source": "userPrincipalName", "match": 2},
        {"target": "title", "source": "jobTitle"},
    ]
    workspace.edit(0, jobTitle="Countess")
    workspace.work.write("mappings.yaml", json.dumps(rows))
    workspace.commit()
    workspace.edit(1, jobTitle="Edited, but not by the mapping")
    rows[2] = {"target": "title", "source": "department"}
    workspace.work.write("mappings.yaml", json.dumps(rows))
    assert workspace.plan().plan["notes"] == ["mappings.yaml changed: 6 users affected by that alone"]
    rows[2] = {"target": "title", "expression": '[jobTitle] & ""'}
    workspace.work.write("mappings.yaml", json.dumps([*rows[:2], {"target": "title", "source": "jobTitle"}]) + "\n")
    assert workspace.plan().plan["notes"] == ["mappings.yaml changed: 0 users affected by that alone"]


def test_scope_and_groups_are_counted_by_the_users_that_only_they_move(workspace: OfflineWorkspace) -> None:
    names = [entry["userPrincipalName"] for entry in workspace.entries]
    scope = {"sync": "assigned", "assigned": {"groups": ["apple"]}}
    workspace.work.write("scope.yaml", json.dumps(scope))
    workspace.work.write("groups/apple.yaml", json.dumps([{"name": "apple", "members": {"users": names[:5]}}]))
    workspace.commit()
    workspace.work.write("groups/apple.yaml", json.dumps([{"name": "apple", "members": {"users": names[2:]}}]))
    workspace.edit(3, accountEnabled=False)
    assert workspace.plan().plan["notes"] == ["groups/ changed: 3 users in or out of scope by that alone"]
    workspace.work.write("scope.yaml", json.dumps({"sync": "all"}))
    workspace.work.write("groups/apple.yaml", json.dumps([{"name": "apple", "members": {"users": names[:5]}}]))
    assert workspace.plan().plan["notes"] == ["scope.yaml changed: 1 user in or out of scope by that alone"]


def test_added_or_removed_protection_is_reported(workspace: OfflineWorkspace) -> None:
    workspace.edit(0, lifecycle={"protected": True})
    workspace.commit()
    workspace.edit(0, lifecycle=None)
    workspace.edit(1, lifecycle={"protected": True})
    assert workspace.plan().plan["notes"] == [
        f'no longer protected: 1 user ("{workspace.key(0)}")',
        f'now protected: 1 user ("{workspace.key(1)}")',
    ]
    shown = workspace.work.run("plan", "--offline", "--base", "HEAD", "--redact").out
    assert workspace.key(0) not in shown
    assert "no longer protected: 1 user" in shown


# --- limits of an offline plan -------------------------------------------------------


def test_an_offline_plan_cannot_be_applied(workspace: OfflineWorkspace) -> None:
    workspace.edit(0, department="Moved")
    file = workspace.work.root / "plan.json"
    assert workspace.plan("-o", str(file)).plan["applyable"] is False
    assert "Offline: compared with commit" in run(["reconciler", "show", str(file)]).out
    refused = workspace.work.run("apply", str(file))
    assert (refused.code, "was made offline" in refused.err) == (1, True)


def test_exit_codes_are_those_of_a_plan(workspace: OfflineWorkspace) -> None:
    workspace.edit(0, department="Moved")
    assert workspace.plan().code == 2
    assert workspace.work.run("plan", "--offline", "--base", "HEAD").code == 0
    workspace.edit(1, givenName="bad\a")
    assert workspace.plan().code == 5


def test_a_guard_that_an_approval_lifts_is_announced_and_any_other_blocks(workspace: OfflineWorkspace) -> None:
    strict = {"removals": {"count": 1, "percent": 100}}
    workspace.work.settings(guards=strict)
    workspace.commit()
    workspace.edit(0, accountEnabled=False)
    workspace.edit(1, accountEnabled=False)
    result = workspace.work.run("plan", "--offline", "--base", "HEAD")
    assert result.code == 0
    assert "Would be blocked until approved: 2 of 6 active managed users" in result.out
    workspace.edit(1, lifecycle={"protected": True})
    result = workspace.work.run("plan", "--offline", "--base", "HEAD")
    assert result.code == 3
    assert "Would be blocked: 1 protected user would be removed" in result.out


def test_only_guards_that_the_files_can_decide_are_evaluated(workspace: OfflineWorkspace) -> None:
    assert {"complete-read", "name-reuse", "target"}.isdisjoint(
        guard["name"] for guard in workspace.plan().plan["guards"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--offline"], "--base is missing"),
        (["--offline", "--base", "HEAD", "--log", "x"], "cannot be combined with --log"),
        (["--offline", "--base", "HEAD", "--user", "nobody"], 'user not found: "nobody"'),
        (["--base", "-x"], "cannot name a commit"),
    ],
)
def test_options_without_a_meaning_offline_are_refused(
    workspace: OfflineWorkspace, arguments: list[str], message: str
) -> None:
    result = workspace.work.run("plan", *arguments)
    assert (result.code, message in result.err) == (64, True)


def test_an_invalid_base_is_reported_and_nothing_is_compared(workspace: OfflineWorkspace) -> None:
    workspace.work.write("scope.yaml", "sync: nonsense\n")
    workspace.commit()
    workspace.work.write("scope.yaml", "sync: all\n")
    result = workspace.plan()
    assert len(result.plan["resource_changes"]) == 6
    assert "cannot be planned from" in result.plan["diagnostics"][0]["summary"]


@pytest.mark.parametrize("name", ["users/a.yaml", "settings.yaml"])
def test_symlinks_in_the_base_are_not_followed_outside(workspace: OfflineWorkspace, name: str) -> None:
    secret = workspace.work.root / "secret.yaml"
    secret.write_text("- {userPrincipalName: secret@example.com}\n")
    file = workspace.work.state / name
    content = file.read_text() if file.exists() else "[]\n"
    file.unlink(missing_ok=True)
    file.symlink_to(secret)
    workspace.commit()
    file.unlink()
    file.write_text(content)
    result = workspace.plan()
    assert "a link that leaves the directory" in result.plan["diagnostics"][0]["summary"]
    assert "secret@" not in result.out


# --- validate -----------------------------------------------------------------------


def test_validate_summarizes_the_changes_and_keeps_its_exit_code(workspace: OfflineWorkspace) -> None:
    workspace.edit(0, department="Moved")
    workspace.entries.pop()
    workspace.work.users(workspace.entries)
    workspace.work.settings(lifecycle={"removed": "keep"}, guards={"removals": {"count": 20, "percent": 100}})
    result = workspace.work.run("validate", "--base", "HEAD", *NOW)
    assert result.code == 0
    head, changes = result.out.splitlines()
    assert head.startswith("The desired state is valid: 5 users")
    assert changes.endswith(
        "not with the live service: 0 to create, 1 to update, 0 to delete. "
        "settings.yaml: guards.removals.count = 1000 -> 20. "
        'settings.yaml: lifecycle.removed = "deactivate" -> "keep".'
    )
    workspace.edit(1, givenName="bad\a")
    assert workspace.work.run("validate", "--base", "HEAD").code == workspace.work.run("validate").code == 1


# --- output -------------------------------------------------------------------------


def test_an_offline_plan_matches_its_snapshot(workspace: OfflineWorkspace, snapshot: SnapshotAssertion) -> None:
    workspace.work.settings(guards={"removals": {"count": 1, "percent": 10}})
    workspace.commit()
    workspace.edit(0, department="Moved", userPrincipalName="new.name@example.com")
    workspace.edit(1, accountEnabled=False)
    gone = workspace.entries.pop()
    workspace.work.users([*workspace.entries, source(make_user(60))])
    workspace.work.settings(guards={"removals": {"count": 1, "percent": 20}}, lifecycle={"removed": "delete"})
    assert gone
    result = workspace.work.run("plan", "--offline", "--base", "HEAD", *NOW)
    assert mask_commits(stable(f"exit code {result.code}\n{result.out}\n--- stderr\n{result.err}")) == snapshot


def mask_commits(text: str) -> str:
    """Mask commit ids, which depend on the date."""
    masked = [
        ("COMMIT" if len(word) == 12 and set(word) <= set("0123456789abcdef") else word) for word in text.split(" ")
    ]
    return " ".join(masked)
