"""What CI builds, and the tools of .venv-tools that judge and install it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv-tools" / "bin"


@dataclass(frozen=True)
class Built:
    """The wheel and the sdist of one build."""

    wheel: Path
    sdist: Path


def build(checkout: Path, folder: Path, *, target: str = "", env: Mapping[str, str] | None = None) -> Built:
    """Build the wheel and the sdist, or only one of them, of a checkout, as `python -m build` does, without a network.

    `env` is added to an environment that names no repository.
    """
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "SOURCE_DATE"))}
    run([*command, *(["--target", target] if target else [])], cwd=checkout, env={**kept, **(env or {})})
    return Built(next(folder.glob("*.whl"), folder / "none"), next(folder.glob("*.tar.gz"), folder / "none"))


def tool(name: str) -> str:
    """Return the path of a tool of requirements/tools.lock. Skips the test if it is not installed."""
    path = TOOLS / name
    if not path.exists():
        pytest.skip(f"{name} is in requirements/tools.lock, which .ci/run installs into .venv-tools")
    return str(path)


def run(
    command: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed."""
    ran = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
    return ran
