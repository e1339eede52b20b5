from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support import builders

from reconciler.core.model import Target
from reconciler.core.plan import Base
from reconciler.errors import PlanFileError, ReconcilerError
from reconciler.record.plan_file import to_json
from reconciler.session.saved_plan import find_profile, read_live_plan, read_saved_plan, render_for_github

PLAN = builders.plan_with(builders.change("ada"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "plan.json").write_text(to_json(PLAN))
    return tmp_path / "plan.json"


def test_a_saved_plan_is_read_as_it_was(file: Path) -> None:
    assert read_saved_plan(file) == PLAN


def test_a_comparison_of_two_commits_is_nothing_to_apply(file: Path) -> None:
    assert read_live_plan(file) == PLAN
    file.write_text(to_json(replace(PLAN, base=Base("main", "b" * 40, offline=True))))
    with pytest.raises(PlanFileError, match="made offline"):
        read_live_plan(file)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError):
        read_saved_plan(tmp_path / "plan.json")


def test_the_profile_is_that_of_the_target() -> None:
    assert find_profile(PLAN) is builders.APPLE
    with pytest.raises(PlanFileError, match="the plan is for the profile apple, which does not exist"):
        find_profile(replace(PLAN, target=Target("apple", "https://example.com")))


def test_markdown_links_the_run(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "example/people")
    monkeypatch.setenv("GITHUB_RUN_ID", "5")
    text = render_for_github(file, "comment", redact=False)
    assert "ada@example.com" in text
    assert "ada@example.com" not in render_for_github(file, "comment", redact=True)


def test_without_a_plan_there_is_a_sentence(tmp_path: Path) -> None:
    assert render_for_github(tmp_path / "plan.json", "comment", redact=False).startswith("**No plan could be made.**")
