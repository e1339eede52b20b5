"""The parse cache changes nothing but the time, and only the user's own counts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.command import NOW, CommandWorkspace, OpenCommandWorkspace

USER = """\
- userPrincipalName: person.{0}@example.com
  objectId: 00000000-0000-4000-8000-{0:012}
  givenName: Person
  surname: "{0}"
  department: Research and Development
  jobTitle: Engineer
"""


def write_users(work: CommandWorkspace, name: str, numbers: range) -> Path:
    path = work.state / "users" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(map(USER.format, numbers)))
    return path


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """2,000 users in two files: a desired state that is large enough for a cache."""
    opened = open_command_workspace([])
    shutil.rmtree(opened.state / "users", ignore_errors=True)
    write_users(opened, "a.yaml", range(1500))
    write_users(opened, "b.yaml", range(1500, 2000))
    return opened


def entries(work: CommandWorkspace) -> dict[str, bytes]:
    folder = work.root / ".reconciler" / "cache"
    return {path.name: path.read_bytes() for path in folder.glob("[0-9a-f]*")} if folder.exists() else {}


def run(work: CommandWorkspace, *arguments: str, **environment: str) -> tuple[int, str, str]:
    done = work.command(*arguments, env=environment)
    return done.code, done.out, done.err


@pytest.mark.parametrize(
    "command",
    [("validate",), ("plan", "--format", "json"), ("drift", "--format", "json"), ("explain", "person.7@example.com")],
)
def test_a_warm_cache_shows_what_parsing_shows(work: CommandWorkspace, command: tuple[str, ...]) -> None:
    command = (*command, *NOW)
    parsed = run(work, *command, "--no-cache")
    assert entries(work) == {}
    assert run(work, *command) == parsed
    made = entries(work)
    assert len(made) == 2
    assert run(work, *command) == parsed
    assert entries(work) == made


def test_only_files_that_changed_are_parsed_again(work: CommandWorkspace) -> None:
    run(work, "validate")
    before = entries(work)
    path = write_users(work, "b.yaml", range(1500, 2001))
    assert "2,001 users" in run(work, "validate")[1]
    after = entries(work)
    assert len(after) == 3
    assert before.items() <= after.items()
    path.write_text(path.read_text() + "- {userPrincipalName: person.7@EXAMPLE.com, objectid: x}\n")
    code, _, errors = run(work, "validate")
    assert (code, errors) == (1, run(work, "validate", "--no-cache")[2])
    assert "users/b.yaml:3007:" in errors
    assert entries(work) == after


def test_an_apply_from_a_warm_cache_leaves_nothing_to_do(work: CommandWorkspace) -> None:
    (work.state / "scope.yaml").write_text("sync: assigned\nassigned: {users: [person.7@example.com]}\n")
    run(work, "validate")
    applied = work.command("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    assert work.command("plan", "--detailed-exitcode").code == 0
    assert len(entries(work)) == 2
    assert [user["externalId"] for user in work.service.users.values()] == ["00000000-0000-4000-8000-000000000007"]


def test_a_cache_of_another_user_or_a_checkout_is_not_used(work: CommandWorkspace, tmp_path: Path) -> None:
    """Their home directory has another key."""
    theirs = {"XDG_STATE_HOME": str(tmp_path / "theirs")}
    expected = run(work, "validate", **theirs)
    made = entries(work)
    assert run(work, "validate") == expected
    assert made.items() <= entries(work).items()
    assert len(entries(work)) == 4
    folder = work.root / ".reconciler" / "cache"
    ours = sorted(entries(work).keys() - made.keys())
    for name, forged in zip(ours, made.values(), strict=True):
        (folder / name).write_bytes(forged)
    assert run(work, "validate") == expected
    assert {entries(work)[name] for name in ours}.isdisjoint(made.values())


@pytest.mark.parametrize(
    "environment",
    [
        {"RECONCILER_NO_CACHE": "1"},
        {"CI": "true"},
        {"GITLAB_CI": "true", "CI_JOB_ID": "1"},
        {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1"},
    ],
)
def test_what_switches_the_cache_off(work: CommandWorkspace, environment: dict[str, str]) -> None:
    assert run(work, "validate", **environment)[0] == 0
    assert not (work.root / ".reconciler").exists()


def test_a_directory_that_cannot_be_written_is_no_error(work: CommandWorkspace) -> None:
    expected = run(work, "validate", "--no-cache")
    (work.root / ".reconciler").write_text("in the way")
    assert run(work, "validate") == expected
    (work.root / ".reconciler").unlink()
    shutil.rmtree(work.root / ".local")
    (work.root / ".local").write_text("in the way")
    assert run(work, "validate") == expected
    assert not (work.root / ".reconciler").exists()


def test_git_does_not_see_the_cache(work: CommandWorkspace) -> None:
    """Not even in a repository that has no .gitignore."""
    git = ("git", "-C", str(work.root))
    subprocess.run([*git, "init", "--quiet"], check=True)
    run(work, "validate", XDG_STATE_HOME=str(work.root.parent / "home"))
    assert entries(work)
    seen = subprocess.run([*git, "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True).stdout
    assert "users/a.yaml" in seen
    assert ".reconciler" not in seen
