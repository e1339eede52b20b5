"""The repositories in examples/ are valid, formatted, applied on the sandbox, and have the workflows of `init`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.example_directory import WRITTEN_BY_HAND, import_people
from support.examples import EXAMPLES, GITHUB, IMPORTED, INIT, read_files, render_workflows
from support.workspace import run

SINGLE = [name for name in INIT if name != "school-fleet"]


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the example that the parameter names, as the current directory."""
    shutil.copytree(EXAMPLES / request.param, tmp_path / "copy", ignore=shutil.ignore_patterns(".reconciler", "plans"))
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))


@pytest.mark.parametrize("copy", SINGLE, indirect=True)
@pytest.mark.usefixtures("copy")
def test_an_example_is_valid_formatted_and_applied_until_nothing_changes() -> None:
    for line in (["validate"], ["fmt", "--check"], ["apply", "--sandbox", "--auto-approve"]):
        found = run(["reconciler", *line])
        assert found.code == 0, found.out + found.err
    again = run(["reconciler", "plan", "--sandbox"])
    assert again.out.startswith("No changes. "), again.out + again.err


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("copy", ["school-fleet"], indirect=True)
def test_the_fleet_is_valid_formatted_and_applied_until_nothing_changes() -> None:
    for folder in sorted(Path("tenants").iterdir()):
        found = run(["reconciler", "fmt", "--check", "--state", str(folder)])
        assert found.code == 0, found.out + found.err
    for line in (["validate"], ["apply", "--sandbox", "--auto-approve"]):
        found = run(["reconciler", "fleet", *line])
        assert found.code == 0, found.out + found.err
    again = run(["reconciler", "fleet", "plan", "--sandbox", "--detailed-exitcode"])
    assert (again.code, again.out) == (
        0,
        "4 tenants: 4 ok.\nUsers: 0 to create, 0 to update, 0 to remove, 13 unchanged, 0 failed.\n",
    )


@pytest.mark.parametrize("name", INIT)
def test_the_workflows_of_an_example_are_those_of_init(name: str) -> None:
    assert read_files(EXAMPLES / name / GITHUB) == render_workflows(name), "run `make examples`"


def test_the_imported_people_are_those_of_the_command() -> None:
    written = {name: text for name, text in read_files(IMPORTED).items() if name not in WRITTEN_BY_HAND}
    assert written == import_people(IMPORTED), "run `make examples`"


def test_zizmor_finds_nothing_in_the_examples() -> None:
    folders = [str(EXAMPLES / name / GITHUB / "workflows") for name in INIT]
    command = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--quiet", *folders]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", INIT)
def test_the_first_line_of_a_file_names_a_schema_that_exists(name: str) -> None:
    for path in sorted((EXAMPLES / name).rglob("*.yaml")):
        if path.parent.name == "kubernetes":
            continue
        start, _, schema = path.read_text("utf-8").partition("\n")[0].partition("$schema=")
        assert start == "# yaml-language-server: ", path
        assert Path(os.path.normpath(path.parent / schema)).is_file(), path
