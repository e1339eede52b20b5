from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from support import builders

from reconciler import __version__
from reconciler.core.model import Target
from reconciler.core.plan import Result
from reconciler.core.provisioning import Provisioning
from reconciler.errors import BlockedError, StalePlanError
from reconciler.session.review_check import check_binding, find_unreviewed
from reconciler.session.session import Session
from reconciler.session.workspace import Workspace

NOW = datetime.now(UTC)
USERS = ("ada", "bob", "cyd", "dan")
PLAN = replace(
    builders.plan_with(*(builders.change(who) for who in USERS)),
    created_at=NOW,
    expires_at=NOW + timedelta(days=7),
    reconciler_version=__version__,
)


def session(target: Target = builders.TARGET, now: datetime = NOW) -> Session:
    workspace = Workspace(Path("s"), Path("p"), False, now)
    return Session(workspace, cast("Any", None), target, cast("Any", None))


def test_a_plan_of_this_target_and_version_is_bound() -> None:
    check_binding(PLAN, session())


@pytest.mark.parametrize(
    ("plan", "here", "error", "message"),
    [
        (PLAN, session(Target("scim", "https://other")), BlockedError, "this target is https://other (scim)"),
        (replace(PLAN, reconciler_version="0.0"), session(), StalePlanError, "made by version 0.0"),
        (PLAN, session(now=NOW + timedelta(days=8)), StalePlanError, "the plan expired on"),
        (replace(PLAN, expires_at=NOW - timedelta(days=1)), session(), StalePlanError, "the plan expired on"),
        (
            replace(PLAN, provisioning=Provisioning(enabled=False)),
            session(),
            StalePlanError,
            "the plan was made while provisioning was off",
        ),
    ],
)
def test_any_other_plan_is_refused(plan: Any, here: Session, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message.replace("(", r"\(").replace(")", r"\)")):
        check_binding(plan, here)


def edited(*who: str) -> Any:
    changes = tuple(
        replace(change, after={**change.after, "title": "Edited"}) if change.key.split("@")[0] in who else change
        for change in PLAN.changes
    )
    return replace(PLAN, changes=changes)


def test_the_same_plan_has_no_unreviewed_change() -> None:
    assert find_unreviewed(PLAN, PLAN, (), strict=True) == []


def test_a_user_that_changed_is_skipped() -> None:
    (outcome,) = find_unreviewed(PLAN, edited("bob"), (), strict=False)
    assert (outcome.change.key, outcome.result) == ("bob@example.com", Result.SKIPPED)
    assert outcome.message.startswith("not as reviewed: ")


@pytest.mark.parametrize(
    ("fresh", "strict"),
    [
        (edited("bob"), True),
        (edited("ada", "bob", "cyd"), False),
        (replace(edited("bob"), config_digest="another"), False),
    ],
)
def test_a_plan_is_stale_if_most_or_the_desired_state_changed(fresh: Any, strict: bool) -> None:
    with pytest.raises(StalePlanError, match="the plan is stale"):
        find_unreviewed(PLAN, fresh, (), strict=strict)


def test_a_change_that_is_no_longer_needed_is_fine_when_strict() -> None:
    fewer = replace(PLAN, changes=PLAN.changes[1:])
    assert find_unreviewed(PLAN, fewer, (), strict=True) == []
