"""What a command does not need it does not import: `--help` is quick, `validate` cannot reach a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"httpx", "pydantic", "deepdiff", "jinja2", "ruamel", "msgspec", "rich"}


def imported(tmp_path: Path, *arguments: str) -> tuple[set[str], int]:
    """The top-level packages that a command imports, and its exit code."""
    line = [sys.executable, "-X", "importtime", "-m", "reconciler", *arguments]
    answer = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    names = re.findall(r"^import time:.*\| +([\w.]+)$", answer.stderr, re.MULTILINE)
    assert "reconciler.cli.lazy" in names
    return {name.partition(".")[0] for name in names}, answer.returncode


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    packages, code = imported(tmp_path, *arguments)
    assert code == 0
    assert packages & HEAVY == set()


def test_validate_imports_no_network(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("target:\n  profile: scim\n  base_url: https://scim.example.com\n")
    packages, code = imported(tmp_path, "validate", "--state", ".")
    assert code == 0
    assert (
        packages & {"httpx", "httpcore", "ssl", "http", "deepdiff", "rich", "lark", "waitress", "scim2_server"} == set()
    )
