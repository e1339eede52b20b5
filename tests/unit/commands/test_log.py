from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.commands import log
from reconciler.commands.log import LogOptions, run_log
from reconciler.errors import UsageError


@pytest.fixture
def commits(target: TargetWorkspace) -> list[str]:
    """Two commits: the first adds ada, the second edits her department."""
    git = GitRepository(target.files.root)
    target.desire(person("ada"))
    first = git.commit("Add Ada")
    target.desire(person("ada", department="Sales"))
    return [first, git.commit("Move Ada to Sales")]


def entries(target: TargetWorkspace, **options: Any) -> list[dict[str, Any]]:
    target.terminal.out = ""
    run_log(target.workspace, replace(LogOptions(form="json"), **options), target.terminal)
    found: list[dict[str, Any]] = json.loads(target.terminal.out)["entries"]
    return found


def test_the_history_of_a_user_is_newest_first(target: TargetWorkspace, commits: list[str]) -> None:
    found = entries(target, user="ada@example.com")
    assert [each["commit"] for each in found] == list(reversed(commits))


def test_an_attribute_selects_the_entries_that_set_it(target: TargetWorkspace, commits: list[str]) -> None:
    assert len(entries(target, user="ada@example.com", attribute="department")) == 2
    assert len(entries(target, user="ada@example.com", attribute="givenName")) == 1


def test_a_limit_cuts_and_says_so(target: TargetWorkspace, commits: list[str]) -> None:
    assert [each["commit"] for each in entries(target, user="ada@example.com", limit=1)] == commits[1:]
    assert target.terminal.notes[-1] == "Older entries are left out after 1; --limit N shows more."


def test_the_history_of_all_users_is_limited(
    target: TargetWorkspace, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(entries(target)) == 4
    monkeypatch.setattr(log, "_LIMIT", 1)
    assert len(entries(target)) == 1
    assert len(entries(target, user="ada@example.com")) == 2


def test_html_and_text_are_formats_too(target: TargetWorkspace, commits: list[str]) -> None:
    for form, start in (("html", "<!doctype html>"), ("text", "")):
        target.terminal.out = ""
        run_log(target.workspace, LogOptions(form=form), target.terminal)
        assert target.terminal.out.startswith(start)
        assert "Move Ada to Sales" in target.terminal.out


def test_an_unknown_format_is_a_usage_error(target: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match="--format pdf does not exist"):
        run_log(target.workspace, LogOptions(form="pdf"), target.terminal)
