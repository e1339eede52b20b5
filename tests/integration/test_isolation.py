"""An error of one user affects only that user: the others are planned and applied."""

from __future__ import annotations

import pytest
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

ODD = str(make_user(2)["userName"])
PEOPLE = 8
MOST_AT_FIRST = 20
"""Three users who are refused, and what began before: at most 8 requests are on their way at first, and as many more
changes are admitted."""


def open_faulty_service(
    open_workspace: OpenWorkspace, faults: ServerFaults, people: int = PEOPLE
) -> tuple[FakeScimServer, Workspace]:
    """All users are to be moved to another department."""
    live = [make_user(number) for number in range(people)]
    service = FakeScimServer(faults, live)
    workspace = open_workspace(service)
    workspace.users([source(user, department="Moved") for user in live])
    return service, workspace


def failures(workspace: Workspace) -> dict[str, str]:
    """Return the error message of each failed user by user name."""
    lines = [line for line in workspace.receipt() if line["event"] == "finished" and line["result"] != "done"]
    return {line["user_name"]: line["message"] for line in lines}


def done(result: CommandResult) -> int:
    return result.err.count("Update complete")


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (ServerFaults(refuse_user=ODD), "the service refused it (400)"),
        (ServerFaults(forbid_user=ODD), 'the service forbids the request (403): "this account may not be changed"'),
        (ServerFaults(wrong_id_for=ODD), "the service answered with another user (id "),
        (ServerFaults(garbage_for=ODD), "the service answers with something that is not JSON"),
    ],
)
def test_a_failing_user_does_not_stop_the_others(
    open_workspace: OpenWorkspace, faults: ServerFaults, message: str
) -> None:
    _, workspace = open_faulty_service(open_workspace, faults)
    result = workspace.apply()
    assert (result.code, done(result)) == (5, PEOPLE - 1), result.err
    failed = failures(workspace)
    assert list(failed) == [ODD]
    assert message in failed[ODD]


def test_a_service_that_forbids_everything_gets_only_a_few_requests(open_workspace: OpenWorkspace) -> None:
    service, workspace = open_faulty_service(open_workspace, ServerFaults(forbid_after=1), people=60)
    result = workspace.apply()
    assert (result.code, done(result)) == (1, 0)
    assert "Error: the service forbids the request (403)" in result.err
    assert "Check what the token may do" in result.err
    assert len(failures(workspace)) <= MOST_AT_FIRST
    assert service.log
