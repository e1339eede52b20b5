from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.sample_org import person
from support.target_workspace import TargetWorkspace
from support.workspace import ENTERPRISE

from reconciler.commands.drift import DriftOptions, run_drift
from reconciler.errors import ExitCode, UsageError
from reconciler.render.formats import OutputOptions


def drift(target: TargetWorkspace, out: Path | None = None, *, form: str = "json") -> ExitCode:
    return run_drift(target.workspace, DriftOptions(out, OutputOptions(form), True), target.terminal)


def attributions(target: TargetWorkspace) -> dict[str, str]:
    return {each["key"]: each["attribution"] for each in json.loads(target.terminal.out)["resource_changes"]}


def test_an_edit_in_the_target_is_drift(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire(person("ada"))
    target.apply()
    target.live("ada")[ENTERPRISE]["department"] = "Sales"
    target.terminal.out = ""
    assert drift(target, tmp_path / "plan.json") is ExitCode.CHANGES
    assert attributions(target) == {"ada@example.com": "edited_in_target"}
    assert (tmp_path / "plan.json").is_file()


def test_without_an_apply_on_record_nothing_is_attributed(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    assert drift(target) is ExitCode.CHANGES
    assert "no apply to this target is on record here" in target.terminal.out


def test_without_a_difference_the_exit_code_is_0(target: TargetWorkspace) -> None:
    target.apply()
    assert drift(target, form="text") is ExitCode.OK


def test_an_unknown_format_is_a_usage_error(target: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match="--format pdf"):
        drift(target, form="pdf")
