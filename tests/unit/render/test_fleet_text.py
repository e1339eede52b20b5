from __future__ import annotations

import re

import pytest
from support.fleet_reports import full_fleet, hostile_fleet, large_fleet, removed_users
from syrupy.assertion import SnapshotAssertion

from reconciler.fleet.result import VERBS
from reconciler.render.fleet_text import render_fleet_text
from reconciler.render.fleet_view import build_fleet_view
from reconciler.render.style import Style

PLAIN = Style()


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_of_each_verb(verb: str, snapshot: SnapshotAssertion) -> None:
    view = build_fleet_view(full_fleet(verb), removed_users(), "artifact 7")
    assert render_fleet_text(view, PLAIN) == snapshot


def test_a_large_fleet_has_few_lines(snapshot: SnapshotAssertion) -> None:
    assert render_fleet_text(build_fleet_view(large_fleet(10_000)), PLAIN) == snapshot


def test_no_fleet_has_many_lines() -> None:
    text = render_fleet_text(build_fleet_view(hostile_fleet(10_000, "x" * 300)), PLAIN)
    assert text.count("\n") < 300
    assert "… and 9,950 tenants for 9,950 other reasons" in text


def test_colours_are_only_paint() -> None:
    view = build_fleet_view(full_fleet(), removed_users())
    painted = render_fleet_text(view, Style(colour=True))
    assert "\x1b[31m" in painted
    assert render_fleet_text(view, PLAIN) == re.sub("\x1b\\[[0-9;]*m", "", painted)


def test_redacted_no_user_is_named() -> None:
    view = build_fleet_view(full_fleet(word='"ada@acme.example" is refused'), removed_users())
    assert "ada" in render_fleet_text(view, PLAIN)
    assert "ada" not in render_fleet_text(view, Style(redact=True))
