"""The site of docs/, built once for all tests of a run."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """The folder of the site. The first worker that asks builds it, and the others wait."""
    pytest.importorskip("furo", reason="the extra docs is not installed")
    folder = tmp_path_factory.getbasetemp().parent / f"site-{testrun_uid}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            build_site(folder)
    return folder


def build_site(folder: Path) -> None:
    """Build as `make docs` does; a warning is a failure."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-c", "docs", "-d", f"{folder}-cache"]
    ran = subprocess.run([*command, ".", folder], cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode or ran.stderr:
        pytest.fail(f"exit code {ran.returncode}:\n{ran.stderr}")
