import json
from pathlib import Path
from typing import Any

import pytest
from support.builders import APPLE
from support.plans import every_action

from reconciler.errors import UsageError
from reconciler.record.plan_file import to_json
from reconciler.render.formats import DATA, FORMATS, OutputOptions, check_format, render_plan
from reconciler.render.markdown import LIMITS
from reconciler.render.style import Style
from reconciler.render.text import render_text

PLAIN, REDACTED = Style(), Style(redact=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "pdf"}, "--format pdf does not exist"),
        ({"format": "markdown", "limit": "page"}, '--limit "page" does not exist'),
        ({"format": "html", "limit": "comment"}, "--limit is for --format markdown"),
        ({"limit": "comment"}, "--limit is for --format markdown"),
        ({"whole_plan_at": "x"}, "--whole-plan-at and --template are for --format markdown and html"),
        (
            {"format": "json", "template": Path("x")},
            "--whole-plan-at and --template are for --format markdown and html",
        ),
    ],
)
def test_options_that_do_not_apply_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        OutputOptions(**options).check()
    assert refused.value.summary == message


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"format": "json"},
        {"format": "markdown", "limit": "summary", "whole_plan_at": "x", "template": Path("x"), "summary": True},
        {"format": "html", "whole_plan_at": "x", "template": Path("x")},
    ],
)
def test_options_that_apply_are_accepted(options: dict[str, Any]) -> None:
    OutputOptions(**options).check()


def test_the_formats_that_exist_are_named() -> None:
    with pytest.raises(UsageError) as refused:
        check_format("xml", DATA)
    assert refused.value.detail == "There are text and json."
    for name in FORMATS:
        check_format(name, FORMATS)


def test_a_plan_is_rendered_in_the_requested_format() -> None:
    plan = every_action()
    assert render_plan(plan, APPLE, OutputOptions(), PLAIN) == render_text(plan, APPLE, PLAIN)
    short = render_plan(plan, APPLE, OutputOptions(summary=True), PLAIN)
    assert short == render_text(plan, APPLE, PLAIN, summary_only=True)
    assert render_plan(plan, APPLE, OutputOptions("json"), PLAIN) == to_json(plan)
    assert render_plan(plan, APPLE, OutputOptions("html"), PLAIN).startswith("<!doctype html>")
    assert render_plan(plan, APPLE, OutputOptions("markdown"), PLAIN).startswith("<!-- reconciler:plan ")


def test_markdown_has_the_limit_of_a_comment_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "comment", 1)
    with pytest.raises(UsageError, match=r"longer than the limit of 1$"):
        render_plan(every_action(), APPLE, OutputOptions("markdown"), PLAIN)
    assert render_plan(every_action(), APPLE, OutputOptions("markdown", limit="summary"), PLAIN)


def test_json_is_never_redacted() -> None:
    with pytest.raises(UsageError, match="--redact cannot be combined with --format json"):
        render_plan(every_action(), APPLE, OutputOptions("json"), REDACTED)
    assert json.loads(render_plan(every_action(), APPLE, OutputOptions("json"), PLAIN))["values"] == "full"
