from __future__ import annotations

import json

import pytest
from support.recording_terminal import RecordingTerminal
from support.sample_org import account, person
from support.target_workspace import TargetWorkspace

from reconciler.commands.explain import ExplainOptions, run_explain
from reconciler.errors import ExitCode, UsageError


def explain(target: TargetWorkspace, user: str, *, offline: bool = False, form: str = "json") -> dict[str, object]:
    code = run_explain(target.workspace, ExplainOptions(user, form, offline), target.terminal)
    assert code is ExitCode.OK
    found: dict[str, object] = json.loads(target.terminal.out) if form == "json" else {}
    return found


def test_offline_explains_the_desired_user_without_a_request(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    found = explain(target, "id-ada", offline=True)
    assert (found["user"], found["live"], found["action"]) == ("ada@example.com", None, None)
    assert target.service.log == []


def test_live_explains_the_decision(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    assert '"create"' in json.dumps(explain(target, "ADA@example.com")["action"])


def test_an_account_without_a_desired_user_is_explained_too(target: TargetWorkspace) -> None:
    target.service.add(account("gone"))
    assert explain(target, "gone@example.com")["live"] is not None


@pytest.mark.parametrize(
    ("offline", "detail"),
    [
        (False, "Neither desired state nor target has it."),
        (True, "The desired state does not have it. Omit --offline to search the target."),
    ],
)
def test_a_user_that_does_not_exist_is_a_usage_error(target: TargetWorkspace, offline: bool, detail: str) -> None:
    with pytest.raises(UsageError, match=r'^user not found: "nora"$') as caught:
        explain(target, "nora", offline=offline)
    assert caught.value.detail == detail


def test_json_is_not_redacted(target: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match="--redact cannot be combined with --format json"):
        run_explain(target.workspace, ExplainOptions("ada", "json", True), RecordingTerminal(redact=True))
