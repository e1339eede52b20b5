from __future__ import annotations

import pytest
from support.fleet_reports import full_fleet, hostile_fleet, large_fleet, removed_users
from support.parsers import markdown_structure
from support.untrusted_text import HOSTILE
from syrupy.assertion import SnapshotAssertion

from reconciler.fleet.result import VERBS
from reconciler.render.fleet_markdown import LIMIT, MARKER, render_fleet_markdown
from reconciler.render.fleet_view import RemovedUsers, build_fleet_view
from reconciler.render.style import Style

PLAIN = Style()


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_of_each_verb(verb: str, snapshot: SnapshotAssertion) -> None:
    view = build_fleet_view(full_fleet(verb), removed_users(), "https://github.com/example/fleet/actions/runs/7")
    assert render_fleet_markdown(view, PLAIN) == snapshot


def test_a_large_fleet_is_one_comment(snapshot: SnapshotAssertion) -> None:
    assert render_fleet_markdown(build_fleet_view(large_fleet(10_000)), PLAIN) == snapshot


@pytest.mark.parametrize("count", [1, 40, 400])
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_makes_it_exceed_the_limit(name: str, count: int) -> None:
    word = HOSTILE[name] * 300
    users = tuple(RemovedUsers("x" * 40, (word,) * 10, 10**8) for _ in range(5))
    found = render_fleet_markdown(build_fleet_view(hostile_fleet(count, word), users, word), PLAIN)
    assert len(found.encode()) <= LIMIT
    assert found.count("<!--") == found.count(MARKER) == 1
    assert found.count("00000-xxx") >= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tags", "a very long fence", "a fence at both ends", "bidi"])
def test_ten_thousand_tenants_do_not_make_it_exceed_the_limit(name: str) -> None:
    word = HOSTILE[name] * 300
    found = render_fleet_markdown(build_fleet_view(hostile_fleet(10_000, word), (), word), PLAIN)
    assert len(found.encode()) <= LIMIT
    assert "tenants for" in found


def test_as_many_failed_tenants_are_named_as_fit() -> None:
    report = large_fleet(10_000)
    found = render_fleet_markdown(build_fleet_view(report), PLAIN)
    failed = [tenant.name for tenant in report.tenants if tenant.problem]
    assert len(failed) > 100
    assert [name for name in failed if f"`{name}`" not in found] == []


def test_a_name_that_looks_like_a_commit_is_code() -> None:
    found = render_fleet_markdown(build_fleet_view(full_fleet(), removed_users()), PLAIN)
    assert [text for _, _, text in markdown_structure(found) if "cafe0123" in text] == []


def test_redacted_no_user_is_named() -> None:
    view = build_fleet_view(full_fleet(word='"ada@acme.example" is refused'), removed_users())
    assert "ada" in render_fleet_markdown(view, PLAIN)
    assert "ada" not in render_fleet_markdown(view, Style(redact=True))
