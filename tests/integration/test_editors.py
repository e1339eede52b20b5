"""The schemas in a real editor's server: nothing to complain about, keys and values to complete, errors in place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.entra_schemas import schema, users
from support.language_server import SERVER, LanguageServer
from support.workspace import run

from reconciler.desired.source_attributes import ENTRA_ATTRIBUTES
from reconciler.errors import ExitCode

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not SERVER.exists() or shutil.which("node") is None,
    reason="needs the YAML language server: npm ci --prefix tests/editors",
)
USER = '- objectId: "1"\n  userPrincipalName: ada@example.com\n  '


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    with LanguageServer() as found:
        yield found
        assert found.requests == []


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new repository with the files of one tenant."""
    root = tmp_path_factory.mktemp("editors") / "new"
    assert run(["reconciler", "init", str(root)]).code == 0
    return root


def with_schema(kind: str, text: str) -> str:
    return f"# yaml-language-server: $schema=../schemas/{kind}.json\n{text}"


def position(text: str) -> tuple[int, int]:
    """The line and column, from 0, of the end of a text."""
    return text.count("\n"), len(text.rpartition("\n")[2])


def find_mistakes(server: LanguageServer, files: Iterable[Path]) -> dict[str, list[dict[str, Any]]]:
    """The diagnostics of files, by name; files without any are left out."""
    opened = server.open_all({path: path.read_text("utf-8") for path in files})
    return {path.name: found for path, found in opened.items() if found}


def test_the_sample_has_no_diagnostics(server: LanguageServer) -> None:
    files = sorted((ROOT / "desired-state").rglob("*.yaml"))
    assert len(files) > 15
    assert find_mistakes(server, files) == {}


@pytest.mark.parametrize("options", [(), ("--fleet",)])
def test_a_new_repository_names_its_schemas_and_has_no_diagnostics(
    options: tuple[str, ...], server: LanguageServer, tmp_path: Path
) -> None:
    assert run(["reconciler", "init", str(tmp_path / "new"), *options]).code == 0
    files = [path for path in (tmp_path / "new").rglob("*.yaml") if ".github" not in path.parts]
    assert len(files) > 4
    unnamed = [path for path in files if not path.read_text("utf-8").startswith("# yaml-language-server: $schema=../")]
    assert [path.name for path in unnamed if path.name != "fleet.yaml"] == []
    assert find_mistakes(server, files) == {}


@pytest.mark.parametrize("state", ["desired-state", "tenants/acme"])
def test_files_that_commands_write_name_their_schema(
    state: str, server: LanguageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "new"
    is_fleet = state != "desired-state"
    assert run(["reconciler", "init", str(root), *(["--fleet"] if is_fleet else [])]).code == 0
    monkeypatch.chdir(root)
    for name in ("mappings.yaml", "scope.yaml"):
        (Path("defaults" if is_fleet else state) / name).unlink()
    Path("people.csv").write_text("userPrincipalName,givenName\ncyd@example.com,Cyd\n", "utf-8")
    Path("schema.json").write_text(json.dumps(schema(users())), "utf-8")
    commands = [
        f"import entra-schema schema.json --state {state}",
        f"add user --upn ada@example.com --file users/sales/north/ada.yaml --offline --state {state}",
        f"import csv people.csv --state {state}",
    ]
    for command in commands:
        found = run(["reconciler", *command.split()])
        assert found.code in (ExitCode.OK, ExitCode.PARTIAL), (command, found.err)
    files = sorted(Path(state).rglob("*.yaml"))
    assert {path.name for path in files} >= {"mappings.yaml", "scope.yaml", "ada.yaml", "csv.yaml"}
    unnamed = [path for path in files if not path.read_text("utf-8").startswith("# yaml-language-server: $schema=../")]
    assert unnamed == []
    assert find_mistakes(server, [path.absolute() for path in files]) == {}


@pytest.mark.parametrize(
    ("kind", "before", "offered"),
    [
        ("users", USER, set(ENTRA_ATTRIBUTES) - {"objectId", "userPrincipalName"}),
        ("settings", "guards:\n  ", {"removals", "reactivations", "updates", "foreign_accounts"}),
        ("settings", "lifecycle:\n  ", {"actions", "out_of_scope", "removed", "delete_after_days"}),
        ("settings", "target:\n  profile: ", {"apple-business-manager", "apple-school-manager", "scim"}),
        ("settings", "source:\n  entra:\n    keep: [", {"department", "extensionAttribute15"}),
        ("scope", "sync: ", {"assigned", "all"}),
        ("scope", "sync: all\nfilters:\n  - name: a\n    clauses:\n      - operator: ", {"EQUALS", "IS MEMBER OF"}),
        ("scope", "sync: all\nfilters:\n  - name: a\n    clauses:\n      - attribute: ", {"department", "mail"}),
        ("mappings", "- target: ", {"userName", "name.givenName"}),
        ("mappings", "- target: userName\n  source: ", {"userPrincipalName", "mail"}),
    ],
)
def test_keys_and_values_are_offered(
    kind: str, before: str, offered: set[str], server: LanguageServer, repository: Path
) -> None:
    path = repository / "desired-state" / f"complete-{kind}-{len(before)}.yaml"
    text = with_schema(kind, before)
    server.open(path, text + "\n")
    assert offered - server.complete(path, *position(text)).keys() == set()


@pytest.mark.parametrize(
    ("kind", "before", "word", "meaning"),
    [
        ("settings", "lifecycle:\n  removed: ", "delete", "The account is deleted"),
        ("scope", "filters:\n  - name: a\n    clauses:\n      - operator: ", "Includes", "contains `value`"),
        ("mappings", "- target: title\n  when_null: ", "clear", "removed"),
    ],
)
def test_an_offered_word_says_what_it_does(
    kind: str, before: str, word: str, meaning: str, server: LanguageServer
) -> None:
    path = ROOT / "desired-state" / f"word-{kind}.yaml"
    text = with_schema(kind, before)
    server.open(path, text + "\n")
    assert meaning in str(server.complete(path, *position(text))[word].get("documentation"))


def test_a_key_shows_what_it_means(server: LanguageServer) -> None:
    path = ROOT / "desired-state/settings.yaml"
    lines = path.read_text("utf-8").splitlines()
    server.open(path.with_name("hover.yaml"), "\n".join(lines))
    line = next(number for number, each in enumerate(lines) if each.startswith("ownership"))
    assert "which live users are managed" in server.hover(path.with_name("hover.yaml"), line, 2)


TARGET = "target:\n  profile: scim\n  base_url: https://scim.example.com/v2\n"
ERRORS = {
    "misspelt key": ("settings", f"{TARGET}gards:\n  removals: {{count: 1}}\n"),
    "misspelt key of a section": ("settings", f"{TARGET}guards:\n  removal: {{count: 1}}\n"),
    "misspelt key of a row": ("mappings", "- target: userName\n  source: mail\n  matched: 1\n"),
    "misspelt key of a group": ("groups", "- name: a\n  member: {users: []}\n"),
    "misspelt key of a date": ("users", f"{USER}lifecycle: {{expire: 2027-01-01}}\n"),
    "text for a number": ("settings", f"{TARGET}guards:\n  removals: {{count: many}}\n"),
    "text for a boolean": ("users", f"{USER}accountEnabled: maybe\n"),
    "text for a date": ("users", f"{USER}lifecycle:\n    expires: soon\n"),
    "list for a mapping": ("settings", f"{TARGET}lifecycle: [keep]\n"),
    "mapping for text": ("users", f"{USER}mail: {{work: ada@example.com}}\n"),
    "unknown value": ("settings", f"{TARGET}lifecycle:\n  removed: destroy\n"),
    "unknown value in a list": ("settings", f"{TARGET}lifecycle:\n  actions: [create, destroy]\n"),
    "unknown value at the top": ("scope", "sync: everyone\n"),
    "duplicate key": ("users", f"{USER}mail: a\n  mail: b\n"),
    "duplicate key of a section": ("settings", f"{TARGET}lifecycle:\n  removed: keep\n  removed: delete\n"),
    "duplicate key at the top": ("scope", "sync: all\nfilters: []\nsync: all\n"),
    "missing key": ("mappings", "- source: mail\n"),
}


@pytest.mark.parametrize("mistake", ERRORS)
def test_an_error_is_where_validate_reports_it(
    mistake: str, server: LanguageServer, repository: Path, tmp_path: Path
) -> None:
    kind, text = ERRORS[mistake]
    root = tmp_path / "repository"
    shutil.copytree(repository, root)
    folder = root / "desired-state"
    path = folder / kind / f"{tmp_path.name}.yaml" if (folder / kind).is_dir() else folder / f"{kind}.yaml"
    path.write_text(f"# yaml-language-server: $schema={root / 'schemas' / kind}.json\n{text}", "utf-8")
    report = json.loads(run(["reconciler", "validate", "--format", "json", "--state", str(folder)]).out)
    name = path.relative_to(folder).as_posix()
    places = [(each["line"], each["column"]) for each in report["diagnostics"] if each["file"] == name]
    starts = [each["range"]["start"] for each in server.open(path)]
    assert [(each["line"] + 1, each["character"] + 1) for each in starts] == places
    assert len(places) == 1


def test_a_schema_elsewhere_would_be_noticed(tmp_path: Path) -> None:
    with LanguageServer() as server:
        server.open(tmp_path / "x.yaml", "# yaml-language-server: $schema=http://127.0.0.1:9/x.json\na: b\n")
        assert server.requests == ["no network: connect 127.0.0.1:9"]
