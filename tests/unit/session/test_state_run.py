from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from support.target_workspace import TargetWorkspace

from reconciler.core.model import DesiredUser, error
from reconciler.desired.content import BrokenStateError, StateContent
from reconciler.desired.loader import DesiredState
from reconciler.errors import ExitCode, MachineLimitError, ReconcilerError, TargetError
from reconciler.session.state_run import run_with_state
from reconciler.session.terminal import Terminal

Captured = pytest.CaptureFixture[str]
WRONG = error("something is wrong")


@dataclass
class LateContent:
    """Content that comes when it is waited for, or an error instead."""

    content: StateContent
    raised: ReconcilerError | None = None
    events: list[str] = field(default_factory=list)

    @property
    def users(self) -> Sequence[DesiredUser]:
        return self.wait().users

    @property
    def in_scope(self) -> int:
        return self.wait().in_scope

    def wait(self) -> StateContent:
        self.events.append("wait")
        if self.raised is not None:
            raise self.raised
        return self.content

    def check(self) -> None:
        """Nothing is known."""

    def close(self) -> None:
        self.events.append("close")


Late = Callable[[ReconcilerError | None], LateContent]


@pytest.fixture
def late(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> Late:
    """Makes the desired state one whose content comes late."""

    def build(raised: ReconcilerError | None) -> LateContent:
        state = target.state()
        content = LateContent(state.content.wait(), raised)
        monkeypatch.setattr(
            "reconciler.session.state_run.load_later", lambda *_args, **_more: replace(state, content=content)
        )
        return content

    return build


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(no_color=True, redact=False, quiet=False, verbose=False)


def test_the_result_is_that_of_the_run(target: TargetWorkspace) -> None:
    def run(state: DesiredState) -> ExitCode:
        target.terminal.note(f"{len(state.users)} user")
        return ExitCode.CHANGES

    assert run_with_state(target.workspace, target.terminal, run) == ExitCode.CHANGES
    assert target.terminal.notes == ["1 user"]


def test_a_state_that_is_broken_at_once_is_not_run(target: TargetWorkspace) -> None:
    (target.workspace.state / "scope.yaml").write_text("sync: maybe\n")

    def run(_state: DesiredState) -> ExitCode:
        raise AssertionError

    assert run_with_state(target.workspace, target.terminal, run) == ExitCode.ERROR
    assert len(target.terminal.found) == 1


@pytest.mark.parametrize("sandbox", [False, True])
def test_the_sandbox_waits_for_its_users(
    sandbox: bool, target: TargetWorkspace, terminal: Terminal, late: Late
) -> None:
    content = late(None)
    run_with_state(replace(target.workspace, sandbox=sandbox), terminal, lambda _state: ExitCode.OK)
    assert content.events == ([] if sandbox else ["wait", "close"])


def test_notes_wait_for_the_state(target: TargetWorkspace, terminal: Terminal, late: Late, capsys: Captured) -> None:
    late(None)

    def run(_state: DesiredState) -> ExitCode:
        terminal.note("first")
        assert capsys.readouterr().err == ""
        return ExitCode.OK

    assert run_with_state(target.workspace, terminal, run) == ExitCode.OK
    assert capsys.readouterr().err == "first\n"
    terminal.note("later")
    assert capsys.readouterr().err == "later\n"


@pytest.mark.parametrize("then", [None, TargetError("the service refuses"), OSError("no pipe")])
def test_errors_of_the_state_come_first_and_alone(
    then: Exception | None, target: TargetWorkspace, terminal: Terminal, late: Late, capsys: Captured
) -> None:
    content = late(BrokenStateError((WRONG,)))

    def run(_state: DesiredState) -> ExitCode:
        terminal.note("a note of the live read")
        if then is not None:
            raise then
        return ExitCode.OK

    assert run_with_state(target.workspace, terminal, run) == ExitCode.ERROR
    assert capsys.readouterr().err == "Error: something is wrong\n"
    assert content.events[-1] == "close"


def test_an_error_of_the_run_is_raised_when_the_state_is_known(
    target: TargetWorkspace, terminal: Terminal, late: Late, capsys: Captured
) -> None:
    content = late(None)

    def run(_state: DesiredState) -> ExitCode:
        terminal.note("a note")
        raise TargetError("the service refuses")

    with pytest.raises(TargetError, match="the service refuses"):
        run_with_state(target.workspace, terminal, run)
    assert capsys.readouterr().err == "a note\n"
    assert content.events == ["wait", "close"]


def test_an_interrupt_waits_for_nothing(target: TargetWorkspace, terminal: Terminal, late: Late) -> None:
    content = late(None)

    def run(_state: DesiredState) -> ExitCode:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_with_state(target.workspace, terminal, run)
    assert content.events == ["close"]


def test_a_lost_worker_is_raised(target: TargetWorkspace, terminal: Terminal, late: Late) -> None:
    late(MachineLimitError("the process that read the desired state ended"))
    with pytest.raises(MachineLimitError):
        run_with_state(target.workspace, terminal, lambda _state: ExitCode.OK)
