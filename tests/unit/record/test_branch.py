"""The record branch in a bare repository, reached by path."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git.server import Author, Remote
from reconciler.record import branch as module
from reconciler.record.branch import RecordBranch, find_local_tip, format_fetch, read_record_at

BRANCH = "reconciler-record"
AUTHOR = Author("Ada", "ada@example.com")
FIRST, SECOND = "2026-03-01-0123456789ab", "2026-03-02-0123456789ab"
STARTED = b'{"event": "apply_started", "plan_id": "sha256:x"}\n'


class Clone:
    """A clone with its own directory of plans."""

    def __init__(self, root: Path, origin: Path) -> None:
        self.repository = GitRepository(root)
        self.repository.commit("Begin", {"desired-state/users/a.yaml": "[]\n"})
        self.plans = root / "plans"
        self.branch = RecordBranch(root, BRANCH, Remote(str(origin), "https://github.com", "file", {}))

    def record(self, name: str, content: bytes = STARTED) -> None:
        (self.plans / name).mkdir(parents=True, exist_ok=True)
        (self.plans / name / "receipt.jsonl").write_bytes(content)

    def push(self) -> str | None:
        return self.branch.push(self.plans, AUTHOR, "Run 7")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    GitRepository(tmp_path).git("init", "--quiet", "--bare", "origin.git")
    return tmp_path / "origin.git"


@pytest.fixture
def one(tmp_path: Path, origin: Path) -> Clone:
    return Clone(tmp_path / "one", origin)


@pytest.fixture
def other(tmp_path: Path, origin: Path) -> Clone:
    return Clone(tmp_path / "other", origin)


def test_without_a_branch_there_is_nothing_to_fetch(one: Clone) -> None:
    assert one.branch.fetch() is None
    assert find_local_tip(one.repository.root, BRANCH) is None


def test_the_command_that_fetches_needs_a_server(one: Clone, tmp_path: Path) -> None:
    assert format_fetch(tmp_path / "nowhere", BRANCH) is None
    root = one.repository.root
    assert format_fetch(root, BRANCH) is None
    one.repository.git("remote", "add", "origin", "https://example.com")
    refs = "it's/a:refs/remotes/origin/it's/a"
    assert shlex.split(format_fetch(root, "it's/a") or "") == ["git", "-C", str(root), "fetch", "origin", refs]


def test_a_push_makes_the_branch_and_a_fetch_brings_it(one: Clone, other: Clone) -> None:
    one.record(FIRST)
    commit = one.push()
    assert commit is not None
    assert other.branch.fetch() == commit == find_local_tip(other.repository.root, BRANCH)
    assert dict(read_record_at(other.repository.root, commit)) == {f"{FIRST}/receipt.jsonl": STARTED}


def test_a_commit_has_the_author_a_subject_and_the_note(one: Clone) -> None:
    one.record(FIRST)
    commit = one.push()
    assert one.repository.git("log", "-1", "--format=%an <%ae>%n%cn%n%B", str(commit)).splitlines() == [
        "Ada <ada@example.com>",
        "Ada",
        f"Record {FIRST}",
        "",
        "Run 7",
    ]
    one.record(SECOND)
    one.record("odd")
    assert one.repository.git("log", "-1", "--format=%s", str(one.push())) == "Record 2 plans"


def test_what_is_on_the_branch_already_is_not_pushed_again(one: Clone) -> None:
    one.record(FIRST)
    assert one.push() is not None
    assert one.push() is None


def test_what_others_pushed_is_kept(one: Clone, other: Clone) -> None:
    one.record(FIRST)
    other.record(SECOND)
    first, second = one.push(), other.push()
    assert other.repository.git("rev-parse", f"{second}^") == first
    assert {name for name, _ in read_record_at(other.repository.root, str(second))} == {
        f"{FIRST}/receipt.jsonl",
        f"{SECOND}/receipt.jsonl",
    }


def test_a_push_that_loses_a_race_is_tried_again(one: Clone, other: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    one.record(FIRST)
    other.record(SECOND)
    commit = one.branch._server.commit

    def commit_late(*arguments: object) -> str:
        made = commit(*arguments)  # type: ignore[arg-type]
        if not waits:
            other.push()
        return made

    monkeypatch.setattr(one.branch._server, "commit", commit_late)
    pushed = one.push()
    assert waits == [1]
    assert len(dict(read_record_at(one.repository.root, str(pushed)))) == 2


def test_the_work_tree_and_the_index_stay_as_they_are(one: Clone) -> None:
    one.record(FIRST)
    before = one.repository.git("status", "--porcelain")
    one.push()
    assert one.repository.git("status", "--porcelain") == before == "?? plans/"


def test_a_branch_that_is_gone_on_the_server_is_gone_here_after_a_fetch(one: Clone, origin: Path) -> None:
    one.record(FIRST)
    commit = one.push()
    assert one.branch.fetch() == commit == find_local_tip(one.repository.root, BRANCH)
    one.repository.git("push", "--quiet", str(origin), f":{BRANCH}")
    assert one.branch.fetch() is None
    assert find_local_tip(one.repository.root, BRANCH) is None


def test_a_local_branch_counts_if_none_was_fetched(one: Clone) -> None:
    one.repository.git("branch", BRANCH)
    assert find_local_tip(one.repository.root, BRANCH) == one.repository.head()


# --- a branch that git cannot resolve is not one that does not exist ---------------


def test_a_damaged_ref_is_an_error_even_if_the_other_one_is_whole(one: Clone) -> None:
    """Without a server there is nothing to fetch."""
    one.repository.git("branch", BRANCH)
    path = one.repository.root / ".git/refs/remotes/origin" / BRANCH
    path.parent.mkdir(parents=True)
    path.write_text("")
    with pytest.raises(RepositoryError) as caught:
        find_local_tip(one.repository.root, BRANCH)
    assert caught.value.summary == (
        'the record branch "reconciler-record" is damaged: it does not hold the name of a commit'
    )
    assert caught.value.detail == (
        f"Without the record no apply is safe. The ref is refs/remotes/origin/{BRANCH}, in {path}.\n"
        "There is no remote `origin` to fetch it from: restore the repository from a copy."
    )


@pytest.mark.parametrize("packed", [False, True])
def test_the_command_for_a_damaged_ref_fetches_it_again(one: Clone, origin: Path, packed: bool) -> None:
    one.record(FIRST)
    commit = one.push()
    assert commit is not None
    assert one.branch.fetch() == commit
    one.repository.git("remote", "add", "origin", str(origin))
    ref = f"refs/remotes/origin/{BRANCH}"
    if packed:
        one.repository.git("pack-refs", "--all")
        (one.repository.root / ".git/objects" / commit[:2] / commit[2:]).unlink()
    else:
        (one.repository.root / ".git" / ref).write_text("x\n")
    with pytest.raises(RepositoryError) as caught:
        find_local_tip(one.repository.root, BRANCH)
    command = caught.value.detail.partition("Fetch the branch again: ")[2]
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)
    assert find_local_tip(one.repository.root, BRANCH) == commit


def test_a_repository_that_git_does_not_use_is_an_error(
    one: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root in a container, where the checkout belongs to another user; git that is not installed; no repository."""
    wrapper = tmp_path / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {shutil.which("git")} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(wrapper.parent))
    root = one.repository.root
    with pytest.raises(RepositoryError) as caught:
        find_local_tip(root, BRANCH)
    assert caught.value.summary.startswith('the record branch "reconciler-record" cannot be read: detected dubious')
    assert caught.value.detail.endswith(f", run `git config --global --add safe.directory {root}`.")
    wrapper.unlink()
    with pytest.raises(RepositoryError, match="git cannot be run"):
        find_local_tip(root, BRANCH)
    for folder in (root, tmp_path):
        shutil.rmtree(folder / ".git")
    assert find_local_tip(root, BRANCH) is None


@pytest.mark.parametrize("name", ["HEAD", "core.worktree"])
def test_a_repository_that_git_passes_over_is_an_error(one: Clone, name: str) -> None:
    """git takes the repository around it, if there is one."""
    GitRepository(one.repository.root.parent)
    if name == "HEAD":
        (one.repository.root / ".git/HEAD").write_bytes(b"")
    else:
        one.repository.git("config", "core.worktree", "/")
    with pytest.raises(RepositoryError, match="cannot be read: "):
        find_local_tip(one.repository.root, BRANCH)


def test_a_server_that_cannot_be_reached_is_an_error(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone", tmp_path / "nowhere.git")
    with pytest.raises(RepositoryError) as caught:
        clone.branch.fetch()
    assert caught.value.summary.startswith('the record branch "reconciler-record" cannot be reached (ls-remote): ')
    assert caught.value.detail == (
        "Check that the job has `contents: read`. Nothing was changed: without the record no apply is safe."
    )


def test_settings_that_redirect_or_weaken_requests_are_overridden() -> None:
    options = Remote("https://github.com/o/r", "https://github.com", "https", {}).options()
    assert options[::2] == ["-c"] * (len(options) // 2)
    assert {
        "http.https://github.com/.proxy=",
        "http.https://github.com/.sslVerify=true",
        "http.followRedirects=false",
        "credential.helper=",
        "core.askPass=",
    } <= set(options)


def test_the_token_is_not_shown() -> None:
    assert "hidden" not in repr(Remote("https://github.com/o/r", "https://github.com", "https", {"TOKEN": "hidden"}))


def test_records_of_many_tenants_are_one_commit(one: Clone, other: Clone, tmp_path: Path) -> None:
    """Nothing is lost if others push in between, and a link is not a file of the record."""
    records = {}
    for number, tenant in enumerate(("acme", "globex"), 1):
        folder = tmp_path / tenant / FIRST
        folder.mkdir(parents=True)
        (folder / "receipt.jsonl").write_bytes(STARTED.replace(b"x", b"%d" % number))
        records[f"tenants/{tenant}/plans"] = folder.parent
    other.record(SECOND)
    other.push()
    commit = one.branch.push_all(records, {"fleet/applied.json": b"{}\n"}, AUTHOR, "Run 7")
    assert commit is not None
    git = one.repository.git
    assert git("rev-list", "--count", commit).strip() == "2", "one for all tenants"
    assert git("log", "-1", "--format=%s", commit).strip() == "Record 2 plans"
    found = dict(read_record_at(one.repository.root, commit, folder="tenants/globex/plans"))
    assert list(found) == [f"{FIRST}/receipt.jsonl"]
    assert list(dict(read_record_at(one.repository.root, commit))) == [f"{SECOND}/receipt.jsonl"]
    assert git("show", f"{commit}:fleet/applied.json") == "{}"
    assert one.branch.push_all(records, {"fleet/applied.json": b"{}\n"}, AUTHOR, "Run 7") is None, "nothing is new"
    again = one.branch.push_all({}, {"fleet/applied.json": b"{ }\n"}, AUTHOR, "Run 8")
    assert again is not None
    assert git("log", "-1", "--format=%s", again).strip() == "Record what was applied"
    assert (
        git("show", f"{again}:tenants/acme/plans/{FIRST}/receipt.jsonl")
        == '{"event": "apply_started", "plan_id": "sha256:1"}'
    )
