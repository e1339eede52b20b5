from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.checks import ask_all
from support.sample_org import APPLE_MAPPINGS, account, person
from support.servers.fake_scim import FakeScimServer, ServerFaults
from support.target_workspace import TargetWorkspace, build_target_workspace
from support.workspace import OpenWorkspace

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import redact_quoted
from reconciler.scim.probes.survey import QUESTIONS as SERVICE_QUESTIONS
from reconciler.scim.read_budget import TimeOverError
from reconciler.session.checks import names
from reconciler.session.checks.access import ask_access, ask_token
from reconciler.session.checks.context import CheckGroup, open_context
from reconciler.session.checks.files import ask_files
from reconciler.session.checks.names import QUESTIONS, ask_names
from reconciler.session.checks.network import ask_host
from reconciler.session.checks.service import ask_service

OK, WARNING, FAILED, SKIPPED = CheckVerdict
GROUPS = (
    CheckGroup(ask_files, ("desired_state", "target")),
    CheckGroup(ask_host, ("host",)),
    CheckGroup(ask_token, ("token",)),
    CheckGroup(ask_access, ("access", "request_time", "clock")),
    CheckGroup(ask_service, SERVICE_QUESTIONS),
    CheckGroup(ask_names, QUESTIONS),
)


@pytest.fixture
def apple(target: TargetWorkspace) -> TargetWorkspace:
    return with_apple(target)


def with_apple(target: TargetWorkspace, **more: Any) -> TargetWorkspace:
    settings = {"profile": "apple-business-manager", "base_url": target.service.base_url, "domains": ["example.com"]}
    target.files.settings(target=settings | more)
    target.files.write("mappings.yaml", APPLE_MAPPINGS)
    return target


def ask(target: TargetWorkspace) -> dict[str, Answer]:
    environment = {"RECONCILER_TOKEN": target.service.token, "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
    with ExitStack() as resources:
        context = open_context(target.workspace, target.terminal, resources, environment=environment)
        answers = {answer.question: answer for answer in ask_all(context, *GROUPS)}
    assert set(target.service.counts) == {"GET"}
    return {name: answers[name] for name in QUESTIONS if name in answers}


def delete_on_record(target: TargetWorkspace, name: str, days_ago: int = 1) -> None:
    at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
    line = {"time": at, "event": "finished", "action": "delete", "result": "done", "user_name": name}
    receipt = target.files.plans / "2026" / "receipt.jsonl"
    receipt.parent.mkdir(parents=True)
    receipt.write_text(json.dumps(line) + "\n")


def test_names_that_are_free_or_the_users_own(apple: TargetWorkspace) -> None:
    apple.service.add(account("ada"))
    apple.desire(person("ada"), person("bob"))
    answers = ask(apple)
    assert {answer.verdict for answer in answers.values()} == {OK}
    assert answers["taken_names"].summary == "no userName of 3 users in scope is held by another person's account"


@pytest.mark.parametrize("active", [True, False])
def test_a_name_that_another_persons_account_has(apple: TargetWorkspace, active: bool) -> None:
    apple.service.add(account("ada", externalId="id-of-another", active=active))
    apple.desire(person("ada"))
    found = ask(apple)["taken_names"]
    assert (found.verdict, found.summary) == (WARNING, "1 userName held by another person's account")
    assert found.advice[-1] == '"ada@example.com" in "users/people.yaml:1"'
    assert dict(found.facts) == {"users": 2, "taken": 1, "whole": True}


def test_an_account_that_is_adopted_is_nobody_elses(apple: TargetWorkspace) -> None:
    apple.service.add(account("ada", externalId=None))
    apple.desire(person("ada"))
    assert ask(apple)["taken_names"].verdict is OK


def test_a_name_that_its_holder_gives_up_is_not_taken(apple: TargetWorkspace) -> None:
    apple.service.add(account("ada"))
    apple.service.add(account("bob"))
    swapped = (("ada", "bob"), ("bob", "ada"))
    apple.desire(*(person(who, objectId=f"id-{other}") for who, other in swapped))
    assert ask(apple)["taken_names"].verdict is OK


def test_relink_is_followed(apple: TargetWorkspace) -> None:
    apple.service.add(account("ada", externalId="id-old"))
    apple.desire(person("ada"))
    assert ask(apple)["taken_names"].verdict is WARNING
    settings = json.loads((apple.files.state / "settings.yaml").read_text())
    relink = {"relink": {"ids": [{"from": "id-old", "to": "id-ada"}]}}
    apple.files.write("settings.yaml", json.dumps(settings | relink))
    assert ask(apple)["taken_names"].verdict is OK


def test_users_in_no_verified_domain(apple: TargetWorkspace) -> None:
    apple.service.add(account("ada", userName="ada@other.example"))
    found = ask(apple)["live_domains"]
    assert found.summary == 'live users have 1 domain that target.domains lacks: "other.example"'
    assert (found.verdict, dict(found.facts)) == (WARNING, {"domains": 2, "others": 1, "whole": True})
    with_apple(apple, domains=[])
    assert "live_domains" not in ask(apple)


def test_a_name_that_was_deleted_lately(apple: TargetWorkspace) -> None:
    apple.desire(person("ada"))
    delete_on_record(apple, "ADA@example.com")
    found = ask(apple)["reserved_names"]
    free = datetime.now(UTC).date() + timedelta(days=29)
    assert found.verdict is WARNING
    assert found.summary == f"1 userName of a deleted account, the last one free on {free:%Y-%m-%d}"
    apple.service.add(account("ada"))
    assert ask(apple)["reserved_names"].verdict is OK


def test_a_name_that_was_deleted_long_ago_is_free(apple: TargetWorkspace) -> None:
    apple.desire(person("ada"))
    delete_on_record(apple, "ada@example.com", days_ago=31)
    assert ask(apple)["reserved_names"].verdict is OK


def test_a_service_that_keeps_no_names(target: TargetWorkspace) -> None:
    assert list(ask(target)) == ["taken_names"]


def test_a_large_service_is_asked_for_a_few_names(apple: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MOST_READ", 2)
    monkeypatch.setattr(names, "MOST_LOOKED_UP", 2)
    for who in ("ada", "bob", "cy"):
        apple.service.add(account(who, externalId="id-of-another" if who == "ada" else f"id-{who}"))
    apple.desire(*map(person, ("ada", "bob", "cy")))
    answers = ask(apple)
    assert answers["taken_names"].summary == (
        "1 userName held by another person's account; 2 names of 4 were looked up"
    )
    assert dict(answers["taken_names"].facts)["whole"] is False
    assert answers["live_domains"].verdict is SKIPPED


@pytest.mark.parametrize(
    ("held", "verdict", "summary"),
    [
        ("ADA@example.com", SKIPPED, "not learnt: 2 names of 2 were looked up, and not in other cases"),
        (
            "ada@example.com",
            WARNING,
            "1 userName held by another person's account; 2 names of 2 were looked up, and not in other cases",
        ),
    ],
)
def test_filters_that_compare_case_show_no_name_to_be_free(
    open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch, held: str, verdict: CheckVerdict, summary: str
) -> None:
    monkeypatch.setattr(names, "MOST_READ", 0)
    users = [account("bob"), account("ada", externalId="id-of-another", userName=held)]
    service = FakeScimServer(ServerFaults(filter_case_exact=True), users)
    target = with_apple(build_target_workspace(open_workspace(service), service))
    target.desire(person("ada"))
    found = ask(target)["taken_names"]
    assert (found.verdict, found.summary) == (verdict, summary)


def test_names_without_letters_leave_it_open_whether_case_is_compared(
    open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "MOST_READ", 0)
    service = FakeScimServer(users=[account("1", userName="1@2")])
    target = with_apple(build_target_workspace(open_workspace(service), service))
    target.desire(person("ada"))
    assert ask(target)["taken_names"].verdict is SKIPPED


def test_filters_that_are_ignored_show_no_name_to_be_free(
    open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "MOST_READ", 0)
    service = FakeScimServer(ServerFaults(ignore_filter=True))
    target = with_apple(build_target_workspace(open_workspace(service), service))
    found = ask(target)["taken_names"]
    assert (found.verdict, found.summary) == (
        SKIPPED,
        "not learnt: users are too many to read, and filters do not work",
    )


@pytest.mark.parametrize(
    ("faults", "verdict"),
    [
        (ServerFaults(error_on_page=11, error_times=None), SKIPPED),
        (ServerFaults(error_on_page=12, error_times=None, filter_unsupported=400), WARNING),
        (ServerFaults(cap_depth=1), WARNING),
        (ServerFaults(login_page=True), SKIPPED),
    ],
)
def test_a_list_that_is_not_complete_shows_no_name_to_be_free(
    open_workspace: OpenWorkspace, faults: ServerFaults, verdict: CheckVerdict
) -> None:
    service = FakeScimServer(faults, [account(f"user-{n}") for n in range(9)])
    target = with_apple(build_target_workspace(open_workspace(service), service))
    assert ask(target)["taken_names"].verdict is verdict


def test_a_time_that_ends_while_users_are_read_shows_no_name_to_be_free(
    apple: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise TimeOverError("the time is over")

    monkeypatch.setattr("reconciler.scim.client.ScimClient.list_users", run_out)
    answers = ask(apple)
    assert (answers["taken_names"].verdict, answers["taken_names"].summary) == (SKIPPED, "not learnt: the time is over")
    assert answers["live_domains"].summary == "not learnt: the time is over"


def test_names_can_be_hidden(apple: TargetWorkspace) -> None:
    apple.service.add(account("zaphod", externalId="id-of-another", userName="zaphod@beeblebrox.example"))
    apple.desire(person("zaphod", userPrincipalName="zaphod@beeblebrox.example"), person("ford"))
    with_apple(apple, domains=["example.com", "magrathea.example"])
    delete_on_record(apple, "ford@example.com")
    answers = ask(apple)
    shown = [redact_quoted(line) for each in answers.values() for line in (each.summary, *each.advice)]
    text = f"{shown} {[each.facts for each in answers.values()]}".casefold()
    assert [name for name in ("zaphod", "beeblebrox", "ford", "people.yaml", "id-of") if name in text] == []
