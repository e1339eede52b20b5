from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.git.ignored import find_unignored, is_tracked

NAMES = ["tokens", "[a]*", "a\nb"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def test_outside_of_git_nothing_is_tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (is_tracked(tmp_path, "tokens"), find_unignored(tmp_path, NAMES)) == (False, [])
    monkeypatch.setenv("PATH", str(tmp_path))  # without git
    assert (is_tracked(tmp_path, "tokens"), find_unignored(tmp_path, NAMES)) == (False, [])


def test_a_file_that_git_keeps(tree: Path) -> None:
    (tree / "tokens").write_text("x")
    assert not is_tracked(tree, "tokens")
    subprocess.run(["git", "-C", str(tree), "add", "tokens"], check=True)
    assert is_tracked(tree, "tokens")
    assert not is_tracked(tree, "tok*")


def test_files_that_are_ignored_need_not_exist(tree: Path) -> None:
    assert find_unignored(tree, NAMES) == NAMES
    (tree / ".gitignore").write_text("tokens\nprivate/\n")
    assert find_unignored(tree, NAMES) == NAMES[1:]
    (tree / "private").mkdir()
    assert find_unignored(tree / "private", NAMES) == []
    assert find_unignored(tree / ".git", NAMES) == []
