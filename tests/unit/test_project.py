"""The project itself: its tasks, CI, locks and documents agree. Style, types and imports are checked by .ci/check."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


TASKS = (
    "check",
    "fix",
    "schemas",
    "reference",
    "pictures",
    "examples",
    "tutorial",
    "walk",
    "docs",
    "unit",
    "test",
    "coverage",
    "bench",
    "dist",
    "zipapp",
)


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def git(*arguments: str) -> str:
    """Return git's output. Skips the test outside of a repository."""
    ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode:
        pytest.skip(f"git {arguments[0]}: {ran.stderr.strip()}")
    return ran.stdout


# --- tasks and CI -------------------------------------------------------------


def test_each_task_is_in_the_makefile_and_says_what_it_does() -> None:
    assert re.findall(r"^([a-z]+):.*## \w", read("Makefile"), re.MULTILINE) == ["help", *TASKS]


def test_ci_checks_style_types_and_imports_before_the_tests() -> None:
    checks = re.findall(r"^check (\S+)", read(".ci/check"), re.MULTILINE)
    assert checks == ["ruff", "ruff", "mypy", "lint-imports"]
    assert all((BIN / check).is_file() for check in checks)
    run = read(".ci/run").splitlines()
    assert run.index(".ci/check") < next(number for number, line in enumerate(run) if "/pytest" in line)
    assert "\t.ci/check\n" in read("Makefile")


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = next(line for line in read("README.md").splitlines() if line.endswith("&& .venv/bin/pytest"))
    assert read(".ci/run").splitlines()[-1] == command, "the last line, so that pytest has the last word"
    assert "bash .ci/run" in read(".github/workflows/ci.yml")


def test_the_classifiers_are_the_versions_that_ci_tests() -> None:
    classifiers = re.findall(r"Python :: (3\.\d+)", read("pyproject.toml"))
    assert YAML(typ="safe").load(read(".github/workflows/ci.yml"))["jobs"]["test"]["strategy"]["matrix"] == {
        "python": classifiers
    }
    assert project()["project"]["requires-python"] == f">={classifiers[0]}"


def test_the_newest_python_of_the_classifiers_is_found(tmp_path: Path) -> None:
    newest = re.findall(r"Python :: (3\.\d+)", read("pyproject.toml"))[-1]
    folder = tmp_path / ".pyenv" / "versions" / f"{newest}.7" / "bin"
    folder.mkdir(parents=True)
    fake = folder / f"python{newest}"
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o755)

    def found() -> str:
        command = [sys.executable, str(ROOT / ".ci" / "newest-python")]
        environment = {"HOME": str(tmp_path), "PATH": "/nowhere"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert found() == ("" if sys.version_info[:2] >= tuple(map(int, newest.split("."))) else str(fake))
    fake.write_text("#!/bin/sh\nexit 1\n")
    assert found() == "", "a shim without its Python"


def test_the_coverage_floor_never_falls() -> None:
    commits = git("log", "--format=%H", "-G^fail_under = ", "--", "pyproject.toml").split()
    texts = [git("show", f"{commit}:pyproject.toml") for commit in commits]
    earlier = [int(floor) for text in texts for floor in re.findall(r"^fail_under = (\d+)$", text, re.MULTILINE)]
    assert project()["tool"]["coverage"]["report"]["fail_under"] >= max(earlier, default=0)


def test_pre_commit_runs_the_locked_ruff_and_installed_commands() -> None:
    repos = YAML(typ="safe").load(read(".pre-commit-config.yaml"))["repos"]
    locked = re.findall(r"^ruff==(\S+)", read("requirements/dev.lock"), re.MULTILINE)
    assert [repo["rev"] for repo in repos if repo["repo"] != "local"] == [f"v{version}" for version in locked]
    local = [hook for repo in repos if repo["repo"] == "local" for hook in repo["hooks"]]
    assert {hook["language"] for hook in local} == {"system"}
    commands = [hook["entry"].split()[0] for hook in local]
    assert commands == [".venv/bin/mypy", ".venv/bin/lint-imports", ".venv/bin/reconciler"]
    assert all((BIN / Path(command).name).is_file() for command in commands)


def test_editors_and_ruff_agree_on_the_length_of_a_line() -> None:
    limit = project()["tool"]["ruff"]["line-length"]
    assert f"max_line_length = {limit}" in read(".editorconfig").splitlines()


def test_every_text_file_is_as_the_editorconfig_says() -> None:
    names = [name for name in git("ls-files", "-z").split("\0") if name and not name.endswith((".ambr", ".png"))]
    for name in names:
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        assert b"\r" not in content, name
        assert not content or content.endswith(b"\n"), name
        assert re.search(rb"[ \t]$", content, re.MULTILINE) is None, name


# --- locks --------------------------------------------------------------------


def test_the_locks_hold_every_dependency_with_hashes_and_no_address() -> None:
    metadata = project()["project"]
    extras = metadata["optional-dependencies"]
    wanted = {
        "run.lock": metadata["dependencies"],
        "sandbox.lock": [*metadata["dependencies"], *extras["sandbox"]],
        "oauth.lock": [*metadata["dependencies"], *extras["oauth"]],
        "otel.lock": [*metadata["dependencies"], *extras["otel"]],
        "cluster.lock": [*metadata["dependencies"], *extras["cluster"]],
        "dev.lock": [
            *metadata["dependencies"],
            *(each for name in ("sandbox", "oauth", "otel", "cluster", "docs", "dev") for each in extras[name]),
        ],
    }
    for name, requirements in wanted.items():
        lock = read(f"requirements/{name}")
        locked = dict(re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)", lock, re.MULTILINE))
        names = {re.split(r"[\[<>=]", requirement)[0].replace(".", "-") for requirement in requirements}
        assert names - {"scim-reconciler"} <= locked.keys(), name
        assert lock.count("--hash=sha256:") >= len(locked)
        assert "://" not in lock
        assert "--index" not in lock


@pytest.mark.parametrize("name", ["requirements/tools", "tests/witnesses/requirements"])
def test_the_locks_of_other_environments_have_hashes_and_no_address(name: str) -> None:
    lock, wanted = read(f"{name}.lock"), read(f"{name}.in").split()
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock, re.MULTILINE))
    assert {entry for entry in wanted if entry not in locked} <= {f"{key}=={value}" for key, value in locked.items()}
    assert lock.count("--hash=sha256:") >= len(locked)
    assert "://" not in lock
    assert "--index" not in lock
    assert f"{name}.lock" in read(".ci/run")
    assert f"{name}.lock" in read("requirements/lock")


def test_the_npm_lock_of_the_witnesses_has_no_address() -> None:
    assert '"resolved"' not in read("tests/witnesses/package-lock.json")


def test_an_extra_that_a_dependency_asks_for_is_locked_as_an_extra() -> None:
    # pip before 23.3 looks for `name[extra]` apart from `name`, takes the newest, and then refuses it as not pinned.
    lock = read("requirements/dev.lock")
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
    except PackageNotFoundError:  # locked for another platform.
        return []


# --- workflows and decisions --------------------------------------------------


def test_every_action_is_pinned_by_its_commit() -> None:
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        for used in re.findall(r"\buses: (\S+)", workflow.read_text("utf-8")):
            pinned = re.fullmatch(r"(actions/[a-z-]+|github/codeql-action/upload-sarif)@[0-9a-f]{40}", used)
            assert pinned or used == "./", (workflow.name, used)


def test_every_decision_is_listed_and_fits_a_screen() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(path.name for path in folder.glob("0*.md"))
    assert all(len((folder / name).read_text("utf-8").splitlines()) <= 40 for name in listed)
