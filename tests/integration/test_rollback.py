"""`rollback` in real git repositories: what it edits, what it leaves alone, and what it refuses."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.harness import assert_harmless
from git_repository import GitRepository
from syrupy.assertion import SnapshotAssertion
from workspace import Ended, run

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


class Desk(GitRepository):
    """A repository with three people."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.first = self.commit(
            "Begin", {"desired-state/settings.yaml": SETTINGS, "desired-state/scope.yaml": "sync: all\n", USERS: PEOPLE}
        )

    def people(self, text: str, subject: str = "Edit") -> str:
        return self.commit(subject, {USERS: text})

    def read(self, name: str = USERS) -> str:
        return (self.root / name).read_bytes().decode()

    def rollback(self, *arguments: str) -> Ended:
        places = ["--state", str(self.root / "desired-state"), "--plans", str(self.root / "plans")]
        return run(["reconciler", "rollback", *arguments, *places])

    def record(self, plan: str, commit: str, began: str) -> str:
        """A record as an apply leaves it; gives the plan's id."""
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
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


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
def test_the_files_are_byte_for_byte_as_they_were(desk: Desk, edit: str) -> None:
    desk.people(EDITS[edit]())
    ended = desk.rollback(desk.first)
    assert (ended.code, desk.read()) == (0, PEOPLE), ended
    assert desk.head() != desk.first, "it commits nothing"


def test_what_is_not_touched_keeps_comments_that_came_later(desk: Desk) -> None:
    later = PEOPLE.replace("Sales\n", "Marketing\n").replace("# --- Sales ---", "# --- Bob & Co ---")
    later = later.replace("givenName: Cyd", "givenName: Cyd  # like Charisse")
    desk.people(later)
    assert desk.rollback(desk.first).code == 0
    assert desk.read() == later.replace("Marketing\n", "Sales\n")


def test_dry_run_shows_the_difference_and_writes_nothing(desk: Desk) -> None:
    edited = PEOPLE.replace("Engineering", "Research")
    desk.people(edited)
    ended = desk.rollback(desk.first, "--dry-run")
    assert ended.code == 0
    assert "-  department: Research\n+  department: Engineering\n" in ended.out
    assert desk.read() == edited


def test_one_person_alone(desk: Desk) -> None:
    desk.people(PEOPLE.replace("Engineering", "Research").replace("Sales\n", "Marketing\n"))
    assert desk.rollback(desk.first, "--user", "ADA@example.com").code == 0
    assert desk.read() == PEOPLE.replace("Sales\n", "Marketing\n")


def test_a_person_who_moved_to_another_file_is_edited_where_they_are(desk: Desk) -> None:
    moved = ADA.replace("Engineering", "Research")
    desk.commit("Move", {USERS: PEOPLE.replace(f"{ADA}\n", ""), "desired-state/users/lab.yaml": moved})
    assert desk.rollback(desk.first).code == 0
    assert desk.read("desired-state/users/lab.yaml") == ADA
    assert desk.read() == PEOPLE.replace(f"{ADA}\n", "")


def test_a_file_that_is_gone_comes_back(desk: Desk) -> None:
    desk.commit("Close", {USERS: None, "desired-state/users/other.yaml": CYD})
    assert desk.rollback(desk.first).code == 0
    assert desk.read("desired-state/users/other.yaml") == CYD
    assert desk.read() == f"{HEAD}{ADA}\n{SECTION}{BOB}"


def test_a_file_that_came_with_a_newcomer_goes_with_them(desk: Desk) -> None:
    desk.commit("Add", {"desired-state/users/new.yaml": ADA.replace("ada", "eve")})
    assert desk.rollback(desk.first).code == 0
    assert not (desk.root / "desired-state/users/new.yaml").exists()


def test_scope_and_mappings_come_back_with_all_only(desk: Desk) -> None:
    mappings = "- {target: externalId, source: objectId, match: 1}\n- {target: userName, source: userPrincipalName}\n"
    mappings += "- {target: name.givenName, source: givenName}\n- {target: name.familyName, source: surname}\n"
    before = desk.commit("Map", {"desired-state/mappings.yaml": mappings})
    desk.commit("Map otherwise", {"desired-state/mappings.yaml": mappings.replace("source: surname", "source: city")})
    ended = desk.rollback(before)
    assert ended.code == 0
    assert "Nothing to edit" in ended.out
    assert "mappings.yaml" in ended.err
    ended = desk.rollback(before, "--all")
    assert ended.code == 0
    assert desk.read("desired-state/mappings.yaml") == mappings


def test_a_plan_is_undone_and_later_edits_stay(desk: Desk) -> None:
    desk.record("a", desk.first, "2026-03-01T08:00:00+00:00")
    undone = desk.people(PEOPLE.replace("Engineering", "Research").replace("Sales\n", "Marketing\n"))
    plan_id = desk.record("b", undone, "2026-03-02T08:00:00+00:00")
    desk.people(desk.read().replace("Marketing\n", "Support\n").replace("Ito", "Itō"))
    ended = desk.rollback(plan_id)
    assert ended.code == 5
    assert 'user["bob@example.com"] department: edited since, is "Support", not "Sales"' in ended.out
    assert desk.read() == PEOPLE.replace("Sales\n", "Support\n").replace("Ito", "Itō")
    desk.commit("Take that")
    ended = desk.rollback(str(desk.root / "plans" / ("2026-03-02-" + "b" * 12)), "--force")
    assert ended.code == 0
    assert desk.read() == PEOPLE.replace("Ito", "Itō")


def test_the_first_plan_on_record_is_undone_to_what_its_commit_began_with(desk: Desk) -> None:
    undone = desk.people(PEOPLE.replace("Engineering", "Research"))
    desk.record("b", undone, "2026-03-02T08:00:00+00:00")
    assert desk.rollback("b" * 12).code == 0
    assert desk.read() == PEOPLE


def test_somebody_edited_otherwise_since_keeps_the_rest(desk: Desk) -> None:
    """Only the one field is set, by a round trip of the one entry: numbers and comments stay as written."""
    desk.record("a", desk.first, "2026-03-01T08:00:00+00:00")
    undone = desk.people(PEOPLE.replace("Engineering", "Research"))
    desk.record("b", undone, "2026-03-02T08:00:00+00:00")
    later = desk.read().replace("givenName: Ada\n", "givenName: Ada\n  jobTitle: Countess # of Lovelace\n")
    desk.people(later)
    assert desk.rollback("b" * 12).code == 0
    assert desk.read() == later.replace("Research", "Engineering")


def test_somebody_removed_since_is_a_conflict(desk: Desk) -> None:
    desk.record("a", desk.first, "2026-03-01T08:00:00+00:00")
    undone = desk.people(PEOPLE.replace("Engineering", "Research"))
    desk.record("b", undone, "2026-03-02T08:00:00+00:00")
    desk.people(PEOPLE.replace(f"{ADA}\n", ""))
    ended = desk.rollback("b" * 12)
    assert ended.code == 5
    assert "removed since" in ended.out
    assert "ada@" not in desk.read()


def test_nobody_is_edited_because_they_have_the_name_of_somebody_else(desk: Desk) -> None:
    desk.record("a", desk.first, "2026-03-01T08:00:00+00:00")
    undone = desk.people(PEOPLE.replace("Engineering", "Research"))
    desk.record("b", undone, "2026-03-02T08:00:00+00:00")
    heir = PEOPLE.replace("id-ada", "id-heir").replace("Engineering", "Research")
    desk.people(heir)
    assert desk.rollback("b" * 12).code == 5
    assert desk.read() == heir


def test_files_that_are_not_as_committed_are_refused(desk: Desk) -> None:
    desk.people(PEOPLE.replace("Engineering", "Research"))
    dirty = desk.read() + "# a note\n"
    (desk.root / USERS).write_text(dirty)
    ended = desk.rollback(desk.first)
    assert ended.code == 1
    assert "not as committed: users/people.yaml" in ended.err
    assert desk.read() == dirty


def test_a_file_that_git_does_not_know_is_not_overwritten(desk: Desk) -> None:
    desk.commit("Close", {USERS: None, "desired-state/users/other.yaml": CYD})
    (desk.root / USERS).write_text(ADA.replace("ada", "eve"))
    ended = desk.rollback(desk.first)
    assert (ended.code, desk.read()) == (1, ADA.replace("ada", "eve"))


def test_what_was_wrong_then_is_not_written(desk: Desk) -> None:
    wrong = desk.people(PEOPLE.replace("department: Engineering", "lifecycle: {starts: soon}"))
    desk.people(PEOPLE)
    ended = desk.rollback(wrong)
    assert ended.code == 1
    assert "not valid" in ended.err
    assert desk.read() == PEOPLE


def test_a_newcomer_whose_group_still_names_them_needs_all(desk: Desk) -> None:
    group = "- {name: g, members: {users: [eve@example.com]}}\n"
    before = desk.people(PEOPLE)
    desk.commit("Hire", {USERS: f"{PEOPLE}\n{ADA.replace('ada', 'eve')}", "desired-state/groups/g.yaml": group})
    ended = desk.rollback(before)
    assert (ended.code, "Restore these files too, with --all" in ended.err) == (1, True), ended
    assert desk.rollback(before, "--all").code == 0
    assert (desk.read(), (desk.root / "desired-state/groups/g.yaml").exists()) == (PEOPLE, False)


def test_nothing_is_written_through_a_link(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    desk.commit("Add", {"desired-state/users/x/a.yaml": ADA.replace("ada", "eve")})
    before = desk.head()
    desk.commit("Remove", {"desired-state/users/x/a.yaml": None})
    (desk.root / "desired-state/users/x").rmdir()
    (desk.root / "desired-state/users/x").symlink_to(elsewhere)
    ended = desk.rollback(before)
    assert ended.code == 1
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["--output=/tmp/x", "nonsense", "", "HEAD^^^^^^^", "main:desired-state"])
def test_what_is_no_commit_is_refused(desk: Desk, name: str) -> None:
    ended = desk.rollback("--", name) if name.startswith("-") else desk.rollback(name)
    assert ended.code != 0
    assert desk.read() == PEOPLE


# --- what it says -----------------------------------------------------------------


def test_what_it_says_in_full(desk: Desk, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.commit("Narrow the scope", {"desired-state/groups/all.yaml": "- {name: all}\n"})
    desk.people(PEOPLE.replace("Engineering", "Research").replace(f"{BOB}\n", "") + "\n" + CYD.replace("cyd", "eve"))
    desk.people(desk.read().replace("Cyd", "Cydney").replace("Research", "Finance"))
    monkeypatch.chdir(desk.root)

    def said(*arguments: str) -> str:
        ended = run(["reconciler", "rollback", *arguments])
        assert_harmless(ended.out + ended.err)
        text = f"exit code {ended.code}\n\n--- stdout\n{ended.out}\n--- stderr\n{ended.err}"
        return text.replace(desk.first[:12], "FIRST").replace(str(desk.root), "ROOT")

    assert said(desk.first, "--dry-run") == snapshot(name="dry run")
    assert said(desk.first, "--dry-run", "--redact") == snapshot(name="dry run, redacted")
    plan = desk.record("b", desk.git("rev-parse", "HEAD~1"), "2026-03-02T00:00:00+00:00")
    assert said(plan, "--dry-run") == snapshot(name="a plan, with a conflict")
    assert said("no-such-commit") == snapshot(name="no such commit")
    assert said(desk.first, "--all") == snapshot(name="carried out")


@pytest.mark.parametrize("text", ["::error::pwned", "##[error]x"])
def test_no_line_of_the_difference_commands_githubs_runner(text: str, desk: Desk) -> None:
    """Lines around an edit are shown with a blank in front, which the runner takes off."""
    people = PEOPLE.replace("department: Sales", f"department: >-\n    {text}")
    commit = desk.people(people)
    desk.people(people.replace("surname: Lee", "surname: Leeds"))
    ended = desk.rollback(commit, "--dry-run")
    assert "-  surname: Leeds" in ended.out
    assert_harmless(ended.out + ended.err)
