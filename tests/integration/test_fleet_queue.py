"""The commands of the queue: a fleet on the sandbox, a real Postgres, workers as processes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cluster import make_fleet, run_git
from support.command import COMMAND, coverage_environment
from support.servers.postgres import PASSWORD, PostgresServer

pytestmark = pytest.mark.slow
TOKEN = "canary-token-9fK"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def root(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return make_fleet(tmp_path, *getattr(request, "param", ("acme", "beta")))


@pytest.fixture
def address(postgres: PostgresServer) -> str:
    return postgres.create_database()


@pytest.fixture
def environment(root: Path, address: str) -> dict[str, str]:
    return {
        **coverage_environment(),
        "PATH": os.environ["PATH"],
        "HOME": str(root.parent),
        "LANG": "C.UTF-8",
        "RECONCILER_CLUSTER_DSN": address,
        "RECONCILER_TOKEN": TOKEN,
    }


@pytest.fixture
def run(root: Path, environment: dict[str, str]) -> Run:
    def start(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        line = [str(COMMAND), "fleet", *arguments]
        found = subprocess.run(
            line, cwd=root, env={**environment, **variables}, capture_output=True, text=True, timeout=120, check=False
        )
        for secret in (PASSWORD, TOKEN):
            assert secret not in found.stdout + found.stderr
        assert "Traceback" not in found.stderr
        return found

    return start


@pytest.mark.parametrize("root", [("acme",)], indirect=True)
def test_a_fleet_is_planned_and_applied_by_a_worker(
    run: Run, root: Path, postgres: PostgresServer, address: str
) -> None:
    assert run("init-queue").stdout == "The queue is ready.\n"
    assert run("init-queue").stdout == "The queue was ready already.\n"
    head = run_git(root, "rev-parse", "HEAD")[:12]
    assert run("submit").stdout == f"Queued: 1 tenant of commit {head}.\n"
    refused = run("submit")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert '1 tenant waiting in the queue already: "acme"' in refused.stderr
    assert "1 waiting\n" in run("jobs").stdout

    out = root.parent / "out"
    worker = run("worker", "--sandbox", "--until-empty", "-o", str(out))
    assert worker.returncode == 0, worker.stderr
    assert worker.stderr.splitlines()[1:2] == ["Job 1: acme plan, exit 0, 2 create"]
    assert json.loads((out / "acme" / "plan.json").read_bytes())["plan_id"].startswith("sha256:")
    assert run("jobs").stdout == "No jobs.\n"
    jobs = json.loads(run("jobs", "--all", "--format", "json").stdout)["jobs"]
    assert [(job["state"], job["task"]["tenant"], job["result"]["exit_code"]) for job in jobs] == [
        ("succeeded", "acme", 0)
    ]

    gathered = run("gather", "--verb", "plan", str(out))
    assert gathered.returncode == 0, gathered.stderr
    assert run("submit", "--verb", "apply", "--plans", str(out)).returncode == 0
    applied = run("worker", "--sandbox", "--until-empty", "--plans", str(out), "-o", str(root.parent / "applied"))
    assert applied.stderr.splitlines()[1:2] == ["Job 2: acme apply, exit 0, 2 create"]
    assert len(list(root.rglob("receipt.jsonl"))) == 1
    rows = repr(postgres.execute(address, "SELECT * FROM procrastinate_jobs, reconciler_results"))
    assert not [secret for secret in (TOKEN, PASSWORD, "ada.example", str(root)) if secret in rows]


def test_waiting_returns_the_exit_code_of_the_run(
    run: Run, root: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    run("init-queue")
    line = [str(COMMAND), "fleet", "worker", "--sandbox", "-q"]
    (root / "tenants/beta/settings.yaml").write_text("target: {}\n", "utf-8")
    run_git(root, "commit", "-qam", "break beta")
    assert run("submit", "--wait", "--time-limit", "0").returncode == 64
    with subprocess.Popen(line, cwd=root, env=environment) as worker:
        waited = run("submit", "--wait", "-o", str(tmp_path / "results"))
        worker.terminate()
        assert worker.wait(60) == 0
    assert waited.returncode == 1
    assert waited.stdout.splitlines()[-1] == "1 tenant done, 1 with exit code 1."
    assert {path.parent.name for path in (tmp_path / "results").rglob("result.json")} == {"acme", "beta"}
    failed = run("requeue", "2", "--yes")
    assert failed.stdout.splitlines()[-1] == "Queued again as job 3."


def test_an_apply_without_review_is_refused(run: Run) -> None:
    run("init-queue")
    refused = run("submit", "--verb", "apply")
    assert refused.returncode == 64
    assert "an apply needs either --plans or --auto-approve" in refused.stderr
    assert run("submit", "--verb", "apply", "--auto-approve").returncode == 0
    worker = run("worker", "--sandbox", "--until-empty")
    assert "no plan was reviewed, and the worker has no --auto-approve" in worker.stderr
    assert run("jobs").stdout.splitlines()[-1] == "2 failed"


def test_files_that_are_not_committed_are_not_queued(run: Run, root: Path) -> None:
    run("init-queue")
    (root / "tenants/acme/users/new.yaml").write_text("[]\n", "utf-8")
    refused = run("submit")
    assert refused.returncode == 1
    assert '1 file of the checkout differs from its commit: "tenants/acme/users/new.yaml"' in refused.stderr


@pytest.mark.parametrize(
    ("dsn", "error"),
    [
        ("", "no database is set for the queue"),
        (f"host=x {PASSWORD}", "RECONCILER_CLUSTER_DSN is not a Postgres connection string"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/x", "the queue's database cannot be reached"),
        (
            f"postgresql://u:{PASSWORD}@192.0.2.1/x?sslmode=prefer",
            'sslmode "prefer" does not prove which server answers',
        ),
    ],
)
@pytest.mark.parametrize("command", [("jobs",), ("worker", "--sandbox")])
def test_no_error_shows_the_password(run: Run, command: tuple[str, ...], dsn: str, error: str) -> None:
    found = run(*command, RECONCILER_CLUSTER_DSN=dsn)
    assert found.returncode == 1
    assert error in found.stderr
