"""`explain`: one user from file to account, always in agreement with the plan."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

MAPPINGS = r"""
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, template: "{{ givenName | upper }}"}
- {target: name.familyName, source: surname}
- {target: title, expression: 'IIF(IsNullOrEmpty([jobTitle]), "none", ToUpper([jobTitle]))'}
- {target: "enterprise:department", source: department, when_null: clear}
- {target: locale, constant: de_DE, apply: create}
"""
SCOPE = """
sync: all
excluded: {users: [barred@example.com]}
filters:
  - name: Engineers
    clauses:
      - {attribute: department, operator: EQUALS, value: Engineering}
      - {attribute: jobTitle, operator: IS NOT NULL}
  - name: Berlin
    clauses:
      - {attribute: city, operator: EQUALS, value: Berlin}
"""


def person(number: int, name: str, **overrides: Any) -> dict[str, Any]:
    return source(make_user(number, userName=f"{name}@example.com"), **overrides)


def explain(workspace: Workspace, user: str, *arguments: str) -> dict[str, Any]:
    result = workspace.run("explain", user, "--format", "json", *arguments)
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads(result.out)
    return found


@pytest.fixture
def org(open_workspace: OpenWorkspace) -> Workspace:
    """ada differs, bob is new, barred is excluded, cleo is filtered out, gone is not written, twin is in conflict."""
    live = [make_user(number, userName=f"{name}@example.com") for number, name in enumerate(("ada", "cleo", "gone"), 1)]
    live.append(make_user(7, userName="twin@example.com"))
    live.append(make_user(8, userName="hand@example.com", externalId=None))
    workspace = open_workspace(FakeScimServer(users=live))
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.write("scope.yaml", SCOPE)
    engineer = {"department": "Engineering", "jobTitle": "Engineer"}
    workspace.users(
        [
            person(1, "ada", **engineer),
            person(4, "bob", **engineer, city="Berlin"),
            person(5, "barred", **engineer),
            person(2, "cleo", department="Sales"),
            person(9, "twin", **engineer),
            person(10, "off", **engineer, accountEnabled=False),
        ]
    )
    return workspace


def test_a_user_is_found_by_any_identifier(org: Workspace) -> None:
    names = ["ADA@example.com", str(make_user(1)["externalId"]), str(make_user(1)["externalId"]).upper()]
    assert {explain(org, name)["user"] for name in names} == {"ada@example.com"}
    gone = explain(org, "gone@example.com")
    assert explain(org, gone["live"]["id"]) == gone


def test_a_user_that_differs_is_explained(org: Workspace) -> None:
    found = explain(org, "ada@example.com")
    assert found["import"]["file"] == "users/people.yaml"
    assert found["scope"]["in_scope"]
    assert found["live"]["managed"]
    assert [(each["attribute"], each["live_ids"]) for each in found["match"]] == [
        ("externalId", [found["live"]["id"]]),
        ("userName", [found["live"]["id"]]),
    ]
    title = next(row for row in found["mapping"] if row["attribute"] == "title")
    assert (title["value"], title["inputs"], title["live"]) == ("ENGINEER", {"jobTitle": "Engineer"}, None)
    assert title["parts"]["parts"][0]["value"] == '"False"'
    assert title["parts"]["parts"][1] == {"text": '"none"', "value": "(not needed)", "parts": []}
    assert found["action"]["action"] == "update"
    assert {"attribute": "title", "before": None, "after": "ENGINEER"} in found["action"]["changes"]


def test_a_user_that_is_not_live_yet_is_explained(org: Workspace) -> None:
    found = explain(org, "bob@example.com")
    assert (found["live"], found["action"]["action"]) == (None, "create")
    assert [each["live_ids"] for each in found["match"]] == [[], []]
    locale = next(row for row in found["mapping"] if row["attribute"] == "locale")
    assert (locale["value"], locale["flow"]) == ("de_DE", "on create only")


def test_a_user_excluded_by_filters_is_explained_clause_by_clause(org: Workspace) -> None:
    found = explain(org, "cleo@example.com")
    assert (found["scope"]["in_scope"], found["scope"]["reason"]) == (False, "filtered")
    filters = found["scope"]["steps"][-1]
    clauses = [(clause["answer"], clause["value"]) for each in filters["steps"] for clause in each["steps"]]
    assert clauses == [("false", "Sales"), ("false", None), ("false", None)]
    assert found["action"]["action"] == "deactivate"
    text = org.run("explain", "cleo@example.com").out
    assert 'no  department EQUALS "Engineering" (has "Sales")' in text


@pytest.mark.parametrize(
    ("setting", "outcome"),
    [
        ("deactivate", "a managed account is deactivated (lifecycle.out_of_scope)"),
        ("delete", "a managed account is deleted (lifecycle.out_of_scope)"),
        ("keep", "an account stays as it is (lifecycle.out_of_scope: keep)"),
    ],
)
@pytest.mark.parametrize("user", ["barred@example.com", "cleo@example.com", "off@example.com"])
def test_an_out_of_scope_user_is_never_described_as_active(
    org: Workspace, user: str, setting: str, outcome: str
) -> None:
    org.settings(lifecycle={"out_of_scope": setting})
    shown = org.run("explain", user, "--offline").out
    assert f"out of scope: no values are desired; {outcome}" in shown
    assert "  active = true if in scope  #" in shown
    found = explain(org, user, "--offline")
    assert found["scope"]["out_of_scope"] == setting
    assert {row["asked_for"] for row in found["mapping"]} == {False}


def test_a_user_whose_scope_is_undecidable_keeps_the_account(org: Workspace) -> None:
    clause = "{attribute: proxyAddresses, operator: ENDS_WITH, value: x}"
    org.write("scope.yaml", f"sync: all\nfilters:\n  - name: x\n    clauses: [{clause}]\n")
    org.users([person(1, "ada", proxyAddresses=["a", "b"])])
    shown = org.run("explain", "ada@example.com", "--offline").out
    assert "out of scope: no values are desired; an account stays as it is: scope could not be determined" in shown


def test_values_are_desired_for_a_user_in_scope(org: Workspace) -> None:
    found = explain(org, "ada@example.com", "--offline")
    assert found["scope"]["out_of_scope"] is None
    assert {row["asked_for"] for row in found["mapping"]} == {True}
    assert "if in scope" not in org.run("explain", "ada@example.com", "--offline").out


def test_steps_after_the_deciding_one_are_not_reached(org: Workspace) -> None:
    found = explain(org, "barred@example.com")
    answers = [step["answer"] for step in found["scope"]["steps"]]
    assert answers == ["true", "true", "true", "true", "false", "not reached"]
    assert found["action"] == {
        "action": None,
        "reason": "none: out of scope, and not in the target",
        "changes": [],
        "blocked_by": [],
    }


def test_a_user_that_is_not_in_git_is_explained(org: Workspace) -> None:
    found = explain(org, "gone@example.com")
    assert (found["import"], found["scope"], found["mapping"]) == (None, None, [])
    assert (found["action"]["action"], found["action"]["reason"]) == ("deactivate", "no longer in the desired state")


def test_a_manually_created_account_is_not_managed(org: Workspace) -> None:
    found = explain(org, "hand@example.com")
    assert found["action"]["reason"] == "none: the live account is not managed (ownership in settings.yaml)"


def test_a_user_in_conflict_is_explained(org: Workspace) -> None:
    found = explain(org, "twin@example.com")
    assert found["live"]["id"] in found["match"][1]["live_ids"]
    assert found["action"]["reason"] == "none: see the errors; the account is left untouched"
    assert "belongs to a live account with another externalId" in found["diagnostics"][0]["summary"]
    assert "Error:" in org.run("explain", "twin@example.com").out


def test_a_withheld_change_is_explained(org: Workspace) -> None:
    org.settings(lifecycle={"actions": ["update"]})
    found = explain(org, "bob@example.com")
    assert found["action"]["action"] is None
    assert found["action"]["reason"].startswith("none: create is needed, but withheld (1 create withheld: lifecycle")


@pytest.mark.parametrize(("setting", "user"), [("removed", "gone"), ("out_of_scope", "cleo")])
def test_a_user_kept_by_settings_is_explained(setting: str, user: str, org: Workspace) -> None:
    org.settings(lifecycle={setting: "keep"})
    reason = explain(org, f"{user}@example.com")["action"]["reason"]
    assert reason == f"none: lifecycle.{setting} in settings.yaml is keep"


def test_a_blocked_plan_is_explained(org: Workspace) -> None:
    org.settings(guards={"removals": {"count": 0, "percent": 0, "floor": 0}})
    found = explain(org, "gone@example.com")
    assert found["action"]["action"] == "deactivate"
    assert "removals" in found["action"]["blocked_by"][0]
    assert "The plan is blocked:" in org.run("explain", "gone@example.com").out


def test_a_deactivated_user_stays_deactivated(org: Workspace) -> None:
    org.apply()
    org.settings(lifecycle={"delete_after_days": 9000})
    reason = explain(org, "gone@example.com")["action"]["reason"]
    assert reason == (
        "none: the account is deactivated already; it is deleted 9000 days after its deactivation"
        " (lifecycle.delete_after_days)"
    )
    assert explain(org, "ada@example.com")["action"]["reason"] == "none: nothing differs"


def test_an_account_that_no_mapping_reactivates_is_explained(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer(users=[make_user(1, userName="ada@example.com", active=False)]))
    workspace.write(
        "mappings.yaml", MAPPINGS + "- {target: active, expression: 'Not([IsSoftDeleted])', apply: create}\n"
    )
    workspace.users([person(1, "ada")])
    workspace.apply()
    assert explain(workspace, "ada@example.com")["action"]["reason"] == (
        "none: nothing differs; the account stays deactivated, because the mapping of active has no "
        "value, or its `apply` is not `always`"
    )


@pytest.mark.parametrize("active", [False, True])
def test_an_out_of_scope_user_whose_name_belongs_to_a_foreign_account_is_no_failure_unless_it_is_active(
    active: bool, open_workspace: OpenWorkspace
) -> None:
    workspace = open_workspace(FakeScimServer(users=[make_user(7, userName="ada@example.com", active=active)]))
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.users([{**person(1, "ada"), "accountEnabled": False}, person(2, "bob")])
    assert workspace.plan().code == (5 if active else 2), "bob is new"
    found = explain(workspace, "ada@example.com")
    why = "none: out of scope, and the live account belongs to another user: see the warning"
    assert found["action"]["reason"] == ("none: see the errors; the account is left untouched" if active else why)
    assert [item["severity"] for item in found["diagnostics"]] == ["error" if active else "warning"]


def test_offline_needs_neither_network_nor_token(org: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECONCILER_TOKEN")
    found = explain(org, "ada@example.com", "--offline")
    assert (found["action"], found["live"], found["match"][0]["live_ids"]) == (None, None, [])
    assert found["mapping"][2]["value"] == str(make_user(1)["name"]["givenName"]).upper()
    assert "not read (--offline)" in org.run("explain", "ada@example.com", "--offline").out


@pytest.mark.parametrize("arguments", [(), ("--offline",)])
def test_an_unknown_name_is_a_usage_error(arguments: tuple[str, ...], org: Workspace) -> None:
    result: CommandResult = org.run("explain", "nobody@example.com", *arguments)
    assert (result.code, result.out) == (64, "")
    assert 'user not found: "nobody@example.com"' in result.err


def test_a_user_that_cannot_be_mapped_is_explained(org: Workspace) -> None:
    org.write("scope.yaml", "sync: all")
    org.users([person(1, "ada", jobTitle="Engineer", surname="a\x07b")])
    found = explain(org, "ada@example.com")
    family = next(row for row in found["mapping"] if row["attribute"] == "name.familyName")
    assert family["problem"] == "name.familyName contains the character U+0007"
    assert found["action"]["reason"] == "none: see the errors; the account is left untouched"


def test_explain_agrees_with_the_plan(org: Workspace) -> None:
    actions = org.plan().actions
    all_names = ("ada", "bob", "barred", "cleo", "gone", "hand", "twin")
    shown = {f"{name}@example.com": explain(org, f"{name}@example.com")["action"]["action"] for name in all_names}
    assert {name: action for name, action in shown.items() if action} == actions


def test_with_redact_no_user_value_is_shown(org: Workspace) -> None:
    names = make_user(1)["name"]
    for name in ("ada", "cleo", "gone", "twin", "barred"):
        text = org.run("explain", f"{name}@example.com", "--redact").out.casefold()
        # Without the name of the filter, which belongs to no user.
        text = text.replace("engineers", "")
        secrets = (name, "example.com", "engineer", "sales", *map(str.casefold, names.values()))
        assert [secret for secret in secrets if secret in text] == []
    assert org.run("explain", "ada@example.com", "--redact", "--format", "json").code == 64


def test_no_value_adds_a_line_or_moves_the_cursor(org: Workspace) -> None:
    org.write("scope.yaml", "sync: all")
    hostile = "x\x1b[2J\u202e\n##[set-env]y"
    org.users([person(1, "ada", department="Engineering", jobTitle=hostile, city=hostile)])
    calm = org.run("explain", "ada@example.com").out
    assert not set("\x1b\u202e") & set(calm)
    assert "##[set-env]" not in calm
    # The value as refused, already on one line.
    org.users([person(1, "ada", department="Engineering", jobTitle="x\ty", city="x\ty")])
    assert org.run("explain", "ada@example.com").out.count("\n") == calm.count("\n")
