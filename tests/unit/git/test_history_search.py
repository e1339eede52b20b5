"""Values in the history of real repositories: found, not there, or not known."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository

from reconciler.git import history_search
from reconciler.git.history_search import SearchQuery, SearchResult, search_history
from reconciler.git.process import GitCommandError

KEYS = ("objectId", "userPrincipalName")


def read_values(content: bytes) -> Iterable[str]:
    """Return each objectId, except in comments."""
    return re.findall(
        r"^[^#\n]*?objectId['\"]?\s*:\s*['\"]?([^\s,}'\"]+)", content.decode("utf-8", "replace"), re.MULTILINE
    )


def query(*values: str, **changes: Any) -> SearchQuery:
    wanted = {each: frozenset({f"live-{each}"}) for each in values}
    asked = {"is_read": lambda name: name.endswith(".yaml"), "read_values": read_values, **changes}
    return SearchQuery(("users",), "settings.yaml", KEYS, wanted, str.lower, **asked)


@pytest.fixture
def here(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "repository", ".")
    repository.commit("settings", {"state/settings.yaml": "target: {profile: scim}\n"})
    return repository


def commit(repository: GitRepository, text: str | None, name: str = "state/users/a.yaml") -> None:
    repository.commit("edit", {name: text})


def found(repository: GitRepository, *values: str, state: str = "state", **changes: Any) -> SearchResult:
    return search_history(repository.root / state, query(*values, **changes))


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
    assert found(here, value, read_values=lambda _: [value]) == SearchResult(frozenset({f"live-{value}"}))


@pytest.mark.parametrize(
    "line", ["objectId: ada2", "objectId: xada", "id: ada", "myobjectId: ada", "# ada", "objectId:"]
)
def test_what_is_not_the_scalar_of_a_key_is_not_found(here: GitRepository, line: str) -> None:
    commit(here, f"{line}\n")
    assert found(here, "ada", read_values=lambda _: ["ada"]) == SearchResult(frozenset())


def test_a_hit_counts_only_if_the_file_has_the_value(here: GitRepository) -> None:
    commit(here, "# objectId: ada\n- objectId: bob\n")
    assert found(here, "ada") == SearchResult(frozenset())
    commit(here, "- objectId: bob\n- objectId: ada\n")
    commit(here, "- objectId: bob\n")
    assert found(here, "ada") == SearchResult(frozenset({"live-ada"}))


@pytest.mark.parametrize("name", ["README.md", "a\nb.yaml", "a.yaml.orig"])
def test_a_file_that_is_not_read_does_not_count(here: GitRepository, name: str) -> None:
    commit(here, "- objectId: ada\n", f"state/users/{name}")
    assert found(here, "ada") == SearchResult(frozenset())


@pytest.mark.parametrize("name", ["a b.yaml", "zöe.yaml", "deep/er/a.yaml", "b/a.yaml"])
def test_a_file_of_any_name_counts(here: GitRepository, name: str) -> None:
    commit(here, "- objectId: ada\n", f"state/users/{name}")
    commit(here, "- objectId: bob\n", f"state/users/{name}")
    assert found(here, "ada", "bob").found == {"live-ada", "live-bob"}


def test_a_link_does_not_count(here: GitRepository) -> None:
    link = here.root / "state/users/a.yaml"
    link.parent.mkdir()
    link.symlink_to("- objectId: ada")
    here.commit("link")
    assert found(here, "ada") == SearchResult(frozenset())
    link.unlink()
    commit(here, "- objectId: ada\n")
    assert found(here, "ada") == SearchResult(frozenset({"live-ada"}))


def merge(here: GitRepository, *versions: str | None, option: str = "--no-ff") -> None:
    """Commit versions of a file on a branch, and merge it."""
    here.git("checkout", "--quiet", "-b", "topic")
    for text in versions:
        commit(here, text, "state/users/topic.yaml")
    here.git("checkout", "--quiet", "-")
    commit(here, "[]\n", "state/users/meanwhile.yaml")
    here.git("merge", "--quiet", "--no-edit", option, "topic")


def test_what_a_branch_added_and_removed_does_not_count(here: GitRepository) -> None:
    merge(here, "- objectId: ada\n- objectId: bob\n", "- objectId: bob\n")
    assert found(here, "ada", "bob") == SearchResult(frozenset({"live-bob"}))


def test_what_a_merge_removed_counts(here: GitRepository) -> None:
    commit(here, "- objectId: ada\n", "state/users/topic.yaml")
    merge(here, None)
    assert found(here, "ada") == SearchResult(frozenset({"live-ada"}))


def test_a_directory_that_was_moved_by_a_merge(here: GitRepository) -> None:
    commit(here, "- {objectId: ada}\n")
    commit(here, None)
    here.git("checkout", "--quiet", "-b", "topic")
    here.git("mv", "state", "people")
    here.commit("move")
    here.git("checkout", "--quiet", "-")
    here.git("merge", "--quiet", "--no-edit", "--no-ff", "topic")
    assert found(here, "ada", state="people").found == {"live-ada"}


def test_a_place_on_a_branch_does_not_count(here: GitRepository) -> None:
    commit(here, "- {objectId: ada}\n", "other/users/a.yaml")
    here.git("checkout", "--quiet", "-b", "topic")
    for old, new in (("state", "other"), ("other", "state")):
        here.git("mv", f"{old}/settings.yaml", f"{new}/settings.yaml")
        here.commit("move")
        (here.root / "state").mkdir(exist_ok=True)
    here.git("checkout", "--quiet", "-")
    here.git("merge", "--quiet", "--no-edit", "--no-ff", "topic")
    assert found(here, "ada").found == frozenset()


def test_a_blob_that_is_not_here_is_said(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(here, "- {objectId: ada}\n")
    run = history_search.run_git

    def lack(directory: Path, *arguments: str, **options: Any) -> bytes:
        if arguments[0] == "cat-file":
            raise GitCommandError("bad object")
        return run(directory, *arguments, **options)

    monkeypatch.setattr(history_search, "run_git", lack)
    assert found(here, "ada").problem == history_search._MISSING


def test_each_version_is_read_once(here: GitRepository) -> None:
    commit(here, "# objectId: ada\n" * 50)
    read: list[bytes] = []
    assert found(here, "ada", read_values=lambda content: read.append(content) or ()).found == frozenset()
    assert len(read) == 1


def test_each_value_is_found_on_its_own(here: GitRepository) -> None:
    commit(here, "- {objectId: ada}\n- {objectId: bob}\n")
    assert found(here, "ada", "cid").found == {"live-ada"}
    assert found(here, "bob", "ada").found == {"live-ada", "live-bob"}


def test_a_value_that_stands_for_two_accounts(here: GitRepository) -> None:
    commit(here, "- {objectId: ada}\n")
    values = {"ada": frozenset({"one", "two"})}
    assert search_history(here.root / "state", replace(query(), values=values)).found == {"one", "two"}


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
    assert found(here, "ada").problem == history_search._MISSING


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


def test_files_are_not_read_after_the_time(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        commit(here, f"# {number}\n# objectId: ada{' ' * number}\n")
    monkeypatch.setattr(history_search, "_SECONDS", 0.2)
    read: list[bytes] = []

    def read_slowly(content: bytes) -> tuple[()]:
        read.append(content)
        time.sleep(0.3)
        return ()

    assert found(here, "ada", read_values=read_slowly).problem.endswith("within 0.2 seconds")
    assert len(read) <= 1


def test_long_lines_are_cut_and_are_no_headers(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_search, "_MAX_LINE", 128)
    commit(here, "x" * 1_000 + "\n- {objectId: ada}\n")
    assert found(here, "ada").found == {"live-ada"}
    evil = here.write_blob(b"- {objectId: bob}\n")
    forged = (
        "diff --git a/x b/x",
        f"index {evil}..{evil} 100644",
        "+++ b/state/users/a.yaml",
        "@@ x",
        "+objectId: bob",
    )
    commit(here, "".join("+" + "x" * (126 if n == 0 else 127) + f"{line:<128}" for n, line in enumerate(forged)))
    assert found(here, "bob").found == frozenset()


def test_without_git_it_is_said(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert found(here, "ada").problem.startswith("git's history cannot be searched: git cannot be run")
