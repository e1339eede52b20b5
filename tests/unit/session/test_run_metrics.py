from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.csv_files import write_csv
from support.sample_org import person
from support.servers.server_faults import ServerFaults
from support.target_workspace import TargetWorkspace

from reconciler.commands.drift import DriftOptions, run_drift
from reconciler.commands.import_csv import ImportCsvOptions, run_import_csv
from reconciler.commands.status import run_status
from reconciler.errors import ExitCode, PlanFileError, StalePlanError, TargetError, UsageError
from reconciler.render.formats import OutputOptions
from reconciler.render.metrics import HELP
from reconciler.session.run_metrics import RunMetrics, measure

_LINE = re.compile(r'reconciler_(\w+)\{((?:\w+="(?:[^"\\\n]|\\.)*",?)*)\} (-?[0-9.]+)')


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "reconciler.prom"


def read(file: Path, *shown: str) -> dict[str, float]:
    """Return the values by name and those labels that are not the same in every line."""
    found = {}
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            match = _LINE.fullmatch(line)
            assert match is not None, line
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2]))
            rest = [labels[name] for name in ("state", "action", "result", "change") if name in labels]
            found[".".join([match[1], *rest])] = float(match[3])
    return {name: value for name, value in found.items() if not shown or name in shown}


def test_an_apply_counts_what_it_planned_and_did(target: TargetWorkspace, file: Path) -> None:
    target.desire(person("ada"), person("bob"))
    assert target.apply(metrics=file) is ExitCode.OK
    found = read(file)
    assert found["run_exit_code"] == 0
    assert found["changes_planned.create"] == found["changes_applied.create.done"] == 2
    assert found["changes_applied.create.failed"] == found["changes_planned.delete"] == 0
    assert (found["live_users.managed"], found["live_users.unmanaged"]) == (1, 0), "before the apply"
    assert (found["healthy"], found["quarantine"], found["failing_users"]) == (1, 0, 0)
    assert found["last_success_timestamp_seconds"] == pytest.approx(found["run_timestamp_seconds"], abs=60)
    assert 'command="apply",profile="scim",target="http://127.0.0.1:' in file.read_text()


def test_an_apply_without_changes_says_that_it_changed_nothing(target: TargetWorkspace, file: Path) -> None:
    target.desire()
    target.apply(metrics=file)
    found = read(file)
    assert {value for name, value in found.items() if name.startswith("changes_applied")} == {0}


def test_while_provisioning_is_off_changes_are_planned_and_none_is_applied(target: TargetWorkspace, file: Path) -> None:
    target.desire(person("ada"))
    target.apply(metrics=file)
    assert read(file)["provisioning_enabled"] == 1
    target.desire()
    target.files.settings(provisioning={"enabled": False})
    assert target.apply(metrics=file) is ExitCode.OK
    found = read(file)
    assert (found["provisioning_enabled"], found["run_exit_code"], found["changes_planned.deactivate"]) == (0, 0, 1)
    assert not [name for name in found if name.startswith("changes_applied")]


def test_failures_are_counted(target: TargetWorkspace, file: Path) -> None:
    target.desire(person("ada"))
    target.service.faults = ServerFaults(write_error_on=1, write_error_status=400, write_error_times=None)
    assert target.apply(metrics=file) is ExitCode.PARTIAL
    found = read(file)
    assert (found["run_exit_code"], found["changes_applied.create.failed"]) == (5, 1)
    assert (found["healthy"], found["failing_users"]) == (0, 1)


def test_a_run_that_raises_leaves_its_exit_code(target: TargetWorkspace, file: Path) -> None:
    target.desire(person("ada"))
    target.service.token = "another"
    with pytest.raises(TargetError):
        target.apply(metrics=file)
    found = read(file)
    assert found["run_exit_code"] == 1
    assert found["quarantine"] == 1
    assert not any(name.startswith(("live_users", "changes")) for name in found), "absent is not zero"


def test_a_blocked_plan(target: TargetWorkspace, file: Path) -> None:
    target.desire(person("ada"), person("bob"))
    target.apply()
    target.files.users([])
    assert target.plan(metrics=file) is ExitCode.BLOCKED
    assert read(file, "run_exit_code", "plan_blocked") == {"run_exit_code": 3, "plan_blocked": 1}


def test_drift_is_counted(target: TargetWorkspace, file: Path) -> None:
    target.desire(person("ada"))
    target.apply()
    target.live("ada")["name"]["givenName"] = "Edited"
    run_drift(target.workspace, DriftOptions(None, OutputOptions("text"), False, file), target.terminal)
    assert read(file, "drift", "changes_planned.update") == {"drift": 1, "changes_planned.update": 1}


def test_status_has_the_health_alone(target: TargetWorkspace, file: Path) -> None:
    assert run_status(target.workspace, "text", target.terminal, file) is ExitCode.ERROR
    found = read(file)
    assert found["healthy"] == 0
    assert "last_success_timestamp_seconds" not in found


def test_settings_that_cannot_be_read_leave_no_target(target: TargetWorkspace, file: Path) -> None:
    (target.workspace.state / "settings.yaml").write_text("target: [")
    assert target.plan(metrics=file) is ExitCode.ERROR
    assert read(file).keys() == {"info", "run_timestamp_seconds", "run_duration_seconds", "run_exit_code"}


def test_the_file_is_not_written_where_it_does_harm(target: TargetWorkspace, tmp_path: Path) -> None:
    ran: list[int] = []

    def run() -> ExitCode:
        ran.append(1)
        return ExitCode.OK

    (tmp_path / "plan.json").write_text('{"format_version": "1.0"}')
    target.workspace.record.mkdir(exist_ok=True)
    (target.workspace.state.parent / ".git").mkdir(exist_ok=True)
    bad_places = (
        target.workspace.state / "users" / "x.prom",
        target.workspace.record / "x.prom",
        target.workspace.state.parent / ".git" / "x.prom",
        tmp_path / "nowhere" / "x.prom",
        tmp_path / "plan.json",
        tmp_path,
        Path("-"),
    )
    for bad in bad_places:
        with pytest.raises(UsageError, match="--metrics"):
            measure(bad, RunMetrics("plan"), target.workspace, target.terminal, run)
    assert not ran


def test_a_file_that_cannot_be_written_changes_no_exit_code(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire()
    saved = tmp_path / "plan.json"
    assert target.plan(metrics=saved, out=saved) is ExitCode.OK
    assert any(note.startswith("The metrics are not written: ") for note in target.terminal.notes)
    assert '"plan_id"' in saved.read_text(), "the plan is what was asked for first"


def test_metrics_replace_metrics_and_an_empty_file(target: TargetWorkspace, file: Path) -> None:
    file.write_bytes(b"")
    for _ in range(2):
        target.plan(metrics=file)
        assert read(file)["run_exit_code"] == 0


def test_a_plan_that_cannot_be_read_leaves_metrics(target: TargetWorkspace, file: Path, tmp_path: Path) -> None:
    target.apply(metrics=file)
    with pytest.raises(PlanFileError):
        target.apply(tmp_path / "nowhere.json", metrics=file)
    assert read(file)["run_exit_code"] == 1


def test_everything_written_is_described(target: TargetWorkspace, file: Path) -> None:
    target.desire(person("ada"))
    target.apply(metrics=file)
    assert {name.partition(".")[0] for name in read(file)} <= HELP.keys()


@pytest.mark.parametrize(
    ("raised", "code"), [(StalePlanError("x"), 4), (TargetError("x"), 1), (KeyboardInterrupt(), 130)]
)
def test_the_exit_code_of_what_is_raised(target: TargetWorkspace, file: Path, raised: BaseException, code: int) -> None:
    def run() -> ExitCode:
        raise raised

    with pytest.raises(type(raised)):
        measure(file, RunMetrics("apply"), target.workspace, target.terminal, run)
    assert read(file, "run_exit_code") == {"run_exit_code": code}


def test_an_incomplete_read_counts_nobody(target: TargetWorkspace, file: Path) -> None:
    target.desire(person("ada"))
    target.apply()
    target.service.faults = ServerFaults(claim_total=9)
    target.plan(metrics=file)
    found = read(file)
    assert found["plan_complete"] == 0
    assert "live_users.managed" not in found


def test_a_password_in_the_address_is_in_no_label(target: TargetWorkspace, file: Path) -> None:
    settings = target.workspace.state / "settings.yaml"
    settings.write_text(settings.read_text().replace("http://", "http://user:planted@"))
    target.plan(metrics=file)
    text = file.read_text()
    assert "planted" not in text
    assert "run_exit_code" in text


def test_an_import_counts_entries(target: TargetWorkspace, file: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(write_csv([["userPrincipalName", "objectId"], ["zoe@example.com", "z-1"]]))
    run_import_csv(target.workspace, ImportCsvOptions(people, metrics=file), target.terminal)
    found = read(file)
    assert (found["import_people.add"], found["import_people.remove"], found["import_blocked"]) == (1, 0, 0)


def test_the_day_on_which_a_credential_ends_is_its_beginning_in_utc(target: TargetWorkspace, file: Path) -> None:
    content = {"profile": "scim", "base_url": target.files.base_url}
    target.files.settings(target=content)
    run_status(target.workspace, "text", target.terminal, file)
    assert read(file, "credential_expiry_timestamp_seconds") == {}
    target.files.settings(target={**content, "token_expires": "2028-02-29"})
    run_status(target.workspace, "text", target.terminal, file)
    assert 'credential="token"} 1835395200\n' in file.read_text()
