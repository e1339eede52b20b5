"""The sandbox as a user tries it: in a scratch directory, from one command to the next, and as a server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from support.command import (
    COMMAND,
    CommandWorkspace,
    OpenCommandWorkspace,
    assert_harmless,
    coverage_environment,
    interrupt,
    messages,
    sample_users,
    wait_for_exit,
)
from support.oauth_client import authorize, log_in, read_users, redeem, refresh

from reconciler.sandbox.server import start

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """A scratch directory with the sample company; the environment has neither a token nor a host."""
    opened = open_command_workspace()
    shutil.rmtree(opened.state)
    shutil.copytree(ROOT / "desired-state", opened.state)
    for name in ("RECONCILER_TOKEN", "RECONCILER_ALLOWED_HOSTS"):
        del opened.environment[name]
    return opened


def test_plan_apply_plan(work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = work.command("plan", "--sandbox", "-o", "plan.json", "--detailed-exitcode")
    assert planned.code == 2
    made = "Made a sandbox with the sample company's live users: .reconciler/sandbox.db"
    assert messages(planned.err)[0] == made
    applied = work.command("apply", "--sandbox", "plan.json")
    assert applied.code == 0
    assert "Apply complete! Users: " in applied.out
    monkeypatch.chdir(work.root)
    again = work.run("plan", "--sandbox", "--detailed-exitcode")
    assert (again.code, messages(again.out)[0]) == (0, "No changes. Apple Business Manager matches the desired state.")
    # The sandbox's receipts are no audit record.
    assert work.receipts() == []
    assert len(list((work.root / ".reconciler" / "plans").glob("*/receipt.jsonl"))) == 1
    work.settings(target={"profile": "apple-business-manager", "base_url": work.base_url})


def test_a_saved_plan_goes_where_it_was_made(work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert work.command("plan", "--sandbox", "-o", "plan.json").code == 0
    shown = work.command("show", "plan.json")
    assert (shown.code, "Plan: " in shown.out) == (0, True)
    monkeypatch.chdir(work.root)
    # A service is named and a token is there, and yet the plan is applied to the sandbox only.
    work.settings(target={"profile": "apple-business-manager", "base_url": work.base_url})
    monkeypatch.setenv("RECONCILER_TOKEN", "token")
    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", "127.0.0.1")
    applied = work.run("apply", "plan.json")
    assert (applied.code, work.service.log, work.receipts()) == (0, [], [])
    assert "The plan was made on the sandbox, and is applied there." in applied.err
    assert "Apply complete! Users: " in applied.out


def test_a_plan_for_a_service_is_not_applied_to_the_sandbox(
    open_command_workspace: OpenCommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = open_command_workspace()
    monkeypatch.chdir(work.root)
    assert work.run("plan", "-o", "plan.json").code == 0
    refused = work.run("apply", "--sandbox", "plan.json")
    assert (refused.code, refused.out) == (3, "")
    assert "A plan is only applied to the target it was made for." in refused.err


def test_a_clone_of_a_teams_repository_gets_an_empty_sandbox(work: CommandWorkspace) -> None:
    shutil.rmtree(work.state)
    made = work.command("init", str(work.root / "team"), "--domain", "example.com")
    assert made.code == 0
    clone = work.root / "clone"
    shutil.copytree(work.root / "team", clone, ignore=shutil.ignore_patterns(".reconciler"))
    planned = work.command("plan", "--sandbox", "--state", str(clone / "desired-state"))
    assert planned.code == 0
    assert f"Made a sandbox with no users: {clone}/.reconciler/sandbox.db" in planned.err
    assert messages(planned.out)[-1] == "Plan: 1 to create, 0 to update, 0 to delete."
    shown = work.command("demo", "--state", str(clone / "desired-state"))
    assert (shown.code, "to delete" in shown.out, "DEACTIVATED" in shown.out) == (0, True, False)


def test_serve_says_where_it_is_answers_and_ends_with_ctrl_c(
    work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = work.root / "seed.json"
    live, people = sample_users(3)
    for user in live:
        del user["id"]
    seed.write_text(json.dumps({"domains": ["example.com"], "users": live}))
    sown = work.run("sandbox", "reset")
    assert (sown.code, sown.out) == (0, "")
    assert "The sandbox is empty: " in sown.err
    sown = work.run("sandbox", "seed", str(seed))
    assert (sown.code, sown.out) == (0, "")
    assert sown.err.startswith("The sandbox has 3 users: ")

    process = work.start("sandbox", "serve", env={"PYTHONUNBUFFERED": ""})
    assert process.stdout is not None
    said = "".join(process.stdout.readline().decode() for _ in range(14))
    (base_url,) = re.findall(r"http://127\.0\.0\.1:\d+/feeds/\S+", said)
    (token,) = set(re.findall(r"(?:token: |_TOKEN=)(\S+)", said))
    assert f"RECONCILER_OAUTH_TOKEN_URL={base_url.partition('/feeds')[0]}/auth/oauth2/v2/token\n" in said
    assert "The redirect URI is http://127.0.0.1:8765/callback\n" in said
    pasted = "\n".join(re.findall(r"^  (export .*)$", said, re.MULTILINE))
    listing = subprocess.run(["sh", "-c", f"{pasted}\nenv"], capture_output=True, text=True, check=True, env={}).stdout
    assert f"RECONCILER_TOKEN={token}\n" in listing
    assert "RECONCILER_ALLOWED_HOSTS=127.0.0.1\n" in listing
    assert len(re.findall(r"^RECONCILER_(?:OAUTH_\w+|TOKEN_STORE)=\S+$", listing, re.MULTILINE)) == 5
    answer = httpx.get(f"{base_url}/Users", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert (answer.status_code, answer.json()["totalResults"]) == (200, 3)
    assert httpx.get(f"{base_url}/Users", trust_env=False).status_code == 401

    # As a target elsewhere, with what it printed.
    work.settings(target={"profile": "apple-business-manager", "base_url": base_url, "domains": ["example.com"]})
    for name in ("scope.yaml", "mappings.yaml"):
        (work.state / name).unlink()
    shutil.rmtree(work.state / "users")
    shutil.rmtree(work.state / "groups")
    work.users(people)
    monkeypatch.setenv("RECONCILER_TOKEN", token)
    planned = work.run("plan")
    assert (planned.code, messages(planned.out)[0]) == (
        0,
        "No changes. Apple Business Manager matches the desired state.",
    ), planned.out + planned.err

    interrupt(process)
    stopped = wait_for_exit(process)
    assert (stopped.code, stopped.out, stopped.err) == (0, "", "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(base_url, trust_env=False)


def test_the_demo_ends_without_changes(tmp_path: Path, work: CommandWorkspace) -> None:
    before = sorted(path.relative_to(work.root) for path in work.root.rglob("*"))
    told = work.command("demo")
    assert (told.code, told.err) == (0, "")
    last = told.out.split("$ ")[-1]
    assert messages(last)[1] == "No changes. Apple Business Manager matches the desired state."
    assert_harmless(told.out)
    assert "Edited manually" in told.out
    assert sorted(path.relative_to(work.root) for path in work.root.rglob("*")) == before, "a scratch copy is used"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read the seed"),
        ("[", "cannot read the seed"),
        ("[]", "is not a JSON object"),
        ('{"users": [{"userName": 1}]}', ""),
        ('{"people": []}', ""),
    ],
    ids=["no file", "no JSON", "no object", "an odd user", "an odd key"],
)
def test_a_seed_that_is_none(content: str | None, words: str, work: CommandWorkspace) -> None:
    seed = work.root / "seed.json"
    if content is not None:
        seed.write_text(content)
    answer = work.run("sandbox", "seed", str(seed))
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("Error: ")
    assert words in answer.err


def test_a_sandbox_file_that_is_none(work: CommandWorkspace) -> None:
    place = work.root / ".reconciler" / "sandbox.db"
    place.parent.mkdir()
    place.write_text("something else, and precious")
    for line in (["plan", "--sandbox"], ["sandbox", "seed"], ["sandbox", "reset"], ["sandbox", "serve"]):
        answer = work.run(*line)
        assert (answer.code, answer.out) == (1, "")
        assert answer.err.startswith("Error: ")
    assert place.read_text() == "something else, and precious"


def test_a_port_that_is_taken(work: CommandWorkspace) -> None:
    port = work.service.base_url.rpartition(":")[2].partition("/")[0]
    for taken in (port, "-1", "99999"):
        answer = work.run("sandbox", "serve", "--port", taken)
        assert (answer.code, answer.out) == (1, "")
        assert taken in answer.err


def test_without_the_extra_the_sandbox_says_how_to_get_it(work: CommandWorkspace) -> None:
    (work.root / "waitress.py").write_text("raise ModuleNotFoundError('No module named waitress', name='waitress')\n")
    answer = work.command("plan", "--sandbox", env={"PYTHONPATH": str(work.root)})
    assert (answer.code, answer.out) == (1, "")
    assert messages(answer.err) == [
        "Error: the sandbox is not installed (waitress is missing)",
        "  Install the wheel with its extra, FILE.whl[sandbox], or the libraries as `init` locked them:",
        "  pip install --require-hashes -r requirements/sandbox.lock",
    ]


def test_python_m_is_the_same_command(work: CommandWorkspace) -> None:
    line = [sys.executable, "-m", "reconciler", "--version"]
    answer = subprocess.run(line, cwd=work.root, capture_output=True, text=True, check=False)
    assert answer.stdout.startswith("reconciler ")


def test_authorizations_survive_a_kill(tmp_path: Path) -> None:
    """The authorization server keeps its client, codes and tokens in the sandbox's file."""
    with start(tmp_path / ".reconciler" / "sandbox.db") as sandbox:
        port = sandbox.port
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **coverage_environment()}
    line = [COMMAND, "sandbox", "serve", "--port", str(port)]

    def serve() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert b"listens on" in process.stdout.readline()
        return process

    first = serve()
    tokens = log_in(sandbox)
    code = authorize(sandbox)["code"]
    first.kill()
    first.communicate()
    second = serve()
    try:
        assert read_users(sandbox, tokens["access_token"]) == 200
        assert refresh(sandbox, tokens["refresh_token"]).status_code == 200
        assert refresh(sandbox, tokens["refresh_token"]).status_code == 400  # replaced before
        assert redeem(sandbox, code).status_code == 200
        assert redeem(sandbox, code).status_code == 400
    finally:
        interrupt(second)
        second.communicate()
