"""`rollback` in real git repositories: what it edits, what it leaves alone, and what it refuses."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import assert_harmless
from support.git_repository import GitRepository
from support.workspace import CommandResult, run
from syrupy.assertion import SnapshotAssertion

SETTINGS = "target: {profile: scim, base_url: 'https://scim.example.com/v2'}\n"
HEAD = "# People of the company\n\n"
ADA = (
    "- objectId: id-ada\n  userPrincipalName: ada@example.com\n  givenName: Ada\n  surname: No # really\n"
    "  department: Engineering\n  employeeId: 0012\n"
)
BOB = (
    "- objectId: id-bob\n  userPrincipalName: bob@example.com\n  givenName: Bob\n  surname: Lee\n  department: Sales\n"
)
CYD = "- objectId: id-cyd\n  userPrincipalName: cyd@example.com\n  givenName: Cyd\n  surname: Ito\n  department: IT\n"
SECTION = "# --- Sales ---\n\n"
PEOPLE = f"{HEAD}{ADA}\n{SECTION}{BOB}\n{CYD}"
USERS = "desired-state/users/people.yaml"


class RollbackRepository(GitRepository):
    """A repository with three users."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.first = self.commit(
            "Begin", {"desired-state/settings.yaml": SETTINGS, "desired-state/scope.yaml": "sync: all\n", USERS: PEOPLE}
        )

    def commit_users(self, text: str, subject: str = "Edit") -> str:
        return self.commit(subject, {USERS: text})

    def read(self, name: str = USERS) -> str:
        return (self.root / name).read_bytes().decode()

    def rollback(self, *arguments: str) -> CommandResult:
        options = ["--state", str(self.root / "desired-state"), "--plans", str(self.root / "plans")]
        return run(["reconciler", "rollback", *arguments, *options])

    def record(self, plan: str, commit: str, began: str) -> str:
        """Write a record as an apply does, and return the plan id."""
        plan_id = f"sha256:{plan * 64}"
        folder = self.root / "plans" / f"{began[:10]}-{plan * 12}"
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text(
            f'{{"plan_id": "{plan_id}", "commit": "{commit}", "resource_changes": [], "diagnostics": []}}'
        )
        started = (
            f'{{"time": "{began}", "event": "apply_started", "plan_id": "{plan_id}", "profile": "scim",'
            ' "target": "https://scim.example.com/v2"}\n'
        )
        (folder / "receipt.jsonl").write_text(started)
        return plan_id


@pytest.fixture
def workspace(tmp_path: Path) -> RollbackRepository:
    return RollbackRepository(tmp_path)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv("RECONCILER_TOKEN", raising=False)


EDITS: dict[str, Callable[[], str]] = {
    "an attribute": lambda: PEOPLE.replace("Engineering", "Research"),
    "a removal": lambda: PEOPLE.replace(f"{BOB}\n", ""),
    "the first of all": lambda: PEOPLE.replace(f"{ADA}\n", ""),
    "the last of all": lambda: PEOPLE.replace(f"\n{CYD}", ""),
    "a rename": lambda: PEOPLE.replace("ada@", "countess@"),
    "a newcomer": lambda: PEOPLE + "\n" + ADA.replace("ada", "eve"),
    "a date": lambda: PEOPLE.replace("employeeId: 0012", "employeeId: 0012\n  lifecycle: {expires: 2027-01-01}"),
    "a comment of the entry": lambda: PEOPLE.replace("surname: No # really", "surname: Nope"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_the_files_are_restored_byte_for_byte(workspace: RollbackRepository, edit: str) -> None:
    workspace.commit_users(EDITS[edit]())
    result = workspace.rollback(workspace.first)
    assert (result.code, workspace.read()) == (0, PEOPLE), result
    assert workspace.head() != workspace.first, "it commits nothing"


def test_entries_that_are_not_restored_keep_later_comments(workspace: RollbackRepository) -> None:
    later = PEOPLE.replace("Sales\n", "Marketing\n").replace("# --- Sales ---", "# --- Bob & Co ---")
    later = later.replace("givenName: Cyd", "givenName: Cyd  # like Charisse")
    workspace.commit_users(later)
    assert workspace.rollback(workspace.first).code == 0
    assert workspace.read() == later.replace("Marketing\n", "Sales\n")


def test_dry_run_shows_the_diff_and_writes_nothing(workspace: RollbackRepository) -> None:
    edited = PEOPLE.replace("Engineering", "Research")
    workspace.commit_users(edited)
    result = workspace.rollback(workspace.first, "--dry-run")
    assert result.code == 0
    assert "-  department: Research\n+  department: Engineering\n" in result.out
    assert workspace.read() == edited


def test_a_single_user_can_be_restored(workspace: RollbackRepository) -> None:
    workspace.commit_users(PEOPLE.replace("Engineering", "Research").replace("Sales\n", "Marketing\n"))
    assert workspace.rollback(workspace.first, "--user", "ADA@example.com").code == 0
    assert workspace.read() == PEOPLE.replace("Sales\n", "Marketing\n")


def test_a_user_moved_to_another_file_is_edited_there(workspace: RollbackRepository) -> None:
    moved = ADA.replace("Engineering", "Research")
    workspace.commit("Move", {USERS: PEOPLE.replace(f"{ADA}\n", ""), "desired-state/users/lab.yaml": moved})
    assert workspace.rollback(workspace.first).code == 0
    assert workspace.read("desired-state/users/lab.yaml") == ADA
    assert workspace.read() == PEOPLE.replace(f"{ADA}\n", "")


def test_a_deleted_file_is_restored(workspace: RollbackRepository) -> None:
    workspace.commit("Close", {USERS: None, "desired-state/users/other.yaml": CYD})
    assert workspace.rollback(workspace.first).code == 0
    assert workspace.read("desired-state/users/other.yaml") == CYD
    assert workspace.read() == f"{HEAD}{ADA}\n{SECTION}{BOB}"


def test_a_file_added_for_a_new_user_is_removed_with_that_user(workspace: RollbackRepository) -> None:
    workspace.commit("Add", {"desired-state/users/new.yaml": ADA.replace("ada", "eve")})
    assert workspace.rollback(workspace.first).code == 0
    assert not (workspace.root / "desired-state/users/new.yaml").exists()


def test_scope_and_mappings_are_restored_only_with_all(workspace: RollbackRepository) -> None:
    mappings = "- {target: externalId, source: objectId, match: 1}\n- {target: userName, source: userPrincipalName}\n"
    mappings += "- {target: name.givenName, source: givenName}\n- {target: name.familyName, source: surname}\n"
    before = workspace.commit("Map", {"desired-state/mappings.yaml": mappings})
    workspace.commit(
        "Map otherwise", {"desired-state/mappings.yaml": mappings.replace("source: surname", "source: city")}
    )
    result = workspace.rollback(before)
    assert result.code == 0
    assert "Nothing to edit" in result.out
    assert "mappings.yaml" in result.err
    result = workspace.rollback(before, "--all")
    assert result.code == 0
    assert workspace.read("desired-state/mappings.yaml") == mappings


@pytest.mark.parametrize("undone", ["commit", "plan"])
def test_all_can_follow_a_rollback_of_users_alone(workspace: RollbackRepository, undone: str) -> None:
    """The first says that --all restores the other files too."""
    scope = "sync: assigned\nassigned: {users: [ada@example.com]}\n"
    hired = {USERS: f"{PEOPLE}\n{ADA.replace('ada', 'eve')}", "desired-state/scope.yaml": scope}
    to = workspace.first if undone == "commit" else ""
    hire = workspace.commit("Hire", hired)
    to = to or workspace.record("a", hire, "2026-03-01T08:00:00+00:00")
    first = workspace.rollback(to)
    assert (first.code, "Not restored: 1 other file (scope.yaml); --all does it." in first.err) == (0, True), first
    assert (workspace.read(), workspace.read("desired-state/scope.yaml")) == (PEOPLE, scope)
    assert workspace.rollback(to, "--all").code == 0
    assert (workspace.read(), workspace.read("desired-state/scope.yaml")) == (PEOPLE, "sync: all\n")
    (workspace.root / USERS).write_text(PEOPLE + "# a note\n")
    assert workspace.rollback(to, "--all").code == 1


def test_a_plan_is_undone_and_later_edits_are_kept(workspace: RollbackRepository) -> None:
    workspace.record("a", workspace.first, "2026-03-01T08:00:00+00:00")
    undone = workspace.commit_users(PEOPLE.replace("Engineering", "Research").replace("Sales\n", "Marketing\n"))
    plan_id = workspace.record("b", undone, "2026-03-02T08:00:00+00:00")
    workspace.commit_users(workspace.read().replace("Marketing\n", "Support\n").replace("Ito", "Itō"))
    result = workspace.rollback(plan_id)
    assert result.code == 5
    assert 'user["bob@example.com"] department: edited since, is "Support", not "Sales"' in result.out
    assert workspace.read() == PEOPLE.replace("Sales\n", "Support\n").replace("Ito", "Itō")
    workspace.commit("Take that")
    result = workspace.rollback(str(workspace.root / "plans" / ("2026-03-02-" + "b" * 12)), "--force")
    assert result.code == 0
    assert workspace.read() == PEOPLE.replace("Ito", "Itō")


def test_the_first_plan_on_record_is_undone_to_the_parent_of_its_commit(workspace: RollbackRepository) -> None:
    undone = workspace.commit_users(PEOPLE.replace("Engineering", "Research"))
    workspace.record("b", undone, "2026-03-02T08:00:00+00:00")
    assert workspace.rollback("b" * 12).code == 0
    assert workspace.read() == PEOPLE


def test_a_user_edited_since_keeps_the_other_edits(workspace: RollbackRepository) -> None:
    """Only one field is set, by a round trip of its entry: numbers and comments stay as written."""
    workspace.record("a", workspace.first, "2026-03-01T08:00:00+00:00")
    undone = workspace.commit_users(PEOPLE.replace("Engineering", "Research"))
    workspace.record("b", undone, "2026-03-02T08:00:00+00:00")
    later = workspace.read().replace("givenName: Ada\n", "givenName: Ada\n  jobTitle: Countess # of Lovelace\n")
    workspace.commit_users(later)
    assert workspace.rollback("b" * 12).code == 0
    assert workspace.read() == later.replace("Research", "Engineering")


def test_a_user_removed_since_is_a_conflict(workspace: RollbackRepository) -> None:
    workspace.record("a", workspace.first, "2026-03-01T08:00:00+00:00")
    undone = workspace.commit_users(PEOPLE.replace("Engineering", "Research"))
    workspace.record("b", undone, "2026-03-02T08:00:00+00:00")
    workspace.commit_users(PEOPLE.replace(f"{ADA}\n", ""))
    result = workspace.rollback("b" * 12)
    assert result.code == 5
    assert "removed since" in result.out
    assert "ada@" not in workspace.read()


def test_a_user_is_not_edited_for_having_the_name_of_another(workspace: RollbackRepository) -> None:
    workspace.record("a", workspace.first, "2026-03-01T08:00:00+00:00")
    undone = workspace.commit_users(PEOPLE.replace("Engineering", "Research"))
    workspace.record("b", undone, "2026-03-02T08:00:00+00:00")
    heir = PEOPLE.replace("id-ada", "id-heir").replace("Engineering", "Research")
    workspace.commit_users(heir)
    assert workspace.rollback("b" * 12).code == 5
    assert workspace.read() == heir


def test_files_with_uncommitted_changes_are_refused(workspace: RollbackRepository) -> None:
    workspace.commit_users(PEOPLE.replace("Engineering", "Research"))
    dirty = workspace.read() + "# a note\n"
    (workspace.root / USERS).write_text(dirty)
    result = workspace.rollback(workspace.first)
    assert result.code == 1
    assert "not as committed: users/people.yaml" in result.err
    assert workspace.read() == dirty


def test_an_untracked_file_is_not_overwritten(workspace: RollbackRepository) -> None:
    workspace.commit("Close", {USERS: None, "desired-state/users/other.yaml": CYD})
    (workspace.root / USERS).write_text(ADA.replace("ada", "eve"))
    result = workspace.rollback(workspace.first)
    assert (result.code, workspace.read()) == (1, ADA.replace("ada", "eve"))


def test_a_state_that_fails_validation_is_not_written(workspace: RollbackRepository) -> None:
    wrong = workspace.commit_users(PEOPLE.replace("department: Engineering", "lifecycle: {starts: soon}"))
    workspace.commit_users(PEOPLE)
    result = workspace.rollback(wrong)
    assert result.code == 1
    assert "the restored state fails validation" in result.err
    assert workspace.read() == PEOPLE


EVE = ADA.replace("ada", "eve")
GROUP = "desired-state/groups/g.yaml"
SCOPE = "desired-state/scope.yaml"
MEMBERS = "# Devices\n- name: g\n  members:\n    users:\n      - ada@example.com # first\n      - bob@example.com\n"
ASSIGNED = "sync: assigned\nassigned: {users: [cyd@example.com], groups: [g]}\n"


def hire(workspace: RollbackRepository) -> str:
    """Add one user with the edits of a group and of the scope, apply it, and return the plan id."""
    workspace.commit("Groups", {GROUP: MEMBERS, SCOPE: ASSIGNED})
    files = {
        USERS: f"{PEOPLE}\n{EVE}",
        GROUP: f"{MEMBERS}      - eve@example.com\n",
        SCOPE: ASSIGNED.replace("cyd@example.com", "cyd@example.com, id-eve"),
    }
    return workspace.record("a", workspace.commit("Hire", files), "2026-03-01T08:00:00+00:00")


def test_a_plan_that_added_a_user_is_undone_with_its_group_and_scope(workspace: RollbackRepository) -> None:
    plan = hire(workspace)
    shown = workspace.rollback(plan, "--dry-run")
    assert shown.code == 0
    assert "-      - eve@example.com\n" in shown.out
    assert workspace.read(GROUP).endswith("eve@example.com\n"), "nothing was written"
    undone = workspace.rollback(plan)
    assert (undone.code, undone.err) == (0, ""), undone
    assert (workspace.read(), workspace.read(GROUP), workspace.read(SCOPE)) == (PEOPLE, MEMBERS, ASSIGNED)
    assert '- user["eve@example.com"]\n' in undone.out
    assert '~ group["g"]\n    members.users = ["eve@example.com"] -> (none)\n' in undone.out
    assert '~ scope.yaml\n    assigned.users = ["id-eve"] -> (none)\n' in undone.out


def test_later_edits_of_the_group_stay(workspace: RollbackRepository) -> None:
    plan = hire(workspace)
    later = f"{MEMBERS}      # on probation\n      - eve@example.com\n      - cyd@example.com # later\n"
    workspace.commit("Later", {GROUP: later})
    assert workspace.rollback(plan, "--user", "eve@example.com").code == 0
    assert workspace.read(GROUP) == later.replace("      - eve@example.com\n", "")


def test_a_user_who_is_back_under_the_same_name_stays_in_the_group(workspace: RollbackRepository) -> None:
    plan = hire(workspace)
    workspace.commit("Another", {"desired-state/users/more.yaml": EVE.replace("id-eve", "id-eve-2"), USERS: PEOPLE})
    workspace.commit("Scope", {SCOPE: ASSIGNED})
    assert workspace.rollback(plan).code in (0, 5)
    assert "eve@example.com" in workspace.read(GROUP)


def test_a_rename_is_undone_in_groups_too(workspace: RollbackRepository) -> None:
    workspace.commit("Groups", {GROUP: MEMBERS, SCOPE: ASSIGNED})
    renamed = workspace.commit(
        "Marry", {USERS: PEOPLE.replace("ada@", "countess@"), GROUP: MEMBERS.replace("ada@", "countess@")}
    )
    undone = workspace.rollback(f"{renamed}^")
    assert (undone.code, undone.err) == (0, "")
    assert (workspace.read(), workspace.read(GROUP)) == (PEOPLE, MEMBERS)
    assert '["countess@example.com"] -> ["ada@example.com"]' in undone.out


def test_a_group_with_uncommitted_changes_is_refused(workspace: RollbackRepository) -> None:
    plan = hire(workspace)
    edited = workspace.read(GROUP) + "      - cyd@example.com\n"
    (workspace.root / GROUP).write_text(edited)
    refused = workspace.rollback(plan)
    assert (refused.code, workspace.read(GROUP)) == (1, edited)
    assert workspace.read().endswith(EVE), "nothing was written"


def test_a_group_that_was_added_with_the_user_is_removed_with_all(workspace: RollbackRepository) -> None:
    before = workspace.commit_users(PEOPLE)
    group = "- {name: g, members: {users: [eve@example.com]}}\n"
    workspace.commit("Hire", {USERS: f"{PEOPLE}\n{EVE}", GROUP: group})
    result = workspace.rollback(before)
    assert (result.code, "Not restored: 1 other file (groups/g.yaml); --all does it." in result.err) == (0, True)
    assert (workspace.read(), workspace.read(GROUP)) == (PEOPLE, group.replace("eve@example.com", ""))
    workspace.commit("Hire", {USERS: f"{PEOPLE}\n{EVE}", GROUP: group})
    assert workspace.rollback(before, "--all").code == 0
    assert (workspace.read(), (workspace.root / GROUP).exists()) == (PEOPLE, False)


def test_nothing_is_written_through_a_symlink(
    workspace: RollbackRepository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    workspace.commit("Add", {"desired-state/users/x/a.yaml": ADA.replace("ada", "eve")})
    before = workspace.head()
    workspace.commit("Remove", {"desired-state/users/x/a.yaml": None})
    (workspace.root / "desired-state/users/x").rmdir()
    (workspace.root / "desired-state/users/x").symlink_to(elsewhere)
    result = workspace.rollback(before)
    assert result.code == 1
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["--output=/tmp/x", "nonsense", "", "HEAD^^^^^^^", "main:desired-state"])
def test_an_invalid_commit_is_refused(workspace: RollbackRepository, name: str) -> None:
    result = workspace.rollback("--", name) if name.startswith("-") else workspace.rollback(name)
    assert result.code != 0
    assert workspace.read() == PEOPLE


# --- output -----------------------------------------------------------------------


def test_the_complete_output_matches_its_snapshot(
    workspace: RollbackRepository, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.commit("Narrow the scope", {"desired-state/groups/all.yaml": "- {name: all}\n"})
    workspace.commit_users(
        PEOPLE.replace("Engineering", "Research").replace(f"{BOB}\n", "") + "\n" + CYD.replace("cyd", "eve")
    )
    workspace.commit_users(workspace.read().replace("Cyd", "Cydney").replace("Research", "Finance"))
    monkeypatch.chdir(workspace.root)

    def output(*arguments: str) -> str:
        result = run(["reconciler", "rollback", *arguments])
        assert_harmless(result.out + result.err)
        text = f"exit code {result.code}\n\n--- stdout\n{result.out}\n--- stderr\n{result.err}"
        return text.replace(workspace.first[:12], "FIRST").replace(str(workspace.root), "ROOT")

    assert output(workspace.first, "--dry-run") == snapshot(name="dry run")
    assert output(workspace.first, "--dry-run", "--redact") == snapshot(name="dry run, redacted")
    plan = workspace.record("b", workspace.git("rev-parse", "HEAD~1"), "2026-03-02T00:00:00+00:00")
    assert output(plan, "--dry-run") == snapshot(name="a plan, with a conflict")
    assert output("no-such-commit") == snapshot(name="no such commit")
    assert output(workspace.first, "--all") == snapshot(name="carried out")


@pytest.mark.parametrize("text", ["::error::pwned", "##[error]x"])
def test_no_line_of_the_diff_is_a_runner_command(text: str, workspace: RollbackRepository) -> None:
    """Context lines start with a space, which the runner strips."""
    content = PEOPLE.replace("department: Sales", f"department: >-\n    {text}")
    commit = workspace.commit_users(content)
    workspace.commit_users(content.replace("surname: Lee", "surname: Leeds"))
    result = workspace.rollback(commit, "--dry-run")
    assert "-  surname: Leeds" in result.out
    assert_harmless(result.out + result.err)
