"""`check` as people and monitors run it: on a terminal, in a pipe, against services that hang or lie."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest
from support.command import (
    TOKEN,
    CommandWorkspace,
    ListeningPort,
    OpenCommandWorkspace,
    all_bytes,
    assert_harmless,
    sample_users,
    screen,
    stable,
    wait_for,
    wait_for_exit,
)
from support.servers.fake_scim import ServerFaults
from support.servers.http_server import HttpServer, Reply, Request
from syrupy.assertion import SnapshotAssertion

SECRETS = {
    "RECONCILER_RECORD_KEY": "k3y-" + "A9" * 20,
    "RECONCILER_TOKEN_KEY": "t0kenk3y-" + "B8" * 20,
    "RECONCILER_OAUTH_CLIENT_SECRET": "cl1ent-" + "C7" * 20,
    "RECONCILER_SMTP_URL": "smtp://user:p4ssw0rd-D6D6D6@127.0.0.1:9",
    "RECONCILER_WEBHOOK_URL": "http://127.0.0.1:9/h00k-E5E5E5E5",
    "RECONCILER_GRAPH_TOKEN": "gr4ph-" + "F4" * 20,
}
PLANTED = (TOKEN, "A9A9A9", "B8B8B8", "C7C7C7", "p4ssw0rd", "h00k-E5", "F4F4F4")

CLIENT = "6f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11"


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    live, people = sample_users(3)
    opened = open_command_workspace(live)
    opened.users(people)
    return opened


def steady(text: str) -> str:
    text = re.sub(r"port \d+", "port PORT", stable(text))
    text = re.sub(r"[\d,]+ ms", "N ms", text)
    return re.sub(r"Reconciler \S+, Python \S+", "Reconciler VERSION, Python VERSION", text)


def test_what_people_read(work: CommandWorkspace, snapshot: SnapshotAssertion) -> None:
    found = work.command("check")
    assert steady(f"exit code {found.code}\n\n--- stdout\n{found.out}\n--- stderr\n{found.err}") == snapshot
    assert set(work.service.counts) == {"GET"}


def test_what_people_read_if_the_token_is_refused(work: CommandWorkspace, snapshot: SnapshotAssertion) -> None:
    work.service.token = "another"
    found = work.command("check")
    assert steady(f"exit code {found.code}\n\n--- stdout\n{found.out}\n--- stderr\n{found.err}") == snapshot


def test_on_a_terminal_it_is_coloured_and_not_wider(work: CommandWorkspace) -> None:
    with screen() as terminal:
        process = work.start(
            "check", stdout=terminal.slave, stderr=terminal.slave, env={"TERM": "xterm", "COLUMNS": "50"}
        )
        terminal.close_slave()
        text = terminal.read()
        assert process.wait(30) == 0
    assert "\x1b[32mok       \x1b[0maccess\r\n    the service accepts the token: it lists 3" in text
    plain = re.sub(r"\x1b\[[?\d]*[a-zA-Z]", "", text)
    assert [line for line in plain.splitlines() if len(line) > 50 and " " in line.strip()] == []


def test_no_planted_secret_is_in_any_output(work: CommandWorkspace) -> None:
    for arguments in ((), ("--offline",), ("--format", "json"), ("-v",), ("--redact",), ("--notify",)):
        found = work.command("check", *arguments, env=SECRETS)
        text = found.out + found.err
        assert [secret for secret in PLANTED if secret in text] == [], arguments
        assert "Traceback" not in found.err
    written = all_bytes(work.root, [])
    assert [secret for secret in PLANTED if secret.encode() in written] == []


def test_a_service_that_says_hostile_things_everywhere(work: CommandWorkspace) -> None:
    hostile = f"{TOKEN}\r\n::error::x\x1b[2J\u202e##[group]"
    body = json.dumps({"detail": hostile, "scimType": hostile, "schemas": [hostile], "Resources": [{hostile: hostile}]})
    header = f"{TOKEN}::error::##[group]"

    def answer(request: Request) -> Reply:
        headers = {"Date": header, "Location": header, "Retry-After": header, "ETag": header, "Server": header}
        return Reply(status=next(statuses), headers=headers, body=body.encode())

    for status in (200, 301, 401, 404):
        statuses = iter([status] * 1000)
        server = HttpServer(answer)
        work.base_url = f"{server.origin}/scim"
        work.settings()
        for form in ("text", "json"):
            found = work.command("check", "--format", form)
            assert found.code in (0, 1), found.err
            assert "Traceback" not in found.err
            assert TOKEN not in found.out + found.err
            assert_harmless(found.out)
        server.close()


def test_a_service_that_accepts_and_never_answers_is_a_finding_within_a_minute(work: CommandWorkspace) -> None:
    port = ListeningPort()
    work.base_url = f"{port.url}/scim"
    work.settings()
    began = time.monotonic()
    found = work.command("check", "--format", "json")
    assert time.monotonic() - began < 60
    port.close()
    answers = {answer["question"]: answer for answer in json.loads(found.out)["answers"]}
    assert found.code == 1
    assert answers["tcp"]["verdict"] == "ok"
    assert answers["access"]["verdict"] == "failed"
    assert answers["access"]["summary"] == "the service does not answer: the service took too long to answer"


def test_neither_a_login_nor_a_webhook_that_never_answers_makes_it_hang(work: CommandWorkspace) -> None:
    port = ListeningPort()
    source = {"entra": {"tenant": "contoso.onmicrosoft.com", "application": "Apple", "client_id": CLIENT}}
    work.settings(source=source, notifications={"on_failure": ["webhook:json"]})
    urls = {"RECONCILER_LOGIN_URL": port.url, "RECONCILER_WEBHOOK_URL": port.url}
    began = time.monotonic()
    found = work.command("check", "--notify", env={**urls, "AZURE_CLIENT_SECRET": "s" * 40})
    assert time.monotonic() - began < 60
    port.close()
    assert "Microsoft Entra ID does not answer" in found.out
    assert found.code == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_it_at_once(work: CommandWorkspace, number: signal.Signals) -> None:
    work.service.faults = ServerFaults(latency=5)
    process = work.start("check")
    wait_for(lambda: work.service.log)
    before = time.monotonic()
    process.send_signal(number)
    found = wait_for_exit(process)
    assert time.monotonic() - before < 10
    assert found.code == 130
    assert "Traceback" not in found.err


def test_a_closed_pipe_is_no_traceback(work: CommandWorkspace) -> None:
    process = work.start("check")
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
