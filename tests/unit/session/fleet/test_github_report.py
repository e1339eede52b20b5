from __future__ import annotations

from pathlib import Path

from support.fleet_documents import format_document
from support.plans import every_action

from reconciler.record.plan_file import to_json
from reconciler.session.fleet.github_report import render_report_for_github


def test_what_was_gathered_is_markdown_and_errors_can_be_redacted(tmp_path: Path) -> None:
    file = tmp_path / "fleet-plan.json"
    file.write_text(format_document({"acme": {"delete": 1}, "beta": {}}, {"beta": 'broken by "grace@example.com"'}))
    shown = render_report_for_github(file, redact=False)
    assert shown.startswith("<!-- reconciler:fleet-plan -->\n")
    assert "grace@example.com" in shown
    assert "acme" in shown
    assert "grace" not in render_report_for_github(file, redact=True)


def test_the_plans_beside_it_name_who_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "fleet-plan.json"
    file.write_text(format_document({"acme": {"delete": 1}}))
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/plan.json").write_text(to_json(every_action()))
    assert "- `acme` removes" in render_report_for_github(file, redact=False)
    assert "removes" not in render_report_for_github(file, redact=True)
