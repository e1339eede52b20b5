from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.checks import ask_all, build_check_context, show
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant

from reconciler.core.check import Answer, CheckVerdict
from reconciler.session.checks.budget import CHECK_SECONDS, TIME_OVER, CheckBudget
from reconciler.session.checks.context import CheckGroup
from reconciler.session.checks.graph import QUESTIONS, ask_graph

OK, WARNING, FAILED, SKIPPED = CheckVerdict
GRAPH = CheckGroup(ask_graph, QUESTIONS)
APPLICATION = "Apple Business Manager"
NEEDED = "User.Read.All, GroupMember.Read.All, Application.Read.All"
NOWHERE = {"PATH": "/nowhere"}


@pytest.fixture
def tenant() -> Tenant:
    found = Tenant()
    found.add_application()
    return found


def ask(
    root: Path,
    tenant: Tenant,
    environment: Mapping[str, str] | None = None,
    *,
    faults: Iterable[Fault] = (),
    offline: bool = False,
    **source: Any,
) -> tuple[list[Answer], GraphServer]:
    """Ask with the tenant's client secret, or with another environment in addition to the hosts."""
    entra = {"tenant": tenant.id, "client_id": tenant.app.client_id, "application": APPLICATION, **source}
    with ExitStack() as resources:
        server = resources.enter_context(GraphServer(tenant, faults=faults))
        given = server.environment if environment is None else {**server.hosts, **environment}
        context = build_check_context(
            root, resources, environment={**NOWHERE, **given}, offline=offline, source={"entra": entra}
        )
        return ask_all(context, GRAPH), server


def verdicts(answers: Iterable[Answer]) -> list[CheckVerdict]:
    return [answer.verdict for answer in answers]


def test_people_can_be_imported(tmp_path: Path, tenant: Tenant) -> None:
    answers, server = ask(tmp_path, tenant)
    assert [*show(answers)] == [
        "ok graph_credential: the credential is AZURE_CLIENT_SECRET",
        "ok graph_token: Microsoft Entra ID gave a token for Microsoft Graph",
        f"ok graph_permissions: the token grants what imports need: {NEEDED}",
        "ok graph_application: the enterprise application of source.entra is there",
    ]
    assert {seen.method for seen in server.requests if seen.service == "graph"} == {"GET"}
    assert [seen.method for seen in server.requests if seen.service == "login"] == ["POST"]
    assert tenant.app.secret not in repr(answers)


def test_nothing_is_asked_without_a_source(tmp_path: Path) -> None:
    with ExitStack() as resources:
        assert ask_all(build_check_context(tmp_path, resources), GRAPH) == []


def test_offline_nothing_is_sent(tmp_path: Path, tenant: Tenant) -> None:
    answers, server = ask(tmp_path, tenant, offline=True)
    assert (verdicts(answers), server.requests) == ([SKIPPED] * 4, [])


@pytest.mark.parametrize("environment", [{}, {"GITHUB_ACTIONS": "true"}])
def test_a_machine_that_imports_nothing_needs_no_credential(
    tmp_path: Path, tenant: Tenant, environment: dict[str, str]
) -> None:
    answers, server = ask(tmp_path, tenant, environment)
    assert (verdicts(answers), server.requests) == ([SKIPPED] * 4, [])
    assert answers[0].summary == (
        "not asked: there is no credential for Microsoft Graph on this machine, and only imports need one"
    )


def test_a_credential_that_cannot_be_one(tmp_path: Path, tenant: Tenant) -> None:
    answers, _ = ask(tmp_path, tenant, {"RECONCILER_GRAPH_TOKEN": "a b"})
    assert verdicts(answers) == [FAILED, SKIPPED, SKIPPED, SKIPPED]
    assert answers[0].summary == "RECONCILER_GRAPH_TOKEN has characters that no token has"


def test_a_secret_that_is_refused(tmp_path: Path, tenant: Tenant) -> None:
    secret = "wrong-secret-of-a-test"
    answers, _ = ask(tmp_path, tenant, {"AZURE_CLIENT_SECRET": secret})
    assert verdicts(answers) == [OK, FAILED, SKIPPED, SKIPPED]
    assert answers[1].advice
    assert secret not in repr(answers)


@pytest.mark.parametrize("missing", NEEDED.split(", "))
def test_a_missing_permission_is_named_and_is_the_only_failure(tmp_path: Path, tenant: Tenant, missing: str) -> None:
    tenant.app.roles = [each for each in NEEDED.split(", ") if each != missing]
    answers, _ = ask(tmp_path, tenant)
    assert verdicts(answers) == [OK, OK, FAILED, SKIPPED]
    assert answers[2].summary.endswith(f"lacks permissions of Microsoft Graph: {missing}")
    assert "Grant admin consent" not in answers[2].summary
    assert "grant admin consent" in " ".join(answers[2].advice).casefold()


def test_permissions_to_write_are_more_than_is_needed(tmp_path: Path, tenant: Tenant) -> None:
    tenant.app.roles = [*tenant.app.roles, "User.ReadWrite.All"]
    answers, _ = ask(tmp_path, tenant)
    assert verdicts(answers) == [OK, OK, WARNING, OK]
    assert '1 permission to write: "User.ReadWrite.All"' in answers[2].summary


def test_a_token_that_is_no_jwt(tmp_path: Path, tenant: Tenant) -> None:
    answers, _ = ask(tmp_path, tenant, {"RECONCILER_GRAPH_TOKEN": "opaque-token-of-a-test"})
    assert verdicts(answers) == [OK, OK, FAILED, SKIPPED]
    assert "opaque" not in repr(answers)


def test_an_application_that_is_not_there(tmp_path: Path, tenant: Tenant) -> None:
    answers, _ = ask(tmp_path, tenant, application="Another")
    assert verdicts(answers) == [OK, OK, OK, FAILED]
    assert answers[3].summary == 'there is no enterprise application "Another" in this tenant'


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_graph_that_refuses(tmp_path: Path, tenant: Tenant, status: int) -> None:
    answers, _ = ask(tmp_path, tenant, faults=[Fault("/servicePrincipals", status=status, times=None)])
    assert verdicts(answers) == [OK, OK, OK, FAILED]
    assert answers[3].summary


def test_a_graph_that_does_not_answer_in_time(tmp_path: Path, tenant: Tenant) -> None:
    faults = [Fault("/servicePrincipals", status=503, times=None, retry_after=60)]
    entra = {"tenant": tenant.id, "client_id": tenant.app.client_id, "application": APPLICATION}
    with ExitStack() as resources:
        server = resources.enter_context(GraphServer(tenant, faults=faults))
        environment = {**NOWHERE, **server.environment}
        context = build_check_context(tmp_path, resources, environment=environment, source={"entra": entra})
        context.budget._ends = context.budget._now() + 1.0
        began = time.monotonic()
        answers = ask_all(context, GRAPH)
    assert time.monotonic() - began < 10
    assert verdicts(answers) == [OK, OK, OK, FAILED]


def test_an_azure_cli_without_a_session_is_no_failure(tmp_path: Path, tenant: Tenant) -> None:
    program = tmp_path / "bin" / "az"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys\nprint('Please run az login', file=sys.stderr)\nsys.exit(1)\n")
    program.chmod(0o755)
    answers, _ = ask(tmp_path, tenant, {"PATH": str(program.parent)})
    assert verdicts(answers) == [OK, WARNING, SKIPPED, SKIPPED]
    assert answers[1].advice[-1] == "Only imports need it."


def test_a_check_whose_time_is_over_asks_graph_nothing(tmp_path: Path, tenant: Tenant) -> None:
    with ExitStack() as resources:
        server = resources.enter_context(GraphServer(tenant))
        entra = {"tenant": tenant.id, "client_id": tenant.app.client_id, "application": APPLICATION}
        context = build_check_context(
            tmp_path, resources, environment={**NOWHERE, **server.environment}, source={"entra": entra}
        )
        times = iter([0.0, 0.0])
        context.budget = CheckBudget(lambda: next(times, CHECK_SECONDS))
        answers = ask_all(context, GRAPH)
        assert server.requests == []
    assert verdicts(answers) == [OK, SKIPPED, SKIPPED, SKIPPED]
    assert {each.summary for each in answers[1:]} == {f"not asked: {TIME_OVER}"}
