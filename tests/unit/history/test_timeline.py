"""Commits joined with applies, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository

from reconciler.core.field_change import FieldChange
from reconciler.git.commit import Commit
from reconciler.git.commits import Commits
from reconciler.history.edits import USER, Edit, EditKind, Entity, TrackedUser
from reconciler.history.outcomes import PENDING, Cause, TimelineEntry, UnrequestedChange
from reconciler.history.timeline import FieldSelection, Timeline, select_fields
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.runs import AppliedChange, ApplyRun

USERS = "desired-state/users/people.yaml"
ADA = 'user["ada"]'
DAY = datetime(2026, 3, 1, tzinfo=UTC)
ALL = FieldSelection()
INPUTS = {"title": frozenset({"jobTitle"}), "name.familyName": frozenset({"surname"})}


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path)


@pytest.fixture
def commits(made: GitRepository) -> Iterator[Commits]:
    made.commit("Add Ada (#1)", {USERS: "- userPrincipalName: ada\n  objectId: id-1\n"})
    with Commits(made.root / "desired-state") as opened:
        yield opened


def edit(made: GitRepository, subject: str, **fields: str) -> str:
    lines = "".join(f"  {name}: {value}\n" for name, value in fields.items())
    return made.commit(subject, {USERS: f"- userPrincipalName: ada\n  objectId: id-1\n{lines}"})


def applied(address: str = ADA, result: str = "done", **fields: Any) -> AppliedChange:
    values: dict[str, Any] = {"before": {"title": "a"}, "after": {"title": "b"}, **fields}
    return AppliedChange(address, "update", "attributes_differ", "", None, result=result, time=DAY, **values)


def run(commit: str, *changes: AppliedChange, days: int = 0, key: str | None = None) -> ApplyRun:
    by_key = {each: found for found in changes for each in found.keys}
    began = DAY + timedelta(days=days)
    return ApplyRun("r", "sha256:x", commit, began, True, by_key, how="complete", ended=began, key=key)


def timeline(commits: Commits, made: GitRepository, *runs: ApplyRun, redactor: Redactor = NO_REDACTION) -> Timeline:
    return Timeline(commits, made.head(), runs, INPUTS, redactor)


def summary(entries: Sequence[TimelineEntry]) -> list[tuple[str, str]]:
    return [
        (entry.edit.kind.value if entry.edit is not None else entry.unrequested_change.cause.value, entry.outcome.state)
        for entry in entries
        if entry.edit is not None or entry.unrequested_change is not None
    ]


def of_ada(found: Timeline, since: datetime | None = None, fields: FieldSelection = ALL) -> list[TimelineEntry]:
    return found.read_user(TrackedUser({"ada"}), since, fields)


def test_edits_are_newest_first_with_their_outcomes(commits: Commits, made: GitRepository) -> None:
    first = made.head()
    edit(made, "Promote", jobTitle="Lady")
    entries = of_ada(timeline(commits, made, run(first, applied())))
    assert summary(entries) == [("changed", "pending"), ("added", "applied")]
    assert entries[1].pull_request == "1"
    assert entries[0].commit is not None
    assert entries[0].commit.subject == "Promote"


def test_a_correction_that_no_edit_asked_for_follows_its_commit(commits: Commits, made: GitRepository) -> None:
    first = made.head()
    second = edit(made, "Promote", jobTitle="Lady")
    runs = run(first, applied()), run(second, applied(), days=1), run(second, applied(), days=2)
    assert summary(of_ada(timeline(commits, made, *runs))) == [
        (Cause.DRIFT.value, "applied"),
        ("changed", "applied"),
        ("added", "applied"),
    ]


def test_an_edit_on_a_branch_counts_from_its_merge_on(commits: Commits, made: GitRepository) -> None:
    first = made.head()
    made.git("checkout", "--quiet", "-b", "branch")
    edit(made, "Promote", jobTitle="Lady")
    made.git("checkout", "--quiet", "main")
    made.commit("Meanwhile", {"desired-state/settings.yaml": "profile: scim\n"})
    merge = made.merge("branch", "Merge pull request #7 from org/branch")
    pending = of_ada(timeline(commits, made, run(first, applied())))[0]
    assert (pending.outcome.state, pending.pull_request) == ("pending", "7")
    assert of_ada(timeline(commits, made, run(merge, applied())))[0].outcome.state == "applied"


def test_a_user_that_is_gone_is_found_by_its_last_name(commits: Commits, made: GitRepository) -> None:
    made.commit("Rename", {USERS: "- userPrincipalName: ada.king\n  objectId: id-1\n"})
    made.commit("Remove", {USERS: "[]\n"})
    assert summary(of_ada(timeline(commits, made))) == [
        ("removed", "pending"),
        ("changed", "pending"),
        ("added", "pending"),
    ]


def test_only_entries_since_a_time_are_read(commits: Commits, made: GitRepository) -> None:
    edit(made, "Promote", jobTitle="Lady")
    newest = of_ada(timeline(commits, made))[0].when
    assert summary(of_ada(timeline(commits, made), since=newest)) == [("changed", "pending")]
    everything = timeline(commits, made).read_all(newest, ALL)
    assert summary(list(everything)) == [("changed", "pending")]


def test_among_all_users_edits_of_other_files_have_the_outcome_of_the_first_apply(
    commits: Commits, made: GitRepository
) -> None:
    second = made.commit("Scope", {"desired-state/scope.yaml": "mode: all\n"})
    (entry,) = list(timeline(commits, made).read_all(None, ALL))[:1]
    assert (entry.address, entry.outcome.state) == ("scope.yaml", "pending")
    (entry,) = list(timeline(commits, made, run(second)).read_all(None, ALL))[:1]
    assert entry.outcome.state == "in effect"


def test_digests_on_record_are_recognised_with_the_key(commits: Commits, made: GitRepository) -> None:
    redactor = Redactor(b"k" * 32)
    found = run(made.head(), applied(redactor.address(ADA)), key=redactor.key_id)
    assert summary(of_ada(timeline(commits, made, found, redactor=redactor))) == [("added", "applied")]
    assert summary(of_ada(timeline(commits, made, found))) == [("added", "nothing to apply")]


# --- fields ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sources", "targets"),
    [
        ("surname", {"surname"}, {"name.familyName"}),
        ("name.familyName", {"surname"}, {"name.familyName"}),
        ("jobTitle", {"jobTitle"}, {"title"}),
        ("department", {"department"}, set()),
    ],
)
def test_a_field_is_a_source_with_its_targets_or_a_target_with_its_sources(
    name: str, sources: set[str], targets: set[str]
) -> None:
    assert select_fields(name, INPUTS) == FieldSelection(frozenset(sources), frozenset(targets))


def test_entries_are_narrowed_to_the_selected_fields() -> None:
    rows = FieldChange("surname", "a", "b"), FieldChange("jobTitle", "a", "b")
    entity = Entity(USER, "ada", {}, USERS)
    entry = TimelineEntry(DAY, Commit("c", "", "", ""), None, PENDING, Edit(EditKind.CHANGED, entity, entity, rows))
    surname = select_fields("surname", INPUTS).narrow(entry)
    assert surname is not None
    assert surname.rows == rows[:1]
    assert select_fields("department", INPUTS).narrow(entry) is None
    assert ALL.narrow(entry) is entry
    change = UnrequestedChange(Cause.DRIFT, (FieldChange("name.familyName", "a", "b"), FieldChange("title", "a", "b")))
    corrected = select_fields("surname", INPUTS).narrow(TimelineEntry(DAY, None, None, PENDING, None, change))
    assert corrected is not None
    assert corrected.rows == change.rows[:1]
