from pathlib import Path

from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal

from reconciler.commands.github.import_patch import run_import_patch
from reconciler.errors import ExitCode
from reconciler.github.import_patch import read_patch
from reconciler.session.workspace import Workspace, parse_now


def test_what_an_import_changed_is_saved(tmp_path: Path, terminal: RecordingTerminal) -> None:
    head = GitRepository(tmp_path).commit("Begin", {"desired-state/users/a.yaml": "[]\n"})
    workspace = Workspace(tmp_path / "desired-state", tmp_path / "plans", sandbox=False, now=parse_now("2026-12-01"))
    (workspace.state / "users/a.yaml").write_text("- {userPrincipalName: ada}\n")
    out = tmp_path / "import.json"
    assert run_import_patch(workspace, out, terminal) is ExitCode.OK
    patch = read_patch(out.read_bytes())
    assert (patch.base, dict(patch.files)) == (head, {"users/a.yaml": "- {userPrincipalName: ada}\n"})
    assert terminal.notes == ["The import changes 1 file."]
    assert out.stat().st_mode & 0o777 == 0o600
