"""Answers of `check`."""

from __future__ import annotations

from reconciler.core.check import Answer, CheckVerdict, format_question


def test_an_answer_without_advice_and_facts() -> None:
    answer = Answer("tls", CheckVerdict.OK, "the certificate is valid")
    assert (answer.advice, answer.facts) == ((), ())
    assert [verdict.value for verdict in CheckVerdict] == ["ok", "warning", "failed", "skipped"]


def test_the_name_of_a_question_for_the_reader() -> None:
    assert format_question("desired_state") == "desired state"
