from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.checks import AskedService, ask_all, build_check_context
from support.servers.fake_scim import FakeScimServer, ServerFaults
from support.servers.users import make_user

from reconciler.core.check import Answer, CheckVerdict
from reconciler.scim.probes.survey import QUESTIONS
from reconciler.session.checks.access import ask_access, ask_token
from reconciler.session.checks.context import CheckGroup
from reconciler.session.checks.network import ask_host
from reconciler.session.checks.service import ask_service

BEFORE = (
    CheckGroup(ask_host, ("host",)),
    CheckGroup(ask_token, ("token",)),
    CheckGroup(ask_access, ("access", "request_time", "clock")),
)
SERVICE = CheckGroup(ask_service, QUESTIONS)


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def check(root: Path, base_url: str, token: str, profile: str = "scim") -> dict[str, Answer]:
    environment = {"RECONCILER_TOKEN": token, "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
    with ExitStack() as resources:
        context = build_check_context(root, resources, base_url, environment, profile=profile)
        return {answer.question: answer for answer in ask_all(context, *BEFORE, SERVICE)[5:]}


def test_the_service_is_compared_with_the_profile(tmp_path: Path) -> None:
    with FakeScimServer(ServerFaults(page_cap=100), [make_user(n) for n in range(150)]) as service:
        answers = check(tmp_path, service.base_url, service.token, "apple-business-manager")
        assert set(service.counts) == {"GET"}
        assert len(service.log) < 35
    assert list(answers) == list(QUESTIONS)
    assert answers["page_size"].verdict is CheckVerdict.WARNING
    assert answers["page_size"].advice[-1].startswith("Please report it")


def test_a_service_that_answers_always_the_same(tmp_path: Path) -> None:
    with AskedService() as service:
        answers = check(tmp_path, service.base_url, "t0ken")
    assert answers["users"].summary == "the service says that it has 3 users, but lists none"
    assert answers["users"].verdict is CheckVerdict.FAILED
    assert set(service.methods) == {"GET"}


def test_nothing_is_asked_without_a_client(tmp_path: Path, resources: ExitStack) -> None:
    assert ask_all(build_check_context(tmp_path, resources), SERVICE) == []
