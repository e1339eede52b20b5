from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.fleet_reports import full_fleet, hostile_fleet, large_fleet, removed_users
from support.parsers import html_structure, html_text
from syrupy.assertion import SnapshotAssertion

from reconciler.fleet.report import ReportedGuard
from reconciler.fleet.result import VERBS
from reconciler.render import fleet_page
from reconciler.render.fleet_page import render_fleet_page
from reconciler.render.fleet_view import build_fleet_view
from reconciler.render.style import Style

PLAIN = Style()
TEMPLATES = Path(fleet_page.__file__).parent / "templates"


def body_of(page: str) -> str:
    return re.sub(r"<(style|script)>.*?</\1>", r"<\1/>", page, flags=re.DOTALL)


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_of_each_verb(verb: str, snapshot: SnapshotAssertion) -> None:
    view = build_fleet_view(full_fleet(verb), removed_users(), "artifact 7")
    page = body_of(render_fleet_page(view, PLAIN, {"acme", "beta"}))
    assert re.sub(r"'sha256-[^']*'", "'HASH'", page) == snapshot


def test_the_policy_permits_the_style_and_the_script_by_their_hashes_and_nothing_else() -> None:
    page = render_fleet_page(build_fleet_view(full_fleet()), PLAIN)
    hashes = [
        base64.b64encode(hashlib.sha256(b"".join((TEMPLATES / name).read_bytes() for name in names)).digest()).decode()
        for names in (("base.css", "fleet.css"), ("fleet.js",))
    ]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].replace("&#39;", "'") == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_only_tenants_with_a_page_are_links() -> None:
    page = render_fleet_page(build_fleet_view(full_fleet()), PLAIN, {"acme"})
    links = [dict(attributes)["href"] for tag, attributes in html_structure(page) if tag == "a"]
    assert links == ["#tenants", "acme/plan.html"]


def test_the_page_has_every_tenant_and_a_bounded_size() -> None:
    report = large_fleet(10_000)
    page = render_fleet_page(build_fleet_view(report), PLAIN)
    assert page.count('<th scope="row">') == 10_000
    assert len(page) < 2_000_000
    assert len(render_fleet_page(build_fleet_view(hostile_fleet(10_000, "\U000e0041" * 300)), PLAIN)) < 40_000_000


def test_redacted_no_user_is_named() -> None:
    view = build_fleet_view(full_fleet(word='"ada@acme.example" is refused'), removed_users())
    assert "ada@" in html_text(render_fleet_page(view, PLAIN))
    assert "ada@" not in html_text(render_fleet_page(view, Style(redact=True)))


def test_the_name_of_a_guard_is_escaped_as_all_text_is() -> None:
    report = replace(full_fleet(), guards=(ReportedGuard("\u202e\x1b[31m<b>", "found", "way on"),))
    page = render_fleet_page(build_fleet_view(report), PLAIN)
    assert not {"\u202e", "\x1b"}.intersection(page)
    assert "\\u{202e}\\u{1b}[31m&lt;b&gt;" in page
