from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.commands import demo
from reconciler.errors import ExitCode, UsageError
from reconciler.session.workspace import Workspace

SETTINGS = "target: {profile: scim, base_url: 'https://scim.example.com'}\n"


def test_without_a_desired_state_it_is_a_usage_error(tmp_path: Path, terminal: RecordingTerminal) -> None:
    with pytest.raises(UsageError, match="there is no desired state in"):
        demo.run_demo(tmp_path, terminal)


@pytest.mark.parametrize("there", ["desired-state", "a-link"])
def test_what_is_there_and_no_desired_state_is_a_usage_error(
    there: str, tmp_path: Path, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if there == "a-link":
        Path("desired-state").symlink_to("gone")
    else:
        Path("desired-state").mkdir()
    with pytest.raises(UsageError, match="there is no desired state in desired-state"):
        demo.run_demo(None, terminal)
    assert terminal.out == ""


def test_anywhere_else_it_makes_a_company_and_leaves_nothing(
    tmp_path: Path, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "empty")
    assert demo.run_demo(None, terminal) is ExitCode.OK
    assert terminal.out.startswith("There is no directory desired-state here: the demo makes a small company in a")
    assert "Plan: 5 to create, 0 to update, 0 to delete." in terminal.out
    assert "Plan: 0 to create, 1 to update, 1 to reactivate, 0 to delete." in terminal.out
    assert "no changes are needed" in terminal.out
    assert (terminal.found, terminal.errors) == ([], [])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "tmp"]


def test_it_says_where_a_desired_state_is(
    tmp_path: Path, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "people" / "desired-state").mkdir(parents=True)
    (tmp_path / "people" / "desired-state" / "settings.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "_run_steps", lambda *_: ExitCode.OK)
    assert demo.run_demo(None, terminal) is ExitCode.OK
    assert terminal.out.splitlines()[1] == (
        "There is a desired state in people/desired-state: add --state people/desired-state"
    )


def test_it_runs_on_a_copy_and_ends_with_the_last_plan(
    tmp_path: Path, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.yaml").write_text("target: {profile: scim, base_url: 'https://scim.example.com'}\n")
    calls: list[tuple[str, Workspace]] = []

    def plan(workspace: Workspace, options: object, _terminal: object) -> ExitCode:
        calls.append(("plan", workspace))
        return ExitCode.CHANGES if getattr(options, "detailed_exitcode", False) else ExitCode.OK

    def apply(workspace: Workspace, _options: object, _terminal: object) -> ExitCode:
        calls.append(("apply", workspace))
        return ExitCode.OK

    monkeypatch.setattr(demo, "run_plan", plan)
    monkeypatch.setattr(demo, "run_apply", apply)
    assert demo.run_demo(tmp_path, terminal) is ExitCode.CHANGES
    assert [name for name, _ in calls] == ["plan", "apply", "plan", "apply", "plan"]
    assert all(workspace.sandbox and workspace.state != tmp_path for _, workspace in calls)
    assert not calls[0][1].state.exists(), "the copy is gone"
    assert [f"\n{number}. " in terminal.out for number in range(1, 8)] == [True] * 6 + [False]


def test_a_plan_that_fails_ends_it(
    tmp_path: Path, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.yaml").write_text("nonsense: 1\n")
    assert demo.run_demo(tmp_path, terminal) is ExitCode.ERROR
    assert "\n2. " not in terminal.out


def test_it_applies_to_its_own_sandbox_while_provisioning_is_off(tmp_path: Path, terminal: RecordingTerminal) -> None:
    written = SETTINGS + "provisioning: {enabled: false, reason: A move}\nrelink: {ids: [{from: a, to: b}]}\n"
    (tmp_path / "settings.yaml").write_text(written)
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "people.yaml").write_text(
        "- {objectId: id-ada, userPrincipalName: ada@example.com, givenName: Ada, surname: Lovelace}\n"
    )
    assert demo.run_demo(tmp_path, terminal) is ExitCode.OK
    assert "The demo applies nevertheless: its sandbox is its own." in "\n".join(terminal.notes)
    assert "Apply complete!" in terminal.out
    assert (tmp_path / "settings.yaml").read_text() == written


def test_a_tenant_of_a_fleet_has_keys_that_are_final(tmp_path: Path, terminal: RecordingTerminal) -> None:
    final = "final: [target.profile, provisioning, mappings, scope.sync]\n"
    tenant = tmp_path / "tenants" / "acme"
    for name, text in {
        "fleet.yaml": "tenants: tenants/*\n",
        "defaults/settings.yaml": f"{SETTINGS}provisioning: {{enabled: false}}\n{final}",
        "defaults/scope.yaml": "sync: all\n",
        "tenants/acme/tenant.yaml": "domains: [b.de]\n",
        "tenants/acme/users/people.yaml": "- {objectId: a, userPrincipalName: a@b.de, givenName: A, surname: L}\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert demo.run_demo(tenant, terminal) is ExitCode.OK
    assert "Apply complete!" in terminal.out
    assert final in (tmp_path / "defaults/settings.yaml").read_text()
