"""What is kept of earlier runs changes no history."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from support.git_repository import GitRepository

from reconciler.git.commits import Commits
from reconciler.history.edits import TrackedUser
from reconciler.history.known_differences import KnownDifferences
from reconciler.history.outcomes import TimelineEntry
from reconciler.history.timeline import FieldSelection, Timeline

NAMES = ("ada", "grace", "Zoë", "annie\\u0041", "linus")


class Memory:
    """A store that keeps what is written."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content
        self.writes = 0

    def read(self, _key: str, _size: int) -> memoryview | None:
        return memoryview(self.content) if self.content is not None else None

    def write(self, _key: str, _size: int, content: bytes) -> None:
        self.content, self.writes = content, self.writes + 1


def write(chance: random.Random) -> str:
    """A file of some users; at times one that cannot be cut, or cannot be read."""
    if chance.random() < 0.1:
        return chance.choice(
            ('[{userPrincipalName: ada, x: "1"}]\n', "- userPrincipalName: 'ada\n", "- a: 1\n<<<<<<< x\n")
        )
    users = chance.sample(NAMES, chance.randrange(4))
    entries = [f'- userPrincipalName: "{name}"\n  title: t{chance.randrange(3)}\n' for name in users]
    ids = [entry + f"  objectId: id-{chance.randrange(3)}\n" if chance.random() < 0.5 else entry for entry in entries]
    text = "  note: 'one\n    - two'\n" if ids and chance.random() < 0.2 else ""
    return "".join(ids) + text


def make_history(root: Path, seed: int) -> GitRepository:
    """Edits, renames, moves, merges and a commit that replaces the last one."""
    chance, made = random.Random(seed), GitRepository(root)  # noqa: S311
    files = ["desired-state/users/a.yaml", "desired-state/users/b.yaml", "desired-state/groups/g.yaml"]
    made.commit("Begin", {name: write(chance) for name in files[:2]})
    for number in range(chance.randrange(45, 55)):
        if number % 10 == 7:
            made.git("checkout", "--quiet", "-b", f"side{number}", "HEAD~1")
            made.commit("Aside", {files[1]: write(chance)})
            made.git("checkout", "--quiet", "main")
            made.git("merge", "--quiet", "--no-ff", "-X", "theirs", "-m", "Merge", f"side{number}")
        name = chance.choice(files)
        group = f"- name: {chance.choice('xy')}\n  members: [{', '.join(chance.sample(('ada', 'grace'), 1))}]\n"
        made.commit(f"Edit {number}", {name: group if name == files[2] else write(chance)})
    made.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "Again")
    return made


def read(made: GitRepository, user: str | None, differences: KnownDifferences | None) -> list[TimelineEntry]:
    with Commits(made.root / "desired-state") as commits:
        timeline = Timeline(commits, made.head(), [], {}, differences=differences)
        if user is None:
            return list(timeline.read_all(None, FieldSelection()))
        return timeline.read_user(TrackedUser({user}), None, FieldSelection())


@pytest.mark.parametrize("seed", range(6))
def test_a_history_is_the_same_with_what_earlier_runs_found(tmp_path: Path, seed: int) -> None:
    made, store = make_history(tmp_path, seed), Memory()
    for user in ("ada", "grace", "id-1", "zoë", None):
        plain = read(made, user, None)
        for _ in range(2):
            differences = KnownDifferences(store)
            assert read(made, user, differences) == plain
            differences.save()
    assert store.writes == 1


def test_versions_that_are_known_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, store = GitRepository(tmp_path), Memory()
    for number in range(50):
        entries = f"- userPrincipalName: ada\n- userPrincipalName: grace\n  title: t{number}\n"
        made.commit("Edit", {"desired-state/users/a.yaml": entries})
    first = KnownDifferences(store)
    read(made, "ada", first)
    first.save()
    blobs: list[str | None] = []
    monkeypatch.setattr(Commits, "read_blob", lambda _self, blob: blobs.append(blob) or b"- userPrincipalName: ada\n")
    read(made, "ada", KnownDifferences(store))
    assert len(blobs) <= 3  # the first version, and the last one


@pytest.mark.parametrize("content", [b"", b"\xc1", msgspec.msgpack.encode({"a b": [1]}), msgspec.msgpack.encode([])])
def test_what_cannot_be_decoded_is_not_known(content: bytes) -> None:
    assert KnownDifferences(Memory(content)).find("a", "b") is None


def test_large_differences_are_not_kept() -> None:
    differences = KnownDifferences(Memory())
    differences.add("a", "b", ([], [b"x" * 20_000]))
    differences.add("b", "c", ([], [b"x"]))
    assert (differences.find("a", "b"), differences.find("b", "c")) == (None, ([], [b"x"]))


def test_if_all_is_too_much_only_what_was_used_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.history.known_differences._LARGEST_ALL", 6000)
    store = Memory()
    for number in range(2):
        differences = KnownDifferences(store)
        for each in range(40):
            differences.add(f"{number}", f"{each}", ([], [b"x" * 80]))
        differences.save()
    last = KnownDifferences(store)
    assert (last.find("0", "1"), last.find("1", "1")) == (None, ([], [b"x" * 80]))
