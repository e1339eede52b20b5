"""Every pure output format except those of a plan, rendered from a value that is wherever an untrusted one can be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.apply.quarantine import FailingUser, Health, QuarantineState
from reconciler.core.field_change import FieldChange, JsonText
from reconciler.core.model import Diagnostic, Origin, RulePart, ScopeReason, Target, Verdict, error, format_user_address
from reconciler.core.plan import Outcome, Result
from reconciler.core.planning.explanation import Decision, Explanation, MappedRow, MatchLookup
from reconciler.core.policy import Limit
from reconciler.core.scope.trace import ClauseResult, Trace, TraceStep
from reconciler.git.commit import Commit
from reconciler.github.workflow_commands import annotate, format_outputs, format_summary
from reconciler.history.edits import USER, Edit, EditKind, Entity
from reconciler.history.outcomes import AppliedChange, ApplyRun, Cause, EditOutcome, TimelineEntry, UnrequestedChange
from reconciler.history.revert import Conflict, RevertPlan, RevertStep
from reconciler.record.plan_file import json_text
from reconciler.record.runs import Quarantine
from reconciler.render import explanation as explained
from reconciler.render.apply_report import render_outcome, render_report
from reconciler.render.fleet_markdown import render_fleet_markdown
from reconciler.render.fleet_page import render_fleet_page
from reconciler.render.fleet_text import render_fleet_text
from reconciler.render.fleet_view import FleetView, build_fleet_view
from reconciler.render.history import HistoryView, history_document, render_history
from reconciler.render.history_page import render_history_page
from reconciler.render.import_changes import render_import
from reconciler.render.import_document import render_import_json
from reconciler.render.log_entry import Cycle, Stamp, format_outcome, format_unplanned
from reconciler.render.record_page import render_record
from reconciler.render.rollback import render_revert
from reconciler.render.stale_plan import render_difference, render_differences
from reconciler.render.status import Status, render_status
from reconciler.render.status_document import status_document
from reconciler.render.style import Style
from reconciler.sources.import_report import ImportOutcome
from support.builders import TARGET, change, live, source_user
from support.fleet_reports import full_fleet, removed_users
from support.import_reports import full_report
from support.untrusted_text import plan_that_says

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


# --- history ---------------------------------------------------------------------


def applied(word: str, result: Result = Result.FAILED) -> AppliedChange:
    values = {"title": word, "name.givenName": word}
    other = {"title": f"{word}{word}", "name.givenName": True}
    return AppliedChange(format_user_address(word), word, word, word, word, values, other, result.value, word, NOW)


def run(word: str) -> ApplyRun:
    return ApplyRun(word, word, word, NOW, True, {word: applied(word)}, how=word, ended=NOW)


def entity(word: str, name: str) -> Entity:
    return Entity(USER, name, {"department": word, "several": (word, word), "objectId": word}, f"users/{word}.yaml")


def history(word: str) -> HistoryView:
    commit = Commit("c0ffee" * 6, word, word, word)
    rows = (
        FieldChange("department", word, f'{word}"'),
        FieldChange(f"x{word}", (word, word), None),
        FieldChange("y", None, True),
        FieldChange("filters", None, (JsonText(json.dumps([{word: word}, word])),)),
    )
    became = EditOutcome("failed", run(word), applied(word))
    edits = (
        Edit(EditKind.CHANGED, entity(word, f"old{word}"), entity(word, f"new{word}"), rows),
        Edit(EditKind.MOVED, entity(word, word), entity(word, word), ()),
        Edit(EditKind.ADDED, None, Entity("group", word, {"members": (word,)}, word), rows),
        Edit(EditKind.REMOVED, Entity("document", word, {}, word), None, rows),
    )
    entries = [TimelineEntry(NOW, commit, "7", became, edit) for edit in edits]
    drift = TimelineEntry(
        NOW, None, None, EditOutcome(word, run(word), applied(word)), None, UnrequestedChange(Cause.DRIFT, rows)
    )
    return HistoryView((*entries, drift), word, word, cut=True)


def log_text(word: str, style: Style) -> str:
    return render_history(history(word), style)


def log_json(word: str, style: Style) -> str:
    return json_text(history_document(history(word), style))


def log_html(word: str, style: Style) -> str:
    return render_history_page(history(word), style)


def rollback_text(word: str, style: Style) -> str:
    was, now = entity(word, word), entity(f"{word}x", word)
    steps = [
        RevertStep(now, was),
        RevertStep(None, was),
        RevertStep(now, None),
        RevertStep(now, was, {"department": word}),
    ]
    conflicts = [Conflict(word, None, None, None, "edited since"), Conflict(word, word, word, word, "edited since")]
    return render_revert(RevertPlan(steps, conflicts), [word, f"groups/{word}.yaml"], style, forced=False)


def import_text(word: str, style: Style) -> str:
    return render_import(full_report(word, ImportOutcome.BLOCKED, Limit(1)), style)


def import_json(word: str, _style: Style) -> str:
    return render_import_json(full_report(word))


def record_markdown(word: str, _style: Style) -> str:
    changes = [
        replace(applied(word, result), address=f"{word}{result.value}")
        for result in Result
        if result is not Result.DONE
    ]
    made = ApplyRun(word, word, word, NOW, True, {each.address: each for each in changes}, how="complete", ended=NOW)
    planned = {word: replace(applied(word), address=f"{word}y", result="", time=None)}
    return render_record(Target(word, word), word, [made], planned, Commit(word, word, word, word), lines=3)


# --- current state ---------------------------------------------------------------


def status(word: str) -> Status:
    failing = FailingUser(format_user_address(word), word, word, 3, NOW, NOW, word)
    standing = QuarantineState(Quarantine(word, word), NOW, NOW, 2)
    health = Health(1, None, None, standing, {word: failing})
    return Status(Target(TARGET.profile, word), health, word, replace(standing, why=Quarantine("Refused", word)))


def status_text(word: str, style: Style) -> str:
    return render_status(status(word), style)


def status_json(word: str, style: Style) -> str:
    return json_text(status_document(status(word), style))


def explanation(word: str) -> Explanation:
    origin = Origin(f"users/{word}.yaml", 1, 1)
    part = RulePart(f"[{word}]", f"error: {word}", (RulePart(word, word),))
    row = MappedRow(
        "title", f"template: {word}", {word: word, "n": None}, word, "create", word, word, (word,), word, part
    )
    steps = (
        TraceStep("accountEnabled", ClauseResult.TRUE, word, word),
        TraceStep("assigned", ClauseResult.TRUE, (word, word), word),
        TraceStep(word, ClauseResult.FALSE, word, word, (TraceStep(word, ClauseResult.UNJUDGED, word, word),), origin),
    )
    planned = change(word, before={"title": word}, after={"title": f"{word}x"}, detail=word, origin=origin)
    return Explanation(
        name=word,
        source=replace(source_user(word, givenName=word, department=(word, word)), origin=origin),
        scope=Trace(steps, Verdict(ScopeReason.FILTERED, word)),
        lookups=(MatchLookup("externalId", word, (word, word)),),
        rows=(row, replace(row, parts=None, rule=f"source: {word}"), replace(row, parts=None, value=None)),
        live=replace(live(word, title=word), id=word, last_modified=word),
        decision=Decision(planned, word, (word,)),
        diagnostics=(error(word, word, origin, word),),
    )


def explain_text(word: str, style: Style) -> str:
    return explained.render_explanation(explanation(word), style)


def explain_json(word: str, _style: Style) -> str:
    return json_text(explained.to_document(explanation(word)))


# --- an apply ----------------------------------------------------------------------


def ended(word: str) -> list[Outcome]:
    base = replace(change(word, detail=word), live_id=word)
    return [Outcome(base, result, word, word, (word,), 400, word) for result in Result]


def outcomes(word: str, style: Style) -> str:
    return "\n".join([*(render_outcome(each, style) for each in ended(word)), render_report(ended(word), style)])


def differences(word: str, _style: Style) -> str:
    one = change(word, before={"title": "a"}, after={"title": word, word: word})
    other = change(word, before={"title": word}, after={"title": f"{word}x"})
    return render_differences([(one, other), (one, None), (None, one)]) + "\n" + render_difference(one, other)


def provisioning_log(word: str, style: Style) -> str:
    cycle = Cycle(word, word, Target(word, word), word, word, word, person=True, redact=style.redact)
    stamp = Stamp(word, word, NOW)
    mistake = error(word, word, Origin(word, 1, 1), word)
    lines = [format_outcome(each, cycle, stamp) for each in ended(word)] + [format_unplanned(mistake, cycle, stamp)]
    assert all(isinstance(json.loads(line), dict) for line in lines)
    return "".join(lines)


# --- a fleet ---------------------------------------------------------------------


def view_fleet(word: str) -> FleetView:
    return build_fleet_view(full_fleet(word=f"why: {word}"), removed_users(f"user {word}"), f"at {word}")


def fleet_text(word: str, style: Style) -> str:
    return render_fleet_text(view_fleet(word), style)


def fleet_markdown(word: str, style: Style) -> str:
    return render_fleet_markdown(view_fleet(word), style)


def fleet_html(word: str, style: Style) -> str:
    return render_fleet_page(view_fleet(word), style, {"acme"})


# --- GitHub ----------------------------------------------------------------------


def mistakes(word: str) -> list[Diagnostic]:
    origin = Origin(f"{word}/{word}.yaml", 1, 1)
    return [
        *plan_that_says(word).diagnostics,
        error(word, word, origin, word),
        error(f'"{word}"', f"a\n{word}\n{word}", origin),
    ]


def annotations(word: str, style: Style) -> str:
    """The runner's commands, one per line, without their leading `::`."""
    lines = list(annotate(mistakes(word), word, redact=style.redact))
    assert all("\n" not in line and "\r" not in line for line in lines)
    assert all(line.startswith(("::error", "::warning", "::notice")) for line in lines)
    return "\n".join(line.removeprefix("::") for line in lines)


def markdown_step_summary(word: str, style: Style) -> str:
    """The report of an apply as the summary of a step."""
    return format_summary(outcomes(word, style) + log_text(word, style), 0, markdown=False)


def github_outputs(word: str, _style: Style) -> str:
    return format_outputs({"plan-id": plan_that_says(word).plan_id, "changes": 1, "blocked": True})


OUTPUT_FORMATS: Mapping[str, Callable[[str, Style], str]] = {
    render.__name__: render
    for render in (
        log_text,
        log_json,
        log_html,
        rollback_text,
        import_text,
        import_json,
        record_markdown,
        status_text,
        status_json,
        explain_text,
        explain_json,
        outcomes,
        differences,
        provisioning_log,
        fleet_text,
        fleet_markdown,
        fleet_html,
        annotations,
        markdown_step_summary,
        github_outputs,
    )
}
"""By name: those with `markdown` in it are Markdown, those that end in `html` are pages."""
