"""What an unattended apply needs before it plans; what it does is in tests/integration/test_unattended.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.commands.apply import ApplyOptions
from reconciler.core.policy import UnattendedLimits
from reconciler.errors import BlockedError, UsageError
from reconciler.session.unattended import check_options, require_limits
from reconciler.session.workspace import current_time

OPTIONS = ApplyOptions(None, auto_approve=False, approve=None, users=(), summary=False, unattended=True)


@pytest.mark.parametrize(
    "given",
    [
        {"file": Path("plan.json")},
        {"auto_approve": True},
        {"approve": "sha256:0"},
        {"users": ("ada",)},
        {"retry_failed": True},
    ],
)
def test_a_persons_decision_is_refused_beside_it(given: dict[str, object]) -> None:
    check_options(OPTIONS, current_time())
    options = replace(OPTIONS, **given)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        check_options(options, current_time())
    check_options(replace(options, unattended=False), current_time() + timedelta(days=9))


@pytest.mark.parametrize("days", [-1, 1])
def test_another_day_is_refused(days: int) -> None:
    with pytest.raises(UsageError, match="--now"):
        check_options(OPTIONS, current_time() + timedelta(days=days))


def test_without_limits_nothing_is_unattended() -> None:
    with pytest.raises(BlockedError, match="has no `unattended`"):
        require_limits(None)
    assert require_limits(UnattendedLimits()) == UnattendedLimits()
