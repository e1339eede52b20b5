from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from support.checks import ask_all, show
from support.sample_org import person
from support.servers.server_faults import ServerFaults
from support.target_workspace import TargetWorkspace

from reconciler.core.check import Answer
from reconciler.profiles import PROFILES
from reconciler.scim.client import ScimClient
from reconciler.session import connection
from reconciler.session.checks.accounts import ask_accounts
from reconciler.session.checks.context import CheckContext, CheckGroup, open_context
from reconciler.session.checks.files import ask_files

FILES = CheckGroup(ask_files, ("desired_state", "target"))
ACCOUNTS = CheckGroup(ask_accounts, ("accounts",))
CUT = "The connection was cut, or the token belongs to another tenant"


@pytest.fixture
def context(target: TargetWorkspace) -> Iterator[CheckContext]:
    with ExitStack() as resources:
        found = open_context(target.workspace, target.terminal, resources, environment={})
        with target.session() as session:
            found.client = resources.enter_context(connection.open_client(session.connection, writes=False))
        yield found


def ask(context: CheckContext) -> Answer:
    return ask_all(context, FILES, ACCOUNTS)[-1]


def apply(target: TargetWorkspace, count: int) -> list[str]:
    """Create users, and have the keeper's account noted; return all live ids, the keeper's last."""
    target.desire(*(person(f"u{number}") for number in range(count)))
    target.apply()
    return sorted(target.service.users, key=lambda identity: target.service.users[identity]["userName"], reverse=True)


def test_before_the_first_apply_nothing_is_asked(context: CheckContext) -> None:
    assert list(show([ask(context)])) == ["ok accounts: none on record that an apply left active"]


def test_accounts_that_are_there(context: CheckContext, target: TargetWorkspace) -> None:
    apply(target, 25)
    before = len(target.service.log)
    answer = ask(context)
    assert list(show([answer])) == ["ok accounts: 10 of 10 accounts on record are there"]
    assert answer.facts == (("on_record", 26), ("asked", 10), ("there", 10), ("gone", 0))
    assert len(target.service.log) - before == 10


@pytest.mark.parametrize("how", ["4 not found", "4 without an externalId", "2 not found, 2 without an externalId"])
def test_accounts_that_are_all_gone_are_a_disconnect(how: str, context: CheckContext, target: TargetWorkspace) -> None:
    ids = apply(target, 3)
    lost = {"4 n": 4, "4 w": 0, "2 n": 2}[how[:3]]
    for number, identity in enumerate(ids):
        if number < lost:
            del target.service.users[identity]
        else:
            del target.service.users[identity]["externalId"]
    assert list(show([ask(context)])) == [
        " | ".join(
            [
                f"failed accounts: 4 of 4 accounts on record are gone: {how}. {CUT}",
                *PROFILES["scim"].disconnect_steps,
            ]
        )
    ]


def test_a_few_that_are_gone_are_counted(context: CheckContext, target: TargetWorkspace) -> None:
    ids = apply(target, 4)
    for identity in ids[:2]:
        del target.service.users[identity]
    assert list(show([ask(context)])) == ["ok accounts: 3 of 5 accounts on record are there"]


def test_an_account_that_cannot_be_read_by_its_id_is_not_judged(context: CheckContext, target: TargetWorkspace) -> None:
    apply(target, 3)
    target.service.faults = ServerFaults(user_without_id="u1@example.com")
    summary = "warning accounts: 1 of 4 accounts on record could not be read by id"
    assert list(show([ask(context)])) == [f"{summary} | A plan reads all accounts: see what it says."]


def test_the_sandbox_is_not_asked(context: CheckContext, target: TargetWorkspace) -> None:
    context.workspace = replace(target.workspace, sandbox=True)
    context.client = ScimClient.__new__(ScimClient)
    answer = ask(context)
    assert list(show([answer])) == ["skipped accounts: not asked: the sandbox is emptied and filled at will"]
