from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository
from support.servers.git_http import GitServer
from support.servers.github_api import Token
from support.servers.http_server import Reply
from support.workflow_step import Step

from reconciler.commands.github.provisioning import run_provisioning
from reconciler.errors import ExitCode, ReconcilerError, RepositoryError, UsageError

TARGET = {"profile": "scim", "base_url": "https://scim.example.com"}
WHY = (
    "To switch it on, set `provisioning: {enabled: true}` in settings.yaml. The plan of that change includes what is"
    " pending."
)


@pytest.fixture(autouse=True)
def server(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """Serve a repository whose default branch has the settings of the step, which runs in a clone."""
    GitRepository(step.workspace.state.parent).commit("Of this run")
    origin = GitRepository(tmp_path / "origin")
    origin.commit("Begin", {"desired-state/settings.yaml": json.dumps({"target": TARGET})})
    opened = GitServer(origin.root, lambda: {"t": Token(permissions={"contents": "read"})})
    monkeypatch.setenv("GITHUB_SERVER_URL", opened.url)
    yield opened
    opened.close()


def settings(step: Step, **provisioning: Any) -> None:
    content = {"target": TARGET, "provisioning": provisioning}
    (step.workspace.state / "settings.yaml").write_text(json.dumps(content))


def run(step: Step, *, redact: bool = False) -> ExitCode:
    return run_provisioning(step.workspace, step.terminal, redact=redact)


def test_on_is_an_output_and_nothing_else(step: Step) -> None:
    assert run(step) is ExitCode.OK
    assert step.outputs.read_text() == "enabled=true\n"
    assert (step.terminal.out, step.summary.exists()) == ("", False)


def test_off_is_a_notice_and_in_the_summary(step: Step) -> None:
    settings(step, enabled=False, reason="A move\n::error::x `%`")
    assert run(step) is ExitCode.OK
    assert step.outputs.read_text() == "enabled=false\n"
    reason = '"A move\\n::error::x `%`"'
    assert step.terminal.out == (
        "::notice title=Provisioning is off::"
        + f"Provisioning is off: {reason}. Nothing is applied. {WHY}".replace("%", "%25")
        + "\n"
    )
    assert step.summary.read_text() == f"    Provisioning is off: {reason}. Nothing is applied. {WHY}\n\n"


def test_a_redacted_notice_has_no_reason(step: Step) -> None:
    settings(step, enabled=False, reason="Ada leaves")
    run(step, redact=True)
    assert "Ada" not in step.terminal.out + step.summary.read_text()
    assert "Provisioning is off: (hidden)." in step.terminal.out


def test_outside_of_a_workflow_the_output_is_printed(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name)
    settings(step, enabled=False)
    run(step)
    assert step.terminal.out.startswith("enabled=false\n::notice title=Provisioning is off::Provisioning is off. ")


def test_settings_that_cannot_be_read_are_an_error_without_output(step: Step) -> None:
    settings(step, enabled="off")
    assert run(step) is ExitCode.ERROR
    assert not step.outputs.exists()


# --- the newest commit of the branch ---------------------------------------------------------------


def test_a_newer_commit_of_the_branch_switches_it_off_for_older_runs(step: Step, server: GitServer) -> None:
    newer(server, json.dumps({"target": TARGET, "provisioning": {"enabled": False, "reason": "Stop"}}))
    assert run(step) is ExitCode.OK
    assert step.outputs.read_text() == "enabled=false\n"
    assert 'Provisioning is off: "Stop".' in step.terminal.out


def test_the_server_says_which_commit_is_the_newest_not_the_clone(step: Step, server: GitServer) -> None:
    """`actions/checkout` leaves origin/main at the commit of the run, with all of the history too."""
    clone = GitRepository(step.workspace.state.parent)
    for ref in ("refs/remotes/origin/main", "refs/reconciler/newest"):
        clone.git("update-ref", ref, "HEAD")
    newer(server, json.dumps({"target": TARGET, "provisioning": {"enabled": False}}))
    run(step)
    assert step.outputs.read_text() == "enabled=false\n"


def test_a_newer_commit_cannot_switch_it_on_for_older_runs(step: Step, server: GitServer) -> None:
    newer(server, json.dumps({"target": TARGET}))
    settings(step, enabled=False)
    assert run(step) is ExitCode.OK
    assert step.outputs.read_text() == "enabled=false\n"


def test_newer_settings_that_cannot_be_read_are_never_on(step: Step, server: GitServer) -> None:
    newer(server, "provisioning: off\n")
    with pytest.raises(ReconcilerError, match="the newest one of the branch, cannot be read"):
        run(step)
    assert not step.outputs.exists()


def test_it_is_never_on_if_the_server_does_not_say_what_the_newest_commit_is(
    step: Step, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    GitRepository(step.workspace.state.parent).git("update-ref", "refs/remotes/origin/main", "HEAD")
    server.failing_users += [Reply(status=500)]
    with pytest.raises(RepositoryError, match=r'the branch "main" cannot be reached \(ls-remote\)'):
        run(step)
    monkeypatch.setenv("GITHUB_REF_NAME", "gone")
    with pytest.raises(RepositoryError, match='the server has no branch "gone"'):
        run(step)
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(UsageError, match="GITHUB_TOKEN is not set"):
        run(step)
    assert not step.outputs.exists()


def newer(server: GitServer, text: str) -> None:
    """Commit settings.yaml on the default branch, after the commit of this run."""
    GitRepository(server.root).commit("Newer", {"desired-state/settings.yaml": text})
