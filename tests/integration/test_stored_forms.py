"""Services that store values in another form: what is in effect, what is at rest, and what is said about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.habit_cycle import KEEPER, MAPPINGS, NO_CHANGES, person
from support.servers.service_habits import HabitServer, ServiceHabits, Texts, digits_only, lower_case
from support.workspace import OpenWorkspace, Workspace


def upper_case(text: str) -> str:
    return text.upper()


def single_blanks(text: str) -> str:
    return " ".join(text.split())


def swapped_case(text: str) -> str:
    return text.swapcase()


def cut(text: str) -> str:
    return text[:4]


def begin(open_workspace: OpenWorkspace, service: HabitServer, *people: dict[str, Any]) -> Workspace:
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.write("scope.yaml", "sync: all\n")
    workspace.users([*people, KEEPER])
    return workspace


def store(**changes: Texts) -> HabitServer:
    return HabitServer(ServiceHabits(stores=changes))


def warnings(workspace: Workspace) -> list[str]:
    result = workspace.plan()
    assert (result.code, result.actions) == (0, {}), result.out
    return [item["summary"] for item in result.plan["diagnostics"]]


def other_case(workspace: Workspace) -> int:
    return int(workspace.plan().plan["summary"]["other_case"])


@pytest.mark.parametrize(
    ("change", "form"),
    [
        (lower_case, "in lower case"),
        (upper_case, "in upper case"),
        (single_blanks, "with single blanks"),
        (swapped_case, "in another case"),
    ],
)
def test_a_form_that_the_service_gave_a_value_is_settled_and_said_once(
    change: Texts, form: str, open_workspace: OpenWorkspace
) -> None:
    service = store(title=change)
    workspace = begin(open_workspace, service, person("ada", jobTitle="Chief  Engineer"))
    first = workspace.apply()
    stored = 1 if change is single_blanks else 2
    assert first.code == 0, first.out
    assert first.err.count(f"The service stores title {form}") == 1
    assert f"(stored title {form})" in first.out + first.err
    assert first.err.count("ToLower([jobTitle])") == (change is lower_case)
    writes = len(service.writes)
    second = workspace.apply()
    assert (second.code, NO_CHANGES in second.out) == (0, True)
    differ = "1 value of title differs" if stored == 1 else "2 values of title differ"
    assert warnings(workspace) == [
        f"{differ} in form only: the service stores {'it' if stored == 1 else 'them'} {form}"
    ]
    assert len(service.writes) == writes


def test_another_value_is_sent_to_a_service_that_changes_its_form(open_workspace: OpenWorkspace) -> None:
    service = store(title=lower_case)
    workspace = begin(open_workspace, service, person("ada"))
    workspace.apply()
    workspace.users([person("ada", jobTitle="Director"), KEEPER])
    assert workspace.apply().code == 0
    assert service.find("ada@example.com")["title"] == "director"
    # Edited at the service, in form only: another form than the one that the record has.
    service.find("ada@example.com")["title"] = "DIRECTOR"
    assert workspace.plan().actions == {"ada@example.com": "update"}
    assert workspace.apply().code == 0
    assert service.find("ada@example.com")["title"] == "director"


def test_without_a_record_the_difference_is_sent_again_and_counts_as_in_effect(open_workspace: OpenWorkspace) -> None:
    service = store(title=lower_case)
    workspace = begin(open_workspace, service, person("ada"))
    workspace.apply()
    for receipt in workspace.plans.glob("*/receipt.jsonl"):
        lines = [json.loads(line) for line in receipt.read_text("utf-8").splitlines()]
        without = [{key: value for key, value in line.items() if key != "forms"} for line in lines]
        receipt.write_text("".join(json.dumps(line) + "\n" for line in without), "utf-8")
    assert workspace.plan().actions == {"ada@example.com": "update", "keeper@example.com": "update"}
    again = workspace.apply()
    assert again.code == 0
    assert again.err.count("The service stores title in lower case (2 users)") == 1
    assert NO_CHANGES in workspace.apply().out


def test_a_value_that_is_cut_is_not_in_effect_and_the_message_shows_it(open_workspace: OpenWorkspace) -> None:
    workspace = begin(open_workspace, store(title=cut), person("ada"))
    result = workspace.apply()
    assert result.code == 5
    assert 'it is not in effect: title (the service shows "Engi")' in result.out
    assert workspace.plan().actions == {"ada@example.com": "update", "keeper@example.com": "update"}


def test_the_form_of_a_value_on_a_redacted_record_is_settled_too(
    open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_RECORD_KEY", "k" * 40)
    workspace = begin(open_workspace, store(title=lower_case), person("ada"))
    workspace.settings(record={"values": "digest"})
    assert workspace.apply().code == 0
    assert "ngineer" not in "".join(path.read_text("utf-8") for path in workspace.plans.rglob("receipt.jsonl"))
    assert len(warnings(workspace)) == 1
    monkeypatch.setenv("RECONCILER_RECORD_KEY", "j" * 40)
    assert set(workspace.plan().actions.values()) == {"update"}


def test_the_mapping_that_is_named_ends_the_difference(open_workspace: OpenWorkspace) -> None:
    workspace = begin(open_workspace, store(title=lower_case), person("ada"))
    said = workspace.apply().err
    expression = said.partition("In the mapping of title, `")[2].partition("`")[0]
    workspace.write(
        "mappings.yaml", MAPPINGS.replace("target: title, source: jobTitle", f"target: title, {expression}")
    )
    assert warnings(workspace) == []


@pytest.mark.parametrize(
    ("attribute", "change", "field", "value"),
    [
        ("emails", lower_case, "mail", "Ada.Lovelace@Example.com"),
        ("phoneNumbers", digits_only, "telephoneNumber", "+49 (30) 1234-56"),
    ],
)
def test_a_form_that_the_rfc_ignores_is_no_difference(
    attribute: str, change: Texts, field: str, value: str, open_workspace: OpenWorkspace
) -> None:
    workspace = begin(open_workspace, store(**{attribute: change}), person("ada", **{field: value}))
    first = workspace.apply()
    assert (first.code, "stores" in first.err) == (0, False)
    assert warnings(workspace) == []


def test_a_change_of_case_alone_is_made_where_the_service_keeps_case(open_workspace: OpenWorkspace) -> None:
    service = HabitServer()
    workspace = begin(open_workspace, service, person("Grace.Hopper"))
    workspace.apply()
    for name in ("grace.hopper@example.com", "Grace.HOPPER@example.com"):
        workspace.users([person("Grace.Hopper", userPrincipalName=name), KEEPER])
        if name[0] == "G":
            # Nothing shows yet that the service keeps case: the plan says so.
            assert other_case(workspace) == 1
            service.find("keeper@example.com")["userName"] = "Keeper@example.com"
            workspace.users(
                [
                    person("Grace.Hopper", userPrincipalName=name),
                    {**KEEPER, "userPrincipalName": "Keeper@example.com"},
                ]
            )
        assert workspace.plan().actions == {name: "update"}
        result = workspace.apply()
        assert result.code == 0, result.out
        assert service.find(name)["userName"] == name
        assert warnings(workspace) == []


def test_a_service_with_names_in_lower_case_is_at_rest(open_workspace: OpenWorkspace) -> None:
    service = store(userName=lower_case)
    workspace = begin(open_workspace, service, person("Grace.Hopper"))
    assert workspace.apply().code == 0
    assert (warnings(workspace), other_case(workspace)) == ([], 1)
    assert "1 userName differs in case only, which the service does not keep." in workspace.run("plan").out
    workspace.users([person("Grace.Hopper", jobTitle="Admiral"), person("New.Person"), KEEPER])
    assert workspace.apply().code == 0
    assert sorted(user["userName"] for user in service.people) == [
        "grace.hopper@example.com",
        "keeper@example.com",
        "new.person@example.com",
    ]
    assert not any("userName" in json.dumps(entry.body) for entry in service.writes if entry.method == "PATCH")


@pytest.mark.parametrize("title", ["Engineer", "Admiral"])
def test_a_change_of_case_that_the_service_ignores_is_settled(title: str, open_workspace: OpenWorkspace) -> None:
    service = HabitServer()
    workspace = begin(open_workspace, service, person("Grace.Hopper"))
    workspace.apply()
    store_user = service._store

    def keep_name(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        return store_user(old, {**new, "userName": old["userName"]})

    service._store = keep_name  # type: ignore[method-assign]
    wanted = person("Grace.Hopper", userPrincipalName="grace.hopper@example.com", jobTitle=title)
    workspace.users([wanted, KEEPER])
    result = workspace.apply()
    assert result.code == 0, result.out
    assert result.err.count("The service stores userName in another case (1 user)") == 1
    assert (warnings(workspace), other_case(workspace)) == ([], 1)
    assert service.find("grace.hopper@example.com")["title"] == title


def test_a_name_in_another_case_is_still_a_conflict(open_workspace: OpenWorkspace) -> None:
    service = HabitServer()
    workspace = begin(open_workspace, service, person("Grace.Hopper"))
    workspace.apply()
    workspace.users([person("other", userPrincipalName="GRACE.hopper@example.com"), KEEPER])
    assert workspace.apply().code == 5
    assert sorted(user["userName"] for user in service.people) == ["Grace.Hopper@example.com", "keeper@example.com"]


def test_a_service_that_refuses_a_change_of_case_is_reported(open_workspace: OpenWorkspace) -> None:
    service = HabitServer()
    workspace = begin(open_workspace, service, person("Grace.Hopper"))
    workspace.apply()
    # It compares names without case, and finds the account itself.
    service._must_be_free = lambda name, _own: HabitServer._must_be_free(service, name, None)  # type: ignore[method-assign]
    workspace.users([person("Grace.Hopper", userPrincipalName="grace.hopper@example.com"), KEEPER])
    result = workspace.apply()
    assert result.code == 5
    said = (
        'The account itself has the name: the service refuses a change of case alone. Keep "Grace.Hopper@example.com"'
    )
    assert said in result.out
