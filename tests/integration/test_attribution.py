"""`--base REF` on a real repository and a service that drifted: the attribution of each change."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import CommandResult, OpenWorkspace, Workspace, run, source
from syrupy.assertion import SnapshotAssertion

from reconciler.core.plan import Attribution

MINE, PENDING = Attribution.THIS_CHANGE_SET.value, Attribution.ALREADY_PENDING.value


class ChangeSet:
    """A service with these users, their desired state committed as the base, and the edits that follow."""

    def __init__(self, workspace: Workspace, service: FakeScimServer, entries: list[dict[str, Any]]) -> None:
        self.work = workspace
        self.service = service
        self.entries = entries
        self.repository = GitRepository(workspace.root)
        workspace.users(entries)
        self.base = self.repository.commit("base")
        self.repository.git("checkout", "--quiet", "-b", "edit")

    def edit(self, number: int, **values: Any) -> None:
        """Edit a user in the change set; None removes an attribute."""
        self.entries[number] = {
            key: value for key, value in {**self.entries[number], **values}.items() if value is not None
        }
        self.work.users(self.entries)

    def drift(self, number: int, **values: Any) -> None:
        """Edit a live account manually."""
        self.service.users[self.identity(number)].update(values)

    def identity(self, number: int) -> str:
        wanted = make_user(number)["externalId"]
        return next(key for key, user in self.service.users.items() if user["externalId"] == wanted)

    def key(self, number: int) -> str:
        return str(self.entries[number]["userPrincipalName"])

    def attributions(self, *arguments: str) -> dict[str, str | None]:
        """Return the attribution of each change by key."""
        plan = self.work.plan("--base", "main", *arguments).plan
        return {change["key"]: change["attribution"] for change in plan["resource_changes"]}


OpenChangeSet = Callable[..., ChangeSet]


@pytest.fixture
def open_change_set(open_workspace: OpenWorkspace) -> OpenChangeSet:
    def open_with(count: int = 6) -> ChangeSet:
        live = [make_user(number) for number in range(count)]
        service = FakeScimServer(None, live)
        return ChangeSet(open_workspace(service), service, [source(user) for user in live])

    return open_with


DRIFT = {"name": {"givenName": "By", "familyName": "Hand"}}


# --- attribution -------------------------------------------------------------------


def test_drift_is_pending_and_an_edit_belongs_to_this_change_set(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.drift(0, **DRIFT)
    change_set.edit(1, department="Moved")
    assert change_set.attributions() == {change_set.key(0): PENDING, change_set.key(1): MINE}


def test_earlier_merges_that_were_not_applied_are_pending(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.edit(0, department="Merged, not applied")
    change_set.repository.commit("merged")
    change_set.repository.git("checkout", "--quiet", "-B", "edit")
    change_set.edit(1, department="Moved")
    assert change_set.attributions() == {change_set.key(0): PENDING, change_set.key(1): MINE}


def test_merges_after_the_branch_point_are_not_part_of_the_base(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    base = change_set.base
    change_set.edit(1, department="Moved")
    change_set.repository.commit("edit")
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.edit(1, department=None)
    change_set.edit(2, department="On main meanwhile")
    change_set.repository.commit("meanwhile")
    change_set.repository.git("checkout", "--quiet", "edit")
    plan = change_set.work.plan("--base", "main").plan
    assert plan["base"] == {"ref": "main", "commit": base, "offline": False}
    assert [change["attribution"] for change in plan["resource_changes"]] == [MINE]


def test_a_drifted_and_edited_user_belongs_to_this_change_set_with_pending_rows_marked(
    open_change_set: OpenChangeSet,
) -> None:
    change_set = open_change_set()
    change_set.drift(0, **DRIFT)
    change_set.edit(0, department="Moved")
    (change,) = change_set.work.plan("--base", "main").plan["resource_changes"]
    assert change["attribution"] == MINE
    assert change["pending_attributes"] == ["name.familyName", "name.givenName"]
    text = change_set.work.run("plan", "--base", "main").out
    marked = [line for line in text.splitlines() if "# already pending" in line]
    assert [line.split()[1] for line in marked] == ["name.familyName", "name.givenName"]
    assert "department (already" not in change_set.work.run("plan", "--base", "main", "--summary").out
    assert "name.familyName (already pending)" in change_set.work.run("plan", "--base", "main", "--summary").out


def test_a_drifted_user_renamed_by_the_change_set_belongs_to_this_change_set(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.drift(0, **DRIFT)
    change_set.edit(0, userPrincipalName="new.name@example.com")
    (change,) = change_set.work.plan("--base", "main").plan["resource_changes"]
    assert (change["attribution"], change["pending_attributes"]) == (MINE, ["name.familyName", "name.givenName"])


def test_removals_are_attributed_to_this_change_set_or_an_earlier_one(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    unmanaged = make_user(90)
    change_set.service.add(unmanaged)
    leaver = change_set.entries.pop(0)
    change_set.work.users(change_set.entries)
    assert change_set.attributions() == {leaver["userPrincipalName"]: MINE, unmanaged["userName"]: PENDING}


def test_a_setting_that_turns_a_pending_deactivation_into_a_deletion_belongs_to_this_change_set(
    open_change_set: OpenChangeSet,
) -> None:
    change_set = open_change_set()
    change_set.service.add(make_user(90))
    assert set(change_set.attributions().values()) == {PENDING}
    change_set.work.settings(lifecycle={"removed": "delete"})
    (change,) = change_set.work.plan("--base", "main").plan["resource_changes"]
    assert (change["action"], change["attribution"]) == ("delete", MINE)


def test_a_new_mapping_attributes_only_the_users_it_changes_to_this_change_set(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    rows = [
        {"target": "externalId", "source": "objectId", "match": 1},
        {"target": "userName", "source": "userPrincipalName", "match": 2},
        {"target": "name.familyName", "source": "surname"},
    ]
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.work.write("mappings.yaml", json.dumps(rows))
    change_set.repository.commit("mappings")
    change_set.repository.git("checkout", "--quiet", "-B", "edit")
    change_set.drift(0, name={"givenName": change_set.entries[0]["givenName"], "familyName": "Hand"})
    change_set.drift(1, title="There already")
    change_set.edit(0, jobTitle=None)
    change_set.edit(1, jobTitle="There already")
    change_set.edit(2, jobTitle="New")
    change_set.work.write("mappings.yaml", json.dumps([*rows, {"target": "title", "source": "jobTitle"}]))
    assert change_set.attributions() == {change_set.key(0): PENDING, change_set.key(2): MINE}


def test_a_mapping_dropped_by_the_change_set_is_still_read_for_the_base(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    rows = [
        {"target": "externalId", "source": "objectId", "match": 1},
        {"target": "userName", "source": "userPrincipalName", "match": 2},
        {"target": "name.familyName", "source": "surname"},
        {"target": "title", "source": "jobTitle"},
    ]
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.edit(0, jobTitle="Countess")
    change_set.work.write("mappings.yaml", json.dumps(rows))
    change_set.repository.commit("mappings")
    change_set.repository.git("checkout", "--quiet", "-B", "edit")
    change_set.drift(0, name={"familyName": "Hand"}, title="Countess")
    change_set.work.write("mappings.yaml", json.dumps(rows[:3]))
    assert change_set.attributions() == {change_set.key(0): PENDING}


def test_narrowing_the_plan_does_not_narrow_the_base(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.drift(0, **DRIFT)
    change_set.edit(0, userPrincipalName="new.name@example.com", objectId=change_set.entries[0]["objectId"])
    (change,) = change_set.work.plan("--base", "main", "--user", "new.name@example.com").plan["resource_changes"]
    assert change["pending_attributes"] == ["name.familyName", "name.givenName"]


def test_a_date_that_passes_is_not_attributed_to_the_change_set(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.edit(0, lifecycle={"expires": "2031-06-01"})
    change_set.repository.commit("expires")
    change_set.repository.git("checkout", "--quiet", "-B", "edit")
    change_set.edit(1, lifecycle={"expires": "2031-06-01"})
    assert change_set.attributions("--now", "2031-05-31") == {}
    assert change_set.attributions("--now", "2031-06-01") == {change_set.key(0): PENDING, change_set.key(1): MINE}


def test_the_plan_id_does_not_depend_on_the_base(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.drift(0, **DRIFT)
    change_set.edit(1, department="Moved")
    with_base, without = change_set.work.plan("--base", "main").plan, change_set.work.plan().plan
    assert with_base["plan_id"] == without["plan_id"]
    assert without["base"] is None
    assert without["summary"]["this_change_set"] is None
    assert with_base["summary"]["this_change_set"]["update"] == 1
    assert with_base["summary"]["already_pending"]["update"] == 1


def test_a_saved_plan_keeps_the_attribution_and_can_be_applied(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.drift(0, **DRIFT)
    change_set.edit(1, department="Moved")
    file = change_set.work.root / "plan.json"
    printed = change_set.work.run("plan", "--base", "main", "-o", str(file))
    assert run(["reconciler", "show", str(file)]).out == printed.out
    applied = change_set.work.run("apply", str(file))
    assert applied.code == 0, applied.err
    assert change_set.work.plan("--base", "main").plan["resource_changes"] == []


def test_the_live_users_are_read_once(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.edit(1, department="Moved")
    before = len(change_set.service.log)
    change_set.work.plan()
    once = len(change_set.service.log) - before
    change_set.work.plan("--base", "main")
    assert len(change_set.service.log) - before == 2 * once


# --- sections other than the changes ---------------------------------------------------


def test_changes_that_the_change_set_makes_unnecessary_are_no_longer_pending(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    unmanaged = make_user(90)
    change_set.service.add(unmanaged)
    change_set.drift(0, **DRIFT)
    change_set.entries.append(source(unmanaged))
    change_set.edit(0, givenName="By", surname="Hand")
    plan = change_set.work.plan("--base", "main").plan
    assert plan["resource_changes"] == []
    unnecessary = {item["key"]: item["action"] for item in plan["no_longer_pending"]}
    assert unnecessary == {change_set.key(0): "update", unmanaged["userName"]: "deactivate"}
    printed = change_set.work.run("plan", "--base", "main")
    assert "No longer pending (changes that would be made without this change set" in printed.out
    assert change_set.work.plan("--base", "main", "--user", change_set.key(0)).plan["no_longer_pending"] == []
    assert change_set.work.plan().plan["no_longer_pending"] == []


def test_a_pending_removal_is_no_longer_pending_if_the_entry_is_now_invalid(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.edit(0, accountEnabled=False)
    change_set.repository.commit("leaves")
    change_set.repository.git("checkout", "--quiet", "-B", "edit")
    change_set.edit(0, accountEnabled=True, givenName="bad\a")
    plan = change_set.work.plan("--base", "main").plan
    assert (plan["resource_changes"], plan["summary"]["failed"]) == ([], 1)
    assert [item["action"] for item in plan["no_longer_pending"]] == ["deactivate"]


def test_future_dates_are_listed_and_change_nothing_today(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.edit(0, lifecycle={"expires": "2031-06-01"})
    change_set.repository.commit("expires")
    change_set.repository.git("checkout", "--quiet", "-B", "edit")
    change_set.edit(0, lifecycle={"expires": "2032-06-01"})
    change_set.entries.append({**source(make_user(60)), "lifecycle": {"starts": "2031-09-01"}})
    change_set.work.users(change_set.entries)
    plan = change_set.work.plan("--base", "main", "--now", "2031-01-01").plan
    assert plan["resource_changes"] == []
    assert {item["key"]: item["detail"] for item in plan["changes_nothing_today"]} == {
        change_set.key(0): 'lifecycle.expires = "2031-06-01" -> "2032-06-01"',
        change_set.key(6): 'new, not in scope: starts "2031-09-01"',
    }
    shown = change_set.work.run("plan", "--base", "main", "--now", "2031-01-01", "--redact").out
    assert "(hidden)  lifecycle.expires = (hidden) -> (hidden)" in shown
    assert change_set.key(0) not in shown


# --- unusable bases ------------------------------------------------------------------


def warning_of(result: CommandResult) -> str:
    (item,) = [item for item in result.plan["diagnostics"] if item["severity"] == "warning"]
    return str(item["summary"])


def test_with_an_invalid_base_everything_belongs_to_this_change_set(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    good = (change_set.work.state / "settings.yaml").read_text()
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.work.write("settings.yaml", "target: nonsense\n")
    change_set.repository.commit("broken")
    change_set.repository.git("checkout", "--quiet", "-B", "edit")
    change_set.work.write("settings.yaml", good)
    change_set.drift(0, **DRIFT)
    result = change_set.work.plan("--base", "main")
    assert [change["attribution"] for change in result.plan["resource_changes"]] == [MINE]
    assert "cannot be planned from" in warning_of(result)
    assert "settings.yaml:1" in warning_of(result)


def test_a_base_without_the_directory_does_not_make_users_look_removed(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.repository.git("checkout", "--quiet", "--orphan", "empty")
    change_set.repository.git("rm", "--quiet", "-r", "--cached", ".")
    (change_set.work.root / "README").write_text("x")
    change_set.repository.commit("nothing yet", tracked="README")
    change_set.drift(0, **DRIFT)
    result = change_set.work.plan("--base", "HEAD")
    assert [change["attribution"] for change in result.plan["resource_changes"]] == [MINE]
    assert "has no such directory" in warning_of(result)


def test_a_base_with_another_target_is_not_used(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.work.settings(target={"profile": "scim", "base_url": "https://elsewhere.example/scim"})
    change_set.repository.commit("elsewhere")
    change_set.repository.git("checkout", "--quiet", "-B", "edit")
    change_set.work.settings()
    change_set.drift(0, **DRIFT)
    result = change_set.work.plan("--base", "main")
    assert [change["attribution"] for change in result.plan["resource_changes"]] == [MINE]
    assert "is about another target" in warning_of(result)
    assert any("target.base_url" in note for note in result.plan["notes"])


def test_a_shallow_clone_is_reported_with_the_remedy(open_change_set: OpenChangeSet, tmp_path: Path) -> None:
    change_set = open_change_set()
    change_set.edit(0, department="Moved")
    change_set.repository.commit("edit")
    shallow = tmp_path / "shallow"
    change_set.repository.git("clone", "--quiet", "--depth", "1", f"file://{change_set.work.root}", str(shallow))
    result = run(["reconciler", "plan", "--base", "origin/main", "--state", str(shallow / "desired-state")])
    assert result.code == 1
    assert "shallow clone" in result.err
    assert "fetch-depth: 0" in result.err


def test_a_partial_clone_fetches_nothing_and_is_reported_with_the_remedy(
    open_change_set: OpenChangeSet, tmp_path: Path
) -> None:
    change_set = open_change_set()
    change_set.edit(0, department="Moved")
    change_set.repository.commit("edit")
    change_set.repository.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    change_set.repository.git("clone", "--quiet", "--filter=blob:none", f"file://{change_set.work.root}", str(partial))
    result = run(["reconciler", "plan", "--base", "origin/main", "--state", str(partial / "desired-state")])
    assert result.code == 1
    assert "files of git's history are not in this clone, which is partial" in result.err
    assert f"git -C {partial / 'desired-state'} fetch --refetch --no-filter origin" in result.err


def test_a_directory_outside_of_git_is_reported(open_workspace: OpenWorkspace) -> None:
    work = open_workspace(FakeScimServer())
    work.users([])
    result = work.run("plan", "--base", "main")
    assert (result.code, "is not in a git repository" in result.err) == (1, True)


# --- directories ------------------------------------------------------------------------


def test_the_directory_may_be_nested_and_reached_through_a_symlink(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    deep = change_set.work.root / "companies" / "[a] :(top)*"
    deep.mkdir(parents=True)
    change_set.work.state.rename(deep / "state")
    change_set.work.state = deep / "state"
    change_set.repository.git("checkout", "--quiet", "main")
    change_set.repository.commit("moved", tracked="companies")
    change_set.repository.git("checkout", "--quiet", "-B", "edit")
    change_set.drift(0, **DRIFT)
    change_set.edit(1, department="Moved")
    link = change_set.work.root / "link"
    link.symlink_to(change_set.work.state)
    change_set.work.state = link
    assert change_set.attributions() == {change_set.key(0): PENDING, change_set.key(1): MINE}


def test_the_whole_repository_may_be_the_directory(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    repository = GitRepository(change_set.work.state, ".")
    repository.commit("all of it")
    change_set.drift(0, **DRIFT)
    change_set.edit(1, department="Moved")
    assert change_set.attributions() == {change_set.key(0): PENDING, change_set.key(1): MINE}


def test_a_broken_repository_around_temporary_directories_does_not_matter(
    open_change_set: OpenChangeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any user of the machine can make /tmp/.git."""
    change_set = open_change_set()
    change_set.drift(0, **DRIFT)
    change_set.edit(1, department="Moved")
    scratch = tmp_path / "scratch"
    (scratch / ".git").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert change_set.attributions() == {change_set.key(0): PENDING, change_set.key(1): MINE}


def test_neither_the_work_tree_nor_the_index_is_changed(open_change_set: OpenChangeSet) -> None:
    change_set = open_change_set()
    change_set.edit(0, department="Moved")
    change_set.repository.git("add", "desired-state")
    change_set.edit(1, department="Moved, not staged")
    before = change_set.repository.git("status", "--porcelain=v2"), change_set.repository.git("diff")
    index = (change_set.work.root / ".git" / "index").read_bytes()
    change_set.work.plan("--base", "main")
    assert (change_set.work.root / ".git" / "index").read_bytes() == index
    assert (change_set.repository.git("status", "--porcelain=v2"), change_set.repository.git("diff")) == before


# --- output -------------------------------------------------------------------------


def test_an_attributed_plan_matches_its_snapshot(open_change_set: OpenChangeSet, snapshot: SnapshotAssertion) -> None:
    change_set = open_change_set()
    change_set.drift(0, **DRIFT)
    change_set.drift(1, **DRIFT)
    change_set.service.add(make_user(90))
    change_set.edit(1, department="Moved")
    change_set.entries.append(source(make_user(60)))
    change_set.edit(2, accountEnabled=False)
    change_set.work.settings(guards={"removals": {"count": 100, "percent": 100}})
    for flags in ((), ("--summary",), ("--redact", "--summary")):
        result = change_set.work.run("plan", "--base", "main", *flags)
        text = result.out.replace(change_set.base[:12], "COMMIT")
        assert text == snapshot(name=" ".join(flags) or "whole")
