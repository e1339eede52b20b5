"""Questions about what the service does, compared with what its profile says."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.check import Answer
from reconciler.scim.probes.survey import OPEN_QUESTIONS, judge_survey, survey_service
from reconciler.session.checks.context import CheckContext


def ask_service(context: CheckContext) -> Iterator[Answer]:
    """Ask the service what it does, in some 25 requests."""
    client, profile = context.client, context.profile
    if client is None or profile is None:  # pragma: no cover - `needs` says so
        return
    found = survey_service(client.ask, int(profile.page_size.value))
    for answer in judge_survey(found, profile):
        # The sandbox tells nothing about the service that it stands for.
        if answer.question != OPEN_QUESTIONS or not context.workspace.sandbox:
            yield answer
