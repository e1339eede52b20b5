from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.checks import ask_all, show
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler import __version__
from reconciler.session.checks.context import CheckContext, CheckGroup, open_context
from reconciler.session.checks.files import ask_files, ask_version

FILES = CheckGroup(ask_files, ("desired_state", "target"))
ADVICE = "`reconciler validate` shows all of them, with what to do."


@pytest.fixture
def context(target: TargetWorkspace) -> Iterator[CheckContext]:
    with ExitStack() as resources:
        yield open_context(target.workspace, target.terminal, resources, environment={})


def ask(context: CheckContext) -> list[str]:
    return list(show(ask_all(context, FILES)))


def test_the_version_says_what_runs(context: CheckContext) -> None:
    (text,) = show(ask_all(context, CheckGroup(ask_version, ("version",))))
    assert text == f"ok version: Reconciler {__version__}, Python {platform.python_version()}"


def test_a_valid_desired_state(context: CheckContext, target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    assert ask(context) == [
        f"ok desired_state: 2 users in {target.workspace.state}, 2 of them in scope",
        f"ok target: SCIM service at {target.service.base_url}",
    ]
    assert context.state is not None
    assert context.target == context.state.target


def test_errors_are_named_with_their_place_and_the_settings_are_used_on(
    context: CheckContext, target: TargetWorkspace
) -> None:
    target.files.write("users/people.yaml", "- userPrincipalName: a@b.example\n  oops: [\n")
    first, second = ask(context)
    assert first.startswith("failed desired_state: 1 error, namely on users/people.yaml:")
    assert first.endswith(f" | {ADVICE}")
    assert second.startswith("ok target: ")
    assert context.state is None
    assert context.settings is not None


def test_invalid_settings_leave_the_target_open(context: CheckContext, target: TargetWorkspace) -> None:
    target.files.write("settings.yaml", "target:\n  profile: other\n  base_url: https://h/\nodd: 1\n")
    first, second = ask(context)
    assert first.startswith("failed desired_state: 2 errors, the first on settings.yaml:")
    assert second == "skipped target: not asked: settings.yaml cannot be read"


def test_without_a_desired_state_there_is_a_way_to_one(context: CheckContext, target: TargetWorkspace) -> None:
    context.workspace = target.workspace.__class__(
        target.workspace.state / "nowhere", target.workspace.plans, sandbox=False, now=context.now
    )
    first, second = ask(context)
    assert first.startswith(f"failed desired_state: there is no directory {target.workspace.state}/nowhere | ")
    assert second.startswith("skipped target: ")


def test_users_in_error_are_a_warning(context: CheckContext, target: TargetWorkspace) -> None:
    address = {"profile": "scim", "base_url": target.service.base_url, "domains": ["example.com"]}
    target.files.settings(target=address)
    target.desire(person("ada", userPrincipalName="ada@elsewhere.example"), person("bob"))
    first = ask(context)[0]
    assert first.startswith("warning desired_state: 3 users in ")
    assert "; 1 error of a single user, namely on users/people.yaml:1:" in first


def test_the_sandbox_is_the_target_if_it_is_asked_for(context: CheckContext, target: TargetWorkspace) -> None:
    workspace = target.workspace
    context.workspace = workspace.__class__(workspace.state, workspace.plans, sandbox=True, now=workspace.now)
    assert ask(context)[1] == "ok target: the embedded sandbox, which behaves like SCIM service"
