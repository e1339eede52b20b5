"""The record on a branch: applies in clones of one repository, which git itself serves over HTTP."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository
from support.servers.fake_scim import FakeScimServer
from support.servers.git_http import GitServer
from support.servers.github_api import REPOSITORY, Token
from support.servers.http_server import Reply
from support.servers.server_faults import ServerFaults
from support.workspace import CommandResult
from support.workspace import run as reconciler

BRANCH = "reconciler-record"
TOKEN = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"
WRITER = Token(permissions={"contents": "write"})
USERS = "desired-state/users/people.yaml"


def person(who: str, **changed: str) -> dict[str, str]:
    names = {"objectId": f"id-{who}", "userPrincipalName": f"{who}@example.com", "givenName": who, "surname": "Lee"}
    return {**names, **changed}


class Clone:
    """A separate checkout, as each job of a workflow has."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state, self.plans = root / "desired-state", root / "plans"

    def run(self, *arguments: str) -> CommandResult:
        options = ["--state", str(self.state)]
        if "fetch-record" not in arguments:
            options += ["--plans", str(self.plans)]
        return reconciler(["reconciler", *arguments, *options])

    def fetch(self) -> CommandResult:
        return self.run("github", "fetch-record")

    def push(self, *arguments: str) -> CommandResult:
        return self.run("github", "push-record", *arguments)

    def apply(self, *arguments: str) -> CommandResult:
        """Fetch, apply and push like the `apply` workflow."""
        assert self.fetch().code == 0
        result = self.run("apply", *(arguments or ("--auto-approve",)))
        assert self.push().code == 0
        return result

    def receipts(self) -> list[Path]:
        return sorted(self.plans.glob("*/receipt.jsonl"))


class RecordRepository:
    """The repository on its server, the service, and clones."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.service = FakeScimServer()
        self.service.start()
        self.origin = GitRepository(root / "origin")
        self.tokens = {TOKEN: WRITER}
        self.server = GitServer(self.origin.root, lambda: self.tokens)
        self.settings()

    def settings(self, profile: str = "scim", **sections: Any) -> None:
        content = {
            "target": {"profile": profile, "base_url": self.service.base_url, "domains": ["example.com"]},
            "guards": {"removals": {"count": 1000, "percent": 100}},
            "record": {"branch": BRANCH},
            **sections,
        }
        self.origin.commit("Settings", {"desired-state/settings.yaml": json.dumps(content)})

    def commit_users(self, *users: dict[str, str]) -> None:
        text = "".join(f"- {json.dumps(each)}\n" for each in users)
        self.origin.commit("People", {USERS: text, "desired-state/scope.yaml": "sync: all\n"})

    def clone(self, name: str) -> Clone:
        folder = self.root / name
        self.origin.git("clone", "--quiet", "--no-local", "--depth=1", f"file://{self.origin.root}", str(folder))
        return Clone(folder)

    def on_branch(self) -> list[str]:
        return self.origin.git("ls-tree", "-r", "--name-only", BRANCH).splitlines()

    def content(self, name: str) -> str:
        return self.origin.git("show", f"{BRANCH}:{name}")

    def close(self) -> None:
        self.server.close()
        self.service.close()


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordRepository]:
    opened = RecordRepository(tmp_path)
    environment = {
        "RECONCILER_TOKEN": opened.service.token,
        "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
        "XDG_STATE_HOME": str(tmp_path / "state-home"),
        "GITHUB_SERVER_URL": opened.server.url,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_RUN_ID": "77",
        "GITHUB_SHA": "a" * 40,
        "HOME": str(tmp_path),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    monkeypatch.setattr("reconciler.record.branch.time.sleep", lambda _: None)
    yield opened
    opened.close()


# --- a branch that cannot be read is not one that does not exist ----------------------


@pytest.mark.parametrize("content", ["", "x\n", "1" * 40 + "\n"])
def test_a_branch_that_git_cannot_resolve_stops_every_command(record: RecordRepository, content: str) -> None:
    """A protected user whose entry is gone would be deactivated: only the record knows."""
    boss, other = {**person("boss"), "lifecycle": {"protected": True}}, person("other")
    record.commit_users(boss, other)  # type: ignore[arg-type]
    assert record.clone("one").apply().code == 0
    record.commit_users(other)
    two = record.clone("two")
    assert two.fetch().code == 0
    assert two.run("plan").code == 3, "the record knows that the user is protected"
    (two.root / f".git/refs/remotes/origin/{BRANCH}").write_text(content)
    for command in (("plan",), ("apply", "--auto-approve"), ("status",), ("log",), ("rollback", "HEAD")):
        ended = two.run(*command)
        assert (ended.code, f'the record branch "{BRANCH}" is damaged' in ended.err) == (1, True), ended
    assert BRANCH not in two.run("plan", "--redact").err
    assert all(user["active"] for user in record.service.users.values())
    command = re.findall(r"Fetch the branch again: (rm .*)\n", two.run("plan").err)[0]
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)
    assert two.run("plan").code == 3


@pytest.mark.parametrize("content", ["", '{"format_', "\0" * 99])
def test_a_receipt_that_was_damaged_on_the_branch_stops_plan_and_apply(record: RecordRepository, content: str) -> None:
    record.commit_users(person("ada"), person("bob"))
    assert record.clone("one").apply().code == 0
    record.origin.git("checkout", "--quiet", BRANCH)
    (name,) = (name for name in record.on_branch() if name.endswith("/receipt.jsonl"))
    record.origin.commit("Damage", {name: content}, tracked="plans")
    record.origin.git("checkout", "--quiet", "main")
    two = record.clone("two")
    assert two.fetch().code == 0
    for command in (("plan",), ("apply", "--auto-approve")):
        ended = two.run(*command)
        where = f'{name.removeprefix("plans/")} on the record branch "{BRANCH}":1: '
        assert (ended.code, where in ended.err) == (1, True), ended


def test_an_apply_that_was_killed_before_its_first_line_is_not_pushed(record: RecordRepository) -> None:
    """On the branch its receipt would be one that lost its lines."""
    record.commit_users(person("ada"))
    one = record.clone("one")
    (one.plans / "2026-03-01-0123456789ab").mkdir(parents=True)
    (one.plans / "2026-03-01-0123456789ab/receipt.jsonl").write_text("")
    assert one.apply().code == 0
    assert not [name for name in record.on_branch() if "2026-03-01" in name]
    two = record.clone("two")
    assert (two.fetch().code, two.run("plan").code) == (0, 0)


# --- knowledge of the next run --------------------------------------------------------


def test_a_name_that_another_run_deleted_is_not_reused(record: RecordRepository) -> None:
    record.settings("apple-business-manager", lifecycle={"removed": "delete"})
    record.commit_users(person("ada"), person("keeper"))
    assert record.clone("one").apply().code == 0
    record.commit_users(person("keeper"))
    assert record.clone("two").apply().code == 0
    record.commit_users(person("keeper"), person("ada", objectId="id-successor"))
    third = record.clone("three")
    assert third.run("plan", "--detailed-exitcode").code == 2, "without the record nothing is known"
    assert third.fetch().code == 0
    blocked = third.run("plan", "--detailed-exitcode")
    assert (blocked.code, "free on" in blocked.out) == (3, True)
    assert third.apply().code == 3


def test_the_quarantine_of_one_run_is_a_trial_in_the_next(record: RecordRepository) -> None:
    record.commit_users(*(person(f"p{number}") for number in range(40)))
    record.service.faults = ServerFaults(forbid_after=3)
    assert record.clone("one").apply().code == 5
    record.service.faults = ServerFaults()
    second = record.clone("two")
    unknown = second.run("status")
    assert (unknown.code, "Health:        unknown" in unknown.out) == (1, True), "without the record nothing is known"
    second.fetch()
    assert second.run("status").code == 1
    assert "begins with a probe of 5 changes" in second.apply().err
    assert second.run("status").code == 0


def test_a_rejection_before_planning_is_recorded_until_the_service_responds(
    record: RecordRepository,
) -> None:
    record.commit_users(person("ada"))
    record.service.faults = ServerFaults(login_page=True)
    for name in ("one", "two"):
        assert record.clone(name).apply().code == 1
    assert json.loads(record.content("plans/refusal.json"))["count"] == 2
    third = record.clone("three")
    third.fetch()
    assert third.run("status").code == 1
    record.service.faults = ServerFaults()
    assert third.apply().code == 0
    last = record.clone("four")
    last.fetch()
    assert last.run("status").code == 0


def test_an_apply_that_was_killed_is_finished_by_the_next_run(record: RecordRepository) -> None:
    record.commit_users(person("ada"), person("bob"), person("cyd"))
    first = record.clone("one")
    saved = record.root / "reviewed.json"
    first.run("plan", "-o", str(saved))
    assert first.run("apply", str(saved)).code == 0
    # As if it had been killed after ada, in the middle of a line.
    for identity in [each for each, user in record.service.users.items() if user["userName"] != "ada@example.com"]:
        del record.service.users[identity]
    (receipt,) = first.receipts()
    lines = receipt.read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"started"' in line or '"apply_started"' in line]
    kept += [line for line in lines if '"finished"' in line and "ada@" in line]
    receipt.write_text("".join(kept) + '{"torn')
    receipt.with_name("README.md").unlink()
    assert first.push().code == 0
    assert [Path(name).name for name in record.on_branch()] == ["plan.json", "receipt.jsonl"]
    second = record.clone("two")
    assert second.apply(str(saved), "--strict").code == 0
    assert len(record.service.users) == 3
    assert [Path(name).name for name in record.on_branch()] == ["README.md", "plan.json", "receipt.jsonl"]
    events = [json.loads(line)["event"] for line in record.content(record.on_branch()[-1]).splitlines()]
    assert events.count("apply_started") == 2
    assert "## Done: 3\n" in record.content(record.on_branch()[0]), "the page lists both applies"


def test_an_ordinary_clone_sees_the_record_after_git_fetch(
    record: RecordRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.commit_users(person("ada"))
    assert record.clone("one").apply().code == 0
    for name in ("GITHUB_TOKEN", "RECONCILER_TOKEN"):
        monkeypatch.delenv(name)
    mine = Clone(record.root / "mine")
    record.origin.git("clone", "--quiet", f"file://{record.origin.root}", str(mine.root))
    shown = mine.run("log", "id-ada")
    assert "applied" in shown.out, shown
    assert not mine.plans.exists()
    record.origin.git("-C", str(mine.root), "update-ref", "-d", f"refs/remotes/origin/{BRANCH}")
    assert_fetched_as_printed(mine)


def assert_fetched_as_printed(mine: Clone) -> None:
    """Check that the record is missing, and that the command in the note brings it."""
    note = mine.run("log", "id-ada").err
    assert f"Branch {BRANCH} not found locally" in note
    (command,) = re.findall(r"(git -C .* fetch origin .*)\n", note)
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    after = mine.run("log", "id-ada")
    assert ("not found locally" in after.err, "applied" in after.out) == (False, True)


def test_a_clone_of_one_branch_gets_the_record_as_printed(
    record: RecordRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.commit_users(person("ada"))
    assert record.clone("one").apply().code == 0
    monkeypatch.delenv("GITHUB_TOKEN")
    mine = Clone(record.root / "mine")
    url = f"file://{record.origin.root}"
    record.origin.git("clone", "--quiet", "--single-branch", "--branch=main", url, str(mine.root))
    assert_fetched_as_printed(mine)


def test_without_git_every_command_says_that_the_branch_is_not_here(record: RecordRepository, tmp_path: Path) -> None:
    record.commit_users(person("ada"))
    mine = Clone(tmp_path / "mine")
    shutil.copytree(record.origin.root / "desired-state", mine.state)
    expected = f"The record of applies is on branch {BRANCH} (record.branch in settings.yaml), and there is no git\n"
    for command in (["plan"], ["status"], ["explain", "id-ada"], ["drift"], ["apply", "--auto-approve"]):
        result = mine.run(*command)
        assert result.err.count(expected) == 1, result
        assert BRANCH not in mine.run(*command, "--redact").err
    assert "is not in a git repository" in mine.run("log").err


@pytest.mark.parametrize("git", ["init", "commit", "other remote"])
def test_without_a_server_nothing_is_said_of_the_branch(record: RecordRepository, tmp_path: Path, git: str) -> None:
    record.commit_users(person("ada"))
    mine = Clone(tmp_path / "mine")
    shutil.copytree(record.origin.root / "desired-state", mine.state)
    repository = GitRepository(mine.root)
    if git != "init":
        repository.commit("Begin")
    if git == "other remote":
        repository.git("remote", "add", "backup", str(record.origin.root))
    for command in (["plan"], ["apply", "--auto-approve"], ["status"], ["log"], ["explain", "id-ada"]):
        result = mine.run(*command)
        assert BRANCH not in result.err, result
        assert "Traceback" not in result.err


# --- the branch -----------------------------------------------------------------------


def test_a_missing_branch_is_an_empty_record(record: RecordRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    record.commit_users(person("ada"))
    checkout = record.clone("one")
    outputs = record.root / "outputs"
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    result = checkout.fetch()
    assert (result.code, f"There is no branch {BRANCH} yet" in result.err) == (0, True)
    assert outputs.read_text() == f"branch={BRANCH}\n"
    assert checkout.push().code == 0
    assert BRANCH not in record.origin.git("branch"), "without anything to add no branch is created"


@pytest.mark.parametrize("status", [401, 403, 404, 500, 302])
def test_an_invalid_response_stops_the_run(record: RecordRepository, status: int) -> None:
    checkout = record.clone("one")
    elsewhere = {"Location": f"{record.server.url}/elsewhere/info/refs?service=git-upload-pack"}
    record.server.failing_users = [Reply(status=status, headers=elsewhere if status == 302 else {})]
    result = checkout.fetch()
    assert (result.code, "cannot be reached" in result.err) == (1, True), result
    assert [request.target for request in record.server.requests if "elsewhere" in request.target] == []


def test_an_unreachable_server_stops_the_run(record: RecordRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = record.clone("one")
    monkeypatch.setenv("GITHUB_SERVER_URL", "http://127.0.0.1:9")
    assert (checkout.fetch().code, checkout.push().code) == (1, 1)


def test_concurrent_pushes_of_others_are_kept(record: RecordRepository) -> None:
    record.commit_users(person("ada"))
    first, second, third = (record.clone(name) for name in ("one", "two", "three"))
    for clone in (first, second, third):
        record.service.users.clear()
        clone.run("apply", "--auto-approve")
        record.commit_users(person("ada"), person(clone.root.name))
    assert first.push().code == 0
    before = record.origin.git("rev-parse", BRANCH)
    # One push before git reads the branch, one after it: git refuses the first time, the server the second time.
    record.server.before_push = [
        lambda: _push_from_elsewhere(record),
        lambda: None,
        lambda: _push_from_elsewhere(record),
    ]
    assert second.push().code == 0
    assert record.origin.git("merge-base", BRANCH, before) == before, "nothing is forced"
    assert record.origin.git("rev-list", "--count", BRANCH) == "4"
    names = record.on_branch()
    assert "notes.txt" in names
    assert len([name for name in names if name.endswith("receipt.jsonl")]) == 1
    assert [json.loads(line)["event"] for line in record.content(names[-1]).splitlines()].count("apply_started") == 2
    again = second.push()
    assert (again.code, "Nothing is new" in again.err) == (0, True), "a second push adds nothing"


def _push_from_elsewhere(record: RecordRepository) -> None:
    tip = record.origin.git("rev-parse", BRANCH)
    blob = record.origin.git("hash-object", "-w", "--stdin", stdin=f"after {tip}")
    listing = record.origin.git("ls-tree", tip).replace("\tnotes.txt", "\told-notes.txt")
    tree = record.origin.git("mktree", stdin=f"{listing}\n100644 blob {blob}\tnotes.txt\n")
    commit = record.origin.git("commit-tree", tree, "-p", tip, stdin="By somebody")
    record.origin.git("update-ref", f"refs/heads/{BRANCH}", commit)


def test_a_branch_that_keeps_moving_is_given_up(record: RecordRepository) -> None:
    record.commit_users(person("ada"))
    assert record.clone("one").apply().code == 0
    second = record.clone("two")
    record.service.users.clear()
    second.run("apply", "--auto-approve")
    record.server.before_push = [lambda: _push_from_elsewhere(record)] * 20
    result = second.push()
    assert (result.code, "moved 5 times" in result.err, len(record.server.before_push)) == (1, True, 10)


def test_a_read_only_token_cannot_push(record: RecordRepository) -> None:
    record.commit_users(person("ada"))
    checkout = record.clone("one")
    checkout.run("apply", "--auto-approve")
    record.tokens[TOKEN] = Token(permissions={"contents": "read"})
    assert checkout.fetch().code == 0
    result = checkout.push()
    assert (result.code, "contents: write" in result.err) == (1, True)


def test_a_commit_message_names_the_plan_and_no_users(record: RecordRepository) -> None:
    record.commit_users(person("ada"))
    checkout = record.clone("one")
    checkout.run("apply", "--auto-approve")
    hostile = checkout.plans / "2026-01-01-ada-lovelace\n::error::x"
    hostile.mkdir()
    (hostile / "receipt.jsonl").write_text("{}\n")
    assert checkout.push("--author", "Record <record@example.com>").code == 0
    message = record.origin.git("log", "-1", "--format=%an <%ae>, %cn%n%B", BRANCH)
    assert message.splitlines()[0] == "Record <record@example.com>, Record"
    assert message.splitlines()[1:] == ["Record 2 plans", "", f"Run 77, commit {'a' * 40}"]
    for author in ("ada", "a\nb <x@y>", "<x@y>", "--x"):
        assert checkout.push(f"--author={author}").code == 64


def test_symlinks_on_the_branch_are_not_followed(record: RecordRepository) -> None:
    record.commit_users(person("ada"))
    secret = record.root / "secret"
    secret.write_text('{"event": "apply_started", "plan_id": "sha256:stolen"}\n')
    blob = record.origin.git("hash-object", "-w", "--stdin", stdin=str(secret))
    inner = record.origin.git("mktree", stdin=f"120000 blob {blob}\treceipt.jsonl\n")
    plans = record.origin.git("mktree", stdin=f"040000 tree {inner}\t2026-01-01-000000000000\n")
    tree = record.origin.git("mktree", stdin=f"040000 tree {plans}\tplans\n")
    commit = record.origin.git("commit-tree", tree, stdin="Forged")
    record.origin.git("update-ref", f"refs/heads/{BRANCH}", commit)
    checkout = record.clone("one")
    assert checkout.apply().code == 0
    assert not any("2026-01-01" in str(path) for path in checkout.plans.rglob("*"))


# --- the token ------------------------------------------------------------------------


def test_the_token_is_on_no_command_line_and_in_no_file(
    record: RecordRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.commit_users(person("ada"))
    seen = record.root / "seen"
    wrapper = record.root / "bin" / "git"
    wrapper.parent.mkdir()
    real = next(Path(folder) / "git" for folder in os.environ["PATH"].split(":") if (Path(folder) / "git").exists())
    wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {seen}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    checkout = record.clone("one")
    # A checkout with persisted credentials, and settings that would redirect requests.
    kept = f'[http "{record.server.url}/"]\nextraheader = AUTHORIZATION: basic eDp5\n'
    with (checkout.root / ".git" / "config").open("a") as file:
        file.write(kept)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert checkout.apply().code == 0
    assert "ls-remote" in seen.read_text()
    assert "push" in seen.read_text()
    arguments = [TOKEN.encode(), base64.b64encode(f"x-access-token:{TOKEN}".encode())]
    files = [path for path in record.root.rglob("*") if path.is_file()]
    assert [path for path in files for word in arguments if word in path.read_bytes()] == []
    sent = [request.headers for request in record.server.requests]
    assert all(record.service.token not in str(headers) for headers in sent)


@pytest.mark.parametrize("url", ["http://git.example.com", "ssh://git.example.com", "file:///tmp", "--upload-pack=x"])
def test_the_token_is_never_sent_unencrypted(
    record: RecordRepository, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = record.clone("one")
    monkeypatch.setenv("GITHUB_SERVER_URL", url)
    result = checkout.fetch()
    assert (result.code, "is not an https:// URL" in result.err) == (64, True)


def test_without_a_branch_nothing_is_done(record: RecordRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    record.settings(record={})
    checkout = record.clone("one")
    monkeypatch.delenv("GITHUB_TOKEN")
    assert (checkout.fetch().code, checkout.push().code) == (0, 0)
    assert record.server.requests == []
