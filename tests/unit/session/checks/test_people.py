from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from support.checks import ask_all
from support.sample_org import APPLE_MAPPINGS, person
from support.target_workspace import TargetWorkspace

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import redact_quoted
from reconciler.session.checks.context import CheckGroup, open_context
from reconciler.session.checks.files import ask_files
from reconciler.session.checks.people import QUESTIONS, ask_people, show_places

OK, WARNING, FAILED, SKIPPED = CheckVerdict
FILES = CheckGroup(ask_files, ("desired_state", "target"))
PEOPLE = CheckGroup(ask_people, QUESTIONS)


def set_profile(target: TargetWorkspace, profile: str = "apple-business-manager", **more: Any) -> None:
    target.files.settings(target={"profile": profile, "base_url": target.service.base_url, **more})
    target.files.write("mappings.yaml", APPLE_MAPPINGS)


def ask(target: TargetWorkspace) -> dict[str, Answer]:
    with ExitStack() as resources:
        context = open_context(target.workspace, target.terminal, resources, environment={})
        return {answer.question: answer for answer in ask_all(context, FILES, PEOPLE)[2:]}


def test_people_who_are_as_the_service_needs_them(target: TargetWorkspace) -> None:
    set_profile(target, domains=["example.com"])
    target.desire(person("ada", mail="Ada@example.com"))
    answers = ask(target)
    assert {name: answer.verdict for name, answer in answers.items()} == dict.fromkeys(QUESTIONS, OK)
    assert answers["domains"].summary == "every userName in scope is in 1 verified domain"
    assert answers["mail_addresses"].summary == "mail is the userName of all 1 user in scope who have one"


def test_a_service_that_needs_none_of_it(target: TargetWorkspace) -> None:
    set_profile(target, "scim")
    assert ask(target) == {}


def test_without_domains_nothing_can_be_compared(target: TargetWorkspace) -> None:
    set_profile(target)
    found = ask(target)["domains"]
    assert (found.verdict, found.advice) == (
        WARNING,
        ("List the domains that are verified in Apple Business Manager.",),
    )


def test_users_outside_the_domains_with_what_their_domain_looks_like(target: TargetWorkspace) -> None:
    set_profile(target, domains=["example.com"])
    target.desire(
        person("ada", userPrincipalName="ada@exarnple.com"),
        person("bob", userPrincipalName="bob@example.org"),
        person("cy", userPrincipalName="cy@example.com"),
    )
    found = ask(target)["domains"]
    assert (found.verdict, found.summary) == (WARNING, "2 users outside the verified domains, not applied")
    assert found.advice[0] == '"exarnple.com" looks like "example.com": correct one of them.'
    assert found.advice[-2:] == (
        '"ada@exarnple.com" in "users/people.yaml:1"',
        '"bob@example.org" in "users/people.yaml:2"',
    )


@pytest.mark.parametrize(("mail", "count"), [("ada.lovelace@example.com", 1), ("ADA@example.com", 0), ("", 0)])
def test_mail_must_be_the_name_where_people_sign_in_by_it(target: TargetWorkspace, mail: str, count: int) -> None:
    set_profile(target, domains=["example.com"])
    target.desire(person("ada", mail=mail), person("bob", mail="bob@example.com"))
    found = ask(target)["mail_addresses"]
    assert dict(found.facts)["differing"] == count
    assert found.verdict is (WARNING if count else OK)
    assert any('"ada@example.com" in "users/people.yaml:1"' in line for line in found.advice) == bool(count)


def test_users_out_of_scope_need_no_mail(target: TargetWorkspace) -> None:
    set_profile(target, domains=["example.com"])
    target.desire(person("ada", mail="other@example.com", accountEnabled=False))
    assert ask(target)["mail_addresses"].summary == "not asked: no user in scope has a mail"


@pytest.mark.parametrize("missing", ["givenName", "surname"])
def test_both_names_are_required(target: TargetWorkspace, missing: str) -> None:
    set_profile(target, domains=["example.com"])
    target.desire(person("ada", **{missing: None}))
    found = ask(target)["required_names"]
    assert (found.verdict, found.summary) == (WARNING, "1 user in scope without first or last name")
    assert found.advice[-1] == '"ada@example.com" in "users/people.yaml:1"'


def test_what_names_people_can_be_hidden(target: TargetWorkspace) -> None:
    set_profile(target, domains=["example.com"])
    target.desire(
        person("zaphod", userPrincipalName="zaphod@beeblebrox.example"),
        person("trillian", surname=None),
        person("ford", mail="ford.prefect@example.com"),
    )
    shown = [redact_quoted(line) for answer in ask(target).values() for line in (answer.summary, *answer.advice)]
    facts = [answer.facts for answer in ask(target).values()]
    for name in ("zaphod", "beeblebrox", "trillian", "ford", "prefect", "people.yaml"):
        assert name not in " ".join(shown).casefold()
        assert name not in repr(facts).casefold()


def test_only_a_few_users_are_shown() -> None:
    assert show_places([(f"user-{n}", None) for n in range(5)]) == ('"user-0"', '"user-1"', '"user-2"', "and 2 more")
    assert show_places([('a"b\n', None)]) == ('"a\\"b\\n"',)
