"""The workflow of a release: a tag is its version, and nothing is published before somebody switches it on."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.packages import ROOT, run

import reconciler

TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(TEXT)["jobs"]
    return found


def script(job: str, name: str) -> str:
    (step,) = (step for step in jobs()[job]["steps"] if step.get("name") == name)
    return str(step["run"])


@pytest.mark.parametrize(("tag", "code"), [(f"v{reconciler.__version__}", 0), (reconciler.__version__, 1), ("v9", 1)])
def test_a_tag_is_the_version(tag: str, code: int) -> None:
    command = ["bash", "-c", script("build", "Compare the tag with the version").replace("python ", "python3 ")]
    ran = subprocess.run(command, cwd=ROOT, env={"GITHUB_REF_NAME": tag, "PATH": "/usr/bin:/bin"}, check=False)
    assert ran.returncode == code


def test_publishing_is_off_until_a_variable_says_so_and_has_no_secret() -> None:
    publish = jobs()["publish"]
    assert publish["if"] == (
        "!cancelled() && vars.PUBLISH_TO_PYPI == 'true' && needs.build.result == 'success'"
        " && needs.attest.result != 'failure'"
    )
    assert publish["needs"] == ["build", "attest"]
    assert publish["environment"] == "pypi"
    assert publish["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in TEXT
    assert YAML(typ="safe").load(TEXT)["on"] == {"push": {"tags": ["v*"]}}


def test_each_job_may_do_what_it_needs() -> None:
    assert YAML(typ="safe").load(TEXT)["permissions"] == {}
    assert jobs()["build"]["permissions"] == {"contents": "read"}
    assert jobs()["attest"]["permissions"] == {"id-token": "write", "attestations": "write"}
    steps = [step for job in jobs().values() for step in job["steps"]]
    checkouts = [step["with"] for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts == [{"persist-credentials": False}] * 2


def test_what_is_kept_was_checked_and_is_attested_where_anyone_may_attest() -> None:
    names = [step.get("name", step.get("uses", "").split("@")[0]) for step in jobs()["build"]["steps"]]
    assert names[-3:] == ["Build", "Check", "actions/upload-artifact"]
    assert script("build", "Check").splitlines() == [
        ".venv-tools/bin/twine check --strict dist/*.whl dist/*.tar.gz",
        ".venv-tools/bin/check-wheel-contents dist/*.whl",
        ".venv-tools/bin/uvx --from dist/*.whl reconciler version",
        "python dist/reconciler.pyz version",
    ]
    attest = jobs()["attest"]
    assert attest["if"] == "github.repository_visibility == 'public'"
    assert attest["steps"][-1]["with"] == {"subject-path": "dist/*"}


def test_the_identity_is_where_nothing_of_the_package_runs() -> None:
    assert [name for name, job in jobs().items() if "id-token" in job["permissions"]] == ["attest", "publish"]
    scripts = [step["run"] for name in ("attest", "publish") for step in jobs()[name]["steps"] if "run" in step]
    assert [word for text in scripts for word in text.split() if word.startswith(("make", "reconciler", ".ci/"))] == []


def test_uv_alone_is_taken_from_the_lock() -> None:
    steps = script("publish", "Install uv alone").splitlines()
    assert steps[-1] == ".venv-publish/bin/pip install --quiet --require-hashes -r uv.lock"
    (line,) = (line for line in steps if line.startswith("sed"))
    lock = run(["bash", "-c", line.rpartition(" > ")[0]], cwd=ROOT).stdout.splitlines()
    assert lock[0].startswith("uv==")
    assert all("--hash=sha256:" in entry for entry in lock[1:-1])
    assert lock[-1].strip() == "# via -r requirements/tools.in"
