from dataclasses import replace
from typing import Any

from support.site_reports import site_report

from reconciler.render.site.model import SiteHistory
from reconciler.render.site.overview import render_overview
from reconciler.render.site.pages import Pages
from reconciler.render.site.users import build_rows
from reconciler.render.style import Style


def overview(style: Style = Style(), **changed: Any) -> str:  # noqa: B008
    report = replace(site_report("qzx"), **changed)
    return "".join(render_overview(report, list(build_rows(report.users, style)), (), style, Pages()))


def test_figures_health_and_drift() -> None:
    page = overview()
    assert "of 8 users in git" in page
    assert "update failed 2 times since 2026-12-01 06:00 UTC: qzx" in page
    assert "Edited in the target, not in git" in page
    assert "What this report cannot say" in page


def test_without_a_record_nothing_is_none() -> None:
    page = overview(runs=(), history=SiteHistory(), users=())
    assert page.count('<dd class="unknown">') + page.count('class="unknown"><a') >= 3
    assert "No apply on record corrected" not in page
    assert page.count("Not known, for the reason above.") == 3


def test_redacted_it_has_no_name_or_message() -> None:
    page = overview(Style(redact=True), unknown={})
    assert "qzx" not in page
