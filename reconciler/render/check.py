"""Render the answers of `check` as text: verdict, question and finding in columns, then what to do."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.core.check import Answer, CheckVerdict, format_question
from reconciler.core.model import Target
from reconciler.core.text import escape_line, pluralize
from reconciler.render.style import BOLD, GREEN, GREY, RED, YELLOW, Style

_VERDICTS = {
    CheckVerdict.OK: (GREEN,),
    CheckVerdict.WARNING: (BOLD, YELLOW),
    CheckVerdict.FAILED: (BOLD, RED),
    CheckVerdict.SKIPPED: (GREY,),
}
_VERDICT_WIDTH = max(map(len, CheckVerdict)) + 2
_QUESTION_WIDTH = 22
_MARGIN = _VERDICT_WIDTH + _QUESTION_WIDTH
_ADVICE_INDENT = 2
"""So that advice is not taken for the rest of a finding."""
_TOGETHER = 2
"""Questions that share a line if they were not asked for the same reason."""
_MOST_NAMES = 5
_NARROW = 60
"""With fewer columns, the finding is below the question."""
_NARROW_MARGIN = 4
_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All answers. `target` None: the settings could not be read. `seconds`: how long the check took."""

    target: Target | None
    answers: Sequence[Answer]
    began: datetime
    seconds: float

    @property
    def verdict(self) -> CheckVerdict:
        """The worst verdict of an answer; a question that was not asked makes nothing worse."""
        found = {answer.verdict for answer in self.answers}
        worst = (each for each in (CheckVerdict.FAILED, CheckVerdict.WARNING) if each in found)
        return next(worst, CheckVerdict.OK)

    @property
    def counts(self) -> dict[CheckVerdict, int]:
        """The number of answers with each verdict."""
        return _count(self.answers)


def _count(answers: Iterable[Answer]) -> dict[CheckVerdict, int]:
    found = Counter(answer.verdict for answer in answers)
    return {verdict: found[verdict] for verdict in CheckVerdict}


def render_answer(answer: Answer, style: Style, width: int = 0) -> str:
    """Render one answer in one line and one more for each piece of advice; wrapped at `width` columns, 0: not."""
    verdict = style.paint(f"{answer.verdict:<{_VERDICT_WIDTH}}", *_VERDICTS[answer.verdict])
    question = format_question(answer.question)
    summary = style.message(answer.summary)
    advice = [escape_line(style.message(line)) for line in answer.advice if line.strip()]
    if 0 < width < _NARROW:
        lines = [f"{verdict}{question}", *_indent([summary], _NARROW_MARGIN, width)]
        lines += _indent(advice, _NARROW_MARGIN + _ADVICE_INDENT, width)
    else:
        # A long name pushes the finding to the right, by one blank at least.
        first, *others = [*_wrap(summary, _MARGIN, width)] or [""]
        head = f"{question:<{_QUESTION_WIDTH - 1}} {first}"
        lines = [f"{verdict}{head}", *(f"{'':{_MARGIN}}{line}" for line in others)]
        lines += _indent(advice, _MARGIN + _ADVICE_INDENT, width)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def render_section(title: str, style: Style, *, first: bool) -> str:
    """Render the heading of the questions that follow."""
    return f"{'' if first else chr(10)}{style.paint(title, BOLD)}\n"


def render_not_asked(answers: Sequence[Answer], style: Style, width: int = 0) -> str:
    """Render in one line questions that were not asked for the same reason; "" for none."""
    if len(answers) < _TOGETHER:
        return "".join(render_answer(answer, style, width) for answer in answers)
    names = [format_question(answer.question) for answer in answers]
    listed = ", ".join(names[:_MOST_NAMES]) + (f" and {len(names) - _MOST_NAMES} more" if names[_MOST_NAMES:] else "")
    together = Answer(pluralize(len(answers), "question"), CheckVerdict.SKIPPED, f"{answers[0].summary} ({listed})")
    return render_answer(together, style, width)


def render_rest(answers: Sequence[Answer], style: Style, width: int = 0) -> str:
    """Render in one line the answers that are not shown, because none of them needs attention; "" for none."""
    if not answers:
        return ""
    found = _count(answers)
    counts = ", ".join(f"{found[verdict]:,} {verdict}" for verdict in CheckVerdict if found[verdict])
    what = f"{counts} (-v shows them)"
    verdict = CheckVerdict.OK if found[CheckVerdict.OK] else CheckVerdict.SKIPPED
    return render_answer(Answer(pluralize(len(answers), "more question"), verdict, what), style, width)


def render_conclusion(report: CheckReport, style: Style) -> str:
    """Render how many questions were answered how, and what that means."""
    counts = report.counts
    parts = [f"{counts[verdict]:,} {verdict}" for verdict in CheckVerdict if counts[verdict]]
    numbers = f"{pluralize(len(report.answers), 'question')}: {', '.join(parts)}."
    match report.verdict:
        case CheckVerdict.FAILED:
            head = style.paint("The check failed.", BOLD, RED)
        case CheckVerdict.WARNING:
            head = style.paint("The check passed, with warnings.", BOLD, YELLOW)
        case _:
            head = style.paint("The check passed.", BOLD, GREEN)
    return f"\n{head} {numbers}\n"


def _indent(texts: Iterable[str], margin: int, width: int) -> Iterator[str]:
    for text in texts:
        yield from (f"{'':{margin}}{line}" for line in _wrap(text, margin, width))


def _wrap(text: str, margin: int, width: int) -> list[str]:
    """Wrap a text at `width` columns less a margin. URLs, file names and commands are not cut, so they may be wider."""
    if width == 0:
        return [text]
    columns = max(_NARROWEST, width - margin)
    return textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False)
