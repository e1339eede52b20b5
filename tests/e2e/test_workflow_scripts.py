"""The scripts that the workflows run: the summary people see on a pull request, and the exit codes GitHub sees."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from e2e.conftest import OpenDesk
from e2e.harness import COMMAND, TOKEN, Desk, all_bytes, company, ended
from servers.odd_scim import Oddities
from workspace import Ended

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def work(desk: OpenDesk) -> Desk:
    """A scratch copy with the scripts; one of three people moves, another has a name like a fence and a command."""
    live, people = company(3)
    people[0]["department"] = "Moved"
    people[1]["givenName"] = "```\n"
    people[2]["givenName"] = "``` </details> ::error::pwned"
    opened = desk(live)
    opened.users([people[0], {**people[1], "givenName": "Grace"}, people[2]])
    shutil.copytree(ROOT / ".github", opened.root / ".github", ignore=shutil.ignore_patterns("workflows"))
    return opened


def script(work: Desk, name: str) -> tuple[Ended, str]:
    """Runs a script as a step of a workflow does; how it ended, and what is in the step summary."""
    file = work.root / "summary.md"
    file.unlink(missing_ok=True)
    env = {**work.environment, "RECONCILER": str(COMMAND), "TMPDIR": str(work.root), "GITHUB_STEP_SUMMARY": str(file)}
    process = subprocess.Popen(
        ["sh", f".github/{name}.sh", "desired-state"],
        cwd=work.root,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    answer = ended(process)
    text = file.read_text() if file.exists() else ""
    assert [line for line in text.splitlines() if line and not line.startswith("    ")] == [], "all of it is code"
    return answer, text


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def test_plan_shows_the_plan_in_the_log_and_in_the_summary(work: Desk) -> None:
    answer, summary = script(work, "plan")
    assert answer.code == 0
    assert summary == f"{indented(answer.out)}\n"
    assert answer.out == work.run("plan").out
    assert "Plan: 0 to add, 2 to change, 0 to destroy." in answer.out
    assert "\\n" not in summary
    assert work.service.writes == []


def test_apply_carries_out_the_plan_and_leaves_a_receipt(work: Desk) -> None:
    answer, summary = script(work, "apply")
    assert answer.code == 0
    plan, _, rest = summary.partition("\n\n    \n")
    assert "    Plan: 0 to add, 2 to change, 0 to destroy." in plan
    assert rest == "    Apply complete! Users: 0 added, 2 changed, 0 destroyed.\n\n"
    assert answer.out.endswith("Apply complete! Users: 0 added, 2 changed, 0 destroyed.\n")
    (receipt,) = work.receipts()
    assert sorted(path.name for path in receipt.parent.iterdir()) == ["plan.json", "receipt.jsonl"]
    assert TOKEN.encode() not in all_bytes(work.root, [answer.out, answer.err])


def test_a_blocked_plan_is_not_applied_and_ends_with_3(work: Desk) -> None:
    work.settings(guards={"updates": {"count": 1}})
    answer, summary = script(work, "apply")
    assert answer.code == 3
    assert summary.count("    This plan is blocked: nothing will be written.\n") == 1
    assert (work.service.writes, work.receipts()) == ([], [])


def test_users_who_cannot_be_planned_or_applied_end_with_5(work: Desk) -> None:
    work.service.oddities = Oddities(refuse_user="grace.1@example.com")
    work.users([{**company(1)[1][0], "givenName": "Ada\a"}, *company(3, department="Elsewhere")[1][1:]])
    answer, summary = script(work, "apply")
    assert answer.code == 5, "a mistake of one does not keep the others from being applied"
    assert "    Error: name.givenName contains the character U+0007\n" in summary
    assert "    Apply incomplete: Users: 0 added, 1 changed, 0 destroyed; 1 not done:\n" in summary


def test_an_error_leaves_an_empty_summary_and_ends_with_1(work: Desk) -> None:
    work.write("scope.yaml", "sync: everybody\n")
    answer, summary = script(work, "plan")
    assert (answer.code, answer.out, summary.strip()) == (1, "", "")
    assert "scope.yaml:1:7" in answer.err


@pytest.mark.parametrize("line", ["ü" * 31, "}"], ids=["long lines", "short lines"])
def test_a_long_summary_is_cut_at_a_line_below_the_limit_of_github(line: str, work: Desk) -> None:
    text = work.root / "text"
    text.write_text(f"{line}\n" * 600_000)
    summary = work.root / "summary.md"
    for _ in range(2):  # the plan, then the apply
        subprocess.run(
            ["sh", ".github/summary.sh", str(text)],
            cwd=work.root,
            env={**work.environment, "GITHUB_STEP_SUMMARY": str(summary)},
            check=True,
        )
    content = summary.read_bytes()
    assert 500_000 < len(content) <= 1024 * 1024
    told = {"", "The rest is in the log of this job."}
    assert set(content.decode().split("\n")) - told == {f"    {line}"}
