from __future__ import annotations

from typing import Any

import pytest
from support.workflow_step import HEAD, MERGED, Step

from reconciler.commands.github.pull import run_pull
from reconciler.errors import ExitCode, UsageError

BASE = {"sha": MERGED, "ref": "main", "repo": {"full_name": "example/people"}}


def test_the_commits_of_a_pull_request_are_outputs(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    step.api.pull(7, HEAD, None, base=BASE)
    assert run_pull(7, step.terminal) is ExitCode.OK
    assert step.outputs.read_text() == f"number=7\nhead={HEAD}\nbase={MERGED}\n"
    monkeypatch.delenv("GITHUB_OUTPUT")
    run_pull(7, step.terminal)
    assert step.terminal.out == f"number=7\nhead={HEAD}\nbase={MERGED}\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "closed"},
        {"head": {"sha": HEAD, "ref": "change", "repo": {"full_name": "mallory/people"}}},
        {"head": {"sha": HEAD, "ref": "change", "repo": None}},
        {"head": {"sha": f"{HEAD}\nother=1", "ref": "change", "repo": {"full_name": "example/people"}}},
        {"base": {**BASE, "ref": "release"}},
        {"base": {**BASE, "sha": "main"}},
    ],
)
def test_one_that_is_closed_of_a_fork_or_for_another_branch_is_refused(changes: dict[str, Any], step: Step) -> None:
    step.api.pull(7, HEAD, None)
    step.api.pulls[0].update({"base": BASE, **changes})
    with pytest.raises(UsageError, match="pull request 7 cannot be planned"):
        run_pull(7, step.terminal)
    assert not step.outputs.exists()
