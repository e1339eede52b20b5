from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from support.recording_terminal import RecordingTerminal
from support.workflow_runner import git

from reconciler.errors import ExitCode, SourceError, UsageError
from reconciler.history.yaml_edit import EditedFile
from reconciler.render.import_document import json_schema
from reconciler.session import people_import
from reconciler.session.people_import import PeopleImportOptions, import_people
from reconciler.session.workspace import Workspace
from reconciler.sources.import_plan import FurtherFiles, ImportPlan, MergeRules
from reconciler.sources.snapshot import GoneReason, Person, Snapshot, SourceGroup, SourceScope
from reconciler.sources.state_files import StateFiles, read_state_files

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SETTINGS = "target:\n  profile: apple-business-manager\n  base_url: https://federation.apple.com/feeds/business/scim\n"
PEOPLE = """\
# People, in the order of their desks.
- userPrincipalName: ada@example.com   # likes tea
  objectId: a-1
  givenName: Ada
  surname: Lovelace
  department: Sales
- {userPrincipalName: bob@example.com, objectId: b-1, givenName: Bob, surname: Ross, department: IT}
"""
ATTRIBUTES = frozenset({"userPrincipalName", "objectId", "givenName", "surname", "department", "accountEnabled"})
IMPORT = PeopleImportOptions("import csv")


def person(name: str, **attributes: str | bool) -> Person:
    defaults = {"objectId": f"{name[0]}-1", "givenName": name.title(), "surname": "Ross", "department": "IT"}
    return Person({"userPrincipalName": f"{name}@example.com", **defaults, **attributes})


ADA = person("ada", surname="Lovelace", department="Sales")
BOB = person("bob")


def snapshot(*people: Person, gone: Mapping[str, GoneReason] | None = None) -> Snapshot:
    return Snapshot("staff.csv", people, ATTRIBUTES, gone=gone or {})


class Imports:
    """A desired state of two people, and what imports of it wrote."""

    def __init__(self, root: Path) -> None:
        self.state = root / "desired-state"
        self.write("settings.yaml", SETTINGS)
        self.write("users/people.yaml", PEOPLE)
        self.terminal = RecordingTerminal()

    def write(self, name: str, text: str) -> None:
        path = self.state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def run(
        self,
        source: Snapshot,
        options: PeopleImportOptions = IMPORT,
        on_missing: str = "report",
        *,
        redact: bool = False,
        before: StateFiles | None = None,
    ) -> ExitCode:
        self.terminal = RecordingTerminal(redact=redact)
        workspace = Workspace(self.state, self.state.parent / "plans", sandbox=False, now=NOW)
        rules = MergeRules("users/new.yaml", on_missing=on_missing)
        return import_people(workspace, source, rules, options, self.terminal, before=before)

    def files(self) -> dict[str, tuple[str, int]]:
        """The files with their contents and times."""
        paths = [path for path in sorted(self.state.rglob("*")) if path.is_file()]
        return {str(path.relative_to(self.state)): (path.read_text(), path.stat().st_mtime_ns) for path in paths}

    def text(self, name: str = "users/people.yaml") -> str:
        return (self.state / name).read_text()


@pytest.fixture
def imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Imports:
    monkeypatch.setattr(people_import, "approval_date", lambda _workspace: NOW.date())
    return Imports(tmp_path)


GONE = {"b-1": GoneReason.DELETED}
STRICT = f"{SETTINGS}guards: {{removals: {{count: 0}}}}\n"


def test_the_change_is_written_shown_and_followed_by_the_next_steps(imports: Imports) -> None:
    assert imports.run(snapshot(person("ada", surname="Lovelace", department="R&D"), BOB, person("eve"))) is ExitCode.OK
    assert imports.text() == PEOPLE.replace("department: Sales", "department: R&D")
    assert "eve@example.com" in imports.text("users/new.yaml")
    out = imports.terminal.out
    assert '~ department = "Sales" -> "R&D" # users/people.yaml:6' in out
    assert '# user["eve@example.com"] will be added' in out
    assert "Import: 1 to add, 1 to change, 0 to disable, 0 to remove.\n" in out
    edited = "".join(f"  {imports.state / name}\n" for name in ("users/new.yaml", "users/people.yaml"))
    assert f"\nEdited 2 files:\n{edited}\nNothing was sent anywhere. Next:\n  git diff " in out


def test_the_second_import_changes_no_byte_and_no_time(imports: Imports) -> None:
    source = snapshot(person("ada", department="R&D"), BOB, person("eve"))
    assert imports.run(source) is ExitCode.OK
    before = imports.files()
    assert imports.run(source, replace(IMPORT, check=True)) is ExitCode.OK
    assert imports.run(source) is ExitCode.OK
    assert imports.files() == before
    assert imports.terminal.out.startswith("No changes. 3 users of staff.csv as in the files.\n")
    assert "Next:" not in imports.terminal.out


def test_files_that_did_not_change_while_the_source_was_read_are_not_read_again(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_state_files(imports.state)
    monkeypatch.setattr(people_import, "read_state_files", None)
    assert imports.run(snapshot(person("ada", department="R&D"), BOB), before=before) is ExitCode.OK
    assert "department: R&D" in imports.text()


def test_files_that_changed_while_the_source_was_read_are_read_again(imports: Imports) -> None:
    before = read_state_files(imports.state)
    imports.write("users/more.yaml", "- userPrincipalName: eve@example.com\n  objectId: e-1\n")
    assert imports.run(snapshot(ADA, BOB, person("eve")), before=before) is ExitCode.OK
    assert not (imports.state / "users/new.yaml").exists()
    assert "givenName: Eve" in imports.text("users/more.yaml")


def test_the_check_of_many_users_shows_its_progress(imports: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, int, int]] = []
    monkeypatch.setattr(people_import, "_PROGRESS_EVERY", 2)
    monkeypatch.setattr(RecordingTerminal, "progress", lambda _: nullcontext(lambda *args: shown.append(args)))
    assert imports.run(snapshot(ADA, BOB, *map(person, ("eve", "fay")))) is ExitCode.OK
    assert shown == [("Checking users", 2, 4), ("Checking users", 4, 4)]


@pytest.mark.parametrize("rendered", [b"- userPrincipalName: eve@example.com\n", b"- [\n"])
def test_nothing_is_written_if_a_file_would_not_be_read_as_planned(
    rendered: bytes, imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EditedFile, "_render", lambda *_: rendered)
    before = imports.files()
    with pytest.raises(
        SourceError, match=r"^users/new.yaml:1:1: the file cannot be edited: .*it (would|could) not be read"
    ):
        imports.run(snapshot(ADA, BOB, person("eve")))
    assert imports.files() == before
    assert imports.terminal.out == ""


def test_nothing_is_written_if_a_file_has_the_planned_entries_and_an_error(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = EditedFile._render
    monkeypatch.setattr(EditedFile, "_render", lambda *args: render(*args) + b"  surname: King\n")
    with pytest.raises(SourceError, match=r'the file cannot be edited: it could not be read: key "surname"'):
        imports.run(snapshot(ADA, BOB, person("eve")))
    assert not (imports.state / "users/new.yaml").exists()


@pytest.mark.parametrize(
    ("options", "code", "flag"),
    [
        (replace(IMPORT, dry_run=True), ExitCode.OK, "--dry-run"),
        (replace(IMPORT, check=True), ExitCode.CHANGES, "--check"),
        (replace(IMPORT, check=True, dry_run=True), ExitCode.CHANGES, "--check"),
    ],
)
def test_a_dry_run_and_a_check_write_nothing(
    options: PeopleImportOptions, code: ExitCode, flag: str, imports: Imports
) -> None:
    before = imports.files()
    assert imports.run(snapshot(ADA, BOB, person("eve")), options) is code
    assert imports.files() == before
    assert imports.terminal.out.endswith(f"\nThis would edit 1 file. Nothing was written ({flag}).\n")


def test_a_missing_person_is_reported_and_stays(imports: Imports) -> None:
    before = imports.files()
    assert imports.run(snapshot(ADA, gone=GONE)) is ExitCode.OK
    assert imports.files() == before
    assert "1 not in the source, left as it is." in imports.terminal.out


@pytest.mark.parametrize(("on_missing", "kind"), [("remove", "1 taken out"), ("disable", "1 disabled")])
def test_removals_beyond_the_limit_are_blocked_and_can_be_approved(
    on_missing: str, kind: str, imports: Imports
) -> None:
    imports.write("settings.yaml", STRICT)
    before = imports.files()
    source = snapshot(ADA, gone=GONE)
    for options in (IMPORT, replace(IMPORT, dry_run=True), replace(IMPORT, check=True)):
        assert imports.run(source, options, on_missing) is ExitCode.BLOCKED
        assert imports.files() == before
    out = imports.terminal.out
    assert f"Blocked: removals: 1 user would leave: {kind} (50.0 % of 2 enabled users in scope)" in out
    approval = out.strip().rpartition(" --approve ")[2]

    assert imports.run(source, replace(IMPORT, approve="sha256:" + "0" * 64), on_missing) is ExitCode.BLOCKED
    assert imports.files() == before
    assert imports.run(source, replace(IMPORT, approve=approval), on_missing) is ExitCode.OK
    assert "Approved: removals: " in imports.terminal.out
    assert ("bob@example.com" in imports.text()) is (on_missing == "disable")


def test_the_line_that_a_blocked_import_prints_approves_it_and_nothing_else(imports: Imports) -> None:
    imports.write("settings.yaml", STRICT)
    source = snapshot(ADA, gone=GONE)
    assert imports.run(source, on_missing="remove") is ExitCode.BLOCKED
    line = next(line for line in imports.terminal.out.splitlines() if line.startswith("  - {plan: "))
    imports.write("settings.yaml", f"{STRICT}approvals:\n{line}\n")
    both = snapshot(gone={**GONE, "a-1": GoneReason.DELETED})
    assert imports.run(both, on_missing="remove") is ExitCode.BLOCKED
    assert imports.run(source, on_missing="remove") is ExitCode.OK
    assert "lifted by settings.yaml:6:5" in imports.terminal.out
    assert "bob" not in imports.text()


def test_people_that_leave_the_scope_count_as_removals(imports: Imports) -> None:
    imports.write("scope.yaml", "sync: assigned\nassigned: {groups: [Staff]}\n")
    imports.write("groups/all.yaml", "- {name: Staff, objectId: g-1, members: {users: [a-1, b-1]}}\n")
    imports.write("settings.yaml", STRICT)
    before = imports.files()
    emptied = replace(
        snapshot(ADA, BOB), groups=(SourceGroup("g-1", "Staff", users=("a-1",)),), scope=SourceScope(groups=("g-1",))
    )
    assert imports.run(emptied) is ExitCode.BLOCKED
    assert "1 user will be OUT OF SCOPE by these changes:" in imports.terminal.out
    assert imports.files() == before


@pytest.mark.parametrize(
    ("name", "text", "summary"),
    [
        ("scope.yaml", "sync: maybe\n", "sync: expected one of assigned, all"),
        ("settings.yaml", "target: 1\n", "target: expected a mapping"),
        ("users/more.yml.bak", "", "a leftover of a merge or an editor"),
    ],
)
def test_a_broken_state_is_refused_with_its_errors(name: str, text: str, summary: str, imports: Imports) -> None:
    imports.write(name, text)
    before = imports.files()
    try:
        assert imports.run(snapshot(ADA, BOB, person("eve"))) is ExitCode.ERROR
    except SourceError:
        assert imports.terminal.found
    assert imports.files() == before
    assert summary in imports.terminal.summaries


def test_a_file_that_is_no_yaml_is_refused(imports: Imports) -> None:
    imports.write("groups/all.yaml", "- name: [\n")
    before = imports.files()
    with pytest.raises(SourceError, match=r"groups/all\.yaml:"):
        imports.run(snapshot(ADA, BOB, person("eve")))
    assert imports.files() == before


class Further:
    """Writes mappings.yaml in addition."""

    def __init__(self, mappings: bytes, *, is_partial: bool = False) -> None:
        self.is_partial = is_partial
        self._mappings = mappings

    def extend(self, plan: ImportPlan, files: StateFiles) -> ImportPlan:
        return replace(plan, notes=(*plan.notes, "A note of the job."))

    def revise(self, drafts: Mapping[str, bytes | None], files: StateFiles) -> FurtherFiles:
        return FurtherFiles({"mappings.yaml": self._mappings}, ("mappings.yaml: 1 row",))


@pytest.mark.parametrize(("is_partial", "code"), [(False, ExitCode.OK), (True, ExitCode.PARTIAL)])
def test_further_edits_belong_to_the_same_import(imports: Imports, is_partial: bool, code: ExitCode) -> None:
    mappings = b"- {target: userName, source: userPrincipalName, match: 1}\n"
    options = replace(IMPORT, further=Further(mappings, is_partial=is_partial))
    assert imports.run(snapshot(ADA, BOB), options) is code
    assert imports.files()["mappings.yaml"][0] == mappings.decode()
    assert "A note of the job." in imports.terminal.out
    assert "mappings.yaml: 1 row" in imports.terminal.out


def test_a_result_that_would_be_invalid_is_refused_with_its_errors(imports: Imports) -> None:
    before = imports.files()
    broken = replace(IMPORT, further=Further(b"- target: nonsense\n  source: city\n"))
    with pytest.raises(SourceError, match="the files would not be valid after this import"):
        imports.run(snapshot(ADA, BOB), broken)
    assert imports.files() == before
    assert imports.terminal.found


def test_further_edits_that_are_made_already_change_no_file(imports: Imports) -> None:
    options = replace(IMPORT, further=Further(b"- {target: userName, source: userPrincipalName, match: 1}\n"))
    assert imports.run(snapshot(ADA, BOB), options) is ExitCode.OK
    before = imports.files()
    assert imports.run(snapshot(ADA, BOB), options) is ExitCode.OK
    assert imports.files() == before


def test_people_in_error_are_reported_and_the_others_imported(imports: Imports) -> None:
    twice = snapshot(
        ADA, BOB, person("eve"), person("eve2", userPrincipalName="eve@example.com", objectId="e-2"), person("joe")
    )
    assert imports.run(twice) is ExitCode.PARTIAL
    assert "joe@example.com" in imports.text("users/new.yaml")
    assert imports.terminal.found
    assert "Not imported: 2 users of the source" in imports.terminal.out


def test_people_that_could_not_be_planned_are_left_out(imports: Imports) -> None:
    nameless = Person({"userPrincipalName": "eve@example.com", "objectId": "e-1"})
    odd = person("bob", department="IT\nX", givenName="Rob")
    before = imports.text("users/people.yaml")
    for _ in range(2):
        assert imports.run(
            snapshot(replace(ADA, attributes={**ADA.attributes, "department": "R&D"}), odd, nameless)
        ) is (ExitCode.PARTIAL)
        assert {item.address for item in imports.terminal.found} == {
            'user["bob@example.com"]',
            'user["eve@example.com"]',
        }
        assert "Not imported: 2 users of the source" in imports.terminal.out
        assert sorted(imports.files()) == ["settings.yaml", "users/people.yaml"]
    text = imports.text("users/people.yaml")
    assert text == before.replace("Sales", "R&D")


def test_an_entry_that_was_in_error_before_is_imported(imports: Imports) -> None:
    imports.write("users/zoe.yaml", "- {userPrincipalName: zoe@example.com, objectId: z-1, department: IT}\n")
    zoe = Person({"userPrincipalName": "zoe@example.com", "objectId": "z-1", "department": "R&D"})
    assert imports.run(snapshot(ADA, BOB, zoe)) is ExitCode.PARTIAL
    assert "department: R&D" in imports.text("users/zoe.yaml")
    assert "Not imported" not in imports.terminal.out


def test_errors_of_users_that_the_import_leaves_alone_are_not_its_errors(imports: Imports) -> None:
    imports.write("users/other.yaml", "- {userPrincipalName: zoe@example.com}\n")
    assert imports.run(snapshot(ADA, BOB, person("eve"))) is ExitCode.OK
    assert imports.terminal.found == []


def test_an_import_without_one_user_is_an_error(imports: Imports) -> None:
    before = imports.files()
    nameless = (Person({"objectId": "x-1"}), Person({"objectId": "x-2"}))
    assert imports.run(snapshot(*nameless)) is ExitCode.ERROR
    assert imports.files() == before


def test_json_is_one_document_of_the_published_schema(imports: Imports) -> None:
    imports.write("settings.yaml", STRICT)
    as_json = replace(IMPORT, format="json")
    for source, outcome, code in (
        (snapshot(ADA, BOB, person("eve")), "written", ExitCode.OK),
        (snapshot(ADA, BOB, person("eve")), "unchanged", ExitCode.OK),
        (snapshot(ADA, person("eve"), gone=GONE), "blocked", ExitCode.BLOCKED),
    ):
        assert imports.run(source, as_json, "remove") is code
        document = json.loads(imports.terminal.out)
        jsonschema.validate(document, json_schema())
        assert document["outcome"] == outcome
        assert imports.terminal.found == []


def test_options_that_do_not_go_together_are_refused(imports: Imports) -> None:
    for options, redact in ((replace(IMPORT, format="html"), False), (replace(IMPORT, format="json"), True)):
        with pytest.raises(UsageError):
            imports.run(snapshot(ADA), options, redact=redact)


def test_a_redacted_import_has_no_names(imports: Imports) -> None:
    assert imports.run(snapshot(ADA, BOB, person("eve")), redact=True) is ExitCode.OK
    assert not [word for word in ("ada", "eve", "Lovelace", "users/") if word in imports.terminal.out]


def test_uncommitted_edits_stay_and_missing_files_are_refused(imports: Imports) -> None:
    git(imports.state.parent, "init")
    git(imports.state.parent, "add", ".")
    git(imports.state.parent, "commit", "-m", "x")
    edited = PEOPLE.replace("# likes tea", "# likes coffee")
    imports.write("users/people.yaml", edited)
    assert imports.run(snapshot(ADA, BOB, person("eve"))) is ExitCode.OK
    assert imports.text() == edited

    (imports.state / "users/people.yaml").unlink()
    before = imports.files()
    with pytest.raises(SourceError, match="the desired state cannot be read as a whole"):
        imports.run(snapshot(ADA, BOB, person("eve")))
    assert imports.files() == before, "Ada and Bob are not added to another file"
    assert "users/people.yaml" in "".join(imports.terminal.summaries)
