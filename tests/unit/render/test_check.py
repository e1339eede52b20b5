from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.core.check import Answer, CheckVerdict
from reconciler.render.check import (
    CheckReport,
    render_answer,
    render_conclusion,
    render_not_asked,
    render_rest,
    render_section,
)
from reconciler.render.style import Style

PLAIN = Style()
SUMMARY = "the certificate of service.example.com expires in 3 days, on 2026-12-02, and nobody has renewed it yet"
ADVICE = ("Without a new certificate nothing can be read or applied then: ask who runs the service.",)
WARNING = Answer("tls", CheckVerdict.WARNING, SUMMARY, ADVICE)


def report(*verdicts: str) -> CheckReport:
    answers = [Answer("tls", CheckVerdict(verdict), "x") for verdict in verdicts]
    return CheckReport(None, answers, datetime(2026, 11, 29, tzinfo=UTC), 1.5)


def test_an_answer_is_a_line_and_one_for_each_advice() -> None:
    assert render_answer(WARNING, PLAIN) == (
        f"warning  tls                   {SUMMARY}\n                                 {ADVICE[0]}\n"
    )


def test_an_answer_is_wrapped_below_itself() -> None:
    margin = " " * 31
    assert render_answer(WARNING, PLAIN, 80) == (
        "warning  tls                   the certificate of service.example.com expires in\n"
        f"{margin}3 days, on 2026-12-02, and nobody has renewed it\n"
        f"{margin}yet\n"
        f"{margin}  Without a new certificate nothing can be read\n"
        f"{margin}  or applied then: ask who runs the service.\n"
    )


def test_on_a_narrow_terminal_the_finding_is_below_the_question() -> None:
    assert render_answer(WARNING, PLAIN, 40) == (
        "warning  tls\n"
        "    the certificate of\n"
        "    service.example.com expires in 3\n"
        "    days, on 2026-12-02, and nobody has\n"
        "    renewed it yet\n"
        "      Without a new certificate nothing\n"
        "      can be read or applied then: ask\n"
        "      who runs the service.\n"
    )


@pytest.mark.parametrize("width", [1, 10, 59, 60, 100])
def test_a_url_is_not_cut_however_narrow_the_terminal_is(width: int) -> None:
    url = "https://federation.apple.com/feeds/business/scim-with-a-hyphen"
    assert url in render_answer(Answer("target", CheckVerdict.OK, f"Apple at {url}"), PLAIN, width)


def test_the_verdict_is_coloured() -> None:
    lines = [render_answer(Answer("tls", verdict, "x"), Style(colour=True)) for verdict in CheckVerdict]
    assert lines == [
        "\x1b[32mok       \x1b[0mtls                   x\n",
        "\x1b[1m\x1b[33mwarning  \x1b[0mtls                   x\n",
        "\x1b[1m\x1b[31mfailed   \x1b[0mtls                   x\n",
        "\x1b[90mskipped  \x1b[0mtls                   x\n",
    ]


def test_no_value_adds_a_line_moves_the_cursor_or_starts_a_command() -> None:
    hostile = "a\n::error::b\x1b[2J\u202e##[group]"
    text = render_answer(Answer("tls", CheckVerdict.FAILED, hostile, (hostile, "::set-output::x")), PLAIN)
    assert text == (
        "failed   tls                   a\\n::error::b\\u{1b}[2J\\u{202e}#\\u{23}[group]\n"
        "                                 a\\n::error::b\\u{1b}[2J\\u{202e}#\\u{23}[group]\n"
        "                                 \\u{3a}:set-output::x\n"
    )


def test_redacted_quoted_values_are_hidden() -> None:
    answer = Answer("people", CheckVerdict.WARNING, 'nobody has "ada@example.com"', ('Ask "Ada".',))
    assert render_answer(answer, Style(redact=True)) == (
        "warning  people                nobody has (hidden)\n                                 Ask (hidden).\n"
    )


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        (("ok",), "The check passed. 1 question: 1 ok."),
        (("ok", "skipped"), "The check passed. 2 questions: 1 ok, 1 skipped."),
        (("warning", "ok"), "The check passed, with warnings. 2 questions: 1 ok, 1 warning."),
        (("ok", "failed", "warning"), "The check failed. 3 questions: 1 ok, 1 warning, 1 failed."),
    ],
)
def test_the_conclusion_counts_the_verdicts_and_says_the_worst(verdicts: tuple[str, ...], text: str) -> None:
    assert render_conclusion(report(*verdicts), PLAIN) == f"\n{text}\n"


def test_a_question_that_was_not_asked_makes_nothing_worse() -> None:
    assert report("skipped").verdict is CheckVerdict.OK


def test_sections_are_separated_by_an_empty_line() -> None:
    assert render_section("Access", PLAIN, first=True) == "Access\n"
    assert render_section("Access", Style(colour=True), first=False) == "\n\x1b[1mAccess\x1b[0m\n"


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        ((), ""),
        (("ok",), "ok       1 more question       1 ok (-v shows them)\n"),
        (("skipped", "ok", "ok"), "ok       3 more questions      2 ok, 1 skipped (-v shows them)\n"),
        (("skipped",), "skipped  1 more question       1 skipped (-v shows them)\n"),
    ],
)
def test_answers_that_are_not_shown_are_counted(verdicts: tuple[str, ...], text: str) -> None:
    assert render_rest(report(*verdicts).answers, PLAIN) == text


def test_questions_that_were_not_asked_for_the_same_reason_share_a_line() -> None:
    names = ("dns", "tcp", "tls", "access_token", "clock", "people", "lock")
    answers = [Answer(name, CheckVerdict.SKIPPED, "not asked: host failed") for name in names]
    assert render_not_asked([], PLAIN) == ""
    assert render_not_asked(answers[:1], PLAIN) == "skipped  dns                   not asked: host failed\n"
    assert render_not_asked(answers[:2], PLAIN) == (
        "skipped  2 questions           not asked: host failed (dns, tcp)\n"
    )
    assert render_not_asked(answers, PLAIN) == (
        "skipped  7 questions           not asked: host failed (dns, tcp, tls, access token, clock and 2 more)\n"
    )
