"""Render what `export` wrote, what the mappings cannot give back, and the plan for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.model import Severity, Value
from reconciler.core.paths import shorten_path
from reconciler.core.plan import Plan
from reconciler.core.text import escape_control, pluralize, shorten
from reconciler.render.labels import format_counts
from reconciler.render.style import BOLD, GREEN, YELLOW, Style
from reconciler.sources.live.export_report import ExportReport, Loss, LossExample, OmittedAccount

_LONGEST = 80
_SHOWN = 5


def render_export(report: ExportReport, plan: Plan, place: str, command: str, style: Style) -> str:
    """Render the result as text. `place`: where the files are; `command`: the one that shows the plan."""
    parts = ["\n".join(_count(report, place))]
    if losses := report.losses.by_attribute:
        lines = [f"{style.paint('Not given back by the mappings', BOLD)}:"]
        parts.append("\n".join([*lines, *(line for loss in losses for line in _render_loss(loss, style))]))
    if report.omitted:
        parts.append("\n".join(_render_omitted(report.omitted, style)))
    parts.append(_render_plan(plan, command, style))
    return "\n\n".join(parts) + "\n"


def is_settled(plan: Plan) -> bool:
    """Whether a plan says `No changes.` and nothing else that is wrong."""
    wrong = any(item.severity is Severity.ERROR for item in plan.diagnostics)
    return not (plan.changes or plan.blocked or plan.tally.failed or plan.tally.withheld or wrong)


def _count(report: ExportReport, place: str) -> Iterator[str]:
    disabled = f", {report.inactive:,} inactive (accountEnabled: false)" if report.inactive else ""
    managed = pluralize(report.active + report.inactive, "managed account")
    yield f"Exported {managed} to {escape_control(place)}: {report.active:,} active{disabled}."
    if report.unmanaged:
        count = pluralize(report.unmanaged, "other account is", "other accounts are")
        them, their = (
            ("it", "Its entry is a comment") if report.unmanaged == 1 else ("them", "Their entries are comments")
        )
        where = f"{their} in users/unmanaged*.yaml." if report.listed else f"--unmanaged adds {them}."
        yield f"{count} not managed: the ownership filter excludes {them}. {where}"


def _render_loss(loss: Loss, style: Style) -> Iterator[str]:
    rule = style.message(shorten(loss.row.rule_text, _LONGEST))
    yield f"  {escape_control(shorten_path(loss.row.target))}, {rule}"
    inactive = f", {loss.inactive:,} of them inactive" if loss.inactive else ""
    yield f"    {pluralize(loss.count, 'account')}{inactive}: {loss.kind}"
    for example in loss.examples:
        yield f"      {_render_example(example, style)}"


def _render_example(example: LossExample, style: Style) -> str:
    shown = f"live {_show(example.live, style)}"
    if example.error:
        shown += f"; {style.message(shorten(example.error, 2 * _LONGEST))}"
    elif example.mapped is not None:
        shown += f", mapped {_show(example.mapped, style)}"
    return f"{style.value(example.key)}: {shown}"


def _show(value: Value | None, style: Style) -> str:
    if value is None:
        return "(no value)"
    return str(value).lower() if isinstance(value, bool) else style.value(shorten(value, _LONGEST))


def _render_omitted(omitted: Sequence[OmittedAccount], style: Style) -> Iterator[str]:
    count = pluralize(len(omitted), "managed account has", "managed accounts have")
    yield f"{style.paint(f'{count} no entry', BOLD, YELLOW)}, and are comments in their files:"
    for each in omitted[:_SHOWN]:
        yield f"  {style.value(each.user_name)} (id {style.value(each.live_id)}): {style.message(each.why)}"
    if len(omitted) > _SHOWN:
        yield f"  and {len(omitted) - _SHOWN:,} more"
    yield "  Correct them at the target and export again: a plan would remove accounts that have no user."


def _render_plan(plan: Plan, command: str, style: Style) -> str:
    if is_settled(plan):
        return f"The plan for it: {style.paint('No changes.', BOLD, GREEN)}"
    counts = []
    if plan.changes:
        accounts = pluralize(len(plan.changes), "account")
        counts.append(f"{accounts} would change ({format_counts(plan.changes)})")
    if plan.tally.failed:
        counts.append(f"{pluralize(plan.tally.failed, 'user has', 'users have')} errors")
    if plan.tally.withheld:
        counts.append(f"{pluralize(plan.tally.withheld, 'change is', 'changes are')} withheld")
    if plan.blocked:
        counts.append("a guard blocks it")
    words = ", ".join(counts) or "it has errors"
    verdict = f"The plan for it is {style.paint('not empty', BOLD, YELLOW)}: {words}."
    blocks = [f"  Blocked: {style.message(guard.message)}" for guard in plan.guards if guard.blocks]
    return "\n".join([verdict, *blocks, f"To review it:\n    {command}"])
