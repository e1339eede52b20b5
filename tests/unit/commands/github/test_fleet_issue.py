from __future__ import annotations

from pathlib import Path

import pytest
from support.fleet_documents import build_document, format_document
from support.servers.github_api import BOT
from support.workflow_step import Step

from reconciler.commands.github.fleet_issue import run_fleet_issue
from reconciler.errors import UsageError


def test_each_part_of_the_day_has_an_issue_that_is_closed_without_drift(step: Step, tmp_path: Path) -> None:
    file = tmp_path / "fleet.json"
    file.write_text(format_document({"acme": {"update": 1}}, verb="drift"))
    run_fleet_issue(file, "2/24", BOT, step.terminal, redact=False)
    run_fleet_issue(file, "3/24", BOT, step.terminal, redact=False)
    assert [each["title"][-12:] for each in step.api.issues] == ["(part 2/24)"[-12:].rjust(12), "(part 3/24)".rjust(12)]
    body = step.api.issues[0]["body"]
    assert build_document({"acme": {"update": 1}})["id"] in body
    assert "and the run 5." in body
    file.write_text(format_document({"acme": {"unchanged": 1}}, verb="drift"))
    run_fleet_issue(file, "2/24", BOT, step.terminal, redact=False)
    assert [each["state"] for each in step.api.issues] == ["closed", "open"]
    file.write_text(format_document({"acme": {}}, {"beta": "no result"}, verb="drift"))
    run_fleet_issue(file, "3/24", BOT, step.terminal, redact=False)
    assert "`beta`" in step.api.issues[1]["body"], "a tenant that could not be compared is no tenant without drift"


def test_what_waits_for_an_apply_keeps_the_issue_open(step: Step, tmp_path: Path) -> None:
    file = tmp_path / "fleet.json"
    file.write_text(format_document({"acme": {"not_applied": 1, "removals_not_applied": 1}}, verb="drift"))
    run_fleet_issue(file, "2/24", BOT, step.terminal, redact=False)
    (issue,) = step.api.issues
    assert issue["state"] == "open"
    assert "1 change waits for an apply, 1 of them removes a user, in 1 tenant: `acme`" in issue["body"]
    assert "To apply these plans, start the workflow `apply` with the id sha256:" in issue["body"]


def test_a_part_is_a_part(step: Step, tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text(format_document({"acme": {}}))
    with pytest.raises(UsageError, match="--slice"):
        run_fleet_issue(tmp_path / "fleet.json", "25/24", BOT, step.terminal, redact=False)
