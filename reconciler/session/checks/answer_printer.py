"""Show the answers of `check` on the terminal as they come."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconciler.core.check import Answer, CheckVerdict
from reconciler.render.check import render_answer, render_not_asked, render_rest, render_section
from reconciler.session.terminal import Terminal


class AnswerPrinter:
    """Shows answers, each section below its heading; when quiet, only those that need attention.

    Unless all are asked for (-v), answers to `details` that need no attention are counted in one line, and questions
    that were not asked for the same reason, one after another, share a line. `sections`: the heading of each question.
    """

    def __init__(self, terminal: Terminal, sections: Mapping[str, str], details: Collection[str]) -> None:
        self._terminal = terminal
        self._sections = sections
        self._details = details
        self._section: str | None = None
        self._rest: list[Answer] = []
        self._not_asked: list[Answer] = []

    def show(self, answer: Answer) -> None:
        """Show an answer, or keep it for a line that it shares with others of its section."""
        calm = answer.verdict in (CheckVerdict.OK, CheckVerdict.SKIPPED)
        if self._terminal.is_quiet:
            if not calm:
                self._write(answer)
            return
        self._begin_section(self._sections[answer.question])
        if self._not_asked and self._not_asked[0].summary != answer.summary:
            self._end_not_asked()
        if self._terminal.is_verbose or not calm:
            self._write(answer)
        elif answer.question in self._details:
            self._rest.append(answer)
        elif answer.was_not_asked:
            self._not_asked.append(answer)
        else:
            self._write(answer)

    def end(self) -> None:
        """Show what was kept."""
        self._end_not_asked()
        self._terminal.result(render_rest(self._rest, self._terminal.style, self._terminal.width))
        self._rest = []

    def _begin_section(self, title: str) -> None:
        if title != self._section:
            self.end()
            self._terminal.result(render_section(title, self._terminal.style, first=self._section is None))
            self._section = title

    def _end_not_asked(self) -> None:
        self._terminal.result(render_not_asked(self._not_asked, self._terminal.style, self._terminal.width))
        self._not_asked = []

    def _write(self, answer: Answer) -> None:
        self._terminal.result(render_answer(answer, self._terminal.style, self._terminal.width))
