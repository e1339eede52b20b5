from __future__ import annotations

from support.servers.github_api import BOT
from support.workflow_step import HEAD, Step

from reconciler.commands.github.comment import run_comment
from reconciler.errors import ExitCode


def comment(step: Step) -> ExitCode:
    return run_comment(step.file, 7, BOT, step.terminal, redact=False)


def test_the_plan_is_one_comment_that_is_updated(step: Step) -> None:
    step.api.pull(7, HEAD, None)
    assert (comment(step), comment(step)) == (ExitCode.OK, ExitCode.OK)
    (written,) = step.api.comments[7]
    assert "ada@example.com" in written["body"]


def test_without_a_plan_the_comment_says_so(step: Step) -> None:
    step.api.pull(7, HEAD, None)
    step.file.unlink()
    comment(step)
    assert "No plan could be made." in step.api.comments[7][0]["body"]


def test_a_refusal_of_github_is_a_warning_only(step: Step) -> None:
    step.api.tokens.clear()
    assert comment(step) is ExitCode.OK
    assert step.terminal.out.startswith("::warning::comment: ")
