from __future__ import annotations

from pathlib import Path
from typing import Any

from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.errors import ReconcilerError
from reconciler.render.site.model import SiteReport
from reconciler.session.site_report import HISTORY, PENDING, RECORD, read_site_report
from reconciler.session.workspace import load_state


def read(target: TargetWorkspace, *plans: Path) -> tuple[SiteReport, ReconcilerError | None]:
    state: Any = load_state(target.workspace, target.terminal)
    return read_site_report(target.workspace, state, plans, target.terminal)


def test_without_git_and_record_it_says_what_is_not_known(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    report, damage = read(target)
    assert damage is None
    assert set(report.unknown) == {RECORD, HISTORY, PENDING}
    assert report.unknown[RECORD] == "no apply to this target is on record here"
    assert [user.account.state.value for user in report.users] == ["not known", "not known"]


def test_history_is_by_user(target: TargetWorkspace) -> None:
    git = GitRepository(target.files.root)
    target.desire(person("ada"))
    git.commit("Add Ada")
    target.desire(person("ada", department="Sales"), person("bob"))
    git.commit("Move Ada")
    report, _ = read(target)
    assert [(user.key[:3], len(user.entries)) for user in report.users] == [("ada", 2), ("bob", 1), ("kee", 1)]
    assert HISTORY not in report.unknown


def test_a_user_that_was_removed_from_git_stays_on_the_list(target: TargetWorkspace) -> None:
    git = GitRepository(target.files.root)
    target.desire(person("ada"), person("bob"))
    git.commit("Add them")
    target.desire(person("bob"))
    git.commit("Remove Ada")
    report, _ = read(target)
    assert [(user.key[:3], user.removed, len(user.entries)) for user in report.users] == [
        ("ada", True, 2),
        ("bob", False, 1),
        ("kee", False, 1),
    ]


def test_a_damaged_receipt_is_reported(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    folder = target.workspace.plans / "2026-11-01-000000000000"
    folder.mkdir(parents=True)
    (folder / "receipt.jsonl").write_text("[]\n")
    report, damage = read(target)
    assert damage is not None
    assert damage.summary in report.unknown[RECORD]
    assert report.status.verdict == "unknown"
