"""The unit tests mirror the package: `reconciler/git/commits.py` is tested by `tests/unit/git/test_commits.py`."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE, TESTS = ROOT / "reconciler", ROOT / "tests" / "unit"
WITHOUT_TESTS = {
    "apply/execution.py": "declarations: the tests of change.py and executor.py",
    "cli/apps.py": "declares commands: tests/e2e runs them",
    "cli/editing.py": "declares commands: the tests of commands/add_user.py and fmt.py, tests/e2e",
    "cli/fleet.py": "declares commands: the tests of commands/fleet, tests/e2e",
    "cli/fleet_queue.py": "declares commands: tests/integration/test_fleet_queue.py runs them",
    "cli/github.py": "declares commands: tests/e2e and tests/integration/test_github.py run them",
    "cli/provisioning.py": "declares commands: tests/e2e runs them",
    "cli/tools.py": "declares commands: tests/e2e runs them",
    "desired/value_meanings.py": "declarations: the tests of json_schemas.py",
    "fleet/model.py": "declarations: the tests of catalog.py",
    "sandbox/sandbox_error.py": "exceptions: the tests of the modules that raise them",
}
"""Modules without a test file of their own, and why. Remove a line when its file comes; add none without a reason."""
WITHOUT_MODULE = {
    "cli/test_main.py": "`main` in cli/__init__.py",
    "core/planning/guards/test_guard_scenarios.py": "every guard, each in a scenario that it alone blocks",
    "desired/test_fleet_json_schemas.py": "the schemas of fleets, compared with what reads the files",
    "entra/test_round_trip.py": "import after export",
    "expressions/test_language_vectors.py": "examples of Microsoft's documentation",
    "expressions/test_messages.py": "messages of all functions",
    "profiles/test_profiles.py": "every profile",
    "render/test_hostile.py": "untrusted values in every output format",
    "sandbox/test_imports.py": "what the sandbox may import",
    "sources/test_writer_laws.py": "merge, write, and read again",
    "session/test_digests_on_record.py": "a record with digests, written and read",
}
"""Tests of several modules at once, or of an `__init__.py`."""


def modules() -> set[str]:
    files = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return {path.as_posix() for path in files if path.name not in {"__init__.py", "__main__.py"}}


def unit_tests() -> set[str]:
    """Return the test files below a folder of the package; those at the top and in `support` concern the project."""
    files = (path.relative_to(TESTS) for path in TESTS.rglob("test_*.py"))
    return {path.as_posix() for path in files if path.parts[0] != "support" and len(path.parts) > 1}


def mirror(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}".removeprefix("/")


def test_every_module_has_its_tests() -> None:
    there = unit_tests() | {path.name for path in TESTS.glob("test_*.py")}
    assert {module for module in modules() if mirror(module) not in there} == set(WITHOUT_TESTS)


def test_every_test_file_has_its_module() -> None:
    mirrored = {mirror(module) for module in modules()}
    assert unit_tests() - mirrored == set(WITHOUT_MODULE)
