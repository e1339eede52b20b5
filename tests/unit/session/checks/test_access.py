from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from support.checks import TOKEN, AskedService, ask_all, build_check_context, list_reply, show
from support.servers.http_server import Reply, Request

from reconciler.core.check import Answer
from reconciler.render.check import CheckReport, render_answer
from reconciler.render.check_document import render_check_json
from reconciler.render.style import Style
from reconciler.scim.transport import WriteRefusedError
from reconciler.session.checks.access import ask_access, ask_token
from reconciler.session.checks.budget import CHECK_SECONDS, TIME_OVER, CheckBudget
from reconciler.session.checks.context import CheckGroup
from reconciler.session.checks.network import ask_host

HOST = CheckGroup(ask_host, ("host",))
TOKEN_GROUP = CheckGroup(ask_token, ("token",))
ACCESS = CheckGroup(ask_access, ("access", "request_time", "clock"))
PAGE = b"<!doctype html><title>Sign in</title>"


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def answers_to(root: Path, reply: Reply, **options: Any) -> list[Answer]:
    with AskedService(reply) as service, ExitStack() as resources:
        context = build_check_context(root, resources, service.base_url, **options)
        found = ask_all(context, HOST, TOKEN_GROUP, ACCESS)[2:]
        assert set(service.methods) == {"GET"}
    return [replace(each, summary=each.summary.replace(service.base_url, "URL")) for each in found]


# --- the token ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (TOKEN, "ok token: RECONCILER_TOKEN is set"),
        ("", "failed token: RECONCILER_TOKEN is not set | Set it to the bearer token"),
        (f"Bearer {TOKEN}", 'failed token: RECONCILER_TOKEN begins with "Bearer" | Set it to what follows'),
        (f"{TOKEN}\n{TOKEN}", "failed token: RECONCILER_TOKEN has characters that no token has | Copy it again"),
        (f'"{TOKEN}"', "warning token: RECONCILER_TOKEN is set, but is in quotation marks, which are sent with it"),
        ("$SCIM_TOKEN", "warning token: RECONCILER_TOKEN is set, but looks like a placeholder"),
    ],
)
def test_the_token_must_be_there_and_plausible(tmp_path: Path, resources: ExitStack, token: str, text: str) -> None:
    context = build_check_context(tmp_path, resources, environment={"RECONCILER_TOKEN": token})
    (answer,) = ask_all(context, TOKEN_GROUP)
    assert next(show([answer])).startswith(text)
    assert not token or TOKEN not in repr(answer)


def test_without_a_host_the_token_goes_nowhere(tmp_path: Path, resources: ExitStack) -> None:
    context = build_check_context(tmp_path, resources)
    ask_all(context, TOKEN_GROUP)
    assert context.connection is None
    assert TOKEN not in repr(context)


# --- access ---------------------------------------------------------------------------------------


def test_a_service_that_accepts_the_token(tmp_path: Path) -> None:
    found = answers_to(tmp_path, list_reply(3))
    assert [each.verdict.value for each in found] == ["ok", "ok", "ok"]
    assert found[0].summary == "the service accepts the token: it lists 3 users"
    assert found[1].summary.endswith(" ms")
    assert found[2].summary == "this machine and the service agree on the time"


def test_the_client_of_a_check_cannot_write(tmp_path: Path, resources: ExitStack) -> None:
    with AskedService() as service:
        context = build_check_context(tmp_path, resources, service.base_url)
        ask_all(context, HOST, TOKEN_GROUP, ACCESS)
        assert context.client is not None
        for write in (
            lambda client: client.create_user({}),
            lambda client: client.patch_user("7", {}),
            lambda client: client.delete_user("7"),
        ):
            with pytest.raises(WriteRefusedError):
                write(context.client)
        assert set(service.methods) == {"GET"}


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply(status=401), "failed access: the service does not accept the token (401) | Check RECONCILER_TOKEN: "),
        (Reply(status=403), "failed access: the service forbids the request (403) | Check what the token may do, and"),
        (
            Reply(status=403, body=PAGE),
            "failed access: something in front of the service forbids the request (403, a web page) | A firewall or a",
        ),
        (
            Reply(status=404),
            "failed access: there is no SCIM service at URL/Users (404) | Check target.base_url. Many services",
        ),
        (
            Reply(status=302, headers={"Location": "https://login.example.com/"}),
            'failed access: the service redirects to "https://login.example.com/" | Redirects are not followed with a',
        ),
        (
            Reply(status=200, body=PAGE),
            "failed access: the service answers with a web page instead of JSON | A login page or a proxy answers in",
        ),
        (Reply(status=200, body=b"[1]"), "failed access: the service answers with JSON that is not an object | Check"),
        (Reply(status=200, body=b"{}"), "failed access: the service lists users without saying how many"),
        (
            Reply(status=429, headers={"Retry-After": "3600"}),
            "failed access: the service refused it (429) | It asks to wait for 3,600 seconds, then run this again.",
        ),
        (Reply(status=500), "failed access: the service refused it (500) | Check the state of the service."),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
def test_each_refusal_says_what_to_do(tmp_path: Path, reply: Reply, text: str) -> None:
    found = answers_to(tmp_path, reply)
    assert next(show(found)).startswith(text)
    assert [each.summary for each in found[1:]] == ["not asked: access failed"] * 2


def test_apple_says_more_about_a_403(tmp_path: Path) -> None:
    with AskedService(Reply(status=403)) as service, ExitStack() as resources:
        context = build_check_context(tmp_path, resources, service.base_url, profile="apple-business-manager")
        found = ask_all(context, HOST, TOKEN_GROUP, ACCESS)[2]
    assert "may take a minute to activate a new connection" in found.advice[0]


def test_a_short_pause_that_the_service_asks_for_is_waited(tmp_path: Path) -> None:
    replies = iter([Reply(status=429, headers={"Retry-After": "1"})])
    with AskedService(lambda _request: next(replies, list_reply())) as service, ExitStack() as resources:
        found = ask_all(build_check_context(tmp_path, resources, service.base_url), HOST, TOKEN_GROUP, ACCESS)[2]
    assert found.verdict == "ok"


def test_a_service_that_refuses_later_requests_is_a_warning(tmp_path: Path) -> None:
    replies = iter([list_reply()])
    with AskedService(lambda _request: next(replies, Reply(status=400))) as service, ExitStack() as resources:
        context = build_check_context(tmp_path, resources, service.base_url)
        found = ask_all(context, HOST, TOKEN_GROUP, ACCESS)[3]
    assert next(show([found])).endswith(
        "; not all were accepted | The service may limit requests; an apply waits and sends them again."
    )


def test_a_slow_service_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.session.checks.access._SLOW", 0.0)
    found = answers_to(tmp_path, list_reply())
    assert found[1].verdict == "warning"
    assert found[1].advice[0].startswith("An apply sends a few requests for each change: 1,000 changes may take ")


@pytest.mark.parametrize(("answered", "verdict"), [(2, "warning"), (1, "skipped")])
def test_a_time_that_ends_while_requests_are_timed_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answered: int, verdict: str
) -> None:
    monkeypatch.setattr("reconciler.session.checks.access._SLOW", 0.0)
    now = 0.0

    def reply(_request: Request) -> Reply:
        nonlocal now
        now += CHECK_SECONDS / answered
        return list_reply()

    with AskedService(reply) as service, ExitStack() as resources:
        context = build_check_context(tmp_path, resources, service.base_url)
        context.budget = CheckBudget(lambda: now)
        found = ask_all(context, HOST, TOKEN_GROUP, ACCESS)[2:]
    assert [each.verdict for each in found][:2] == ["ok", verdict]
    assert ("requests", 1) in found[1].facts or found[1].summary == f"not asked: {TIME_OVER}"


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (
            {"headers": {"Date": format_datetime(datetime.now(UTC) - timedelta(hours=3), usegmt=True)}},
            "warning clock: the clock of this machine is 3 hours ahead of the service's",
        ),
        ({"dated": False}, "warning clock: the service sends no Date header, so the clock of this machine cannot"),
        ({"headers": {"Date": "\x7fnow"}}, "warning clock: the service sends a Date header that cannot be read,"),
    ],
)
def test_the_clocks_are_compared(tmp_path: Path, reply: dict[str, Any], text: str) -> None:
    assert list(show(answers_to(tmp_path, list_reply(**reply))))[2].startswith(text)


def test_a_service_that_says_the_token_everywhere_does_not_make_check_say_it(tmp_path: Path) -> None:
    hostile = f"{TOKEN}\x1b[2J\n::error::{TOKEN}"
    body = b'{"detail": "' + hostile.encode().replace(b"\x1b", b"\\u001b").replace(b"\n", b"\\n") + b'"}'
    for status in (400, 401, 403, 404, 429, 500):
        reply = Reply(status=status, body=body, headers={"Date": TOKEN, "Location": TOKEN, "Retry-After": TOKEN})
        assert TOKEN not in repr(answers_to(tmp_path, reply))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=403, body=b'{"detail": "Zaphod\\" and \\"Zaphod may not"}'),
        Reply(status=400, body=b'{"detail": "Zaphod"}'),
        Reply(status=301, headers={"Location": 'https://example.com/Zaphod?"Zaphod'}),
        Reply(status=200, body=b'Zaphod " Zaphod'),
        list_reply(headers={"Date": 'Zaphod " Zaphod'}),
    ],
    ids=["403", "400", "Location", "no JSON", "Date"],
)
def test_what_a_service_says_is_hidden_with_the_names(tmp_path: Path, reply: Reply) -> None:
    report = CheckReport(None, answers_to(tmp_path, reply), datetime.now(UTC), 1.0)
    assert "Zaphod" in render_check_json(report, Style())
    assert "Zaphod" not in repr([answer.facts for answer in report.answers])
    assert "Zaphod" not in render_check_json(report, Style(redact=True))
    assert "Zaphod" not in "".join(render_answer(answer, Style(redact=True)) for answer in report.answers)
