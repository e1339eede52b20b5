from __future__ import annotations

import json
from datetime import UTC, datetime

import jsonschema
import pytest

from reconciler import __version__
from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.model import Target
from reconciler.render.check import CheckReport
from reconciler.render.check_document import json_schema, render_check_json
from reconciler.render.style import Style

ANSWERS = (
    Answer("dns", CheckVerdict.OK, "it is 192.0.2.1", (), (("ipv4", 1),)),
    Answer("tls", CheckVerdict.FAILED, 'it is for "other.example.com"', ("Ask \u202e\x1b.",), (("name", '"o"'),)),
)
REPORT = CheckReport(Target("scim", "https://h/scim", "acme"), ANSWERS, datetime(2026, 11, 29, 8, tzinfo=UTC), 1.23456)


def test_the_whole_document() -> None:
    text = render_check_json(REPORT, Style())
    assert text.isascii()
    assert json.loads(text) == {
        "format_version": "1.0",
        "reconciler_version": __version__,
        "target": {"profile": "scim", "base_url": "https://h/scim", "tenant": "acme"},
        "verdict": "failed",
        "summary": {"ok": 1, "warning": 0, "failed": 1, "skipped": 0},
        "answers": [
            {
                "question": "dns",
                "verdict": "ok",
                "summary": "it is 192.0.2.1",
                "advice": [],
                "facts": {"ipv4": 1},
            },
            {
                "question": "tls",
                "verdict": "failed",
                "summary": 'it is for "other.example.com"',
                "advice": ["Ask \\u{202e}\\u{1b}."],
                "facts": {"name": '"o"'},
            },
        ],
        "began": "2026-11-29T08:00:00+00:00",
        "seconds": 1.235,
    }


@pytest.mark.parametrize("redact", [False, True])
def test_the_document_follows_its_schema(redact: bool) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(render_check_json(REPORT, Style(redact=redact)))
    jsonschema.validate(document, schema, format_checker=jsonschema.FormatChecker())


def test_redacted_quoted_values_are_hidden() -> None:
    answer = json.loads(render_check_json(REPORT, Style(redact=True)))["answers"][1]
    assert (answer["summary"], answer["facts"]) == ("it is for (hidden)", {"name": "(hidden)"})


def test_without_settings_there_is_no_target() -> None:
    assert json.loads(render_check_json(CheckReport(None, (), REPORT.began, 0), Style()))["target"] is None
