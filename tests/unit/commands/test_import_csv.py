"""`import csv` in a small desired state."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.csv_files import write_csv
from support.recording_terminal import RecordingTerminal

from reconciler.commands.import_csv import ImportCsvOptions, run_import_csv
from reconciler.errors import ExitCode, SourceError, UsageError
from reconciler.render.diagnostics import render_diagnostics
from reconciler.render.style import Style
from reconciler.session.workspace import Workspace
from reconciler.sources.state_files import read_state_files

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SETTINGS = """\
target:
  profile: apple-business-manager
  base_url: https://federation.apple.com/feeds/business/scim
guards:
  removals: {count: 1, percent: 100}
"""
MAPPINGS = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
- {target: "enterprise:costCenter", source: kst}
- {target: "enterprise:employeeNumber", source: badge, match: 3}
"""
PEOPLE = """\
# Everyone.
- userPrincipalName: ada@example.com   # likes tea
  objectId: a-1
  givenName: Ada
  surname: Lovelace
  employeeId: "0007"
  lifecycle: {expires: 2027-01-01}
- {userPrincipalName: bob@example.com, objectId: b-1, givenName: Bob, surname: Ross, department: IT}
"""
HEADER = ["userPrincipalName", "objectId", "givenName", "surname"]
ADA = ["ada@example.com", "a-1", "Ada", "Lovelace"]
BOB = ["bob@example.com", "b-1", "Bob", "Ross"]
EVE = ["eve@example.com", "e-1", "Eve", "Moore"]
ZOE = ["zoe@example.com", "z-1", "Zoë", "Ost"]


class Imports:
    """A desired state of two people, and what imports into it did."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "desired-state"
        self.write("settings.yaml", SETTINGS)
        self.write("mappings.yaml", MAPPINGS)
        self.write("users/people.yaml", PEOPLE)
        self.terminal = RecordingTerminal()

    def write(self, name: str, text: str) -> None:
        path = self.state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def read(self, name: str) -> str:
        return (self.state / name).read_text("utf-8")

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.state)): path.read_bytes() for path in self.state.rglob("*.yaml")}

    def run(self, *rows: list[str], content: bytes | None = None, **options: Any) -> ExitCode:
        file = self.root / "staff.csv"
        file.write_bytes(content if content is not None else write_csv(rows).encode())
        self.terminal = RecordingTerminal()
        workspace = Workspace(self.state, self.root / "plans", False, NOW)
        return run_import_csv(workspace, ImportCsvOptions(file, **options), self.terminal)


@pytest.fixture
def imports(tmp_path: Path) -> Imports:
    return Imports(tmp_path)


def test_people_are_added_and_changed_and_nothing_else(imports: Imports) -> None:
    assert imports.run(HEADER, ["ada@example.com", "a-1", "Ada", "King"], EVE) is ExitCode.OK
    assert imports.read("users/people.yaml") == PEOPLE.replace("Lovelace", "King")
    assert "userPrincipalName: eve@example.com" in imports.read("users/csv.yaml")
    assert "1 to add, 1 to change" in imports.terminal.out
    assert "bob@example.com" not in imports.terminal.out


def test_a_second_import_changes_nothing(imports: Imports) -> None:
    imports.run(HEADER, ADA, EVE)
    before = imports.files()
    assert imports.run(HEADER, ADA, EVE, check=True) is ExitCode.OK
    assert imports.files() == before


def test_columns_that_the_file_lacks_are_kept_and_empty_cells_clear(imports: Imports) -> None:
    assert imports.run([*HEADER, "department"], [*BOB, ""], [*ADA, ""], [*EVE, "IT"]) is ExitCode.OK
    assert "department" not in imports.read("users/people.yaml")
    assert 'employeeId: "0007"' in imports.read("users/people.yaml")
    assert "lifecycle: {expires: 2027-01-01}" in imports.read("users/people.yaml")


def test_check_and_dry_run_write_nothing(imports: Imports) -> None:
    before = imports.files()
    assert imports.run(HEADER, EVE, check=True) is ExitCode.CHANGES
    assert imports.run(HEADER, EVE, dry_run=True) is ExitCode.OK
    assert imports.files() == before


def test_attributes_that_mappings_read_are_known(imports: Imports) -> None:
    assert imports.run([*HEADER, "KST"], [*EVE, "0012"]) is ExitCode.OK
    assert 'kst: "0012"' in imports.read("users/csv.yaml")
    with pytest.raises(SourceError, match="column badge: placeholders for a missing value"):
        imports.run([*HEADER, "badge"], [*EVE, "NULL"])


def test_zeros_that_git_has_are_not_lost(imports: Imports) -> None:
    before = imports.files()
    with pytest.raises(SourceError, match="leading zeros are lost"):
        imports.run([*HEADER, "employeeId"], [*ADA, "7"])
    assert imports.files() == before


def test_people_in_doubt_stay_and_the_others_are_imported(imports: Imports) -> None:
    rows = [[*HEADER, "department"], [*BOB, "#REF!"], [*EVE, "IT"]]
    assert imports.run(*rows) is ExitCode.PARTIAL
    assert imports.read("users/people.yaml") == PEOPLE
    assert "eve@example.com" in imports.read("users/csv.yaml")
    assert imports.terminal.summaries == ['column department: error values of a spreadsheet, such as "#REF!" (1 value)']
    assert "Not imported: 1 user of the source" in imports.terminal.out


def test_an_import_of_no_one_is_an_error(imports: Imports) -> None:
    assert imports.run([*HEADER, "department"], [*BOB, "#REF!"]) is ExitCode.ERROR


def test_absence_removes_no_one(imports: Imports) -> None:
    imports.run(HEADER, EVE, ZOE)
    before = imports.files()
    assert imports.run(HEADER, EVE) is ExitCode.OK
    assert imports.files() == before


def test_on_missing_disables_or_removes_those_that_csv_imports_added(imports: Imports) -> None:
    imports.run(HEADER, EVE, ZOE)
    assert imports.run(HEADER, EVE, on_missing="disable") is ExitCode.OK
    assert "accountEnabled: false" in imports.read("users/csv.yaml")
    assert imports.run(HEADER, EVE, on_missing="remove") is ExitCode.OK
    assert "zoe@example.com" not in imports.read("users/csv.yaml")
    assert imports.read("users/people.yaml") == PEOPLE


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_no_one_is_missing_if_a_new_user_would_be_in_error(imports: Imports, on_missing: str) -> None:
    imports.run(HEADER, EVE, ZOE)
    before = imports.files()
    # Without an objectId the new user has no externalId: it may be Zoë under another name.
    names = ["userPrincipalName", "givenName", "surname"]
    rows = [["eve@example.com", "Eve", "Moore"], ["susi@example.com", "Susi", "Berg"]]
    assert imports.run(names, *rows, on_missing=on_missing) is ExitCode.PARTIAL
    assert imports.files() == before
    assert "no missing user is disabled or removed" in imports.terminal.out


def test_the_guard_on_removals_blocks_beyond_its_limit(imports: Imports) -> None:
    imports.run(HEADER, EVE, ZOE, ["max@example.com", "m-1", "Max", "Mo"])
    before = imports.files()
    assert imports.run(HEADER, EVE, on_missing="remove") is ExitCode.BLOCKED
    assert imports.files() == before
    approval = imports.terminal.out.split("--approve ")[1].split()[0]
    assert imports.run(HEADER, EVE, on_missing="remove", approve=approval) is ExitCode.OK
    assert "zoe@example.com" not in imports.read("users/csv.yaml")


def test_new_users_that_nothing_assigns_are_pointed_out(imports: Imports) -> None:
    assert imports.run(HEADER, ZOE) is ExitCode.OK
    imports.write("scope.yaml", "sync: assigned\nassigned:\n  users: [zoe@example.com]\n")
    imports.run(HEADER, EVE, ZOE, BOB, dry_run=True)
    note = "1 new user gets no account yet: a CSV file assigns no one."
    assert note in imports.terminal.out
    imports.write("scope.yaml", "sync: all\n")
    imports.run(HEADER, EVE, ZOE, BOB, dry_run=True)
    assert note not in imports.terminal.out


HOSTILE = [
    "::set-env name=A::b",
    "##[command]rm",
    "a: b # c",
    "No",
    "0012",
    "{{ 7*7 }}",
    "*x",
    "- y",
    '"',
    "'",
    "<b>",
    "|",
]


def test_hostile_values_stay_values(imports: Imports) -> None:
    rows = [[f"u{number}@example.com", f"u-{number}", "Given", value] for number, value in enumerate(HOSTILE)]
    assert imports.run(HEADER, *rows) is ExitCode.OK
    assert not [line for line in imports.terminal.out.splitlines() if line.lstrip().startswith("::")]
    assert "##[" not in imports.terminal.out
    users = {user.name: user.fields for user in read_state_files(imports.state).current.users}
    assert [users[row[0]]["surname"] for row in rows] == HOSTILE
    assert imports.run(HEADER, *rows, check=True) is ExitCode.OK


def test_characters_that_control_a_terminal_are_shown_as_escapes(imports: Imports) -> None:
    rows = [
        [HEADER[0], HEADER[1], "\x1b[31mcity", *HEADER[2:]],
        ["a\u202eb@example.com", "x-1", "\x1b[2J", "A", "B"],
        [EVE[0], EVE[1], "", *EVE[2:]],
    ]
    assert imports.run(*rows, maps=("\x1b[31mcity=city",)) is ExitCode.PARTIAL
    shown = render_diagnostics(imports.terminal.found, Style()) + imports.terminal.out
    assert shown.replace("\n", "").isprintable()
    assert "\\u{1b}[2J" in shown


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"on_missing": "delete"}, "--on-missing"),
        ({"encoding": "klingon"}, "--encoding"),
        ({"delimiter": "ab"}, "--delimiter"),
        ({"dates": "ymd"}, "--dates"),
        ({"maps": ("x",)}, "--map"),
        ({"format": "yaml"}, "format"),
    ],
)
def test_wrong_options_are_refused(imports: Imports, options: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        imports.run(HEADER, EVE, **options)


def test_without_settings_nothing_is_written(imports: Imports) -> None:
    (imports.state / "settings.yaml").unlink()
    before = imports.files()
    assert imports.run(HEADER, EVE) is ExitCode.ERROR
    assert imports.terminal.summaries == ["settings.yaml is missing"]
    assert imports.files() == before


def test_a_file_that_cannot_be_read_changes_nothing(imports: Imports) -> None:
    before = imports.files()
    with pytest.raises(SourceError, match="not UTF-8"):
        imports.run(content=write_csv([HEADER, ZOE]).encode("cp1252"))
    assert imports.files() == before
    assert imports.run(content=write_csv([HEADER, ZOE]).encode("cp1252"), encoding="windows-1252") is ExitCode.OK
    assert "Zoë" in imports.read("users/csv.yaml")
