"""How an incremental plan begins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.sample_org import person
from unit.session.incremental.conftest import CommittedTarget

from reconciler.errors import FullPlanNeededError, StalePlanError
from reconciler.session.incremental.attempt import begin_attempt, open_incremental


def test_it_plans_the_users_that_changed(committed: CommittedTarget) -> None:
    target = committed.target
    committed.desire(person("ada", department="Research"), person("ben"))
    with open_incremental(target.workspace, target.terminal) as (session, plan, attempt):
        assert [change.key for change in plan.changes] == ["ada@example.com"]
        assert plan.incremental is not None
        assert (plan.incremental.looked_at, plan.incremental.users) == (1, 3)
        assert session.state is attempt.state
        assert not attempt.whole


def test_an_apply_in_between_ends_it(committed: CommittedTarget) -> None:
    target = committed.target
    attempt = begin_attempt(target.workspace, target.terminal)
    committed.desire(person("ada", department="Research"), person("ben"))
    assert target.apply() == 0
    with target.session() as session, pytest.raises(FullPlanNeededError, match="another apply ended"):
        attempt.make_plan(session, target.terminal)


def test_the_sandbox_and_broken_settings_need_a_full_plan(committed: CommittedTarget) -> None:
    target = committed.target
    with pytest.raises(FullPlanNeededError, match="sandbox"):
        begin_attempt(replace(target.workspace, sandbox=True), target.terminal)
    target.files.write("settings.yaml", "target: 1\n")
    with pytest.raises(FullPlanNeededError, match="cannot be read"):
        begin_attempt(target.workspace, target.terminal)


def test_after_a_wait_files_and_record_are_read_again(committed: CommittedTarget) -> None:
    target = committed.target
    attempt = begin_attempt(target.workspace, target.terminal)
    assert attempt.entries.changed == []
    committed.desire(person("ada", department="Research"), person("ben"))
    assert [user.key for user in attempt.load_again(target.workspace, target.terminal).entries.changed] == [
        "ada@example.com"
    ]
    other = replace(attempt, state=replace(attempt.state, target=replace(attempt.state.target, tenant="other")))
    with pytest.raises(StalePlanError):
        other.load_again(target.workspace, target.terminal)
