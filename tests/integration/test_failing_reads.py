"""Reads that keep failing, or fail now and then, while others are answered: over real sockets, with less patience."""

from __future__ import annotations

import re
import time

import pytest
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.workspace import OpenWorkspace, Workspace, source

from reconciler.session import connection

PATIENCE = 3.0
ALWAYS = None
PAGE = r"the page from startIndex (201|401) on"


def open_failing(open_workspace: OpenWorkspace, faults: ServerFaults) -> tuple[FakeScimServer, Workspace]:
    people = [make_user(number) for number in range(450)]
    service = FakeScimServer(faults, people)
    workspace = open_workspace(service)
    workspace.users([source(user) for user in people[:449]])
    return service, workspace


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_page_that_is_refused_again_and_again_ends_the_read(
    status: int, open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "READ_SECONDS", PATIENCE)
    faults = ServerFaults(error_on_page=2, error_status=status, error_times=ALWAYS)
    service, workspace = open_failing(open_workspace, faults)
    began = time.monotonic()
    result = workspace.apply("-v")
    assert (result.code, service.writes) == (3, [])
    assert time.monotonic() - began < 3 * PATIENCE
    assert len(service.log) < 12
    blocked = next(line for line in result.out.splitlines() if line.startswith("Blocked: "))
    assert re.search(rf'a page failed: the service refused it \({status}\): "[^"]+" \({PAGE}, [2-5] tries in ', blocked)
    assert blocked.endswith("Run the same command again when the service works")
    waits = re.findall(
        rf"Waiting 1 second, until \d\d:\d\d:\d\d UTC, .*for try (\d) of {PAGE}: the service", result.err
    )
    assert {number for number, _ in waits} >= {"2", "3"}


@pytest.mark.parametrize(
    ("faults", "why"),
    [
        (ServerFaults(broken_transfer=2, broken_times=ALWAYS), "the answer is incomplete"),
        (ServerFaults(lost_list=2, broken_times=ALWAYS), "the answer is incomplete"),
        (ServerFaults(hanging_list=2, broken_times=ALWAYS), "the service took too long to answer"),
    ],
    ids=["cut", "dropped", "no answer"],
)
def test_a_page_that_is_cut_or_dropped_or_never_comes_ends_the_run(
    faults: ServerFaults, why: str, open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "READ_SECONDS", PATIENCE)
    service, workspace = open_failing(open_workspace, faults)
    began = time.monotonic()
    result = workspace.apply()
    assert (result.code, result.out, service.writes) == (1, "", [])
    assert time.monotonic() - began < 3 * PATIENCE
    assert len(service.log) < 12
    assert f"Error: the service does not answer: {why}" in result.err
    assert re.search(rf"\({PAGE}(, [2-5] tries in [1-3] seconds?)?\)\n", result.err), result.err
    assert result.err.endswith("Run the same command again when the service works.\n")


@pytest.mark.parametrize(("page", "code"), [(1, 1), (2, 3)])
def test_a_pause_that_is_too_long_is_not_waited_for(page: int, code: int, open_workspace: OpenWorkspace) -> None:
    faults = ServerFaults(error_on_page=page, error_status=503, error_times=ALWAYS, retry_after=3600)
    service, workspace = open_failing(open_workspace, faults)
    began = time.monotonic()
    result = workspace.apply()
    assert (result.code, service.writes) == (code, [])
    assert time.monotonic() - began < 10
    text = result.out + result.err
    found = re.search(r"it asks to wait 3,600 seconds, until ([-0-9 :]+ UTC)\)", text)
    assert found is not None, text
    assert f"Run the same command again after {found[1]}: a read does not wait that long" in text


@pytest.mark.parametrize(
    "faults",
    [
        ServerFaults(body_on_list=1),
        ServerFaults(body_on_list=2, body=b"\r\n", broken_times=2),
        ServerFaults(truncated_json=3),
        ServerFaults(lost_list=1),
    ],
    ids=["empty", "blank twice", "cut", "dropped"],
)
def test_an_answer_without_a_body_now_and_then_does_not_end_an_apply(
    faults: ServerFaults, open_workspace: OpenWorkspace
) -> None:
    service, workspace = open_failing(open_workspace, faults)
    assert workspace.apply().code == 0
    assert [entry.method for entry in service.writes] == ["PATCH"], "the one user that is not in git is deactivated"
    assert "No changes." in workspace.run("plan").out


def test_empty_answers_only_are_an_error_after_three(open_workspace: OpenWorkspace) -> None:
    service, workspace = open_failing(open_workspace, ServerFaults(body_on_list=2, broken_times=ALWAYS))
    result = workspace.apply()
    assert (result.code, service.writes) == (1, [])
    assert "Error: the service answers with nothing instead of JSON (the page from startIndex" in result.err
    assert "3 tries in " in result.err
