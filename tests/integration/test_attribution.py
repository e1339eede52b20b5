"""`--base REF` on a real repository and a service that drifted: the attribution of each change."""

from __future__ import annotations

import json
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
    def opened(count: int = 6) -> ChangeSet:
        live = [make_user(number) for number in range(count)]
        service = FakeScimServer(None, live)
        return ChangeSet(open_workspace(service), service, [source(user) for user in live])

    return opened


DRIFT = {"name": {"givenName": "By", "familyName": "Hand"}}


# --- attribution -------------------------------------------------------------------


def test_drift_is_pending_and_an_edit_belongs_to_this_change_set(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.drift(0, **DRIFT)
    here.edit(1, department="Moved")
    assert here.attributions() == {here.key(0): PENDING, here.key(1): MINE}


def test_earlier_merges_that_were_not_applied_are_pending(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.repository.git("checkout", "--quiet", "main")
    here.edit(0, department="Merged, not applied")
    here.repository.commit("merged")
    here.repository.git("checkout", "--quiet", "-B", "edit")
    here.edit(1, department="Moved")
    assert here.attributions() == {here.key(0): PENDING, here.key(1): MINE}


def test_merges_after_the_branch_point_are_not_part_of_the_base(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    base = here.base
    here.edit(1, department="Moved")
    here.repository.commit("edit")
    here.repository.git("checkout", "--quiet", "main")
    here.edit(1, department=None)
    here.edit(2, department="On main meanwhile")
    here.repository.commit("meanwhile")
    here.repository.git("checkout", "--quiet", "edit")
    plan = here.work.plan("--base", "main").plan
    assert plan["base"] == {"ref": "main", "commit": base, "offline": False}
    assert [change["attribution"] for change in plan["resource_changes"]] == [MINE]


def test_a_drifted_and_edited_user_belongs_to_this_change_set_with_pending_rows_marked(
    open_change_set: OpenChangeSet,
) -> None:
    here = open_change_set()
    here.drift(0, **DRIFT)
    here.edit(0, department="Moved")
    (change,) = here.work.plan("--base", "main").plan["resource_changes"]
    assert change["attribution"] == MINE
    assert change["pending_attributes"] == ["name.familyName", "name.givenName"]
    text = here.work.run("plan", "--base", "main").out
    marked = [line for line in text.splitlines() if "# already pending" in line]
    assert [line.split()[1] for line in marked] == ["name.familyName", "name.givenName"]
    assert "department (already" not in here.work.run("plan", "--base", "main", "--summary").out
    assert "name.familyName (already pending)" in here.work.run("plan", "--base", "main", "--summary").out


def test_a_drifted_user_renamed_by_the_change_set_belongs_to_this_change_set(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.drift(0, **DRIFT)
    here.edit(0, userPrincipalName="new.name@example.com")
    (change,) = here.work.plan("--base", "main").plan["resource_changes"]
    assert (change["attribution"], change["pending_attributes"]) == (MINE, ["name.familyName", "name.givenName"])


def test_removals_are_attributed_to_this_change_set_or_an_earlier_one(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    unmanaged = make_user(90)
    here.service.add(unmanaged)
    leaver = here.entries.pop(0)
    here.work.users(here.entries)
    assert here.attributions() == {leaver["userPrincipalName"]: MINE, unmanaged["userName"]: PENDING}


def test_a_setting_that_turns_a_pending_deactivation_into_a_deletion_belongs_to_this_change_set(
    open_change_set: OpenChangeSet,
) -> None:
    here = open_change_set()
    here.service.add(make_user(90))
    assert set(here.attributions().values()) == {PENDING}
    here.work.settings(lifecycle={"removed": "delete"})
    (change,) = here.work.plan("--base", "main").plan["resource_changes"]
    assert (change["action"], change["attribution"]) == ("delete", MINE)


def test_a_new_mapping_attributes_only_the_users_it_changes_to_this_change_set(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    rows = [
        {"target": "externalId", "source": "objectId", "match": 1},
        {"target": "userName", "source": "userPrincipalName", "match": 2},
        {"target": "name.familyName", "source": "surname"},
    ]
    here.repository.git("checkout", "--quiet", "main")
    here.work.write("mappings.yaml", json.dumps(rows))
    here.repository.commit("mappings")
    here.repository.git("checkout", "--quiet", "-B", "edit")
    here.drift(0, name={"givenName": here.entries[0]["givenName"], "familyName": "Hand"})
    here.drift(1, title="There already")
    here.edit(0, jobTitle=None)
    here.edit(1, jobTitle="There already")
    here.edit(2, jobTitle="New")
    here.work.write("mappings.yaml", json.dumps([*rows, {"target": "title", "source": "jobTitle"}]))
    assert here.attributions() == {here.key(0): PENDING, here.key(2): MINE}


def test_a_mapping_dropped_by_the_change_set_is_still_read_for_the_base(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    rows = [
        {"target": "externalId", "source": "objectId", "match": 1},
        {"target": "userName", "source": "userPrincipalName", "match": 2},
        {"target": "name.familyName", "source": "surname"},
        {"target": "title", "source": "jobTitle"},
    ]
    here.repository.git("checkout", "--quiet", "main")
    here.edit(0, jobTitle="Countess")
    here.work.write("mappings.yaml", json.dumps(rows))
    here.repository.commit("mappings")
    here.repository.git("checkout", "--quiet", "-B", "edit")
    here.drift(0, name={"familyName": "Hand"}, title="Countess")
    here.work.write("mappings.yaml", json.dumps(rows[:3]))
    assert here.attributions() == {here.key(0): PENDING}


def test_narrowing_the_plan_does_not_narrow_the_base(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.drift(0, **DRIFT)
    here.edit(0, userPrincipalName="new.name@example.com", objectId=here.entries[0]["objectId"])
    (change,) = here.work.plan("--base", "main", "--user", "new.name@example.com").plan["resource_changes"]
    assert change["pending_attributes"] == ["name.familyName", "name.givenName"]


def test_a_date_that_passes_is_not_attributed_to_the_change_set(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.repository.git("checkout", "--quiet", "main")
    here.edit(0, lifecycle={"expires": "2031-06-01"})
    here.repository.commit("expires")
    here.repository.git("checkout", "--quiet", "-B", "edit")
    here.edit(1, lifecycle={"expires": "2031-06-01"})
    assert here.attributions("--now", "2031-05-31") == {}
    assert here.attributions("--now", "2031-06-01") == {here.key(0): PENDING, here.key(1): MINE}


def test_the_plan_id_does_not_depend_on_the_base(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.drift(0, **DRIFT)
    here.edit(1, department="Moved")
    with_base, without = here.work.plan("--base", "main").plan, here.work.plan().plan
    assert with_base["plan_id"] == without["plan_id"]
    assert without["base"] is None
    assert without["summary"]["this_change_set"] is None
    assert with_base["summary"]["this_change_set"]["update"] == 1
    assert with_base["summary"]["already_pending"]["update"] == 1


def test_a_saved_plan_keeps_the_attribution_and_can_be_applied(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.drift(0, **DRIFT)
    here.edit(1, department="Moved")
    file = here.work.root / "plan.json"
    printed = here.work.run("plan", "--base", "main", "-o", str(file))
    assert run(["reconciler", "show", str(file)]).out == printed.out
    applied = here.work.run("apply", str(file))
    assert applied.code == 0, applied.err
    assert here.work.plan("--base", "main").plan["resource_changes"] == []


def test_the_live_users_are_read_once(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.edit(1, department="Moved")
    before = len(here.service.log)
    here.work.plan()
    once = len(here.service.log) - before
    here.work.plan("--base", "main")
    assert len(here.service.log) - before == 2 * once


# --- sections other than the changes ---------------------------------------------------


def test_changes_that_the_change_set_makes_unnecessary_are_no_longer_pending(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    unmanaged = make_user(90)
    here.service.add(unmanaged)
    here.drift(0, **DRIFT)
    here.entries.append(source(unmanaged))
    here.edit(0, givenName="By", surname="Hand")
    plan = here.work.plan("--base", "main").plan
    assert plan["resource_changes"] == []
    gone = {item["key"]: item["action"] for item in plan["no_longer_pending"]}
    assert gone == {here.key(0): "update", unmanaged["userName"]: "deactivate"}
    printed = here.work.run("plan", "--base", "main")
    assert "No longer pending (changes that would be made without this change set" in printed.out
    assert here.work.plan("--base", "main", "--user", here.key(0)).plan["no_longer_pending"] == []
    assert here.work.plan().plan["no_longer_pending"] == []


def test_a_pending_removal_is_no_longer_pending_if_the_entry_is_now_invalid(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.repository.git("checkout", "--quiet", "main")
    here.edit(0, accountEnabled=False)
    here.repository.commit("leaves")
    here.repository.git("checkout", "--quiet", "-B", "edit")
    here.edit(0, accountEnabled=True, givenName="bad\a")
    plan = here.work.plan("--base", "main").plan
    assert (plan["resource_changes"], plan["summary"]["failed"]) == ([], 1)
    assert [item["action"] for item in plan["no_longer_pending"]] == ["deactivate"]


def test_future_dates_are_listed_and_change_nothing_today(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.repository.git("checkout", "--quiet", "main")
    here.edit(0, lifecycle={"expires": "2031-06-01"})
    here.repository.commit("expires")
    here.repository.git("checkout", "--quiet", "-B", "edit")
    here.edit(0, lifecycle={"expires": "2032-06-01"})
    here.entries.append({**source(make_user(60)), "lifecycle": {"starts": "2031-09-01"}})
    here.work.users(here.entries)
    plan = here.work.plan("--base", "main", "--now", "2031-01-01").plan
    assert plan["resource_changes"] == []
    assert {item["key"]: item["detail"] for item in plan["changes_nothing_today"]} == {
        here.key(0): 'lifecycle.expires = "2031-06-01" -> "2032-06-01"',
        here.key(6): 'new, not in scope: starts "2031-09-01"',
    }
    shown = here.work.run("plan", "--base", "main", "--now", "2031-01-01", "--redact").out
    assert "(hidden)  lifecycle.expires = (hidden) -> (hidden)" in shown
    assert here.key(0) not in shown


# --- unusable bases ------------------------------------------------------------------


def warning_of(ended: CommandResult) -> str:
    (item,) = [item for item in ended.plan["diagnostics"] if item["severity"] == "warning"]
    return str(item["summary"])


def test_with_an_invalid_base_everything_belongs_to_this_change_set(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    good = (here.work.state / "settings.yaml").read_text()
    here.repository.git("checkout", "--quiet", "main")
    here.work.write("settings.yaml", "target: nonsense\n")
    here.repository.commit("broken")
    here.repository.git("checkout", "--quiet", "-B", "edit")
    here.work.write("settings.yaml", good)
    here.drift(0, **DRIFT)
    ended = here.work.plan("--base", "main")
    assert [change["attribution"] for change in ended.plan["resource_changes"]] == [MINE]
    assert "cannot be planned from" in warning_of(ended)
    assert "settings.yaml:1" in warning_of(ended)


def test_a_base_without_the_directory_does_not_make_users_look_removed(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.repository.git("checkout", "--quiet", "--orphan", "empty")
    here.repository.git("rm", "--quiet", "-r", "--cached", ".")
    (here.work.root / "README").write_text("x")
    here.repository.commit("nothing yet", tracked="README")
    here.drift(0, **DRIFT)
    ended = here.work.plan("--base", "HEAD")
    assert [change["attribution"] for change in ended.plan["resource_changes"]] == [MINE]
    assert "has no such directory" in warning_of(ended)


def test_a_base_with_another_target_is_not_used(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.repository.git("checkout", "--quiet", "main")
    here.work.settings(target={"profile": "scim", "base_url": "https://elsewhere.example/scim"})
    here.repository.commit("elsewhere")
    here.repository.git("checkout", "--quiet", "-B", "edit")
    here.work.settings()
    here.drift(0, **DRIFT)
    ended = here.work.plan("--base", "main")
    assert [change["attribution"] for change in ended.plan["resource_changes"]] == [MINE]
    assert "is about another target" in warning_of(ended)
    assert any("target.base_url" in note for note in ended.plan["notes"])


def test_a_shallow_clone_is_reported_with_the_remedy(open_change_set: OpenChangeSet, tmp_path: Path) -> None:
    here = open_change_set()
    here.edit(0, department="Moved")
    here.repository.commit("edit")
    shallow = tmp_path / "shallow"
    here.repository.git("clone", "--quiet", "--depth", "1", f"file://{here.work.root}", str(shallow))
    ended = run(["reconciler", "plan", "--base", "origin/main", "--state", str(shallow / "desired-state")])
    assert ended.code == 1
    assert "shallow clone" in ended.err
    assert "fetch-depth: 0" in ended.err


def test_a_partial_clone_fetches_nothing_and_is_reported_with_the_remedy(
    open_change_set: OpenChangeSet, tmp_path: Path
) -> None:
    here = open_change_set()
    here.edit(0, department="Moved")
    here.repository.commit("edit")
    here.repository.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    here.repository.git("clone", "--quiet", "--filter=blob:none", f"file://{here.work.root}", str(partial))
    ended = run(["reconciler", "plan", "--base", "origin/main", "--state", str(partial / "desired-state")])
    assert ended.code == 1
    assert "partial clone" in ended.err
    assert "fetch-depth: 0" in ended.err


def test_a_directory_outside_of_git_is_reported(open_workspace: OpenWorkspace) -> None:
    work = open_workspace(FakeScimServer())
    work.users([])
    ended = work.run("plan", "--base", "main")
    assert (ended.code, "is not in a git repository" in ended.err) == (1, True)


# --- directories ------------------------------------------------------------------------


def test_the_directory_may_be_nested_and_reached_through_a_symlink(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    deep = here.work.root / "companies" / "[a] :(top)*"
    deep.mkdir(parents=True)
    here.work.state.rename(deep / "state")
    here.work.state = deep / "state"
    here.repository.git("checkout", "--quiet", "main")
    here.repository.commit("moved", tracked="companies")
    here.repository.git("checkout", "--quiet", "-B", "edit")
    here.drift(0, **DRIFT)
    here.edit(1, department="Moved")
    link = here.work.root / "link"
    link.symlink_to(here.work.state)
    here.work.state = link
    assert here.attributions() == {here.key(0): PENDING, here.key(1): MINE}


def test_the_whole_repository_may_be_the_directory(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    repository = GitRepository(here.work.state, ".")
    repository.commit("all of it")
    here.drift(0, **DRIFT)
    here.edit(1, department="Moved")
    assert here.attributions() == {here.key(0): PENDING, here.key(1): MINE}


def test_neither_the_work_tree_nor_the_index_is_changed(open_change_set: OpenChangeSet) -> None:
    here = open_change_set()
    here.edit(0, department="Moved")
    here.repository.git("add", "desired-state")
    here.edit(1, department="Moved, not staged")
    before = here.repository.git("status", "--porcelain=v2"), here.repository.git("diff")
    index = (here.work.root / ".git" / "index").read_bytes()
    here.work.plan("--base", "main")
    assert (here.work.root / ".git" / "index").read_bytes() == index
    assert (here.repository.git("status", "--porcelain=v2"), here.repository.git("diff")) == before


# --- output -------------------------------------------------------------------------


def test_an_attributed_plan_matches_its_snapshot(open_change_set: OpenChangeSet, snapshot: SnapshotAssertion) -> None:
    here = open_change_set()
    here.drift(0, **DRIFT)
    here.drift(1, **DRIFT)
    here.service.add(make_user(90))
    here.edit(1, department="Moved")
    here.entries.append(source(make_user(60)))
    here.edit(2, accountEnabled=False)
    here.work.settings(guards={"removals": {"count": 100, "percent": 100}})
    for flags in ((), ("--summary",), ("--redact", "--summary")):
        ended = here.work.run("plan", "--base", "main", *flags)
        text = ended.out.replace(here.base[:12], "COMMIT")
        assert text == snapshot(name=" ".join(flags) or "whole")
