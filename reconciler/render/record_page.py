"""Render the page of a record, the `README.md` next to plan and receipt: what an apply did. Pure.

Markdown for readers of the directory on GitHub. Every value is in a code span, where nothing mentions a user, links,
refers to an issue or ends the span.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from reconciler.core.model import Target
from reconciler.core.paths import shorten_path
from reconciler.core.plan import Result
from reconciler.core.text import escape_control, pluralize, shorten
from reconciler.git.commit import Commit
from reconciler.record.page_head import HOW, format_lines
from reconciler.record.runs import AppliedChange, ApplyRun

_TICKS = re.compile(r"`+")
_LONGEST = 400_000
"""Characters: GitHub does not show more than half a megabyte."""
_LONG = 300
_HEADINGS = {
    Result.FAILED.value: "Failed",
    Result.NOT_IN_EFFECT.value: "Accepted, but not in effect",
    Result.UNKNOWN.value: "Unknown: it may have taken effect",
    Result.SKIPPED.value: "Not done",
    "": "Not started, or not finished",
    Result.DONE.value: "Done",
}
"""Failures first."""


def render_record(
    target: Target | None,
    plan_id: str,
    runs: Sequence[ApplyRun],
    planned: Mapping[str, AppliedChange],
    commit: Commit | None,
    *,
    lines: int,
) -> str:
    """Render the page. `runs`: all applies of the plan, oldest first. `commit`: the one that was applied, if known.

    `lines`: how many the receipt has.
    """
    last = _last_by_address(runs, planned)
    parts = [*_head(target, plan_id, runs, commit, lines), _summary(last.values()), ""]
    size = sum(map(len, parts))
    for result, heading in _HEADINGS.items():
        these = [each for each in last.values() if _result(each) == result]
        if not these:
            continue
        parts += [f"## {heading}: {len(these):,}", ""]
        for number, applied in enumerate(these):
            shown = list(_change(applied))
            size += sum(map(len, shown))
            if size > _LONGEST:
                parts += [f"… and {pluralize(len(these) - number, 'more user')}: see `receipt.jsonl`.", ""]
                break
            parts += [*shown, ""]
    return "\n".join(parts)


def _last_by_address(runs: Sequence[ApplyRun], planned: Mapping[str, AppliedChange]) -> dict[str, AppliedChange]:
    """Return the last attempt of each change."""
    last = {each.address: each for each in planned.values()}
    for run in runs:
        last |= {each.address: each for each in run.changes.values()}
    return dict(sorted(last.items()))


def _head(
    target: Target | None, plan_id: str, runs: Sequence[ApplyRun], commit: Commit | None, lines: int
) -> Iterator[str]:
    began = runs[0].began if runs else None
    yield f"# Apply of {_at(began)}" if began is not None else "# Apply"
    yield ""
    if target is not None:
        tenant = f", tenant {code(target.tenant)}" if target.tenant is not None else ""
        yield f"- Target: {code(target.base_url)} ({code(target.profile)}{tenant})"
    yield f"- Plan: {code(plan_id)}"
    if commit is not None:
        author = f", by {code(commit.author)}" if commit.author else ""
        yield f"- Commit: {code(commit.id)}{author}"
    yield format_lines(lines)
    for run in runs:
        yield f"- {_ran(run)}"


def _ran(run: ApplyRun) -> str:
    if run.ended is None:
        return f"Started {_at(run.began)} and did not end: it crashed or was killed"
    left = f", {pluralize(run.left, 'change')} not started" if run.left else ""
    return f"Started {_at(run.began)}, ended {_at(run.ended)}: {HOW.get(run.how, 'reason not recorded')}{left}"


def _summary(changes: Iterable[AppliedChange]) -> str:
    found = [_result(each) for each in changes]
    counted = [f"{found.count(result):,} {_label(result)}" for result in _HEADINGS if result in found]
    return f"- Outcome: {', '.join(counted) or 'nothing to do'}"


def _result(applied: AppliedChange) -> str:
    """Return the result; "" for a change that was not started."""
    return "" if applied.not_started else applied.result


def _label(result: str) -> str:
    return (result or "not started").replace("_", " ")


def _change(applied: AppliedChange) -> Iterator[str]:
    when = f", {_at(applied.time)}" if applied.time is not None else ""
    live_id = f", id {code(applied.live_id)}" if applied.live_id else ""
    yield f"- {code(applied.address)}: {code(applied.action)}{live_id}{when}"
    if applied.message:
        yield f"  - message: {code(applied.message)}"
    for row in applied.rows:
        yield f"  - {code(shorten_path(row.path))}: {_value(row.before)} → {_value(row.after)}"


def _value(value: object) -> str:
    if value is None:
        return "(none)"
    return code(value if isinstance(value, str) else str(value).lower())


def code(text: str) -> str:
    """Return `text` as a code span: fenced by more backticks than it has in a row."""
    shown = escape_control(shorten(text, _LONG)) or " "
    ticks = "`" * (max(map(len, _TICKS.findall(shown)), default=0) + 1)
    # CommonMark 6.1 strips a space at both ends; a backtick must not touch the fence.
    pad = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
