"""Render what `explain` found about one user as text and as JSON. Pure: values in, one string or plain data out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from reconciler.core.model import Diagnostic, LiveUser, Origin, RulePart
from reconciler.core.paths import shorten_path
from reconciler.core.planning.explanation import Explanation, MappedRow, MatchLookup, is_activity_unknown
from reconciler.core.policy import Removal
from reconciler.core.scope.filters import ObservedValue
from reconciler.core.scope.trace import ClauseResult, Trace, TraceStep
from reconciler.core.text import escape_control, escape_line, pluralize, quote, redact_quoted
from reconciler.render.changes import render_change, render_value
from reconciler.render.diagnostics import render_diagnostics
from reconciler.render.history import is_private_attribute
from reconciler.render.style import BOLD, GREEN, GREY, HIDDEN, RED, YELLOW, Style

FORMAT_VERSION = "1.0"
_MARKS = {
    ClauseResult.TRUE: ("yes", GREEN),
    ClauseResult.FALSE: ("no ", RED),
    ClauseResult.UNJUDGED: ("?  ", YELLOW),
    ClauseResult.NOT_REACHED: ("-  ", GREY),
}


def render_explanation(found: Explanation, style: Style) -> str:
    """Render the steps in Entra's order."""
    name = HIDDEN if style.redact else quote(found.name)
    parts = [style.paint(f"user[{name}]", BOLD), ""]
    for title, lines in (
        ("Import", _source(found, style)),
        ("Scope", render_scope(found.scope, style)),
        ("Match", _match(found, style)),
        ("Mapping", _mapping(found, style)),
        ("Live", _live(found.live, style) if found.decision is not None else iter(("not read (--offline)",))),
        ("Action", _action(found, style)),
    ):
        parts.append(style.paint(title, BOLD))
        parts += [f"  {line}" if line else "" for line in lines]
        parts.append("")
    if found.diagnostics:
        parts.append(render_diagnostics(found.diagnostics, style))
    return "\n".join(parts).rstrip("\n") + "\n"


def _source(found: Explanation, style: Style) -> Iterator[str]:
    if found.source is None:
        yield "not in the desired state"
        return
    yield "from a file of the desired state" if style.redact else escape_control(str(found.source.origin))
    hidden = {name for name in found.source.attributes if style.redact and is_private_attribute(name)}
    names = {name: HIDDEN if name in hidden else escape_line(name) for name in found.source.attributes}
    width = max(map(len, names.values()))
    for name, value in found.source.attributes.items():
        yield f"{names[name].ljust(width)} = {_seen(value, style)}"


def _seen(value: ObservedValue, style: Style) -> str:
    """Render a source value, or each of several."""
    if isinstance(value, tuple):
        return HIDDEN if style.redact else f"[{', '.join(map(quote, value))}]"
    if value is None:
        return "(no value)"
    return render_value(str(value) if isinstance(value, date) else value, style)


# --- scope --------------------------------------------------------------------


def render_scope(trace: Trace | None, style: Style) -> Iterator[str]:
    """Yield the verdict and its steps, a line each. None: the desired state has no such user."""
    if trace is None:
        yield "not in the desired state, so not in scope"
        return
    verdict = trace.verdict
    reason = verdict.text or verdict.reason.value
    yield "in scope" if verdict.in_scope else f"out of scope: {_escape(reason, style)}"
    for step in trace.steps:
        yield from _step(step, style, 0)


def _step(step: TraceStep, style: Style, depth: int) -> Iterator[str]:
    mark, colour = _MARKS[step.answer]
    name = _escape(step.name, style) if depth else escape_control(step.name)
    line = f"{'    ' * depth}{style.paint(mark, colour)} {name}"
    if step.text:
        line += f": {_escape(step.text, style)}"
    if step.name in ("assigned", "excluded") and step.value is not None:
        line += f" ({_way(step, style)})"
    elif depth and step.answer is not ClauseResult.NOT_REACHED and not step.steps:
        line += f" (has {_seen(step.value, style)})"
    yield line
    for inner in step.steps:
        yield from _step(inner, style, depth + 1)


def _way(step: TraceStep, style: Style) -> str:
    if style.redact or not isinstance(step.value, tuple):
        return HIDDEN
    return "through " + " -> ".join(map(quote, step.value))


def _escape(text: str, style: Style) -> str:
    return escape_line(redact_quoted(text) if style.redact else text)


# --- match, mapping, live --------------------------------------------------------


def _match(found: Explanation, style: Style) -> Iterator[str]:
    if found.live is not None:
        yield f"live account {escape_control(found.live.id)}"
    elif found.decision is not None:
        yield "no live account"
    for number, lookup in enumerate(found.lookups, start=1):
        yield f"{number}. {_lookup(lookup, style, is_live=found.decision is not None)}"


def _lookup(lookup: MatchLookup, style: Style, *, is_live: bool) -> str:
    name = escape_control(shorten_path(lookup.path))
    if lookup.value is None:
        return f"{name}: no value"
    looked = f"{name} {render_value(lookup.value, style)}"
    if not is_live:
        return looked
    count = pluralize(len(lookup.live_ids), "live account")
    ids = f" ({escape_control(', '.join(lookup.live_ids))})" if lookup.live_ids else ""
    return f"{looked}: {count}{ids}"


def _mapping(found: Explanation, style: Style) -> Iterator[str]:
    if found.source is None:
        yield "nothing to map"
        return
    desired = _is_desired(found)
    if not desired:
        yield f"out of scope: no values are desired; {_OUTCOMES[found.removal]}"
    for row in found.rows:
        yield from _row(row, style, desired=desired)


_OUTCOMES = {
    Removal.DEACTIVATE: "a managed account is deactivated (lifecycle.out_of_scope)",
    Removal.DELETE: "a managed account is deleted (lifecycle.out_of_scope)",
    Removal.KEEP: "an account stays as it is (lifecycle.out_of_scope: keep)",
    None: "an account stays as it is: scope could not be determined",
}


def _is_desired(found: Explanation) -> bool:
    """Whether the account should have the mapped values."""
    return found.scope is not None and found.scope.verdict.in_scope


def _row(row: MappedRow, style: Style, *, desired: bool) -> Iterator[str]:
    value = "(no value)" if row.value is None else render_value(row.value, style)
    value += "" if desired else " if in scope"
    flow = "" if row.flow == "always" else f", {row.flow}"
    path = escape_control(shorten_path(row.path))
    yield f"{path} = {value}  {style.paint(f'# {escape_control(row.rule)}{flow}', GREY)}"
    if row.candidates:
        yield f"    one of: {', '.join(render_value(value, style) for value in row.candidates)}"
    if row.default is not None and row.value is None:
        yield f"    default on create: {render_value(row.default, style)}"
    if row.problem is not None:
        yield f"    {style.paint('error:', RED)} {_escape(row.problem, style)}"
    if row.parts is not None:
        yield from _part(row.parts, style, 1)
    elif not row.rule.startswith("source:"):
        for name, seen in row.inputs.items():
            yield f"    [{escape_control(name)}] = {_seen(seen, style)}"
    if row.live is not None and row.live != row.value:
        yield f"    live: {render_value(row.live, style)}"


def _part(part: RulePart, style: Style, depth: int) -> Iterator[str]:
    yield f"{'    ' * depth}{escape_line(part.text)} = {_escape(part.outcome, style)}"
    for inner in part.parts:
        yield from _part(inner, style, depth + 1)


def _live(live: LiveUser | None, style: Style) -> Iterator[str]:
    if live is None:
        yield "not in the target"
        return
    state = "active is not shown" if is_activity_unknown(live) else "active" if live.active else "deactivated"
    owner = "managed" if live.managed else "not managed"
    since = f", last modified {escape_control(live.last_modified)}" if live.last_modified else ""
    yield f"{escape_line(live.id)}: {state}, {owner}{since}"
    for path, value in sorted(live.attributes.items(), key=lambda item: shorten_path(item[0])):
        yield f"{escape_control(shorten_path(path))} = {render_value(value, style)}"


def _action(found: Explanation, style: Style) -> Iterator[str]:
    decision = found.decision
    if decision is None:
        yield "not planned (--offline)"
        return
    if decision.change is None:
        yield _escape(decision.explanation, style)
        return
    yield f"{decision.change.action.value}: {_escape(decision.explanation, style)}"
    yield from render_change(decision.change, style).rstrip("\n").split("\n")
    for message in decision.blocked_by:
        yield f"The plan is blocked: {_escape(message, style)}"


# --- JSON -------------------------------------------------------------------


def to_document(found: Explanation) -> dict[str, Any]:
    """Return the explanation as plain data, with the paths and results of the text and raw values."""
    source, scope, live, decision = found.source, found.scope, found.live, found.decision
    return {
        "format_version": FORMAT_VERSION,
        "user": found.name,
        "import": source and {**_place(source.origin), "attributes": dict(source.attributes)},
        "scope": scope
        and {
            "in_scope": scope.verdict.in_scope,
            "reason": scope.verdict.reason.value,
            "text": scope.verdict.text,
            "out_of_scope": found.removal and found.removal.value,
            "steps": [_step_document(step) for step in scope.steps],
        },
        "match": [
            {"attribute": each.path, "value": each.value, "live_ids": list(each.live_ids)} for each in found.lookups
        ],
        "mapping": [{**_row_document(row), "asked_for": _is_desired(found)} for row in found.rows],
        "live": live
        and {
            "id": live.id,
            "active": None if is_activity_unknown(live) else live.active,
            "managed": live.managed,
            "last_modified": live.last_modified,
            "attributes": dict(live.attributes),
        },
        "action": decision
        and {
            "action": decision.change.action.value if decision.change else None,
            "reason": decision.explanation,
            "changes": [
                {"attribute": row.path, "before": row.before, "after": row.after}
                for row in (decision.change.attribute_changes() if decision.change else ())
            ],
            "blocked_by": list(decision.blocked_by),
        },
        "diagnostics": [_diagnostic_document(item) for item in found.diagnostics],
    }


def _place(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {"file": None, "line": None, "column": None}
    return {"file": origin.file, "line": origin.line, "column": origin.column}


def _step_document(step: TraceStep) -> dict[str, Any]:
    seen = str(step.value) if isinstance(step.value, date) else step.value
    document = {"name": step.name, "answer": step.answer.value, "value": seen, "text": step.text}
    if step.origin is not None:
        document |= _place(step.origin)
    return {**document, "steps": [_step_document(inner) for inner in step.steps]} if step.steps else document


def _row_document(row: MappedRow) -> dict[str, Any]:
    return {
        "attribute": row.path,
        "rule": row.rule,
        "inputs": dict(row.inputs),
        "value": row.value,
        "candidates": list(row.candidates),
        "flow": row.flow,
        "default": row.default,
        "live": row.live,
        "problem": row.problem,
        "parts": row.parts and _part_document(row.parts),
    }


def _part_document(part: RulePart) -> dict[str, Any]:
    return {"text": part.text, "value": part.outcome, "parts": [_part_document(inner) for inner in part.parts]}


def _diagnostic_document(item: Diagnostic) -> dict[str, Any]:
    return {
        "severity": item.severity.value,
        "summary": item.summary,
        "detail": item.detail,
        **_place(item.origin),
        "address": item.address,
    }
