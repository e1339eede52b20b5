"""`fleet explain` as a command."""

from pathlib import Path

import pytest
from support.fleets import write_fleet

from reconciler.commands.fleet.explain import FleetExplainOptions, run_fleet_explain
from reconciler.errors import ExitCode, UsageError
from reconciler.session.terminal import Terminal


def _terminal() -> Terminal:
    return Terminal(no_color=True, redact=False, quiet=False, verbose=False)


def test_explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_fleet(tmp_path, tenants__acme__settings="guards: {removals: {count: 4}}\n")
    options = FleetExplainOptions(root, "acme", "settings.guards")
    assert run_fleet_explain(options, _terminal()) == ExitCode.OK
    assert capsys.readouterr().out == (
        "settings.guards.removals.count = 4\n"
        "  set in tenants/acme/settings.yaml:1:28\n"
        "  overrides 5 in groups/schools/settings.yaml:1:28\n"
        "  a guard: a later layer may only tighten it\n"
    )


def test_explain_escapes_what_files_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_fleet(tmp_path, tenants__acme__settings='provisioning: {enabled: true, reason: "a\\e[31m\\nb"}\n')
    run_fleet_explain(FleetExplainOptions(root, "acme", "settings.provisioning.reason"), _terminal())
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


def test_explain_of_another_tenant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r'there is no tenant "\.\./x"'):
        run_fleet_explain(FleetExplainOptions(write_fleet(tmp_path), "../x", "settings"), _terminal())


def test_explain_in_a_broken_fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_fleet_explain(FleetExplainOptions(tmp_path, "acme", "settings"), _terminal()) == ExitCode.ERROR
    assert "there is no fleet.yaml" in capsys.readouterr().err


def test_a_tenant_that_is_nearly_named_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run_fleet_explain(FleetExplainOptions(write_fleet(tmp_path), "acmee", "settings"), _terminal())
    assert caught.value.detail.startswith("Did you mean acme? ")
