"""Reports for the pages of `report`: a user in each state, an apply on each of some days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from reconciler.apply.quarantine import FailingUser, Health
from reconciler.core.field_change import FieldChange
from reconciler.core.model import Target
from reconciler.core.plan import Population
from reconciler.git.commit import Commit
from reconciler.history.edits import USER, Edit, EditKind, Entity
from reconciler.history.outcomes import Cause, EditOutcome, TimelineEntry, UnrequestedChange
from reconciler.record.attempts import Attempt
from reconciler.record.runs import AppliedChange, ApplyRun, SettledPlan
from reconciler.render.site.model import AccountState, RecordedState, SiteHistory, SiteReport, SiteUser, Why
from reconciler.render.status import Status

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
IN, OUT = Why(True, "assigned in scope.yaml", ("staff", "sales", "ada"), "Employees", "scope.yaml:7:3"), Why(False, "x")
SHOWN = RecordedState(AccountState.ACTIVE, NOW)


def site_run(days_ago: int, results: Sequence[str] = ("done",), **changed: object) -> ApplyRun:
    """Return an apply with one update for each result."""
    when = NOW - timedelta(days=days_ago)
    attempts = tuple(
        Attempt(f'user["{number}"]', "update", "d", result, "", when) for number, result in enumerate(results)
    )
    more = {"attempts": attempts, "settled": SettledPlan(when, "1", Population(10, 9, 8, when)), **changed}
    run = ApplyRun(f"r{days_ago}", f"sha256:{days_ago:064}", "c0ffee" * 6, when, True, how="complete", ended=when)
    return replace(run, **more)  # type: ignore[arg-type]


def site_entries(word: str = "Sales") -> tuple[TimelineEntry, ...]:
    """Return an edit of a user, the commit that added it, and drift."""
    commit = Commit("c0ffee" * 6, word, word, word)
    entity = Entity(USER, word, {}, "users/people.yaml")
    edits = [
        TimelineEntry(NOW, commit, "7", EditOutcome("pending"), Edit(kind, entity, entity, rows))
        for kind, rows in (
            (EditKind.CHANGED, (FieldChange("department", "IT", word),)),
            (EditKind.ADDED, (FieldChange("department", None, "IT"), FieldChange(f"x{word}", None, word))),
        )
    ]
    applied = AppliedChange(f'user["{word}"]', "update", "", "", "1", {}, {"department": word}, "done", word, NOW)
    what = UnrequestedChange(Cause.DRIFT, (FieldChange("department", word, "IT"),))
    return *edits, TimelineEntry(NOW, commit, None, EditOutcome("applied", site_run(1), applied), None, what)


def site_report(word: str = "ada@example.com", count: int = 0, **changed: object) -> SiteReport:
    """Return a report in which every text is `word`, with `count` more users."""
    failing = FailingUser(word, "update", "d", 2, NOW, NOW, word)
    states = [
        (IN, SHOWN, failing),
        (replace(IN, path=(word, word), rule=word, place=word), SHOWN, None),
        (IN, RecordedState(AccountState.ACTIVE, NOW, unchanged=True), None),
        (IN, RecordedState(AccountState.NONE), None),
        (IN, RecordedState(AccountState.UNKNOWN), None),
        (replace(OUT, text=f'"{word}"'), SHOWN, None),
        (OUT, RecordedState(AccountState.DELETED, NOW), None),
        (OUT, RecordedState(AccountState.NONE), None),
    ]
    entries = site_entries(word)
    users = [SiteUser(word, word, word, *state, entries, 3) for state in states]
    gone = replace(OUT, text=f'removed from git on 2026-12-01 by "{word}"')
    users += [
        SiteUser(word, word, "", gone, RecordedState(state, NOW), None, entries, 3, removed=True)
        for state in (AccountState.DEACTIVATED, AccountState.ACTIVE)
    ]
    users += [replace(users[1], key=f"person.{number:05}@example.com") for number in range(count)]
    runs = [site_run(9), site_run(2, ("done", "failed")), site_run(1)]
    status = Status(
        Target("scim", "https://x.example", None),
        Health(len(runs), runs[-1], runs[-1], None, {word: failing}),
        today=date(2026, 12, 1),
    )
    report = SiteReport(
        status, NOW, "c0ffee" * 6, "0.1.0", users, runs, (), SiteHistory(entries, entries[-1:], 5), {"Record": word}
    )
    return replace(report, **changed)  # type: ignore[arg-type]
