"""Answers of `check`."""

from __future__ import annotations

from reconciler.core.check import Answer, CheckVerdict, format_question


def test_an_answer_without_advice_and_facts() -> None:
    answer = Answer("tls", CheckVerdict.OK, "the certificate is valid")
    assert (answer.advice, answer.facts) == ((), ())
    assert [verdict.value for verdict in CheckVerdict] == ["ok", "warning", "failed", "skipped"]


def test_the_name_of_a_question_for_the_reader() -> None:
    assert format_question("desired_state") == "desired state"


def test_a_question_that_was_not_asked_is_told_from_one_without_an_answer() -> None:
    assert Answer("tls", CheckVerdict.SKIPPED, "not asked: dns failed").was_not_asked
    assert not Answer("tls", CheckVerdict.SKIPPED, "not learnt: no users").was_not_asked
    assert not Answer("tls", CheckVerdict.OK, "not asked: dns failed").was_not_asked
