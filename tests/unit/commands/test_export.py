from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal
from support.sample_org import account
from support.target_workspace import TargetWorkspace

from reconciler.commands.export import ExportOptions, run_export
from reconciler.errors import ExitCode, UsageError


def export(target: TargetWorkspace, out: Path | None, **options: bool) -> ExitCode:
    return run_export(target.workspace, ExportOptions(out, **options), target.terminal)


def test_a_new_directory_is_a_whole_desired_state(target: TargetWorkspace, tmp_path: Path) -> None:
    target.service.add(account("ada"))
    assert export(target, tmp_path / "live") is ExitCode.OK
    assert sorted(each.name for each in (tmp_path / "live").iterdir()) == [
        "accounts.jsonl",
        "scope.yaml",
        "settings.yaml",
        "users",
    ]
    assert target.terminal.out.startswith(f"Exported 2 managed accounts to {tmp_path / 'live'}: 2 active.\n")
    assert target.terminal.out.endswith("The plan for it: No changes.\n")


def test_an_empty_directory_is_as_good_as_a_new_one(target: TargetWorkspace, tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    assert export(target, tmp_path / "live") is ExitCode.OK
    assert (tmp_path / "live" / "users" / "accounts.yaml").is_file()


def test_without_a_directory_only_the_users_are_the_result(target: TargetWorkspace) -> None:
    assert export(target, None, unmanaged=True) is ExitCode.OK
    assert target.terminal.out.count("- objectId: ") == 1
    assert "Exported 1 managed account to stdout" in target.terminal.notes[-1]


def test_users_on_stdout_cannot_be_redacted(target: TargetWorkspace) -> None:
    target.terminal = RecordingTerminal(redact=True)
    with pytest.raises(UsageError, match="--redact"):
        export(target, None)


def test_what_the_mappings_change_is_partial(target: TargetWorkspace, tmp_path: Path) -> None:
    target.files.write(
        "mappings.yaml",
        "- {target: externalId, source: objectId, match: 1}\n"
        "- {target: userName, source: userPrincipalName, match: 2}\n"
        "- {target: title, constant: Engineer}\n",
    )
    assert export(target, tmp_path / "live") is ExitCode.PARTIAL
    copied = (tmp_path / "live" / "mappings.yaml").read_bytes()
    assert copied == (target.workspace.state / "mappings.yaml").read_bytes()
    command = f"reconciler plan --state {tmp_path / 'live'} --plans {target.workspace.plans}"
    assert target.terminal.out.endswith(f"To review it:\n    {command}\n")


def test_errors_of_users_are_shown(target: TargetWorkspace, tmp_path: Path) -> None:
    settings = {"profile": "scim", "base_url": target.service.base_url, "domains": ["example.org"]}
    target.files.settings(target=settings)
    assert export(target, tmp_path / "live") is ExitCode.PARTIAL
    assert target.terminal.summaries == ['userName "keeper@example.com" is outside the verified domains']


def test_an_invalid_desired_state_exports_nothing(target: TargetWorkspace, tmp_path: Path) -> None:
    target.files.write("settings.yaml", "target: {}\n")
    assert export(target, tmp_path / "live") is ExitCode.ERROR
    assert not (tmp_path / "live").exists()
    assert target.service.log == []


def test_editors_find_the_schemas_where_there_are_some(target: TargetWorkspace, tmp_path: Path) -> None:
    for name in ("users", "settings", "scope", "mappings"):
        (tmp_path / "schemas").mkdir(exist_ok=True)
        (tmp_path / f"schemas/{name}.json").write_text("{}")
    settings = target.files.state / "settings.yaml"
    line = "# yaml-language-server: $schema=../schemas/settings.json\n"
    settings.write_text(line.replace("..", "../..") + settings.read_text("utf-8"), "utf-8")
    export(target, tmp_path / "live")
    text = (tmp_path / "live" / "users" / "accounts.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=../../schemas/users.json\n# Accounts of ")
    assert (tmp_path / "live/settings.yaml").read_text("utf-8").startswith(f"{line}{{")
    assert (tmp_path / "live/scope.yaml").read_text("utf-8").startswith(line.replace("settings", "scope") + "# ")
