from __future__ import annotations

from support.recording_terminal import RecordingTerminal

from reconciler.core.check import Answer, CheckVerdict
from reconciler.session.checks.answer_printer import AnswerPrinter

SECTIONS = {"one": "First", "two": "First", "three": "First", "four": "Second"}
OK, WARNING, SKIPPED = CheckVerdict.OK, CheckVerdict.WARNING, CheckVerdict.SKIPPED


def show(*answers: Answer, verbose: bool = False, quiet: bool = False, details: bool = True) -> list[str]:
    terminal = RecordingTerminal(verbose=verbose)
    terminal._quiet = quiet
    printer = AnswerPrinter(terminal, SECTIONS, {"two"} if details else ())
    for answer in answers:
        printer.show(answer)
    printer.end()
    return [" ".join(line.split()) for line in terminal.out.splitlines()]


ALL = (
    Answer("one", OK, "fine"),
    Answer("two", OK, "fine, too"),
    Answer("three", WARNING, "look", ("Do it.",)),
    Answer("four", OK, "good"),
)


def test_each_section_has_a_heading_and_details_are_counted_at_its_end() -> None:
    assert show(*ALL) == [
        "First",
        "ok one fine",
        "warning three look",
        "Do it.",
        "ok 1 more question 1 ok (-v shows them)",
        "",
        "Second",
        "ok four good",
    ]


def test_verbose_shows_each() -> None:
    assert show(*ALL, verbose=True)[1:5] == ["ok one fine", "ok two fine, too", "warning three look", "Do it."]


def test_quiet_shows_what_needs_attention_only() -> None:
    assert show(*ALL, quiet=True) == ["warning three look", "Do it."]


def test_a_detail_that_needs_attention_is_shown() -> None:
    assert show(Answer("two", WARNING, "look")) == ["First", "warning two look"]


def not_asked(question: str, reason: str) -> Answer:
    return Answer(question, SKIPPED, f"not asked: {reason}")


def test_questions_that_were_not_asked_for_one_reason_share_a_line_within_their_section() -> None:
    answers = [not_asked(question, "dns failed") for question in SECTIONS]
    assert show(*answers, details=False) == [
        "First",
        "skipped 3 questions not asked: dns failed (one, two, three)",
        "",
        "Second",
        "skipped four not asked: dns failed",
    ]
    assert len(show(*answers, verbose=True)) == 7


def test_another_reason_is_another_line_and_the_order_is_kept() -> None:
    answers = (not_asked("one", "dns failed"), not_asked("two", "no token"), Answer("three", OK, "fine"))
    assert show(*answers, details=False)[1:] == [
        "skipped one not asked: dns failed",
        "skipped two not asked: no token",
        "ok three fine",
    ]


def test_a_detail_that_was_not_asked_is_counted_with_the_others() -> None:
    answers = (not_asked("one", "dns failed"), not_asked("two", "no user is listed"))
    assert show(*answers) == [
        "First",
        "skipped one not asked: dns failed",
        "skipped 1 more question 1 skipped (-v shows them)",
    ]
