"""A clock, dates of the desired state and time stamps on record at the ends of the calendar: words, no traceback."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, messages, sample_users
from support.workspace import CommandResult, run

# A module that is first imported while a test replaces the clock would keep the replacement.
from reconciler.commands import apply, drift, status  # noqa: F401
from reconciler.session import workspace

COMMANDS = ("validate", "plan", "drift", "status", "log", "explain", "apply")
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
EXTREMES = [
    *("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00+00:01", "9000-12-31T23:59:59Z"),
    *(
        "9998-12-31T00:00:00Z",
        "9999-12-31T23:59:59.999999-14:00",
        "9999-12-31T23:59:59.999999Z",
        "10000-01-01T00:00:00Z",
    ),
]


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """One person; a profile whose deleted names stay reserved, so that the record is read."""
    live, people = sample_users(2, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)
    return opened


def run_all(work: CommandWorkspace, *options: str) -> list[CommandResult]:
    answers = []
    for command in COMMANDS:
        line = ["reconciler", command, "--state", str(work.state)]
        line += ["--plans", str(work.plans)] if command != "validate" else []
        line += ["--auto-approve"] if command == "apply" else []
        line += ["ada.0@example.com"] if command == "explain" else []
        answers.append(run([*line, *(options if command not in ("status", "log") else ())]))
    assert [answer.err for answer in answers if "Traceback" in answer.err] == []
    return answers


@pytest.mark.parametrize("now", [LAST, LAST - timedelta(days=6), datetime(9001, 1, 1, tzinfo=UTC), FIRST])
def test_a_clock_at_the_end_of_the_calendar_is_reported(
    now: datetime, work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "current_time", lambda: now)
    for answer in run_all(work):
        assert (answer.code, answer.out) == (1, "")
        assert messages(answer.err)[0] == f"Error: the clock of this machine says {now:%Y-%m-%d}"
    assert work.service.log == []


@pytest.mark.parametrize("now", ["9000-12-31T23:59:59.999999", "1970-01-01"])
def test_the_first_and_the_last_day_can_be_planned_for(now: str, work: CommandWorkspace) -> None:
    work.settings(lifecycle={"actions": ["create", "update", "deactivate", "delete"], "delete_after_days": 999_999})
    dates = {"starts": "0001-01-01", "expires": "9999-12-31"}
    people = sample_users(3, department="Moved")[1]
    people[0]["lifecycle"], people[1]["lifecycle"] = dates, {**dates, "expires": "0001-01-02", "starts": "0001-01-01"}
    people[2]["lifecycle"] = {"starts": "9999-12-31"}
    work.users(people)
    for answer in run_all(work, "--now", now)[:3]:
        assert answer.code in (0, 3), answer.err


@pytest.mark.parametrize(
    "day", ["today+99999", "today-99999", "today +  0", "9999-12-31", "0001-01-01", "today+999999"]
)
@pytest.mark.parametrize("now", ["9000-12-31", "1970-01-01", "2026-03-01"])
def test_relative_days_that_do_not_exist_are_diagnostics(day: str, now: str, work: CommandWorkspace) -> None:
    clause = {"attribute": "employeeHireDate", "operator": "GREATER THAN", "value": day}
    for operator in ("ON OR AFTER", "BEFORE"):
        filters = [{"clauses": [{**clause, "operator": operator}]}]
        work.write("scope.yaml", json.dumps({"sync": "all", "filters": filters}))
        for answer in run_all(work, "--now", now):
            assert answer.code in (0, 1, 3), answer.err


@pytest.mark.parametrize("when", EXTREMES)
def test_time_stamps_on_record(when: str, work: CommandWorkspace) -> None:
    assert work.apply().code == 0
    (receipt,) = work.receipts()
    plan = receipt.with_name("plan.json")
    lines = [json.loads(line) for line in receipt.read_text().splitlines()]
    failed = [{**line, "result": "failed"} if line["event"] == "finished" else line for line in lines]
    quarantined = {**lines[0], "event": "quarantined", "reason": "x", "message": "y"}
    deleted = [
        {**line, "action": action, "user_name": "a@b", "id": "i"}
        for line in lines[2:3]
        for action in ("delete", "deactivate")
    ]
    every = [{**line, "time": when} for line in (*failed[:-1], *deleted, quarantined, failed[-1])]
    receipt.write_text("".join(json.dumps(line) + "\n" for line in every))
    document = json.loads(plan.read_text())
    plan.write_text(json.dumps({**document, "created_at": when, "expires_at": when}))
    (work.plans / "refusal.json").write_text(
        json.dumps(
            {"profile": "scim", "target": work.base_url, "message": "m", "began": when, "last": when, "count": 3}
        )
    )
    for answer in run_all(work):
        assert answer.code in (0, 1, 3, 5), answer.err
    for path in (receipt, plan, plan.parent):
        assert run(["reconciler", "show", str(path)]).code in (0, 1)


@pytest.mark.parametrize("when", EXTREMES)
def test_time_stamps_of_a_saved_plan(when: str, work: CommandWorkspace) -> None:
    saved = work.saved()
    document = json.loads(saved.read_text())
    saved.write_text(json.dumps({**document, "created_at": when, "expires_at": when}))
    for format_ in ("text", "markdown", "html", "json"):
        assert run(["reconciler", "show", str(saved), "--format", format_]).code in (0, 1)
    answer = work.run("apply", str(saved))
    assert answer.code in (0, 1, 4), answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("when", [*EXTREMES, "", "now", "2026-02-30", "9" * 5_000, "nan", "inf", "-1", "24:00"])
def test_dates_on_the_command_line(when: str, work: CommandWorkspace) -> None:
    for line in (["plan", "--now", when], ["log", "--since", when], ["validate", "--now", when]):
        answer = work.run(*line)
        assert answer.code in (0, 1, 64), answer.err
        assert "Traceback" not in answer.err
