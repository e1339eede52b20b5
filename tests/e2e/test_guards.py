"""Each guard blocks: exit 3, the plan in full, nothing written. Approvals lift exactly one plan."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from support.command import NOW, CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.fake_scim import ServerFaults
from support.servers.patching import User
from support.workspace import CommandResult

People = list[dict[str, Any]]
NO_LIMITS = {"removals": {"count": 1000, "percent": 100}}


def without(*numbers: int) -> Callable[[list[User], People], None]:
    """The users with these numbers are no longer in the desired state."""

    def edit(_live: list[User], people: People) -> None:
        people[:] = [user for number, user in enumerate(people) if number not in numbers]

    return edit


def moved(*numbers: int) -> Callable[[list[User], People], None]:
    """These people get another department."""

    def edit(_live: list[User], people: People) -> None:
        for number in numbers:
            people[number]["department"] = "Moved"

    return edit


def gone_at_the_target(*numbers: int) -> Callable[[list[User], People], None]:
    def edit(live: list[User], _people: People) -> None:
        live[:] = [user for number, user in enumerate(live) if number not in numbers]

    return edit


def disabled_but_protected(_live: list[User], people: People) -> None:
    people[0].update(accountEnabled=False, lifecycle={"protected": True})


def only_one_is_active(live: list[User], people: People) -> None:
    for user in live[1:]:
        user["active"] = False
    del people[0]


# name: live users, what is edited, settings, the guards that fail, what is said
BLOCKED: dict[str, tuple[int, Any, dict[str, Any], list[str], str]] = {
    "removals by count": (
        30,
        without(0, 1, 2),
        {"guards": {"removals": {"count": 2, "percent": 100}}},
        ["removals"],
        (
            "3 of 30 active managed users (10.0 %) would be deactivated or deleted, more than the limit of 2 "
            "(guards.removals.count: 2)"
        ),
    ),
    "removals by percent": (
        30,
        without(0, 1, 2, 3),
        {"guards": {}},
        ["removals"],
        (
            "4 of 30 active managed users (13.3 %) would be deactivated or deleted, more than the limit of 3 "
            "(guards.removals.percent: 10)"
        ),
    ),
    "two removals of four, with the limits there are without settings": (
        4,
        without(0, 1),
        {"guards": {}},
        ["removals"],
        (
            "2 of 4 active managed users (50.0 %) would be deactivated or deleted, more than the limit of 1 "
            "(guards.removals.percent: 10)"
        ),
    ),
    "updates": (
        4,
        moved(0, 1, 2),
        {"guards": {"updates": {"percent": 50}}},
        ["updates"],
        "3 of 4 managed users (75.0 %) would be updated, more than the limit of 2 (guards.updates.percent: 50)",
    ),
    "creates": (
        4,
        gone_at_the_target(2, 3),
        {"guards": {"creates": {"count": 1}}},
        ["creates"],
        "2 of 2 managed users (100.0 %) would be created, more than the limit of 1 (guards.creates.count: 1)",
    ),
    "a protected user who left git": (
        4,
        without(0),
        {"guards": {**NO_LIMITS, "protected": ["ADA.0@example.com"]}},
        ["protected"],
        '1 protected user would be removed: "ada.0@example.com"',
    ),
    "a protected user who is disabled in git": (
        4,
        disabled_but_protected,
        {},
        ["protected"],
        '1 protected user would be removed: "ada.0@example.com"',
    ),
    "the last active user": (
        3,
        only_one_is_active,
        {"lifecycle": {"actions": ["deactivate"]}},
        ["last-active-user"],
        "the last active managed user would be removed",
    ),
    "nobody is desired": (
        3,
        without(0, 1, 2),
        {},
        ["last-active-user", "empty-desired-state"],
        "the desired state has no user in scope, but 3 managed users exist",
    ),
}


def opened(open_command_workspace: OpenCommandWorkspace, name: str) -> CommandWorkspace:
    size, edit, settings, _, _ = BLOCKED[name]
    live, people = sample_users(size)
    edit(live, people)
    work = open_command_workspace(live)
    work.settings(**settings)
    work.users(people)
    return work


@pytest.mark.parametrize("name", BLOCKED)
def test_a_guard_blocks_the_plan_and_the_apply(name: str, open_command_workspace: OpenCommandWorkspace) -> None:
    *_, guards, words = BLOCKED[name]
    work = opened(open_command_workspace, name)
    planned = work.plan()
    assert planned.code == 3
    assert [guard["name"] for guard in planned.plan["guards"] if not guard["passed"]] == guards
    assert not planned.plan["applyable"]
    assert planned.plan["resource_changes"], "a blocked plan is shown in full"
    applied = work.apply()
    assert applied.code == 3
    assert f"Blocked: {words}\n" in applied.out
    assert "This plan is blocked: nothing will be written.\n" in applied.out
    assert "Plan: " in applied.out
    assert (work.service.writes, work.receipts()) == ([], [])


@pytest.mark.parametrize("size", [1, 2, 4, 9])
def test_one_removal_is_possible_in_a_small_company(size: int, open_command_workspace: OpenCommandWorkspace) -> None:
    live, people = sample_users(size + 1)
    work = open_command_workspace(live)
    work.settings(guards={})
    work.users(people[1:])
    assert work.apply().code == 0
    assert [user["active"] for user in work.service.users.values()].count(False) == 1


def test_an_incomplete_read_withholds_removals_and_blocks(open_command_workspace: OpenCommandWorkspace) -> None:
    live, people = sample_users(250)
    people[0]["department"] = "Moved"
    work = open_command_workspace(live, ServerFaults(short_page=2))
    work.users(people[:248])
    planned = work.plan()
    assert planned.code == 3
    assert (planned.plan["complete"], set(planned.actions.values())) == (False, {"update"})
    applied = work.apply()
    assert applied.code == 3
    assert "Blocked: the live users could not be read completely: " in applied.out
    assert "This plan cannot be approved: remove the cause." in applied.out
    assert work.service.writes == []


def test_a_user_name_that_an_earlier_receipt_shows_deleted_is_not_used_again(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    live, people = sample_users(12)
    work = open_command_workspace(live)
    target = {"profile": "apple-business-manager", "base_url": work.base_url, "domains": ["example.com"]}
    work.settings(target=target, lifecycle={"removed": "delete"}, guards=NO_LIMITS)
    work.users(people[1:])
    assert work.apply().code == 0
    assert work.service.counts["DELETE"] == 1
    newcomer = {**people[0], "objectId": "another-person"}
    work.users([newcomer, *people[1:]])
    blocked = work.apply()
    assert blocked.code == 3
    assert (
        'Blocked: 1 user name of recently deleted accounts would be used again, which the target refuses: "ada.0'
        in (blocked.out)
    )
    assert re.search(r"\(free on \d{4}-\d\d-\d\d\)", blocked.out)
    assert work.service.counts["POST"] == 0
    # Once it is free, the guard passes.
    assert work.run("plan", "--now", "2099-01-01").code == 0


def test_a_saved_plan_is_not_applied_to_another_target(open_command_workspace: OpenCommandWorkspace) -> None:
    live, people = sample_users(3, department="Moved")
    first, second = open_command_workspace(live), open_command_workspace(live)
    first.users(people)
    second.users(people)
    answer = second.run("apply", str(first.saved()))
    assert (answer.code, answer.out) == (3, "")
    assert f"the plan is for {first.base_url} (scim), this target is {second.base_url} (scim)" in answer.err
    assert (first.service.writes, second.service.writes) == ([], [])


# --- approvals ----------------------------------------------------------------------


@pytest.fixture
def blocked(open_command_workspace: OpenCommandWorkspace) -> tuple[CommandWorkspace, str]:
    """A workspace whose plan removes two of four, and the id of that plan."""
    work = opened(open_command_workspace, "two removals of four, with the limits there are without settings")
    planned = work.run("plan", *NOW)
    assert planned.code == 3
    (plan_id,) = set(re.findall(r"sha256:[0-9a-f]{64}", planned.out))
    return work, plan_id


def approved(work: CommandWorkspace, plan_id: str, **overrides: Any) -> None:
    entry = {"plan": plan_id, "removals": 2, "until": "2026-12-08", "reason": "An office closes", **overrides}
    work.settings(guards={}, approvals=[{key: value for key, value in entry.items() if value is not None}])


def assert_passes(answer: CommandResult, work: CommandWorkspace) -> None:
    assert answer.code == 0, answer.out + answer.err
    assert [user["active"] for user in work.service.users.values()].count(False) == 2


def assert_blocked(answer: CommandResult, work: CommandWorkspace) -> None:
    assert answer.code == 3, answer.out + answer.err
    assert (work.service.writes, work.receipts()) == ([], [])


def test_the_printed_approval_pasted_into_the_settings_passes(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    printed = work.run("plan", *NOW).out
    (line,) = [line.strip() for line in printed.splitlines() if plan_id in line and line.strip().startswith("- {")]
    base = f"target: {{profile: scim, base_url: '{work.base_url}'}}\n"
    work.write("settings.yaml", f"{base}approvals:\n  {line}\n")
    planned = work.run("plan", *NOW)
    assert planned.code == 0
    assert "Approved: 2 of 4 active managed users (50.0 %) would be deactivated or deleted" in planned.out
    assert_passes(work.run("apply", "--auto-approve", *NOW), work)


def test_an_approval_holds_through_its_last_day(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    approved(work, plan_id, until="2026-12-01")
    assert_passes(work.run("apply", "--auto-approve", "--now", "2026-12-01T23:59:59Z"), work)


WRONG: dict[str, dict[str, Any]] = {
    "another plan": {"plan": "sha256:" + "0" * 64},
    "another number of removals": {"removals": 3},
    "no removals at all": {"removals": 0},
    "run out": {"until": "2026-11-30"},
}


@pytest.mark.parametrize("name", WRONG)
def test_an_approval_of_something_else_does_not_pass(name: str, blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    approved(work, plan_id, **WRONG[name])
    assert_blocked(work.run("apply", "--auto-approve", *NOW), work)


def test_an_approval_does_not_cover_one_removal_more(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    approved(work, plan_id, removals=None)
    work.users(sample_users(4)[1][3:])
    assert_blocked(work.run("apply", "--auto-approve", *NOW), work)


def test_manual_approval_unblocks_only_the_named_plan(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    assert_blocked(work.run("apply", "--auto-approve", "--approve", "sha256:" + "0" * 64, *NOW), work)
    assert_blocked(work.run("apply", "--auto-approve", "--approve", plan_id[:20], *NOW), work)
    assert_passes(work.run("apply", "--auto-approve", "--approve", plan_id, *NOW), work)


def test_a_blocked_saved_plan_writes_nothing_until_it_is_approved(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    file = str(work.saved("plan.json", *NOW))
    refused = work.run("apply", file, *NOW)
    assert_blocked(refused, work)
    assert "This plan is blocked: nothing will be written." in refused.out
    assert_passes(work.run("apply", file, "--approve", plan_id, *NOW), work)


@pytest.mark.parametrize("name", ["a protected user who left git", "a protected user who is disabled in git"])
def test_the_removal_of_a_protected_user_cannot_be_approved(
    name: str, open_command_workspace: OpenCommandWorkspace
) -> None:
    work = opened(open_command_workspace, name)
    plan_id = work.plan(*NOW).plan["plan_id"]
    assert_blocked(work.run("apply", "--auto-approve", "--approve", plan_id, *NOW), work)
    guards = BLOCKED[name][2].get("guards", NO_LIMITS)
    entry = {"plan": plan_id, "removals": 1, "until": "2026-12-08", "reason": "No"}
    work.settings(guards=guards, approvals=[entry])
    answer = work.run("apply", "--auto-approve", *NOW)
    assert_blocked(answer, work)
    assert "This plan cannot be approved: remove the cause." in answer.out
    assert "--approve" not in answer.out


def test_a_user_option_does_not_get_around_a_guard(open_command_workspace: OpenCommandWorkspace) -> None:
    work = opened(open_command_workspace, "a protected user who left git")
    assert_blocked(work.apply("--user", "ada.0@example.com"), work)


def test_a_target_that_moved_is_blocked_until_exactly_that_plan_is_approved(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    live, people = sample_users(3, department="Moved")
    first, second = open_command_workspace(live), open_command_workspace(live)
    first.users(people)
    assert first.apply().code == 0
    first.base_url = second.service.base_url
    first.settings()
    blocked = first.apply()
    assert blocked.code == 3
    assert "the target changed: every apply on record used another one, the last time" in blocked.out
    assert second.service.writes == []
    (found,) = re.findall(r"--approve (sha256:[0-9a-f]{64})", blocked.out)
    assert first.apply("--approve", found).code == 0
    people[0]["department"] = "Elsewhere"
    first.users(people)
    assert first.apply().code == 0, "it is known now"
