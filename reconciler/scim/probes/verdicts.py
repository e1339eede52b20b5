"""Build answers, and compare what a service does with what its profile says."""

from __future__ import annotations

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.profile import Confidence, Switch, TargetProfile

Fact = str | int | float | bool | None

REPORT = "Please report it, with the output of `reconciler check --format json --redact`: it holds no names of people."


def ok(question: str, summary: str, **facts: Fact) -> Answer:
    """Return the answer of a service that does what is expected of it."""
    return Answer(question, CheckVerdict.OK, summary, (), tuple(facts.items()))


def warn(question: str, summary: str, *advice: str, **facts: Fact) -> Answer:
    """Return the answer of a service that does something else, which Reconciler adapts to."""
    return Answer(question, CheckVerdict.WARNING, summary, advice, tuple(facts.items()))


def fail(question: str, summary: str, *advice: str, **facts: Fact) -> Answer:
    """Return the answer of a service for which a plan or an apply would be wrong."""
    return Answer(question, CheckVerdict.FAILED, summary, advice, tuple(facts.items()))


def skip(question: str, summary: str) -> Answer:
    """Return the answer to a question that was not asked."""
    return Answer(question, CheckVerdict.SKIPPED, summary)


def ask_to_report(profile: TargetProfile, *switches: Switch) -> tuple[str, ...]:
    """Return the request for a report, if the profile is that of one service and its claim is not documented."""
    uncertain = any(each.confidence is not Confidence.DOCUMENTED for each in switches)
    return (REPORT,) if profile.hosts and (uncertain or not switches) else ()
