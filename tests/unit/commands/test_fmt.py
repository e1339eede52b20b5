"""`fmt` changes the layout of files, and never what is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.target_workspace import TargetWorkspace

from reconciler.commands.fmt import FmtOptions, run_fmt
from reconciler.errors import ExitCode, ReconcilerError, UsageError

MESSY = "- surname: L  # family\n  userPrincipalName: keeper@example.com\n"
TIDY = "- userPrincipalName: keeper@example.com\n  surname: L  # family\n"
GROUP = "- members: {users: [keeper@example.com]}\n  name: g\n"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def work(target: TargetWorkspace) -> TargetWorkspace:
    target.files.write("users/people.yaml", MESSY)
    target.files.write("groups/g.yaml", GROUP)
    return target


def read(work: TargetWorkspace, name: str) -> str:
    return (work.workspace.state / name).read_text()


def test_files_are_written_once(work: TargetWorkspace) -> None:
    before = work.state().users
    assert run_fmt(work.workspace, FmtOptions(), work.terminal) is ExitCode.OK
    assert (read(work, "users/people.yaml"), read(work, "groups/g.yaml")[:9]) == (TIDY, "- name: g")
    assert sorted(line.rpartition("/")[2] for line in work.terminal.out.splitlines()) == ["g.yaml", "people.yaml"]
    assert [user.attributes for user in work.state().users] == [user.attributes for user in before]
    work.terminal.out = ""
    assert run_fmt(work.workspace, FmtOptions(), work.terminal) is ExitCode.OK
    assert (work.terminal.out, work.terminal.notes[-1]) == ("", "No file changed.")


def test_check_shows_the_change_and_writes_nothing(work: TargetWorkspace) -> None:
    assert run_fmt(work.workspace, FmtOptions(check=True), work.terminal) is ExitCode.CHANGES
    assert read(work, "users/people.yaml") == MESSY
    assert "--- a/users/people.yaml\n+++ b/users/people.yaml\n" in work.terminal.out
    run_fmt(work.workspace, FmtOptions(), work.terminal)
    assert run_fmt(work.workspace, FmtOptions(check=True), work.terminal) is ExitCode.OK


def test_only_the_wanted_files_are_formatted(work: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    work.files.write("users/broken.yaml", "- [\n")
    monkeypatch.chdir(work.workspace.state)
    options = FmtOptions((Path("users/people.yaml"), work.workspace.state / "groups" / "g.yaml"))
    assert run_fmt(work.workspace, options, work.terminal) is ExitCode.OK
    assert read(work, "users/people.yaml") == TIDY
    assert read(work, "groups/g.yaml") != GROUP


@pytest.mark.parametrize("name", ["scope.yaml", "users/none.yaml", "../x.yaml"])
def test_files_that_are_not_of_users_or_groups_are_refused(name: str, work: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match="is no file of users or groups"):
        run_fmt(work.workspace, FmtOptions((Path(name),)), work.terminal)


@pytest.mark.parametrize(
    ("content", "place"),
    [("- userPrincipalName: a\n- x: &a b\n", "users/z.yaml:2:6"), ("- x: {\n", "users/z.yaml:2:1")],
)
def test_what_cannot_be_read_is_refused_with_its_place(content: str, place: str, work: TargetWorkspace) -> None:
    work.files.write("users/z.yaml", content)
    with pytest.raises(ReconcilerError, match="1 error in the files to format"):
        run_fmt(work.workspace, FmtOptions(), work.terminal)
    assert [str(item.origin) for item in work.terminal.found] == [place]
    assert read(work, "users/people.yaml") == MESSY


@pytest.mark.parametrize("folder", ["desired-state", "reconciler/templates/desired-state"])
def test_the_files_that_this_project_ships_are_formatted(folder: str, target: TargetWorkspace) -> None:
    workspace = replace(target.workspace, state=ROOT / folder)
    assert run_fmt(workspace, FmtOptions(check=True), target.terminal) is ExitCode.OK


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("- ? a\n  : b\n  ? c\n  : d\n", "users/z.yaml:1:1"),
        (
            "- userPrincipalName: a@example.com\n\n- userPrincipalName: b@example.com\n  surname: |\n    x",
            "users/z.yaml:3:3",
        ),
    ],
)
def test_a_file_that_cannot_be_edited_stays_and_all_others_are_formatted(
    work: TargetWorkspace, text: str, place: str
) -> None:
    work.files.write("users/z.yaml", text)
    assert run_fmt(work.workspace, FmtOptions(), work.terminal) is ExitCode.OK
    assert (read(work, "users/people.yaml"), read(work, "users/z.yaml")) == (TIDY, text)
    (found,) = work.terminal.found
    assert (found.severity, str(found.origin)) == ("warning", place)
    assert found.summary.startswith("this file is left as it is: ")
