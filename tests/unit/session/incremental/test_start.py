"""Where an incremental plan may start, and where not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from support.sample_org import person
from unit.session.incremental.conftest import CommittedTarget

from reconciler.core.plan import Population
from reconciler.errors import FullPlanNeededError
from reconciler.record.reader import read_runs
from reconciler.record.runs import ApplyRun
from reconciler.session.incremental.start import DUE, OLDEST_READ, IncrementalStart, find_start, is_due, load_changed


def runs_of(committed: CommittedTarget) -> list[ApplyRun]:
    target = committed.target
    return read_runs(target.workspace.history, target.state().target)


def start_of(committed: CommittedTarget) -> IncrementalStart:
    return find_start(committed.target.workspace, runs_of(committed))


def test_it_is_the_last_apply_that_left_no_user_open(committed: CommittedTarget) -> None:
    start = start_of(committed)
    assert start.commit == committed.git.head()
    assert (start.settled.population.users, start.settled.population.managed, start.settled.population.active) == (
        3,
        3,
        3,
    )


def test_without_a_record_there_is_none(committed: CommittedTarget) -> None:
    with pytest.raises(FullPlanNeededError, match="no apply on record"):
        find_start(committed.target.workspace, [])


Spoil = Callable[[ApplyRun], ApplyRun]


def settled(run: ApplyRun, **changed: object) -> ApplyRun:
    assert run.settled is not None
    return replace(run, settled=replace(run.settled, **changed))  # type: ignore[arg-type]


def read_at(run: ApplyRun, days: float) -> ApplyRun:
    assert run.settled is not None
    population = replace(run.settled.population, at=run.settled.at - timedelta(days=days))
    return settled(run, population=population)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda run: replace(run, settled=None), "no apply on record"),
        (lambda run: replace(run, left=1), "no apply on record"),
        (lambda run: replace(run, how="interrupted"), "no apply on record"),
        (lambda run: replace(run, attempts=(replace(run.attempts[0], result="failed"),)), "no apply on record"),
        (lambda run: replace(run, commit=None), "no commit on record"),
        (lambda run: replace(run, config_digest=None), "no commit on record"),
        (lambda run: settled(run, version="0.0.1"), "another version"),
        (lambda run: settled(run, at=run.began + timedelta(days=3)), "a later time"),
        (lambda run: read_at(run, OLDEST_READ.days + 1), "days ago"),
    ],
)
def test_an_apply_that_proves_too_little(committed: CommittedTarget, spoil: Spoil, why: str) -> None:
    runs = [spoil(run) for run in runs_of(committed)]
    with pytest.raises(FullPlanNeededError, match=why):
        find_start(committed.target.workspace, runs)


def test_an_apply_since_that_left_users_open_needs_a_full_plan(committed: CommittedTarget) -> None:
    run = runs_of(committed)[0]
    later = replace(run, settled=None, requests=1)
    for digest in ("sha256:other", run.config_digest):
        with pytest.raises(FullPlanNeededError, match="an apply failed since"):
            find_start(committed.target.workspace, [run, replace(later, config_digest=digest)])
    assert find_start(committed.target.workspace, [run, replace(later, requests=0)]).run == run


def test_the_users_that_changed_are_loaded(committed: CommittedTarget) -> None:
    start = start_of(committed)
    committed.target.desire(person("ada", department="Research"), person("ben"))
    state, entries = load_changed(committed.target.workspace, start)
    assert [user.key for user in state.users] == ["ada@example.com"]
    assert [user.key for user in entries.former] == ["ada@example.com"]
    assert state.digest == committed.target.state().digest
    assert state.files == committed.target.state().files


MAPPED = (
    "- {target: externalId, source: objectId, match: 1}\n- {target: userName, source: userPrincipalName, match: 2}\n"
)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("scope.yaml", "sync: all\n", "settings, scope, groups or mappings changed"),
        ("groups/a.yaml", "- {name: a, members: {}}\n", "settings, scope, groups or mappings changed"),
        ("mappings.yaml", MAPPED, "settings, scope, groups or mappings changed"),
        ("users/broken.yaml", "- {", "has errors"),
    ],
)
def test_what_needs_a_full_plan(committed: CommittedTarget, name: str, text: str, why: str) -> None:
    start = start_of(committed)
    committed.target.files.write(name, text)
    with pytest.raises(FullPlanNeededError, match=why):
        load_changed(committed.target.workspace, start)


def applied_with(committed: CommittedTarget, name: str, text: str) -> IncrementalStart:
    """Return the start after an apply with another file."""
    committed.target.files.write(name, text)
    committed.git.commit("Configure")
    assert committed.target.apply() == 0
    return start_of(committed)


FULL_MAPPINGS = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: active, expression: 'Not([IsSoftDeleted])'}
"""


@pytest.mark.parametrize(
    ("mappings", "why"),
    [
        (FULL_MAPPINGS, ""),
        (FULL_MAPPINGS.replace("source: objectId", "expression: 'ToLower([objectId])'"), "externalId is not a value"),
        (FULL_MAPPINGS + "- {target: displayName, source: givenName, match: 3}\n", "matched by other attributes"),
    ],
)
def test_names_must_be_in_the_entries(committed: CommittedTarget, mappings: str, why: str) -> None:
    start = applied_with(committed, "mappings.yaml", mappings)
    if not why:
        load_changed(committed.target.workspace, start)
        return
    with pytest.raises(FullPlanNeededError, match=why):
        load_changed(committed.target.workspace, start)


def test_a_filter_that_reads_the_date_is_for_one_day(committed: CommittedTarget) -> None:
    hired = "{name: hired, clauses: [{attribute: employeeHireDate, operator: DATE BEFORE, value: today}]}"
    named = "{name: named, clauses: [{attribute: surname, operator: IS NOT NULL}]}"
    text = f"sync: all\nfilters: [{hired}, {named}]\n"
    start = applied_with(committed, "scope.yaml", text)
    load_changed(committed.target.workspace, start)
    tomorrow = replace(committed.target.workspace, now=committed.target.workspace.now + timedelta(days=1))
    with pytest.raises(FullPlanNeededError, match="reads the date"):
        load_changed(tomorrow, start)


def test_a_commit_that_is_not_here(committed: CommittedTarget) -> None:
    with pytest.raises(FullPlanNeededError) as raised:
        load_changed(committed.target.workspace, replace(start_of(committed), commit="0" * 40))
    assert raised.value.summary == (
        "git cannot show the last complete apply's files: commit 000000000000 is not in this repository:"
        " the branch that had it was deleted or rewritten"
    )


def test_a_shallow_clone_says_how_to_fetch_the_history(committed: CommittedTarget) -> None:
    start = start_of(committed)
    committed.desire(person("ada", department="Research"), person("ben"))
    root = committed.git.root
    (root / ".git/shallow").write_text(committed.git.head() + "\n")
    committed.git.git("reflog", "expire", "--expire=all", "--all")
    committed.git.git("gc", "--quiet", "--prune=all")
    with pytest.raises(FullPlanNeededError) as raised:
        load_changed(committed.target.workspace, start)
    assert raised.value.summary == (
        f"git cannot show the last complete apply's files: commit {start.commit[:12]} is not in this clone, which is"
        " shallow (git fetch --unshallow; in GitHub Actions `fetch-depth: 0`)"
    )


def test_files_that_a_partial_clone_lacks(committed: CommittedTarget) -> None:
    start = start_of(committed)
    committed.desire(person("ada", department="Research"), person("ben"))
    blob = committed.git.git("rev-parse", f"{start.commit}:desired-state/users/people.yaml")
    (committed.git.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(FullPlanNeededError) as raised:
        load_changed(committed.target.workspace, start)
    assert raised.value.summary.endswith("Fetch the history.")


def test_files_that_were_not_committed_when_they_were_applied(committed: CommittedTarget) -> None:
    start = replace(start_of(committed), run=replace(start_of(committed).run, config_digest="sha256:other"))
    with pytest.raises(FullPlanNeededError) as raised:
        load_changed(committed.target.workspace, start)
    assert raised.value.summary == (
        "the last complete apply was of edits that are not in its commit; commit first, then apply all users again"
    )


def test_an_apply_that_changes_nothing_is_recorded_in_time(committed: CommittedTarget) -> None:
    target = committed.target
    with target.session() as session:
        from reconciler.session.live_plan import make_plan  # noqa: PLC0415 - only here

        plan = make_plan(session, (), target.terminal)
    runs = runs_of(committed)
    assert not is_due(plan, runs)
    assert is_due(plan, [])
    assert is_due(plan, [read_at(run, DUE.days + 1) for run in runs])
    assert not is_due(replace(plan, commit=None), [])
    assert not is_due(replace(plan, population=None), [])
    assert isinstance(plan.population, Population)
