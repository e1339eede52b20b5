"""What the suite measures: each function runs one thing beside its floor, in turn, and returns a row of the table."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import history
import imports
import rate
import record
from generate import write_desired_state
from processes import HERE, RECONCILER, Run, middle, server, timed

PYTHON = sys.executable
FLOOR = str(HERE / "floor.py")
_LATENCY_CAP = 100
"""Users a page where answers take their time."""
_OF_A_JOB = ("RECONCILER_", "CI", "GITHUB_", "GITLAB_", "RUNNER_", "PYTHONDONTWRITEBYTECODE")
"""How variables begin that are not passed on. Without byte code each process would compile the program."""
_PLANNED = (0, 3, 5)
"""Exit codes of a plan: done, blocked by a guard, some users failed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ratio`: seconds divided by those of the floor in the same run; less is better.

    `part`: the part of the report that it is written to.
    """

    name: str
    floor: str
    seconds: float
    floor_seconds: float
    ratio: float
    peak_mib: float
    requests: int | None = None
    note: str = ""
    part: str = "table"


def compare(name: str, floor: str, pairs: Sequence[tuple[Run, Run]], requests: int | None = None) -> Row:
    """Return the row of several pairs of runs, each the floor's and then what is measured."""
    least, measured = middle([pair[0] for pair in pairs]), middle([pair[1] for pair in pairs])
    # The best of each: what else the machine does only adds.
    ratio = min(pair[1].seconds for pair in pairs) / min(pair[0].seconds for pair in pairs)
    return Row(name, floor, measured.seconds, least.seconds, ratio, measured.peak_mib, requests)


def make_environment(scratch: Path) -> dict[str, str]:
    """Return the variables of a command at a desk: in a job the parse cache is off, or another one."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OF_A_JOB)}
    return {
        **inherited,
        "RECONCILER_TOKEN": "benchmark",
        "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
        "XDG_STATE_HOME": str(scratch / "home"),
    }


class Company:
    """A desired state of `users` users in a folder of its own, with what a run leaves beside it."""

    def __init__(self, scratch: Path, users: int) -> None:
        self.users = users
        self.root = scratch / f"company-{users}"
        self.state = self.root / "desired-state"
        self.environment = make_environment(scratch)

    def write(self, base_url: str) -> None:
        """Write the desired state for the service at this address."""
        shutil.rmtree(self.root, ignore_errors=True)
        write_desired_state(self.state, self.users, 1, base_url=base_url)

    def commit(self) -> None:
        """Make a git repository of the folder."""
        git = ["git", "-C", str(self.root), "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com"]
        for words in (("init", "-q", "-b", "main"), ("add", "desired-state"), ("commit", "-q", "-m", "Begin")):
            subprocess.run([*git, *words], check=True)

    def forget(self) -> None:
        """Remove the parse cache."""
        shutil.rmtree(self.root / ".reconciler", ignore_errors=True)

    def command(self, *words: str) -> list[str]:
        """Return a command line about this desired state."""
        return [*RECONCILER, *words, "--state", str(self.state), "--plans", str(self.root / "plans"), "--summary", "-q"]

    def run(self, *words: str) -> Run:
        """Run a plan or an apply."""
        return timed(self.command(*words), self.environment, _PLANNED)

    def floor(self, *words: str) -> Run:
        """Run the floor: with an address it parses, reads and joins; without one it only parses."""
        return timed([PYTHON, FLOOR, str(self.state), *words], self.environment)


def plan(scratch: Path, users: int, runs: int) -> list[Row]:
    """Plans of a whole company without latency, with and without the parse cache."""
    company = Company(scratch, users)
    cold, warm = [], []
    with server("bench_server.py", "--users", users, "--drift", 0.02) as (url, _):
        company.write(url)
        for _ in range(runs):
            floor = company.floor(url)
            company.forget()
            cold.append((floor, company.run("plan")))
            warm.append((floor, company.run("plan")))
    floor_name = "parse, read and join, nothing else"
    size = f"{users:,} users"
    return [
        compare(f"`plan`, {size}, cold", floor_name, cold),
        compare(f"`plan`, {size}, warm parse cache", floor_name, warm),
    ]


def export(scratch: Path, users: int, runs: int) -> list[Row]:
    """Exports of a whole company into an empty desired state."""
    company = Company(scratch, users)
    pairs = []
    with server("bench_server.py", "--users", users, "--drift", 0.02) as (url, _):
        company.write(url)
        empty = scratch / "settings"
        empty.mkdir()
        shutil.copy(company.state / "settings.yaml", empty)
        for number in range(runs):
            command = [*RECONCILER, "export", "--state", str(empty), "-o", str(scratch / f"live-{number}"), "-q"]
            pairs.append((company.floor(url), timed(command, company.environment)))
    return [compare(f"`export`, {users:,} users", "parse, read and join, nothing else", pairs)]


def slow_plan(scratch: Path, users: int, milliseconds: int, runs: int) -> list[Row]:
    """Plans for a service that takes its time for each page."""
    company = Company(scratch, users)
    pairs = []
    how = ("--users", users, "--drift", 0.02, "--latency", milliseconds, "--cap", _LATENCY_CAP)
    with server("bench_server.py", *how) as (url, _):
        company.write(url)
        bare = [PYTHON, str(HERE / "bare_read.py"), url, "--count", str(_LATENCY_CAP)]
        for _ in range(runs):
            floors = (company.floor(), timed(bare, company.environment))
            company.forget()
            pairs.append((max(floors, key=lambda run: run.seconds), company.run("plan")))
    name = f"`plan`, {users:,} users, pages of {_LATENCY_CAP}, {milliseconds} ms of latency"
    return [compare(name, "the longer of parsing and a bare concurrent read", pairs)]


def validate(scratch: Path, users: int, runs: int) -> list[Row]:
    """Validation without the parse cache."""
    company = Company(scratch, users)
    company.write("https://federation.apple.com/feeds/business/scim")
    command = [*RECONCILER, "validate", "--state", str(company.state), "-q"]
    pairs = []
    for _ in range(runs):
        company.forget()
        pairs.append((company.floor(), timed(command, company.environment)))
    return [compare(f"`validate`, {users:,} users, cold", "parsing alone", pairs)]


def import_people(scratch: Path, users: int, runs: int) -> list[Row]:
    """Imports from the stand-in of Microsoft Graph."""
    folder = scratch / f"import-{users}"
    folder.mkdir()
    return [
        Row(
            f"`import entra`, {users:,} users, {row['import']}",
            "the same requests and files, nothing else",
            *(row["import_s"], row["floor_s"], row["ratio"], row["import_mib"], row["requests"]),
        )
        for row in imports.measure(users, folder, runs)
    ]


def apply(_scratch: Path, changes: int, limit: int, runs: int) -> list[Row]:
    """Updates against a service with a limit of requests a second, from the first write to the last."""
    counted = [rate.measure(limit, changes, retry_after=True)["writing"] for _ in range(runs)]
    best = min(counted, key=lambda each: each["seconds"])
    seconds, floor = best["seconds"], best["requests"] / limit
    name, note = f"`apply`, {changes:,} updates, {limit} requests/s", f"{best['refused']:.1%} answered 429"
    return [Row(name, "the limit", seconds, floor, 1 / best["used"], 0, best["requests"], note)]


def log(scratch: Path, commits: int, users: int, runs: int) -> list[Row]:
    """The history of one user, with what the run before kept."""
    root = scratch / "history"
    root.mkdir()
    history.make_repository(root, commits, users, max(users // 500, 1))
    floor = ["git", "-C", str(root), "log", "--patch", "--unified=0", "--format=%H", "--", "desired-state/users"]
    state = ("--state", str(root / "desired-state"), "--plans", str(root / "plans"))
    command = [*RECONCILER, "log", f"person.{users // 2:07}@example.com", *state]
    environment = make_environment(scratch)
    timed(command, environment)
    pairs = [(timed(floor, environment), timed(command, environment)) for _ in range(runs)]
    return [compare(f"`log USER`, {commits:,} commits, {users:,} users, warm", "`git log --patch`", pairs)]


def status(scratch: Path, records: int, users: int, runs: int) -> list[Row]:
    """The status of a target with many applies on record."""
    root = scratch / "record"
    how = argparse.Namespace(commits=max(records // 2, 1), users=users, files=40, branch=False, digest=False)
    record.make(root, records, how)
    command = [*RECONCILER, "status", "--state", str(root / "desired-state"), "--plans", str(root / "plans")]
    floor = [PYTHON, FLOOR, str(root / "plans"), "--hash"]
    environment = make_environment(scratch)
    # The last runs on record may have failed, which makes a target unhealthy: exit code 1.
    pairs = [(timed(floor, environment), timed(command, environment, (0, 1))) for _ in range(runs)]
    found = [compare(f"`status`, {records:,} applies on record", "hashing the record", pairs)]
    record.copy_last(root / "plans", root / "last")
    live = ("--users", users, "--commits", how.commits, "--drift", record.DRIFT, "--port", record.PORT)
    with server("bench_server.py", *live):
        for name, least, floor in (
            ("plan", "none", "the same without a record"),
            ("drift", "last", "the same with the last apply alone on record"),
        ):
            pairs = [_run_with_less(root, name, least, environment) for _ in range(runs)]
            label = f"`{name}`, {users:,} users, {records:,} applies on record"
            found.append(compare(label, floor, pairs))
    return found


def _run_with_less(root: Path, name: str, least: str, environment: Mapping[str, str]) -> tuple[Run, Run]:
    """Run a command with the record in the folder `least`, and with the whole record."""
    command = [*RECONCILER, name, "--state", str(root / "desired-state"), "--summary", "-q", "--plans"]
    floor, measured = (timed([*command, str(root / each)], environment, _PLANNED) for each in (least, "plans"))
    return floor, measured


def start(_scratch: Path, runs: int) -> list[Row]:
    """What every command pays."""
    environment = dict(os.environ)
    pairs = [
        (timed([PYTHON, "-c", "pass"], environment), timed([*RECONCILER, "--help"], environment)) for _ in range(runs)
    ]
    return [compare("`--help`", "`python -c pass`", pairs)]


def incremental(scratch: Path, users: int, runs: int) -> list[Row]:
    """One changed line since a complete apply."""
    company = Company(scratch, users)
    options = ("--users", users, "--drift", 0)
    with server("bench_server.py", *options) as (url, _):
        company.write(url)
        company.commit()
        company.run("apply", "--auto-approve")
    _change_one_line(company.state)
    # At the same address, to count the requests of the plans alone.
    with server("bench_server.py", *options, "--port", urlsplit(url).port) as (_, service):
        pairs = [(company.floor("--hash"), company.run("plan", "--incremental")) for _ in range(runs)]
        requests = _count_requests(service)
    name = f"`plan --incremental`, one changed line in {users:,} users"
    return [compare(name, "hashing the files", pairs, requests // runs)]


def _change_one_line(state: Path) -> None:
    file = max((state / "users").iterdir())
    text = file.read_text("utf-8")
    at = text.index("department: ")
    end = text.index("\n", at)
    file.write_text(f"{text[:at]}department: Research{text[end:]}", "utf-8")


def _count_requests(service: subprocess.Popen[str]) -> int:
    """End a server; return how many requests it got."""
    assert service.stdin is not None
    assert service.stdout is not None
    service.stdin.close()
    return int(json.loads(service.stdout.readline())["requests"])


Measure = tuple[str, Callable[..., list[Row]], Mapping[str, int]]
"""A name for the command line, the function, and its arguments."""
