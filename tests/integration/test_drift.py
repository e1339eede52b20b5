"""`drift` on real repositories and a real service: manual edits distinguished from edits that are not applied yet."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.git_workspace import GitWorkspace, person
from support.servers.fake_scim import FakeScimServer
from support.servers.server_faults import ServerFaults
from support.workspace import CommandResult, OpenWorkspace, run
from syrupy.assertion import SnapshotAssertion

EDITED, BEHIND, UNKNOWN = "edited_in_target", "not_applied", "untold"


class DriftWorkspace(GitWorkspace):
    """A git workspace, and `drift` in it."""

    def apply(self, *arguments: str) -> None:
        result = self.work.apply(*arguments)
        assert result.code == 0, result

    def commit_and_apply(self, *users: Mapping[str, Any]) -> str:
        commit = self.commit(*users)
        self.apply()
        return commit

    def apply_with_refused_writes(self) -> None:
        """Run an apply in which every write is refused."""
        self.service.faults = ServerFaults(write_error_on=1, write_error_status=400, write_error_times=None)
        assert self.work.apply().code == 5
        self.service.faults = ServerFaults()

    def drift(self, *arguments: str) -> CommandResult:
        return self.work.run("drift", "--plans", str(self.work.plans), *arguments)

    def plan(self, *arguments: str) -> dict[str, Any]:
        result = self.drift("--format", "json", *arguments)
        assert result.code == 0, result
        return result.plan

    def attributions(self, *arguments: str) -> dict[str, str]:
        """Return the attribution of each change by name."""
        return {name_of(each): each["attribution"] for each in self.plan(*arguments)["resource_changes"]}

    def only_change(self, *arguments: str) -> dict[str, Any]:
        (change,) = self.plan(*arguments)["resource_changes"]
        return dict(change)


def name_of(change: Mapping[str, Any]) -> str:
    return str(change["key"]).partition("@")[0]


def warnings_of(plan: Mapping[str, Any]) -> list[str]:
    return [item["summary"] for item in plan["diagnostics"] if item["severity"] == "warning"]


@pytest.fixture
def org(open_workspace: OpenWorkspace) -> DriftWorkspace:
    service = FakeScimServer()
    return DriftWorkspace(open_workspace(service), service)


# --- attribution ---------------------------------------------------------------------


def test_a_manual_edit_is_distinguished_from_an_edit_in_git(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.edit_live("ada", "By hand")
    org.commit(person("ada"), person("bob", department="Merged"))
    assert org.attributions() == {"ada": EDITED, "bob": BEHIND}


def test_both_kinds_of_edit_of_one_user_are_distinguished_by_attribute(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"))
    org.edit_live("ada", "By hand")
    org.commit(person("ada", surname="Merged"))
    change = org.only_change()
    assert (change["attribution"], change["pending_attributes"]) == (EDITED, ["name.familyName"])
    assert "enterprise:department = " in org.drift().out
    (marked,) = [line for line in org.drift().out.splitlines() if line.endswith("# not applied")]
    assert "name.familyName" in marked


def test_an_attribute_that_was_edited_on_both_sides_was_edited_in_the_target(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"))
    org.edit_live("ada", "By hand")
    org.commit(person("ada", department="Merged"))
    change = org.only_change()
    assert (change["attribution"], change["pending_attributes"]) == (EDITED, [])


def test_the_record_gives_the_time_and_the_previous_value(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    first = org.plan()["drift"]
    org.commit_and_apply(person("ada", department="Research"), person("bob"))
    second = org.plan()["drift"]
    org.edit_live("ada", "By hand")
    org.live("ada")["name"]["familyName"] = "By hand"
    history = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME", entry) for entry in org.only_change()["history"]]
    was, after = (drift["plan_id"].removeprefix("sha256:")[:12] for drift in (first, second))
    assert history == [
        f"edited in the target after the apply of TIME, plan {after}",
        f'name.familyName was set to "Lee" by the apply of TIME, plan {was}',
        f'enterprise:department was set to "Research" by the apply of TIME, plan {after}',
    ]
    assert second["commit"] == org.git.head()


@pytest.mark.parametrize(
    ("hand", "action", "word"),
    [
        ("delete", "create", "deleted in the target after"),
        ("deactivate", "reactivate", "deactivated in the target after"),
        ("disown", "adopt", "without our externalId"),
    ],
)
def test_each_manual_action_on_an_account_is_named(org: DriftWorkspace, hand: str, action: str, word: str) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    user = org.live("ada")
    if hand == "delete":
        del org.service.users[user["id"]]
    elif hand == "deactivate":
        user["active"] = False
    else:
        del user["externalId"]
    org.commit(person("ada"), person("bob"), person("cyd"))
    ada, cyd = sorted(org.plan()["resource_changes"], key=name_of)
    assert (ada["action"], ada["attribution"]) == (action, EDITED)
    assert word in " ".join(ada["history"])
    assert (cyd["attribution"], "edited in git after" in " ".join(cyd["history"])) == (BEHIND, True)


def test_a_removal_in_git_is_not_an_account_that_appeared_or_was_reactivated(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"), person("cyd"))
    org.commit_and_apply(person("ada"), person("bob"))
    org.live("cyd")["active"] = True
    org.service.add({**org.live("bob"), "id": "77", "externalId": "id-eve", "userName": "eve@example.com"})
    org.commit(person("ada"))
    changes = {name_of(each): each for each in org.plan()["resource_changes"]}
    assert {each["action"] for each in changes.values()} == {"deactivate"}
    assert {name: each["attribution"] for name, each in changes.items()} == {
        "bob": BEHIND,
        "cyd": EDITED,
        "eve": EDITED,
    }
    assert "active in the target again" in " ".join(changes["cyd"]["history"])
    assert "appeared in the target" in " ".join(changes["eve"]["history"])


def test_a_renamed_user_deleted_in_the_target_is_identified_by_the_objectid(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    del org.service.users[org.live("ada")["id"]]
    org.commit(person("ada", userPrincipalName="new@example.com"), person("bob"))
    assert org.attributions() == {"new": EDITED}


def test_a_date_that_passed_is_not_an_edit(org: DriftWorkspace) -> None:
    users = person("ada", lifecycle={"expires": "2131-06-01"}), person("bob", lifecycle={"starts": "2131-06-01"})
    org.commit_and_apply(*users, person("cyd"))
    assert org.attributions("--now", "2131-05-31") == {}
    changes = org.plan("--now", "2131-06-01")["resource_changes"]
    assert {name_of(each): each["attribution"] for each in changes} == {"ada": BEHIND, "bob": BEHIND}
    assert all("a date has passed" in " ".join(each["history"]) for each in changes)


def test_an_apply_with_a_later_now_is_judged_by_its_own_clock(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada", lifecycle={"expires": "2131-06-01"}), person("bob"))
    org.apply("--now", "2131-06-02")
    org.live("ada")["active"] = True
    assert org.attributions("--now", "2131-06-03") == {"ada": EDITED}


def test_a_deletion_that_is_due_is_not_an_edit(org: DriftWorkspace) -> None:
    actions = ["create", "update", "deactivate", "delete"]
    org.work.settings(lifecycle={"delete_after_days": 30, "actions": actions})
    org.commit_and_apply(person("ada"), person("bob"))
    org.commit_and_apply(person("ada"))
    (change,) = org.plan("--now", "2131-06-01")["resource_changes"]
    assert (change["action"], change["attribution"]) == ("delete", BEHIND)
    assert "a date has passed" in " ".join(change["history"])


def test_a_new_mapping_counts_as_not_applied_and_its_target_as_not_edited(org: DriftWorkspace) -> None:
    rows = [
        {"target": "externalId", "source": "objectId", "match": 1},
        {"target": "userName", "source": "userPrincipalName", "match": 2},
        {"target": "name.familyName", "source": "surname"},
        {"target": "enterprise:department", "source": "department"},
    ]
    org.work.write("mappings.yaml", json.dumps(rows[:3]))
    org.commit_and_apply(person("ada"), person("bob"))
    org.live("ada")["name"]["familyName"] = "By hand"
    org.work.write("mappings.yaml", json.dumps(rows))
    org.git.commit("Map departments")
    changes = {name_of(each): each for each in org.plan()["resource_changes"]}
    assert (changes["ada"]["attribution"], changes["bob"]["attribution"]) == (EDITED, BEHIND)
    assert [path.rpartition(":")[2] for path in changes["ada"]["pending_attributes"]] == ["department"]


# --- incomplete applies --------------------------------------------------------------------


def test_a_failed_user_counts_as_not_applied_with_the_reason(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.commit(person("ada", department="Merged"), person("bob"))
    org.apply_with_refused_writes()
    org.edit_live("bob", "By hand")
    changes = {name_of(each): each for each in org.plan()["resource_changes"]}
    assert {name: each["attribution"] for name, each in changes.items()} == {"ada": BEHIND, "bob": EDITED}
    assert "not applied: failed in the apply of" in " ".join(changes["ada"]["history"])


def test_a_failed_user_also_edited_manually_is_distinguished_by_attribute(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.commit(person("ada", department="Merged"), person("bob"))
    org.apply_with_refused_writes()
    org.live("ada")["name"]["familyName"] = "By hand"
    change = org.only_change()
    assert change["attribution"] == EDITED
    assert [path.rpartition(":")[2] for path in change["pending_attributes"]] == ["department"]
    assert "the rest is not applied: failed in" in " ".join(change["history"])


def test_a_manual_edit_remains_one_when_its_correction_failed(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.edit_live("ada", "By hand")
    org.apply_with_refused_writes()
    assert "failed in the apply of" in " ".join(org.only_change()["history"])
    assert org.attributions() == {"ada": EDITED}


def test_our_request_with_an_unknown_outcome_is_not_attributed_to_others(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.commit(person("ada", department="Merged"), person("bob"))
    org.apply_with_refused_writes()
    org.edit_live("ada", "Merged")
    org.commit(person("ada", department="Merged again"), person("bob"))
    assert org.attributions() == {"ada": BEHIND}
    org.edit_live("ada", "By hand")
    assert org.attributions() == {"ada": EDITED}


def test_a_new_user_whose_account_was_refused_is_not_applied(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("bob"))
    org.commit(person("ada"), person("bob"))
    org.apply_with_refused_writes()
    change = org.only_change()
    assert (change["action"], change["attribution"]) == ("create", BEHIND)
    assert "failed in the apply of" in " ".join(change["history"])


def test_the_very_first_apply_may_have_failed(org: DriftWorkspace) -> None:
    org.commit(person("ada"))
    org.apply_with_refused_writes()
    assert org.only_change()["attribution"] == BEHIND
    assert "failed in the apply of" in " ".join(org.only_change()["history"])


def test_a_user_that_an_interrupted_apply_did_not_reach_is_not_applied(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"), person("cyd"))
    org.commit(person("ada", department="Merged"), person("bob"), person("cyd"))
    org.apply_with_refused_writes()
    # As if it had been killed before it started ada.
    receipt = max(org.work.plans.glob("*/receipt.jsonl"), key=lambda path: path.stat().st_mtime)
    receipt.write_text(receipt.read_text("utf-8").splitlines(keepends=True)[0])
    receipt.with_name("README.md").unlink()
    org.edit_live("bob", "By hand")
    changes = {name_of(each): each for each in org.plan()["resource_changes"]}
    assert {name: each["attribution"] for name, each in changes.items()} == {"ada": BEHIND, "bob": EDITED}
    assert "not reached by the apply of" in " ".join(changes["ada"]["history"])


def test_an_apply_for_one_user_counts_for_that_one_only(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.commit(person("ada", department="Merged"), person("bob", department="Merged"))
    org.apply("--user", "ada@example.com")
    assert org.attributions() == {"bob": BEHIND}
    org.edit_live("ada", "Sales")
    assert org.attributions() == {"ada": EDITED, "bob": BEHIND}


def test_a_user_left_out_of_a_reviewed_plan_is_attributed_by_the_apply_before(org: DriftWorkspace) -> None:
    org.commit_and_apply(*(person(each) for each in ("ada", "bob", "cyd", "dan", "eve")))
    moved = (person(each, department="Merged") for each in ("ada", "bob", "cyd"))
    org.commit(*moved, person("dan"), person("eve"))
    saved = str(org.work.root / "saved.json")
    org.work.run("plan", "-o", saved)
    org.edit_live("dan", "By hand")
    assert org.work.apply(saved).code == 5
    change = org.only_change()
    assert (name_of(change), change["attribution"]) == ("dan", EDITED)
    assert "left out of the apply of" in " ".join(change["history"])


# --- undetermined changes --------------------------------------------------------------------


def test_without_a_record_everything_is_listed_unattributed(org: DriftWorkspace) -> None:
    org.commit(person("ada"), person("bob"))
    plan = org.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert plan["drift"] == {"began": None, "plan_id": None, "commit": None, "unmanaged": None}
    assert warnings_of(plan) == ["no apply to this target is on record here"]
    text = org.drift().out
    assert "Edited in the target" not in text
    assert "no apply on record left this account as desired" in text
    unattributed = org.work.plan().plan
    assert plan["plan_id"] == unattributed["plan_id"]


def test_without_git_drift_is_attributed_while_the_files_are_unchanged(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    shutil.rmtree(org.work.root / ".git")
    org.edit_live("ada", "By hand")
    assert org.attributions() == {"ada": EDITED}
    org.write(person("ada"), person("bob", department="Merged"))
    plan = org.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "not in a git repository" in warnings_of(plan)[0]


def test_a_shallow_clone_is_reported_with_the_remedy(org: DriftWorkspace, tmp_path: Path) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.edit_live("ada", "By hand")
    org.commit(person("ada"), person("bob", department="Merged"))
    clone = tmp_path / "clone"
    org.git.git("clone", "--quiet", "--depth", "1", f"file://{org.work.root}", str(clone))
    options = ["--state", str(clone / "desired-state"), "--plans", str(org.work.plans), "--format", "json"]
    plan = run(["reconciler", "drift", *options]).plan
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "fetch-depth: 0" in warnings_of(plan)[0]
    org.git.git("-C", str(clone), "fetch", "--quiet", "--unshallow")
    plan = run(["reconciler", "drift", *options]).plan
    assert {name_of(each): each["attribution"] for each in plan["resource_changes"]} == {"ada": EDITED, "bob": BEHIND}


def test_a_commit_that_is_gone_from_history_is_reported(org: DriftWorkspace) -> None:
    org.commit(person("ada"))
    org.git.git("checkout", "--quiet", "-b", "gone")
    org.commit_and_apply(person("ada"), person("bob"))
    org.git.git("checkout", "--quiet", "main")
    org.git.git("branch", "-D", "gone")
    org.git.git("reflog", "expire", "--expire=now", "--all")
    org.git.git("gc", "--quiet", "--prune=now")
    org.commit(person("ada", department="Merged"), person("bob"))
    plan = org.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "the branch that had it was deleted or rewritten" in warnings_of(plan)[0]


def test_a_squashed_pull_request_is_identified_by_the_files_that_were_checked_out(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"), person("cyd"))
    org.git.git("checkout", "--quiet", "-b", "pull")
    org.commit(person("ada", department="Merged"), person("bob"), person("cyd"))
    saved = str(org.work.root / "saved.json")
    org.work.run("plan", "-o", saved)
    org.git.git("checkout", "--quiet", "main")
    org.commit(person("ada", department="Merged"), person("bob"), person("cyd"))
    org.apply(saved)
    org.git.git("branch", "-D", "pull")
    org.git.git("reflog", "expire", "--expire=now", "--all")
    org.git.git("gc", "--quiet", "--prune=now")
    org.edit_live("ada", "Sales")
    org.commit(person("ada", department="Merged"), person("bob", department="Merged"), person("cyd"))
    assert org.attributions() == {"ada": EDITED, "bob": BEHIND}


def test_an_apply_of_uncommitted_edits_is_reported(org: DriftWorkspace) -> None:
    org.commit(person("ada"), person("bob"))
    org.write(person("ada"), person("bob", department="Not committed"))
    org.apply()
    org.edit_live("ada", "By hand")
    assert org.attributions() == {"ada": EDITED}, "the files are unchanged"
    org.commit(person("ada"), person("bob"))
    plan = org.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "edited and not committed" in warnings_of(plan)[0]


def rewrite_as_another_version(org: DriftWorkspace) -> None:
    """Rewrite the record as if a version with other digests had written it."""
    for path in org.work.plans.glob("*/*.json*"):
        text = re.sub(
            r'"config_digest": "sha256:[0-9a-f]+"', '"config_digest": "sha256:other"', path.read_text("utf-8")
        )
        path.write_text(re.sub(r'"reconciler_version": "[^"]+"', '"reconciler_version": "0.0.0"', text), "utf-8")


def test_only_the_commit_of_an_apply_by_another_version_is_trusted(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    rewrite_as_another_version(org)
    org.edit_live("ada", "By hand")
    assert org.attributions() == {"ada": EDITED}


def test_a_commit_for_another_target_is_not_used(org: DriftWorkspace) -> None:
    org.work.settings(target={"profile": "scim", "base_url": "https://elsewhere.example/scim"})
    org.commit(person("ada"), person("bob"))
    org.work.settings()
    org.apply()
    rewrite_as_another_version(org)
    org.edit_live("ada", "By hand")
    assert org.attributions() == {"ada": UNKNOWN}
    assert "is about another target" in warnings_of(org.plan())[0]


def test_a_partial_clone_is_reported_with_the_remedy(org: DriftWorkspace, tmp_path: Path) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.edit_live("ada", "By hand")
    org.commit(person("ada"), person("bob", department="Merged"))
    org.git.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    org.git.git("clone", "--quiet", "--filter=blob:none", f"file://{org.work.root}", str(partial))
    options = ["--state", str(partial / "desired-state"), "--plans", str(org.work.plans), "--format", "json"]
    plan = run(["reconciler", "drift", *options]).plan
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    (told,) = [each for each in warnings_of(plan) if "cannot be read: files of git's history" in each]
    assert "fetch --refetch --no-filter origin" in told


def test_edits_in_the_work_tree_are_not_applied(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.edit_live("ada", "By hand")
    org.write(person("ada"), person("bob", department="Not committed"))
    assert org.attributions() == {"ada": EDITED, "bob": BEHIND}


def test_an_invalid_commit_on_record_is_not_passed_to_git(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    for path in org.work.plans.glob("*/receipt.jsonl"):
        path.write_text(path.read_text("utf-8").replace(org.git.head(), "--exec=touch pwned"))
    org.commit(person("ada", department="Merged"), person("bob"))
    plan = org.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "rewritten" in warnings_of(plan)[0]


def test_an_unreadable_plan_on_record_is_reported(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    for path in org.work.plans.glob("*/plan.json"):
        path.unlink()
    org.edit_live("ada", "By hand")
    assert org.attributions() == {"ada": UNKNOWN}
    assert "its plan on record cannot be read" in warnings_of(org.plan())[0]


def test_the_record_may_be_on_a_branch(org: DriftWorkspace) -> None:
    org.work.settings(record={"branch": "records"})
    org.commit_and_apply(person("ada"), person("bob"))
    org.git.git("checkout", "--quiet", "--orphan", "records")
    org.git.git("rm", "--quiet", "-r", "--cached", ".")
    org.git.git("add", "--force", "plans")
    org.git.git("commit", "--quiet", "-m", "Record")
    org.git.git("checkout", "--quiet", "--force", "main")
    assert not list(org.work.plans.glob("*"))
    org.edit_live("ada", "By hand")
    org.commit(person("ada"), person("bob", department="Merged"))
    assert org.attributions() == {"ada": EDITED, "bob": BEHIND}


# --- digests ---------------------------------------------------------------------------------


@pytest.fixture
def redacted(org: DriftWorkspace, monkeypatch: pytest.MonkeyPatch) -> DriftWorkspace:
    org.digest_record(monkeypatch)
    return org


def failed_and_edited(org: DriftWorkspace) -> None:
    """ada failed, bob was edited manually, cyd is new and was refused."""
    org.commit_and_apply(person("ada"), person("bob"))
    org.commit(person("ada", department="Merged"), person("bob"), person("cyd"))
    org.apply_with_refused_writes()
    org.edit_live("bob", "By hand")


def test_digests_are_attributed_with_the_key(redacted: DriftWorkspace) -> None:
    failed_and_edited(redacted)
    changes = {name_of(each): each for each in redacted.plan()["resource_changes"]}
    assert {name: each["attribution"] for name, each in changes.items()} == {
        "ada": BEHIND,
        "bob": EDITED,
        "cyd": BEHIND,
    }
    assert "enterprise:department was set by the apply of" in " ".join(changes["bob"]["history"])
    assert "hmac" not in redacted.drift().out
    redacted.edit_live("ada", "Merged")
    redacted.commit(person("ada", department="Merged again"), person("bob"), person("cyd"))
    assert redacted.attributions()["ada"] == BEHIND, "our own request may have written it"
    redacted.edit_live("ada", "By hand")
    assert redacted.attributions()["ada"] == EDITED


def test_without_the_key_only_users_with_a_service_id_are_attributed(
    redacted: DriftWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_and_edited(redacted)
    monkeypatch.delenv("RECONCILER_RECORD_KEY")
    changes = {name_of(each): each for each in redacted.plan()["resource_changes"]}
    assert {name: each["attribution"] for name, each in changes.items()} == {
        "ada": BEHIND,
        "bob": EDITED,
        "cyd": UNKNOWN,
    }
    assert "digests of another RECONCILER_RECORD_KEY" in " ".join(changes["cyd"]["history"])


# --- output --------------------------------------------------------------------------------------


def test_no_drift_is_reported_as_no_changes(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    result = org.drift("--detailed-exitcode")
    assert result.code == 0
    assert result.out.startswith("No changes.")
    summary = org.plan()["summary"]
    assert [sum(summary[name].values()) for name in (EDITED, BEHIND, UNKNOWN)] == [0, 0, 0]
    assert org.plan()["drift"]["commit"] == org.git.head()


def test_exit_codes_are_those_of_a_plan(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.edit_live("ada", "By hand")
    assert org.drift().code == 0
    assert org.drift("--detailed-exitcode").code == 2
    org.work.settings(guards={"removals": {"count": 0}})
    org.commit(person("ada"))
    assert org.drift().code == 3
    assert org.drift("--format", "nonsense").code == 64


def test_a_saved_plan_is_shown_as_printed_and_can_be_applied(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.edit_live("ada", "By hand")
    file = str(org.work.root / "drift.json")
    printed = org.drift("-o", file)
    assert run(["reconciler", "show", file]).out == printed.out
    markdown = run(["reconciler", "show", file, "--format", "markdown"]).out
    assert "Edited in the target: 0 to create, 1 to update, 0 to delete." in markdown
    assert "after the apply of" in markdown
    assert "after the apply of" in run(["reconciler", "show", file, "--format", "html"]).out
    assert "#### Edited in the target" in markdown
    org.apply(file)
    assert org.attributions() == {}


def test_comments_and_pages_contain_the_lists(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"), person("cyd"))
    org.edit_live("ada", "By hand")
    org.commit(person("ada", surname="Merged"), person("bob", department="Merged"))
    markdown = org.drift("--format", "markdown").out
    headings = [line for line in markdown.splitlines() if line.startswith(("#### ", "> 1", "<summary>"))]
    assert headings == [
        "> 1 user will be DEACTIVATED: 0 edited in the target, 1 not applied.",
        "#### Edited in the target",
        "<summary><b>1 user will be updated in-place</b>, edited in the target</summary>",
        "#### Not applied",
        "<summary><b>1 user will be DEACTIVATED</b>, not applied</summary>",
        "<summary><b>1 user will be updated in-place</b>, not applied</summary>",
        "#### Notes",
        "<summary><b>1 warning</b></summary>",
    ]
    page = org.drift("--format", "html").out
    assert re.findall(r'<h2 id="list-(\w+)">', page) == [EDITED, BEHIND]
    assert page.count('<small class="badge already_pending">not applied</small>') == 1


def test_unmanaged_accounts_that_appeared_are_counted(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"))
    org.service.add({"userName": "other@example.com"})
    assert "1 live account is not managed: never touched (0 when the last apply was planned)." in org.drift().out
    org.commit_and_apply(person("ada", department="IT"))
    assert "1 live account is not managed: never touched.\n" in org.drift().out


def test_the_live_users_are_read_once(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.commit(person("ada"), person("bob", department="Merged"))
    before = len(org.service.log)
    org.work.plan()
    once = len(org.service.log) - before
    org.drift()
    assert len(org.service.log) - before == 2 * once
    assert {entry.method for entry in org.service.log[before:]} == {"GET"}


def test_drift_matches_its_snapshot(org: DriftWorkspace, snapshot: SnapshotAssertion) -> None:
    users = [person(each) for each in ("ada", "bob", "cyd", "dan", "eve")]
    org.commit_and_apply(*users)
    org.edit_live("ada", "By hand")
    org.edit_live("bob", "By hand")
    del org.service.users[org.live("eve")["id"]]
    org.commit(users[0], person("bob", surname="Merged"), person("cyd", department="Merged"), users[4])
    for flags in ((), ("--summary",), ("--redact",)):
        text = re.sub(r"plan [0-9a-f]{12}", "plan PLAN", org.drift(*flags).out)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME", text)
        text = re.sub(r"\b[0-9a-f]{12}\b", "COMMIT", text)
        assert re.sub(r"id:\d+", "id:ID", text) == snapshot(name=" ".join(flags) or "whole")


def test_log_and_drift_agree(org: DriftWorkspace) -> None:
    org.commit_and_apply(person("ada"), person("bob"))
    org.edit_live("ada", "By hand")
    org.commit(person("ada"), person("bob", department="Merged"))
    edited = {name for name, attribution in org.attributions().items() if attribution == EDITED}
    org.apply()
    result = org.work.run("log", "--plans", str(org.work.plans), "--format", "json")
    corrected = {each["address"] for each in json.loads(result.out)["entries"] if each["kind"] == "drift"}
    assert corrected == {f'user["{name}@example.com"]' for name in edited}
