"""Questions about what the service does, compared with what its profile says."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.check import Answer
from reconciler.scim.probes.survey import judge_survey, survey_service
from reconciler.session.checks.context import CheckContext


def ask_service(context: CheckContext) -> Iterator[Answer]:
    """Ask the service what it does, in some 25 requests."""
    client, profile = context.client, context.profile
    if client is None or profile is None:  # pragma: no cover - `needs` says so
        return
    found = survey_service(client.ask, int(profile.page_size.value))
    yield from judge_survey(found, profile)
