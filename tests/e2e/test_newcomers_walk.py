"""The page of the newcomer's walk has the commands of the pages that are walked, and the walk to a change succeeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.newcomer import (
    GITHUB,
    PAGE,
    ROOT,
    SANDBOX,
    Timed,
    list_github_steps,
    list_sandbox_steps,
    read_shown,
    render_table,
    walk_through_sandbox,
    walk_to_pull_request,
)

JOBS = [f"the job {name} of the pull request is green" for name in ("desired-state", "plan")]


def test_the_page_has_the_steps_of_today() -> None:
    """If it has not: `make walk`."""
    assert read_shown(SANDBOX) == [step.shown for step in list_sandbox_steps()]
    assert read_shown(GITHUB) == [*(step.shown for step in list_github_steps("")), *JOBS]
    assert "Measured: 20" in PAGE.read_text("utf-8")


def test_the_table_has_the_seconds_and_their_sum() -> None:
    table = render_table([Timed("a", 1.24), Timed("b", 2)])
    assert table.splitlines()[2:] == ["| `a` | 1.2 |", "| `b` | 2.0 |", "| together | **3** |"]


@pytest.mark.slow
@pytest.mark.parametrize("walk", [walk_through_sandbox, walk_to_pull_request])
def test_a_newcomer_arrives(walk: object, tmp_path: Path) -> None:
    assert callable(walk)
    if not (ROOT / ".git").exists():
        pytest.skip("not a repository")
    assert all(step.seconds >= 0 for step in walk(tmp_path))
