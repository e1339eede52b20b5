"""The outcome of an edit, and what an apply changed although no edit asked for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.core.field_change import FieldChange
from reconciler.core.plan import ActionReason
from reconciler.git.commit import Commit
from reconciler.history.edits import USER, Edit, EditKind, Entity
from reconciler.history.outcomes import (
    PENDING,
    Cause,
    EditOutcome,
    EditWindow,
    MergePoint,
    TimelineEntry,
    UnrequestedChange,
    find_merge_points,
    find_unrequested_change,
    resolve_outcome,
)
from reconciler.record.runs import AppliedChange, ApplyRun, Planned

DAY = datetime(2026, 3, 1, tzinfo=UTC)
KEY = 'user["ada"]'
NOTHING = EditWindow({}, frozenset())


def applied(result: str = "done", action: str = "update", reason: str = "attributes_differ") -> AppliedChange:
    before, after = {"title": "a", "userName": "ada"}, {"title": "b", "userName": "ada.king"}
    return AppliedChange(KEY, action, reason, "", None, before, after, result)


def run(position: int | None, result: str | None = None, **fields: Any) -> ApplyRun:
    changes = {KEY: applied(result)} if result is not None else {}
    return ApplyRun(
        "r", "sha256:x", "c", DAY, **{"whole": True, "how": "complete", **fields}, changes=changes, position=position
    )


# --- outcomes -------------------------------------------------------------------------


def state(position: int | None, *runs: ApplyRun) -> str:
    return resolve_outcome({KEY}, position, runs).state


def test_an_edit_is_pending_until_an_apply_has_it() -> None:
    assert resolve_outcome({KEY}, 3, [run(2, "done")]) is PENDING
    assert state(3, run(2, "done"), run(3, "done")) == "applied"
    assert state(3, run(None, "done")) == "pending", "an apply of another branch"
    assert state(None, run(3, "done")) == "pending", "an edit that is not merged"


def test_a_failed_edit_has_the_outcome_of_the_last_apply_that_tried_until_one_succeeds() -> None:
    runs = [run(1, "failed"), run(1, "unknown")]
    assert state(1, *runs) == "unknown"
    outcome = resolve_outcome({KEY}, 1, [*runs, run(2, "done"), run(3, "failed")])
    assert (outcome.state, outcome.run) == ("applied", run(2, "done"))


def test_an_edit_without_a_change_had_nothing_to_apply() -> None:
    assert state(1, run(1)) == "nothing to apply"
    assert state(1, run(1, whole=False)) == "pending", "an apply for other users"
    assert state(1, run(1, unplannable=frozenset({KEY}))) == "pending"
    assert state(1, run(1, "failed"), run(2)) == "failed", "the next apply had no such change"


def planned(*addresses: str) -> Planned:
    changes = {address: replace(applied(""), address=address) for address in addresses}
    return Planned(changes, "digest", "0.1", DAY, 0)


def test_a_planned_change_that_an_apply_did_not_reach_was_not_started() -> None:
    ended = run(1, how="interrupted", planned=planned(KEY), ended=DAY)
    assert resolve_outcome({KEY}, 1, [ended]).applied == applied("")
    assert state(1, ended) == "not started"
    assert state(1, run(1, how="", planned=planned(KEY))) == "not started, or not finished", "it crashed"
    assert state(1, ended, run(2, "done", planned=planned(KEY))) == "applied"
    assert state(1, run(1, "failed"), ended) == "failed", "the last attempt says more"
    assert state(1, run(1, how="complete", planned=planned(KEY))) == "nothing to apply", "it was done before"


def test_a_change_of_the_user_that_had_the_name_before_is_not_this_users() -> None:
    """In an exchange of names, the address of one user is an earlier address of the other."""
    ours, theirs = replace(applied(""), address='user["eve"]'), applied("failed")
    keys = {"id:1", KEY, 'user["eve"]'}
    both = replace(planned(), changes={"id:1": ours, 'user["eve"]': ours, KEY: theirs})
    interrupted = run(1, "failed", how="interrupted", planned=both, ended=DAY)
    assert resolve_outcome(keys, 1, [interrupted]).applied == ours


# --- changes that no edit asked for ---------------------------------------------------------


def test_an_attribute_that_no_edit_asked_for_was_drift() -> None:
    inputs = {"title": frozenset({"jobTitle"}), "userName": frozenset({"userPrincipalName"})}
    edited = EditWindow({KEY: frozenset({"userPrincipalName"})}, frozenset())
    found = find_unrequested_change(applied(), edited, inputs)
    assert found == UnrequestedChange(Cause.DRIFT, (FieldChange("title", "a", "b"),))
    both = EditWindow({KEY: frozenset({"userPrincipalName", "jobTitle"})}, frozenset())
    assert find_unrequested_change(applied(), both, inputs) is None


@pytest.mark.parametrize("file", ["mappings.yaml", "settings.yaml"])
def test_an_edit_of_mappings_or_settings_asks_for_attributes(file: str) -> None:
    found = find_unrequested_change(applied(), EditWindow({}, frozenset({file})), {"title": frozenset({"jobTitle"})})
    assert found is not None
    assert found.cause is Cause.CONFIGURATION


def test_an_attribute_that_is_made_from_nothing_is_asked_for_by_any_edit_of_the_user() -> None:
    edited = EditWindow({KEY: frozenset({"surname"})}, frozenset())
    assert find_unrequested_change(applied(), edited, {}) is None
    assert find_unrequested_change(applied(), NOTHING, {}) is not None


@pytest.mark.parametrize(
    ("window", "cause"),
    [
        (NOTHING, Cause.DRIFT),
        (EditWindow({}, frozenset({"scope.yaml"})), Cause.CONFIGURATION),
        (EditWindow({}, frozenset({"scope.yaml"}), frozenset({KEY})), Cause.DATE),
        (EditWindow({KEY: frozenset({"title"})}, frozenset()), None),
    ],
)
def test_other_actions_have_one_cause(window: EditWindow, cause: Cause | None) -> None:
    found = find_unrequested_change(applied(action="deactivate"), window, {})
    assert (found.cause if found is not None else None) is cause


def test_a_deletion_after_a_time_is_by_date_whatever_was_edited() -> None:
    late = applied(action="delete", reason=ActionReason.INACTIVE_TOO_LONG.value)
    found = find_unrequested_change(late, EditWindow({KEY: frozenset({"title"})}, frozenset()), {})
    assert found is not None
    assert found.cause is Cause.DATE


# --- entries ------------------------------------------------------------------------------


def test_an_entry_is_about_what_was_edited_or_changed() -> None:
    rows = (FieldChange("title", "a", "b"),)
    edit = Edit(EditKind.CHANGED, None, Entity(USER, "ada", {}, "users/a.yaml"), rows)
    by_edit = TimelineEntry(DAY, Commit("c", "", "", ""), None, PENDING, edit)
    assert (by_edit.address, by_edit.rows) == (KEY, rows)
    outcome = EditOutcome("applied", run(1), applied())
    by_apply = TimelineEntry(DAY, None, None, outcome, None, UnrequestedChange(Cause.DRIFT, rows))
    assert (by_apply.address, by_apply.rows) == (KEY, rows)
    assert (TimelineEntry(DAY, None, None, PENDING).address, TimelineEntry(DAY, None, None, PENDING).rows) == ("", ())


# --- where commits were merged -----------------------------------------------------------------


def test_a_commit_of_a_branch_counts_from_its_merge_on() -> None:
    parents = {"merge": ["b", "y"], "b": ["a"], "a": [], "y": ["x"], "x": ["a"], "later": ["merge"]}
    found = find_merge_points(parents, "later")
    assert {commit: point.position for commit, point in found.items()} == {
        "a": 0,
        "b": 1,
        "x": 2,
        "y": 2,
        "merge": 2,
        "later": 3,
    }
    assert found["x"] == MergePoint(2, "merge")


def test_a_shallow_clone_begins_where_it_is_cut() -> None:
    assert find_merge_points({"b": ["a"]}, "b") == {"b": MergePoint(0, "b")}
    assert find_merge_points({}, "b") == {}
