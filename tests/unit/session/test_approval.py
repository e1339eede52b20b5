from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import builders
from support.recording_terminal import RecordingTerminal

from reconciler.core.policy import Approval
from reconciler.errors import StalePlanError, UsageError
from reconciler.session.approval import ask_for_approval, build_given_approval, check_approval
from reconciler.session.workspace import Workspace, approval_date

PLAN = builders.plan_with(builders.change("ada"))


def test_the_id_of_one_of_the_plans_is_accepted(terminal: RecordingTerminal) -> None:
    other = builders.plan_with(builders.change("bob"))
    for plan_id in (None, PLAN.plan_id, other.plan_id):
        check_approval(plan_id, [PLAN, other], terminal)
    assert terminal.notes == []


def test_the_id_of_another_plan_is_stale(terminal: RecordingTerminal) -> None:
    with pytest.raises(
        StalePlanError, match=f'--approve "sha256:0" is not the ID of this plan, which is {PLAN.plan_id}'
    ):
        check_approval("sha256:0", [PLAN], terminal)


def test_a_blocked_plan_is_noted_only(terminal: RecordingTerminal) -> None:
    guards = tuple(replace(guard, passed=False) for guard in builders.plan_of().guards[:1])
    blocked = replace(PLAN, guards=guards)
    assert blocked.blocked
    check_approval("sha256:0", [blocked], terminal)
    assert len(terminal.notes) == 1


def test_now_never_revives_an_approval() -> None:
    today = datetime.now(UTC)
    for days, expected in ((-30, today), (30, today + timedelta(days=30))):
        workspace = Workspace(Path("s"), Path("p"), False, today + timedelta(days=days))
        assert approval_date(workspace) == expected.date()


@pytest.mark.parametrize(("answer", "approved"), [("yes\n", True), (" yes \n", True), ("y\n", False), ("", False)])
def test_only_yes_approves(
    terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch, answer: str, approved: bool
) -> None:
    stdin = io.StringIO(answer)
    stdin.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", stdin)
    assert ask_for_approval(terminal) is approved


def test_approval_needs_a_terminal(terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with pytest.raises(UsageError, match="there is no terminal to ask on"):
        ask_for_approval(terminal)


def test_the_approval_of_the_command_line_is_for_removals_unless_it_names_guards() -> None:
    assert build_given_approval(None, ()) == []
    assert build_given_approval(PLAN.plan_id, ()) == [Approval(PLAN.plan_id, lifts=frozenset({"removals"}))]
    assert build_given_approval(PLAN.plan_id, ("updates",)) == [Approval(PLAN.plan_id, lifts=frozenset({"updates"}))]
