from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.builders import NOW
from support.entra_schemas import USUAL, clause, function, group, row, schema, users
from support.recording_terminal import RecordingTerminal

from reconciler.commands.import_entra_schema import ImportOptions, run_import_entra_schema
from reconciler.commands.init import InitOptions, run_init
from reconciler.errors import ExitCode, SchemaError, SourceError, UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(schema(users())))
    return path


def run(tmp_path: Path, options: ImportOptions, terminal: RecordingTerminal) -> ExitCode:
    return run_import_entra_schema(tmp_path / "desired-state", options, NOW, terminal)


def test_both_files_are_written(tmp_path: Path, file: Path, terminal: RecordingTerminal) -> None:
    assert run(tmp_path, ImportOptions(file, "scim"), terminal) is ExitCode.OK
    assert "target: userName" in (tmp_path / "desired-state/mappings.yaml").read_text()
    assert (tmp_path / "desired-state/scope.yaml").is_file()
    assert terminal.out.startswith("Wrote ")


def test_a_dry_run_prints_both_and_writes_none(tmp_path: Path, file: Path, terminal: RecordingTerminal) -> None:
    run(tmp_path, ImportOptions(file, "scim", dry_run=True), terminal)
    assert terminal.out.count("# ---- ") == 2
    assert not (tmp_path / "desired-state").exists()


def test_existing_mappings_are_replaced_with_force_only(
    tmp_path: Path, file: Path, terminal: RecordingTerminal
) -> None:
    (tmp_path / "desired-state").mkdir()
    mappings = tmp_path / "desired-state/mappings.yaml"
    mappings.write_text("[]\n")
    with pytest.raises(SchemaError, match="exists already"):
        run(tmp_path, ImportOptions(file, "scim"), terminal)
    assert mappings.read_text() == "[]\n"
    run(tmp_path, ImportOptions(file, "scim", force=True), terminal)
    assert mappings.read_text() != "[]\n"


def test_the_line_for_editors_stays_in_replaced_files(tmp_path: Path, file: Path, terminal: RecordingTerminal) -> None:
    (tmp_path / "desired-state").mkdir()
    lines = {name: f"# yaml-language-server: $schema=../schemas/{name}.json\n" for name in ("mappings", "scope")}
    for name, content in (("mappings", "[]\n"), ("scope", "sync: all\n")):
        (tmp_path / f"desired-state/{name}.yaml").write_text(f"{lines[name]}{content}")
    for _ in range(2):
        run(tmp_path, ImportOptions(file, "scim", force=True), terminal)
        for name, line in lines.items():
            text = (tmp_path / f"desired-state/{name}.yaml").read_text()
            assert text.startswith(line)
            assert text.count("yaml-language-server") == 1


def test_new_files_name_the_schemas_of_the_repository(tmp_path: Path, file: Path, terminal: RecordingTerminal) -> None:
    (tmp_path / "desired-state").mkdir()
    (tmp_path / "schemas").mkdir()
    for name in ("mappings", "scope"):
        (tmp_path / f"schemas/{name}.json").write_text("{}")
    run(tmp_path, ImportOptions(file, "scim"), terminal)
    for name in ("mappings", "scope"):
        text = (tmp_path / f"desired-state/{name}.yaml").read_text()
        assert text.startswith(f"# yaml-language-server: $schema=../schemas/{name}.json\n# ")


def test_files_that_layers_of_a_fleet_give_are_refused(tmp_path: Path, file: Path, terminal: RecordingTerminal) -> None:
    run_init(tmp_path / "fleet", InitOptions("scim", "example.org", None, fleet=True), terminal)
    tenant = tmp_path / "fleet/tenants/acme"
    with pytest.raises(SourceError, match=r"the import would change mappings\.yaml, which layers of the fleet"):
        run_import_entra_schema(tenant, ImportOptions(file, "scim", force=True), NOW, terminal)
    assert not (tenant / "mappings.yaml").exists()


def test_a_scope_keeps_its_other_keys_and_comments(tmp_path: Path, file: Path, terminal: RecordingTerminal) -> None:
    (tmp_path / "desired-state").mkdir()
    filters = [group("Sales", clause("department", "EQUALS", "Sales"))]
    file.write_text(json.dumps(schema(users(groups=filters))))
    scope = tmp_path / "desired-state/scope.yaml"
    scope.write_text("# Ours.\nsync: all\nfilters: []\n# Kept.\nexcluded: {users: []}\n")
    run(tmp_path, ImportOptions(file, "scim"), terminal)
    text = scope.read_text()
    assert text.startswith("# Ours.\nsync: all\n# Kept.\nexcluded: {users: []}\n")
    assert text.count("filters:") == 1


def test_what_has_no_equivalent_is_exit_code_5(tmp_path: Path, file: Path, terminal: RecordingTerminal) -> None:
    file.write_text(json.dumps(schema(users([*USUAL, row("title", function("Unheard([department])"))]))))
    assert run(tmp_path, ImportOptions(file, "scim"), terminal) is ExitCode.PARTIAL
    assert terminal.found


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (ImportOptions(Path("schema.json"), "apple"), UsageError, 'there is no profile "apple"'),
        (ImportOptions(Path("missing.json"), "scim"), SchemaError, "cannot read missing.json"),
        (ImportOptions(Path(), "scim"), SchemaError, "is not a regular file"),
    ],
)
def test_unusable_options_are_errors(
    tmp_path: Path, terminal: RecordingTerminal, options: ImportOptions, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(tmp_path, options, terminal)
