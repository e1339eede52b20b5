"""The first page of the report site: figures, health, credentials, plots, pending changes, drift, the last applies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.expiry import ExpiryLevel, describe_end
from reconciler.core.plan import Action, Change, Result
from reconciler.core.text import escape_control, pluralize, quote, redact_quoted, shorten
from reconciler.record.runs import ApplyRun
from reconciler.render.labels import ACTION_STYLES, in_display_order
from reconciler.render.plan_view import build_plan_view
from reconciler.render.site.charts import HEIGHT, WIDTH, draw_charts
from reconciler.render.site.entries import site_entries
from reconciler.render.site.model import AccountState, ShownPlan, SiteReport
from reconciler.render.site.pages import Pages
from reconciler.render.site.users import SiteUserRow
from reconciler.render.status import Status, list_failing_users
from reconciler.render.style import HIDDEN, Style

_APPLIES = 20
_CHANGES = 20
_DRIFT = 10
_LONG = 300
_SHORT_ID = 12
_ENDS = {"complete": "complete", "interrupted": "interrupted", "quarantined": "quarantined"}
UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class SiteFigure:
    """A number at the top. `note`: what it counts; `tone`: its colour if it is not 0."""

    label: str
    value: str
    note: str
    tone: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True)
class PlanBox:
    """Pending changes: `title` and `age` say what was compared, `page` has them all."""

    title: str
    age: str
    summary: str
    is_drift: bool
    page: str
    changes: tuple[tuple[str, str, str, str], ...]
    """Symbol, name, heading and why."""
    more: int


def render_overview(
    report: SiteReport, rows: Sequence[SiteUserRow], plan_pages: Sequence[str], style: Style, pages: Pages
) -> Iterator[str]:
    """Render the page. `plan_pages`: the page of each plan of the report."""
    drift = list(site_entries(report.history.drift[:_DRIFT], style))
    return pages.render(
        "index.html.j2",
        "index.html",
        title="Managed accounts",
        target=escape_control(str(report.status.target)),
        figures=_count(report, rows),
        verdict=report.status.verdict,
        health=list(_describe_health(report.status, style)),
        credentials=_describe_credentials(report.status),
        charts=draw_charts(report.runs),
        width=WIDTH,
        height=HEIGHT,
        plans=[_describe_plan(each, page, style) for each, page in zip(report.plans, plan_pages, strict=True)],
        drift=drift,
        drift_more=len(report.history.drift) - len(drift),
        applies=[_describe_apply(run) for run in reversed(report.runs[-_APPLIES:])],
        applies_more=max(0, len(report.runs) - _APPLIES),
        unknown=list(report.unknown.items()),
        reasons=set(report.unknown),
        facts=list(_list_facts(report)),
    )


def _hide(text: str, style: Style) -> str:
    return escape_control(shorten(redact_quoted(text) if style.redact else text, 3 * _LONG))


# --- figures ------------------------------------------------------------------------


def _count(report: SiteReport, rows: Sequence[SiteUserRow]) -> list[SiteFigure]:
    states = Counter(row.state for row in rows)
    present = sum(not user.removed for user in report.users)
    in_scope = sum(user.why.in_scope for user in report.users)
    known = bool(report.runs)
    accounts = sum(user.account.state is AccountState.ACTIVE for user in report.users)
    last = report.runs[-1] if known else None
    return [
        SiteFigure("in scope", f"{in_scope:,}", f"of {pluralize(present, 'user')} in git", page="users.html"),
        SiteFigure(
            "with an account",
            f"{accounts:,}" if known and not states["unknown"] else UNKNOWN,
            "by the record",
            page="users.html",
        ),
        _count_pending(report),
        SiteFigure(
            "left open",
            f"{last.left + last.skipped:,}" if last is not None else UNKNOWN,
            "by the last apply",
            "warn" if last is not None and last.left + last.skipped else "",
        ),
        SiteFigure(
            "failing",
            f"{len(report.status.health.failing_users):,}" if known else UNKNOWN,
            "users, again and again",
            "bad" if report.status.health.failing_users else "",
        ),
    ]


def _count_pending(report: SiteReport) -> SiteFigure:
    if not report.plans:
        return SiteFigure("pending", UNKNOWN, "changes")
    found = sum(len(each.plan.changes) for each in report.plans)
    note = "changes, by the saved plan" if report.plans[0].saved else "changes, by git and the record"
    return SiteFigure("pending", f"{found:,}", note, "warn" if found else "")


# --- health ---------------------------------------------------------------------------


def _describe_health(status: Status, style: Style) -> Iterator[tuple[str, str, str]]:
    """Yield label, text and tone of what there is to say."""
    if not status.provisioning.enabled:
        reason = status.provisioning.reason
        since = f" since {_at(status.off_since)}" if status.off_since is not None else ""
        why = f": {HIDDEN if style.redact else quote(reason)}" if reason else ""
        yield "Provisioning", f"off{since}{why}", "warn"
    if status.running is not None:
        yield "Running now", HIDDEN if style.redact else escape_control(status.running), ""
    yield "Last apply", _describe_run(status.health.last), ""
    yield "Last success", _describe_run(status.health.last_success), ""
    found = status.unapplied
    if found is not None and found.why:
        yield "Not applied", f"not known: {escape_control(found.why)}", "warn"
    elif found is not None and found.count:
        yield "Not applied", f"{pluralize(found.count, 'commit')} after the last complete apply ({found.since})", "warn"
    if (stopped := status.quarantine) is not None:
        message = _hide(stopped.why.message, style)
        text = f"since {_at(stopped.began)}, {pluralize(stopped.count, 'apply', 'applies')} in a row: {message}"
        yield "Quarantine", text, "bad"
    for failing in list_failing_users(status.health)[:_CHANGES]:
        name = HIDDEN if style.redact else escape_control(shorten(failing.address, _LONG))
        text = f"{name}: {failing.action} failed {pluralize(failing.count, 'time')} since {_at(failing.first)}"
        yield "Failing", text + ("" if style.redact else f": {_hide(failing.message, style)}"), "bad"


def _describe_run(run: ApplyRun | None) -> str:
    if run is None:
        return "none on record"
    how = _ENDS.get(run.how, "did not end")
    return f"{_at(run.began)}, {how}: {_count_results(run)}"


def _count_results(run: ApplyRun) -> str:
    counts = [(run.count(Result.DONE), "done"), (run.failed, "failed"), (run.skipped, "skipped")]
    numbers = [f"{count:,} {word}" for count, word in [*counts, (run.left, "not started")] if count]
    return ", ".join(numbers) or "nothing to do"


def _describe_credentials(status: Status) -> list[tuple[str, str, str]]:
    """Return title, text and tone of each credential of the connection."""
    levels = {each.credential: each.level for each in status.expiry}
    tones = {ExpiryLevel.URGENT: "bad", ExpiryLevel.WARNING: "warn", ExpiryLevel.NOTICE: "warn"}
    return [
        (
            credential.title,
            describe_end(credential, status.today) if credential.expires is not None else "its end is not known",
            tones.get(levels.get(credential), "good" if credential.expires is not None else ""),  # type: ignore[arg-type]
        )
        for credential in status.credentials
    ]


# --- plans, applies ---------------------------------------------------------------------


def _describe_plan(shown: ShownPlan, page: str, style: Style) -> PlanBox:
    plan = shown.plan
    view = build_plan_view(plan, shown.profile, whole_plan_at="")
    summary = view.conclusion.headline if view.conclusion is not None else str(view.summary[-1])
    if not shown.saved and plan.base is not None:
        title, age = "Pending changes", f"Compared with {plan.base}, the last one that was applied completely."
        summary = summary if plan.changes else "The desired state is as that apply had it."
    else:
        title = "Drift, by a saved result" if plan.drift is not None else "Pending changes, by a saved plan"
        age = f"Made {_at(plan.created_at)}: what happened since is not in it."
    changes = in_display_order(plan.changes)
    return PlanBox(
        title,
        age,
        summary,
        plan.drift is not None,
        page,
        tuple(_describe_change(change, style) for change in changes[:_CHANGES]),
        max(0, len(changes) - _CHANGES),
    )


def _describe_change(change: Change, style: Style) -> tuple[str, str, str, str]:
    look = ACTION_STYLES[change.action]
    name = f"id:{escape_control(change.live_id or 'new')}" if style.redact else escape_control(change.key)
    tone = "bad" if change.action in (Action.DELETE, Action.DEACTIVATE) else "change"
    return look.symbol, shorten(name, _LONG), f"{look.heading}: {_hide(change.detail, style)}", tone


def _describe_apply(run: ApplyRun) -> dict[str, Any]:
    return {
        "time": _at(run.began),
        "how": _ENDS.get(run.how, "did not end"),
        "good": run.successful,
        "what": _count_results(run),
        "scope": "all users" if run.whole else "some users",
        "commit": escape_control((run.commit or "unknown")[:_SHORT_ID]),
        "plan": escape_control(run.plan_id.removeprefix("sha256:")[:_SHORT_ID]),
    }


def _list_facts(report: SiteReport) -> Iterator[tuple[str, str]]:
    yield "Made", _at(report.now)
    yield "Commit", report.commit or UNKNOWN
    yield "Target", escape_control(str(report.status.target))
    yield "Version", report.version


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
