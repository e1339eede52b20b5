"""The question what may be applied without a review."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.check import Answer, CheckVerdict
from reconciler.session.checks.context import CheckContext

QUESTION = "unattended"
_NO_BRANCH = (
    "The limits hold for 24 hours by the record: without `record: {branch: …}` in settings.yaml a workflow has none,"
    " and applies nothing unattended."
)


def ask_unattended(context: CheckContext) -> Iterator[Answer]:
    """Ask what `apply --unattended` may do, by settings.yaml."""
    if context.settings is None:  # pragma: no cover - `needs` says so
        return
    limits = context.settings.unattended
    if limits is None:
        yield Answer(QUESTION, CheckVerdict.OK, "nothing is applied without a review", facts=(("enabled", False),))
        return
    counts = limits.model_dump()
    said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    facts = (("enabled", True), *counts.items())
    if context.settings.record.branch is None:
        summary = f"in a day at most {said}, and no branch for the record"
        yield Answer(QUESTION, CheckVerdict.WARNING, summary, (_NO_BRANCH,), facts)
        return
    yield Answer(QUESTION, CheckVerdict.OK, f"in a day at most {said}", facts=facts)
