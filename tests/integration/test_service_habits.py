"""Services with habits: two applies and an edit end at rest, or in a refusal that names the habit.

A habit that is not tolerated yet is in no list here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.habit_cycle import AFTER, BEFORE, MAPPINGS, NO_CHANGES, ROLE, Cycle
from support.servers.fake_scim import FakeScimServer
from support.servers.kinds import KINDS
from support.servers.plain_scim import PlainScim
from support.servers.server_faults import ServerFaults
from support.servers.service_habits import (
    HabitServer,
    PatchHabits,
    ServiceHabits,
    decomposed,
    digits_only,
    lower_case,
    trimmed,
    with_dash,
)
from support.workspace import OpenWorkspace


def takes(*operations: str, **changed: Any) -> ServiceHabits:
    """A service that takes PATCH in these operations only."""
    return ServiceHabits(patch=PatchHabits(operations=frozenset(operations), **changed))


AT_REST = {
    "none": ServiceHabits(),
    "leaves active out when it is true": ServiceHabits(hides_active=True),
    "leaves active out when it is false": ServiceHabits(hides_active=False, filters_active=True),
    "trims": ServiceHabits(stores={"emails": trimmed, "title": trimmed}),
    "stores NFD": ServiceHabits(stores={"name": decomposed}),
    "locale with a dash": ServiceHabits(stores={"locale": with_dash}),
    "values in lower case": ServiceHabits(stores=dict.fromkeys(("userName", "title", "name", "emails"), lower_case)),
    "phone numbers without blanks": ServiceHabits(stores={"phoneNumbers": digits_only}),
    "names are not unique": ServiceHabits(unique_names=False),
    "drops type": ServiceHabits(drops=frozenset({"type"})),
    "drops type, lower case": ServiceHabits(
        drops=frozenset({"type"}), stores=dict.fromkeys(("title", "emails", "roles"), lower_case)
    ),
    "leaves active out when it is false, lower case": ServiceHabits(
        hides_active=False, filters_active=True, stores=dict.fromkeys(("userName", "title"), lower_case)
    ),
    "drops primary": ServiceHabits(drops=frozenset({"primary"})),
    "drops type and primary": ServiceHabits(drops=frozenset({"type", "primary"})),
    "drops type, takes no remove": replace(takes("add", "replace"), drops=frozenset({"type"})),
    "drops type, takes remove and add": replace(takes("add", "remove"), drops=frozenset({"type"})),
    "takes remove and add, one operation (400)": takes("add", "remove", single=True, refusal=400),
    "drops type, takes no paths": replace(takes("add", "replace", path=False), drops=frozenset({"type"})),
    "strict booleans": ServiceHabits(strict_booleans=True),
    "takes no remove (501)": takes("add", "replace"),
    "takes no remove (400)": takes("add", "replace", refusal=400, refusal_type="invalidValue"),
    "takes no remove and no null": takes("add", "replace", null_clears=False),
    "takes no remove (405)": takes("add", "replace", refusal=405),
    "takes remove and add only": takes("remove", "add"),
    "takes no paths": takes("add", "replace", path=False, refusal=400, refusal_type="invalidPath"),
    "takes no paths (501)": takes("add", "replace", path=False),
    "takes no filters": takes("add", "replace", "remove", filters=False, refusal=400, refusal_type="invalidPath"),
    "takes no filters, no remove": takes("add", "replace", filters=False, refusal=400, refusal_type="invalidFilter"),
    "takes one operation": takes("add", "replace", "remove", single=True, refusal=400, refusal_type="invalidSyntax"),
    "takes one operation (501), no filters": takes("add", "replace", "remove", single=True, filters=False),
    "takes paths only": takes("add", "replace", "remove", path=True, refusal=400, refusal_type="invalidPath"),
}
"""Habits with which the service comes to rest."""


@pytest.mark.parametrize("habit", AT_REST)
def test_a_service_with_habits_comes_to_rest(habit: str, open_workspace: OpenWorkspace) -> None:
    come_to_rest(begin(open_workspace, HabitServer(AT_REST[habit]), role=True))


@pytest.mark.parametrize("faults", KINDS, ids=lambda faults: str(faults).partition("(")[2][:60])
def test_each_kind_of_server_comes_to_rest(faults: ServerFaults, open_workspace: OpenWorkspace) -> None:
    come_to_rest(begin(open_workspace, FakeScimServer(faults)))


def test_scim2_server_comes_to_rest(open_workspace: OpenWorkspace) -> None:
    come_to_rest(begin(open_workspace, PlainScim()))


NO_PATCH = "the service takes no PATCH"
REFUSED: dict[str, tuple[ServiceHabits, str]] = {
    **{
        f"takes no PATCH ({status})": (ServiceHabits(patch=PatchHabits(refused=status)), f"{NO_PATCH} ({status})")
        for status in (404, 405, 501)
    },
    "declares that it takes no PATCH": (
        ServiceHabits(patch=PatchHabits(refused=501), says_no_patch=True),
        f"{NO_PATCH} (501)",
    ),
    "forbids PATCH, and declares that it takes none": (
        ServiceHabits(patch=PatchHabits(refused=403), says_no_patch=True),
        f"{NO_PATCH} (403)",
    ),
    "takes add only": (takes("add"), f"{NO_PATCH} to remove an element of a list (501)"),
    "takes plain values only": (
        takes("add", "replace", null_clears=False, empty_clears=False),
        f"{NO_PATCH} to clear an attribute (501): title",
    ),
}
"""Habits that leave something undone, and what is said about it."""


@pytest.mark.parametrize("habit", REFUSED)
def test_what_a_service_does_not_take_is_named(habit: str, open_workspace: OpenWorkspace) -> None:
    habits, words = REFUSED[habit]
    cycle = begin(open_workspace, HabitServer(habits))
    cycle.wants(BEFORE)
    assert NO_CHANGES in cycle.rest().out
    cycle.wants(AFTER)
    result = cycle.rest()
    assert result.code == 5
    assert words in cycle.told
    # The new user arrives whatever happens to the others.
    assert [each for each in cycle.differences() if each.startswith("dan@")] == []


def test_a_service_that_forbids_every_patch_is_left_alone(open_workspace: OpenWorkspace) -> None:
    service = HabitServer(ServiceHabits(patch=PatchHabits(refused=403)))
    cycle = begin(open_workspace, service)
    for people in (BEFORE, AFTER):
        cycle.wants(people)
        result = cycle.rest()
    assert (result.code, "(403)" in result.err) == (1, True)


def come_to_rest(cycle: Cycle) -> None:
    for people in (BEFORE, AFTER):
        cycle.wants(people)
        result = cycle.rest()
        assert NO_CHANGES in result.out, result.out + result.err
        assert cycle.differences() == []


def begin(open_workspace: OpenWorkspace, service: FakeScimServer | PlainScim, *, role: bool = False) -> Cycle:
    """A cycle on the service; `role`: the users have a primary role."""
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS + (ROLE if role else ""))
    workspace.write("scope.yaml", "sync: all\n")
    read = service.users if isinstance(service, PlainScim) else lambda: list(service.users.values())
    return Cycle(workspace, read, skips=frozenset() if role else frozenset({"appRole"}))
