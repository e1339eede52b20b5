"""The answer that says that the time of a check did not suffice: one warning, whatever was left out because of it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import pluralize
from reconciler.session.checks.budget import CHECK_SECONDS, TIME_OVER
from reconciler.session.checks.context import CheckContext

QUESTION = "time_limit"


def ask_time_limit(context: CheckContext) -> Iterator[Answer]:
    """Say how many questions had no time left; nothing if all had."""
    skipped = (answer for answer in context.answers.values() if answer.verdict is CheckVerdict.SKIPPED)
    left_out = sum(TIME_OVER in answer.summary for answer in skipped)
    if not left_out:
        return
    over = f"the {CHECK_SECONDS:.0f} seconds of a check are over"
    summary = f"{over}: {pluralize(left_out, 'question')} {'was' if left_out == 1 else 'were'} not answered"
    advice = (
        "That is no fault of the connection, but the service answers slowly: plans and applies have more time.",
        "Run this again when it is less busy. If it is always slow, ask who runs the service.",
    )
    facts = (("seconds", round(CHECK_SECONDS)), ("left_out", left_out))
    yield Answer(QUESTION, CheckVerdict.WARNING, summary, advice, facts)
