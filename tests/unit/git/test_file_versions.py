from __future__ import annotations

from pathlib import Path

from support.git_repository import GitRepository

from reconciler.git.file_versions import list_file_versions


def test_the_commits_that_changed_a_file_newest_first(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path)
    state = tmp_path / "desired-state"
    (state / "users").mkdir(parents=True)
    made = []
    for text in ("1", "1", "2", "3"):
        (state / "settings.yaml").write_text(text)
        (state / "users" / "a.yaml").write_text(str(len(made)))
        made.append(repository.commit("Edit"))
    found = list_file_versions(state, "settings.yaml", 20)
    assert [version.commit for version in found] == [made[3], made[2], made[0]]
    assert found[0].time > found[1].time
    assert [version.commit for version in list_file_versions(state, "settings.yaml", 1)] == [made[3]]
    assert list_file_versions(state, "other.yaml", 20) == []


def test_without_a_repository_or_a_commit_there_are_none(tmp_path: Path) -> None:
    assert list_file_versions(tmp_path, "settings.yaml", 20) == []
    GitRepository(tmp_path)
    assert list_file_versions(tmp_path, "settings.yaml", 20) == []
