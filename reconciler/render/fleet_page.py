"""Render a run of a fleet as one HTML page that loads nothing and sends nothing: the index of its tenants.

It is complete without its script, which only sorts, and hides what a reader filters out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace

from markupsafe import Markup

from reconciler.core.text import escape_control, shorten
from reconciler.fleet.report import TenantState
from reconciler.render.fleet_text import format_note, join_names
from reconciler.render.fleet_view import TONES, FleetView, Problem, TenantRow
from reconciler.render.style import Style
from reconciler.render.templating import Templates

TENANT_PAGE = "plan.html"
"""The page of a tenant, next to its plan."""
_MOST_PROBLEMS = 100
_OPEN_PROBLEMS = 10
"""More reasons than that are folded, so that the table is near the top."""
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class PageRow:
    """A row of the table. `tone`: bad, warn, change or quiet. `page`: the address of the tenant's page, or ""."""

    name: str
    page: str
    state: str
    label: str
    tone: str
    numbers: tuple[int, ...]
    problem: str


def render_fleet_page(view: FleetView, style: Style, pages: Collection[str] = ()) -> str:
    """Render the page. `pages`: tenants that have a page of their own, `TENANT/plan.html` next to this one."""
    style = replace(style, colour=False, longest=_LONGEST)
    templates = Templates(None)
    css, script = templates.style("fleet.css"), templates.text("fleet.js")
    problems = [_problem(each, style) for each in view.problems[:_MOST_PROBLEMS]]
    states = {row.state: row.label for row in view.rows}
    return templates.html(
        "fleet.html.j2",
        css=Markup(css),  # noqa: S704 - a file of the program
        script=Markup(script),  # noqa: S704
        css_hash=_hash(css),
        script_hash=_hash(script),
        view=view,
        states=[
            (state, states[state], sum(row.state is state for row in view.rows))
            for state in TenantState
            if state in states
        ],
        problems=problems,
        problems_left=sum(len(each.names) for each in view.problems[_MOST_PROBLEMS:]),
        problems_open=len(problems) <= _OPEN_PROBLEMS,
        guards=[
            (style.message(each.guard), style.message(each.found), style.message(each.way_on)) for each in view.guards
        ],
        users=[(each.tenant, [style.value(user) for user in each.users], each.more) for each in view.removed_users],
        rows=[_row(row, style, pages) for row in view.rows],
        notes=[format_note(note) for note in view.notes],
        facts=[(label, escape_control(shorten(value, _LONGEST))) for label, value in view.facts],
    )


def _row(row: TenantRow, style: Style, pages: Collection[str]) -> PageRow:
    numbers = (row.removed, row.created, row.changed, row.failed, row.unchanged)
    page = f"{row.name}/{TENANT_PAGE}" if row.name in pages else ""
    return PageRow(row.name, page, row.state, row.label, _tone(row), numbers, style.message(row.problem))


def _tone(row: TenantRow) -> str:
    return TONES.get(row.state, "bad") or ("quiet" if row.is_quiet else "change")


def _problem(problem: Problem, style: Style) -> tuple[str, str, str]:
    tone = TONES.get(problem.state, "bad")
    reason = f": {style.message(problem.reason)}" if problem.reason else ""
    return tone, f"{len(problem.names):,} {problem.label}{reason}", join_names(problem.names)


def _hash(text: str) -> str:
    """Return the hash by which a Content Security Policy permits a style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
