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


LEAST = "rite `[]` for a file without users: those that it had are then removed."


@pytest.mark.parametrize(
    ("name", "tracked", "text"),
    [
        (
            NAME,
            {NAME: OTHER},
            f"If its content was lost, `git -C '/a b' checkout -- users/a.yaml` restores it. Otherwise w{LEAST}",
        ),
        (
            NAME,
            {NAME: EMPTY},
            (
                f"W{LEAST} Or remove the file: `git -C '/a b' rm -f -- users/a.yaml`. git's index has no more of it; "
                "`git -C '/a b' log -p -- users/a.yaml` shows what it had in earlier commits."
            ),
        ),
        (
            "settings.yaml",
            {"settings.yaml": EMPTY},
            (
                "Write at least `target:` with its keys `profile` and `base_url`. git's index has no more of it; "
                "`git -C '/a b' log -p -- settings.yaml` shows what it had in earlier commits."
            ),
        ),
        (NAME, {"users/b.yaml": OTHER}, f"If its content was lost, restore it from a copy. Otherwise w{LEAST}"),
        (
            NAME,
            None,
            f"If git has its content, `git -C '/a b' checkout -- users/a.yaml` restores it. Otherwise w{LEAST}",
        ),
        (
            "groups/a.yaml",
            {},
            "If its content was lost, restore it from a copy. Otherwise write `[]` for a file without groups.",
        ),
    ],
)
def test_commands_are_printed_that_work(name: str, tracked: dict[str, str] | None, text: str) -> None:
    assert describe_way_out(ROOT, name, b"", tracked) == text


@pytest.mark.parametrize("tracked", [None, {}, {"scope.yaml": EMPTY, "mappings.yaml": EMPTY}])
@pytest.mark.parametrize("name", ["scope.yaml", "mappings.yaml"])
def test_a_file_that_decides_about_all_users_is_not_to_be_removed(name: str, tracked: dict[str, str] | None) -> None:
    text = describe_way_out(ROOT, name, b"", tracked)
    assert "rm " not in text
    assert {"scope.yaml": "sync: assigned", "mappings.yaml": "externalId"}[name] in text


def test_what_git_tracks(tmp_path: Path) -> None:
    assert list_tracked(tmp_path) == {}
    GitRepository(tmp_path, ".").commit("first", {NAME: "[]\n", "other": ""})
    (tmp_path / "users/new.yaml").touch()
    assert list(list_tracked(tmp_path) or ()) == [NAME]
    (tmp_path / ".git/HEAD").write_bytes(b"")
    assert list_tracked(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("settings.yaml", "Otherwise write `{}`: then the layers of the fleet give all of it."),
        ("mappings.yaml", "Otherwise write its rows, such as"),
        ("../../defaults/settings.yaml", "Otherwise write `{}` for a layer without keys."),
        ("../../defaults/mappings.yaml", "Otherwise write its rows, such as"),
    ],
)
def test_files_of_a_tenant(name: str, least: str) -> None:
    text = describe_way_out(Path("/f/tenants/a"), name, b"", {name: OTHER}, is_tenant=True)
    place = "/f checkout -- defaults" if name.startswith("..") else "/f/tenants/a checkout -- "
    assert text.startswith(f"If its content was lost, `git -C {place}")
    assert least in text
