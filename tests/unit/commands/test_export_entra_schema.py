from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.builders import NOW
from support.recording_terminal import RecordingTerminal

from reconciler.commands.export_entra_schema import run_export_entra_schema
from reconciler.errors import ExitCode
from reconciler.session.workspace import Workspace

MAPPINGS = """
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: title, source: jobTitle}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    state = tmp_path / "desired-state"
    state.mkdir()
    (state / "settings.yaml").write_text("target: {profile: scim, base_url: 'https://scim.example.com'}\n")
    (state / "mappings.yaml").write_text(MAPPINGS)
    return Workspace(state, tmp_path / "plans", False, NOW)


def test_the_schema_goes_to_stdout(workspace: Workspace, terminal: RecordingTerminal) -> None:
    assert run_export_entra_schema(workspace, None, terminal) is ExitCode.OK
    (rule,) = json.loads(terminal.out)["synchronizationRules"]
    (users,) = rule["objectMappings"]
    assert {"userName", "title"} <= {each["targetAttributeName"] for each in users["attributeMappings"]}


def test_the_schema_goes_to_a_file(workspace: Workspace, terminal: RecordingTerminal, tmp_path: Path) -> None:
    run_export_entra_schema(workspace, tmp_path / "schema.json", terminal)
    assert json.loads((tmp_path / "schema.json").read_text())["synchronizationRules"]
    assert terminal.out == ""
    assert terminal.notes[0] == f"Wrote {tmp_path / 'schema.json'}."


def test_invalid_files_are_shown_and_nothing_exported(workspace: Workspace, terminal: RecordingTerminal) -> None:
    (workspace.state / "mappings.yaml").write_text("- {target: title}\n")
    assert run_export_entra_schema(workspace, None, terminal) is ExitCode.ERROR
    assert terminal.found
    assert terminal.out == ""


def test_log_commands_of_github_are_escaped(workspace: Workspace, terminal: RecordingTerminal) -> None:
    (workspace.state / "mappings.yaml").write_text(f"{MAPPINGS}- {{target: nickName, constant: '##[error] Zoë'}}\n")
    run_export_entra_schema(workspace, None, terminal)
    assert "##[" not in terminal.out
    assert "Zoë" in terminal.out
    assert "##[error] Zoë" in json.dumps(json.loads(terminal.out), ensure_ascii=False)
