"""`fleet validate` as a command."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.fleets import with_domains, write_files, write_fleet
from support.git_repository import GitRepository

from reconciler.commands.fleet.validate import FleetValidateOptions, run_fleet_validate
from reconciler.errors import ExitCode
from reconciler.session.terminal import Terminal

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def _terminal() -> Terminal:
    return Terminal(no_color=True, redact=False, quiet=False, verbose=False)


def _validate(root: Path, form: str = "text") -> ExitCode:
    return run_fleet_validate(FleetValidateOptions(root, NOW, form), _terminal())


def test_a_valid_fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _validate(write_fleet(tmp_path)) == ExitCode.OK
    assert capsys.readouterr().out == "The fleet is valid: 2 tenants.\n"


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _validate(write_fleet(tmp_path, tenants__beta__settings="gards: {}\n")) == ExitCode.ERROR
    found = capsys.readouterr()
    assert found.out == '1 error in the fleet; these tenants cannot be planned: "beta".\n'
    assert "on tenants/beta/settings.yaml:1:1:\n     1: gards: {}\n" in found.err


def test_errors_of_the_catalog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        _validate(write_fleet(tmp_path, tenants__beta__tenant="wave: x\ndomains: [beta.example]\n")) == ExitCode.ERROR
    )
    found = capsys.readouterr()
    assert found.out == "1 error in the fleet.\n"
    assert "there is no wave x" in found.err


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _validate(write_fleet(tmp_path, defaults__settings="target: {profile: scim}\n"), "json") == ExitCode.ERROR
    found = json.loads(capsys.readouterr().out)
    assert (found["valid"], found["tenants"], found["invalid"]) == (False, 2, ["acme", "beta"])
    assert found["diagnostics"] == [
        {
            "severity": "error",
            "summary": '"base_url" is missing',
            "detail": "Add it.",
            "origin": {"file": "defaults/settings.yaml", "line": 1, "column": 9},
            "user": None,
            "tenants": 2,
        }
    ]


def test_an_error_of_several_tenants_is_named_in_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {f"tenants/{name}/tenant.yaml": f"domains: [{name}.example]\nlabls: {{}}\n" for name in ("acme", "beta")}
    write_files(write_fleet(tmp_path), wrong)
    assert _validate(tmp_path) == ExitCode.ERROR
    found = capsys.readouterr()
    assert found.out == "1 error in the fleet.\n"
    assert 'unknown key "labls" (2 tenants)' in found.err
    assert "Also in tenants/beta/tenant.yaml:2:1." in found.err
    assert _validate(tmp_path, "json") == ExitCode.ERROR
    entries = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [(each["origin"]["file"], each["tenants"]) for each in entries] == [(name, 1) for name in wrong]


def test_a_folder_that_may_be_meant_for_defaults_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(write_fleet(tmp_path), {"Defaults/scope.yaml": "sync: all\n"})
    assert _validate(tmp_path) == ExitCode.ERROR
    assert "this directory is not read\n" in capsys.readouterr().err


def test_only_affected_tenants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = GitRepository(write_fleet(tmp_path / "f"), ".")
    repository.commit("base")
    write_files(repository.root, {"tenants/beta/settings.yaml": "gards: {}\n", "groups/unused/scope.yaml": "sync: x\n"})
    repository.commit("an error")
    write_files(repository.root, {"tenants/acme/settings.yaml": "{}\n"})
    options = FleetValidateOptions(repository.root, NOW, "text", "HEAD")
    assert run_fleet_validate(options, _terminal()) == ExitCode.ERROR
    found = capsys.readouterr()
    assert found.out == "1 error in the fleet.\n"
    assert "on groups/unused/scope.yaml:1:7:" in found.err
    (repository.root / "groups/unused/scope.yaml").unlink()
    repository.git("add", "-A")
    assert run_fleet_validate(options, _terminal()) == ExitCode.OK
    assert capsys.readouterr().out == "The fleet is valid: 1 of 2 tenants checked, the others are not affected.\n"
    assert run_fleet_validate(replace(options, base="HEAD~1"), _terminal()) == ExitCode.ERROR
    assert "gards" in capsys.readouterr().err


def test_without_a_base_all_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_fleet(tmp_path)
    assert run_fleet_validate(FleetValidateOptions(root, NOW, "text", "0" * 40), _terminal()) == ExitCode.OK
    found = capsys.readouterr()
    assert found.out == "The fleet is valid: 2 tenants.\n"
    assert found.err == "All tenants are checked: there is no commit before this one.\n"


def test_a_fleet_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _validate(write_fleet(tmp_path, fleet="tenants: [\n")) == ExitCode.ERROR
    assert "not YAML" in capsys.readouterr().err


def test_many_errors_are_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = {f"tenants/t{n}/settings.yaml": f"key{n}: a\n" for n in range(60)}
    write_files(write_fleet(tmp_path), with_domains(many))
    assert _validate(tmp_path) == ExitCode.ERROR
    assert "10 more are not shown: --format json lists all." in capsys.readouterr().err
