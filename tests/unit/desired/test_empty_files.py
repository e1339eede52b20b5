"""The ways out of an empty file, by what git knows of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.desired.empty_files import describe_way_out, list_tracked

ROOT = Path("/a b")
NAME = "users/a.yaml"
EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
OTHER = "4f6e2dd2b2d1d6434b8b29ae775ad8c2e48c5391"


@pytest.mark.parametrize(
    ("name", "tracked", "text"),
    [
        (
            NAME,
            {NAME: OTHER},
            "If its content was lost, `git -C '/a b' checkout -- users/a.yaml` restores it. Otherwise write `[]`.",
        ),
        (
            NAME,
            {NAME: EMPTY},
            (
                "Write `[]`, or remove the file: `git -C '/a b' rm -f -- users/a.yaml`. git's index has no more of it; "
                "`git -C '/a b' log -p -- users/a.yaml` shows what it had in earlier commits."
            ),
        ),
        (
            "settings.yaml",
            {"settings.yaml": EMPTY},
            (
                "Write `[]`. git's index has no more of it; "
                "`git -C '/a b' log -p -- settings.yaml` shows what it had in earlier commits."
            ),
        ),
        (NAME, {"users/b.yaml": OTHER}, "Write `[]`; `rm -f -- '/a b/users/a.yaml'` removes the file."),
        (
            NAME,
            None,
            "If git has its content, `git -C '/a b' checkout -- users/a.yaml` restores it. Otherwise write `[]`.",
        ),
        ("settings.yaml", {}, "Write `[]`."),
    ],
)
def test_commands_are_printed_that_work(name: str, tracked: dict[str, str] | None, text: str) -> None:
    assert describe_way_out(ROOT, name, b"", "write `[]`", tracked) == text


def test_what_git_tracks(tmp_path: Path) -> None:
    assert list_tracked(tmp_path) == {}
    GitRepository(tmp_path, ".").commit("first", {NAME: "[]\n", "other": ""})
    (tmp_path / "users/new.yaml").touch()
    assert list(list_tracked(tmp_path) or ()) == [NAME]
    (tmp_path / ".git/HEAD").write_bytes(b"")
    assert list_tracked(tmp_path) is None
