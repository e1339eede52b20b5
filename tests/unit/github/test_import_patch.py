from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository

from reconciler.errors import SourceError
from reconciler.github import import_patch
from reconciler.github.import_patch import ImportPatch, check_patch, make_patch, read_patch, write_patch

BASE = "a" * 40


def test_a_patch_has_every_difference_from_the_commit(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path)
    files = {"settings.yaml": "a: 1\n", "users/old.yaml": "[]\n", "users/same.yaml": "[]\n", "README.md": "x"}
    head = repository.commit("Begin", {f"desired-state/{name}": text for name, text in files.items()})
    state = tmp_path / "desired-state"
    assert make_patch(state) == ImportPatch(head)
    (state / "users/old.yaml").unlink()
    (state / "users/new.yaml").write_text("- {userPrincipalName: é}\r\n", newline="")
    (state / "README.md").write_text("other")
    patch = make_patch(state)
    assert patch == ImportPatch(head, {"users/new.yaml": "- {userPrincipalName: é}\r\n", "users/old.yaml": None})
    assert read_patch(write_patch(patch).encode()) == patch
    assert patch.contents == {"users/new.yaml": "- {userPrincipalName: é}\r\n".encode(), "users/old.yaml": None}


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    GitRepository(tmp_path).commit("Begin", {"desired-state/settings.yaml": "a: 1\n"})
    (tmp_path / "desired-state/settings.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(SourceError, match="is not UTF-8 text"):
        make_patch(tmp_path / "desired-state")


def test_the_digest_is_of_the_files_alone() -> None:
    one = ImportPatch(BASE, {"users/a.yaml": "x", "users/b.yaml": None})
    assert one.digest == ImportPatch("b" * 40, {"users/b.yaml": None, "users/a.yaml": "x"}).digest
    assert one.digest != ImportPatch(BASE, {"users/a.yaml": "y", "users/b.yaml": None}).digest


def document(**changes: Any) -> bytes:
    return json.dumps({"format_version": "1.0", "base": BASE, "files": {}, **changes}).encode()


@pytest.mark.parametrize(
    "name",
    [
        "../.github/workflows/plan.yml",
        "users/../../.github/workflows/plan.yaml",
        "/etc/passwd",
        "users//a.yaml",
        "users/a.yaml/",
        "users/.git/config.yaml",
        ".github/workflows/plan.yml",
        "users/a.txt",
        "users/a\nb.yaml",
        "users/a\u202eb.yaml",
        "users\\a.yaml",
        "users/a\\b.yaml",
        "users/\ud800.yaml",
        f"users/{'x' * 500}.yaml",
        f"users/{'é' * 101}.yaml",
        "requirements/reconciler.txt",
        "scope.yaml.bak",
        "",
        "users/a.yaml\x00",
    ],
)
def test_nothing_but_files_of_the_desired_state_is_taken(name: str) -> None:
    with pytest.raises(SourceError, match="is no file of the desired state"):
        read_patch(document(files={name: "x"}))


@pytest.mark.parametrize("name", ["users/a.yaml", "users/it/Zoë.yml", "groups/a b.yaml", "scope.yaml", "settings.yaml"])
def test_files_of_the_desired_state_are_taken(name: str) -> None:
    assert read_patch(document(files={name: None})).files == {name: None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is not an object with the keys base, files, format_version"),
        (document(more=1), "it is not an object with the keys"),
        (document(format_version="2.0"), "it was written by another version"),
        (document(base="main"), "its base is not a commit"),
        (document(base=7), "its base is not a commit"),
        (document(files=[]), "its files are not a mapping, or too many"),
        (document(files={"users/a.yaml": 7}), 'the content of "users/a.yaml" is not text'),
        (document(files={"users/a.yaml": "\ud800"}), 'the content of "users/a.yaml" is not UTF-8 text'),
    ],
)
def test_anything_else_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_patch(content)
    assert caught.value.summary.startswith(f"the patch of the import is refused: {message}")


def test_sizes_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_patch, "MAX_BYTES", 3)
    monkeypatch.setattr(import_patch, "_MAX_FILES", 1)
    with pytest.raises(SourceError, match="is larger than"):
        read_patch(document(files={"users/a.yaml": "éé"}))
    with pytest.raises(SourceError, match="too many"):
        read_patch(document(files={"users/a.yaml": "", "users/b.yaml": ""}))


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"users/nothere.yaml": None}, 'it deletes "users/nothere.yaml", which is not there'),
        ({"users/a.yaml": "[]\n"}, 'it does not change "users/a.yaml"'),
        ({"users/a.yaml/b.yaml": "[]\n"}, '"users/a.yaml/b.yaml" is a file and a directory'),
        ({"users/a.yaml": None, "users/a.yaml/b.yaml": "[]\n"}, '"users/a.yaml/b.yaml" is a file and a directory'),
        ({"users/n.yaml": "", "users/n.yaml/b/c.yaml": ""}, '"users/n.yaml/b/c.yaml" is a file and a directory'),
        ({"users/d.yaml": "[]\n"}, '"users/d.yaml" is a file and a directory'),
    ],
)
def test_a_patch_that_does_not_fit_the_files_is_refused(files: dict[str, str | None], why: str, tmp_path: Path) -> None:
    (tmp_path / "users/d.yaml").mkdir(parents=True)
    (tmp_path / "users/a.yaml").write_text("[]\n")
    check_patch(ImportPatch(BASE, {"users/a.yaml": "- x\n", "users/d.yaml/n.yaml": ""}), tmp_path)
    check_patch(ImportPatch(BASE, {"users/a.yaml": None}), tmp_path)
    with pytest.raises(SourceError) as caught:
        check_patch(ImportPatch(BASE, files), tmp_path)
    assert caught.value.summary == f"the patch of the import is refused: {why}"
