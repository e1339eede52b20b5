"""`init`: the created repository works immediately, and existing files are not changed."""

from __future__ import annotations

import ensurepip
import subprocess
import sys
from pathlib import Path

import pytest
from hatchling.build import build_wheel
from support.workspace import CommandResult
from support.workspace import run as reconciler

from reconciler import __version__
from reconciler.commands.init import INSTALL
from reconciler.profiles import PROFILES


def init(folder: Path, *arguments: str) -> CommandResult:
    return reconciler(["reconciler", "init", str(folder), *arguments])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_created_repository_is_valid_and_can_be_planned_immediately(profile: str, tmp_path: Path) -> None:
    made = init(tmp_path / "new", "--profile", profile, "--domain", "Corp.Example")
    assert made.code == 0
    options = ["--state", str(tmp_path / "new/desired-state")]
    valid = reconciler(["reconciler", "validate", *options])
    assert (valid.code, valid.err) == (0, ""), valid
    planned = reconciler(["reconciler", "plan", "--sandbox", *options])
    assert planned.code == 0
    assert 'user "ada.example@corp.example"' in planned.out
    assert planned.out.rstrip().endswith("Plan: 1 to create, 0 to update, 0 to delete.")
    texts = b"\n".join(content for name, content in contents(tmp_path / "new").items() if "sandbox.db" not in name)
    placeholders = (b"PROFILE", b"BASE_URL", b"DOMAIN", b"VERSION", b"WHEEL", b" HASH")
    assert [placeholder for placeholder in placeholders if placeholder in texts] == []


def test_existing_files_are_reported_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "desired-state").mkdir()
    (tmp_path / "desired-state/scope.yaml").write_text("mine")
    (tmp_path / ".gitignore").symlink_to("nowhere")
    (tmp_path / "LICENSE").write_text("mine too")
    before = contents(tmp_path)
    refused = init(tmp_path)
    assert refused.code == 64
    assert ".gitignore" in refused.err
    assert "desired-state/scope.yaml" in refused.err
    assert "mappings" not in refused.err
    assert contents(tmp_path) == before


def test_a_repository_is_created_next_to_other_files(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("mine")
    assert init(tmp_path).code == 0
    assert init(tmp_path).code == 64


@pytest.mark.parametrize(
    "arguments",
    [("--profile", "azure"), ("--domain", "nothing"), ("--domain", "a.b]\n- x"), ("--wheel", "other-1.0-py3.whl")],
)
def test_an_invalid_option_writes_nothing(arguments: tuple[str, str], tmp_path: Path) -> None:
    assert init(tmp_path / "new", *arguments).code == 64
    assert not (tmp_path / "new").exists()


def test_the_workflows_install_only_the_wheel_in_the_repository(tmp_path: Path) -> None:
    built = build_wheel(str(tmp_path))
    made = init(tmp_path / "new", "--wheel", str(tmp_path / built))
    assert (made.code, "cannot install" in made.out) == (0, False)
    assert installed(tmp_path / "new").returncode == 0
    assert (tmp_path / "new/there/bin/reconciler").is_file()
    with (tmp_path / "new/requirements" / built).open("ab") as file:
        file.write(b"x")
    assert "DO NOT MATCH THE HASHES" in installed(tmp_path / "new").stderr


def installed(repository: Path) -> subprocess.CompletedProcess[str]:
    """Run the last install command of the workflow on a machine without access to a package index."""
    (pip,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    line = [sys.executable, f"{pip}/pip", *INSTALL[-1].split()[1:], "--no-index", "--target", "there"]
    return subprocess.run(line, cwd=repository, capture_output=True, text=True, check=False)


def test_without_a_wheel_init_reports_it_as_missing_and_uses_no_index(tmp_path: Path) -> None:
    made = init(tmp_path / "new")
    assert (made.code, "cannot install the program yet" in made.out) == (0, True), made.out
    locked = (tmp_path / "new/requirements/reconciler.txt").read_text()
    assert locked == f"./requirements/scim_reconciler-{__version__}-py3-none-any.whl\n"


def test_the_created_desired_state_is_drift_until_it_is_applied(tmp_path: Path) -> None:
    init(tmp_path / "new")
    options = ["--sandbox", "--state", str(tmp_path / "new/desired-state")]
    drifted = reconciler(["reconciler", "drift", "--detailed-exitcode", *options])
    assert (drifted.code, "ada.example@example.com" in drifted.out) == (2, True)
    assert reconciler(["reconciler", "apply", "--auto-approve", *options]).code == 0
    clean = reconciler(["reconciler", "drift", "--detailed-exitcode", "--format", "markdown", *options])
    assert (clean.code, "No changes." in clean.out) == (0, True), clean


def test_a_fleet_is_valid_and_can_be_planned_immediately(tmp_path: Path) -> None:
    root = tmp_path / "new"
    assert init(root, "--fleet", "--profile", "scim", "--domain", "Corp.Example").code == 0
    valid = reconciler(["reconciler", "fleet", "validate", "--fleet", str(root)])
    assert (valid.code, valid.err) == (0, ""), valid
    assert valid.out == "The fleet is valid: 2 tenants.\n"
    planned = reconciler(["reconciler", "fleet", "plan", "--sandbox", "--fleet", str(root)])
    assert planned.code == 0, planned.err
    assert "Users: 2 to create" in planned.out
    alone = reconciler(["reconciler", "plan", "--sandbox", "--state", str(root / "tenants/acme-school")])
    assert 'user "alan.example@school.corp.example"' in alone.out
    lowered = reconciler(
        ["reconciler", "fleet", "explain", "acme-school", "settings.guards.removals", "--fleet", str(root)]
    )
    assert "groups/schools/settings.yaml" in lowered.out
