"""Files that git tracks and that are not in the work tree must not look like users that were removed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.git_workspace import GitWorkspace, person
from support.servers.fake_scim import FakeScimServer
from support.workspace import CommandResult, OpenWorkspace, run

MAPPINGS = (
    "target: externalId, source: objectId, match: 1",
    "target: userName, source: userPrincipalName, match: 2",
    "target: name.givenName, source: givenName",
    "target: name.familyName, source: surname",
)


class Company(GitWorkspace):
    """Two users in users/people.yaml, two in users/berlin/more.yaml, all applied."""

    def start(self) -> None:
        self.work.write("users/berlin/more.yaml", "".join(f"- {{{fields(who)}}}\n" for who in ("cid", "dot")))
        self.work.write("scope.yaml", "sync: all\n")
        self.work.settings()
        (self.work.root / ".gitignore").write_text("plans/\nstate-home/\n")
        self.commit(person("ada"), person("bob"))
        assert self.work.apply().code == 0

    def map(self) -> None:
        """Write and commit mappings.yaml, so that no file of the top level is missing."""
        self.work.write("mappings.yaml", "".join(f"- {{{row}}}\n" for row in MAPPINGS))
        self.git.commit("Map")

    @property
    def more(self) -> Path:
        return self.work.state / "users/berlin/more.yaml"

    def actions(self, *arguments: str) -> dict[str, str]:
        result = self.work.plan(*arguments)
        return {key.partition("@")[0]: action for key, action in result.actions.items()}

    def active(self) -> set[str]:
        return {
            str(user["userName"]).partition("@")[0] for user in self.service.users.values() if user.get("active", True)
        }


def fields(who: str) -> str:
    return ", ".join(f"{key}: {value}" for key, value in person(who).items())


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> Company:
    service = FakeScimServer()
    found = Company(open_workspace(service), service)
    found.start()
    return found


def sparse(company: Company) -> None:
    company.git.git("sparse-checkout", "set", "--no-cone", "/*", "!/desired-state/users/berlin")


def skip_worktree(company: Company) -> None:
    company.git.git("update-index", "--skip-worktree", "desired-state/users/berlin/more.yaml")
    company.more.unlink()


def assume_unchanged(company: Company) -> None:
    company.git.git("update-index", "--assume-unchanged", "desired-state/users/berlin/more.yaml")
    company.more.unlink()


def delete(company: Company) -> None:
    company.more.unlink()


def assert_withheld(company: Company, result: CommandResult, what: str) -> None:
    assert result.code == 5, result
    shown = " ".join((result.out + result.err).split())
    assert f"1 file of the desired state is {what}" in shown
    assert "users/berlin/more.yaml" in shown
    assert "no account is deactivated or deleted" in shown


@pytest.mark.parametrize("hide", [sparse, skip_worktree, assume_unchanged, delete])
def test_users_of_a_file_that_is_not_in_the_work_tree_are_not_removed(company: Company, hide: Any) -> None:
    hide(company)
    missing = "in git's index, but not in the work tree"
    assert not company.more.exists()
    assert_withheld(company, company.work.run("plan"), missing)
    assert_withheld(company, company.work.plan("--base", "main"), missing)
    assert_withheld(company, company.work.run("drift", "--plans", str(company.work.plans)), missing)
    assert_withheld(company, company.work.apply(), missing)
    assert company.active() == {"ada", "bob", "cid", "dot"}
    validated = company.work.run("validate")
    assert (validated.code, "users/berlin/more.yaml" in validated.err) == (0, True)


def sparse_scope(company: Company) -> None:
    company.git.git("sparse-checkout", "set", "--no-cone", "/*", "!/desired-state/scope.yaml")


def skip_scope(company: Company) -> None:
    company.git.git("update-index", "--skip-worktree", "desired-state/scope.yaml")
    (company.work.state / "scope.yaml").unlink()


def outdated(company: Company) -> None:
    company.git.git("update-index", "--skip-worktree", "desired-state/users/berlin/more.yaml")
    company.git.git("update-index", "--assume-unchanged", "desired-state/users/berlin/more.yaml")
    company.more.write_text("[]\n")


def two_files(company: Company) -> None:
    company.git.git("sparse-checkout", "set", "--no-cone", "/*", "!/desired-state/users/**/*.yaml")


def deleted_two(company: Company) -> None:
    company.more.unlink()
    (company.work.state / "users/people.yaml").unlink()


WAYS_OUT = [
    (sparse, [0], {}),
    (sparse, [1, 2], {}),
    (sparse, [3], {"cid": "deactivate", "dot": "deactivate"}),
    (skip_worktree, [0], {}),
    (skip_worktree, [1, 2], {}),
    (skip_worktree, [3], {"cid": "deactivate", "dot": "deactivate"}),
    (assume_unchanged, [0], {}),
    (assume_unchanged, [1], {"cid": "deactivate", "dot": "deactivate"}),
    (delete, [0], {}),
    (delete, [1], {"cid": "deactivate", "dot": "deactivate"}),
    (outdated, [0, 1, 2], {"cid": "deactivate", "dot": "deactivate"}),
    (two_files, [0], {}),
    (two_files, [1, 2], {}),
    (deleted_two, [0], {}),
]


@pytest.mark.parametrize(("hide", "typed", "actions"), WAYS_OUT)
def test_the_commands_of_the_message_work_as_they_are_printed(
    company: Company, hide: Any, typed: list[int], actions: dict[str, str]
) -> None:
    hide(company)
    result = company.work.run("validate")
    commands = re.findall(r"`(git [^`]*)`", result.err)
    for number in typed:
        subprocess.run(shlex.split(commands[number]), cwd=company.work.root, check=True, capture_output=True)
    assert "Warning: " not in company.work.run("validate").err
    assert company.actions() == actions


@pytest.mark.parametrize("hide", [sparse_scope, skip_scope])
@pytest.mark.parametrize("typed", [[0], [1, 2]])
def test_the_commands_for_a_file_of_the_top_level_work_as_they_are_printed(
    company: Company, hide: Any, typed: list[int]
) -> None:
    hide(company)
    result = company.work.apply()
    assert (result.code, result.err.count("Error: ")) == (1, 1)
    commands = re.findall(r"`(git [^`]*)`", result.err)
    for number in typed:
        subprocess.run(shlex.split(commands[number]), cwd=company.work.root, check=True, capture_output=True)
    assert company.work.apply().code == 0


def test_a_sparse_checkout_without_any_user_removes_nobody(company: Company) -> None:
    company.git.git("sparse-checkout", "set", "desired-state/groups")
    assert (company.work.state / "settings.yaml").exists()
    assert not company.more.parent.parent.exists()
    assert company.actions() == {}
    assert company.work.apply().code != 0
    assert company.active() == {"ada", "bob", "cid", "dot"}


def test_a_folder_in_place_of_a_file_hides_users(company: Company) -> None:
    company.more.unlink()
    (company.more.parent / "more.yaml").mkdir()
    assert_withheld(company, company.work.run("plan"), "in git's index, but not in the work tree")


def test_the_other_changes_are_made(company: Company) -> None:
    company.more.unlink()
    company.write(person("ada", department="Research"), person("eve"))
    assert company.actions() == {"ada": "update", "eve": "create"}
    assert company.work.apply().code == 5
    assert company.active() == {"ada", "bob", "cid", "dot", "eve"}


def test_a_removal_of_one_user_is_withheld_as_well(company: Company) -> None:
    company.more.unlink()
    assert company.actions("--user", "cid@example.com") == {}
    assert company.work.apply("--user", "cid@example.com").code == 5
    assert "cid" in company.active()


@pytest.mark.parametrize("commit", [False, True])
def test_a_file_removed_from_git_is_removed(company: Company, commit: bool) -> None:
    company.git.git("rm", "--quiet", "desired-state/users/berlin/more.yaml")
    if commit:
        company.git.commit("Close the Berlin office")
    assert company.actions() == {"cid": "deactivate", "dot": "deactivate"}
    assert company.work.apply().code == 0
    assert company.active() == {"ada", "bob"}


def test_users_removed_from_a_file_are_removed(company: Company) -> None:
    company.work.write("users/berlin/more.yaml", f"- {{{fields('cid')}}}\n")
    assert company.actions() == {"dot": "deactivate"}
    company.work.write("users/berlin/new.yaml", f"- {{{fields('eve')}}}\n")
    assert company.actions() == {"dot": "deactivate", "eve": "create"}


def test_a_file_that_was_moved_holds_its_users(company: Company) -> None:
    company.git.git("mv", "desired-state/users/berlin/more.yaml", "desired-state/users/berlin.yaml")
    assert (company.actions(), company.work.plan().code) == ({}, 0)


@pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
def test_a_file_that_git_was_told_not_to_look_at_is_compared(company: Company, flag: str) -> None:
    company.git.git("update-index", flag, "desired-state/users/berlin/more.yaml")
    assert company.work.plan().code == 0
    company.more.write_text(f"- {{{fields('cid')}}}\n")
    assert_withheld(company, company.work.run("plan"), "different from git's index, and marked skip-worktree or")
    assert company.work.apply().code == 5
    assert "dot" in company.active()


@pytest.mark.parametrize("name", ["scope.yaml", "mappings.yaml", "settings.yaml"])
@pytest.mark.parametrize("flag", [None, "--skip-worktree", "--assume-unchanged"])
def test_a_lost_file_of_the_top_level_is_one_error(company: Company, name: str, flag: str | None) -> None:
    company.map()
    if flag is not None:
        company.git.git("update-index", flag, f"desired-state/{name}")
    (company.work.state / name).unlink()
    for result in (company.work.run("validate"), company.work.run("plan"), company.work.apply()):
        assert result.code == 1
        assert result.err.count("Error: ") == 1
        assert name in result.err


def test_a_scope_deleted_on_purpose_is_accepted(company: Company) -> None:
    company.git.git("rm", "--quiet", "desired-state/scope.yaml")
    assert company.work.run("validate").code == 0


def test_a_scope_that_git_does_not_look_at_is_an_error(company: Company) -> None:
    company.git.git("update-index", "--assume-unchanged", "desired-state/scope.yaml")
    company.work.write("scope.yaml", "sync: assigned\nassigned: {users: [ada@example.com]}\n")
    result = company.work.apply()
    assert result.code == 1
    assert "different from git's index, and marked skip-worktree or assume-unchanged" in result.err
    assert "--no-assume-unchanged" in result.err


@pytest.mark.parametrize("keep", ["ours", "theirs", "markers", "deleted"])
def test_an_unmerged_file_is_one_error(company: Company, keep: str) -> None:
    company.git.git("checkout", "--quiet", "-b", "other")
    company.git.commit("Delete", {"desired-state/users/berlin/more.yaml": None})
    company.git.git("checkout", "--quiet", "main")
    company.git.commit("Edit", {"desired-state/users/berlin/more.yaml": f"- {{{fields('cid')}}}\n"})
    with pytest.raises(AssertionError):
        company.git.git("merge", "other")
    if keep == "deleted":
        company.more.unlink()
    elif keep == "markers":
        company.more.write_text("<<<<<<< HEAD\n=======\n>>>>>>> other\n")
    for result in (company.work.run("validate"), company.work.run("plan"), company.work.apply()):
        assert result.code == 1
        assert result.err.count("Error: ") == 1
        assert "users/berlin/more.yaml:1:1" in result.err
        assert "an unresolved merge conflict" in result.err


def test_a_submodule_that_is_not_checked_out_hides_users(company: Company) -> None:
    commit = company.git.head()
    company.git.git("rm", "--quiet", "-r", "desired-state/users/berlin")
    company.git.git("update-index", "--add", "--cacheinfo", f"160000,{commit},desired-state/users/berlin")
    result = company.work.apply()
    assert result.code == 5
    assert '1 folder of the desired state is not in this repository (a submodule): "users/berlin"' in result.out
    assert company.active() == {"ada", "bob", "cid", "dot"}


def test_the_folder_itself_can_be_missing(company: Company) -> None:
    for path in (company.more, company.work.state / "users/people.yaml"):
        path.unlink()
    company.more.parent.rmdir()
    company.more.parent.parent.rmdir()
    result = company.work.run("plan")
    assert 'in the work tree: "users/berlin/more.yaml", "users/people.yaml"' in " ".join(result.out.split())
    assert company.actions() == {}


def test_names_in_the_index_are_untrusted(company: Company) -> None:
    blob = company.git.write_blob(b"[]\n")
    for name in (b"users/a\nb\x1b[31m.yaml", b"users/\xff.yaml", b"users/\xe2\x80\xaetxt.yaml"):
        entry = b"100644 " + blob.encode() + b"\tdesired-state/" + name + b"\0"
        company.git.git("update-index", "--add", "-z", "--index-info", stdin=entry)
    for result in (company.work.run("plan"), company.work.plan()):
        assert result.code == 5 or "3 files of the desired state" in result.out
        assert not {"\x1b", "\udcff", "\u202e"} & set(result.out + result.err)


def test_outside_of_git_there_is_nothing_to_compare_with(company: Company) -> None:
    company.more.unlink()
    (company.work.root / ".git").rename(company.work.root / "git")
    assert company.actions() == {"cid": "deactivate", "dot": "deactivate"}


def test_without_git_removals_are_withheld(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.map()
    monkeypatch.setenv("PATH", os.devnull)
    assert (company.actions(), company.work.plan().code) == ({}, 0)
    company.work.users([person("ada")])
    result = company.work.run("plan")
    assert result.code == 5
    assert (
        "cannot determine whether all files of the desired state are in the work tree: git cannot be run" in result.out
    )


def test_a_broken_index_withholds_removals(company: Company) -> None:
    company.map()
    (company.work.root / ".git/index").write_bytes(b"DIRC\0\0\0\x63nonsense")
    company.work.users([person("ada")])
    result = company.work.run("plan")
    assert result.code == 5
    assert "git's index cannot be read" in result.out


# --- repositories that git cannot use -------------------------------------------


def without_git(_: Company, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PATH", os.devnull)


def another_owner(company: Company, patch: pytest.MonkeyPatch) -> None:
    """Let git take the repository for that of another user."""
    real = shutil.which("git")
    wrapper = company.work.root / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {real} "$@"\n')
    wrapper.chmod(0o755)
    patch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    patch.setenv("HOME", str(company.work.root))


def bare(company: Company, _: pytest.MonkeyPatch) -> None:
    company.git.git("config", "core.bare", "true")


def elsewhere(company: Company, _: pytest.MonkeyPatch) -> None:
    company.git.git("config", "core.worktree", "/")


def empty_head(company: Company, _: pytest.MonkeyPatch) -> None:
    (company.work.root / ".git/HEAD").write_bytes(b"")


def no_refs(company: Company, _: pytest.MonkeyPatch) -> None:
    shutil.rmtree(company.work.root / ".git/refs")


def nonsense_index(company: Company, _: pytest.MonkeyPatch) -> None:
    (company.work.root / ".git/index").write_bytes(b"x" * 10)


UNUSABLE = [without_git, another_owner, bare, elsewhere, empty_head, no_refs, nonsense_index]


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_if_git_cannot_tell_a_lost_scope_is_an_error(
    company: Company, monkeypatch: pytest.MonkeyPatch, unusable: Callable[[Company, pytest.MonkeyPatch], None]
) -> None:
    company.map()
    company.work.write("scope.yaml", "sync: all\nexcluded: {users: [dot@example.com]}\n")
    company.git.commit("Exclude")
    assert company.work.apply().code == 0
    assert company.active() == {"ada", "bob", "cid"}
    (company.work.state / "scope.yaml").unlink()
    unusable(company, monkeypatch)
    for result in (company.work.run("validate"), company.work.run("plan"), company.work.apply()):
        assert result.code == 1, result
        shown = " ".join(result.err.split())
        assert "scope.yaml is not in the work tree, and git cannot determine whether it should be: git" in shown
        assert f"git -C {company.work.state} checkout -- scope.yaml" in shown
        assert result.err.count("Error: ") == 1
    assert company.active() == {"ada", "bob", "cid"}


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_if_git_cannot_tell_no_account_is_removed(
    company: Company, monkeypatch: pytest.MonkeyPatch, unusable: Callable[[Company, pytest.MonkeyPatch], None]
) -> None:
    company.map()
    company.more.unlink()
    unusable(company, monkeypatch)
    for result in (company.work.run("plan"), company.work.apply()):
        assert result.code == 5, result
        assert "cannot determine whether all files of the desired state are in the work tree" in result.out
    assert company.active() == {"ada", "bob", "cid", "dot"}


def test_the_commands_of_the_message_make_a_repository_of_another_user_usable(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.map()
    another_owner(company, monkeypatch)
    (company.work.state / "scope.yaml").unlink()
    commands = re.findall(r"`([^`]*)`", company.work.apply().err)
    assert [shlex.split(command)[:2] for command in commands] == [["git", "config"], ["git", "-C"]]
    for command in commands:
        subprocess.run(shlex.split(command), cwd=company.work.root, check=True, capture_output=True)
    assert company.work.apply().code == 0


def test_a_variable_that_is_ignored_does_not_redirect_the_command(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state never had a scope.yaml or a mappings.yaml: no command for them is needed."""
    company.git.git("rm", "--quiet", "desired-state/scope.yaml")
    company.git.commit("All are in scope")
    another_owner(company, monkeypatch)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(company.work.root / "elsewhere"))
    result = company.work.apply()
    assert result.code == 1
    shown = " ".join(result.err.split())
    assert "Variables of git are ignored here: GIT_CONFIG_GLOBAL." in shown
    assert "what git does not have is no error then" in shown
    command = re.findall(r"`([^`]*)`", result.err)[0]
    subprocess.run(shlex.split(command), cwd=company.work.root, check=True, capture_output=True)
    assert company.work.apply().code == 0


@pytest.mark.parametrize("name", ["scope.yaml", "users/berlin/more.yaml"])
def test_without_an_index_the_commit_says_which_files_there_are(company: Company, name: str) -> None:
    (company.work.state / name).unlink()
    (company.work.root / ".git/index").unlink()
    result = company.work.apply()
    assert result.code == (1 if name == "scope.yaml" else 5)
    assert name in result.out + result.err
    assert company.active() == {"ada", "bob", "cid", "dot"}


def test_a_saved_plan_is_stale_when_a_file_is_lost(company: Company) -> None:
    company.write(person("ada"))
    plan = company.work.root / "plan.json"
    assert company.work.run("plan", "-o", str(plan)).code == 0
    company.more.unlink()
    line = ["reconciler", "apply", str(plan), "--state", str(company.work.state), "--plans", str(company.work.plans)]
    assert run(line).code == 4
    assert company.active() == {"ada", "bob", "cid", "dot"}


@pytest.mark.parametrize("name", ["scope.yaml", "mappings.yaml"])
def test_a_file_that_is_gone_since_the_last_apply_is_a_warning(company: Company, name: str) -> None:
    company.work.write("mappings.yaml", "".join(f"- {{{row}}}\n" for row in MAPPINGS))
    company.commit(person("ada"), person("bob"), person("eve"))
    assert company.work.apply().code == 0
    company.git.git("rm", "--quiet", f"desired-state/{name}")
    company.commit(person("ada"), person("bob"), person("eve"), person("flo"))
    summary = f"{name} is missing, but the last apply had it"
    for result in (company.work.run("plan"), company.work.run("plan", "--base", "HEAD~1"), company.work.apply()):
        assert result.code == 0, result
        assert summary in " ".join(result.out.split())
    assert summary not in company.work.run("plan").out, "the last apply had none"


@pytest.mark.parametrize("hide", [sparse, skip_worktree, delete])
def test_references_to_users_of_a_missing_file_are_one_error(company: Company, hide: Any) -> None:
    """To add the users, or to remove the references, would be the wrong advice."""
    everyone = [f"{who}@example.com" for who in ("ada", "bob", "cid", "dot")]
    company.work.write("groups/all.yaml", f"- name: all\n  members: {{users: {json.dumps(everyone)}}}\n")
    company.work.write("scope.yaml", "sync: assigned\nassigned: {groups: [all]}\n")
    company.commit(person("ada"), person("bob"))
    hide(company)
    result = company.work.run("plan")
    assert result.code == 1
    assert result.err.count("Error: ") == 1
    assert '2 users that are referenced, and in no file that was read: "cid@example.com", "dot@' in result.err
    assert "restore or remove these first" in result.err
    company.git.git("sparse-checkout", "disable")
    company.git.git("update-index", "--no-skip-worktree", "desired-state/users/berlin/more.yaml")
    company.git.git("checkout", "--", ".")
    assert company.work.run("plan").code == 0


@pytest.mark.parametrize("name", ["users/berlin/more.yaml", "scope.yaml", "users/berlin/it's so.yaml"])
@pytest.mark.parametrize("command", ["checkout --", "rm"])
@pytest.mark.parametrize("place", [".", "desired-state/users", ".."])
def test_the_printed_commands_work_from_where_the_user_is(
    company: Company, monkeypatch: pytest.MonkeyPatch, place: str, name: str, command: str
) -> None:
    company.work.write(name, "[]\n" if name.startswith("users/") else "sync: all\n")
    company.git.commit("More")
    (company.work.state / name).unlink()
    monkeypatch.chdir(company.work.root / place)
    state = os.path.relpath(company.work.state)
    shown = " ".join(run(["reconciler", "validate", "--state", state]).err.split())
    (printed,) = re.findall(f"`(git -C [^`]* {command} [^`]*)`", shown)
    subprocess.run(shlex.split(printed), check=True, capture_output=True)
    assert (company.work.state / name).exists() == (command != "rm")
    assert "not in the work tree" not in run(["reconciler", "validate", "--state", state]).err


# --- what the record knows ------------------------------------------------------------


@pytest.fixture
def without_leavers(company: Company) -> Company:
    """Dot is excluded and deactivated, in a folder that is no repository."""
    (company.work.root / ".git").rename(company.work.root / "git")
    company.work.write("scope.yaml", "sync: all\nexcluded: {users: [dot@example.com]}\n")
    assert company.work.apply().code == 0
    assert company.active() == {"ada", "bob", "cid"}
    return company


def test_without_git_a_scope_that_the_last_apply_had_is_not_given_up(without_leavers: Company) -> None:
    company = without_leavers
    (company.work.state / "scope.yaml").unlink()
    for _ in range(2):  # a run that is refused leaves no record that forgets the file
        for result in (company.work.run("plan"), company.work.apply(), company.work.apply("--user", "dot@example.com")):
            assert result.code == 1, result
            assert "scope.yaml is missing, but the last apply had it" in " ".join(result.err.split())
    assert company.active() == {"ada", "bob", "cid"}
    company.work.write("scope.yaml", "sync: all\n")
    assert company.work.apply().code == 0, "the way out of the message"
    assert company.active() == {"ada", "bob", "cid", "dot"}


def test_a_scope_that_git_never_had_is_not_given_up(without_leavers: Company) -> None:
    company = without_leavers
    (company.work.root / "git").rename(company.work.root / ".git")
    company.git.git("rm", "--quiet", "--cached", "desired-state/scope.yaml")
    (company.work.root / ".git/index").unlink()
    for path in (company.work.root / ".git").glob("*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    company.git.git("init", "--quiet")
    (company.work.state / "scope.yaml").unlink()
    company.git.commit("Begin again")
    assert company.work.apply().code == 1
    assert company.active() == {"ada", "bob", "cid"}


def test_a_record_that_names_no_files_is_as_before(without_leavers: Company) -> None:
    company = without_leavers
    for receipt in company.work.plans.glob("*/receipt.jsonl"):
        receipt.write_text(receipt.read_text().replace('"top_files"', '"of another version"'))
    (company.work.state / "scope.yaml").unlink()
    assert company.actions() == {"dot": "reactivate"}


# --- files that were emptied ----------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "\n \n", "# users\n", "---\n", "--- # users\n...\n", "\ufeff"])
@pytest.mark.parametrize(
    "name", ["users/berlin/more.yaml", "scope.yaml", "settings.yaml", "mappings.yaml", "groups/a.yaml"]
)
def test_an_emptied_file_is_one_error(company: Company, name: str, content: str) -> None:
    company.map()
    company.work.write(name, content)
    result = company.work.apply()
    assert (result.code, result.err.count("Error:")) == (1, 1), result
    assert f"on {name}:1:1" in result.err
    assert "the file is empty" in result.err
    assert company.active() == {"ada", "bob", "cid", "dot"}


def test_a_link_to_an_empty_file_is_an_error(company: Company) -> None:
    (company.work.state / "users/README.md").write_text("")
    company.more.unlink()
    company.more.symlink_to("../README.md")
    assert company.work.apply().code == 1
    assert company.active() == {"ada", "bob", "cid", "dot"}


def test_the_way_out_of_an_emptied_file_restores_it_and_removes_no_user(company: Company) -> None:
    company.more.write_text("")
    (command,) = re.findall(r"`(git [^`]*)`", company.work.plan().err)
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    assert company.actions() == {}


@pytest.mark.parametrize("content", ["", "# nobody yet\n"])
def test_each_way_out_of_a_committed_empty_file_works(company: Company, content: str) -> None:
    extra = company.work.state / "users/extra.yaml"
    extra.write_text(content)
    git = ["git", "-C", str(company.work.state)]
    for arguments in (["add", "--", "."], ["commit", "-q", "-m", "extra"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    result = company.work.plan()
    assert (result.code, result.err.count("Error:")) == (1, 1)
    write, remove, look = re.findall(r"`([^`]*)`", result.err)
    extra.write_text(f"{write}\n")
    assert company.actions() == {}
    extra.write_text(content)
    assert content in subprocess.run(shlex.split(look), check=True, capture_output=True, text=True).stdout
    subprocess.run(shlex.split(remove), check=True, capture_output=True)
    assert not extra.exists()
    assert company.actions() == {}


@pytest.mark.parametrize("git", [True, False])
@pytest.mark.parametrize("name", ["users/new.yaml", "groups/new.yaml", "mappings.yaml"])
def test_each_way_out_of_an_empty_file_that_git_does_not_have_works(company: Company, name: str, git: bool) -> None:
    if not git:
        shutil.rmtree(company.work.root / ".git")
    company.work.write(name, "# to do\n")
    result = company.work.apply()
    assert (result.code, result.err.count("Error:")) == (1, 1), result
    (write,) = re.findall(r"`([^`]*)`", result.err)
    if name == "mappings.yaml":
        # Without the file the rows of the profile apply: its removal is not advised.
        rows = "".join(f"- {{{row}}}\n" for row in MAPPINGS if "externalId" not in row)
        company.work.write(name, f"{write}\n{rows}")
    else:
        assert write == "[]"
        company.work.write(name, f"{write}\n")
    assert company.actions() == {}
    assert company.work.apply().code == 0
