"""Values in the history of real repositories: found, not there, or not known."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository

from reconciler.git import history_search
from reconciler.git.history_search import SearchQuery, SearchResult, search_history

KEYS = ("objectId", "userPrincipalName")


def query(*values: str) -> SearchQuery:
    return SearchQuery(
        ("users",), "settings.yaml", KEYS, {each: frozenset({f"live-{each}"}) for each in values}, str.lower
    )


@pytest.fixture
def here(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "repository", ".")
    repository.commit("settings", {"state/settings.yaml": "target: {profile: scim}\n"})
    return repository


def commit(repository: GitRepository, text: str | None, name: str = "state/users/a.yaml") -> None:
    repository.commit("edit", {name: text})


def found(repository: GitRepository, *values: str, state: str = "state") -> SearchResult:
    return search_history(repository.root / state, query(*values))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("- objectId: Ada", "ada"),
        ("- {objectId: ada}", "ada"),
        ("- {userPrincipalName: x, objectId: ada, city: y}", "ada"),
        ('- "objectId": "ada"', "ada"),
        ("- {'objectId':'ada'}", "ada"),
        ('{"objectId":"ada"}', "ada"),
        ("  objectId : ada # comment", "ada"),
        ("  objectId: o'brien@example.com", "o'brien@example.com"),
        ("  objectId: 'o''brien@example.com'", "o'brien@example.com"),
        (r'  objectId: "z\u00f6e"', "zöe"),
        ("  objectId: zöe", "zöe"),
        (r'  objectId: "\x41da"', r"\x41da"),
    ],
)
def test_a_scalar_of_a_key_is_found(here: GitRepository, line: str, value: str) -> None:
    commit(here, f"{line}\n")
    commit(here, None)
    assert found(here, value) == SearchResult(frozenset({f"live-{value}"}))


@pytest.mark.parametrize(
    "line", ["objectId: ada2", "objectId: xada", "id: ada", "myobjectId: ada", "# ada", "objectId:"]
)
def test_what_is_not_the_scalar_of_a_key_is_not_found(here: GitRepository, line: str) -> None:
    commit(here, f"{line}\n")
    assert found(here, "ada") == SearchResult(frozenset())


def test_each_value_is_found_on_its_own(here: GitRepository) -> None:
    commit(here, "- {objectId: ada}\n- {objectId: bob}\n")
    assert found(here, "ada", "cid").found == {"live-ada"}
    assert found(here, "bob", "ada").found == {"live-ada", "live-bob"}


def test_a_value_that_stands_for_two_accounts(here: GitRepository) -> None:
    commit(here, "- {objectId: ada}\n")
    values = {"ada": frozenset({"one", "two"})}
    assert search_history(here.root / "state", SearchQuery(("users",), "settings.yaml", KEYS, values, str)).found == {
        "one",
        "two",
    }


def test_the_directory_may_have_been_elsewhere(here: GitRepository) -> None:
    commit(here, "- {objectId: ada}\n")
    commit(here, None)
    for old, new in (("state", "people"), ("people", "org/people")):
        (here.root / new).parent.mkdir(exist_ok=True)
        (here.root / old).rename(here.root / new)
        here.commit("move")
    assert found(here, "ada", state="org/people").found == {"live-ada"}


def test_the_root_of_a_repository(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "repository", ".")
    repository.commit(
        "first", {"settings.yaml": "a: b\n", "users/a.yaml": "- {objectId: ada}\n", "x/users/b": "objectId: b"}
    )
    assert found(repository, "ada", "b", state=".").found == {"live-ada"}


def test_settings_that_were_never_committed(here: GitRepository) -> None:
    commit(here, "- {objectId: ada}\n", "other/users/a.yaml")
    assert found(here, "ada", state="other").found == {"live-ada"}


def test_files_that_git_takes_for_binary_are_read(here: GitRepository) -> None:
    here.commit("first", {".gitattributes": "*.yaml -diff\n", "state/users/a.yaml": "- {objectId: ada}\n\0\n"})
    assert found(here, "ada").found == {"live-ada"}


def test_nothing_of_the_repository_runs(here: GitRepository, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    script = f"sh -c 'touch {trace}'"
    here.commit("first", {".gitattributes": "*.yaml diff=evil\n"})
    commit(here, "- {objectId: ada}\n")
    for key in ("diff.external", "diff.evil.command", "diff.evil.textconv", "core.pager", "gpg.program"):
        here.git("config", key, script)
    here.git("config", "log.showSignature", "true")
    assert found(here, "ada").found == {"live-ada"}
    assert not trace.exists()


def test_outside_of_git_and_without_a_commit(tmp_path: Path) -> None:
    outside = search_history(tmp_path, query("ada"))
    assert outside.problem.startswith("the desired state is not in a git repository: with git, add")
    repository = GitRepository(tmp_path, tracked=".")
    assert search_history(tmp_path, query("ada")).problem.startswith("the current branch has no commit yet: ")
    repository.commit("first", {"settings.yaml": "{}\n"})
    assert search_history(tmp_path, query("ada")).problem.startswith("no commit has a file in users/: ")
    repository.commit("second", {"users/a.yaml": "- {objectId: bob}\n"})
    assert search_history(tmp_path, query("ada")) == SearchResult(frozenset())


def test_a_shallow_clone_is_searched_and_said(here: GitRepository, tmp_path: Path) -> None:
    commit(here, "- {objectId: ada}\n- {objectId: bob}\n")
    commit(here, "- {objectId: bob}\n")
    here.git("clone", "--quiet", "--depth=1", f"file://{here.root}", str(tmp_path / "clone"))
    clone = tmp_path / "clone/state"
    assert search_history(clone, query("bob")) == SearchResult(frozenset({"live-bob"}))
    result = search_history(clone, query("ada", "bob"))
    assert (result.found, "shallow" in result.problem) == ({"live-bob"}, True)


def test_objects_that_are_not_here_are_said(here: GitRepository) -> None:
    commit(here, "- {objectId: ada}\n")
    commit(here, "- {objectId: bob}\n")
    blob = here.git("rev-parse", "HEAD~1:state/users/a.yaml")
    (here.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert found(here, "ada").problem == "git's history is incomplete (is this a partial clone?)"


def test_too_much_history_is_said(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(here, "- {objectId: ada}\n" * 100)
    monkeypatch.setattr(history_search, "_MAX_BYTES", 100)
    assert found(here, "bob").problem == "git's history is too large to be searched for users"


def test_a_search_that_takes_too_long_is_said(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(here, "- {objectId: ada}\n")
    monkeypatch.setattr(history_search, "_SECONDS", 0.05)
    start = subprocess.Popen

    def hang(command: Any, **options: Any) -> Any:
        return start(("sleep", "60"), **options) if "diff-tree" in command else start(command, **options)

    monkeypatch.setattr(history_search.subprocess, "Popen", hang)
    assert found(here, "ada").problem == "git's history could not be searched for users within 0.05 seconds"


def test_long_lines_are_cut_and_not_kept(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_search, "_MAX_LINE", 64)
    commit(here, "x" * 1_000 + "\n- {objectId: ada}\n")
    assert found(here, "ada").found == {"live-ada"}


def test_without_git_it_is_said(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert found(here, "ada").problem.startswith("git's history cannot be searched: git cannot be run")
