from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from support.desired_state import USUAL
from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.core import paths
from reconciler.desired.loader import DesiredState
from reconciler.session.drift_baseline import AppliedState, _StateLoader, load_drift_baseline


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


DEPARTMENT = f"{paths.ENTERPRISE}:department"


def load_at_times(target: TargetWorkspace, *hours: int) -> list[DesiredState]:
    """Return the desired states of the first apply as of so many hours after the midnight that follows it."""
    with target.session() as session:
        run, loader = load_drift_baseline(session).runs[0], _StateLoader(session)
        midnight = run.began.replace(hour=0, minute=0) + timedelta(days=1)
        found = [loader.load_applied(replace(run, began=midnight + timedelta(hours=hour))) for hour in hours]
    return [each.state for each in found if isinstance(each, AppliedState)]


def test_applies_of_the_same_files_on_one_day_share_their_desired_state(target: TargetWorkspace) -> None:
    git = GitRepository(target.files.root)
    target.desire(person("ada"))
    git.commit("Add Ada")
    target.apply()
    for _ in ("today's files", "a commit"):
        morning, evening, next_day = load_at_times(target, 1, 23, 25)
        assert morning is evening
        assert next_day is not morning
        target.desire(person("ada", department="Sales"))


def test_applies_of_two_commits_on_one_day_have_their_own_desired_states(target: TargetWorkspace) -> None:
    git = GitRepository(target.files.root)
    for department in ("Sales", "Legal"):
        target.desire(person("ada", department=department))
        git.commit(department)
        target.apply()
    for present in ("Legal", "IT"):
        target.desire(person("ada", department=present))
        with target.session() as session:
            loader, runs = _StateLoader(session), load_drift_baseline(session).runs
            found = [loader.load_applied(run) for run in runs]
        states = [each.state for each in found if isinstance(each, AppliedState)]
        assert [state.users[0].attributes[DEPARTMENT] for state in states] == ["Sales", "Legal"]


def test_if_a_mapping_reads_the_clock_each_apply_has_its_own_desired_state(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    row = "- {target: \"enterprise:costCenter\", expression: 'Left(Now(), 10)'}\n"
    Path(target.workspace.state, "mappings.yaml").write_text(f"{USUAL}{row}")
    target.apply()
    morning, evening = load_at_times(target, 1, 23)
    assert morning is not evening
