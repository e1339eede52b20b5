"""The image: linted, built where an engine and its base are, and what it promises where they are not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support import clean_room
from support.packages import ROOT, Built, run, tool

import reconciler

CONTAINERFILE = ROOT / "Containerfile"
BASE = "docker.io/library/python:3.13-slim"
KEPT = (
    "\nENV PATH=/opt/reconciler/bin:$PATH HOME=/tmp\nUSER 10001:10001\nWORKDIR /work\n",
    "pip --python /opt/reconciler/bin/python uninstall --yes hatchling",
    "python -m compileall -q --invalidation-mode unchecked-hash /opt/reconciler/lib",
    "git config --system safe.directory /work \\\n",
    "python -m pip uninstall --yes pip\n",
)
"""What lets it run as anyone with a read-only file system, and keeps out of it what only builds."""


def test_the_linter_finds_nothing(tmp_path: Path) -> None:
    run([tool("hadolint"), str(CONTAINERFILE)])
    broken = tmp_path / "Containerfile"
    broken.write_text(CONTAINERFILE.read_text().replace("# hadolint ignore=DL3008\n", ""))
    assert "DL3008" in subprocess.run([tool("hadolint"), broken], capture_output=True, text=True, check=False).stdout


def test_each_ignored_rule_has_its_reason_above() -> None:
    lines = CONTAINERFILE.read_text().splitlines()
    ignored = [number for number, line in enumerate(lines) if "hadolint ignore" in line]
    assert [lines[number] for number in ignored] == ["# hadolint ignore=DL3008"]
    assert all(lines[number - 1].startswith("# Debian keeps") for number in ignored)


def test_the_image_is_nobodys_and_holds_what_the_locks_and_the_wheel_say() -> None:
    text = CONTAINERFILE.read_text()
    assert f"ARG PYTHON_IMAGE={BASE}\n" in text
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    for line in KEPT:
        assert text.count(line) == 1, line
    assert re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE) == ['["reconciler"]']
    installs = re.findall(r"install --no-cache-dir --no-compile (--require-hashes -r|--no-deps \./\*\.whl)", text)
    assert len(installs) == text.count("pip --python /opt/reconciler/bin/python install") == 2
    assert (ROOT / ".dockerignore").read_text().splitlines()[1:] == ["*", "!dist/*.whl", "!requirements/*.lock"]


def test_the_examples_name_this_image_and_version_in_one_way() -> None:
    named = [
        image
        for path in sorted((ROOT / "examples" / "school-fleet").rglob("*.y*ml"))
        for image in re.findall(r"^ *(?:image|name): (\S*[/:]\S*)$", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert named == [f"registry.example.com/reconciler:{reconciler.__version__}"] * 2
    assert f"{named[0]} " in (ROOT / "docs" / "install.md").read_text("utf-8")


def find_engine() -> str:
    """Return an engine that has the base image. Skips the test without one."""
    for engine in ("podman", "docker"):
        inspect = [engine, "image", "inspect", BASE]
        if shutil.which(engine) and subprocess.run(inspect, capture_output=True, check=False).returncode == 0:
            return engine
    pytest.skip(f"neither podman nor docker has {BASE}")


@pytest.mark.slow
def test_an_engine_builds_and_runs_it(built: Built, tmp_path: Path) -> None:
    engine = find_engine()
    (tmp_path / "context" / "dist").mkdir(parents=True)
    shutil.copy(built.wheel, tmp_path / "context" / "dist")
    shutil.copytree(ROOT / "requirements", tmp_path / "context" / "requirements")
    run([engine, "build", "--file", str(CONTAINERFILE), "--tag", "reconciler:test", str(tmp_path / "context")])
    (tmp_path / "work").mkdir(mode=0o777)
    (tmp_path / "work").chmod(0o777)
    options = ["run", "--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--network=none"]
    command = [engine, *options, "--volume", f"{tmp_path / 'work'}:/work", "reconciler:test"]
    assert run([*command, "version"]).stdout == "reconciler 0.1.0\n"
    run([*command, "init", "people"])
    assert "no changes are needed" in run([*command, "demo", "--state", "people/desired-state"]).stdout


@pytest.mark.slow
@pytest.mark.skipif(not clean_room.is_sealed(), reason="only root makes mounts, and only Linux has these")
def test_another_user_runs_it_on_a_read_only_file_system_without_a_home(built: Built, tmp_path: Path) -> None:
    """The steps of the Containerfile with what is here in place of an engine: what the image holds runs as it will."""
    program, uv = tmp_path / "opt", [tool("uv"), "pip", "install", "--quiet", "--python", str(tmp_path / "opt")]
    run([tool("uv"), "venv", "--quiet", "--relocatable", "--python", "/usr/bin/python3", str(program)])
    run([*uv, "--require-hashes", "-r", str(ROOT / "requirements" / "sandbox.lock")])
    run([*uv, "--no-deps", str(built.wheel)])
    compiling = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(program / "lib")]
    run([str(program / "bin" / "python"), *compiling])
    before = sorted(program.rglob("*"))
    steps = "HOME=/nonexistent; /mnt/opt/bin/reconciler init people && cd people && /mnt/opt/bin/reconciler demo"
    ran = clean_room.run(tmp_path, "sh", "-c", f"{steps} && env -u HOME /mnt/opt/bin/reconciler plan --sandbox")
    assert ran.stdout.count("no changes are needed") == 1, ran.stderr
    hint = "Save the plan with -o FILE to be sure that `apply` takes exactly these actions.\n"
    assert (ran.returncode, ran.stderr) == (0, hint)
    assert sorted(program.rglob("*")) == before
    assert {path.name for path in (tmp_path / "work").iterdir()} == {"people"}
