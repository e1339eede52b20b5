"""The project itself: style, types, floors, and that README, CI and locks agree."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def ran(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)


def test_ruff_has_nothing_to_say() -> None:
    checked = ran("ruff", "check", "--no-cache", ".")
    assert checked.returncode == 0, checked.stdout
    formatted = ran("ruff", "format", "--no-cache", "--check", ".")
    assert formatted.returncode == 0, formatted.stdout


def test_types_are_strict() -> None:
    checked = ran("mypy")
    assert checked.returncode == 0, checked.stdout


def test_imports_only_point_down() -> None:
    checked = ran("lint-imports", "--no-cache")
    assert checked.returncode == 0, checked.stdout


def test_ci_runs_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    command = next(line for line in readme.splitlines() if line.endswith("&& .venv/bin/pytest"))
    assert command in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert "bash .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")


def test_the_locks_hold_every_dependency_with_hashes_and_no_address() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "run.lock": project["dependencies"],
        "sandbox.lock": [*project["dependencies"], *extras["sandbox"]],
        "dev.lock": [*project["dependencies"], *extras["sandbox"], *extras["dev"]],
    }
    for name, requirements in wanted.items():
        lock = (ROOT / "requirements" / name).read_text("utf-8")
        locked = dict(re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)", lock, re.MULTILINE))
        names = {re.split(r"[\[<>=]", requirement)[0].replace(".", "-") for requirement in requirements}
        assert names - {"scim-reconciler"} <= locked.keys(), name
        assert lock.count("--hash=sha256:") >= len(locked)
        assert "://" not in lock
        assert "--index" not in lock


def test_an_extra_that_a_dependency_asks_for_is_locked_as_an_extra() -> None:
    # pip before 23.3 looks for `name[extra]` apart from `name`, takes the newest, and then refuses it as not pinned.
    lock = (ROOT / "requirements" / "dev.lock").read_text("utf-8")
    locked = {f"{name}[{extras}]" for name, extras in re.findall(r"^([a-z0-9.-]+)\[([a-z,]+)\]==", lock, re.MULTILINE)}
    names = re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==", lock, re.MULTILINE)
    asked = {
        f"{canonicalize_name(wanted.name)}[{','.join(sorted(wanted.extras))}]"
        for name in names
        for wanted in map(Requirement, installed_requirements(name))
        if wanted.extras and (wanted.marker is None or wanted.marker.evaluate({"extra": ""}))
    }
    assert asked == locked


def installed_requirements(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # Locked for another platform.
        return []


def test_every_action_is_pinned_by_its_commit() -> None:
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        for used in re.findall(r"\buses: (\S+)", workflow.read_text("utf-8")):
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", used), (workflow.name, used)


def test_every_decision_is_listed_and_fits_a_screen() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(path.name for path in folder.glob("0*.md"))
    assert all(len((folder / name).read_text("utf-8").splitlines()) <= 40 for name in listed)
