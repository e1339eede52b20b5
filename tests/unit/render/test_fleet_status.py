from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from reconciler.core.expiry import ConnectionCredential, CredentialKind, ExpiryFinding, ExpiryLevel, ExpiryTopic
from reconciler.fleet.drift_record import DriftCheck
from reconciler.render.fleet_status import (
    TenantStatus,
    build_status_document,
    is_healthy,
    list_problems,
    render_fleet_status,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
GOOD = TenantStatus("acme", NOW, successful=True, drift=DriftCheck(NOW, 0))
ENDING = ExpiryFinding(
    ConnectionCredential(CredentialKind.TOKEN),
    ExpiryTopic.END,
    ExpiryLevel.WARNING,
    14,
    9,
    "the token ends in 9 days",
    "",
)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"last_apply": None}, "no apply on record"),
        ({"successful": False}, "the last apply, 2026-11-30 12:00 UTC, was not successful"),
        ({"failing_users": 2}, "2 failing users"),
        ({"quarantined_since": NOW}, "in quarantine since 2026-11-30 12:00 UTC"),
        ({"is_open": True}, "left open by the last apply of the fleet"),
        ({"is_due": True}, "due since a drift run: changes wait for an apply"),
        ({"drift": DriftCheck(NOW, 3)}, "3 users differed on 2026-11-30 12:00 UTC"),
        ({"drift": DriftCheck(NOW - timedelta(days=4), 0)}, "no check for drift since 2026-11-26 12:00 UTC"),
        ({"credential": ENDING}, "the token ends in 9 days"),
        ({"problem": "a receipt cannot be read"}, "a receipt cannot be read"),
    ],
)
def test_what_needs_attention(change: dict[str, Any], problem: str) -> None:
    status = replace(GOOD, **change)
    assert list_problems(status, NOW) == [problem]
    assert not is_healthy(status, NOW)


def test_what_needs_none() -> None:
    for status in (
        GOOD,
        replace(GOOD, drift=None),
        replace(GOOD, credential=replace(ENDING, level=ExpiryLevel.NOTICE)),
    ):
        assert is_healthy(status, NOW)


def test_the_tenants_that_need_attention_are_named() -> None:
    beta = TenantStatus("beta", problem="bad \x1b[2J", failing_users=1)
    assert render_fleet_status([GOOD, beta], NOW) == (
        "1 of 2 tenants needs attention.\n"
        "No check for drift is on record for 1 tenant: `reconciler fleet drift`.\n"
        "\n"
        "1 tenant: bad \\u{1b}[2J; no apply on record; 1 failing user\n"
        "  beta\n"
    )


def test_tenants_that_are_held_are_named_and_healthy() -> None:
    held = replace(GOOD, is_held=True)
    assert is_healthy(held, NOW)
    assert render_fleet_status([held], NOW) == (
        "No tenant needs attention, of 1 tenant.\n"
        "1 tenant held, because provisioning is switched off; an apply sends nothing:\n"
        "  acme\n"
    )


def test_tenants_with_the_same_problem_are_named_together_the_most_urgent_first(snapshot: SnapshotAssertion) -> None:
    new = [TenantStatus(f"new-{number:04}", drift=DriftCheck(NOW, 0)) for number in range(9_000)]
    other = [
        replace(GOOD, name="old-look", drift=DriftCheck(NOW - timedelta(days=4), 0)),
        replace(GOOD, name="drifted", drift=DriftCheck(NOW, 3)),
        replace(GOOD, name="ending", credential=ENDING),
        replace(GOOD, name="left-open", is_open=True),
        replace(GOOD, name="failed", successful=False),
        replace(GOOD, name="refused", failing_users=1),
        replace(GOOD, name="waits", quarantined_since=NOW),
        TenantStatus("damaged", problem="a receipt cannot be read", drift=DriftCheck(NOW, 0)),
    ]
    assert render_fleet_status([*new, *other], NOW) == snapshot


def test_the_text_has_a_bounded_number_of_lines() -> None:
    many = [replace(GOOD, name=f"t{number}", failing_users=number + 1) for number in range(60)]
    found = render_fleet_status(many, NOW)
    assert found.endswith("\nand 10 more tenants: --format json lists all\n")
    assert found.count("\n") < 200


def test_the_document_has_every_tenant() -> None:
    found = build_status_document([replace(GOOD, credential=ENDING)], NOW)
    assert found == {
        "format_version": 1,
        "tenants": {
            "acme": {
                "healthy": False,
                "problems": ["the token ends in 9 days"],
                "last_apply": "2026-11-30T12:00:00+00:00",
                "successful": True,
                "failing_users": 0,
                "quarantined_since": None,
                "open": False,
                "held": False,
                "due": False,
                "drift": {"at": "2026-11-30T12:00:00+00:00", "differences": 0},
                "credential_days_left": 9,
            }
        },
    }
