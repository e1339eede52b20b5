from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from reconciler.apply.quarantine import FailingUser, Health, QuarantineState
from reconciler.core.expiry import ConnectionCredential, CredentialKind, assess_credentials
from reconciler.core.model import Origin, Target
from reconciler.core.provisioning import Provisioning
from reconciler.history.unapplied import UnappliedCommit, UnappliedCommits
from reconciler.profiles import PROFILES
from reconciler.record.attempts import Attempt
from reconciler.record.runs import ApplyRun, Quarantine
from reconciler.render.status import Status, render_status
from reconciler.render.status_document import status_document
from reconciler.render.style import Style

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
PLAIN, REDACTED = Style(), Style(redact=True)
TARGET = Target("scim", "https://scim.example.com/v2")
FAILING = FailingUser('user["ada"]', "update", "d", 3, NOW, NOW + timedelta(hours=1), '409 "ada"')
QUARANTINED = QuarantineState(Quarantine("Refused", '401 "ada"'), NOW, NOW, 2)


def attempts(*results: str) -> tuple[Attempt, ...]:
    return tuple(Attempt(f"u{number}", "update", "d", result, "", NOW) for number, result in enumerate(results))


RUN = ApplyRun("r", "sha256:1", None, NOW, True, how="complete", ended=NOW, attempts=attempts("done", "failed"))


def status(**health: object) -> Status:
    return Status(TARGET, Health(**health))  # type: ignore[arg-type]


def test_the_health_of_a_target_without_applies_is_unknown() -> None:
    assert render_status(status(), PLAIN) == (
        "Target:        https://scim.example.com/v2 (scim)\n"
        "Health:        unknown\n"
        "Last run:      none on record\n"
        "Last success:  none on record\n"
    )
    document = status_document(status(), PLAIN)
    assert (document["code"], document["healthy"], document["health"]) == ("NotRun", False, "unknown")


def test_the_health_is_known_from_the_first_apply_on() -> None:
    done = replace(RUN, attempts=attempts("done"))
    assert status_document(status(runs=1, last=done), PLAIN)["health"] == "healthy"
    assert status_document(status(runs=1, last=RUN), PLAIN)["health"] == "unhealthy"


@pytest.mark.parametrize(
    ("how", "text", "state"),
    [
        ("complete", "complete", "EntryLevelErrors"),
        ("interrupted", "interrupted", "Failed"),
        ("quarantined", "quarantined", "Failed"),
        ("", "did not end: it crashed, or is still running elsewhere", "Failed"),
    ],
)
def test_the_last_run_says_how_it_ended_and_counts_its_outcomes(how: str, text: str, state: str) -> None:
    found = status(runs=1, last=replace(RUN, how=how, left=2))
    expected = f"Last run:      2026-03-01 08:00 UTC, {text}: 1 done, 1 failed, 2 not started\n"
    assert expected in render_status(found, PLAIN)
    execution = status_document(found, PLAIN)["lastExecution"]
    assert (execution["state"], execution["countExported"], execution["countLeft"]) == (state, 1, 2)


def test_changes_that_were_about_to_be_sent_at_an_interrupt_are_not_skipped_too() -> None:
    interrupted = Attempt("c", "update", "x", "skipped", "not started: interrupted", RUN.began)
    stale = Attempt("d", "update", "x", "skipped", "no longer as planned: title changed", RUN.began)
    run = replace(RUN, how="interrupted", attempts=(interrupted, stale), left=1)
    found = status(runs=1, last=run)
    assert "UTC, interrupted: 1 skipped, 1 not started\n" in render_status(found, PLAIN)
    assert status_document(found, PLAIN)["lastExecution"]["countSkipped"] == 1


def test_a_failing_user_has_a_line_without_values_if_redacted() -> None:
    found = status(failing_users={"ada": FAILING})
    line = 'user["ada"]: update failed 3 times since 2026-03-01 08:00 UTC, next attempt '
    assert "Health:        UNHEALTHY\n" in render_status(found, PLAIN)
    assert "\n1 user keeps failing:\n" in render_status(found, PLAIN)
    assert line in render_status(found, PLAIN)
    assert "ada" not in render_status(found, REDACTED)
    assert "(hidden): update failed 3 times" in render_status(found, REDACTED)


def test_users_that_fail_most_come_first() -> None:
    others = {name: replace(FAILING, address=name, count=count) for name, count in (("a", 1), ("c", 5), ("b", 5))}
    lines = render_status(status(failing_users=others), PLAIN).splitlines()[-3:]
    assert [line.split(":")[0].strip() for line in lines] == ["b", "c", "a"]


def test_a_recorded_refusal_is_newer_than_the_quarantine_of_a_receipt() -> None:
    found = Status(TARGET, Health(quarantine=QUARANTINED), refused=replace(QUARANTINED, count=5))
    assert found.quarantine == found.refused
    assert not found.healthy
    text = render_status(found, PLAIN)
    assert "Quarantine:    since 2026-03-01 08:00 UTC, 5 runs in a row\n" in text
    assert 'Refused: 401 "ada"\n' in text
    assert "Refused: 401 (hidden)\n" in render_status(found, REDACTED)


def test_a_running_apply_is_named_unless_redacted() -> None:
    found = replace(status(), running="ada@host since 08:00")
    assert "Running now:   ada@host since 08:00\n" in render_status(found, PLAIN)
    assert "Running now:   (hidden)\n" in render_status(found, REDACTED)


# --- commits that are not applied -----------------------------------------------------


def unapplied(**fields: object) -> Status:
    last = replace(RUN, commit="a" * 40)
    health = Health(runs=1, last=replace(RUN, attempts=attempts("done")))
    return Status(TARGET, health, unapplied=replace(UnappliedCommits(last), **fields))  # type: ignore[arg-type]


COMMITS = (UnappliedCommit("c" * 40, NOW, "8"), UnappliedCommit("b" * 40, NOW, None))


def test_commits_that_are_not_applied_are_listed() -> None:
    lines = render_status(unapplied(commits=COMMITS, more=1), PLAIN).splitlines()[-4:]
    assert lines == [
        "Not applied:   3 commits after the last complete apply (aaaaaaaaaaaa, applied 2026-03-01 08:00 UTC)",
        "               cccccccccccc (#8), 2026-03-01 08:00 UTC",
        "               bbbbbbbbbbbb, 2026-03-01 08:00 UTC",
        "               and 1 more",
    ]
    assert status_document(unapplied(commits=COMMITS[:1]), PLAIN)["notApplied"] == {
        "since": "a" * 40,
        "timeApplied": NOW.isoformat(),
        "count": 1,
        "reason": None,
        "commits": [{"id": "c" * 40, "pullRequest": "8", "time": NOW.isoformat()}],
    }


def test_an_incremental_apply_is_why_commits_count_as_not_applied() -> None:
    lines = render_status(unapplied(commits=COMMITS[:1], incremental=RUN), PLAIN).splitlines()[-3:]
    assert lines == [
        "               cccccccccccc (#8), 2026-03-01 08:00 UTC",
        "               The apply of 2026-03-01 08:00 UTC was incremental, and did not look at all users:",
        "               commits count as completely applied with the next full `reconciler apply`.",
    ]
    assert "incremental" not in render_status(unapplied(incremental=RUN), PLAIN)


def test_an_applied_state_has_no_line_and_does_not_change_the_health() -> None:
    assert "Not applied" not in render_status(unapplied(), PLAIN)
    assert status_document(unapplied(), PLAIN)["notApplied"]["count"] == 0
    assert status_document(status(), PLAIN)["notApplied"] is None
    assert unapplied(commits=COMMITS).healthy


def test_it_says_why_commits_are_not_known() -> None:
    found = unapplied(why="its commit is not here:\nforged")
    assert render_status(found, PLAIN).splitlines()[-1] == (
        "Not applied:   not known: its commit is not here:\\nforged"
    )
    document = status_document(found, PLAIN)["notApplied"]
    assert (document["count"], document["reason"]) == (None, "its commit is not here:\nforged")


def test_provisioning_that_is_off_is_shown_and_is_not_unhealthy() -> None:
    found = status(runs=1, last=replace(RUN, attempts=attempts("done")))
    off = replace(found, provisioning=Provisioning(enabled=False, reason="Ada leaves"), off_since=NOW)
    assert 'Provisioning:  off since 2026-03-01 08:00 UTC: "Ada leaves"\n' in render_status(off, PLAIN)
    assert "Provisioning:  off since 2026-03-01 08:00 UTC: (hidden)\n" in render_status(off, REDACTED)
    assert "Provisioning:  off (not committed)\n" in render_status(
        replace(off, provisioning=Provisioning(enabled=False), off_since=None), PLAIN
    )
    assert "Provisioning" not in render_status(found, PLAIN)
    document = status_document(off, PLAIN)
    assert (document["code"], document["healthy"]) == ("Paused", True)
    assert document["provisioning"] == {"enabled": False, "reason": "Ada leaves", "since": NOW.isoformat()}
    assert status_document(off, REDACTED)["provisioning"]["reason"] == "(hidden)"
    assert status_document(found, PLAIN)["provisioning"] == {"enabled": True, "reason": None, "since": None}


TOKEN = ConnectionCredential(CredentialKind.TOKEN, date(2026, 5, 1), origin=Origin("settings.yaml", 5, 18))


def on(today: date, *credentials: ConnectionCredential) -> Status:
    return Status(TARGET, Health(), credentials=credentials, expiry=assess_credentials(credentials, today), today=today)


def test_a_credential_far_from_its_end_is_one_line() -> None:
    assert render_status(on(date(2026, 1, 1), TOKEN), PLAIN).endswith(
        "Credentials:   the token expires in 120 days, on 2026-05-01\n"
    )
    assert "Credentials" not in render_status(on(date(2026, 1, 1), ConnectionCredential(CredentialKind.TOKEN)), PLAIN)


def test_a_credential_near_its_end_has_a_way_out_and_comes_first() -> None:
    secret = ConnectionCredential(CredentialKind.CLIENT_SECRET, date(2026, 12, 1))
    lines = render_status(on(date(2026, 4, 30), secret, TOKEN), PLAIN).splitlines()[4:]
    assert lines[0] == "Credentials:   the token expires tomorrow, on 2026-05-01"
    assert lines[1].startswith(
        "               Make a new token at the service. Replace RECONCILER_TOKEN where runs get it"
    )
    assert lines[2:] == ["               the OAuth client secret expires in 215 days, on 2026-12-01"]


def test_the_json_of_credentials() -> None:
    assert status_document(on(date(2026, 4, 30), TOKEN, ConnectionCredential(CredentialKind.CLIENT_SECRET)), PLAIN)[
        "credentials"
    ] == [
        {
            "kind": "token",
            "expires": "2026-05-01",
            "daysLeft": 1,
            "stage": 1,
            "level": "urgent",
            "source": "declared",
            "origin": "settings.yaml:5:18",
            "firstUse": None,
        },
        {
            "kind": "client_secret",
            "expires": None,
            "daysLeft": None,
            "stage": None,
            "level": None,
            "source": "declared",
            "origin": None,
            "firstUse": None,
        },
    ]


def test_a_token_that_nobody_used_keeps_its_end() -> None:
    rules = PROFILES["apple-business-manager"].token_rules
    token = replace(TOKEN, issued=date(2026, 1, 1), rules=rules)
    text = render_status(on(date(2026, 1, 2), token), PLAIN)
    assert "no run on record has used it yet" in text
    assert "the token expires in 119 days" in text
