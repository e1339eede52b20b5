from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.errors import ExitCode, SourceError, UsageError
from reconciler.session import people_import
from reconciler.session.people_import import PeopleImportOptions, import_people
from reconciler.session.workspace import Workspace
from reconciler.sources.import_plan import MergeRules
from reconciler.sources.snapshot import GoneReason, Person, Snapshot, SourceGroup, SourceScope

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
    ) -> ExitCode:
        self.terminal = RecordingTerminal(redact=redact)
        workspace = Workspace(self.state, self.state.parent / "plans", sandbox=False, now=NOW)
        return import_people(
            workspace, source, MergeRules("users/new.yaml", on_missing=on_missing), options, self.terminal
        )

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


def test_a_missing_person_is_reported_and_stays(imports: Imports) -> None:
    before = imports.files()
    assert imports.run(snapshot(ADA, gone=GONE)) is ExitCode.OK
    assert imports.files() == before
    assert "1 not in the source, left as it is." in imports.terminal.out


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


def test_a_file_that_is_no_yaml_is_refused(imports: Imports) -> None:
    imports.write("groups/all.yaml", "- name: [\n")
    before = imports.files()
    with pytest.raises(SourceError, match=r"groups/all\.yaml:"):
        imports.run(snapshot(ADA, BOB, person("eve")))
    assert imports.files() == before


def test_a_result_that_would_be_invalid_is_refused_with_its_errors(imports: Imports) -> None:
    before = imports.files()
    broken = replace(IMPORT, other_files={"mappings.yaml": b"- target: nonsense\n  source: city\n"})
    with pytest.raises(SourceError, match="the files would not be valid after this import"):
        imports.run(snapshot(ADA, BOB), broken)
    assert imports.files() == before
    assert imports.terminal.found


def test_an_import_without_one_user_is_an_error(imports: Imports) -> None:
    before = imports.files()
    nameless = (Person({"objectId": "x-1"}), Person({"objectId": "x-2"}))
    assert imports.run(snapshot(*nameless)) is ExitCode.ERROR
    assert imports.files() == before


def test_options_that_do_not_go_together_are_refused(imports: Imports) -> None:
    for options, redact in ((replace(IMPORT, format="html"), False), (replace(IMPORT, format="json"), True)):
        with pytest.raises(UsageError):
            imports.run(snapshot(ADA), options, redact=redact)
