import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW, change, plan_with, values_of

from reconciler.core.model import Severity, error
from reconciler.core.plan import Action
from reconciler.record.plan_file import to_json
from reconciler.record.plan_record import to_record
from reconciler.record.plan_summary import read_plan_summary
from reconciler.record.redaction import Redactor
from reconciler.record.runs import PlanSummary

ADA, NEW = change("ada", after=values_of("ada", family="King")), change("new", Action.CREATE)
WARNING = replace(error("odd", "", None, 'user["Bob"]'), severity=Severity.WARNING)
PLAN = replace(plan_with(ADA, NEW), commit="a" * 40, config_digest="sha256:d")


def summarize(directory: Path, text: str) -> PlanSummary:
    (directory / "plan.json").write_text(text, "utf-8")
    return read_plan_summary(directory / "plan.json")


def test_a_summary_has_commit_and_changes_of_the_plan(tmp_path: Path) -> None:
    found = summarize(tmp_path, to_json(PLAN))
    assert (found.commit, set(found.changes), found.redacted) == ("a" * 40, {ADA.address, NEW.address}, False)
    assert (found.changes[ADA.address].before, found.changes[ADA.address].after) == (ADA.before, ADA.after)
    assert found.changes[NEW.address].before == {}
    assert found.changes[ADA.address].result == ""
    assert found.planned is not None
    assert (found.planned.at, found.planned.digest) == (NOW, "sha256:d")
    assert f"live:{ADA.live_id}" in found.planned.changes


def test_users_with_an_error_could_not_be_planned(tmp_path: Path) -> None:
    plan = replace(PLAN, diagnostics=(error("odd", "", None, 'user["Eve"]'), error("odd", ""), WARNING))
    assert summarize(tmp_path, to_json(plan)).unplannable == {'user["eve"]'}


def test_a_plan_with_digests_says_so(tmp_path: Path) -> None:
    redactor = Redactor(b"k" * 32)
    found = summarize(tmp_path, to_record(PLAN, redactor))
    assert found.redacted
    assert set(found.changes) == {redactor.address(ADA.address), redactor.address(NEW.address)}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"resource_changes": 1}', "[" * 100_000])
def test_a_plan_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    assert summarize(tmp_path, text) == PlanSummary()
    assert read_plan_summary(tmp_path / "nowhere" / "plan.json") == PlanSummary()


@pytest.mark.parametrize(
    "broken",
    [
        {"created_at": "2026-03-01T12:00:00"},
        {"created_at": 7},
        {"created_at": "0001-01-01T00:00:00+14:00"},
        {"summary": {}},
        {"summary": {"unmanaged": "x"}},
        {"summary": {"unmanaged": float("inf")}},
    ],
)
def test_a_plan_without_a_time_or_numbers_still_has_its_changes(tmp_path: Path, broken: dict[str, Any]) -> None:
    found = summarize(tmp_path, json.dumps(json.loads(to_json(PLAN)) | broken))
    assert (found.planned, set(found.changes)) == (None, {ADA.address, NEW.address})


def test_what_only_pythons_parser_reads_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    content = to_json(plan_with(change("ada")))
    path.write_text(content)
    plain = read_plan_summary(path)
    path.write_text(content.replace('"notes": [', '"other": NaN, "more": "\\ud800", "notes": [', 1))
    assert read_plan_summary(path) == plain != PlanSummary()
