"""The ways out of an empty file, by what git knows of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.desired.empty_files import describe_way_out, list_tracked

ROOT = Path("/a b")
NAME = "users/a.yaml"


@pytest.mark.parametrize(
    ("name", "tracked", "text"),
    [
        (
            NAME,
            {NAME},
            (
                "If its content was lost, `git -C '/a b' checkout -- users/a.yaml` restores it. Otherwise write `[]`; "
                "`git -C '/a b' rm -f -- users/a.yaml` removes the file."
            ),
        ),
        (NAME, {"users/b.yaml"}, "Write `[]`; `rm -f -- '/a b/users/a.yaml'` removes the file."),
        (
            NAME,
            None,
            (
                "If git has its content, `git -C '/a b' checkout -- users/a.yaml` restores it. Otherwise write `[]`; "
                "`rm -f -- '/a b/users/a.yaml'` removes the file."
            ),
        ),
        ("settings.yaml", set(), "Write `[]`."),
    ],
)
def test_commands_are_printed_that_work(name: str, tracked: set[str] | None, text: str) -> None:
    assert describe_way_out(ROOT, name, "write `[]`", tracked) == text


def test_what_git_tracks(tmp_path: Path) -> None:
    assert list_tracked(tmp_path) == frozenset()
    GitRepository(tmp_path, ".").commit("first", {NAME: "[]\n", "other": ""})
    (tmp_path / "users/new.yaml").touch()
    assert list_tracked(tmp_path) == {NAME}
    (tmp_path / ".git/HEAD").write_bytes(b"")
    assert list_tracked(tmp_path) is None
