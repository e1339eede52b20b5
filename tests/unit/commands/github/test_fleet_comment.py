from __future__ import annotations

from pathlib import Path

from support.fleet_documents import format_document
from support.servers.github_api import BOT
from support.workflow_step import Step

from reconciler.commands.github.fleet_comment import run_fleet_comment
from reconciler.errors import ExitCode


def test_there_is_one_comment_for_all_tenants_and_it_is_replaced(step: Step, tmp_path: Path) -> None:
    file = tmp_path / "fleet-plan.json"
    file.write_text(format_document({"acme": {"create": 1}}))
    for _ in range(2):
        assert run_fleet_comment(file, 7, BOT, step.terminal, redact=False) is ExitCode.OK
    (comment,) = step.api.comments[7]
    assert comment["body"].startswith("<!-- reconciler fleet plan -->\n")
    assert "acme" in comment["body"]
    file.unlink()
    assert run_fleet_comment(file, 7, BOT, step.terminal, redact=False) is ExitCode.OK
    assert "could not be gathered" in comment["body"], "an earlier plan does not stay"
    step.api.tokens["t"].permissions = {}  # type: ignore[misc]
    assert run_fleet_comment(file, 8, BOT, step.terminal, redact=False) is ExitCode.OK
    assert "::warning::comment: GitHub answered 403" in step.terminal.out
