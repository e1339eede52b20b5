"""After an interrupt at any point of an apply, everything that counts changes that were not started agrees.

The output of the command, the receipt, `status`, `log` and the page of the record.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from functools import partial
from typing import Any

import pytest
from conftest import OpenWorkspace
from support.git_workspace import GitWorkspace, person
from support.servers.fake_scim import FakeScimServer, Logged, ServerFaults
from support.workspace import CommandResult

from reconciler.apply.execution import Execution
from reconciler.session import execution

NAMES = ("ada", "bob", "cleo", "dora", "emil", "finn")


@pytest.fixture
def org(open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch) -> GitWorkspace:
    monkeypatch.setattr(execution, "Execution", partial(Execution, workers=2))
    service = FakeScimServer()
    return GitWorkspace(open_workspace(service), service)


def swap_and_grow(org: GitWorkspace) -> None:
    """Make a plan of all kinds: updates, a swap of names, a removal, and users to create."""
    first = [person(who) for who in NAMES[:4]]
    org.commit(*first, person("gone"))
    assert org.work.apply().code == 0
    first[0]["userPrincipalName"], first[1]["userPrincipalName"] = "bob@example.com", "ada@example.com"
    first[2]["department"] = "Research"
    org.commit(*first, *(person(who) for who in NAMES[4:]))


def count_everywhere(org: GitWorkspace, result: CommandResult) -> dict[str, int]:
    """Return the number of changes that were not started, by who says so."""
    work = org.work
    record = max(work.plans.iterdir(), key=lambda path: path.stat().st_mtime)
    receipt = json.loads((record / "receipt.jsonl").read_text("utf-8").splitlines()[-1])
    assert (receipt["event"], receipt["how"]) == ("apply_finished", "interrupted")
    here = ("--plans", str(work.plans))
    status: dict[str, Any] = json.loads(work.run("status", "--format", "json", *here).out)
    page = (record / "README.md").read_text("utf-8")
    history = json.loads(work.run("log", "--format", "json", *here).out)["entries"]
    return {
        "output": count_in(r"([\d,]+) changes? not started", result.out),
        "receipt": receipt["left"],
        "status --format json": status["lastExecution"]["countLeft"],
        "status": count_in(r"Last run:.* ([\d,]+) not started", work.run("status", *here).out),
        "page: run": count_in(r"interrupted, ([\d,]+) changes? not started", page),
        "page: outcome": count_in(r"- Outcome: .*?([\d,]+) not started", page),
        "page: section": count_in(r"## Not started[^:]*: ([\d,]+)", page),
        "log": sum(each["outcome"]["state"] == "not started" for each in history),
    }


def count_in(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1].replace(",", "")) if found else 0


def interrupt_at(org: GitWorkspace, number: int) -> None:
    """Press Ctrl-C at the answer to the `number`th request after the second receipt was begun."""
    seen = 0

    def press(_entry: Logged) -> None:
        nonlocal seen
        seen += len(list(org.work.plans.glob("*/receipt.jsonl"))) == 2
        if seen == number:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)

    org.service.after = press


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[] if n % 5 == 4 else [pytest.mark.slow]) for n in range(1, 25)]
)
def test_all_counts_agree(number: int, org: GitWorkspace) -> None:
    swap_and_grow(org)
    interrupt_at(org, number)
    result = org.work.apply()
    org.service.after = None
    if "Apply complete!" in result.out:
        return  # it was interrupted after its last change
    assert result.code == 130
    assert "most of the changes before the removals failed" not in result.out, "they did not fail"
    counts = count_everywhere(org, result)
    assert len(set(counts.values())) == 1, counts
    assert org.work.apply().code == 0


def test_all_counts_agree_after_an_interrupt_in_a_pause(org: GitWorkspace) -> None:
    """Users that were about to be created are on record as started, and nothing was sent for them."""
    org.commit(*(person(who) for who in NAMES))
    busy = ServerFaults(write_error_on=2, write_error_status=429, write_error_times=None, retry_after=90)
    org.service.faults = busy

    def press(entry: Logged) -> None:
        if entry.status == 429:
            os.kill(os.getpid(), signal.SIGINT)

    org.service.after = press
    result = org.work.apply()
    org.service.after = None
    assert result.code == 130
    counts = count_everywhere(org, result)
    assert set(counts.values()) == {5}, counts
    assert "skipped" not in org.work.run("status", "--plans", str(org.work.plans)).out
    org.service.faults = ServerFaults()
    assert org.work.apply().code == 0
