from __future__ import annotations

import pytest
from support.workflow_step import HEAD, MERGED, Step

from reconciler.commands.github.record import run_record
from reconciler.errors import UsageError


def test_the_plan_is_a_status_of_the_head_commit(step: Step) -> None:
    run_record(step.file, HEAD, step.terminal)
    (status,) = step.api.statuses[HEAD]
    assert status["description"].startswith(f"{step.plan.plan_id} of run 5: ")


def test_a_plan_of_another_commit_is_a_usage_error(step: Step) -> None:
    with pytest.raises(UsageError, match=f'the plan was made for commit {HEAD}, not for "{MERGED}"'):
        run_record(step.file, MERGED, step.terminal)
    assert step.api.statuses == {}
