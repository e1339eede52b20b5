"""Each exit code of the contract, what is written to stdout and stderr with it, and what is sent to the service."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from support.command import (
    COMMAND,
    NOW,
    CommandWorkspace,
    OpenCommandWorkspace,
    interrupt,
    messages,
    run,
    sample_users,
    wait_for,
    wait_for_exit,
)
from support.servers.fake_scim import Logged, ServerFaults
from support.servers.users import make_user
from support.workspace import ENTERPRISE, CommandResult, source

from reconciler.core.text import pluralize

# --- 0, 1, 2 ----------------------------------------------------------------------


def test_no_changes_and_changes(open_command_workspace: OpenCommandWorkspace) -> None:
    live, people = sample_users(3)
    opened = open_command_workspace(live)
    opened.users(people)
    same = opened.command("plan", "--detailed-exitcode")
    assert (same.code, messages(same.out)[0]) == (0, "No changes. SCIM service matches the desired state.")
    people[0]["department"] = "Moved"
    opened.users(people)
    changed = opened.run("plan", "--detailed-exitcode")
    assert (changed.code, messages(changed.out)[-1]) == (2, "Plan: 0 to create, 1 to update, 0 to delete.")
    assert opened.run("plan").code == 0, "2 only when asked for"
    assert opened.apply().code == 0
    assert opened.run("plan", "--detailed-exitcode").code == 0


def test_an_error_says_what_to_do_on_stderr(
    open_command_workspace: OpenCommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_command_workspace()
    monkeypatch.setenv("RECONCILER_TOKEN", "")
    failed = opened.run("plan")
    assert (failed.code, failed.out) == (1, "")
    assert messages(failed.err) == [
        "Error: RECONCILER_TOKEN is not set",
        "  Set it to the bearer token of the service, or try the job with --sandbox.",
    ]
    assert opened.service.log == []


# --- 4 ----------------------------------------------------------------------------


def reviewed(open_command_workspace: OpenCommandWorkspace) -> tuple[CommandWorkspace, list[dict[str, Any]], str]:
    """A workspace with a saved plan of one update, and the people in its desired state."""
    live, people = sample_users(4)
    opened = open_command_workspace(live)
    people[0]["department"] = "Moved"
    opened.users(people)
    return opened, people, str(opened.saved("plan.json", *NOW))


def assert_stale(opened: CommandWorkspace, stale: CommandResult, *words: str) -> None:
    assert (stale.code, stale.out) == (4, ""), stale.out + stale.err
    for word in words:
        assert word in stale.err
    assert opened.service.writes == []
    assert opened.receipts() == []


def test_stale_because_the_target_moved(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    opened.service.users["id-0"][ENTERPRISE]["department"] = "By hand"
    opened.service.users["id-1"]["name"]["givenName"] = "By hand"
    stale = opened.run("apply", file, *NOW)
    assert_stale(
        opened,
        stale,
        "Error: the plan is stale: it is not what would be done now",
        'user["ada.0@example.com"]: before enterprise:department was "Engineering", is now "By hand"',
        'user["grace.1@example.com"]: would now be updated, which was not reviewed',
        "Make a new plan and have it reviewed.",
    )


def test_stale_because_the_desired_state_moved(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, people, file = reviewed(open_command_workspace)
    people[0]["department"] = "Elsewhere"
    opened.users([*people, source(make_user(9))])
    stale = opened.run("apply", file, *NOW)
    assert_stale(
        opened,
        stale,
        'user["ada.0@example.com"]: after enterprise:department was "Moved", is now "Elsewhere"',
        'user["anne-marie.9@example.com"]: would now be created, which was not reviewed',
    )


def test_stale_because_it_is_no_longer_needed(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    opened.service.users["id-0"][ENTERPRISE]["department"] = "Moved"
    assert_stale(opened, opened.run("apply", file, *NOW), 'user["ada.0@example.com"]: no longer needs to be updated')


def test_stale_because_it_expired(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    stale = opened.run("apply", file, "--now", "2026-12-08T08:00:00Z")
    assert_stale(opened, stale, "the plan expired on 2026-12-08 08:00 UTC", "Make a new plan.")
    assert opened.run("apply", file, "--now", "2026-12-08T07:59:59Z").code == 0


def test_stale_because_another_version_made_it(open_command_workspace: OpenCommandWorkspace) -> None:
    opened, _, file = reviewed(open_command_workspace)
    document = json.loads(opened.saved("plan.json", *NOW).read_text())
    (opened.root / "plan.json").write_text(json.dumps({**document, "reconciler_version": "0.0.1"}))
    assert_stale(opened, opened.run("apply", file, *NOW), "the plan was made by version 0.0.1")


# --- 5 ----------------------------------------------------------------------------


def test_a_user_who_cannot_be_mapped_is_left_untouched_and_the_others_are_applied(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    live, people = sample_users(4)
    opened = open_command_workspace(live)
    people[0]["givenName"] = "Ada\a"
    people[0]["department"] = people[1]["department"] = "Moved"
    opened.users(people)
    planned = opened.run("plan")
    assert planned.code == 5
    assert "name.givenName" in planned.out
    assert "users/people.yaml:1:" in planned.out
    applied = opened.apply()
    assert applied.code == 5
    assert [write.user_name for write in opened.service.writes] == ["grace.1@example.com"]
    assert opened.service.users["id-0"] == {**live[0], "meta": opened.service.users["id-0"]["meta"]}


def test_a_refused_user_does_not_stop_the_others(open_command_workspace: OpenCommandWorkspace) -> None:
    live, people = sample_users(4, department="Moved")
    opened = open_command_workspace(live, ServerFaults(refuse_user="grace.1@example.com"))
    opened.users(people)
    applied = opened.apply()
    assert applied.code == 5
    assert "Apply incomplete: Users: 0 created, 3 updated, 0 deleted; 1 not done:" in applied.out
    assert 'user["grace.1@example.com"]: FAILED: the service refused it (400): "this user is refused"' in applied.out
    opened.service.faults = ServerFaults()
    again = opened.apply()
    assert (again.code, messages(again.out)[-1]) == (0, "Apply complete! Users: 0 created, 1 updated, 0 deleted.")
    assert [write.user_name for write in opened.service.writes].count("ada.0@example.com") == 1


def test_a_change_that_is_accepted_but_not_in_effect_is_found_out(open_command_workspace: OpenCommandWorkspace) -> None:
    live, people = sample_users(1, department="Moved", givenName="Augusta")
    opened = open_command_workspace(live, ServerFaults(lie_patch=f"{ENTERPRISE}:department"))
    opened.users(people)
    applied = opened.apply()
    assert applied.code == 5
    assert (
        'user["ada.0@example.com"]: NOT IN EFFECT: the service accepted it, but it is not in effect: '
        'enterprise:department (the service shows "Engineering")\n' in applied.out
    )
    (finished,) = [line for line in opened.receipt() if line["event"] == "finished"]
    assert (finished["result"], finished["attributes"]) == ("not_in_effect", [f"{ENTERPRISE}:department"])
    assert opened.service.users["id-0"]["name"]["givenName"] == "Augusta"


def test_a_user_who_is_edited_between_plan_and_write_is_skipped(open_command_workspace: OpenCommandWorkspace) -> None:
    live, people = sample_users(3, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)

    def edit(entry: Logged) -> None:
        if entry.nth_list:
            opened.service.users["id-1"][ENTERPRISE]["department"] = "By hand"

    opened.service.after = edit
    applied = opened.apply()
    assert applied.code == 5
    assert (
        'user["grace.1@example.com"]: Skipped: no longer as planned: enterprise:department changed in the meantime; '
        "plan again\n" in applied.out
    )
    assert {write.user_name for write in opened.service.writes} == {"ada.0@example.com", "zoe.2@example.com"}
    assert opened.service.users["id-1"][ENTERPRISE]["department"] == "By hand"


# --- 64 ---------------------------------------------------------------------------

MISTYPED = {
    "an unknown command": (["aply"], "No such command 'aply'"),
    "an unknown option": (["plan", "--detailed-exit"], "No such option"),
    "an option without its value": (["plan", "--state"], "requires an argument"),
    "no file": (["show"], "Missing argument 'FILE'"),
    "one argument too many": (["validate", "here"], "unexpected extra argument"),
    "a format": (["plan", "--format", "yaml"], "--format yaml does not exist"),
    "a date": (["plan", "--now", "tomorrow"], '--now "tomorrow" is not a date'),
    "a date that does not exist": (["plan", "--now", "2026-02-30"], '--now "2026-02-30" is not a date'),
    "a kind of file": (["schema", "people"], "there is no schema people"),
    "JSON for people": (["plan", "--redact", "--format", "json"], "--redact cannot be combined with --format json"),
    "an apply with nobody to ask": (["apply"], "there is no terminal to ask on"),
    "a saved plan for one user": (["apply", "any.json", "--user", "ada"], "--user cannot be combined"),
    "a port": (["sandbox", "serve", "--port", "many"], "is not a valid int"),
    "an unknown sandbox command": (["sandbox", "sow"], "No such command 'sow'"),
}


@pytest.mark.parametrize("name", MISTYPED)
def test_a_mistyped_command_line_is_64(
    name: str, open_command_workspace: OpenCommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, words = MISTYPED[name]
    live, people = sample_users(2, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)
    monkeypatch.chdir(opened.root)
    answer = run(["reconciler", *line])
    assert answer.code == 64
    assert words in answer.err
    if name != "an apply with nobody to ask":  # it shows what it would do
        assert answer.out == ""
    assert opened.service.writes == []


def test_the_process_ends_with_64(open_command_workspace: OpenCommandWorkspace) -> None:
    answer = open_command_workspace().command("aply")
    assert (answer.code, answer.out) == (64, "")
    assert "Error: No such command 'aply'." in answer.err


# --- 130 --------------------------------------------------------------------------


def test_ctrl_c_finishes_what_is_in_flight_and_the_same_command_finishes_the_rest(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    live, people = sample_users(80, department="Moved")
    opened = open_command_workspace(live, ServerFaults(latency=0.1))
    opened.users(people)
    file = str(opened.saved())
    process = opened.start("apply", file)
    wait_for(lambda: opened.service.writes)
    interrupt(process)
    stopped = wait_for_exit(process)
    assert stopped.code == 130
    sent = len(opened.service.writes)
    assert 0 < sent < 80
    assert f"Apply incomplete: Users: 0 created, {sent} updated, 0 deleted; {80 - sent} not done:" in stopped.out
    assert f"{pluralize(80 - sent, 'change')} not started: interrupted" in stopped.out
    assert "Traceback" not in stopped.err
    lines = opened.receipt()
    started = [line["address"] for line in lines if line["event"] == "started"]
    finished = {line["address"]: line["result"] for line in lines if line["event"] == "finished"}
    assert list(finished.values()).count("done") == sent, "what waited to be sent was not sent any more"
    assert set(started) <= finished.keys()
    assert (lines[-1]["event"], lines[-1]["done"], lines[-1]["skipped"]) == ("apply_finished", sent, 80 - sent)

    opened.service.faults = ServerFaults()
    again = opened.run("apply", file)
    assert (again.code, messages(again.out)) == (
        0,
        [f"Apply complete! Users: 0 created, {80 - sent} updated, 0 deleted."],
    )
    names = [write.user_name for write in opened.service.writes]
    assert len(names) == len(set(names)) == 80, "nothing is done twice"


def test_a_second_ctrl_c_ends_at_once_though_the_service_hangs(open_command_workspace: OpenCommandWorkspace) -> None:
    answered: list[int] = []

    def hang(entry: Logged) -> None:
        if entry.nth_write and not answered:
            opened.service.faults = ServerFaults(latency=25)
            answered.append(len(opened.service.log))

    live, people = sample_users(20, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)
    opened.saved()
    opened.service.after = hang
    process = opened.start("apply", "plan.json")
    wait_for(lambda: answered and len(opened.service.log) > answered[0])
    interrupt(process)
    time.sleep(0.2)
    interrupt(process)
    before = time.monotonic()
    stopped = wait_for_exit(process)
    assert time.monotonic() - before < 12
    assert (stopped.code, "Traceback" in stopped.err) == (130, False)
    assert opened.receipt()[-1]["event"] in ("started", "finished")


def test_killed_in_the_middle_the_same_command_finishes_the_rest(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = open_command_workspace((), ServerFaults(latency=0.1))
    opened.users(sample_users(20)[1])
    file = str(opened.saved())
    process = opened.start("apply", file)
    wait_for(lambda: len(opened.service.writes) > 8)
    process.kill()
    wait_for_exit(process)
    assert len(opened.service.users) < 20
    opened.service.faults = ServerFaults()
    again = opened.run("apply", file)
    assert again.code == 0, again.err
    names = [user["userName"] for user in opened.service.users.values()]
    assert len(names) == len(set(names)) == 20
    assert opened.run("plan", "--detailed-exitcode").code == 0


def test_ctrl_c_while_reading_writes_nothing(open_command_workspace: OpenCommandWorkspace) -> None:
    live, people = sample_users(3, department="Moved")
    opened = open_command_workspace(live, ServerFaults(latency=1))
    opened.users(people)
    process = opened.start("apply", "--auto-approve")
    wait_for(lambda: opened.service.log)
    interrupt(process)
    stopped = wait_for_exit(process)
    assert (stopped.code, stopped.out, messages(stopped.err)) == (130, "", ["Interrupted."])
    assert opened.service.writes == []
    assert opened.receipts() == []


def test_the_command_under_test_is_the_installed_one() -> None:
    assert COMMAND.is_file()
