from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.missing_state import describe_missing_state

CREATE = "Name the directory of the desired state with --state DIR, or create a repository: reconciler init people"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "above" / "here"
    folder.mkdir(parents=True)
    # As the root of a repository: nothing above it is looked at.
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(folder)
    return folder


def make_state(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.yaml").write_text("", "utf-8")


def test_without_a_desired_state_anywhere_it_can_be_created(here: Path) -> None:
    (here / "empty" / "desired-state").mkdir(parents=True)
    found = describe_missing_state(Path("desired-state"))
    assert (found.summary, found.detail) == ("there is no directory desired-state", CREATE)


def test_a_file_is_named_as_one(here: Path) -> None:
    (here / "f").write_text("", "utf-8")
    assert describe_missing_state(Path("f")).summary == "f is not a directory"


@pytest.mark.parametrize(
    ("state", "option"),
    [
        (".", "."),
        ("../desired-state", "../desired-state"),
        ("../../desired-state", "../../desired-state"),
        ("people/desired-state", "people/desired-state"),
        ("two words/desired-state", "'two words/desired-state'"),
    ],
)
def test_a_desired_state_nearby_is_named(state: str, option: str, here: Path) -> None:
    make_state(here / state)
    found = describe_missing_state(Path("desired-state"))
    assert found.detail == f"There is a desired state in {Path(state)}: add --state {option}"


def test_nothing_outside_the_repository_is_named(here: Path) -> None:
    (here.parent / ".git").mkdir()
    make_state(here.parent.parent / "desired-state")
    assert describe_missing_state(Path("desired-state")).detail == CREATE
