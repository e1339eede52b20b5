"""The summary of a run of a fleet: from its document, and the first users that the plans next to it remove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.plan import REMOVALS
from reconciler.errors import PlanFileError, UsageError
from reconciler.fleet.report import FleetReport
from reconciler.record.files import read_beginning
from reconciler.record.layout import PLAN
from reconciler.record.plan_file import from_json
from reconciler.render.fleet_markdown import render_fleet_markdown
from reconciler.render.fleet_page import TENANT_PAGE, render_fleet_page
from reconciler.render.fleet_text import render_fleet_text
from reconciler.render.fleet_view import FleetView, RemovedUsers, build_fleet_view, find_most_removals
from reconciler.render.formats import FORMATS, check_format
from reconciler.render.style import Style

_TENANTS, _USERS = 5, 5
"""Tenants of which removed users are named, and how many of each."""
_MAX_PLAN = 16 * 1024 * 1024
"""Bytes of a plan that is read for that; a larger one is only counted."""


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """What is shown, and where the results of the tenants are."""

    view: FleetView
    directories: tuple[Path, ...]


def check_fleet_format(name: str, style: Style) -> None:
    """Check the name of a format. Raises `UsageError` if there is none, or it cannot be redacted."""
    check_format(name, FORMATS)
    if name == "json" and style.redact:
        raise UsageError("--redact cannot be combined with --format json", "Use --format text.")


def load_fleet_summary(
    report: FleetReport, directories: Sequence[Path], style: Style, whole_at: str = ""
) -> FleetSummary:
    """Put together what there is to say about a run. `directories`: where the plans of its tenants are."""
    removed = () if style.redact or report.verb == "apply" else tuple(_find_removed(report, directories))
    return FleetSummary(build_fleet_view(report, removed, whole_at), tuple(directories))


def render_fleet(summary: FleetSummary, form: str, style: Style) -> str:
    """Render the run as text, Markdown or HTML. The links of the page lead to the only directory."""
    if form == "html":
        pages = find_pages(summary.directories[0], summary) if len(summary.directories) == 1 else frozenset[str]()
        return render_fleet_page(summary.view, style, pages)
    return (render_fleet_markdown if form == "markdown" else render_fleet_text)(summary.view, style)


def find_pages(directory: Path, summary: FleetSummary) -> frozenset[str]:
    """Return the tenants that have a page of their own in this directory."""
    return frozenset(row.name for row in summary.view.rows if (directory / row.name / TENANT_PAGE).is_file())


def _find_removed(report: FleetReport, directories: Sequence[Path]) -> Iterator[RemovedUsers]:
    for tenant in find_most_removals(report, _TENANTS):
        for directory in directories:
            users = _read_removed(directory / tenant / PLAN)
            if users:
                yield RemovedUsers(tenant, users[:_USERS], len(users[_USERS:]))
                break


def _read_removed(path: Path) -> tuple[str, ...]:
    """Return the users that a saved plan removes; none if it cannot be read: they are counted all the same."""
    content = read_beginning(path, _MAX_PLAN + 1, follow_links=False)
    if content is None or len(content) > _MAX_PLAN:
        return ()
    try:
        plan = from_json(content)
    except PlanFileError:
        return ()
    return tuple(change.key for change in plan.changes if change.action in REMOVALS)
