"""`drift` on real repositories and a real service: what was edited there, told from what is not applied yet."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Open
from support.git_repository import GitRepository
from support.servers.fake_scim import FakeScimServer
from support.servers.server_faults import ServerFaults
from support.workspace import ENTERPRISE, CommandResult, Workspace, run
from syrupy.assertion import SnapshotAssertion

EDITED, BEHIND, UNKNOWN = "edited_in_target", "not_applied", "untold"
KEY = "k" * 64


def person(who: str, **fields: Any) -> dict[str, Any]:
    return {
        "objectId": f"id-{who}",
        "userPrincipalName": f"{who}@example.com",
        "givenName": who.title(),
        "surname": "Lee",
        "department": "Sales",
        **fields,
    }


class SampleOrg:
    """A workspace that is a git repository, on a service."""

    def __init__(self, work: Workspace, service: FakeScimServer) -> None:
        self.work = work
        self.service = service
        self.git = GitRepository(work.root)
        (work.root / ".gitignore").write_text("plans/\nstate-home/\n*.json\n")

    def write(self, *people: Mapping[str, Any]) -> None:
        self.work.users(people)

    def commit(self, *people: Mapping[str, Any]) -> str:
        self.write(*people)
        return self.git.commit("Edit")

    def apply(self, *arguments: str) -> None:
        ended = self.work.apply(*arguments)
        assert ended.code == 0, ended

    def applied(self, *people: Mapping[str, Any]) -> str:
        commit = self.commit(*people)
        self.apply()
        return commit

    def fails(self) -> None:
        """An apply whose every write is refused."""
        self.service.faults = ServerFaults(write_error_on=1, write_error_status=400, write_error_times=None)
        assert self.work.apply().code == 5
        self.service.faults = ServerFaults()

    def live(self, who: str) -> dict[str, Any]:
        return next(user for user in self.service.users.values() if user["userName"] == f"{who}@example.com")

    def by_hand(self, who: str, department: str) -> None:
        self.live(who)[ENTERPRISE]["department"] = department

    def drift(self, *arguments: str) -> CommandResult:
        return self.work.run("drift", "--plans", str(self.work.plans), *arguments)

    def plan(self, *arguments: str) -> dict[str, Any]:
        ended = self.drift("--format", "json", *arguments)
        assert ended.code == 0, ended
        return ended.plan

    def told(self, *arguments: str) -> dict[str, str]:
        """Who -> whose doing it is."""
        return {who(each): each["attribution"] for each in self.plan(*arguments)["resource_changes"]}

    def one(self, *arguments: str) -> dict[str, Any]:
        (change,) = self.plan(*arguments)["resource_changes"]
        return dict(change)


def who(change: Mapping[str, Any]) -> str:
    return str(change["key"]).partition("@")[0]


def warned(plan: Mapping[str, Any]) -> list[str]:
    return [item["summary"] for item in plan["diagnostics"] if item["severity"] == "warning"]


@pytest.fixture
def company(serve: Open) -> SampleOrg:
    service = FakeScimServer()
    return SampleOrg(serve(service), service)


# --- whose doing ---------------------------------------------------------------------


def test_an_edit_by_hand_is_told_from_an_edit_in_git(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.by_hand("ada", "By hand")
    company.commit(person("ada"), person("bob", department="Merged"))
    assert company.told() == {"ada": EDITED, "bob": BEHIND}


def test_both_on_the_same_user_are_told_by_attribute(company: SampleOrg) -> None:
    company.applied(person("ada"))
    company.by_hand("ada", "By hand")
    company.commit(person("ada", surname="Merged"))
    change = company.one()
    assert (change["attribution"], change["pending_attributes"]) == (EDITED, ["name.familyName"])
    assert "enterprise:department = " in company.drift().out
    (marked,) = [line for line in company.drift().out.splitlines() if line.endswith("# not applied")]
    assert "name.familyName" in marked


def test_an_attribute_that_was_edited_on_both_sides_was_edited_in_the_target(company: SampleOrg) -> None:
    company.applied(person("ada"))
    company.by_hand("ada", "By hand")
    company.commit(person("ada", department="Merged"))
    change = company.one()
    assert (change["attribution"], change["pending_attributes"]) == (EDITED, [])


def test_the_record_says_since_when_and_what_it_was(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    first = company.plan()["drift"]
    company.applied(person("ada", department="Research"), person("bob"))
    second = company.plan()["drift"]
    company.by_hand("ada", "By hand")
    company.live("ada")["name"]["familyName"] = "By hand"
    history = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME", said) for said in company.one()["history"]]
    was, after = (drift["plan_id"].removeprefix("sha256:")[:12] for drift in (first, second))
    assert history == [
        f"edited in the target after the apply of TIME, plan {after}",
        f'name.familyName was set to "Lee" by the apply of TIME, plan {was}',
        f'enterprise:department was set to "Research" by the apply of TIME, plan {after}',
    ]
    assert second["commit"] == company.git.head()


@pytest.mark.parametrize(
    ("hand", "action", "word"),
    [
        ("delete", "create", "deleted in the target after"),
        ("deactivate", "reactivate", "deactivated in the target after"),
        ("disown", "adopt", "without our externalId"),
    ],
)
def test_what_was_done_to_an_account_by_hand(company: SampleOrg, hand: str, action: str, word: str) -> None:
    company.applied(person("ada"), person("bob"))
    user = company.live("ada")
    if hand == "delete":
        del company.service.users[user["id"]]
    elif hand == "deactivate":
        user["active"] = False
    else:
        del user["externalId"]
    company.commit(person("ada"), person("bob"), person("cyd"))
    ada, cyd = sorted(company.plan()["resource_changes"], key=who)
    assert (ada["action"], ada["attribution"]) == (action, EDITED)
    assert word in " ".join(ada["history"])
    assert (cyd["attribution"], "edited in git after" in " ".join(cyd["history"])) == (BEHIND, True)


def test_a_leaver_in_git_is_not_an_account_that_appeared_or_came_back(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"), person("cyd"))
    company.applied(person("ada"), person("bob"))
    company.live("cyd")["active"] = True
    company.service.add({**company.live("bob"), "id": "77", "externalId": "id-eve", "userName": "eve@example.com"})
    company.commit(person("ada"))
    changes = {who(each): each for each in company.plan()["resource_changes"]}
    assert {each["action"] for each in changes.values()} == {"deactivate"}
    assert {name: each["attribution"] for name, each in changes.items()} == {
        "bob": BEHIND,
        "cyd": EDITED,
        "eve": EDITED,
    }
    assert "active in the target again" in " ".join(changes["cyd"]["history"])
    assert "appeared in the target" in " ".join(changes["eve"]["history"])


def test_a_renamed_user_who_was_deleted_by_hand_is_known_by_the_objectid(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    del company.service.users[company.live("ada")["id"]]
    company.commit(person("ada", userPrincipalName="new@example.com"), person("bob"))
    assert company.told() == {"new": EDITED}


def test_a_date_that_passed_is_nobodys_edit(company: SampleOrg) -> None:
    people = person("ada", lifecycle={"expires": "2131-06-01"}), person("bob", lifecycle={"starts": "2131-06-01"})
    company.applied(*people, person("cyd"))
    assert company.told("--now", "2131-05-31") == {}
    changes = company.plan("--now", "2131-06-01")["resource_changes"]
    assert {who(each): each["attribution"] for each in changes} == {"ada": BEHIND, "bob": BEHIND}
    assert all("a date has passed" in " ".join(each["history"]) for each in changes)


def test_an_apply_that_looked_ahead_counts_by_its_own_clock(company: SampleOrg) -> None:
    company.applied(person("ada", lifecycle={"expires": "2131-06-01"}), person("bob"))
    company.apply("--now", "2131-06-02")
    company.live("ada")["active"] = True
    assert company.told("--now", "2131-06-03") == {"ada": EDITED}


def test_a_deletion_that_is_due_is_nobodys_edit(company: SampleOrg) -> None:
    actions = ["create", "update", "deactivate", "delete"]
    company.work.settings(lifecycle={"delete_after_days": 30, "actions": actions})
    company.applied(person("ada"), person("bob"))
    company.applied(person("ada"))
    (change,) = company.plan("--now", "2131-06-01")["resource_changes"]
    assert (change["action"], change["attribution"]) == ("delete", BEHIND)
    assert "a date has passed" in " ".join(change["history"])


def test_a_new_mapping_is_not_applied_and_what_it_looks_at_was_not_edited(company: SampleOrg) -> None:
    rows = [
        {"target": "externalId", "source": "objectId", "match": 1},
        {"target": "userName", "source": "userPrincipalName", "match": 2},
        {"target": "name.familyName", "source": "surname"},
        {"target": "enterprise:department", "source": "department"},
    ]
    company.work.write("mappings.yaml", json.dumps(rows[:3]))
    company.applied(person("ada"), person("bob"))
    company.live("ada")["name"]["familyName"] = "By hand"
    company.work.write("mappings.yaml", json.dumps(rows))
    company.git.commit("Map departments")
    changes = {who(each): each for each in company.plan()["resource_changes"]}
    assert (changes["ada"]["attribution"], changes["bob"]["attribution"]) == (EDITED, BEHIND)
    assert [path.rpartition(":")[2] for path in changes["ada"]["pending_attributes"]] == ["department"]


# --- applies that did not do everything ----------------------------------------------------


def test_a_failed_user_is_not_applied_and_says_why(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.commit(person("ada", department="Merged"), person("bob"))
    company.fails()
    company.by_hand("bob", "By hand")
    changes = {who(each): each for each in company.plan()["resource_changes"]}
    assert {name: each["attribution"] for name, each in changes.items()} == {"ada": BEHIND, "bob": EDITED}
    assert "not applied: failed in the apply of" in " ".join(changes["ada"]["history"])


def test_a_failed_user_who_was_also_edited_by_hand_is_told_by_attribute(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.commit(person("ada", department="Merged"), person("bob"))
    company.fails()
    company.live("ada")["name"]["familyName"] = "By hand"
    change = company.one()
    assert change["attribution"] == EDITED
    assert [path.rpartition(":")[2] for path in change["pending_attributes"]] == ["department"]
    assert "the rest is not applied: failed in" in " ".join(change["history"])


def test_an_edit_by_hand_stays_one_when_its_correction_failed(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.by_hand("ada", "By hand")
    company.fails()
    assert "failed in the apply of" in " ".join(company.one()["history"])
    assert company.told() == {"ada": EDITED}


def test_a_request_of_ours_with_an_unknown_outcome_is_not_blamed_on_others(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.commit(person("ada", department="Merged"), person("bob"))
    company.fails()
    company.by_hand("ada", "Merged")
    company.commit(person("ada", department="Merged again"), person("bob"))
    assert company.told() == {"ada": BEHIND}
    company.by_hand("ada", "By hand")
    assert company.told() == {"ada": EDITED}


def test_a_new_user_whose_account_was_refused_is_not_applied(company: SampleOrg) -> None:
    company.applied(person("bob"))
    company.commit(person("ada"), person("bob"))
    company.fails()
    change = company.one()
    assert (change["action"], change["attribution"]) == ("create", BEHIND)
    assert "failed in the apply of" in " ".join(change["history"])


def test_the_very_first_apply_may_have_failed(company: SampleOrg) -> None:
    company.commit(person("ada"))
    company.fails()
    assert company.one()["attribution"] == BEHIND
    assert "failed in the apply of" in " ".join(company.one()["history"])


def test_whom_an_interrupted_apply_did_not_reach_is_not_applied(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"), person("cyd"))
    company.commit(person("ada", department="Merged"), person("bob"), person("cyd"))
    company.fails()
    # As if it had been killed before it began with ada.
    receipt = max(company.work.plans.glob("*/receipt.jsonl"), key=lambda path: path.stat().st_mtime)
    receipt.write_text(receipt.read_text("utf-8").splitlines(keepends=True)[0])
    company.by_hand("bob", "By hand")
    changes = {who(each): each for each in company.plan()["resource_changes"]}
    assert {name: each["attribution"] for name, each in changes.items()} == {"ada": BEHIND, "bob": EDITED}
    assert "not reached by the apply of" in " ".join(changes["ada"]["history"])


def test_an_apply_for_one_user_counts_for_that_one_only(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.commit(person("ada", department="Merged"), person("bob", department="Merged"))
    company.apply("--user", "ada@example.com")
    assert company.told() == {"bob": BEHIND}
    company.by_hand("ada", "Sales")
    assert company.told() == {"ada": EDITED, "bob": BEHIND}


def test_whom_an_apply_of_a_reviewed_plan_left_out_is_told_by_the_apply_before(company: SampleOrg) -> None:
    company.applied(*(person(each) for each in ("ada", "bob", "cyd", "dan", "eve")))
    moved = (person(each, department="Merged") for each in ("ada", "bob", "cyd"))
    company.commit(*moved, person("dan"), person("eve"))
    saved = str(company.work.root / "saved.json")
    company.work.run("plan", "-o", saved)
    company.by_hand("dan", "By hand")
    assert company.work.apply(saved).code == 5
    change = company.one()
    assert (who(change), change["attribution"]) == ("dan", EDITED)
    assert "left out of the apply of" in " ".join(change["history"])


# --- when it cannot be told ------------------------------------------------------------------


def test_without_a_record_everything_is_listed_as_ever(company: SampleOrg) -> None:
    company.commit(person("ada"), person("bob"))
    plan = company.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert plan["drift"] == {"began": None, "plan_id": None, "commit": None, "unmanaged": None}
    assert warned(plan) == ["no apply to this target is on record here"]
    text = company.drift().out
    assert "Edited in the target" not in text
    assert "no apply on record left this account as desired" in text
    as_ever = company.work.plan().plan
    assert plan["plan_id"] == as_ever["plan_id"]


def test_without_git_it_is_told_as_long_as_the_files_are_the_same(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    shutil.rmtree(company.work.root / ".git")
    company.by_hand("ada", "By hand")
    assert company.told() == {"ada": EDITED}
    company.write(person("ada"), person("bob", department="Merged"))
    plan = company.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "not in a git repository" in warned(plan)[0]


def test_a_shallow_clone_is_told_the_way_out(company: SampleOrg, tmp_path: Path) -> None:
    company.applied(person("ada"), person("bob"))
    company.by_hand("ada", "By hand")
    company.commit(person("ada"), person("bob", department="Merged"))
    clone = tmp_path / "clone"
    company.git.git("clone", "--quiet", "--depth", "1", f"file://{company.work.root}", str(clone))
    words = ["--state", str(clone / "desired-state"), "--plans", str(company.work.plans), "--format", "json"]
    plan = run(["reconciler", "drift", *words]).plan
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "fetch-depth: 0" in warned(plan)[0]
    company.git.git("-C", str(clone), "fetch", "--quiet", "--unshallow")
    plan = run(["reconciler", "drift", *words]).plan
    assert {who(each): each["attribution"] for each in plan["resource_changes"]} == {"ada": EDITED, "bob": BEHIND}


def test_a_commit_that_is_gone_from_history_is_told(company: SampleOrg) -> None:
    company.commit(person("ada"))
    company.git.git("checkout", "--quiet", "-b", "gone")
    company.applied(person("ada"), person("bob"))
    company.git.git("checkout", "--quiet", "main")
    company.git.git("branch", "-D", "gone")
    company.git.git("reflog", "expire", "--expire=now", "--all")
    company.git.git("gc", "--quiet", "--prune=now")
    company.commit(person("ada", department="Merged"), person("bob"))
    plan = company.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "its branch is gone or was rewritten" in warned(plan)[0]


def test_a_squashed_pull_request_is_known_by_what_was_checked_out(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"), person("cyd"))
    company.git.git("checkout", "--quiet", "-b", "pull")
    company.commit(person("ada", department="Merged"), person("bob"), person("cyd"))
    saved = str(company.work.root / "saved.json")
    company.work.run("plan", "-o", saved)
    company.git.git("checkout", "--quiet", "main")
    company.commit(person("ada", department="Merged"), person("bob"), person("cyd"))
    company.apply(saved)
    company.git.git("branch", "-D", "pull")
    company.git.git("reflog", "expire", "--expire=now", "--all")
    company.git.git("gc", "--quiet", "--prune=now")
    company.by_hand("ada", "Sales")
    company.commit(person("ada", department="Merged"), person("bob", department="Merged"), person("cyd"))
    assert company.told() == {"ada": EDITED, "bob": BEHIND}


def test_an_apply_of_edits_that_were_not_committed_is_told(company: SampleOrg) -> None:
    company.commit(person("ada"), person("bob"))
    company.write(person("ada"), person("bob", department="Not committed"))
    company.apply()
    company.by_hand("ada", "By hand")
    assert company.told() == {"ada": EDITED}, "the same files are still there"
    company.commit(person("ada"), person("bob"))
    plan = company.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "edited and not committed" in warned(plan)[0]


def of_another_version(company: SampleOrg) -> None:
    """As if everything on record were of a version that reckons digests otherwise."""
    for path in company.work.plans.glob("*/*.json*"):
        text = re.sub(
            r'"config_digest": "sha256:[0-9a-f]+"', '"config_digest": "sha256:other"', path.read_text("utf-8")
        )
        path.write_text(re.sub(r'"reconciler_version": "[^"]+"', '"reconciler_version": "0.0.0"', text), "utf-8")


def test_of_an_apply_of_another_version_the_commit_alone_is_believed(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    of_another_version(company)
    company.by_hand("ada", "By hand")
    assert company.told() == {"ada": EDITED}


def test_a_commit_about_another_target_tells_nothing_about_this_one(company: SampleOrg) -> None:
    company.work.settings(target={"profile": "scim", "base_url": "https://elsewhere.example/scim"})
    company.commit(person("ada"), person("bob"))
    company.work.settings()
    company.apply()
    of_another_version(company)
    company.by_hand("ada", "By hand")
    assert company.told() == {"ada": UNKNOWN}
    assert "is about another target" in warned(company.plan())[0]


def test_a_partial_clone_is_told_the_way_out(company: SampleOrg, tmp_path: Path) -> None:
    company.applied(person("ada"), person("bob"))
    company.by_hand("ada", "By hand")
    company.commit(person("ada"), person("bob", department="Merged"))
    company.git.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    company.git.git("clone", "--quiet", "--filter=blob:none", f"file://{company.work.root}", str(partial))
    words = ["--state", str(partial / "desired-state"), "--plans", str(company.work.plans), "--format", "json"]
    plan = run(["reconciler", "drift", *words]).plan
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "cannot be looked into" in warned(plan)[0]


def test_edits_in_the_work_tree_are_not_applied(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.by_hand("ada", "By hand")
    company.write(person("ada"), person("bob", department="Not committed"))
    assert company.told() == {"ada": EDITED, "bob": BEHIND}


def test_a_commit_on_record_that_is_none_is_not_passed_to_git(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    for path in company.work.plans.glob("*/receipt.jsonl"):
        path.write_text(path.read_text("utf-8").replace(company.git.head(), "--exec=touch pwned"))
    company.commit(person("ada", department="Merged"), person("bob"))
    plan = company.plan()
    assert {each["attribution"] for each in plan["resource_changes"]} == {UNKNOWN}
    assert "rewritten" in warned(plan)[0]


def test_a_plan_on_record_that_cannot_be_read_is_told(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    for path in company.work.plans.glob("*/plan.json"):
        path.unlink()
    company.by_hand("ada", "By hand")
    assert company.told() == {"ada": UNKNOWN}
    assert "its plan on record cannot be read" in warned(company.plan())[0]


def test_the_record_may_lie_on_a_branch(company: SampleOrg) -> None:
    company.work.settings(record={"branch": "records"})
    company.applied(person("ada"), person("bob"))
    company.git.git("checkout", "--quiet", "--orphan", "records")
    company.git.git("rm", "--quiet", "-r", "--cached", ".")
    company.git.git("add", "--force", "plans")
    company.git.git("commit", "--quiet", "-m", "Record")
    company.git.git("checkout", "--quiet", "--force", "main")
    assert not list(company.work.plans.glob("*"))
    company.by_hand("ada", "By hand")
    company.commit(person("ada"), person("bob", department="Merged"))
    assert company.told() == {"ada": EDITED, "bob": BEHIND}


# --- digests ---------------------------------------------------------------------------------


@pytest.fixture
def redacted(company: SampleOrg, monkeypatch: pytest.MonkeyPatch) -> SampleOrg:
    company.work.settings(record={"values": "digest"})
    monkeypatch.setenv("RECONCILER_RECORD_KEY", KEY)
    return company


def failed_and_edited(company: SampleOrg) -> None:
    """ada failed, bob was edited by hand, cyd is new and was refused."""
    company.applied(person("ada"), person("bob"))
    company.commit(person("ada", department="Merged"), person("bob"), person("cyd"))
    company.fails()
    company.by_hand("bob", "By hand")


def test_digests_are_told_apart_with_the_key(redacted: SampleOrg) -> None:
    failed_and_edited(redacted)
    changes = {who(each): each for each in redacted.plan()["resource_changes"]}
    assert {name: each["attribution"] for name, each in changes.items()} == {
        "ada": BEHIND,
        "bob": EDITED,
        "cyd": BEHIND,
    }
    assert "enterprise:department was set by the apply of" in " ".join(changes["bob"]["history"])
    assert "hmac" not in redacted.drift().out
    redacted.by_hand("ada", "Merged")
    redacted.commit(person("ada", department="Merged again"), person("bob"), person("cyd"))
    assert redacted.told()["ada"] == BEHIND, "what our own request may have written"
    redacted.by_hand("ada", "By hand")
    assert redacted.told()["ada"] == EDITED


def test_without_the_key_the_services_id_tells_and_new_users_cannot_be_told(
    redacted: SampleOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_and_edited(redacted)
    monkeypatch.delenv("RECONCILER_RECORD_KEY")
    changes = {who(each): each for each in redacted.plan()["resource_changes"]}
    assert {name: each["attribution"] for name, each in changes.items()} == {
        "ada": BEHIND,
        "bob": EDITED,
        "cyd": UNKNOWN,
    }
    assert "digests of another RECONCILER_RECORD_KEY" in " ".join(changes["cyd"]["history"])


# --- how it is told ------------------------------------------------------------------------------


def test_nothing_to_tell_is_good_news(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    ended = company.drift("--detailed-exitcode")
    assert ended.code == 0
    assert ended.out.startswith("No changes.")
    summary = company.plan()["summary"]
    assert [sum(summary[name].values()) for name in (EDITED, BEHIND, UNKNOWN)] == [0, 0, 0]
    assert company.plan()["drift"]["commit"] == company.git.head()


def test_exit_codes_are_those_of_a_plan(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.by_hand("ada", "By hand")
    assert company.drift().code == 0
    assert company.drift("--detailed-exitcode").code == 2
    company.work.settings(guards={"removals": {"count": 0}})
    company.commit(person("ada"))
    assert company.drift().code == 3
    assert company.drift("--format", "nonsense").code == 64


def test_a_saved_plan_is_shown_as_it_was_printed_and_can_be_applied(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.by_hand("ada", "By hand")
    file = str(company.work.root / "drift.json")
    printed = company.drift("-o", file)
    assert run(["reconciler", "show", file]).out == printed.out
    markdown = run(["reconciler", "show", file, "--format", "markdown"]).out
    assert "Edited in the target: 0 to create, 1 to update, 0 to delete." in markdown
    assert "after the apply of" in markdown
    assert "after the apply of" in run(["reconciler", "show", file, "--format", "html"]).out
    assert "#### Edited in the target" in markdown
    company.apply(file)
    assert company.told() == {}


def test_comments_and_pages_have_the_lists_too(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"), person("cyd"))
    company.by_hand("ada", "By hand")
    company.commit(person("ada", surname="Merged"), person("bob", department="Merged"))
    markdown = company.drift("--format", "markdown").out
    headings = [line for line in markdown.splitlines() if line.startswith(("#### ", "> 1", "<summary>"))]
    assert (
        headings
        == [
            "> 1 user will be DEACTIVATED: 0 edited in the target, 1 not applied.",
            "#### Edited in the target",
            "<summary><b>1 user will be updated in-place</b>, edited in the target</summary>",
            "#### Not applied",
            "<summary><b>1 user will be DEACTIVATED</b>, not applied</summary>",
            "<summary><b>1 user will be updated in-place</b>, not applied</summary>",
            "#### Besides",
        ][: len(headings)]
    )
    page = company.drift("--format", "html").out
    assert re.findall(r'<h2 id="list-(\w+)">', page) == [EDITED, BEHIND]
    assert page.count('<small class="badge already_pending">not applied</small>') == 1


def test_accounts_of_others_that_appeared_are_counted(company: SampleOrg) -> None:
    company.applied(person("ada"))
    company.service.add({"userName": "other@example.com"})
    assert "1 live account is not managed: never touched (0 when the last apply was planned)." in company.drift().out
    company.applied(person("ada", department="IT"))
    assert "1 live account is not managed: never touched.\n" in company.drift().out


def test_the_live_users_are_read_once(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.commit(person("ada"), person("bob", department="Merged"))
    before = len(company.service.log)
    company.work.plan()
    once = len(company.service.log) - before
    company.drift()
    assert len(company.service.log) - before == 2 * once
    assert {entry.method for entry in company.service.log[before:]} == {"GET"}


def test_how_drift_reads(company: SampleOrg, snapshot: SnapshotAssertion) -> None:
    people = [person(each) for each in ("ada", "bob", "cyd", "dan", "eve")]
    company.applied(*people)
    company.by_hand("ada", "By hand")
    company.by_hand("bob", "By hand")
    del company.service.users[company.live("eve")["id"]]
    company.commit(people[0], person("bob", surname="Merged"), person("cyd", department="Merged"), people[4])
    for flags in ((), ("--summary",), ("--redact",)):
        text = re.sub(r"plan [0-9a-f]{12}", "plan PLAN", company.drift(*flags).out)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME", text)
        assert re.sub(r"id:\d+", "id:ID", text) == snapshot(name=" ".join(flags) or "whole")


def test_log_and_drift_agree(company: SampleOrg) -> None:
    company.applied(person("ada"), person("bob"))
    company.by_hand("ada", "By hand")
    company.commit(person("ada"), person("bob", department="Merged"))
    edited = {name for name, attribution in company.told().items() if attribution == EDITED}
    company.apply()
    ended = company.work.run("log", "--plans", str(company.work.plans), "--format", "json")
    corrected = {each["address"] for each in json.loads(ended.out)["entries"] if each["kind"] == "drift"}
    assert corrected == {f'user["{name}@example.com"]' for name in edited}
