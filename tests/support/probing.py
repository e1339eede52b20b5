"""A SCIM service in memory, for the tests of `reconciler.scim.probes`: the fake server without its sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from reconciler.core.check import Answer
from reconciler.core.profile import TargetProfile
from reconciler.scim.probes.asking import Ask
from reconciler.scim.probes.survey import QUESTIONS, judge_survey, survey_service
from support.builders import SCIM
from support.servers.fake_scim import PREFIX, TOKEN, ServerFaults
from support.servers.http_server import Request
from support.servers.patching import User
from support.servers.service_habits import HabitServer, ServiceHabits
from support.servers.users import make_user

USERS = 5
Change = Callable[[str, Mapping[str, str], httpx.Response], httpx.Response]
"""path, parameters, answer -> the answer that comes instead."""


class ProbedService(HabitServer):
    """The fake server; `ask` is what a probe calls."""

    def __init__(
        self,
        faults: ServerFaults | None = None,
        users: Iterable[User] | None = None,
        *,
        habits: ServiceHabits | None = None,
        change: Change = lambda _path, _parameters, response: response,
    ) -> None:
        made = [make_user(n) for n in range(USERS)] if users is None else users
        super().__init__(habits, made, faults=faults)
        self._change = change
        self.start()

    def start(self) -> Self:
        self._past = [(float("-inf"), dict(self.users))]
        return self

    @property
    def base_url(self) -> str:
        return "https://scim.example.com" + PREFIX

    def ask(self, path: str, parameters: Mapping[str, str] | None = None) -> httpx.Response:
        """Answer as the service does."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        reply = self.answer(Request("GET", f"{PREFIX}{path}{query}", {"Authorization": f"Bearer {TOKEN}"}, b""))
        content = reply.body if reply.chunks is None else b"".join(reply.chunks)
        response = httpx.Response(reply.status, headers=dict(reply.headers), content=content)
        return self._change(path, parameters or {}, response)

    def check(self, profile: TargetProfile = SCIM) -> dict[str, Answer]:
        """Return the answers about the service, by question."""
        return survey(self.ask, profile)


def survey(ask: Ask, profile: TargetProfile = SCIM) -> dict[str, Answer]:
    """Ask a service everything; return the answers by question."""
    answers = judge_survey(survey_service(ask, int(profile.page_size.value)), profile)
    asked = [each for each in QUESTIONS if each != "open_questions" or profile.hosts]
    assert [answer.question for answer in answers] == asked
    return {answer.question: answer for answer in answers}


def facts(answer: Answer) -> dict[str, Any]:
    """Return the facts of an answer."""
    return dict(answer.facts)
