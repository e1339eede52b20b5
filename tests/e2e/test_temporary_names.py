"""Users that exchange names: whatever goes wrong, no account keeps a temporary name without a word."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, wait_for, wait_for_exit
from support.servers.fake_scim import Logged, ServerFaults
from support.servers.patching import User
from support.servers.users import make_user
from support.workspace import CommandResult, source

SWAP = 2
CUT_SHORT = "An apply was cut short while users exchanged their names."


def people(size: int) -> list[User]:
    return [make_user(number, id=f"id-{number}") for number in range(size)]


def rotated(users: list[User]) -> list[dict[str, Any]]:
    """Return the users as git has them, each with the user name of the next one."""
    following = [*users[1:], *users[:1]]
    return [source(user, userPrincipalName=other["userName"]) for user, other in zip(users, following, strict=True)]


def serve(open_command_workspace: OpenCommandWorkspace, size: int) -> tuple[CommandWorkspace, list[User]]:
    """Return a workspace whose users exchange their names in a ring; others stay as they are."""
    users = people(size + 3)
    opened = open_command_workspace(users)
    if size > SWAP:
        # More than one swap needs a limit, or an approval.
        opened.settings(guards={"removals": {"count": 1000, "percent": 100}, "name_takeovers": {"count": size}})
    opened.users([*rotated(users[:size]), *map(source, users[size:])])
    return opened, users[:size]


def names(opened: CommandWorkspace) -> dict[str, str]:
    return {user["id"]: user["userName"] for user in opened.service.users.values()}


def own_names(users: list[User]) -> dict[str, str]:
    return {user["id"]: user["userName"] for user in users}


def temporary(opened: CommandWorkspace) -> list[str]:
    return [name for name in names(opened).values() if name.startswith("renaming-")]


def kill_after_write(opened: CommandWorkspace, number: int, *command: str) -> None:
    """Run an apply and kill it once the service has carried out this write, before the answer arrives."""
    started: list[Any] = []

    def kill(entry: Logged) -> None:
        if entry.nth_write == number:
            wait_for(lambda: started)
            started[0].kill()
            started[0].wait()

    opened.service.after = kill
    started.append(opened.start(*(command or ("apply", "--auto-approve"))))
    assert wait_for_exit(started[0]).code == -signal.SIGKILL
    opened.service.after = None
    assert len(temporary(opened)) == 1


def said(result: CommandResult) -> str:
    return " ".join(f"{result.out}\n{result.err}".split())


# --- what a service says -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 8])
def test_a_list_with_rotated_user_names_renames_no_account(
    size: int, open_command_workspace: OpenCommandWorkspace
) -> None:
    users = people(size)
    opened = open_command_workspace(users, ServerFaults(rotate_user_names=True))
    opened.users(map(source, users))
    result = opened.apply()
    assert names(opened) == own_names(users)
    assert opened.service.writes == []
    assert result.code in (1, 3, 5)
    assert "but read by its id it is" in said(opened.run("plan"))


def test_no_cycle_begins_when_the_accounts_are_other_ones_by_now(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, users = serve(open_command_workspace, 3)
    before = {**names(opened), "id-1": "married@example.com"}

    def rename(_entry: Logged) -> None:
        # The plan reads five users by id.
        if sum("/Users/" in entry.path for entry in opened.service.log) == 5:
            opened.service.users["id-1"]["userName"] = "married@example.com"

    opened.service.after = rename
    result = opened.apply()
    assert names(opened) == before
    assert (result.code, opened.service.writes) == (5, [])
    assert "no longer as planned: userName changed in the meantime" in result.out
    assert len(users) == 3


def test_answers_with_another_user_do_not_stop_an_exchange_of_names(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened, users = serve(open_command_workspace, 3)
    opened.service.faults = ServerFaults(patch_answers_with=people(5)[4]["userName"])
    assert opened.apply().code == 0
    wanted = {user["id"]: users[(index + 1) % 3]["userName"] for index, user in enumerate(users)}
    assert {key: names(opened)[key] for key in wanted} == wanted
    asked = {entry.path for entry in opened.service.log if entry.method in ("GET", "PATCH") and "/Users/" in entry.path}
    assert asked >= {f"/Users/{user['id']}" for user in users}


# --- undone in the same run ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 5))
@pytest.mark.parametrize("status", [400, 401, 403, 409, 500])
def test_an_exchange_of_names_that_is_refused_is_undone(
    number: int, status: int, open_command_workspace: OpenCommandWorkspace
) -> None:
    opened, users = serve(open_command_workspace, 3)
    # A 500 may be sent again twice.
    times = 3 if status == 500 else 1
    opened.service.faults = ServerFaults(write_error_on=number, write_error_status=status, write_error_times=times)
    result = opened.apply()
    after = {user["id"]: names(opened)[user["id"]] for user in users}
    assert temporary(opened) == []
    assert after == own_names(users)
    assert result.code in (1, 5)
    if number > 1:
        assert "was restored" in said(result)
    opened.service.faults = ServerFaults()
    assert opened.apply("--retry-failed").code == 0
    assert opened.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("number", range(1, 5))
def test_an_exchange_of_names_that_is_interrupted_leaves_no_temporary_name(
    number: int, open_command_workspace: OpenCommandWorkspace
) -> None:
    opened, users = serve(open_command_workspace, 3)
    started: list[Any] = []

    def interrupt(entry: Logged) -> None:
        if entry.nth_write == number:
            wait_for(lambda: started)
            started[0].send_signal(signal.SIGINT)

    opened.service.after = interrupt
    started.append(opened.start("apply", "--auto-approve"))
    result = wait_for_exit(started[0])
    assert result.code == 130, result.err
    assert temporary(opened) == []
    assert opened.receipt()[-1]["event"] == "apply_finished"
    opened.service.after = None
    assert opened.apply().code == 0
    assert len(users) == 3


# --- killed in between: the next plan ------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3])
def test_after_a_kill_the_next_apply_finishes_and_says_so(
    size: int, open_command_workspace: OpenCommandWorkspace
) -> None:
    opened, users = serve(open_command_workspace, size)
    kill_after_write(opened, 1)
    planned = opened.run("plan")
    assert CUT_SHORT in said(planned)
    assert "This plan gives the account the name" in said(planned)
    assert "has the temporary user name" in said(planned)
    assert opened.apply().code == 0
    wanted = {user["id"]: users[(index + 1) % size]["userName"] for index, user in enumerate(users)}
    assert {key: names(opened)[key] for key in wanted} == wanted
    assert "temporary" not in said(opened.run("plan"))


def test_after_a_kill_a_reviewed_plan_is_finished(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _ = serve(open_command_workspace, 2)
    file = opened.saved()
    kill_after_write(opened, 1, "apply", str(file))
    assert opened.run("apply", str(file)).code == 0
    assert temporary(opened) == []
    assert opened.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("with_record", [True, False])
def test_after_a_kill_names_that_were_reverted_in_git_are_restored(
    open_command_workspace: OpenCommandWorkspace, *, with_record: bool
) -> None:
    opened, users = serve(open_command_workspace, 2)
    kill_after_write(opened, 1)
    if not with_record:
        _lose_record(opened)
    opened.users(map(source, people(5)))
    assert "This plan gives the account the name" in said(opened.run("plan"))
    assert opened.apply().code == 0
    assert {key: names(opened)[key] for key in own_names(users)} == own_names(users)


def _lose_record(opened: CommandWorkspace) -> None:
    for file in opened.plans.glob("*/*"):
        file.unlink()


def _stranded(opened: CommandWorkspace) -> str:
    (found,) = [user["id"] for user in opened.service.users.values() if user["userName"].startswith("renaming-")]
    return str(found)


def _without(opened: CommandWorkspace, identity: str, *, others: list[User]) -> None:
    """Take the user with the temporary name out of git; the others keep the names that they have."""
    opened.users(source(user) for user in others if user["id"] != identity)


def test_after_a_kill_a_user_that_was_removed_from_git_is_deactivated_and_gets_the_name_back(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened, users = serve(open_command_workspace, 2)
    kill_after_write(opened, 1)
    stranded = _stranded(opened)
    _without(opened, stranded, others=people(5))
    first = opened.run("plan")
    assert "This plan deactivates the account; the next one restores its name." in said(first)
    assert opened.apply().code == 0
    assert (opened.service.users[stranded]["active"], len(temporary(opened))) == (False, 1)
    second = opened.run("plan", "--detailed-exitcode")
    assert second.code == 2, "not: No changes"
    assert "This plan gives it back the name" in said(second)
    assert opened.apply().code == 0
    assert (names(opened)[stranded], opened.service.users[stranded]["active"]) == (own_names(users)[stranded], False)
    assert opened.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("setting", ["keep", "delete"])
def test_after_a_kill_a_removed_user_whose_account_is_kept_or_deleted(
    setting: str, open_command_workspace: OpenCommandWorkspace
) -> None:
    opened, users = serve(open_command_workspace, 2)
    kill_after_write(opened, 1)
    stranded = _stranded(opened)
    _without(opened, stranded, others=people(5))
    opened.settings(lifecycle={"removed": setting})
    assert opened.apply().code == 0
    assert temporary(opened) == []
    assert names(opened).get(stranded) == (own_names(users)[stranded] if setting == "keep" else None)


def test_after_a_kill_without_a_record_a_removed_user_is_reported_for_as_long_as_it_takes(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened, users = serve(open_command_workspace, 2)
    kill_after_write(opened, 1)
    stranded = _stranded(opened)
    _lose_record(opened)
    _without(opened, stranded, others=people(5))
    assert "its original name is not on record" in said(opened.run("plan"))
    assert opened.apply().code == 0
    for command in (("plan", "--detailed-exitcode"), ("apply", "--auto-approve")):
        result = opened.run(*command)
        assert result.code == 5
        assert "keeps it: its original name is not on record" in said(result)
    # The way out that it names.
    opened.users(map(source, people(5)))
    assert opened.apply().code == 0
    assert names(opened)[stranded] == own_names(users)[stranded]


def test_after_a_kill_a_name_that_was_taken_meanwhile_is_reported(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened, users = serve(open_command_workspace, 2)
    kill_after_write(opened, 1)
    stranded = _stranded(opened)
    own = own_names(users)[stranded]
    # An administrator makes an account with the name that became free.
    opened.service.add(make_user(77, id="manual", externalId=None, userName=own))
    result = opened.apply()
    assert result.code == 5
    assert f'userName "{own}" is taken by another live account' in said(result)
    # The others still get theirs, where possible; the account is not left without a word.
    assert "temporary user name" in said(result)
    opened.users(map(source, people(5)))
    again = opened.run("plan", "--detailed-exitcode")
    assert again.code == 5
    assert f'keeps it: its original name "{own}" belongs to account "manual" now' in said(again)
    del opened.service.users["manual"]
    assert opened.apply().code == 0
    assert names(opened)[stranded] == own


def test_after_a_kill_the_desired_name_may_be_taken_and_the_old_one_free(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened, users = serve(open_command_workspace, 2)
    kill_after_write(opened, 1)
    stranded = _stranded(opened)
    opened.service.add(make_user(77, id="manual", externalId=None, userName="wanted@example.com"))
    wanted = [source(user) for user in people(5)]
    for user, written in zip(people(5), wanted, strict=True):
        if user["id"] == stranded:
            written["userPrincipalName"] = "wanted@example.com"
    opened.users(wanted)
    result = opened.apply()
    assert result.code == 5, "the desired name is a conflict"
    assert names(opened)[stranded] == own_names(users)[stranded]
    assert "This plan gives it back the name" in said(result)


@pytest.mark.parametrize("forged", ["attacker@elsewhere.example", "attacker@example.com"])
def test_a_record_cannot_choose_any_name(forged: str, open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _ = serve(open_command_workspace, 2)
    kill_after_write(opened, 1)
    stranded = _stranded(opened)
    (receipt,) = opened.receipts()
    _forge(receipt, forged)
    _without(opened, stranded, others=people(5))
    opened.settings(lifecycle={"removed": "keep"})
    result = opened.run("plan", "--detailed-exitcode")
    assert result.code == 5
    assert "temporary name does not confirm it" in said(result)


def _forge(receipt: Path, name: str) -> None:
    lines = [json.loads(line) for line in receipt.read_text("utf-8").splitlines()]
    changed = [{**line, "original_user_name": name} if "original_user_name" in line else line for line in lines]
    receipt.write_text("".join(f"{json.dumps(line)}\n" for line in changed), "utf-8")
