"""Small answers that want much memory: the command ends in words, within an address space that a laptop has."""

from __future__ import annotations

import resource

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.fake_scim import ServerFaults
from support.workspace import CommandResult

ADDRESS_SPACE = 1536 * 1024 * 1024
"""Bytes: less than any of these answers expands to."""
TWICE = 'the service\'s answer has Content-Encoding "gzip, gzip", but only gzip was requested'


def run_small(opened: CommandWorkspace, *arguments: str) -> CommandResult:
    """Run the command with a small address space."""
    limit = (ADDRESS_SPACE, ADDRESS_SPACE)
    end = opened.command(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
    assert "Traceback" not in end.err
    assert "MemoryError" not in end.err
    return end


def serve(open_command_workspace: OpenCommandWorkspace, people: int = 3) -> CommandWorkspace:
    live, wanted = sample_users(people, department="Moved")
    opened = open_command_workspace(live)
    opened.users(wanted)
    return opened


@pytest.mark.parametrize("kind", ["lists", "errors"])
def test_an_answer_that_is_compressed_twice_is_refused(kind: str, open_command_workspace: OpenCommandWorkspace) -> None:
    opened = serve(open_command_workspace)
    opened.service.faults = ServerFaults(twice_gzip=kind, error_on_page=1 if kind == "errors" else None)
    end = run_small(opened, "plan")
    assert (end.code, end.out) == (1, "")
    assert TWICE in end.err


def test_an_answer_to_a_write_that_is_compressed_twice_is_resolved_by_reading(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened = serve(open_command_workspace)
    opened.service.faults = ServerFaults(twice_gzip="writes")
    end = run_small(opened, "apply", "--auto-approve")
    assert end.code == 0, end
    assert "Apply complete!" in end.out
    assert len(opened.service.writes) == 3


def test_users_whose_answers_are_compressed_twice_are_not_written(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = serve(open_command_workspace)
    plan = opened.saved()
    opened.service.faults = ServerFaults(twice_gzip="users")
    end = run_small(opened, "apply", str(plan))
    assert end.code == 1
    assert TWICE in end.out + end.err
    assert opened.service.writes == []


@pytest.mark.parametrize("claim", [2**31 - 1, 50_000_000])
def test_a_total_that_no_service_has_is_an_incomplete_read(
    claim: int, open_command_workspace: OpenCommandWorkspace
) -> None:
    opened = serve(open_command_workspace)
    opened.service.faults = ServerFaults(claim_total=claim, page_cap=1)
    end = run_small(opened, "plan")
    assert end.code == 3
    assert f"the service says it has {claim:,} users, more than the 16,000,000 that can be read" in end.out
    assert len(opened.service.log) == 1


def test_a_total_far_beyond_what_the_pages_bring_is_an_incomplete_read(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened = serve(open_command_workspace, people=20)
    opened.service.faults = ServerFaults(claim_total=16_000_000, page_cap=1)
    end = run_small(opened, "plan")
    assert end.code == 3
    assert "is empty, though more users were announced (3 attempts)" in end.out
    assert len(opened.service.log) < 200


def test_an_answer_of_millions_of_values_is_refused(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = serve(open_command_workspace)
    opened.service.faults = ServerFaults(values=10_000_000)
    end = run_small(opened, "plan")
    assert (end.code, end.out) == (1, "")
    assert "the service's answer holds more than 1,000,000 values" in end.err


def test_a_value_of_megabytes_leaves_its_user_untouched(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = serve(open_command_workspace)
    opened.service.users["id-1"]["title"] = "x" * 5_000_000
    end = run_small(opened, "plan")
    assert end.code == 5
    assert "title has 5,000,000 characters, more than 65,536" in end.err + end.out
    assert len(end.out + end.err) < 20_000
