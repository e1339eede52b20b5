"""kill -9 at each step of a refresh, and processes that want to refresh at the same time.

The authorization server replaces the refresh token with each use, and revokes the connection if an old one comes again.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import wait_for_exit
from support.oauth_workspace import OAuthWorkspace

from reconciler.core.model import Target
from reconciler.record.lock import LockWait, build_lock_name, find_lock_directory, hold_lock

KILL = """
import os
from reconciler.oauth import file_store, token_client
from reconciler.oauth.file_store import FileStore
from reconciler.oauth.rotation import StoredTokens
from reconciler.scim.authorization_transport import AuthorizationTransport

def die():
    os.kill(os.getpid(), 9)

writes = []
def dying_write(self, content):
    writes.append(content)
    if {write} == len(writes) and {before}:
        die()
    real_write(self, content)
    if {write} == len(writes):
        die()
real_write, FileStore.write = FileStore.write, dying_write

replaced = []
def dying_replace(*args, **more):
    if args[0].startswith(".tokens"):
        replaced.append(1)
        if len(replaced) == {replace}:
            die()
    return real_replace(*args, **more)
real_replace, os.replace = os.replace, dying_replace

def dying_request(self, content):
    if {request} == 1:
        die()
    answer = real_request(self, content)
    if {request} == 2:
        die()
    return answer
real_request, token_client.TokenClient._send = token_client.TokenClient._send, dying_request
"""
NOTHING = {"write": 0, "before": False, "replace": 0, "request": 0}
STEPS: dict[str, tuple[dict[str, object], bool]] = {
    "before the note": ({"write": 1, "before": True}, False),
    "while the note is written": ({"replace": 1}, False),
    "after the note": ({"write": 1}, False),
    "before the request": ({"request": 1}, False),
    "after the answer": ({"request": 2}, True),
    "before the tokens are stored": ({"write": 2, "before": True}, True),
    "while the tokens are stored": ({"replace": 2}, True),
    "after the tokens are stored": ({"write": 2}, False),
}
"""Step -> where to die, and whether the tokens of the answer are lost by it."""


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuthWorkspace]:
    found = OAuthWorkspace(tmp_path, monkeypatch)
    yield found
    found.close()


@pytest.mark.parametrize("rotates", [True, False], ids=["rotating", "not rotating"])
@pytest.mark.parametrize("step", STEPS)
def test_a_refresh_killed_at_any_step_is_made_good_or_explained(
    opened: OAuthWorkspace, step: str, rotates: bool
) -> None:
    opened.switch(rotate_refresh=rotates)
    opened.age()
    where, loses = STEPS[step]
    assert opened.patched(KILL.format(**{**NOTHING, **where}), "plan").code == -9
    refreshes = opened.refreshes()
    result = opened.plan()
    if loses and rotates:
        assert result.code == 1
        assert "(invalid_grant)" in result.err
        assert "has no stored result" in " ".join(result.err.split())
        opened.log_in()
        result = opened.plan()
    assert result.code == 2, result.err
    assert opened.stored.refresh_begun is None
    if not loses or not rotates:
        stored = step == "after the tokens are stored"
        assert opened.refreshes() == refreshes + (0 if stored else 1)
        assert not opened.is_revoked()
    assert sorted(file.name for file in opened.tokens.parent.iterdir()) == [".tokens.lock", "tokens"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_refresh_that_is_interrupted_is_finished_and_stored_first(opened: OAuthWorkspace, number: int) -> None:
    opened.switch(slow=1.5)
    opened.age()
    process = opened.start("plan")
    for _ in range(600):
        if opened.stored.refresh_begun is not None:
            break
        time.sleep(0.05)
    process.send_signal(number)
    assert wait_for_exit(process).code == 130
    opened.switch()
    assert opened.refreshes() == 1
    assert opened.stored.refresh_begun is None
    assert opened.plan().code == 2
    assert opened.refreshes() == 1


@pytest.mark.parametrize("processes", [2, 8])
def test_processes_that_want_to_refresh_at_the_same_time_do_it_once(opened: OAuthWorkspace, processes: int) -> None:
    for turn in range(1, 3):
        opened.age()
        started = [opened.start("plan") for _ in range(processes)]
        results = [wait_for_exit(process) for process in started]
        assert [result.code for result in results] == [0] * processes, results
        assert opened.refreshes() == turn
    assert not opened.is_revoked()
    assert opened.stored.refresh_begun is None


def test_processes_with_locks_in_different_places_refresh_once(opened: OAuthWorkspace) -> None:
    homes = [str(opened.root / name) for name in ("service", "shell", "container")]
    for turn in range(1, 3):
        opened.age()
        results = [wait_for_exit(process) for process in [opened.start("plan", XDG_STATE_HOME=home) for home in homes]]
        assert [result.code for result in results] == [0] * len(homes), results
        assert opened.refreshes() == turn
    assert not opened.is_revoked()


def test_a_plan_refreshes_while_an_apply_holds_the_lock_of_the_target(opened: OAuthWorkspace) -> None:
    opened.age()
    locks = find_lock_directory(opened.environment())
    with hold_lock(locks / build_lock_name(Target("scim", opened.base_url)), LockWait(0, print)):
        assert opened.command("apply", "--auto-approve").code == 1
        assert opened.refreshes() == 0
        assert opened.command("plan").code == 0
    assert opened.refreshes() == 1
