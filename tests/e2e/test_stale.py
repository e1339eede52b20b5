"""A reviewed plan and a target that moved: nothing unreviewed is applied, and one stale user does not block others."""

from __future__ import annotations

from typing import Any

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.users import make_user
from support.workspace import ENTERPRISE, source

ADA, GRACE = 'user["ada.0@example.com"]', 'user["grace.1@example.com"]'


def reviewed(
    open_command_workspace: OpenCommandWorkspace, size: int = 5
) -> tuple[CommandWorkspace, list[dict[str, Any]], str]:
    """A saved plan that moves all users but the last to another department."""
    live, people = sample_users(size)
    opened = open_command_workspace(live)
    for user in people[:-1]:
        user["department"] = "Moved"
    opened.users(people)
    return opened, people, str(opened.saved())


def by_hand(opened: CommandWorkspace, number: int, department: str = "By hand") -> None:
    opened.service.users[f"id-{number}"][ENTERPRISE]["department"] = department


def written(opened: CommandWorkspace) -> set[str]:
    return {str(write.user_name) for write in opened.service.writes}


def test_one_stale_user_is_left_out_and_the_others_are_applied(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    by_hand(opened, 0)
    applied = opened.run("apply", file)
    assert applied.code == 5
    assert "Apply incomplete: Users: 0 created, 3 updated, 0 deleted; 1 not done:" in applied.out
    assert (
        f'{ADA}: Skipped: not as reviewed: before enterprise:department was "Engineering", is now "By hand"; plan again'
        in applied.out
    )
    assert written(opened) == {"grace.1@example.com", "zoe.2@example.com", "linus.3@example.com"}
    again = opened.run("apply", file)
    assert (again.code, len(opened.service.writes)) == (4, 3), "what is left is not what was reviewed"


def test_who_moved_after_the_review_is_reported_and_not_written(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    by_hand(opened, 4)
    applied = opened.run("apply", file)
    assert applied.code == 5
    assert 'user["jose.4@example.com"]: Skipped: not as reviewed: would now be updated' in applied.out
    assert "jose.4@example.com" not in written(opened)
    assert len(opened.service.writes) == 4


def test_who_is_already_as_wanted_is_left_out(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    by_hand(opened, 0, "Moved")
    applied = opened.run("apply", file)
    assert applied.code == 5
    assert f"{ADA}: Skipped: not as reviewed: no longer needs to be updated; plan again" in applied.out
    assert len(opened.service.writes) == 3


def test_a_removal_that_was_not_reviewed_never_happens(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    opened.service.add(make_user(77, id="id-77"))
    applied = opened.run("apply", file)
    assert applied.code == 5
    assert "would now be deactivated, which was not reviewed" in applied.out
    assert opened.service.users["id-77"]["active"] is True
    assert len(opened.service.writes) == 4


def test_strict_applies_all_or_nothing(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    by_hand(opened, 0)
    stale = opened.run("apply", file, "--strict")
    assert (stale.code, stale.out) == (4, "")
    assert f'{ADA}: before enterprise:department was "Engineering", is now "By hand"' in stale.err
    assert (opened.service.writes, opened.receipts()) == ([], [])


def another_person(people: list[dict[str, Any]]) -> None:
    people.append(source(make_user(9)))


def another_value(people: list[dict[str, Any]]) -> None:
    people[0]["department"] = "Elsewhere"


def one_less(people: list[dict[str, Any]]) -> None:
    del people[4]


@pytest.mark.parametrize("edit", [another_person, another_value, one_less])
def test_a_desired_state_that_moved_makes_the_whole_plan_stale(
    edit: Any, open_command_workspace: OpenCommandWorkspace
) -> None:
    opened, people, file = reviewed(open_command_workspace)
    edit(people)
    opened.users(people)
    stale = opened.run("apply", file)
    assert (stale.code, opened.service.writes) == (4, [])


def test_a_comment_in_the_desired_state_makes_nothing_stale(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    path = opened.state / "users" / "people.yaml"
    path.write_text("# nothing\n" + path.read_text("utf-8"), "utf-8")
    assert opened.run("apply", file).code == 0


def test_when_most_of_it_moved_it_is_not_about_single_users(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    for number in range(3):
        by_hand(opened, number)
    assert (opened.run("apply", file).code, opened.service.writes) == (4, [])
    by_hand(opened, 2, "People & Culture")
    assert (opened.run("apply", file).code, len(opened.service.writes)) == (5, 2)


def test_who_waits_for_a_stale_user_is_left_out_too(open_command_workspace: OpenCommandWorkspace) -> None:
    """Two exchange names, one of them changed in the meantime: no user keeps a temporary name."""
    live, people = sample_users(6)
    opened = open_command_workspace(live)
    names = [user["userPrincipalName"] for user in people]
    people[0]["userPrincipalName"], people[1]["userPrincipalName"] = names[1], names[0]
    for user in people[2:]:
        user["department"] = "Moved"
    opened.users(people)
    file = str(opened.saved())
    by_hand(opened, 0)
    applied = opened.run("apply", file)
    assert applied.code == 5
    assert "Skipped: waiting for user[" in applied.out
    assert [opened.service.users[f"id-{number}"]["userName"] for number in (0, 1)] == names[:2]
    assert len(opened.service.writes) == 4


def test_a_run_that_changes_nothing_makes_no_plan_stale(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, people, file = reviewed(open_command_workspace)
    moved = [dict(user) for user in people]
    for number, user in enumerate(moved):
        user["department"] = make_user(number)[ENTERPRISE]["department"]
    opened.users(moved)
    assert (opened.apply().code, len(opened.receipts())) == (0, 1), "the first apply is on record"
    assert (opened.apply().code, len(opened.receipts())) == (0, 1)
    opened.users(people)
    assert opened.run("apply", file).code == 0
