"""A newcomer's walk through README.md and docs/getting-started.md in a clean room, timed: `make walk`.

The commands are those of the pages. What a person does otherwise is done here: an editor (`sed`), the buttons of GitHub
(a stand-in), the answer to a question (`--auto-approve`).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.sandbox.server import RunningSandbox, start
from support.clean_room import USER, is_sealed, make_command
from support.console_page import BASH, Shell
from support.guide import Guide
from support.servers.github_api import GitHubApi
from support.workflow_runner import Job, Runner, git

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "newcomers-walk.md"
SANDBOX, GITHUB = "From nothing to the first applied change", "From nothing to a green pull request"
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_LONGEST = 300
"""Seconds of one command: an installation from an index that is far away."""
_PERSON = "sed -i 's/surname: van der Berg/surname: van den Berg/' desired-state/users/sales-emea.yaml"
_FIRST_USER = "sed -i 's/ada.example/grace.hopper/; s/5f0e3c1a/7b0e4c11/' desired-state/*/*.yaml"


@dataclass(frozen=True, slots=True)
class Step:
    """A row of a table. `shown`: what the page says; `run`: what the shell runs, "" for what a person clicks."""

    shown: str
    run: str


@dataclass(frozen=True, slots=True)
class Timed:
    """A step, and the seconds that it took."""

    shown: str
    seconds: float


def list_sandbox_steps() -> list[Step]:
    """Return the steps to the first applied change, by the README."""
    first, (plan, apply), *_ = (block.splitlines() for block in _read_blocks(ROOT / "README.md"))
    return [
        Step("git clone PROGRAM reconciler", "git clone --quiet ../program.git reconciler && cd reconciler"),
        Step(first[0], first[0]),
        Step("change a surname in desired-state/users/sales-emea.yaml", _PERSON),
        Step(plan, plan),
        Step(f"{apply}, answered with yes", f"{apply} --auto-approve"),
    ]


def list_github_steps(base_url: str) -> list[Step]:
    """Return the steps to the pull request, by docs/getting-started.md. `base_url`: of the service."""
    guide = Guide("getting-started.md")
    sections = ("1. Get the program (2 minutes)", "2. Create the repository (1 minute)", "3. Push it (1 minute)")
    begun = [line for section in sections for line in "".join(guide.read(section, "sh")).splitlines()]
    branch, *rest = "".join(guide.read("5. Open a pull request (3 minutes)", "sh")).splitlines()
    steps = [Step(line, _replace_addresses(line)) for line in begun]
    edit = Step("replace the example user in an editor", _FIRST_USER)
    # For a service other than Apple's.
    target = f"sed -i 's,base_url: .*,base_url: {base_url},' desired-state/settings.yaml"
    at = next(number for number, step in enumerate(steps) if step.shown.startswith("git init"))
    steps.insert(at, Step("set target.base_url in desired-state/settings.yaml", target))
    return [*steps, Step(branch, branch), edit, *(Step(line, _replace_addresses(line)) for line in rest)]


def _read_blocks(page: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def _replace_addresses(line: str) -> str:
    line = line.replace("git clone PROGRAM", "git clone --quiet ../program.git")
    return line.replace("git@github.com:OWNER/people.git", "../../github.git")


def walk_through_sandbox(folder: Path) -> list[Timed]:
    """Walk by the README in a new room."""
    with _enter(folder) as shell:
        return [_take(shell, step) for step in list_sandbox_steps()]


def walk_to_pull_request(folder: Path) -> list[Timed]:
    """Walk by docs/getting-started.md in a new room, then open the pull request in the stand-in of GitHub."""
    with start(folder / "service.db") as service:
        with _enter(folder) as shell:
            done = [_take(shell, step) for step in list_github_steps(service.base_url)]
        pushed = folder / "pushed"
        _give_to(os.geteuid(), folder / "room" / "github.git")
        subprocess.run(["git", "clone", "--quiet", str(folder / "room" / "github.git"), str(pushed)], check=True)
        git(pushed, "branch", "first-user", "origin/first-user")
        return [*done, *_open_pull_request(pushed, folder / "runs", service)]


def _open_pull_request(origin: Path, scratch: Path, service: RunningSandbox) -> Iterator[Timed]:
    """Yield the jobs that a pull request starts. Raises `AssertionError` for one that is not green."""
    api = GitHubApi()
    runner = Runner(origin, scratch, api, {"RECONCILER_TOKEN": service.token}, "127.0.0.1")
    try:
        main, head = git(origin, "rev-parse", "main"), git(origin, "rev-parse", "first-user")
        branch = {"sha": head, "ref": "first-user", "repo": {"full_name": "example/people"}}
        pull = {"pull_request": {"number": 7, "head": branch, "base": {"sha": main, "ref": "main"}}}
        for name, job, event, commit in (
            ("ci.yml", "desired-state", "pull_request", head),
            ("plan.yml", "plan", "pull_request_target", main),
        ):
            began = time.monotonic()
            done: Job = runner.job(name, job, event, commit, pull)
            assert done.code == 0, done.steps
            yield Timed(f"the job {job} of the pull request is green", time.monotonic() - began)
        assert "Plan: 1 to create, 0 to update, 0 to delete." in api.comments[7][0]["body"]
    finally:
        runner.close()
        api.close()


@contextmanager
def _enter(folder: Path) -> Iterator[Shell]:
    """Give a shell in a new room, next to which are the program's repository and an empty one of GitHub."""
    room = folder / "room"
    line = make_command(room, BASH)
    program, hosted = room / "program.git", room / "github.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(program)], check=True)
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", str(hosted)], check=True)
    if is_sealed():
        _give_to(USER, program)
        _give_to(USER, hosted)
    shell = Shell(line, folder, dict(os.environ), _LONGEST)
    try:
        shell.run("git config --global user.name Grace; git config --global user.email grace@example.com")
        shell.run("git config --global advice.detachedHead false; git config --global init.defaultBranch main")
        yield shell
    finally:
        shell.close()


def _give_to(user: int, folder: Path) -> None:
    subprocess.run(["chown", "-R", str(user), str(folder)], check=True)


def _take(shell: Shell, step: Step) -> Timed:
    began = time.monotonic()
    printed = shell.run(step.run)
    assert shell.code == 0, f"{step.shown}\n{printed}"
    return Timed(step.shown, time.monotonic() - began)


def render_table(steps: Sequence[Timed]) -> str:
    """Return a table of the steps, with the sum of their seconds."""
    rows = [f"| `{step.shown}` | {step.seconds:.1f} |" for step in steps]
    total = sum(step.seconds for step in steps)
    return "\n".join(["| step | seconds |", "| --- | ---: |", *rows, f"| together | **{total:.0f}** |", ""])


def read_shown(heading: str) -> list[str]:
    """Return the steps that the page shows in a section, without the sum."""
    text = PAGE.read_text("utf-8")
    section = text[text.index(f"## {heading}\n") :]
    return re.findall(r"^\| `(.*)` \| [\d.]+ \|$", section[: section.find("\n## ", 1)], re.MULTILINE)


def main() -> None:
    """Walk twice, and write the tables of the page again."""
    text = PAGE.read_text("utf-8")
    for heading, walk in ((SANDBOX, walk_through_sandbox), (GITHUB, walk_to_pull_request)):
        folder = Path(tempfile.mkdtemp())
        try:
            table = render_table(walk(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        before, _, after = text.partition(f"## {heading}\n")
        text = f"{before}## {heading}\n{_TABLE.sub(lambda _found, made=table: made, after, count=1)}"
    version = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores"
    PAGE.write_text(re.sub(r"(?<=Measured: )[^.\n]*(?:\.\d+)*[^.\n]*", version, text, count=1), "utf-8")


if __name__ == "__main__":
    main()
