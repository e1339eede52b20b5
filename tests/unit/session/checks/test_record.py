from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.checks import ask_all, show
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.record.lock import LockWait, hold_lock
from reconciler.session.checks.context import CheckContext, CheckGroup, open_context
from reconciler.session.checks.files import ask_files
from reconciler.session.checks.record import ask_lock, ask_record

FILES = CheckGroup(ask_files, ("desired_state", "target"))
RECORD = CheckGroup(ask_record, ("record", "last_apply"))
LOCK = CheckGroup(ask_lock, ("lock",))


@pytest.fixture
def context(target: TargetWorkspace) -> Iterator[CheckContext]:
    with ExitStack() as resources:
        yield open_context(target.workspace, target.terminal, resources, environment={})


def ask(context: CheckContext) -> list[str]:
    return list(show(ask_all(context, FILES, RECORD, LOCK)))[2:]


def test_before_the_first_apply(context: CheckContext, target: TargetWorkspace) -> None:
    assert ask(context) == [
        f"ok record: no apply to this target in {target.workspace.plans}",
        "ok last_apply: none on record yet",
        "ok lock: free",
    ]


def test_after_an_apply(context: CheckContext, target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    record, last, lock = ask(context)
    assert record == f"ok record: 1 apply to this target in {target.workspace.plans}"
    assert lock == "ok lock: free"
    assert last.startswith("ok last_apply: 20")
    assert last.endswith(" UTC, complete")


def test_a_service_that_refused_the_last_apply_is_a_quarantine(context: CheckContext, target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.service.token = "another"
    with pytest.raises(Exception, match="401"):
        target.apply()
    last = ask(context)[1]
    assert last.startswith("warning last_apply: in quarantine since 20")
    assert last.endswith(" | `reconciler status` tells more.")


def test_a_record_branch_that_is_not_here(context: CheckContext, target: TargetWorkspace) -> None:
    target.files.settings(record={"branch": "reconciler-record"})
    assert ask(context)[0] == (
        f'warning record: branch "reconciler-record" is not here; no apply to this target in {target.workspace.plans}'
        " | Before the first apply of a workflow that is normal."
    )


def test_a_damaged_record_is_a_failure(context: CheckContext, target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    (receipt,) = target.workspace.plans.glob("*/receipt.jsonl")
    receipt.write_text("", "utf-8")
    assert receipt.with_name("README.md").exists()
    found = ask(context)
    assert found[0].startswith("failed record: ")
    assert found[1:] == ["skipped last_apply: not asked: record failed", "ok lock: free"]


def test_a_running_apply_is_shown_and_its_lock_not_taken(context: CheckContext, target: TargetWorkspace) -> None:
    lock = target.workspace.lock(target.state().target)
    lock.parent.mkdir(parents=True)
    with hold_lock(lock, LockWait(0, print)):
        assert ask(context)[2].startswith("ok lock: an apply is running: ")


def test_a_lock_that_cannot_be_taken(
    context: CheckContext, target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    text = ask(context)[2]
    assert text.startswith("failed lock: an apply could not take its lock | ")
    assert text.endswith(" cannot be written. Set XDG_STATE_HOME to a directory of yours on a local disk.")


def test_nothing_is_written(context: CheckContext, target: TargetWorkspace) -> None:
    root = target.workspace.state.parent
    before = sorted(root.rglob("*"))
    ask(context)
    assert sorted(root.rglob("*")) == before
