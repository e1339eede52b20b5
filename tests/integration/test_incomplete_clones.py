"""Partial and shallow clones: each command that needs history names the command that fetches it, and it works."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import OpenWorkspace
from support.git_workspace import GitWorkspace, person
from support.servers.fake_scim import FakeScimServer
from support.workspace import CommandResult, run

Clone = Callable[..., Path]


@pytest.fixture
def org(open_workspace: OpenWorkspace) -> GitWorkspace:
    service = FakeScimServer()
    made = GitWorkspace(open_workspace(service), service)
    made.commit(person("ada"))
    assert made.work.apply().code == 0
    made.commit(person("ada", department="Research"), person("bob"))
    return made


@pytest.fixture
def clone(org: GitWorkspace, tmp_path: Path) -> Clone:
    org.git.git("config", "uploadpack.allowFilter", "true")

    def make(*options: str) -> Path:
        into = tmp_path / "clones" / "one"
        subprocess.run(["git", "clone", "-q", *options, org.work.root.as_uri(), str(into)], check=True)
        return into

    return make


def run_in(folder: Path, org: GitWorkspace, *command: str) -> CommandResult:
    here = ["--state", str(folder / "desired-state"), "--plans", str(org.work.plans)]
    return run(["reconciler", *command, *here])


BASE = ("--base", "HEAD~1")
NEED_HISTORY = [("log",), ("plan", "--offline", *BASE), ("plan", *BASE), ("rollback", "HEAD~1")]


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
@pytest.mark.parametrize("command", NEED_HISTORY, ids=" ".join)
def test_in_a_partial_clone_the_command_that_helps_is_named(
    command: tuple[str, ...], filtered: str, org: GitWorkspace, clone: Clone
) -> None:
    partial = clone(f"--filter={filtered}")
    answer = run_in(partial, org, *command)
    assert answer.code == 1
    assert answer.err.count("Error: ") == 1
    assert "Error: files of git's history are not in this clone, which is partial\n" in answer.err
    (fetch,) = re.findall(r"^  Fetch them: (git .*)$", answer.err, re.MULTILINE)
    assert fetch.endswith("fetch --refetch --no-filter origin")
    subprocess.run(["/bin/sh", "-c", fetch], check=True, capture_output=True)
    assert run_in(partial, org, *command).code == 0


@pytest.mark.parametrize("command", [("status",), ("apply", "--auto-approve")])
def test_what_needs_no_history_works_in_a_partial_clone(
    command: tuple[str, ...], org: GitWorkspace, clone: Clone
) -> None:
    assert run_in(clone("--filter=blob:none"), org, *command).code == 0


def test_in_a_shallow_clone_applied_users_are_not_pending(org: GitWorkspace, clone: Clone) -> None:
    shallow = clone("--depth", "1")
    answer = run_in(shallow, org, "log")
    assert answer.code == 0
    assert "pending" not in answer.out
    assert "not known: this clone is shallow (git fetch --unshallow)\n" in answer.out
    entries = json.loads(run_in(shallow, org, "log", "--format", "json").out)["entries"]
    assert {each["outcome"]["state"] for each in entries} == {"not known"}
    subprocess.run(["git", "-C", str(shallow), "fetch", "-q", "--unshallow"], check=True)
    whole = run_in(shallow, org, "log").out
    assert ("applied" in whole, whole.count("pending"), "not known" in whole) == (True, 2, False)


def test_in_a_shallow_clone_newer_edits_are_pending_as_anywhere(org: GitWorkspace, clone: Clone) -> None:
    shallow = clone("--depth", "2")
    shown = run_in(shallow, org, "log").out
    newest, oldest = shown.split("\ncommit ")[:2]
    assert ("pending: no apply on record includes it" in newest, "not known" in newest) == (True, False)
    assert "pending" not in oldest


@pytest.mark.parametrize("command", [("plan", "--base", "HEAD~1"), ("rollback", "HEAD~1")])
def test_in_a_shallow_clone_the_command_that_helps_is_named(
    command: tuple[str, ...], org: GitWorkspace, clone: Clone
) -> None:
    answer = run_in(clone("--depth", "1"), org, *command)
    assert answer.code == 1
    assert "git fetch --unshallow" in answer.err
