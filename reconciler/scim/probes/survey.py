"""Ask a service everything that reads can tell, and compare that with its profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.model import Resource
from reconciler.core.paths import get
from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize
from reconciler.scim.probes import discovery, filters, lists
from reconciler.scim.probes.asking import Ask, Asker, Grounds
from reconciler.scim.probes.discovery import DiscoveryFindings, judge_discovery, read_discovery
from reconciler.scim.probes.filters import FilterFindings, judge_filters, read_filters
from reconciler.scim.probes.lists import ListFindings, judge_lists, read_lists
from reconciler.scim.probes.users import ABOUT_ONE, ABOUT_SEEN, UserFindings, judge_user, read_user
from reconciler.scim.probes.verdicts import REPORT, ok, skip, warn

_NEED_A_LIST = (*filters.QUESTIONS, *ABOUT_ONE, *ABOUT_SEEN)
OPEN_QUESTIONS = "open_questions"
QUESTIONS = (*lists.QUESTIONS, *discovery.QUESTIONS, *_NEED_A_LIST, "rate_limit", OPEN_QUESTIONS)
_OPEN = frozenset(
    """page_size default_page_size paging filter_nobody filter_user_name filter_case filter_external_id filter_others
    discovery rate_limit error_form enterprise active user_name_case primary""".split()
)
"""The questions of docs/apple-open-questions.md that reads can answer."""


@dataclass(frozen=True)
class Survey:
    """What a service answered. `filters` and `user`: None if its users cannot be listed."""

    lists: ListFindings
    discovery: DiscoveryFindings
    filters: FilterFindings | None
    user: UserFindings | None
    asker: Asker

    @property
    def grounds(self) -> Grounds:
        """The replies that answers rest on, by question; the other answers rest on what came, whatever it is."""
        filters = self.filters.grounds if self.filters is not None else {}
        user = self.user.grounds if self.user is not None else {}
        return {**self.lists.grounds, **self.discovery.grounds, **filters, **user}


def survey_service(ask: Ask, page_size: int) -> Survey:
    """Ask a service, in some 30 requests. Raises nothing that a service can cause."""
    asker = Asker(ask)
    listed = read_lists(asker, page_size)
    said = read_discovery(asker)
    if listed.start is None:
        return Survey(listed, said, None, None, asker)
    sample = _choose(listed.start.users or listed.seen)
    return Survey(listed, said, read_filters(asker, sample), read_user(asker, sample), asker)


def _choose(users: tuple[Resource, ...]) -> Resource | None:
    """Return a user to ask about, one with an externalId if there is one."""
    return next((user for user in users if get(user, "externalId")), users[0] if users else None)


def judge_survey(found: Survey, profile: TargetProfile) -> list[Answer]:
    """Compare what the service does with what its profile says, one answer for each of `QUESTIONS` in their order.

    `open_questions` is left out if the profile is not that of one service.
    """
    answers = [*judge_lists(found.lists, profile), *judge_discovery(found.discovery)]
    first = found.lists.start
    if first is not None and found.filters is not None and found.user is not None:
        answers += judge_filters(found.filters, profile, first.total)
        answers += judge_user(found.user, found.lists.seen, first.total, profile)
    else:
        answers += [skip(name, "not asked: users cannot be listed") for name in _NEED_A_LIST]
    answers = _leave_out(answers, found)
    answers.append(_judge_rate(found.asker))
    return [*answers, *_count_open_questions(answers, profile)]


def _leave_out(answers: Sequence[Answer], found: Survey) -> list[Answer]:
    """Skip the questions for which a request was left out: what is missing then says nothing about the service."""
    first, grounds = found.lists.first, found.grounds
    everything = (first,) if first.is_left_out else ()
    reasons = {
        answer.question: reply.failure
        for answer in answers
        for reply in (*everything, *grounds.get(answer.question, ()))
        if reply is not None and reply.is_left_out
    }
    return [
        skip(answer.question, reasons[answer.question]) if answer.question in reasons else answer for answer in answers
    ]


def _judge_rate(asker: Asker) -> Answer:
    facts = {"requests": asker.requests, "throttled": asker.throttled, "announced": asker.limits_announced}
    said = "some have" if asker.limits_announced else "none has"
    summary = f"{pluralize(asker.requests, 'request')}, {said} headers about a rate limit"
    if not asker.answers:
        return skip("rate_limit", "not learnt: no answer came")
    if asker.throttled:
        advice = "Nothing to do: plans and applies slow down as the service asks."
        return warn(
            "rate_limit", f"{summary}; {asker.throttled:,} were refused as too many (429, 503)", advice, **facts
        )
    return ok("rate_limit", summary, **facts)


def _count_open_questions(answers: Sequence[Answer], profile: TargetProfile) -> list[Answer]:
    """Return how many questions about a service that is known from reports only have an answer now."""
    if not profile.hosts:
        return []
    found = sum(answer.question in _OPEN and answer.verdict is not CheckVerdict.SKIPPED for answer in answers)
    summary = f"{found} of {len(_OPEN)} open questions about {profile.title} have an answer above"
    detail = "docs/apple-open-questions.md has all of them"
    return [ok(OPEN_QUESTIONS, f"{summary}; {detail}. {REPORT}", answered=found, questions=len(_OPEN))]
