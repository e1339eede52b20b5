"""The examples of a fleet in Kubernetes and GitLab are valid by the schemas of their projects.

The schemas come with kubernetes-validate and check-jsonschema, in the environment of `test_microsoft_clients.py`;
without it the tests are skipped.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv-witnesses" / "bin"
EXAMPLES = ROOT / "examples" / "school-fleet"
JOB = EXAMPLES / "kubernetes" / "drift.yaml"
PIPELINE = EXAMPLES / "gitlab-ci.yml"


def judged(file: Path) -> subprocess.CompletedProcess[str]:
    judge = {
        JOB.suffix: ["kubernetes-validate", "--strict", "-k", "1.37"],
        PIPELINE.suffix: ["check-jsonschema", "--builtin-schema", "vendor.gitlab-ci"],
    }[file.suffix]
    command = [str(BIN / judge[0]), *judge[1:], str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.skipif(not (BIN / "kubernetes-validate").exists(), reason="no .venv-witnesses: .ci/run makes it")
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [(JOB, "completions: 8", "completions: eight"), (PIPELINE, "parallel: 8", "parallel: eight")],
    ids=["kubernetes", "gitlab"],
)
def test_the_example_is_valid(file: Path, old: str, new: str, tmp_path: Path) -> None:
    valid = judged(file)
    assert valid.returncode == 0, valid.stdout + valid.stderr
    broken = tmp_path / file.name
    broken.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    assert judged(broken).returncode != 0, "it does look"
