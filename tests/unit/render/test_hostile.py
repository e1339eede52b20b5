"""Hostile values through every face: what they are called changes what a text says, never what it is."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
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
    """`word` also where no person is: in the names of files, of the target, of the commit."""
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


FACES: dict[str, Callable[..., str]] = {
    **{
        face.__name__: face for face in (text, summary, markdown, markdown_summary, html, diagnostics, receipt, json_of)
    },
    **output_formats.FACES,
}


def judged(word: str) -> None:
    for name, face in FACES.items():
        for style in (PLAIN, REDACTED):
            found = face(word, style)
            assert_calm(found)
            assert structure(name, found) == of_harmless(name, style), name
            if name in ("markdown", "markdown_summary"):
                assert found.count("<!--") == found.count(MARKER) == 1


@functools.cache
def of_harmless(face: str, style: Style) -> Any:
    """The structure of a face that says nothing bad."""
    return structure(face, FACES[face](HARMLESS, style))


def structure(face: str, found: str) -> Any:
    if "markdown" in face:
        return markdown_structure(found)
    if face.endswith("html"):
        return html_structure(found)
    return found.count("\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_changes_the_structure_of_no_face(name: str) -> None:
    judged(HOSTILE[name])


@settings(deadline=None, max_examples=examples(20))
@given(texts())
def test_no_value_changes_the_structure_of_any_face(word: str) -> None:
    judged(word)


@settings(deadline=None, max_examples=examples(40))
@given(texts())
def test_a_value_is_shown_whole_in_the_code_of_a_comment_and_in_a_page(word: str) -> None:
    word = word[:100]
    shown = escape_control(word.replace("\\", "\\\\"))
    assert shown.replace('"', '\\"').replace("<!--", "<\\u{21}--") in code_of(markdown(word))
    assert shown in html_text(html(word))


@pytest.mark.parametrize("limit", sorted(LIMITS.values()))
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_cannot_make_a_comment_longer_than_its_limit(name: str, limit: int) -> None:
    found = markdown(HOSTILE[name], limit=limit)
    assert len(found.encode()) <= limit
    assert "**Plan: 1 to adopt" in found
    assert found.count("will be DELETED") > 1


def test_the_judges_see_an_attack() -> None:
    """Each of these would be found if a face let it through."""
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
