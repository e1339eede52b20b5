from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.fleet_results import plan_id, write_result
from support.fleet_workspace import make_fleet_plan
from support.fleets import with_domains
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet.gate import run_gate
from reconciler.commands.fleet.gather import GatherOutput, run_gather
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.applied import name_applied, write_applied
from reconciler.fleet.fleet_plan import compute_fleet_plan_id
from reconciler.session.fleet.gathering import GatherOptions
from reconciler.session.fleet.selected import FleetSelection
from reconciler.session.fleet.tokens import SharedTokenError

NAMES = ("acme", "beta", "gamma")
TODAY = date(2026, 11, 30)
FLEET = """
tenants: tenants/*
waves: [{name: canary, tenants: [acme]}, {name: rest}]
guards: {removals: {count: 1}, new_tenants: 0, tenants_changed_by_defaults: 2, failed: {count: 0}}
"""


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "fleet", ".")
    files = with_domains({f"tenants/{name}/users/a.yaml": "[]\n" for name in NAMES})
    repository.commit("first", {"fleet.yaml": FLEET, **files})
    write_applied(repository.root, repository.head(), [])
    return repository


def gate(
    repository: GitRepository,
    *directories: Path,
    verb: str = "apply",
    reviewed: Path | None = None,
    today: date = TODAY,
    **selection: Any,
) -> tuple[ExitCode, str]:
    terminal = RecordingTerminal()
    options = GatherOptions(FleetSelection(repository.root, **selection, plans=reviewed), directories, verb)
    code = run_gate(options, terminal, today)
    return code, terminal.out


def write(directory: Path, repository: GitRepository, *names: str, verb: str = "apply", **fields: Any) -> Path:
    for name in names:
        write_result(directory, name, **{"commit": repository.head(), "run": "local", "verb": verb, **fields})
    return directory


def test_a_wave_that_went_well_opens_the_gate(repository: GitRepository, tmp_path: Path) -> None:
    code, out = gate(repository, write(tmp_path / "1", repository, "acme"), wave="canary")
    assert code == ExitCode.OK
    assert out == "Wave canary: 1 of 1 tenant without failure.\n\nThe gate after canary is open.\n"


@pytest.mark.parametrize("fields", [{"exit_code": 5}, {"commit": "f" * 40}, {"run": "17/1"}, {"verb": "plan"}])
def test_a_failure_or_a_result_of_something_else_closes_it(
    repository: GitRepository, tmp_path: Path, fields: dict[str, Any]
) -> None:
    code, out = gate(repository, write(tmp_path / "1", repository, "acme", **fields), wave="canary")
    assert code == ExitCode.BLOCKED
    assert out.endswith(
        "The guard failed blocks: 1 tenant of 1 failed, the limit is 0.\n"
        "  Correct the cause, then run only these again: `reconciler fleet retry DIR…`.\n"
        "The gate after canary is closed.\n"
    )


def test_a_missing_result_closes_it(repository: GitRepository, tmp_path: Path) -> None:
    write(tmp_path / "1", repository, "beta")
    code, out = gate(repository, tmp_path / "1", wave="canary")
    assert code == ExitCode.BLOCKED
    assert "  acme: no result\n" in out
    assert "Ignored: 1 result of other tenants.\n" in out


def test_a_change_by_defaults_needs_a_canary_that_is_free_of_drift(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit("defaults", {"defaults/scope.yaml": "sync: all\n"})
    out = write(tmp_path / "apply", repository, "acme")
    code, text = gate(repository, out, wave="canary", base="HEAD~1")
    assert code == ExitCode.BLOCKED
    assert "The guard tenants_changed_by_defaults blocks: defaults, a group or the program change 3 tenants" in text
    drift = write(tmp_path / "drift", repository, "acme", verb="drift", counts={"update": 1})
    assert gate(repository, out, drift, wave="canary", base="HEAD~1")[0] == ExitCode.BLOCKED
    write(tmp_path / "drift", repository, "acme", verb="drift", counts={"unchanged": 1})
    assert gate(repository, out, drift, wave="canary", base="HEAD~1")[0] == ExitCode.OK
    # Later waves went through this gate already.
    write(out, repository, "beta", "gamma")
    assert gate(repository, out, wave="rest", base="HEAD~1")[0] == ExitCode.OK
    assert gate(repository, write(out, repository, *NAMES, verb="plan"), verb="plan", base="HEAD~1")[0] == ExitCode.OK


def test_without_a_base_the_last_apply_says_what_changes(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit("defaults", {"defaults/scope.yaml": "sync: all\n"})
    out = write(tmp_path / "apply", repository, "acme")
    assert gate(repository, out, wave="canary")[0] == ExitCode.BLOCKED
    assert (
        gate(repository, out, write(tmp_path / "d", repository, "acme", verb="drift"), wave="canary")[0] == ExitCode.OK
    )
    name_applied(repository.root).unlink()
    assert gate(repository, out, wave="canary")[0] == ExitCode.BLOCKED


def test_the_first_wave_with_tenants_that_change_is_the_canary(repository: GitRepository, tmp_path: Path) -> None:
    waves = "waves: [{name: none, percent: 0}, {name: canary, tenants: [acme]}, {name: rest}]\n"
    base = repository.commit("waves", {"fleet.yaml": FLEET.replace(FLEET.splitlines()[2] + "\n", waves)})
    repository.commit("defaults", {"defaults/scope.yaml": "sync: all\n"})
    out = write(tmp_path / "apply", repository, "acme")
    assert gate(repository, out, wave="none", base=base)[0] == ExitCode.OK
    assert gate(repository, out, wave="canary", base=base)[0] == ExitCode.BLOCKED


def test_new_tenants_close_it(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit("new", with_domains({"tenants/delta/users/a.yaml": "[]\n"}))
    out = write(tmp_path / "plan", repository, "delta", verb="plan")
    code, text = gate(repository, out, verb="plan", base="HEAD~1")
    assert code == ExitCode.BLOCKED
    assert "The guard new_tenants blocks: 1 new tenant, the limit is 0.\n" in text


def test_there_is_no_gate_after_a_drift(repository: GitRepository, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a gate follows a plan or an apply"):
        gate(repository, tmp_path, verb="drift")


# --- approvals ------------------------------------------------------------------

REMOVED = {"delete": 1}
IDENTITY = compute_fleet_plan_id(dict.fromkeys(NAMES, plan_id(1)), dict.fromkeys(NAMES, REMOVED))


def approve(
    repository: GitRepository, plan: str = IDENTITY, lifts: str = "removals", until: str = "2026-12-01"
) -> None:
    entry = f"approvals: [{{plan: '{plan}', lifts: [{lifts}], until: {until}, reason: a school closes}}]\n"
    repository.commit("approve", {"fleet.yaml": FLEET + entry})


@pytest.mark.parametrize(
    ("approval", "code"),
    [
        ({}, ExitCode.OK),
        ({"plan": plan_id(1)}, ExitCode.BLOCKED),
        ({"lifts": "new_tenants"}, ExitCode.BLOCKED),
        ({"until": "2026-11-29"}, ExitCode.BLOCKED),
        ({"until": "2026-11-30"}, ExitCode.OK),
        ({"until": "2027-11-30"}, ExitCode.BLOCKED),
    ],
)
def test_an_approval_lifts_its_guards_of_its_plan_until_its_day(
    repository: GitRepository, tmp_path: Path, approval: dict[str, str], code: ExitCode
) -> None:
    approve(repository, **approval)
    out = write(tmp_path / "plan", repository, *NAMES, verb="plan", counts={"delete": 1})
    found, text = gate(repository, out, verb="plan")
    assert found == code
    assert ("The guard removals is lifted by an approval: 3 users of 3 would be removed" in text) == (code == 0)


def test_an_approval_holds_for_an_apply_of_the_reviewed_plans_only(repository: GitRepository, tmp_path: Path) -> None:
    approve(repository)
    plans = write(tmp_path / "plan", repository, *NAMES, verb="plan", counts=REMOVED)
    selection = FleetSelection(repository.root)
    run_gather(GatherOptions(selection, (plans,)), GatherOutput(), RecordingTerminal())
    out = write(tmp_path / "apply", repository, "beta", "gamma", counts={"delete": 1})
    reviewed = plans / "fleet-plan.json"
    assert gate(repository, out, wave="rest")[0] == ExitCode.BLOCKED
    assert gate(repository, out, wave="rest", reviewed=reviewed)[0] == ExitCode.OK
    write(out, repository, "gamma", counts={"delete": 1}, plan_id=plan_id(2))
    assert gate(repository, out, wave="rest", reviewed=reviewed)[0] == ExitCode.BLOCKED


def test_nothing_lifts_failures(repository: GitRepository, tmp_path: Path) -> None:
    left = NAMES[1:]
    identity = compute_fleet_plan_id(dict.fromkeys(left, plan_id(1)), dict.fromkeys(left, REMOVED), NAMES[:1])
    approve(repository, identity, "removals, failed")
    out = write(tmp_path / "plan", repository, *NAMES, verb="plan", counts={"delete": 1})
    write(out, repository, "acme", verb="plan", exit_code=3)
    code, text = gate(repository, out, verb="plan")
    assert code == ExitCode.BLOCKED
    assert "The guard removals is lifted by an approval: 2 users of 2 would be removed" in text
    assert "The guard failed blocks: 1 tenant of 3 failed" in text


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_results_of_the_sandbox_open_no_gate(repository: GitRepository, tmp_path: Path, verb: str) -> None:
    write(tmp_path / "1", repository, *NAMES, verb=verb, sandbox=True)
    with pytest.raises(UsageError, match="of the sandbox: they open no gate"):
        gate(repository, tmp_path / "1", verb=verb)


def test_a_drift_of_the_sandbox_is_no_proof(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit("second", {"defaults/scope.yaml": "sync: all\n"})
    write(tmp_path / "1", repository, "acme")
    write(tmp_path / "2", repository, "acme", verb="drift", sandbox=True)
    with pytest.raises(UsageError, match="of the sandbox: they open no gate"):
        gate(repository, tmp_path / "1", tmp_path / "2", wave="canary")


def test_a_tenant_that_was_reviewed_without_a_plan_closes_the_gate_of_its_wave(
    repository: GitRepository, tmp_path: Path
) -> None:
    plans = write(tmp_path / "plan", repository, "beta", "gamma", verb="plan")
    write(plans, repository, "acme", verb="plan", exit_code=1, error="401")
    run_gather(GatherOptions(FleetSelection(repository.root), (plans,)), GatherOutput(), RecordingTerminal())
    out = write(tmp_path / "apply", repository, "beta", "gamma")
    code, text = gate(repository, out, wave="canary", reviewed=plans)
    assert code == ExitCode.BLOCKED
    assert "  acme: it was reviewed without a plan: that failed, or a guard blocked it\n" in text
    assert gate(repository, out, wave="rest", reviewed=plans)[0] == ExitCode.OK


def test_an_approval_lets_a_wave_go_on_without_the_tenants_that_have_no_plan(
    repository: GitRepository, tmp_path: Path
) -> None:
    """What fails in the apply closes the gate all the same."""
    reviewed = tmp_path / "fleet-plan.json"
    reviewed.write_text(make_fleet_plan(dict.fromkeys(NAMES[1:], plan_id(1)), "acme"))
    approve(repository, json.loads(reviewed.read_text())["id"], "failed")
    out = write(tmp_path / "apply", repository, "beta", "gamma")
    assert gate(repository, out, wave="canary", reviewed=reviewed)[0] == ExitCode.OK
    write(out, repository, "beta", "gamma", exit_code=5)
    assert gate(repository, out, wave="rest", reviewed=reviewed)[0] == ExitCode.BLOCKED


def test_a_wave_of_which_nothing_went_well_closes_it_below_each_limit(
    repository: GitRepository, tmp_path: Path
) -> None:
    repository.commit("limit", {"fleet.yaml": FLEET.replace("failed: {count: 0}", "failed: {percent: 100}")})
    code, text = gate(repository, write(tmp_path / "1", repository, "acme", exit_code=1), wave="canary")
    assert code == ExitCode.BLOCKED
    assert "The guard failed blocks: 1 tenant of 1 failed, the first wave allows none.\n" in text
    write(tmp_path / "1", repository, "beta", "gamma")
    assert gate(repository, tmp_path / "1", wave=None)[0] == ExitCode.OK


def test_two_shards_with_one_token_are_refused(repository: GitRepository, tmp_path: Path) -> None:
    check = "0123456789ab"
    one = write(tmp_path / "1", repository, "acme", token_check=check)
    other = write(tmp_path / "2", repository, "beta", "gamma")
    assert gate(repository, one, other)[0] == ExitCode.OK
    write(other, repository, "gamma", token_check=check)
    with pytest.raises(SharedTokenError, match="tenants acme and gamma have the same token"):
        gate(repository, one, other)
    file = tmp_path / "fleet.json"
    options = GatherOptions(FleetSelection(repository.root), (one, other), "apply")
    with pytest.raises(SharedTokenError, match="tenants acme and gamma have the same token"):
        run_gather(options, GatherOutput(file), RecordingTerminal())
    assert not file.exists()
    write(other, repository, "gamma", token_check="ba9876543210")
    assert check not in gate(repository, one, other)[1]
    run_gather(options, GatherOutput(file, page=tmp_path / "page.html"), RecordingTerminal())
    assert not [each for each in (file, tmp_path / "page.html") if check in each.read_text()]


def test_a_gate_counts_the_waves_before_it(repository: GitRepository, tmp_path: Path) -> None:
    one = write(tmp_path / "1", repository, "acme", counts=REMOVED | {"unchanged": 99})
    other = write(tmp_path / "2", repository, "beta", counts=REMOVED | {"unchanged": 99})
    write(other, repository, "gamma")
    assert gate(repository, other, wave="rest")[0] == ExitCode.OK
    code, text = gate(repository, one, other, wave="rest")
    assert code == ExitCode.BLOCKED
    assert "2 users of 200 would be removed in all tenants, the limit is 1, in all waves so far" in text
