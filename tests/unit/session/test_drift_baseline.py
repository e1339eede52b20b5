from __future__ import annotations

from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.session.drift_baseline import load_drift_baseline


def test_without_an_apply_nothing_can_be_attributed(target: TargetWorkspace) -> None:
    with target.session() as session:
        found = load_drift_baseline(session)
    assert (found.runs, found.states) == ([], [])
    assert [item.summary for item in found.warnings] == ["no apply to this target is on record here"]


def test_an_apply_of_todays_files_needs_no_git(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    with target.session() as session:
        found = load_drift_baseline(session)
    assert (len(found.runs), len(found.states), found.warnings) == (1, 1, ())


def test_an_apply_of_other_files_without_a_commit_is_a_warning(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    target.desire(person("ada", department="Sales"))
    with target.session() as session:
        found = load_drift_baseline(session)
    assert found.states == []
    assert found.warnings[0].summary.endswith("it was made from files that are in no commit")
    assert found.warnings[0].detail == (
        "So edits in the target cannot be distinguished from what is not applied yet, where that apply counts."
    )


def test_an_apply_of_a_commit_is_read_from_git(target: TargetWorkspace) -> None:
    git = GitRepository(target.files.root)
    target.desire(person("ada"))
    git.commit("Add Ada")
    target.apply()
    target.desire(person("ada", department="Sales"))
    moved = git.commit("Move Ada (#7)")
    with target.session() as session:
        found = load_drift_baseline(session)
    (warned,) = found.warnings
    assert (len(found.states), warned.summary) == (1, "1 commit that changed the desired state is not applied")
    assert f": {moved[:12]} (#7), 2026-" in warned.detail


def test_edits_that_were_not_committed_are_a_warning(target: TargetWorkspace) -> None:
    git = GitRepository(target.files.root)
    git.commit("Begin")
    target.desire(person("ada"))
    target.apply()
    target.desire(person("ada", department="Sales"))
    with target.session() as session:
        found = load_drift_baseline(session)
    assert found.warnings[0].summary.endswith(": it was made from files that were edited and not committed")
