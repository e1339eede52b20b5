"""The answers of `reconciler check`: one for each question about a connection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckVerdict(StrEnum):
    """How a question was answered. Only `FAILED` makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and its answer.

    `question`: a stable name for monitors, such as `tls`. `summary`: what was found, in one line. `advice`: what to do,
    one line each; empty for OK. `facts`: what was measured, for JSON, such as {"milliseconds": 120}.
    """

    question: str
    verdict: CheckVerdict
    summary: str
    advice: tuple[str, ...] = ()
    facts: tuple[tuple[str, str | int | float | bool | None], ...] = ()

    @property
    def was_not_asked(self) -> bool:
        """Whether the question was not asked at all: because of another one, or offline."""
        return self.verdict is CheckVerdict.SKIPPED and self.summary.startswith(NOT_ASKED)


NOT_ASKED = "not asked: "
"""How the summary of a question begins that was not asked; the reason follows."""


def format_question(question: str) -> str:
    """Return the name of a question for the reader: `desired state`."""
    return question.replace("_", " ")
