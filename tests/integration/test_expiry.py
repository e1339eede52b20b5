"""What commands say about the dates of credentials, by the day that `--now` gives."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from support.git_repository import GitRepository
from support.sample_org import account, person
from support.servers.fake_scim import FakeScimServer
from support.workspace import CommandResult, OpenWorkspace, Workspace, run

END = date(2027, 5, 1)
RENEWAL = "Make a second token in Apple Business Manager"


@pytest.fixture
def service() -> FakeScimServer:
    """A service with one account, as desired, and one that is to be created."""
    server = FakeScimServer()
    server.add(account("keeper"))
    return server


@pytest.fixture
def work(open_workspace: OpenWorkspace, service: FakeScimServer) -> Workspace:
    found = open_workspace(service)
    found.users([person("keeper"), person("ada")])
    declare(found, token_expires=END)
    return found


def declare(work: Workspace, profile: str = "apple-business-manager", **dates: date | str) -> None:
    """Write settings.yaml with these keys of `target`."""
    target = {"profile": profile, "base_url": work.base_url, **{key: str(value) for key, value in dates.items()}}
    work.settings(target=target)


def before(days: int) -> str:
    return str(END - timedelta(days))


def status(work: Workspace, *arguments: str) -> CommandResult:
    return work.run("status", "--plans", str(work.plans), *arguments)


def warnings(result: CommandResult) -> list[dict[str, Any]]:
    return [item for item in result.plan["diagnostics"] if "expire" in item["summary"]]


@pytest.mark.parametrize(
    ("days", "stage", "said"),
    [
        (61, None, ""),
        (60, 60, "the token expires in 60 days, on 2027-05-01"),
        (31, 60, "the token expires in 31 days, on 2027-05-01"),
        (30, 30, "the token expires in 30 days, on 2027-05-01"),
        (29, 30, "the token expires in 29 days, on 2027-05-01"),
        (15, 30, "the token expires in 15 days, on 2027-05-01"),
        (14, 14, "the token expires in 14 days, on 2027-05-01"),
        (8, 14, "the token expires in 8 days, on 2027-05-01"),
        (7, 7, "the token expires in 7 days, on 2027-05-01"),
        (2, 7, "the token expires in 2 days, on 2027-05-01"),
        (1, 1, "the token expires tomorrow, on 2027-05-01"),
        (0, 0, "the token expires today, on 2027-05-01"),
        (-1, 0, "the token expired on 2027-05-01, 1 day ago"),
        (-365, 0, "the token expired on 2027-05-01, 365 days ago"),
    ],
)
def test_plan_and_status_say_the_same_on_each_day(work: Workspace, days: int, stage: int | None, said: str) -> None:
    found = warnings(work.plan("--now", before(days)))
    assert [item["summary"] for item in found] == ([said] if said else [])
    assert all((item["file"], item["line"]) == ("settings.yaml", 1) and RENEWAL in item["detail"] for item in found)
    document = json.loads(status(work, "--format", "json", "--now", before(days)).out)
    (token,) = document["credentials"]
    assert (token["kind"], token["expires"], token["daysLeft"], token["stage"], token["source"]) == (
        "token",
        "2027-05-01",
        days,
        stage,
        "declared",
    )
    assert token["origin"].startswith("settings.yaml:1:")


def test_a_warning_changes_neither_plan_nor_exit_code(work: Workspace) -> None:
    quiet, warned = work.plan("--now", before(100)), work.plan("--now", before(-1))
    assert (quiet.code, warned.code) == (2, 2)
    assert quiet.plan["plan_id"] == warned.plan["plan_id"]
    assert quiet.plan["config_digest"] == warned.plan["config_digest"]
    assert quiet.plan["applyable"]
    assert warned.plan["applyable"]
    assert quiet.plan["guards"] == warned.plan["guards"]


def test_the_day_is_that_of_utc(work: Workspace) -> None:
    """At half past eleven in the evening of April 30 in New York, it is May 1 in UTC."""
    for now, said in [
        ("2027-04-30T23:30:00-04:00", "today"),
        ("2027-05-01T00:30:00+14:00", "tomorrow"),
        ("2027-04-30T23:59:59Z", "tomorrow"),
        ("2027-05-01T00:00:00Z", "today"),
    ]:
        (found,) = warnings(work.plan("--now", now))
        assert found["summary"] == f"the token expires {said}, on 2027-05-01"


def test_the_same_day_gives_the_same_plan(work: Workspace) -> None:
    first, second = (work.plan("--now", f"{before(14)}T{hour:02}:00:00Z").plan for hour in (1, 23))
    assert first["diagnostics"] == second["diagnostics"] != []


def test_a_saved_plan_is_applied_on_a_later_day_and_shown_as_it_was(work: Workspace) -> None:
    file = work.root / "saved.json"
    now = datetime.now(UTC)
    declare(work, token_expires=now.date() + timedelta(8))
    assert work.plan("-o", str(file)).code == 2
    shown = run(["reconciler", "show", str(file)])
    assert "the token expires in 8 days" in shown.out
    # Tomorrow the warning is another one: the plan is not.
    later = work.run("apply", str(file), "--now", f"{now + timedelta(1):%Y-%m-%dT%H:%M:%SZ}")
    assert (later.code, "expires in 7 days" in later.err) == (0, True)
    assert run(["reconciler", "show", str(file)]).out == shown.out
    receipt = json.dumps(work.receipt())
    assert "expire" not in receipt.replace("expires_at", "")


def test_apply_says_it_before_it_writes(work: Workspace, service: FakeScimServer) -> None:
    declare(work, token_expires=datetime.now(UTC).date() + timedelta(3))
    applied = work.apply()
    assert applied.code == 0
    assert applied.out.index("the token expires in 3 days") < applied.out.index("ada@example.com")


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
@pytest.mark.parametrize("redacted", [False, True])
def test_every_format_shows_it(work: Workspace, form: str, redacted: bool) -> None:
    shown = work.run("plan", "--format", form, "--now", before(7), *(["--redact"] if redacted else [])).out
    assert "the token expires in 7 days, on 2027-05-01" in shown
    assert "settings.yaml:1:" in shown
    assert (RENEWAL in shown) is not redacted


def test_a_comment_says_it_in_one_line_before_the_changes_and_a_notice_only_after_them(work: Workspace) -> None:
    comment = work.run("plan", "--format", "markdown", "--now", before(14)).out
    head, _, rest = comment.partition("<details")
    assert "> [!WARNING]\n> `The token expires in 14 days, on 2027-05-01.`\n" in head
    assert head.count("\n") < 12
    assert RENEWAL in rest
    notice = work.run("plan", "--format", "markdown", "--now", before(15)).out.partition("<details")
    assert "expires" not in notice[0].replace("expires 20", "")
    assert "the token expires in 15 days" in notice[2]


def test_an_offline_plan_shows_it(work: Workspace) -> None:
    GitRepository(work.root).commit("all")
    offline = work.run("plan", "--offline", "--base", "HEAD", "--format", "json", "--now", before(7))
    assert [item["summary"] for item in warnings(offline)] == ["the token expires in 7 days, on 2027-05-01"]


def test_another_service_has_another_way_out(work: Workspace) -> None:
    declare(work, "scim", token_expires=END)
    (found,) = warnings(work.plan("--now", before(30)))
    assert found["detail"].startswith("Make a new token at the service. Replace RECONCILER_TOKEN")
    assert "Apple" not in found["detail"]


# --- validate -------------------------------------------------------------------------------------


def test_validate_reports_dates_in_the_past_at_their_place_and_no_others(work: Workspace) -> None:
    for days, count in ((1, 0), (0, 0), (-1, 1)):
        checked = work.run("validate", "--format", "json", "--now", before(days))
        found = json.loads(checked.out)
        assert (checked.code, len(found["diagnostics"])) == (0, count)
    (item,) = found["diagnostics"]
    assert item["summary"] == "the token expired on 2027-05-01, 1 day ago"
    assert (item["severity"], item["file"], item["line"]) == ("warning", "settings.yaml", 1)
    assert item["column"] > 1


def test_swapped_dates_are_an_error_with_their_place(work: Workspace) -> None:
    declare(work, token_issued=END, token_expires=END - timedelta(365))
    checked = work.run("validate", "--now", before(100))
    assert checked.code == 1
    assert "Are the two dates swapped?" in checked.err
    assert re.search(r"settings\.yaml:1:\d+", checked.err)


# --- a refused token ------------------------------------------------------------------------------


def refused(work: Workspace, service: FakeScimServer, **dates: date) -> str:
    service.token = "another"
    declare(work, **dates)
    result = work.run("plan")
    assert (result.code, result.out) == (1, "")
    assert "the service does not accept the token (401)" in result.err
    return " ".join(result.err.split())


def test_a_401_after_the_date_names_the_cause(work: Workspace, service: FakeScimServer) -> None:
    today = datetime.now(UTC).date()
    said = refused(work, service, token_expires=today - timedelta(5))
    assert f"The token expired on {today - timedelta(5)}, 5 days ago (settings.yaml:1:" in said
    assert RENEWAL in said
    assert "mistyped" not in said


def test_a_401_before_the_date_does_not_blame_it(work: Workspace, service: FakeScimServer) -> None:
    today = datetime.now(UTC).date()
    said = refused(work, service, token_expires=today + timedelta(200))
    assert "Check RECONCILER_TOKEN" in said
    assert f"As it expires in 200 days, on {today + timedelta(200)} (settings.yaml:1:" in said


def test_a_401_in_the_first_days(work: Workspace, service: FakeScimServer) -> None:
    today = datetime.now(UTC).date()
    said = refused(work, service, token_issued=today - timedelta(2))
    assert f"It was issued on {today - timedelta(2)} (settings.yaml:1:" in said
    assert f"used by {today + timedelta(2)}: is RECONCILER_TOKEN the new token?" in said


def test_a_401_without_a_date_says_how_long_a_token_lasts(work: Workspace, service: FakeScimServer) -> None:
    said = refused(work, service)
    assert "tokens last a year" in said
    assert "set target.token_expires" in said


def test_the_cause_of_a_401_is_of_today_whatever_day_is_planned(work: Workspace, service: FakeScimServer) -> None:
    service.token = "another"
    declare(work, token_expires=datetime.now(UTC).date() + timedelta(200))
    result = work.run("plan", "--now", str(datetime.now(UTC).date() + timedelta(300)))
    assert "expired on" not in result.err


# --- the first days -------------------------------------------------------------------------------


def first_use(work: Workspace) -> dict[str, Any] | None:
    found: dict[str, Any] | None = json.loads(status(work, "--format", "json").out)["credentials"][0]["firstUse"]
    return found


def test_status_warns_of_an_unused_token_until_an_apply_is_on_record(work: Workspace) -> None:
    today = datetime.now(UTC).date()
    declare(work, token_issued=today - timedelta(3))
    assert first_use(work) == {"daysLeft": 1, "level": "urgent"}
    assert "works only if it is used within 4 days" in status(work).out
    assert work.apply().code == 0
    assert first_use(work) is None


def test_an_apply_on_the_day_of_issue_proves_nothing(work: Workspace) -> None:
    declare(work, token_issued=datetime.now(UTC).date())
    assert work.apply().code == 0
    assert first_use(work) == {"daysLeft": 4, "level": "warning"}


def test_a_plan_that_was_read_does_not_doubt_its_token(work: Workspace) -> None:
    declare(work, token_issued=datetime.now(UTC).date() - timedelta(1))
    assert work.plan().plan["diagnostics"] == []


def test_an_unused_token_is_probably_dead_after_four_days(work: Workspace) -> None:
    declare(work, token_issued=datetime.now(UTC).date() - timedelta(5))
    assert "is probably dead" in status(work).out
    declare(work, "scim", token_issued=datetime.now(UTC).date() - timedelta(5))
    assert "Credentials" not in status(work).out
