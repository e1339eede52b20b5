"""Each guard blocks: exit 3, the plan in full, nothing written. Approvals lift exactly one plan."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.fake_scim import ServerFaults
from support.servers.patching import User
from support.workspace import CommandResult

People = list[dict[str, Any]]
NO_LIMITS = {"removals": {"count": 1000, "percent": 100}}


def in_days(days: int) -> str:
    return str(datetime.now(UTC).date() + timedelta(days=days))


NOW = ("--now", f"{in_days(2)}T08:00:00Z")
"""Of the present: an approval lasts 30 days at most, by the real clock as well."""


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
    entry = {"plan": plan_id, "removals": 2, "until": in_days(9), "reason": "An office closes", **overrides}
    work.settings(guards={}, approvals=[{key: value for key, value in entry.items() if value is not None}])


def assert_passes(answer: CommandResult, work: CommandWorkspace) -> None:
    assert answer.code == 0, answer.out + answer.err
    assert [user["active"] for user in work.service.users.values()].count(False) == 2


def assert_blocked(answer: CommandResult, work: CommandWorkspace) -> None:
    assert answer.code == 3, answer.out + answer.err
    assert (work.service.writes, work.receipts()) == ([], [])


@pytest.mark.parametrize("second", [False, True])
def test_the_printed_approval_pasted_into_the_settings_passes(
    second: bool, blocked: tuple[CommandWorkspace, str]
) -> None:
    work, plan_id = blocked
    printed = work.run("plan", *NOW).out
    lines = printed.splitlines(keepends=True)
    start = lines.index("approvals:\n")
    block = "".join(lines[start : start + 2])
    assert plan_id in block
    base = f"target: {{profile: scim, base_url: '{work.base_url}'}}\nguards: {{foreign_accounts: {{count: 9}}}}\n"
    other = block.replace(plan_id, "sha256:" + "0" * 64)
    # As it is printed, also below an approval that is there already.
    work.write("settings.yaml", base + (other + lines[start + 1] if second else block))
    planned = work.run("plan", *NOW)
    assert planned.code == 0
    assert "Approved: 2 of 4 active managed users (50.0 %) would be deactivated or deleted" in planned.out
    assert_passes(work.run("apply", "--auto-approve", *NOW), work)


def test_an_approval_holds_through_its_last_day(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    approved(work, plan_id, until=in_days(2))
    assert_passes(work.run("apply", "--auto-approve", "--now", f"{in_days(2)}T23:59:59Z"), work)


WRONG: dict[str, dict[str, Any]] = {
    "another plan": {"plan": "sha256:" + "0" * 64},
    "another number of removals": {"removals": 3},
    "no removals at all": {"removals": 0},
    "run out": {"until": in_days(1)},
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


# --- an approval names its guards, and works once ---------------------------------------------------


def only_two_are_active(live: list[User], people: People) -> None:
    for user in live[2:]:
        user["active"] = False
    del people[:2]


@pytest.fixture
def doubly_blocked(open_command_workspace: OpenCommandWorkspace) -> tuple[CommandWorkspace, str]:
    """A workspace whose plan fails two guards, removals and last-active-user, and the id of that plan."""
    live, people = sample_users(4)
    only_two_are_active(live, people)
    work = open_command_workspace(live)
    work.settings(guards={}, lifecycle={"actions": ["deactivate"]})
    work.users(people)
    planned = work.plan()
    failed = [guard["name"] for guard in planned.plan["guards"] if not guard["passed"]]
    assert failed == ["removals", "last-active-user"]
    return work, planned.plan["plan_id"]


def write_approval(work: CommandWorkspace, plan_id: str, **fields: Any) -> None:
    entry = {"plan": plan_id, "until": in_days(7), "reason": "An office closes", **fields}
    work.settings(guards={}, lifecycle={"actions": ["deactivate"]}, approvals=[entry])


def test_an_approval_covers_only_the_guards_that_it_names(doubly_blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = doubly_blocked
    write_approval(work, plan_id)
    blocked = work.apply()
    assert_blocked(blocked, work)
    assert re.search(r"Approved: 2 of 2 active managed users .*; lifted by settings\.yaml:1:\d+\n", blocked.out)
    assert re.search(
        r"Blocked: the last active managed user would be removed; settings\.yaml:1:\d+ does not lift last-active-user:"
        r" it names removals\n",
        blocked.out,
    )
    assert f'- {{plan: "{plan_id}", lifts: [removals, last-active-user], removals: 2, until: ' in blocked.out
    write_approval(work, plan_id, lifts=["last-active-user"])
    assert_blocked(work.apply(), work)
    write_approval(work, plan_id, lifts=["removals", "last-active-user"])
    assert work.apply().code == 0


def test_the_printed_options_lift_the_guards_that_failed(doubly_blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = doubly_blocked
    assert_blocked(work.apply("--approve", plan_id), work)
    assert_blocked(work.apply("--approve", plan_id, "--lift", "last-active-user"), work)
    (printed,) = re.findall(r"with more options of `reconciler apply`: (.*)\n", work.apply().out)
    assert printed == f"--approve {plan_id} --lift removals --lift last-active-user"
    assert work.apply(*printed.split()).code == 0
    (started,) = [line for line in work.receipt() if line["event"] == "apply_started"]
    assert started["approved"] == {"removals": "--approve", "last-active-user": "--approve"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lift", "removals"], "--lift needs --approve"),
        (["--approve", "sha256:0", "--lift", "remvals"], '"remvals" is not a guard. Did you mean removals?'),
        (["--approve", "sha256:0", "--lift", ""], '"" is not a guard. Guards that an approval can lift: removals,'),
        (["--approve", "sha256:0", "--lift", "protected"], "protected cannot be approved: remove the cause."),
    ],
)
def test_guards_that_cannot_be_lifted_are_usage_errors(
    options: list[str], message: str, blocked: tuple[CommandWorkspace, str]
) -> None:
    work, _ = blocked
    answer = work.apply(*options)
    assert answer.code == 64
    assert message in answer.err
    assert (work.service.writes, work.receipts()) == ([], [])


def reactivate_all(work: CommandWorkspace) -> None:
    """What an administrator does: the same plan would be made again."""
    for user in work.service.users.values():
        user["active"] = True


def test_an_approval_works_once(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    write_approval(work, plan_id)
    assert work.apply().code == 0
    reactivate_all(work)
    again = work.apply()
    assert again.code == 3
    assert work.plan().plan["plan_id"] == plan_id
    assert f"Warning: the approval was used on {in_days(0)}\n" in again.out
    assert re.search(rf"; settings\.yaml:1:\d+ was used on {in_days(0)}\n", again.out)
    assert [user["active"] for user in work.service.users.values()] == [True] * 4
    # Another reviewed line is another approval.
    write_approval(work, plan_id, reason="They were reactivated by mistake")
    assert work.apply().code == 0
    assert [user["active"] for user in work.service.users.values()].count(False) == 2


def test_what_the_service_refused_is_still_approved(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    write_approval(work, plan_id)
    file = str(work.saved())
    gone = frozenset(user["userName"] for user in work.service.users.values())
    work.service.faults = replace(work.service.faults, refuse_users=gone)
    assert work.run("apply", file).code == 5
    work.service.faults = replace(work.service.faults, refuse_users=frozenset())
    assert work.run("apply", file).code == 0
    assert [user["active"] for user in work.service.users.values()].count(False) == 2
    reactivate_all(work)
    assert work.apply().code == 3


def test_an_approval_on_the_command_line_is_for_one_run(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    for _ in range(2):
        assert work.apply().code == 3
        assert work.apply("--approve", plan_id).code == 0
        reactivate_all(work)


def test_an_apply_of_version_0_1_used_any_approval_of_its_plan(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    write_approval(work, plan_id)
    assert work.apply().code == 0
    (receipt,) = work.receipts()
    receipt.write_text(re.sub(r', "approved": \{.*?\}', "", receipt.read_text()))
    reactivate_all(work)
    assert work.apply().code == 3
    assert work.apply("--approve", plan_id).code == 0


def test_an_interrupted_apply_is_still_approved(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    write_approval(work, plan_id)
    file = str(work.saved())
    assert work.run("apply", file).code == 0
    # As if it had been killed before the second of two changes.
    (receipt,) = work.receipts()
    gone = next(user for user in work.service.users.values() if not user["active"])
    gone["active"] = True
    kept = [line for line in work.receipt() if line["event"] != "apply_finished" and line.get("id") != gone["id"]]
    receipt.write_text("".join(f"{json.dumps(line)}\n" for line in kept))
    receipt.with_name("README.md").unlink()
    assert work.run("apply", file).code == 0
    assert [user["active"] for user in work.service.users.values()].count(False) == 2


def test_an_approval_beyond_thirty_days_is_an_error_at_its_line(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    write_approval(work, plan_id, until=in_days(31))
    for command in ("plan", "validate"):
        answer = work.run(command)
        assert answer.code == 1
        assert f"an approval is valid for 30 days at most, but this one is valid until {in_days(31)}" in answer.err
        assert "on settings.yaml:1:" in answer.err
    write_approval(work, plan_id, until=in_days(30))
    assert work.run("plan").code == 0


def test_an_expired_approval_is_reported(blocked: tuple[CommandWorkspace, str]) -> None:
    work, plan_id = blocked
    write_approval(work, plan_id, until=in_days(-1))
    answer = work.apply()
    assert_blocked(answer, work)
    assert f"Warning: the approval expired on {in_days(-1)}\n" in answer.out


def test_an_approval_of_another_plan_is_not_mentioned(blocked: tuple[CommandWorkspace, str]) -> None:
    work, _ = blocked
    write_approval(work, "sha256:" + "0" * 64)
    answer = work.apply()
    assert_blocked(answer, work)
    assert "Warning" not in answer.out + answer.err
    assert "settings.yaml:1" not in answer.out


@pytest.mark.parametrize("name", ["a protected user who left git", "a protected user who is disabled in git"])
def test_the_removal_of_a_protected_user_cannot_be_approved(
    name: str, open_command_workspace: OpenCommandWorkspace
) -> None:
    work = opened(open_command_workspace, name)
    plan_id = work.plan(*NOW).plan["plan_id"]
    assert_blocked(work.run("apply", "--auto-approve", "--approve", plan_id, *NOW), work)
    guards = BLOCKED[name][2].get("guards", NO_LIMITS)
    entry = {"plan": plan_id, "removals": 1, "until": in_days(9), "reason": "No"}
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
    assert "the target changed: no apply on record went to it, and the last one went to" in blocked.out
    assert second.service.writes == []
    (found,) = re.findall(r"--approve (sha256:[0-9a-f]{64})", blocked.out)
    assert first.apply("--approve", found).code == 3
    assert first.apply("--approve", found, "--lift", "target").code == 0
    people[0]["department"] = "Elsewhere"
    first.users(people)
    assert first.apply().code == 0, "it is known now"
