"""Users that are created without a look-up of their names first, and another machine that creates them too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from support.laws import examples
from support.sample_org import DOMAIN, account, person
from support.servers.fake_scim import FakeScimServer, Logged, ServerFaults
from support.workspace import OpenWorkspace, Workspace

from reconciler.apply.creation_lookups import EVERY, FIRST
from reconciler.apply.execution import WORKERS

COMMAND = Path(sys.executable).parent / "reconciler"
PEOPLE = [f"p{number:02}" for number in range(60)]
MAY_BE_LOOKED_UP = FIRST + WORKERS + len(PEOPLE) // EVERY
"""Of many creates at a service with unique names: the first ones, as many as begin meanwhile, and samples."""
DECLARED = ServerFaults(unique_names_declared=True)
LENIENT = ServerFaults(duplicates_accepted=True)
LYING = ServerFaults(unique_names_declared=True, duplicates_accepted=True)


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as context:
        yield context


def open_at(service: FakeScimServer, folder: Path, patch: pytest.MonkeyPatch) -> Workspace:
    service.add(account("keeper"))
    workspace = Workspace(folder, service.base_url, service.token, patch)
    workspace.users(map(person, [*PEOPLE, "keeper"]))
    return workspace


@pytest.fixture
def opened(open_workspace: OpenWorkspace) -> tuple[FakeScimServer, Workspace]:
    service = FakeScimServer()
    service.add(account("keeper"))
    workspace = open_workspace(service)
    workspace.users(map(person, [*PEOPLE, "keeper"]))
    return service, workspace


def looked_up(service: FakeScimServer) -> set[str]:
    """Return the names that were looked up before any user of theirs was created."""
    found: set[str] = set()
    created: set[str] = set()
    for entry in service.log:
        if entry.method == "POST":
            created.add(entry.user_name or "")
        elif created and (sought := entry.query.get("filter", "")).startswith("userName eq"):
            name = json.loads(sought.removeprefix("userName eq "))
            found |= {name} - created
    return found


def know_names(workspace: Workspace) -> None:
    """Target a service of which the profile knows that names are unique."""
    target = {
        "profile": "apple-business-manager",
        "base_url": workspace.base_url,
        "domains": [DOMAIN.removeprefix("@")],
    }
    workspace.settings(target=target)


def count_questions(service: FakeScimServer) -> int:
    return sum(entry.path == "/Schemas" for entry in service.log)


def doubled(service: FakeScimServer) -> int:
    """Count the accounts that are one too many."""
    names = Counter(user["userName"].casefold() for user in service.users.values())
    return sum(count - 1 for count in names.values())


def join(service: FakeScimServer, at: int, *people: str) -> None:
    """Let another machine create these users right after the write `at`."""

    def after(entry: Logged) -> None:
        if entry.nth_write == at:
            held = {user["userName"] for user in service.users.values()}
            for who in people:
                if who + DOMAIN not in held:
                    service.add(account(who))

    service.after = after


def test_few_names_are_looked_up_where_the_profile_knows_that_they_are_unique(
    opened: tuple[FakeScimServer, Workspace],
) -> None:
    service, workspace = opened
    know_names(workspace)
    assert workspace.apply().code == 0
    assert len(looked_up(service)) <= MAY_BE_LOOKED_UP
    assert (doubled(service), workspace.plan().code) == (0, 0)


@pytest.mark.parametrize("faults", [ServerFaults(), DECLARED, LENIENT, LYING])
def test_any_other_service_is_asked_about_each_name_whatever_it_declares(
    opened: tuple[FakeScimServer, Workspace], faults: ServerFaults
) -> None:
    service, workspace = opened
    service.faults = faults
    assert workspace.apply().code == 0
    assert count_questions(service) == 0
    assert len(looked_up(service)) >= len(PEOPLE) - WORKERS
    assert sum("userName eq" in entry.query.get("filter", "") for entry in service.log) >= len(PEOPLE)


LAW = settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))


@LAW
@given(data=st.data())
def test_another_machine_makes_no_user_twice_at_a_service_with_unique_names(
    data: st.DataObject, patch: pytest.MonkeyPatch
) -> None:
    """Whenever it creates users, whoever they are, whether they are as desired, and whatever else fails."""
    at = data.draw(st.integers(1, len(PEOPLE)))
    theirs = data.draw(st.lists(st.sampled_from(PEOPLE), unique=True))
    fault = data.draw(
        st.sampled_from([{}, {"lose_answer_on_write": at}, {"cut_on_write": at + 1}, {"write_error_on": at + 1}])
    )
    with tempfile.TemporaryDirectory() as folder, FakeScimServer(ServerFaults(**fault)) as service:
        workspace = open_at(service, Path(folder), patch)
        know_names(workspace)
        join(service, at, *theirs)
        first = workspace.apply()
        note(f"{at} {theirs} {fault}\n{first.out}{first.err}")
        assert first.code in (0, 5)
        assert doubled(service) == 0
        service.after, service.faults = None, ServerFaults()
        assert workspace.apply().code == 0
        assert (doubled(service), workspace.plan().code) == (0, 0)
        assert len(service.users) == len(PEOPLE) + 1


@LAW
@given(data=st.data())
def test_another_machine_makes_no_user_twice_where_names_are_looked_up(
    data: st.DataObject, patch: pytest.MonkeyPatch
) -> None:
    """But for users that are on their way: those are as many as before."""
    at = data.draw(st.integers(1, 20))
    with tempfile.TemporaryDirectory() as folder, FakeScimServer(LENIENT) as service:
        workspace = open_at(service, Path(folder), patch)
        join(service, at, *PEOPLE[at + WORKERS :])
        assert workspace.apply().code == 0
        assert (doubled(service), workspace.plan().code) == (0, 0)


@LAW
@given(data=st.data())
def test_a_profile_that_is_wrong_about_unique_names_does_bounded_harm(
    data: st.DataObject, patch: pytest.MonkeyPatch
) -> None:
    """Another machine creates all the others: the next sample ends it, and the next plan reports who exists twice."""
    at = data.draw(st.integers(1, len(PEOPLE)))
    with tempfile.TemporaryDirectory() as folder, FakeScimServer(LENIENT) as service:
        workspace = open_at(service, Path(folder), patch)
        know_names(workspace)
        join(service, at, *PEOPLE)
        assert workspace.apply().code in (0, 5)
        assert doubled(service) < EVERY + WORKERS
        found = workspace.plan()
        assert found.plan["resource_changes"] == [], "nobody is changed or removed"
        assert (found.code == 5) == (doubled(service) > 0)


def test_another_machine_that_began_before_is_noticed_by_the_first_names(
    opened: tuple[FakeScimServer, Workspace],
) -> None:
    """A profile that is wrong, and an apply that made the first users after the list was read."""
    service, workspace = opened
    service.faults = LENIENT
    know_names(workspace)

    def after(_entry: Logged) -> None:
        looked_up = sum("filter" in entry.query for entry in service.log)
        if looked_up == 2 * 20 and len(service.users) == 1:  # the sample that shows whether the list is whole
            for who in PEOPLE[:40]:
                service.add(account(who))

    service.after = after
    assert workspace.apply().code == 0
    assert (doubled(service), workspace.plan().code) == (0, 0)


def start(workspace: Workspace, home: Path) -> subprocess.Popen[bytes]:
    """Start an apply as another machine would: with a record and a lock of its own."""
    line = [COMMAND, "apply", "--auto-approve", "--state", str(workspace.state), "--plans", str(home / "plans")]
    environment = {**os.environ, "XDG_STATE_HOME": str(home / "state-home")}
    return subprocess.Popen(line, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("pause", [False, True])
def test_two_applies_from_two_machines_make_no_user_twice(
    opened: tuple[FakeScimServer, Workspace], tmp_path: Path, *, pause: bool
) -> None:
    service, workspace = opened
    service.faults = ServerFaults(latency=0.01)
    know_names(workspace)
    processes = [start(workspace, tmp_path / "a")]
    wait_for: Callable[[], bool] = (lambda: bool(service.writes)) if pause else (lambda: True)
    while not wait_for() and processes[0].poll() is None:
        pass
    processes.append(start(workspace, tmp_path / "b"))
    # A list that changes while it is read proves nothing: that plan is blocked.
    assert {process.wait(timeout=120) for process in processes} <= {0, 3, 5}
    assert doubled(service) == 0
    assert workspace.apply().code == 0
    assert (doubled(service), workspace.plan().code) == (0, 0)
