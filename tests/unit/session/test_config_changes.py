from __future__ import annotations

from typing import Any

import pytest
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.session.config_changes import describe_config_changes

FIRST_FIVE = [f'"{n}@example.com"' for n in range(5)]


def describe(target: TargetWorkspace, before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    target.files.settings(**before)
    base = target.state()
    target.files.settings(**after)
    return describe_config_changes(target.workspace, target.state(), base)


def test_without_a_change_there_is_none(target: TargetWorkspace) -> None:
    assert describe(target, {}, {}) == ()


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            {"ownership": "externalId pr"},
            {"ownership": 'title eq "x"'},
            r'ownership = "externalId pr" -> "title eq \"x\""',
        ),
        ({}, {"lifecycle": {"delete_after_days": 30}}, "lifecycle.delete_after_days = null -> 30"),
        ({}, {"guards": {"protected": ["a@example.com"]}}, 'guards.protected = [] -> ["a@example.com"]'),
        (
            {},
            {"guards": {"protected": [f"{n}@example.com" for n in range(7)]}},
            f"guards.protected = [] -> [{', '.join(FIRST_FIVE)} and 2 more]",
        ),
    ],
)
def test_a_setting_is_described_with_both_values(
    target: TargetWorkspace, before: dict[str, Any], after: dict[str, Any], line: str
) -> None:
    assert f"settings.yaml: {line}" in describe(target, before, after)


def test_an_approval_is_added_or_removed(target: TargetWorkspace) -> None:
    approval = {"plan": f"sha256:{'a' * 64}", "until": "2030-01-01", "reason": "A test"}
    (added,) = describe(target, {}, {"approvals": [approval]})
    assert added.startswith('settings.yaml: approval added: plan: "sha256:')
    another = {**approval, "reason": "Another test"}
    (more,) = describe(target, {"approvals": [approval]}, {"approvals": [approval, another]})
    assert more.endswith('reason: "Another test"')
    (removed,) = describe(target, {"approvals": [approval]}, {})
    assert removed.startswith("settings.yaml: approval removed: ")


def test_scope_names_the_files_and_counts_users(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    base = target.state()
    target.files.write("scope.yaml", "sync: assigned\nassigned: {users: [keeper@example.com]}\n")
    found = describe_config_changes(target.workspace, target.state(), base)
    assert found == ("scope.yaml changed: 1 user in or out of scope by that alone",)


def test_mappings_count_the_affected_users(target: TargetWorkspace) -> None:
    base = target.state()
    target.files.write(
        "mappings.yaml",
        "- {target: externalId, source: objectId, match: 1}\n"
        "- {target: userName, source: userPrincipalName, match: 2}\n"
        "- {target: title, source: department}\n",
    )
    (line,) = describe_config_changes(target.workspace, target.state(), base)
    assert line == "mappings.yaml changed: 1 user affected by that alone"


def test_protection_names_the_users(target: TargetWorkspace) -> None:
    target.desire(person("ada", lifecycle={"protected": True}), person("bob"))
    base = target.state()
    target.desire(person("bob", lifecycle={"protected": True}))
    assert describe_config_changes(target.workspace, target.state(), base) == (
        'no longer protected: 1 user ("ada@example.com")',
        'now protected: 1 user ("bob@example.com")',
    )
