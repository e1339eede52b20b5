"""`init`: what it makes works at once, and nothing that is there is touched."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from workspace import Ended
from workspace import run as reconciler

from reconciler import __version__
from reconciler.profiles import PROFILES


def init(folder: Path, *arguments: str) -> Ended:
    return reconciler(["reconciler", "init", str(folder), *arguments])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("profile", PROFILES)
def test_what_it_makes_is_valid_and_can_be_planned_at_once(profile: str, tmp_path: Path) -> None:
    made = init(tmp_path / "new", "--profile", profile, "--domain", "Corp.Example")
    assert made.code == 0
    here = ["--state", str(tmp_path / "new/desired-state")]
    valid = reconciler(["reconciler", "validate", *here])
    assert (valid.code, valid.err) == (0, ""), valid
    planned = reconciler(["reconciler", "plan", "--sandbox", *here])
    assert planned.code == 0
    assert 'user "ada.example@corp.example"' in planned.out
    assert planned.out.rstrip().endswith("Plan: 1 to add, 0 to change, 0 to destroy.")
    texts = b"\n".join(content for name, content in contents(tmp_path / "new").items() if "sandbox.db" not in name)
    assert [word for word in (b"PROFILE", b"BASE_URL", b"DOMAIN", b"VERSION", b" HASH") if word in texts] == []


def test_it_overwrites_nothing_and_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "desired-state").mkdir()
    (tmp_path / "desired-state/scope.yaml").write_text("mine")
    (tmp_path / ".gitignore").symlink_to("nowhere")
    (tmp_path / "LICENSE").write_text("mine too")
    before = contents(tmp_path)
    refused = init(tmp_path)
    assert refused.code == 64
    assert ".gitignore" in refused.err
    assert "desired-state/scope.yaml" in refused.err
    assert "mappings" not in refused.err
    assert contents(tmp_path) == before


def test_it_makes_a_repository_beside_other_files(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("mine")
    assert init(tmp_path).code == 0
    assert init(tmp_path).code == 64


@pytest.mark.parametrize(
    "arguments",
    [("--profile", "azure"), ("--domain", "nothing"), ("--domain", "a.b]\n- x"), ("--wheel", "other-1.0-py3.whl")],
)
def test_a_wrong_option_writes_nothing(arguments: tuple[str, str], tmp_path: Path) -> None:
    assert init(tmp_path / "new", *arguments).code == 64
    assert not (tmp_path / "new").exists()


def test_the_hash_of_a_wheel_is_locked(tmp_path: Path) -> None:
    wheel = tmp_path / f"scim_reconciler-{__version__}-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    assert init(tmp_path / "new", "--wheel", str(wheel)).code == 0
    locked = (tmp_path / "new/requirements/reconciler.txt").read_text()
    assert locked == f"scim-reconciler=={__version__} --hash=sha256:{hashlib.sha256(b'a wheel').hexdigest()}\n"
    assert hashlib.sha256(b"a wheel").hexdigest() not in (tmp_path / "new/README.md").read_text()


def test_what_is_made_is_drift_until_it_is_applied(tmp_path: Path) -> None:
    init(tmp_path / "new")
    here = ["--sandbox", "--state", str(tmp_path / "new/desired-state")]
    drifted = reconciler(["reconciler", "drift", "--detailed-exitcode", *here])
    assert (drifted.code, "ada.example@example.com" in drifted.out) == (2, True)
    assert reconciler(["reconciler", "apply", "--auto-approve", *here]).code == 0
    clean = reconciler(["reconciler", "drift", "--detailed-exitcode", "--format", "markdown", *here])
    assert (clean.code, "No changes." in clean.out) == (0, True), clean
