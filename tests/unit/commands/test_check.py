from __future__ import annotations

import json
import socket
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from support.recording_terminal import RecordingTerminal
from support.sample_org import account, person
from support.target_workspace import TargetWorkspace

from reconciler.commands.check import CheckOptions, run_check
from reconciler.errors import ExitCode, UsageError
from reconciler.render.check_document import json_schema
from reconciler.scim.probes.survey import QUESTIONS as SERVICE_QUESTIONS
from reconciler.session.checks.groups import QUESTIONS


def check(target: TargetWorkspace, **options: Any) -> dict[str, Any]:
    target.terminal.out = ""
    run_check(target.workspace, CheckOptions(format="json", **options), target.terminal)
    document: dict[str, Any] = json.loads(target.terminal.out)
    jsonschema.validate(document, json_schema(), format_checker=jsonschema.FormatChecker())
    return document


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {answer["question"]: answer["verdict"] for answer in document["answers"]}


def test_every_question_is_answered_in_its_order(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    document = check(target)
    asked = [answer["question"] for answer in document["answers"]]
    assert asked == [question for question in QUESTIONS if question in asked]
    assert len(asked) > 20
    assert document["verdict"] in ("ok", "warning")
    assert document["target"] == {"profile": "scim", "base_url": target.service.base_url}
    assert datetime.fromisoformat(document["began"]).tzinfo is UTC
    assert run_check(target.workspace, CheckOptions(), target.terminal) is ExitCode.OK


def test_only_get_is_sent(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    check(target)
    assert set(target.service.counts) == {"GET"}
    assert len(target.service.log) > 3


def test_a_failed_question_is_exit_code_1_and_one_cause_is_one_failure(target: TargetWorkspace) -> None:
    target.service.token = "another"
    assert run_check(target.workspace, CheckOptions(), target.terminal) is ExitCode.ERROR
    document = check(target)
    assert document["summary"]["failed"] == 1
    assert verdicts(document)["access"] == "failed"


def test_with_errors_in_a_file_the_connection_is_checked_all_the_same(target: TargetWorkspace) -> None:
    target.files.write("users/people.yaml", "- [\n")
    found = verdicts(check(target))
    assert (found["desired_state"], found["access"], found["record"]) == ("failed", "ok", "ok")


def test_without_settings_only_the_program_is_known(target: TargetWorkspace) -> None:
    target.files.write("settings.yaml", "[\n")
    document = check(target)
    assert document["target"] is None
    found = verdicts(document)
    failed = {question for question, verdict in found.items() if verdict == "failed"}
    assert failed == {"desired_state"}
    assert found["access"] == "skipped"


def test_offline_opens_no_socket(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a socket was opened")

    with monkeypatch.context() as patch:
        for name in ("socket", "create_connection", "getaddrinfo"):
            patch.setattr(socket, name, refuse)
        found = verdicts(check(target, offline=True))
    assert target.service.log == []
    assert {"dns", "tcp", "tls", "access", "request_time", "clock"} <= {
        question for question, verdict in found.items() if verdict == "skipped"
    }
    asked = ("version", "desired_state", "target", "environment", "host", "proxy", "token", "record", "lock")
    assert [found[question] for question in asked] == ["ok"] * len(asked)


def test_the_sandbox_needs_no_token_and_no_host(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECONCILER_TOKEN")
    monkeypatch.delenv("RECONCILER_ALLOWED_HOSTS")
    base_url = "https://federation.apple.com/feeds/business/scim"
    address = {"profile": "apple-business-manager", "base_url": base_url, "domains": ["example.com"]}
    target.files.settings(target=address)
    target.workspace = replace(target.workspace, sandbox=True)
    document = check(target)
    assert [answer["summary"] for answer in document["answers"] if answer["verdict"] == "warning"] == []
    assert "open_questions" not in verdicts(document)
    assert document["target"]["base_url"] == "sandbox:"
    assert "open_questions" not in verdicts(document)
    assert target.service.log == []


def test_details_are_shown_one_by_one_if_they_are_asked_for(target: TargetWorkspace) -> None:
    run_check(target.workspace, CheckOptions(), target.terminal)
    short, target.terminal.out = target.terminal.out, ""
    target.terminal._verbose = True
    run_check(target.workspace, CheckOptions(), target.terminal)
    assert "(-v shows them)" in short
    assert "\nok       discovery  " not in short
    assert "(-v shows them)" not in target.terminal.out
    assert "\nok       discovery  " in target.terminal.out


def test_quiet_shows_only_what_needs_attention(target: TargetWorkspace) -> None:
    target.service.token = "another"
    target.terminal._quiet = True
    run_check(target.workspace, CheckOptions(), target.terminal)
    lines = target.terminal.out.splitlines()
    assert lines[0].startswith("failed   access                the service does not accept the token (401)")
    assert not [line for line in lines if line.startswith(("ok ", "skipped "))]
    assert lines[-1].startswith("The check failed. ")


def test_quiet_says_nothing_if_all_is_well(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    target.terminal.out = ""
    target.terminal._quiet = True
    assert run_check(target.workspace, CheckOptions(), target.terminal) is ExitCode.OK
    assert target.terminal.out == ""


def test_an_unknown_format_is_a_usage_error(target: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match="--format html"):
        run_check(target.workspace, CheckOptions(format="html"), target.terminal)


def test_the_answers_that_may_be_sent_to_others_name_nobody(target: TargetWorkspace) -> None:
    domains = {"domains": ["example.com", "magrathea.example"]}
    target.files.settings(
        target={"profile": "apple-business-manager", "base_url": target.service.base_url, **domains},
    )
    planted = ("zaphod", "beeblebrox", "trillian", "ford", "slartibartfast", "magrathea", "planted")
    target.service.add(account("zaphod", externalId="planted-1", userName="Zaphod@Beeblebrox.example"))
    target.service.add(account("ford", externalId="planted-2"))
    target.service.add(account("trillian", externalId="planted-3"))
    target.desire(
        person("zaphod", userPrincipalName="zaphod@beeblebrox.example"),
        person("ford", mail="ford.prefect@example.com"),
        person("slartibartfast", surname=None),
    )
    answers = check(target)["answers"]
    facts = json.dumps([answer["facts"] for answer in answers]).casefold()
    about_service = json.dumps([answer for answer in answers if answer["question"] in SERVICE_QUESTIONS]).casefold()
    target.terminal = RecordingTerminal(redact=True)
    people = ("domains", "mail_addresses", "required_names", "taken_names", "live_domains", "reserved_names")
    hidden = [answer for answer in check(target)["answers"] if answer["question"] in people]
    assert {"failed", "warning"} & {answer["verdict"] for answer in hidden}
    for text in (facts, about_service, json.dumps(hidden).casefold()):
        assert [name for name in planted if name in text] == []
