"""The wrong user is never removed, merged or overwritten: one test for each way in which that could happen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, Logged, ServerFaults, make_user
from support.workspace import ENTERPRISE, OpenWorkspace, source

BY_NAME_FIRST = """
- {target: userName, source: userPrincipalName, match: 1}
- {target: externalId, source: objectId, match: 2}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
"""
LATER = "2027-06-01"


def named(number: int, name: str, **overrides: Any) -> dict[str, Any]:
    return make_user(number, userName=f"{name}@example.com", **overrides)


@pytest.mark.parametrize("omit_meta", [True, False])
def test_no_account_is_deleted_without_the_date_of_the_service(omit_meta: bool, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(ServerFaults(omit_meta=omit_meta), [named(1, "gone"), named(2, "keeper")])
    workspace = open_workspace(service)
    workspace.settings(lifecycle={"delete_after_days": 30}, guards={"removals": {"percent": 100}})
    workspace.users([source(named(2, "keeper"))])
    assert workspace.apply().code == 0
    assert workspace.plan().actions == {}
    result = workspace.plan("--now", LATER)
    assert result.actions == ({} if omit_meta else {"gone@example.com": "delete"})
    assert [item["summary"] for item in result.plan["diagnostics"]] == [
        "1 inactive account will not be deleted: deactivation date unknown"
    ] * omit_meta


@pytest.mark.parametrize("rule", ["match: 2", "apply: always", "apply: create", "apply: if_empty"])
def test_a_foreign_external_id_is_a_conflict_however_it_is_mapped(rule: str, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[named(1, "ada"), named(2, "keeper")])
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", BY_NAME_FIRST.replace("match: 2", rule))
    # Out of scope, no account is wanted: only a warning, if nobody would keep access.
    for enabled, active, code in ((True, True, 5), (False, True, 5), (False, False, 0)):
        next(user for user in service.users.values() if user["userName"] == "ada@example.com")["active"] = active
        workspace.users([source(named(9, "ada"), accountEnabled=enabled), source(named(2, "keeper"))])
        result = workspace.apply()
        assert result.code == code
        assert "account with another externalId" in result.out
        assert service.writes == []


def test_an_external_id_without_a_source_value_makes_no_account_foreign(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[named(1, "ada"), named(2, "keeper", externalId="shared")])
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", BY_NAME_FIRST.replace("match: 2", "default: shared"))
    accounts = [source(named(1, "ada"), surname="Byron"), source(named(2, "keeper"), surname="Byron")]
    for person in accounts:
        del person["objectId"]
    workspace.users(accounts)
    assert workspace.plan().actions == {"ada@example.com": "update", "keeper@example.com": "update"}


def test_an_external_id_generated_once_makes_no_account_foreign(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(
        users=[named(1, "ada", externalId=None), named(2, "keeper", externalId="made by an earlier rule")]
    )
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", BY_NAME_FIRST.replace("source: objectId, match: 2", "expression: Guid()"))
    workspace.users([source(named(number, name), objectId=None) for number, name in ((1, "ada"), (2, "keeper"))])
    assert workspace.apply().code == 0
    assert len(service.find("ada@example.com")["externalId"]) == 36
    assert service.find("keeper@example.com")["externalId"] == "made by an earlier rule"


def test_an_account_is_not_written_to_unless_it_is_linked(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[named(1, "ada", externalId=None), named(2, "bob", externalId=None)])
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", BY_NAME_FIRST.replace("match: 2", "apply: create, default: shared"))
    ada, bob = source(named(1, "ada"), surname="Byron"), source(named(2, "bob"), surname="Byron", objectId=None)
    workspace.users([ada, bob])
    result = workspace.apply()
    assert result.code == 5
    assert "is not managed, and there is no externalId to link it with" in result.out
    assert service.find("ada@example.com")["externalId"] == ada["objectId"]
    assert [write.user_name for write in service.writes] == ["ada@example.com"]


@pytest.mark.parametrize(("here", "there"), [("strasse", "straße"), ("ida", "i̇da"), ("ss", "ẞ")])
def test_names_that_only_look_alike_are_different_users(here: str, there: str, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[named(1, there, externalId=None)])
    workspace = open_workspace(service)
    workspace.users([source(named(9, here)), source(named(8, there))])
    assert workspace.plan().actions == {f"{here}@example.com": "create", f"{there}@example.com": "adopt"}


@pytest.mark.parametrize(
    "adverb", ['not (roles.value eq "admin")', 'roles.value ne "admin"', 'not (roles.value co "adm")']
)
def test_an_ownership_filter_checks_every_role(adverb: str, open_workspace: OpenWorkspace) -> None:
    admin = named(1, "admin", roles=[{"value": "reader"}, {"value": "admin"}])
    workspace = open_workspace(FakeScimServer(users=[admin, named(2, "gone"), named(3, "keeper")]))
    workspace.settings(ownership=f"externalId pr and {adverb}")
    workspace.users([source(named(3, "keeper"))])
    assert workspace.plan("--user", "gone@example.com").actions == {"gone@example.com": "deactivate"}
    assert "admin@example.com" not in workspace.plan().actions


def test_a_misspelt_attribute_in_the_ownership_filter_is_refused(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer())
    workspace.settings(ownership='userTyp ne "admin"')
    workspace.users([])
    result = workspace.run("validate")
    assert result.code == 1
    assert 'a User has no "userTyp"' in result.err


def test_adopting_an_account_does_not_deactivate_it(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[named(1, "ada", externalId=None), named(2, "keeper")])
    workspace = open_workspace(service)
    workspace.settings(guards={"removals": {"count": 0, "percent": 0, "floor": 0}})
    workspace.write("mappings.yaml", BY_NAME_FIRST + "- {target: active, source: enabled}\n")
    workspace.users([source(named(1, "ada"), enabled="false"), source(named(2, "keeper"), enabled="true")])
    assert workspace.apply().code == 0
    assert service.find("ada@example.com")["active"], "adopted; only the next plan may deactivate it"
    assert workspace.apply().code == 3
    assert service.find("ada@example.com")["active"]


@pytest.mark.parametrize("name", ["ID", " gone@EXAMPLE.com ", "gone@example.com"])
def test_an_account_protected_by_any_identifier_is_kept(name: str, open_workspace: OpenWorkspace) -> None:
    gone = named(1, "gone")
    service = FakeScimServer(users=[gone, named(2, "keeper")])
    workspace = open_workspace(service)
    guards = {"removals": {"percent": 100}, "protected": [gone["externalId"].upper() if name == "ID" else name]}
    workspace.settings(guards=guards)
    workspace.write("mappings.yaml", BY_NAME_FIRST.replace("match: 2}", "match: 2, apply: create}"))
    workspace.users([source(named(2, "keeper"))])
    assert workspace.apply().code == 3
    assert service.writes == []


def test_a_protected_name_that_matches_no_user_is_reported(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer(users=[named(2, "keeper")]))
    workspace.settings(guards={"protected": ["keper@example.com"]})
    workspace.users([source(named(2, "keeper"))])
    assert 'user not found: "keper@example.com"' in workspace.run("plan").out


def test_an_account_that_left_ownership_between_plan_and_write_is_not_changed(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[named(1, "gone"), named(2, "keeper"), named(3, "changed")])
    workspace = open_workspace(service)
    workspace.settings(ownership='externalId pr and not (userType eq "admin")', guards={"removals": {"percent": 100}})
    workspace.users([source(named(2, "keeper")), source(named(3, "changed"), department="Moved")])

    def promote(entry: Logged) -> None:
        if entry.nth_list == 2:  # the last relevant request of planning: now they become administrators
            for user in service.users.values():
                user["userType"] = "admin"

    service.after = promote
    result = workspace.apply()
    assert (result.code, service.writes) == (5, []), result.out


def test_a_reviewed_deletion_does_not_apply_to_a_later_account_of_the_same_name(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[named(1, "gone"), named(2, "keeper")])
    workspace = open_workspace(service)
    workspace.settings(lifecycle={"removed": "delete"}, guards={"removals": {"percent": 100}})
    workspace.users([source(named(2, "keeper"))])
    file = str(workspace.root / "plan.json")
    workspace.run("plan", "-o", file)
    assert workspace.run("apply", file).code == 0
    service.add(named(7, "gone"))
    assert workspace.run("apply", file).code == 4
    assert service.find("gone@example.com")


def test_a_missing_user_in_individual_reads_makes_the_read_incomplete(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(
        ServerFaults(drop_enterprise_in_lists=True), [named(number, f"u{number}") for number in range(9)]
    )
    workspace = open_workspace(service)
    workspace.users([source(named(number, f"u{number}")) for number in range(9)])

    def hide(entry: Logged) -> None:
        if entry.path.startswith("/Users/") and len(service.users) == 9:
            service.users.popitem()

    service.after = hide
    result = workspace.plan()
    assert result.code == 3
    assert "create" not in result.actions.values()


def test_a_capped_total_is_not_trusted_when_no_lookup_is_possible(open_workspace: OpenWorkspace) -> None:
    accounts = [named(number, f"u{number}") for number in range(20)]
    service = FakeScimServer(ServerFaults(cap_total=10, cap_depth=10, filter_unsupported=501), accounts)
    workspace = open_workspace(service)
    workspace.users([source(user) for user in accounts])

    def refuse(entry: Logged) -> None:
        past = entry.nth_list and int(entry.query.get("startIndex", "1")) <= 10 < int(entry.query["startIndex"]) + 10
        service.faults = replace(service.faults, error_on_page=entry.nth_list + 1 if past else None, error_status=400)

    service.after = refuse
    result = workspace.plan()
    assert result.code == 3
    assert "nothing shows that the list is whole" in result.out


def test_removing_all_users_one_by_one_does_not_pass_the_guard(open_workspace: OpenWorkspace) -> None:
    accounts = [named(number, f"u{number}") for number in range(20)]
    service = FakeScimServer(users=accounts)
    workspace = open_workspace(service)
    workspace.settings()
    workspace.write("settings.yaml", json.dumps({"target": {"profile": "scim", "base_url": workspace.base_url}}))
    workspace.users([source(user) for user in accounts[:10]])
    assert workspace.apply("--user", "u15@example.com").code == 3
    assert service.writes == []


def test_a_user_with_a_future_start_date_is_not_deleted(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[named(1, "soon", active=False), named(2, "keeper")])
    workspace = open_workspace(service)
    workspace.settings(lifecycle={"delete_after_days": 30, "out_of_scope": "delete"})
    workspace.users([source(named(1, "soon"), lifecycle={"starts": "2027-07-01"}), source(named(2, "keeper"))])
    assert workspace.plan("--now", LATER).actions == {}


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("sales.ymal", "this file is not read"),
        ("sales.yaml.txt", "this file is not read"),
        ("sales.json", "this file is not read"),
        ("sales.yaml~", "a leftover of a merge or an editor"),
    ],
)
def test_a_users_file_that_would_not_be_read_stops_the_plan(
    name: str, summary: str, open_workspace: OpenWorkspace
) -> None:
    workspace = open_workspace(FakeScimServer(users=[named(1, "ada")]))
    workspace.users([source(named(2, "keeper"))])
    workspace.write(f"users/{name}", "- userPrincipalName: ada@example.com\n")
    result = workspace.plan()
    assert (result.code, result.out) == (1, "")
    assert summary in result.err


def test_inactive_accounts_do_not_raise_the_removal_limit(open_workspace: OpenWorkspace) -> None:
    accounts = [named(number, f"u{number}", active=number < 20) for number in range(400)]
    workspace = open_workspace(FakeScimServer(users=accounts))
    workspace.settings(guards={"removals": {"count": 100, "percent": 10}})
    workspace.users([source(accounts[0])])
    result = workspace.plan()
    assert result.code == 3
    assert "19 of 20 active managed users (95.0 %)" in result.out


def test_a_user_deleted_during_the_apply_does_not_stop_the_others(open_workspace: OpenWorkspace) -> None:
    accounts = [named(number, f"u{number}") for number in range(12)]
    service = FakeScimServer(users=accounts)
    workspace = open_workspace(service)
    workspace.users([source(user, department="Moved") for user in accounts])

    victim = service.find("u9@example.com")["id"]

    def lose(entry: Logged) -> None:
        # Between the read of the user and the write.
        if entry.method == "GET" and entry.path == f"/Users/{victim}":
            service.users.pop(victim, None)

    service.after = lose
    assert workspace.apply().code == 5
    moved = [user for user in service.users.values() if user[ENTERPRISE]["department"] == "Moved"]
    assert len(moved) == 11


@pytest.mark.parametrize(
    ("stays", "message"),
    [
        (1, "most of the changes before the removals failed"),
        (0, 'not started: waiting for user["new0@example.com"]'),
    ],
)
def test_no_user_is_removed_if_the_replacements_fail(stays: int, message: str, open_workspace: OpenWorkspace) -> None:
    live = [named(number, f"old{number}") for number in range(5)]
    service = FakeScimServer(ServerFaults(write_error_on=1, write_error_status=400, write_error_times=None), live)
    workspace = open_workspace(service)
    new = [named(50 + number, f"new{number}") for number in range(5)]
    workspace.users([source(user) for user in [*live[:stays], *new]])
    result = workspace.apply()
    assert result.code == 5
    assert message in result.out
    assert {entry.method for entry in service.writes} == {"POST"}


def test_an_echoed_request_does_not_verify_a_removal(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(ServerFaults(echo_patch=True), [named(1, "gone"), named(2, "keeper")])
    workspace = open_workspace(service)
    workspace.users([source(named(2, "keeper"))])
    result = workspace.apply()
    assert result.code == 5
    assert "accepted it, but it is not in effect: active" in result.out


def test_a_user_option_that_matches_no_user_is_a_usage_error(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer(users=[named(2, "keeper")]))
    workspace.users([source(named(2, "keeper"))])
    result = workspace.plan("--user", "keper@example.com")
    assert (result.code, result.out) == (64, "")


def test_a_misspelt_reserved_key_is_not_a_custom_attribute(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer())
    workspace.users([{**source(named(1, "ada")), "accountEnable": "false"}])
    result = workspace.run("validate")
    assert result.code == 1
    assert "Did you mean accountEnabled?" in result.err
