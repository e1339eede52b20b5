"""Hostile values in every output format: a value changes the text of an output, never its structure."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from support import output_formats
from support.builders import APPLE
from support.laws import examples
from support.parsers import assert_calm, code_of, html_structure, html_text, markdown_structure
from support.untrusted_text import HOSTILE, plan_that_says, texts

from reconciler.core.model import Origin, Target
from reconciler.core.plan import Change, Plan
from reconciler.core.text import escape_control
from reconciler.record.plan_file import diagnostic_document, json_text, to_json
from reconciler.render.diagnostics import render_diagnostics
from reconciler.render.html import render_html
from reconciler.render.markdown import LIMITS, MARKER, render_markdown
from reconciler.render.receipt_text import render_receipt
from reconciler.render.style import Style
from reconciler.render.templating import Templates
from reconciler.render.text import render_text

OURS = Templates(None)
PLAIN, REDACTED = Style(), Style(redact=True)
HARMLESS = "Zebulon"
ROOM = 10_000_000


def plan_of(word: str) -> Plan:
    """Return a plan with `word` also in the names of files, of the target and of the commit."""
    plan = plan_that_says(word)
    placed = tuple(elsewhere(change, word) for change in plan.changes)
    return replace(plan, changes=placed, target=Target(plan.target.profile, word), commit=word)


def elsewhere(change: Change, word: str) -> Change:
    return replace(change, origin=Origin(word, 1, 1), detail=f"since {word}", live_id=word)


def text(word: str, style: Style = PLAIN) -> str:
    return render_text(plan_of(word), APPLE, style)


def summary(word: str, style: Style = PLAIN) -> str:
    return render_text(plan_of(word), APPLE, style, summary_only=True)


def markdown(word: str, style: Style = PLAIN, limit: int = ROOM) -> str:
    return render_markdown(plan_of(word), APPLE, style, OURS, limit=limit, whole_plan_at=word)


def markdown_summary(word: str, style: Style = PLAIN) -> str:
    return render_markdown(plan_of(word), APPLE, style, OURS, limit=ROOM, whole_plan_at=f"at {word}", summary_only=True)


def html(word: str, style: Style = PLAIN) -> str:
    return render_html(plan_of(word), APPLE, style, OURS, whole_plan_at=word)


def diagnostics(word: str, style: Style = PLAIN) -> str:
    return render_diagnostics(plan_of(word).diagnostics, style)


def receipt(word: str, style: Style = PLAIN) -> str:
    keys = ("time", "event", "address", "action", "result", "message", "plan_id", "target", "reason", word)
    events = ("apply_started", "started", "finished", "quarantined", "apply_finished", word)
    return render_receipt([{**dict.fromkeys(keys, word), "event": event} for event in events], style)


def json_of(word: str, _style: Style = PLAIN) -> str:
    plan = plan_of(word)
    return to_json(plan) + json_text([diagnostic_document(item) for item in plan.diagnostics])


OUTPUT_FORMATS: dict[str, Callable[..., str]] = {
    "text": text,
    "summary": summary,
    "markdown": markdown,
    "markdown_summary": markdown_summary,
    "html": html,
    "diagnostics": diagnostics,
    "receipt": receipt,
    "json_of": json_of,
    **output_formats.OUTPUT_FORMATS,
}


def assert_structure_kept(word: str) -> None:
    for name, render in OUTPUT_FORMATS.items():
        for style in (PLAIN, REDACTED):
            found = render(word, style)
            assert_calm(found)
            assert structure(name, found) == of_harmless(name, style), name
            if name in ("markdown", "markdown_summary"):
                assert found.count("<!--") == found.count(MARKER) == 1


@functools.cache
def of_harmless(name: str, style: Style) -> Any:
    """Return the structure of an output format with a harmless value."""
    return structure(name, OUTPUT_FORMATS[name](HARMLESS, style))


def structure(name: str, found: str) -> Any:
    if "markdown" in name:
        return markdown_structure(found)
    if name.endswith("html"):
        return html_structure(found)
    return found.count("\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_an_untrusted_value_does_not_change_the_structure_of_any_output(name: str) -> None:
    assert_structure_kept(HOSTILE[name])


@settings(deadline=None, max_examples=examples(20))
@given(texts())
@example(":")
def test_no_value_changes_the_structure_of_any_output(word: str) -> None:
    assert_structure_kept(word)


@settings(deadline=None, max_examples=examples(40))
@given(texts())
def test_a_value_is_shown_whole_in_the_code_of_a_comment_and_in_a_page(word: str) -> None:
    word = word[:100]
    shown = escape_control(word.replace("\\", "\\\\"))
    assert shown.replace('"', '\\"').replace("<!--", "<\\u{21}--") in code_of(markdown(word))
    assert shown in html_text(html(word))


@pytest.mark.parametrize("limit", sorted(LIMITS.values()))
@pytest.mark.parametrize("name", HOSTILE)
def test_an_untrusted_value_cannot_make_a_comment_exceed_its_limit(name: str, limit: int) -> None:
    found = markdown(HOSTILE[name], limit=limit)
    assert len(found.encode()) <= limit
    assert "**Plan: 1 to adopt" in found
    assert found.count("will be DELETED") > 1


def test_the_checks_find_an_attack() -> None:
    """Check that each of these would be found if an output format let it through."""
    said = markdown("Zebulon")
    harm: Any = markdown_structure(said)
    for attack in ("@team", "fixes #1", "![x](y)", "<b>x</b>", "https://example.com", "```"):
        assert markdown_structure(f"{said}\n{attack}\n") != harm, attack
    page = html("Zebulon")
    for attack in ("<script>1</script>", "<!-- x -->", "<img src=x>", "<p onclick=x>"):
        assert html_structure(page.replace("<footer>", f"<footer>{attack}")) != html_structure(page), attack
    for attack in ("\x1b", "\n ::error::x", "##[x", "\u202e"):
        with pytest.raises(AssertionError):
            assert_calm(f"a{attack}")
    assert json.loads(json_text({"a": "##["})) == {"a": "##["}
