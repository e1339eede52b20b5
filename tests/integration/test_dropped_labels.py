"""Services that do not keep `type` or `primary`: lists neither grow nor lose what others put there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.habit_cycle import BEFORE, MAPPINGS, NO_CHANGES, ROLE, Cycle, person
from support.servers.fake_scim import Logged
from support.servers.patching import ENTERPRISE
from support.servers.service_habits import HabitServer, ServiceHabits
from support.workspace import OpenWorkspace

DROPS = ServiceHabits(drops=frozenset({"type", "primary"}))
MAIL = "ada.mail@example.com"


def begin(open_workspace: OpenWorkspace, people: list[dict[str, Any]]) -> tuple[Cycle, HabitServer]:
    service = HabitServer(DROPS)
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS + ROLE)
    workspace.write("scope.yaml", "sync: all\n")
    cycle = Cycle(workspace, lambda: service.people)
    cycle.wants(people)
    assert NO_CHANGES in cycle.rest().out
    return cycle, service


def emails(service: HabitServer, who: str = "ada") -> list[str]:
    return [each["value"] for each in service.find(f"{who}@example.com").get("emails", [])]


def test_an_email_stays_one_however_often_apply_runs(open_workspace: OpenWorkspace) -> None:
    cycle, service = begin(open_workspace, BEFORE)
    writes = len(service.writes)
    for _ in range(3):
        cycle.apply()
    assert (emails(service), len(service.writes)) == ([MAIL], writes)
    habit = 'The service does not keep type of emails: an element without it counts as emails[type eq "work"].value.'
    assert cycle.told.count(habit) == 1


def test_a_change_is_shown_and_replaces_the_element(open_workspace: OpenWorkspace) -> None:
    cycle, service = begin(open_workspace, BEFORE)
    cycle.wants([person("ada", mail="new@example.com"), *BEFORE[1:]])
    assert f'= "{MAIL}" -> "new@example.com"' in cycle.workspace.run("plan").out
    cycle.rest()
    assert emails(service) == ["new@example.com"]


def test_elements_of_others_survive_a_change_and_a_removal(open_workspace: OpenWorkspace) -> None:
    """The mail is told apart by its value; once that is no longer so, it is left alone and the rest arrives."""
    cycle, service = begin(open_workspace, BEFORE)
    service.find("ada@example.com")["emails"].insert(0, {"value": "boss@example.com", "display": "Boss"})
    apply = cycle.workspace.apply
    cycle.wants([person("ada", department="Sales"), *BEFORE[1:]])
    assert [apply().code, NO_CHANGES in apply().out] == [0, True]
    assert emails(service) == ["boss@example.com", MAIL]
    cycle.wants([person("ada", department="Legal", mail="new@example.com"), *BEFORE[1:]])
    results = [apply() for _ in range(2)]
    assert [result.code for result in results] == [5, 5]
    assert emails(service) == ["boss@example.com", MAIL]
    assert service.find("ada@example.com")[ENTERPRISE] == {"department": "Legal"}
    assert "the service does not keep type of emails: which of several elements" in results[1].out
    # The way out that the error names.
    service.find("ada@example.com")["emails"].pop(0)
    assert NO_CHANGES in cycle.rest().out
    assert emails(service) == ["new@example.com"]


def test_an_element_that_appears_while_a_change_is_sent_is_kept(open_workspace: OpenWorkspace) -> None:
    cycle, service = begin(open_workspace, BEFORE)
    ada = service.find("ada@example.com")["id"]

    def add(entry: Logged) -> None:
        if entry.method == "GET" and entry.path == "/Users" and len(service.users[ada]["emails"]) == 1:
            service.users[ada]["emails"].append({"value": "late@example.com"})

    cycle.wants([person("ada", mail="new@example.com"), *BEFORE[1:]])
    service.after = add
    cycle.apply()
    service.after = None
    assert emails(service) == ["new@example.com", "late@example.com"]


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("lands", [True, False])
def test_a_lost_answer_adds_no_copy(nth: int, lands: bool, open_workspace: OpenWorkspace) -> None:
    cycle, service = begin(open_workspace, BEFORE)
    begun = len(service.writes)
    fault = {"lose_answer_on_write" if lands else "cut_on_write": begun + nth}
    service.faults = replace(service.faults, **fault)  # type: ignore[arg-type]
    cycle.wants([person("ada", mail="new@example.com"), person("bob", mail=None), person("dan"), *BEFORE[2:]])
    assert NO_CHANGES in cycle.rest().out
    assert cycle.differences() == []


def test_a_service_that_keeps_types_keeps_an_administrators_element(open_workspace: OpenWorkspace) -> None:
    service = HabitServer(ServiceHabits())
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.write("scope.yaml", "sync: all\n")
    workspace.users([{k: v for k, v in each.items() if k != "appRole"} for each in BEFORE])
    assert workspace.apply().code == 0
    bob = service.find("bob@example.com")
    bob["emails"] = [{"value": "admin@example.com"}]
    assert workspace.apply().code == 0
    assert [each.get("type") for each in service.find("bob@example.com")["emails"]] == [None, "work"]
    assert NO_CHANGES in workspace.apply().out
