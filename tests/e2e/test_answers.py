"""Answers to writes that are about another user, or show what is not stored: nothing is reported as done for them."""

from __future__ import annotations

from typing import Any

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.fake_scim import ServerFaults
from support.servers.patching import ENTERPRISE
from support.servers.users import make_user

DEPARTMENT = f"{ENTERPRISE}:department"
EVE = make_user(99, id="id-99", department="Moved")


def serve(open_command_workspace: OpenCommandWorkspace, size: int, faults: ServerFaults) -> CommandWorkspace:
    """Return a workspace whose users all move to the department that Eve, who is not managed, has already."""
    live, wanted = sample_users(size, department="Moved")
    opened = open_command_workspace([*live, {**EVE, "externalId": None}])
    opened.users(wanted)
    opened.service.faults = faults
    return opened


def departments(opened: CommandWorkspace) -> set[Any]:
    return {user[ENTERPRISE]["department"] for user in opened.service.users.values() if user["id"] != "id-99"}


@pytest.mark.parametrize("size", [1, 8])
def test_the_answer_of_another_users_patch_is_not_taken_for_ones_own(
    size: int, open_command_workspace: OpenCommandWorkspace
) -> None:
    lie = ServerFaults(lie_patch=DEPARTMENT, patch_answers_with=EVE["userName"])
    opened = serve(open_command_workspace, size, lie)
    result = opened.apply()
    assert "Moved" not in departments(opened)
    assert result.code == 5
    results = [line["result"] for line in opened.receipt() if line["event"] == "finished"]
    assert set(results) == {"not_in_effect"}
    assert "id-99" not in {line.get("id") for line in opened.receipt()}, "nor is it on record for the other account"


@pytest.mark.parametrize("size", [1, 8])
def test_a_change_that_took_effect_is_done_whatever_the_answer_shows(
    size: int, open_command_workspace: OpenCommandWorkspace
) -> None:
    opened = serve(open_command_workspace, size, ServerFaults(patch_answers_with=EVE["userName"]))
    assert opened.apply().code == 0
    assert departments(opened) == {"Moved"}
    assert {line["id"] for line in opened.receipt() if line["event"] == "finished"} == {f"id-{n}" for n in range(size)}


@pytest.mark.parametrize("path", [None, DEPARTMENT])
def test_an_echo_of_the_request_is_not_believed(path: str | None, open_command_workspace: OpenCommandWorkspace) -> None:
    opened = serve(open_command_workspace, 8, ServerFaults(echo_patch=True, lie_patch=path))
    assert opened.apply().code == 5
    assert "done" not in {line.get("result") for line in opened.receipt()}


def test_a_user_that_is_read_with_another_id_is_not_changed(open_command_workspace: OpenCommandWorkspace) -> None:
    live, _ = sample_users(3)
    opened = serve(open_command_workspace, 3, ServerFaults(wrong_id_for=live[1]["userName"]))
    result = opened.apply()
    assert result.code == 5
    assert "/Users/id-1" not in {entry.path for entry in opened.service.writes}
    assert "another user (id another) than id-1" in result.out
