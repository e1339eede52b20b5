"""Render the answers of `check` as JSON, with its published schema."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field

from reconciler import __version__
from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import escape_control, redact_quoted
from reconciler.record.plan_document import StrictDocument, TargetDocument
from reconciler.record.plan_file import json_text
from reconciler.render.check import CheckReport
from reconciler.render.style import Style

FORMAT_VERSION = "1.0"


class AnswerDocument(StrictDocument):
    """One question and its answer."""

    question: str = Field(pattern="^[a-z][a-z0-9_]*$", description="Stable name; docs/check.md lists all")
    verdict: CheckVerdict
    summary: str = Field(description="What was found, in one line; its words may change")
    advice: list[str] = Field(description="What to do; empty if the verdict is ok")
    facts: dict[str, str | int | float | bool | None] = Field(
        description="What was measured, such as milliseconds; later versions may add some"
    )


class CheckSummary(StrictDocument):
    """The number of answers with each verdict."""

    ok: int
    warning: int
    failed: int
    skipped: int


class CheckDocument(StrictDocument):
    """The result of `reconciler check --format json`."""

    format_version: str = Field(pattern=r"^1\.\d+$")
    reconciler_version: str
    target: TargetDocument | None = Field(description="null if settings.yaml cannot be read")
    verdict: CheckVerdict = Field(description="The worst of the answers': failed, warning or ok")
    summary: CheckSummary
    answers: list[AnswerDocument] = Field(description="In the order in which they were asked")
    began: AwareDatetime
    seconds: float = Field(ge=0, description="How long the check took")


def render_check_json(report: CheckReport, style: Style) -> str:
    """Render the result as JSON; redacted, quoted values are hidden.

    Texts are escaped for display, because readers of the document usually print them.
    """
    return json_text(_to_document(report, style)) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the published JSON Schema of the result."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **CheckDocument.model_json_schema()}


def _to_document(report: CheckReport, style: Style) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "reconciler_version": __version__,
        "target": None if report.target is None else report.target.document,
        "verdict": report.verdict.value,
        "summary": {verdict.value: count for verdict, count in report.counts.items()},
        "answers": [_answer(answer, style) for answer in report.answers],
        "began": report.began.isoformat(),
        "seconds": round(report.seconds, 3),
    }


def _answer(answer: Answer, style: Style) -> dict[str, Any]:
    def show(text: str) -> str:
        return escape_control(redact_quoted(text) if style.redact else text)

    return {
        "question": answer.question,
        "verdict": answer.verdict.value,
        "summary": show(answer.summary),
        "advice": [show(line) for line in answer.advice],
        "facts": {key: show(value) if isinstance(value, str) else value for key, value in answer.facts},
    }
