"""Each way of docs/install.md, from the wheel of this checkout, into homes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import clean_room
from support.packages import ROOT, Built, run, tool

pytestmark = pytest.mark.slow
VERSION = "reconciler 0.1.0\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def env(home: Path) -> dict[str, str]:
    """The environment of a person who has uv and pipx; one cache for all, as on a machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST", "VIRTUAL"))}
    path = os.pathsep.join((str(Path(tool("uv")).parent), kept["PATH"]))
    return kept | {"HOME": str(home), "PATH": path, "UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never"}


def assert_walks(program: Path, folder: Path, env: Mapping[str, str]) -> None:
    """Assert that plan, apply and drift work on the embedded service, in a new repository."""
    run([str(program), "init", "people"], cwd=folder, env=env)
    assert "no changes are needed" in run([str(program), "demo"], cwd=folder / "people", env=env).stdout


def test_uv_tool(built: Built, home: Path, env: Mapping[str, str], tmp_path: Path) -> None:
    run([tool("uv"), "tool", "install", f"scim-reconciler[sandbox] @ {built.wheel.as_uri()}"], env=env)
    program = home / ".local" / "bin" / "reconciler"
    assert run([str(program), "version"], env=env).stdout == VERSION
    assert_walks(program, tmp_path, env)
    run([tool("uv"), "tool", "uninstall", "scim-reconciler"], env=env)
    assert not program.exists()


def test_uvx_shows_the_demo_in_any_folder(built: Built, home: Path, env: Mapping[str, str], tmp_path: Path) -> None:
    command = [tool("uvx"), "--from", f"{built.wheel}[sandbox]", "reconciler", "demo"]
    assert "no changes are needed" in run(command, cwd=tmp_path, env=env).stdout
    assert list(tmp_path.iterdir()) == []
    assert not (home / ".local" / "bin" / "reconciler").exists()


def test_pipx(built: Built, home: Path, env: Mapping[str, str]) -> None:
    pipx = {**env, "PIPX_HOME": str(home / "pipx"), "PIPX_BIN_DIR": str(home / "bin")}
    run([tool("pipx"), "install", "--python", sys.executable, f"{built.wheel}[sandbox]"], env=pipx)
    assert run([str(home / "bin" / "reconciler"), "version"], env=pipx).stdout == VERSION
    run([tool("pipx"), "uninstall", "scim-reconciler"], env=pipx)
    assert not (home / "bin" / "reconciler").exists()


def test_pip_with_the_lock_and_its_hashes_from_a_folder_without_an_index(
    built: Built, env: Mapping[str, str], tmp_path: Path
) -> None:
    lock = str(ROOT / "requirements" / "run.lock")
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--dest"]
    run([*download, str(tmp_path / "wheels"), "-r", lock], env=env)
    run([sys.executable, "-m", "venv", str(tmp_path / "venv")])
    pip = [str(tmp_path / "venv" / "bin" / "pip"), "install", "--quiet", "--no-compile", "--no-index"]
    run([*pip, "--find-links", str(tmp_path / "wheels"), "--require-hashes", "-r", lock], env=env)
    run([*pip, "--no-deps", str(built.wheel)], env=env)
    assert run([str(tmp_path / "venv" / "bin" / "reconciler"), "version"], env=env).stdout == VERSION


# --- without an index -----------------------------------------------------------


def make_file(wheel: Path, output: Path, env: Mapping[str, str]) -> Path:
    """Make the one file, for the Python of the clean room."""
    python = "/usr/bin/python3" if clean_room.is_sealed() else sys.executable
    run([str(ROOT / ".ci" / "zipapp"), str(wheel), str(output), "sandbox", python], env=env)
    return output


@pytest.fixture(scope="module")
def one_file(built: Built, env: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    tool("shiv")
    return make_file(built.wheel, tmp_path_factory.mktemp("file") / "reconciler.pyz", env)


def test_one_file_runs_without_network_and_home(one_file: Path, tmp_path: Path) -> None:
    clean_room.give(tmp_path, one_file)
    steps = "python3 reconciler.pyz version && cd / && python3 ~/../work/reconciler.pyz demo"
    ran = clean_room.run(tmp_path, "sh", "-c", steps, offline=clean_room.is_sealed())
    assert "no changes are needed" in ran.stdout, ran.stderr


@pytest.mark.skipif(not clean_room.is_sealed(), reason="only a user without a home has none")
def test_one_file_says_that_it_cannot_unpack_itself(one_file: Path, tmp_path: Path) -> None:
    clean_room.give(tmp_path, one_file)
    way_out = "Set SHIV_ROOT to a folder that only you can write to.\n"
    version = "python3 reconciler.pyz version"
    for steps, reason in {
        f"HOME=/nowhere {version}": "cannot unpack itself into /nowhere/.shiv: Read-only file system.",
        f"env -u HOME {version}": "unpacks itself into your home, and you have none.",
        f"mkdir -m 500 full && SHIV_ROOT=full {version}": "cannot unpack itself into full: Permission denied.",
    }.items():
        ran = clean_room.run(tmp_path, "sh", "-c", steps)
        assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"Error: this file {reason} {way_out}")
    steps = f"HOME=/nowhere SHIV_ROOT=unpacked {version} && chmod 555 unpacked && SHIV_ROOT=unpacked {version}"
    assert clean_room.run(tmp_path, "sh", "-c", steps).stdout == 2 * VERSION


def test_one_file_is_the_same_each_time(built: Built, one_file: Path, env: Mapping[str, str], tmp_path: Path) -> None:
    assert make_file(built.wheel, tmp_path / "again.pyz", env).read_bytes() == one_file.read_bytes()


def test_one_file_says_where_it_does_not_run(one_file: Path, tmp_path: Path) -> None:
    other = subprocess.run([ROOT / ".ci" / "newest-python"], capture_output=True, text=True, check=False).stdout
    if not other:
        pytest.skip("there is no other Python")
    env = {**os.environ, "SHIV_ROOT": str(tmp_path)}
    ran = subprocess.run([other, one_file, "version"], env=env, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert ran.stderr.startswith("Error: this file was made for cpython 3.")
    assert list(tmp_path.iterdir()) == [], "nothing is unpacked"
