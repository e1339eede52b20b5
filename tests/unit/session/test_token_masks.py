from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.scim.secret import Secret
from reconciler.session.token_masks import mask_tokens

MASK = """
from reconciler.scim.secret import Secret
from reconciler.session.token_masks import mask_tokens
mask = mask_tokens()
mask([Secret("acc-1"), Secret("ref%1")])
mask([Secret("acc-1"), Secret("acc-2")])
"""
MASKED = "::add-mask::acc-1\n::add-mask::ref%251\n::add-mask::acc-2\n"


def run(tmp_path: Path, step: str, actions: str = "true") -> subprocess.CompletedProcess[str]:
    """Run a step of a workflow, as the runner does: a shell with a pipe for each stream."""
    (tmp_path / "mask.py").write_text(MASK)
    variables = {"PATH": os.environ["PATH"], "GITHUB_ACTIONS": actions, "PYTHONPATH": str(Path(__file__).parents[3])}
    line = step.replace("MASK", f"{sys.executable} {tmp_path}/mask.py")
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", f"true; {line}; true"],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )


def test_each_token_is_masked_once_for_the_runner(tmp_path: Path) -> None:
    done = run(tmp_path, "MASK")
    assert (done.stdout, done.stderr) == ("", MASKED)
    assert run(tmp_path, "MASK > plan.json").stderr == MASKED
    assert run(tmp_path, "MASK | tee plan.txt").stderr == MASKED


@pytest.mark.parametrize(
    "step",
    [
        "MASK 2>&1 | tee out.txt",
        "timeout 60 MASK 2>&1 | tee out.txt",
        "MASK 2> out.txt",
        "MASK 2>&1 > out.txt",
        "MASK &> out.txt",
    ],
)
def test_a_mask_is_written_to_no_file(tmp_path: Path, step: str) -> None:
    done = run(tmp_path, step)
    file = tmp_path / "out.txt"
    assert "mask" not in done.stdout + (file.read_text() if file.exists() else "")


def test_elsewhere_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "MASK", actions="").stderr == ""
    mask_tokens({"GITHUB_ACTIONS": "true"})([Secret("acc-1")])
    assert capsys.readouterr().err == ""
