"""The files of the report site, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.text import escape_control, redact_quoted, shorten
from reconciler.render.history import HistoryView
from reconciler.render.html import render_html
from reconciler.render.site.entries import site_entries
from reconciler.render.site.model import SiteReport
from reconciler.render.site.overview import render_overview
from reconciler.render.site.pages import PAGES, Pages
from reconciler.render.site.users import build_rows, render_details, render_list
from reconciler.render.style import Style
from reconciler.render.templating import Templates

_LONG = 1_000
SiteFile = tuple[str, Iterator[str]]
"""The name of a file, and the pieces of its text."""


def render_site(report: SiteReport, style: Style) -> Iterator[SiteFile]:
    """Yield the files. No name of a file has anything of a user."""
    style = Style(redact=style.redact)
    report = replace(report, unknown={name: _show(why, style) for name, why in report.unknown.items()})
    pages = Pages()
    rows = list(build_rows(report.users, style))
    plan_pages = [f"changes-{number}.html" for number in range(1, len(report.plans) + 1)]
    yield "index.html", render_overview(report, rows, plan_pages, style, pages)
    yield "users.html", render_list(report, rows, pages)
    yield from render_details(report, rows, style, pages)
    yield "history.html", _render_history(report, style, pages)
    for name, shown in zip(plan_pages, report.plans, strict=True):
        yield name, iter((render_html(shown.plan, shown.profile, style, Templates(None), pages=PAGES),))


def _show(why: str, style: Style) -> str:
    return escape_control(shorten(redact_quoted(why) if style.redact else why, _LONG))


def _render_history(report: SiteReport, style: Style, pages: Pages) -> Iterator[str]:
    history = report.history
    view = HistoryView(history.entries, cut=history.count > len(history.entries), shallow=history.shallow)
    return pages.render(
        "history.html.j2",
        "history.html",
        title="History",
        entries=site_entries(view.entries, style),
        any=bool(view.entries),
        count=history.count,
        shown=len(view.entries),
        unknown=report.unknown,
    )
