"""Files that were cut off, compared with what git has: for real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git import cut_files
from reconciler.git.cut_files import find_cut_files, find_shortened_files

FILE = "users/a.yaml"
TEXT = "- name: ada\n  title: Engineer\n- name: bob\n"


@pytest.fixture
def here(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "repository", ".")
    repository.commit("first", {FILE: TEXT, "users/b.yaml": "- name: cid, née Ärger", "users/c.yaml": "- name: dot\n"})
    return repository


def cut(repository: GitRepository, *suspects: str) -> dict[str, int]:
    return find_cut_files(repository.root, ("users",), suspects or (FILE,))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("-", 1),
        ("- name: a", 1),
        ("- name: ada\n ", 2),
        ("- name: ada\n  title: Engin", 2),
        ("- name: ada\r\n  title: Engin", 2),
        ("- name: ada\n  title: Engineer\n- name: bo", 3),
        # whole, at the end of a line, or not the beginning: edits
        (TEXT, None),
        (TEXT.removesuffix("\n"), None),
        (TEXT.replace("\n", "\r\n").removesuffix("\n"), None),
        ("- name: ada\n  title: Engineer", None),
        ("- name: ada\r", None),
        ("- name: ada\n  title: Editor", None),
        (TEXT + "- name: c", None),
        ("", None),
    ],
)
def test_the_beginning_of_a_file_cut_inside_a_line(here: GitRepository, content: str, line: int | None) -> None:
    (here.root / FILE).write_text(content, newline="")
    assert cut(here) == ({} if line is None else {FILE: line})


def test_bytes_count_not_characters(here: GitRepository) -> None:
    (here.root / "users/b.yaml").write_bytes("- name: cid, n\u00e9e \u00c4".encode()[:-1])
    assert cut(here, "users/b.yaml") == {"users/b.yaml": 1}


def test_what_git_does_not_have_cannot_be_compared(here: GitRepository, tmp_path: Path) -> None:
    (here.root / "users/new.yaml").write_text("- name: ada")
    (here.root / FILE).unlink()
    (here.root / FILE).mkdir()
    assert cut(here, "users/new.yaml", FILE, "users/gone.yaml") == {}
    assert find_cut_files(tmp_path, ("users",), (FILE,)) == {}


def test_many_files_are_read_in_batches(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_files, "_MAX_BYTES", len(TEXT) + 3)
    for name in (FILE, "users/b.yaml", "users/c.yaml"):
        (here.root / name).write_text("- na")
    assert cut(here, FILE, "users/b.yaml", "users/c.yaml") == {FILE: 1, "users/b.yaml": 1, "users/c.yaml": 1}


def test_a_blob_that_is_not_here_cannot_be_compared(here: GitRepository) -> None:
    blob = here.git("rev-parse", f"HEAD:{FILE}")
    (here.root / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    (here.root / FILE).write_text("- na")
    assert cut(here) == {}


def test_a_blob_that_is_damaged_is_an_error(here: GitRepository) -> None:
    blob = here.git("rev-parse", f"HEAD:{FILE}")
    path = here.root / f".git/objects/{blob[:2]}/{blob[2:]}"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9])
    (here.root / FILE).write_text("- na")
    with pytest.raises(RepositoryError, match="git cannot read what it has"):
        cut(here)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("- name: ada\n", [FILE]),
        ("- name: ada\n  title: Engin", [FILE]),
        ("- name: ada\r\n  title: Engineer\r\n", [FILE]),
        ("- other\n- other\n", [FILE]),
        (TEXT, []),
        (TEXT.replace("\n", "\r\n"), []),
        (TEXT + "- name: cid\n", []),
        ("- other\n- other\n- other\n", []),
    ],
)
def test_a_file_with_fewer_lines_than_git_has_is_found(here: GitRepository, content: str, found: list[str]) -> None:
    (here.root / FILE).write_text(content, newline="")
    assert find_shortened_files(here.root, ("users",), (FILE, "users/b.yaml", "users/new.yaml")) == found
    assert find_shortened_files(here.root, ("users",), ()) == []
