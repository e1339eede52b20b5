"""Failures of many and of one: the brakes, the trial, putting off, and what `status` says of it."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, assert_harmless, run, sample_users
from support.servers.fake_scim import ServerFaults
from support.workspace import CommandResult

from reconciler.apply.execution import WORKERS
from reconciler.core.text import pluralize

ALL_FAIL = ServerFaults(write_error_on=1, write_error_times=None, write_error_status=400)


def work_for(
    open_command_workspace: OpenCommandWorkspace, size: int, faults: ServerFaults | None = None, **settings: Any
) -> CommandWorkspace:
    live, people = sample_users(size, department="Moved")
    opened = open_command_workspace(live, faults)
    opened.users(people)
    if settings:
        opened.settings(**settings)
    return opened


def status(opened: CommandWorkspace, *arguments: str) -> CommandResult:
    return opened.run("status", "--plans", str(opened.plans), *arguments)


def told(opened: CommandWorkspace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(status(opened, "--format", "json").out)
    return found


def hours_pass(opened: CommandWorkspace, hours: float) -> None:
    """All receipts become so much older."""

    def earlier(match: re.Match[str]) -> str:
        return f'"time": "{(datetime.fromisoformat(match[1]) - timedelta(hours=hours)).isoformat()}"'

    for path in opened.receipts():
        path.write_text(re.sub(r'"time": "([^"]+)"', earlier, path.read_text("utf-8")), "utf-8")


# --- the brakes -------------------------------------------------------------------------------------


def test_too_many_failures_stop_the_run_and_the_next_one_begins_with_a_trial(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened = work_for(open_command_workspace, 100, ALL_FAIL)
    stopped = opened.apply()
    tried = len(opened.service.writes)
    assert stopped.code == 5
    assert 11 <= tried <= 11 + WORKERS, "what is in flight is finished, nothing else is begun"
    assert re.search(
        r"Error: the apply stopped itself and is in quarantine: 11 of 11 attempted changes failed, more than 40 %",
        stopped.err,
    )
    assert f"{pluralize(100 - tried, 'change')} not started: the run was stopped" in stopped.out
    found = told(opened)
    assert (found["healthy"], found["code"]) == (False, "Quarantine")
    assert found["quarantine"]["reason"] == "EncounteredEscrowProportionThreshold"
    assert (found["lastExecution"]["countEscrowed"], found["lastExecution"]["countLeft"]) == (tried, 100 - tried)
    assert found["escrows"] == [], "it was the service that failed, not so many people"

    still = opened.apply()
    assert still.code == 5
    assert "So apply begins with a probe of 5 changes, and continues only if it succeeds." in still.err
    assert len(opened.service.writes) == tried + 5
    assert "5 of 5 attempted changes failed" in still.err
    again = told(opened)["quarantine"]
    assert (again["seriesCount"], again["seriesBegan"]) == (2, found["quarantine"]["seriesBegan"])
    assert again["nextAttempt"] > found["quarantine"]["nextAttempt"]

    opened.service.faults = ServerFaults()
    healed = opened.apply()
    assert (healed.code, len(opened.service.writes)) == (0, tried + 5 + 100)
    assert "begins with a probe" in healed.err
    assert (status(opened).code, told(opened)["quarantine"]) == (0, None)


@pytest.mark.parametrize("time", ["2099-01-01T00:00:00+00:00", "1999-01-01T00:00:00+00:00", "yesterday"])
def test_a_changed_time_hides_no_quarantine(time: str, open_command_workspace: OpenCommandWorkspace) -> None:
    opened = work_for(open_command_workspace, 40, ServerFaults())
    assert opened.apply().code == 0
    (first,) = opened.receipts()
    opened.users(sample_users(40, department="Again")[1])
    opened.service.faults = ALL_FAIL
    assert opened.apply().code == 5
    (receipt,) = set(opened.receipts()) - {first}
    receipt.write_text(re.sub(r'"time": "[^"]+"', f'"time": "{time}"', receipt.read_text("utf-8")), "utf-8")
    assert (status(opened).code, told(opened)["code"]) == (1, "Quarantine")
    assert "begins with a probe of 5 changes" in opened.apply().err


def test_many_refused_users_at_the_start_do_not_hold_up_the_others_for_long(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened = work_for(open_command_workspace, 200)
    names = sorted(person["userPrincipalName"] for person in sample_users(200)[1])
    # So many others that most of them are left for the last run, whatever is in flight when a run stops.
    opened.service.faults = ServerFaults(refuse_users=frozenset(names[:24]))
    stopped = opened.apply()
    assert (stopped.code, told(opened)["code"]) == (5, "Quarantine")
    runs = 1
    while told(opened)["quarantine"] is not None and runs < 5:
        assert opened.apply().code == 5
        runs += 1
    assert {write.user_name for write in opened.service.writes if write.status == 200} == set(names[24:])
    assert told(opened)["quarantine"] is None
    assert len(told(opened)["escrows"]) == 24


def test_a_few_failures_do_not_stop_the_run(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = work_for(open_command_workspace, 10, ALL_FAIL)
    assert (opened.apply().code, len(opened.service.writes)) == (5, 10)
    assert told(opened)["quarantine"] is None


def test_the_limit_is_a_setting(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = work_for(open_command_workspace, 100, ALL_FAIL, guards={"failures": {"count": 2, "percent": 100}})
    stopped = opened.apply()
    assert stopped.code == 5
    assert len(opened.service.writes) <= 3 + WORKERS
    assert "more than 2 (guards.failures.count)" in stopped.err


def test_a_service_that_refuses_as_a_whole_is_quarantine_and_a_trial_follows(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened = work_for(open_command_workspace, 40, ServerFaults(forbid_after=1))
    assert opened.apply().code == 1
    assert told(opened)["quarantine"]["reason"] == "EncounteredQuarantineException"
    opened.service.faults = ServerFaults()
    healed = opened.apply()
    assert (healed.code, "begins with a probe of 5 changes" in healed.err) == (0, True)
    assert status(opened).code == 0


def test_a_service_that_refuses_reads_is_recorded_without_a_receipt(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened = work_for(open_command_workspace, 2, ServerFaults(unauthorized_after=1))
    opened.service.add({"id": "x", "userName": "x@example.com"})
    opened.service.faults = ServerFaults(login_page=True)
    for count in (1, 2):
        assert opened.apply().code == 1
        assert told(opened)["quarantine"]["seriesCount"] == count
    assert (status(opened).code, opened.receipts()) == (1, [])
    (opened.plans / "refusal.json").write_text("{torn")
    assert told(opened)["quarantine"] is None
    assert opened.apply().code == 1
    opened.service.faults = ServerFaults()
    assert opened.apply().code == 0
    assert status(opened).code == 0


def test_when_nothing_is_left_to_do_the_books_are_closed(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = work_for(open_command_workspace, 30, ALL_FAIL)
    opened.apply()
    assert status(opened).code == 1
    opened.users(sample_users(30)[1])
    closed = opened.apply()
    assert (closed.code, "No changes were left to make after earlier failures." in closed.err) == (0, True)
    assert status(opened).code == 0
    before = len(opened.receipt())
    assert opened.apply().code == 0
    assert len(opened.receipt()) == before


# --- one user that keeps failing --------------------------------------------------------------------


@pytest.fixture
def failing(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """Grace is refused, twice already; the others are done."""
    opened = work_for(open_command_workspace, 4, ServerFaults(refuse_user="grace.1@example.com"))
    for _ in range(2):
        assert opened.apply().code == 5
    assert len(opened.service.writes) == 3 + 2
    return opened


def test_users_that_keep_failing_are_deferred_and_reported(failing: CommandWorkspace) -> None:
    planned = failing.run("plan")
    assert "1 change is deferred because it failed before; --retry-failed retries now." in planned.err
    assert 'user["grace.1@example.com"] will be updated in-place' in planned.out
    skipped = failing.apply()
    assert skipped.code == 5
    assert len(failing.service.writes) == 5, "not tried"
    assert re.search(
        r"Skipped: deferred until \d{4}-\d\d-\d\d \d\d:\d\d UTC, because it failed 2 times "
        r"\(--retry-failed tries now\); last error: the service refused it \(400\)",
        skipped.out,
    )
    (escrow,) = told(failing)["escrows"]
    assert (escrow["address"], escrow["count"]) == ('user["grace.1@example.com"]', 2)
    assert status(failing).code == 1


def test_failures_recorded_by_a_clock_years_ahead_defer_no_user_and_pass(failing: CommandWorkspace) -> None:
    hours_pass(failing, -24 * 365 * 20)
    assert failing.apply().code == 5
    assert [write.user_name for write in failing.service.writes[5:]] == ["grace.1@example.com"]
    failing.service.faults = ServerFaults()
    assert failing.apply("--retry-failed").code == 0
    assert (status(failing).code, told(failing)["escrows"]) == (0, [])


def test_deferred_users_are_retried_when_due_and_others_proceed(failing: CommandWorkspace) -> None:
    people = sample_users(4, department="Moved")[1]
    people[0]["department"] = "Elsewhere"
    failing.users(people)
    assert failing.apply().code == 5
    assert [write.user_name for write in failing.service.writes[5:]] == ["ada.0@example.com"]
    hours_pass(failing, 6.1)
    assert failing.apply().code == 5
    assert [write.user_name for write in failing.service.writes[6:]] == ["grace.1@example.com"]
    assert told(failing)["escrows"][0]["count"] == 3
    hours_pass(failing, 6.1)
    assert (failing.apply().code, len(failing.service.writes)) == (5, 7)
    hours_pass(failing, 6)
    failing.service.faults = ServerFaults()
    assert (failing.apply().code, len(failing.service.writes)) == (0, 8)
    assert (status(failing).code, told(failing)["escrows"]) == (0, [])


@pytest.mark.parametrize("asked", [["--retry-failed"], ["--user", "grace.1@example.com"]])
def test_who_asks_gets_it_tried_now(asked: list[str], failing: CommandWorkspace) -> None:
    assert failing.apply(*asked).code == 5
    assert len(failing.service.writes) == 6


def test_another_change_of_the_user_is_tried_at_once(failing: CommandWorkspace) -> None:
    people = sample_users(4, department="Moved")[1]
    people[1]["department"] = "Elsewhere"
    failing.users(people)
    failing.service.faults = ServerFaults()
    assert (failing.apply().code, len(failing.service.writes)) == (0, 6)


def test_a_reviewed_plan_puts_them_off_too(failing: CommandWorkspace) -> None:
    file = str(failing.saved())
    assert (failing.run("apply", file).code, len(failing.service.writes)) == (5, 5)
    failing.service.faults = ServerFaults()
    assert (failing.run("apply", file, "--retry-failed").code, len(failing.service.writes)) == (0, 6)


# --- status -----------------------------------------------------------------------------------------


def test_status_needs_neither_token_nor_network_nor_readable_users(
    failing: CommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECONCILER_TOKEN")
    failing.write("users/people.yaml", "}{")
    requests = len(failing.service.log)
    found = status(failing)
    assert (found.code, found.err) == (1, "")
    assert "Health:        UNHEALTHY" in found.out
    assert "1 user keeps failing:" in found.out
    assert 'user["grace.1@example.com"]: update failed 2 times since ' in found.out
    assert len(failing.service.log) == requests


def test_status_without_a_record_is_unknown_until_the_first_apply(open_command_workspace: OpenCommandWorkspace) -> None:
    live, people = sample_users(2)
    opened = open_command_workspace(live)
    opened.users(people)
    found = status(opened)
    assert (found.code, "Health:        unknown\nLast run:      none on record" in found.out) == (1, True)
    assert (told(opened)["code"], told(opened)["health"]) == ("NotRun", "unknown")
    assert status(opened, "--format", "yaml").code == 64
    # What it says to run next works, also if nothing is left to change.
    state, plans = str(opened.state), str(opened.plans)
    commands = re.findall(r"^    reconciler (.*)$", found.err, re.MULTILINE)
    assert commands == [f"plan --state {state} --plans {plans}", f"apply --state {state} --plans {plans}"]
    assert [run(["reconciler", *command.split()]).code for command in commands] == [0, 0]
    known = status(opened)
    assert (known.code, known.err) == (0, "")
    assert opened.apply().code == 0
    assert len(opened.receipts()) == 1, "an apply without changes leaves one receipt, if it is the first"


def test_status_hides_names_and_steers_no_terminal(failing: CommandWorkspace) -> None:
    for path in failing.receipts():
        text = path.read_text("utf-8").replace("grace.1", "\\u001b[2Jgr\\n::error::ace##[x]")
        path.write_text(text, "utf-8")
    shown = [status(failing), status(failing, "--format", "json")]
    hidden = [status(failing, "--redact"), status(failing, "--redact", "--format", "json")]
    for found in (*shown, *hidden):
        assert_harmless(found.out)
    assert "ace" in shown[0].out
    for found in hidden:
        assert "example.com" not in found.out
        assert "(hidden)" in found.out


def test_an_apply_that_runs_now_is_no_crash(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = work_for(open_command_workspace, 3)
    assert opened.apply().code == 0
    (receipt,) = opened.receipts()
    lines = receipt.read_text("utf-8").splitlines(keepends=True)
    receipt.write_text("".join([*lines, *lines[:2]]), "utf-8")
    assert status(opened).code == 1
    assert "did not end: it crashed" in status(opened).out
    from reconciler.core.model import Target  # noqa: PLC0415
    from reconciler.record.lock import LockWait, build_lock_name, find_lock_directory, hold_lock  # noqa: PLC0415

    with hold_lock(find_lock_directory() / build_lock_name(Target("scim", opened.base_url)), LockWait(0, print)):
        found = status(opened)
    assert (found.code, "Running now:   process " in found.out) == (0, True)
