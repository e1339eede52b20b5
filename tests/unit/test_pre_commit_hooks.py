"""Hooks of .pre-commit-hooks.yaml, run by pre-commit with the program of this environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.packages import ROOT, tool
from support.recording_terminal import RecordingTerminal

from reconciler.commands.init import InitOptions, run_init

HOOKS = YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")
USERS = "desired-state/users/people.yaml"


@pytest.fixture
def repository(tmp_path: Path, terminal: RecordingTerminal) -> Path:
    """A repository made by `init` whose configuration names every hook, each as a local one."""
    root = tmp_path / "repository"
    run_init(root, InitOptions("scim", "example.org", None), terminal)
    hooks = [
        {**hook, "language": "system", "entry": f"{Path(sys.executable).parent}/{hook['entry']}"} for hook in HOOKS
    ]
    with (root / ".pre-commit-config.yaml").open("w") as file:
        YAML().dump({"repos": [{"repo": "local", "hooks": hooks}]}, file)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def commit(root: Path, *files: str) -> tuple[int, str]:
    """Return what the hooks say about these files."""
    subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
    env = {**os.environ, "PRE_COMMIT_HOME": str(root.parent / "cache")}
    ran = subprocess.run(
        [tool("pre-commit"), "run", "--color=never", "--files", *files],
        cwd=root, env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return ran.returncode, ran.stdout + ran.stderr


def test_pre_commit_accepts_the_definition_of_the_hooks() -> None:
    subprocess.run([tool("pre-commit"), "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")], check=True)
    assert [(hook["id"], hook["language"]) for hook in HOOKS] == [
        ("reconciler-validate", "python"), ("reconciler-fmt", "python"),
    ]  # fmt: skip


def test_good_files_pass_and_other_files_run_nothing(repository: Path) -> None:
    code, said = commit(repository, USERS)
    assert (code, said.count("Passed")) == (0, 2), said
    code, said = commit(repository, "README.md")
    assert (code, said.count("Skipped")) == (0, 2), said


def test_a_bad_file_fails_with_its_place(repository: Path) -> None:
    with (repository / USERS).open("a") as file:
        file.write("- displayName: Nobody\n")
    code, said = commit(repository, USERS)
    line = len((repository / USERS).read_text().splitlines())
    assert code == 1, said
    assert f"users/people.yaml:{line}:3" in said


def test_a_file_that_is_not_formatted_fails_and_stays(repository: Path) -> None:
    path = repository / USERS
    path.write_text(path.read_text() + "\n\n\n")
    before = path.read_bytes()
    code, said = commit(repository, USERS)
    assert (code, said.count("Passed"), said.count("Failed")) == (1, 1, 1), said
    assert path.read_bytes() == before
