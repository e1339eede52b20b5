"""The pull request of an import, from run to run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import change
from support.import_step import PEOPLE, SETTINGS, ImportStep, import_step
from support.recording_terminal import RecordingTerminal
from support.servers.github_api import BOT
from support.workflow_runner import git

from reconciler.commands.github.import_pull import run_import_pull
from reconciler.core.plan import Action, Attribution, Guard
from reconciler.errors import ExitCode, RepositoryError, SourceError, StalePlanError
from reconciler.github.api import GitHubError
from reconciler.github.import_branch import BRANCH

NEW = {"users/entra.yaml": "- {userPrincipalName: eve@example.com, objectId: e-1}\n"}
GONE = {"users/people.yaml": PEOPLE.splitlines(keepends=True)[0]}


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: RecordingTerminal) -> Iterator[ImportStep]:
    with import_step(tmp_path, monkeypatch, terminal) as found:
        yield found


def test_a_pull_request_is_opened_with_counts_labels_a_plan_and_a_validation(step: ImportStep) -> None:
    assert step.run(NEW) is ExitCode.OK
    pull = step.pull
    assert (pull["title"], pull["state"]) == ("Import: 1 to add, 0 to change, 0 to disable, 0 to remove", "open")
    assert pull["body"].startswith("<!-- reconciler import sha256:")
    assert "**Import: 1 to add, 0 to change, 0 to disable, 0 to remove.** 1 file changes." in pull["body"]
    assert "the next run of the workflow merges it" in pull["body"]
    assert "eve" not in pull["body"]
    assert step.api.labels[pull["number"]] == ["additions"]
    assert step.api.dispatches == [("ci.yml", BRANCH, {}), ("plan.yml", "main", {"pull": str(pull["number"])})]
    assert git(step.origin.root, "diff", "--name-only", "main", BRANCH) == "desired-state/users/entra.yaml"
    assert git(step.origin.root, "show", f"{BRANCH}:desired-state/users/entra.yaml") == NEW["users/entra.yaml"].strip()
    assert git(step.origin.root, "log", "-1", "--format=%an %s", BRANCH) == f"github-actions[bot] {pull['title']}"


def test_the_same_change_pushes_nothing_and_its_plan_is_made_once(step: ImportStep) -> None:
    step.run(GONE)
    number, first = step.pull["number"], step.head()
    step.planned()
    step.api.labels[number].append("people")
    assert step.run(GONE) is ExitCode.OK
    assert (step.head(), len(step.api.pulls), step.api.dispatches) == (first, 1, [])
    assert step.terminal.notes == [f"Pull request {number}: as it was at {str(first)[:12]}."]
    assert step.api.labels[number] == ["removals", "people"]


def test_a_changed_import_replaces_the_commit_and_the_labels(step: ImportStep) -> None:
    step.run(NEW)
    number, first = step.pull["number"], step.head()
    step.api.labels[number].append("people")
    assert step.run({**NEW, **GONE}) is ExitCode.OK
    assert step.pull["number"] == number
    assert step.head() != first
    assert git(step.origin.root, "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert step.pull["title"] == "Import: 1 to add, 0 to change, 0 to disable, 1 to remove"
    assert sorted(step.api.labels[number]) == ["people", "removals"]
    assert "It needs a review:\n\n- 1 user is taken out\n- 1 user leaves the provisioning" in step.pull["body"]
    assert [workflow for workflow, *_ in step.api.dispatches] == ["ci.yml", "plan.yml"]


def test_it_follows_the_default_branch(step: ImportStep) -> None:
    step.run(NEW)
    main = step.origin.commit("Another change", {"a": "changed"})
    assert step.run(NEW) is ExitCode.OK
    assert git(step.origin.root, "rev-parse", f"{BRANCH}^") == main


def test_it_is_closed_and_its_branch_deleted_when_nothing_is_left_and_comes_back(step: ImportStep) -> None:
    step.run(NEW)
    number = step.pull["number"]
    assert step.run({}) is ExitCode.OK
    assert (step.pull["state"], step.head()) == ("closed", None)
    assert step.terminal.notes == [f"Nothing to import: pull request {number} was closed, {BRANCH} was deleted."]
    assert step.run({}) is ExitCode.OK
    assert step.terminal.notes == ["Nothing to import: there is no pull request."]
    assert step.run(NEW) is ExitCode.OK
    assert (step.pull["number"], step.pull["state"]) == (number + 1, "open"), "the workflow had closed it, no person"


def test_one_that_a_person_closed_stays_closed_until_the_import_changes(step: ImportStep) -> None:
    step.run(NEW)
    step.pull["state"] = "closed"
    assert step.run(NEW) is ExitCode.OK
    assert len(step.api.pulls) == 1
    assert step.terminal.notes[0].startswith("A pull request with this change was closed without a merge")
    assert step.run(GONE) is ExitCode.OK
    assert [pull["state"] for pull in step.api.pulls] == ["closed", "open"]


def test_commits_of_people_on_the_branch_are_never_lost(step: ImportStep) -> None:
    step.run(NEW)
    git(step.origin.root, "checkout", "--quiet", BRANCH)
    theirs = step.origin.commit("A person's fix", {"desired-state/users/entra.yaml": "[]\n"})
    git(step.origin.root, "checkout", "--quiet", "main")
    for files in ({**NEW, **GONE}, {}):
        with pytest.raises(RepositoryError, match=f"{BRANCH} has 1 commit that this workflow did not make") as caught:
            step.run(files)
        assert theirs[:12] in caught.value.detail
        assert step.head() == theirs
        assert (step.pull["state"], step.pull["head"]["sha"]) == ("open", theirs)
        assert "Nothing is left to import" not in step.pull["body"]


@pytest.mark.parametrize(("theirs", "opened"), [(True, ["closed", "open"]), (False, ["closed"])])
def test_the_way_out_of_a_persons_commit_opens_another_pull_request(
    theirs: bool, opened: list[str], step: ImportStep
) -> None:
    step.run(NEW)
    if theirs:
        git(step.origin.root, "checkout", "--quiet", BRANCH)
        step.origin.commit("A person's fix", {"a": "theirs"})
        git(step.origin.root, "checkout", "--quiet", "main")
        with pytest.raises(RepositoryError) as caught:
            step.run(NEW)
        assert f"delete {BRANCH}; the next run opens another pull request." in caught.value.detail
    git(step.origin.root, "branch", "-D", BRANCH)
    assert step.run(NEW) is ExitCode.OK
    assert [pull["state"] for pull in step.api.pulls] == opened


def test_a_declined_pull_request_can_be_opened_again(step: ImportStep) -> None:
    step.run(NEW)
    head = str(step.head())
    git(step.origin.root, "branch", "-D", BRANCH)
    step.run(NEW)
    assert "Reopen it (Restore branch, if its branch was deleted)" in step.terminal.notes[0]
    git(step.origin.root, "branch", BRANCH, head)
    step.pull["state"] = "open"
    assert step.run(NEW) is ExitCode.OK
    assert [pull["state"] for pull in step.api.pulls] == ["open"]


@pytest.mark.parametrize("files", [NEW, {}])
def test_a_run_of_an_old_commit_changes_nothing(files: dict[str, str], step: ImportStep, tmp_path: Path) -> None:
    step.run(NEW)
    old, head = step.workspace, step.head()
    patch = {"format_version": "1.0", "base": step.head("main"), "files": files}
    (tmp_path / "old.json").write_text(json.dumps(patch))
    main = step.origin.commit("Stricter", {"desired-state/settings.yaml": SETTINGS.replace(", auto_merge: 2", "")})
    with pytest.raises(StalePlanError, match=f"and main is at {main[:12]}") as caught:
        run_import_pull(old, tmp_path / "old.json", step.terminal)
    assert "Start the workflow `import`" in caught.value.detail
    assert (step.head(), step.pull["state"]) == (head, "open")


def test_a_commit_that_comes_in_between_is_not_overwritten(step: ImportStep, monkeypatch: pytest.MonkeyPatch) -> None:
    step.run(NEW)
    first = str(step.head())
    from reconciler.git.server import ServerRepository  # noqa: PLC0415

    commit = ServerRepository.commit

    def commit_late(self: ServerRepository, *arguments: object) -> str:
        made = commit(self, *arguments)  # type: ignore[arg-type]
        git(step.origin.root, "checkout", "--quiet", BRANCH)
        step.origin.commit("A person's fix", {"a": "theirs"})
        git(step.origin.root, "checkout", "--quiet", "main")
        return made

    monkeypatch.setattr(ServerRepository, "commit", commit_late)
    with pytest.raises(RepositoryError, match=r"cannot be reached \(push\)"):
        step.run(GONE)
    assert git(step.origin.root, "rev-parse", f"{BRANCH}^") == first


# --- merged without a review --------------------------------------------------------


def test_additions_and_updates_are_merged_by_the_next_run_and_applied(step: ImportStep) -> None:
    step.run(NEW)
    plan = step.planned()
    assert step.run(NEW) is ExitCode.OK
    assert step.pull["merged_at"] is not None
    assert step.api.dispatches == [("apply.yml", "main", {"plan-id": plan.plan_id})]
    assert git(step.origin.root, "show", "main:desired-state/users/entra.yaml") == NEW["users/entra.yaml"].strip()
    assert step.run({}) is ExitCode.OK, "what is left: the branch"
    assert step.head() is None


def test_a_cycle_that_goes_on_by_itself_starts_no_apply(step: ImportStep) -> None:
    step.run(NEW)
    step.planned()
    assert step.run(NEW, applies=False) is ExitCode.OK
    assert step.pull["merged_at"] is not None
    assert step.api.dispatches == []
    assert step.terminal.notes[-1] == "It was merged."


def test_a_cycle_that_waits_merges_in_the_same_run(step: ImportStep, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            step.planned()

    monkeypatch.setattr("time.sleep", nap)
    assert step.run(NEW, applies=False, patience=900) is ExitCode.OK
    assert step.pull["merged_at"] is not None
    assert naps == [20, 20, 20]
    assert [workflow for workflow, *_ in step.api.dispatches] == ["ci.yml", "plan.yml"], "each is started once"


def test_a_plan_that_needs_a_review_after_the_wait_merges_nothing(
    step: ImportStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = (Guard("changes", passed=False, message="x"),)
    monkeypatch.setattr("time.sleep", lambda _: step.planned(step.plan(guards=blocked)))
    assert step.run(NEW, patience=900) is ExitCode.OK
    assert step.pull["state"] == "open"
    assert "- the plan is blocked by changes" in step.pull["body"]


def test_the_wait_has_an_end_and_is_for_what_may_be_merged(step: ImportStep, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr("time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    assert step.run(NEW, patience=100) is ExitCode.OK
    assert (step.pull["state"], clock) == ("open", [100.0])
    assert step.run(GONE, patience=100) is ExitCode.OK
    assert (step.pull["state"], clock) == ("open", [100.0]), "a removal waits for people"


def test_a_blocked_plan_merges_nothing_and_is_made_once(step: ImportStep) -> None:
    step.run(NEW)
    step.planned(step.plan(guards=(Guard("changes", passed=False, message="x"),)))
    assert step.run(NEW) is ExitCode.OK
    assert (step.pull["state"], step.api.dispatches) == ("open", [])
    assert "- the plan is blocked by changes" in step.pull["body"]


@pytest.mark.parametrize(
    "recorded",
    [
        {"creator": "mallory"},
        {"run": {"event": "push"}},
        {"run": {"path": ".github/workflows/mine.yml"}},
        {"run": {"head_sha": "a" * 40}},
        {"description": f"sha256:{'1' * 64} of run 1001: 1 to create"},
        {"description": f"sha256:{'1' * 64} of run 77: 1 to create"},
    ],
)
def test_a_plan_that_the_workflow_did_not_make_merges_nothing(recorded: dict[str, Any], step: ImportStep) -> None:
    step.api.is_ancestor = lambda commit, _tip: commit != "a" * 40
    step.run(NEW)
    made = dict(recorded)
    step.planned(run=made.pop("run", None))
    status = step.api.statuses[str(step.head())][0]
    status.update({"creator": {"login": made.pop("creator", BOT)}, **made})
    assert step.run(NEW) is ExitCode.OK
    assert (step.pull["state"], [each[0] for each in step.api.dispatches]) == ("open", ["plan.yml"])


@pytest.mark.parametrize("fields", [{"created_at": datetime.now(UTC) - timedelta(days=6)}, {"commit": "c" * 40}])
def test_a_plan_that_is_old_or_of_another_commit_is_made_again(fields: dict[str, Any], step: ImportStep) -> None:
    step.run(NEW)
    step.planned(step.plan(**fields))
    assert step.run(NEW) is ExitCode.OK
    assert (step.pull["state"], [each[0] for each in step.api.dispatches]) == ("open", ["plan.yml"])


def test_what_the_plan_would_do_decides_and_not_the_files_alone(step: ImportStep) -> None:
    step.run(NEW)
    step.planned(step.plan(change("ada", Action.DEACTIVATE, attribution=Attribution.THIS_CHANGE_SET)))
    assert step.run(NEW) is ExitCode.OK
    assert (step.pull["state"], step.api.dispatches) == ("open", [])
    reason = "- the plan deactivates, deletes, reactivates, adopts or relinks 1 account"
    assert f"It needs a review:\n\n{reason}" in step.pull["body"]


def test_more_accounts_than_the_limit_wait_for_a_review(step: ImportStep) -> None:
    step.run(NEW)
    created = (change(f"u{each}", Action.CREATE, attribution=Attribution.THIS_CHANGE_SET) for each in range(3))
    step.planned(step.plan(*created))
    assert step.run(NEW) is ExitCode.OK
    assert step.pull["state"] == "open"
    assert "the plan changes 3 accounts, of at most 2" in step.pull["body"]


def test_the_validation_is_started_until_there_is_one_and_has_to_pass(step: ImportStep) -> None:
    step.api.may_open_pulls = False
    with pytest.raises(GitHubError):
        step.run(NEW)
    step.api.may_open_pulls = True
    for conclusion, started in ((None, False), ("failure", False), ("cancelled", True), ("success", False)):
        step.api.runs.clear()
        step.run(NEW)
        assert "ci.yml" in [each[0] for each in step.api.dispatches]
        step.planned()
        step.api.runs = {key: run for key, run in step.api.runs.items() if "ci.yml" not in run["path"]}
        step.validated(conclusion)
        step.run(NEW)
        assert ("ci.yml" in [each[0] for each in step.api.dispatches]) is started
        assert (step.pull["merged_at"] is not None) is (conclusion == "success")


def test_a_red_status_of_another_system_forbids_the_merge(step: ImportStep) -> None:
    step.run(NEW)
    step.planned()
    for state, merged in (("failure", False), ("pending", False), ("success", True)):
        step.api.status(str(step.head()), "Build", "jenkins", context="ci/jenkins", state=state)
        step.run(NEW)
        assert (step.pull["merged_at"] is not None) is merged


@pytest.mark.parametrize(
    "files",
    [
        GONE,
        {"settings.yaml": SETTINGS.replace("auto_merge: 2", "auto_merge: 9")},
        {"users/entra.yaml": "".join(f"- {{userPrincipalName: u{n}@example.com}}\n" for n in range(3))},
        {"users/people.yaml": f"# A comment alone\n{PEOPLE}"},
        {"users/empty.yaml": "[]\n"},
    ],
)
def test_everything_else_waits_for_a_review(files: dict[str, str], step: ImportStep) -> None:
    step.run(files)
    step.planned()
    assert step.run(files) is ExitCode.OK
    assert step.pull["state"] == "open"
    assert "It needs a review:" in step.pull["body"]
    assert step.api.dispatches == []


def test_without_the_setting_nothing_is_merged(step: ImportStep) -> None:
    step.origin.commit("Strict", {"desired-state/settings.yaml": SETTINGS.replace(", auto_merge: 2", "")})
    step.run(NEW)
    step.planned()
    assert step.run(NEW) is ExitCode.OK
    assert step.pull["state"] == "open"
    assert "- source.entra.auto_merge is not set" in step.pull["body"]


def test_failed_checks_and_rules_of_the_repository_forbid_the_merge(step: ImportStep) -> None:
    step.run(NEW)
    step.planned()
    step.api.check_runs[str(step.head())] = [
        {"name": "desired-state", "conclusion": None},
        {"name": "x", "conclusion": "success"},
    ]
    step.run(NEW)
    assert step.terminal.notes[-1] == "It is not merged: 1 check did not pass or have not ended."
    step.api.check_runs.clear()
    step.api.merge_refusal = "At least 1 approving review is required."
    assert step.run(NEW) is ExitCode.OK
    assert "It is not merged: " in step.terminal.notes[-1]
    assert "At least 1 approving review is required." in step.terminal.notes[-1]
    assert step.pull["state"] == "open"
    assert step.api.dispatches == []


# --- what the other job cannot do --------------------------------------------------------


@pytest.mark.parametrize("name", [".github/workflows/plan.yml", "users/../../x.yaml"])
def test_a_patch_that_touches_anything_else_is_refused(name: str, step: ImportStep, tmp_path: Path) -> None:
    patch = {"format_version": "1.0", "base": step.head("main"), "files": {name: "x", **NEW}}
    (tmp_path / "import.json").write_text(json.dumps(patch))
    with pytest.raises(SourceError, match="is no file of the desired state"):
        run_import_pull(step.workspace, tmp_path / "import.json", step.terminal)
    assert (step.head(), step.api.pulls) == (None, [])


def test_a_patch_of_another_commit_is_refused(step: ImportStep, tmp_path: Path) -> None:
    (tmp_path / "import.json").write_text(json.dumps({"format_version": "1.0", "base": "0" * 40, "files": NEW}))
    with pytest.raises(StalePlanError, match="the import was made for commit 000000000000, not for"):
        run_import_pull(step.workspace, tmp_path / "import.json", step.terminal)


def test_a_patch_that_breaks_the_files_is_refused(step: ImportStep) -> None:
    with pytest.raises(SourceError):
        step.run({"users/entra.yaml": "- {"})
    assert step.head() is None


def test_the_setting_that_forbids_pull_requests_is_named(step: ImportStep) -> None:
    step.api.may_open_pulls = False
    with pytest.raises(GitHubError) as caught:
        step.run(NEW)
    assert "Allow GitHub Actions to create and approve pull requests" in caught.value.detail
    step.api.may_open_pulls = True
    assert step.run(NEW) is ExitCode.OK
    assert step.pull["state"] == "open"


def test_invalid_settings_are_shown(step: ImportStep, tmp_path: Path) -> None:
    (tmp_path / "import.json").write_text(json.dumps({"format_version": "1.0", "base": "0" * 40, "files": NEW}))
    step.edit({"settings.yaml": "x: 1\n"})
    assert run_import_pull(step.workspace, tmp_path / "import.json", step.terminal) is ExitCode.ERROR
    assert step.terminal.found
