from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.builders import plan_of
from support.target_workspace import TargetWorkspace

from reconciler.core.model import Target
from reconciler.errors import UsageError
from reconciler.session.workspace import (
    SANDBOX_URL,
    Workspace,
    follow_plan,
    load_state,
    parse_now,
    read_settings,
    resolve_target,
)

HERE = Workspace(Path("desired-state"), Path("plans"), False, datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("workspace", "flags"),
    [
        (HERE, []),
        (replace(HERE, sandbox=True), ["--sandbox"]),
        (replace(HERE, state=Path("s"), plans=Path("p")), ["--state", "s", "--plans", "p"]),
    ],
)
def test_flags_name_what_is_not_the_default(workspace: Workspace, flags: list[str]) -> None:
    assert workspace.flags() == flags


def test_the_sandbox_has_its_own_record_and_lock() -> None:
    sandbox = replace(HERE, sandbox=True)
    assert (HERE.record, sandbox.record) == (Path("plans"), Path(".reconciler/plans"))
    target = Target("scim", "https://scim.example.com")
    assert sandbox.lock(target) == Path(".reconciler/sandbox.lock")
    assert HERE.lock(target) != HERE.lock(Target("scim", "https://other.example.com"))


def test_a_named_tenant_shares_the_lock_of_a_target_without_one() -> None:
    target = Target("scim", "https://example.com")
    named = replace(target, tenant="acme")
    assert HERE.address_lock(named) == HERE.lock(target) != HERE.lock(named)
    assert HERE.address_lock(target) is None
    assert replace(HERE, sandbox=True).address_lock(named) is None


def test_a_plan_made_on_the_sandbox_is_followed_there_and_no_other_plan() -> None:
    real, sandbox = (replace(HERE, sandbox=chosen) for chosen in (False, True))
    plan = plan_of()
    on_sandbox = replace(plan, target=replace(plan.target, base_url=SANDBOX_URL))
    assert follow_plan(real, on_sandbox) == sandbox
    assert follow_plan(real, plan) == follow_plan(real, None) == real
    # The binding of a plan to its target refuses what follows from this.
    assert follow_plan(sandbox, plan) == sandbox


def test_history_is_the_full_record_if_there_is_one() -> None:
    assert HERE.history == Path("plans")
    assert replace(HERE, past=Path("full")).history == Path("full")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T08:00:00Z", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01T08:00:00+02:00", datetime(2026, 12, 1, 6, tzinfo=UTC)),
    ],
)
def test_a_date_or_a_time_is_parsed(text: str, expected: datetime) -> None:
    assert parse_now(text) == expected


def test_without_a_date_it_is_now() -> None:
    before = datetime.now(UTC)
    assert before <= parse_now(None) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "message"), [("soon", '--since "soon" is not a date'), ("0001-01-01", '"0001-01-01" is out of range')]
)
def test_anything_else_is_a_usage_error(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_now(text, "--since")


def test_an_invalid_state_is_none_with_its_errors_shown(target: TargetWorkspace) -> None:
    assert load_state(target.workspace, target.terminal) is not None
    target.files.write("users/people.yaml", "- {userPrincipalName: 1, userPrincipalName: 2}\n")
    assert load_state(target.workspace, target.terminal) is None
    assert target.terminal.found


def test_settings_are_read_without_users(target: TargetWorkspace) -> None:
    target.files.write("users/people.yaml", "- 7\n")
    settings = read_settings(target.workspace, target.terminal)
    assert settings is not None
    assert resolve_target(target.workspace, settings) == Target("scim", target.service.base_url)
    sandbox = replace(target.workspace, sandbox=True)
    assert resolve_target(sandbox, settings) == Target("scim", SANDBOX_URL)


def test_invalid_settings_are_none_with_their_errors_shown(target: TargetWorkspace) -> None:
    target.files.write("settings.yaml", "nonsense: 1\n")
    assert read_settings(target.workspace, target.terminal) is None
    assert target.terminal.found
