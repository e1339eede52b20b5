"""Another process that converts pages, in this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.core.planning.live_user import ResourceReader
from reconciler.scim.converted_pages import convert_pages


@dataclass
class PageHelper:
    """Answers by `answer`. `answers`: how many there were that are more than nothing. `ended`: nobody asks any more."""

    answer: Callable[[bytes], bytes | None]
    answers: list[int] = field(default_factory=list)
    ended: bool = False

    def ask(self, question: bytes) -> bytes | None:
        """Answer what is asked."""
        assert not self.ended
        answer = self.answer(question)
        self.answers += [len(answer)] if answer else []
        return answer

    def end_questions(self) -> None:
        """Note it."""
        self.ended = True


def helper_of(reader: ResourceReader) -> PageHelper:
    """A process that has this reader."""
    return PageHelper(convert_pages(reader))
