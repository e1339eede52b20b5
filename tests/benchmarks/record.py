"""What long records and long histories cost: 10,000 applies on record, 20,000 users, 5,000 commits.

    .venv/bin/python tests/benchmarks/record.py --records 100 1000 10000

Makes a repository (`history.py`) whose applies of three years are on record, written by the project's own writer, and
prints for each command CPU seconds (with those of git), peak memory in MiB and the exit code, run as a process of its
own. `--branch`: the record is on a record branch, one commit for each apply, as GitHub Actions leaves it. `--digest`:
it holds digests.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from generate import people
from history import BEGIN, DEPARTMENTS, SPACING, data, make_repository

from reconciler.core import paths
from reconciler.core.model import Target
from reconciler.core.plan import Action, ActionReason, Change, Outcome, Plan, Result, Tally
from reconciler.core.plan_id import compute_plan_id
from reconciler.record.layout import PLAN, RECEIPT
from reconciler.record.plan_record import to_record
from reconciler.record.receipt import Receipt, directory_for
from reconciler.record.redaction import NO_REDACTION, Redactor

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).parent / "reconciler"
KEY = "benchmark of the record, 32 characters"
PORT = 18_977
BASE_URL = f"http://127.0.0.1:{PORT}/scim"
PROFILE = "apple-business-manager"
SECONDS = 10_000
DRIFT = 0.005
"""The share of users that were edited in the target since the last apply."""
_NOTED = 500
"""Each so many applies one notes the accounts that users have."""


def settings(*, branch: bool, digest: bool) -> str:
    """The settings, with generous guards."""
    record = ", ".join([*(["branch: reconciler-record"] if branch else []), *(["values: digest"] if digest else [])])
    return (
        f"target: {{profile: {PROFILE}, base_url: '{BASE_URL}', domains: [example.com]}}\n"
        "guards:\n  removals: {count: 20000, percent: 100}\n  updates: {percent: 100}\n"
        + (f"record: {{{record}}}\n" if record else "")
    )


class Applies:
    """Writes receipts and plans of `number` applies of one to fifty changes, spread over the commits, into `plans`.

    The last one is of the last commit.
    """

    def __init__(self, users: int, commits: list[str], redactor: Redactor) -> None:
        self._chance = random.Random(2)  # noqa: S311
        self._people = list(people(users, 1))
        self._commits = commits
        self._redactor = redactor

    def write(self, plans: Path, number: int) -> Iterator[Path]:
        """Write the records, oldest first; yield the directory of each."""
        newest = len(self._commits) - 1
        for at in range(number):
            place = newest - (number - 1 - at) * newest // max(number - 1, 1)
            when = datetime.fromtimestamp(BEGIN + place * SPACING + 60 + at % 3, UTC)
            yield self._write_one(plans, at, when, self._commits[place])

    def _write_one(self, plans: Path, at: int, when: datetime, commit: str) -> Path:
        chance = self._chance
        who = chance.sample(range(len(self._people)), int(50 ** chance.random()))
        changes = tuple(self._change(each) for each in who)
        target = Target(PROFILE, BASE_URL)
        ids = tuple(f"GN-{each:07d}" for each in range(1000)) if at % _NOTED == 0 else None
        tally = Tally(unchanged=len(self._people) - len(changes), managed=len(self._people))
        plan = Plan(
            *(compute_plan_id(target, changes), target, changes, (), (), tally, True),
            created_at=when - timedelta(seconds=30),
            expires_at=when + timedelta(days=1),
            reconciler_version="0.2.0",
            config_digest=f"sha256:{at:064x}",
            commit=commit,
            seen=ids,
        )
        directory = directory_for(plans, plan)
        seconds = count()
        receipt = Receipt(
            *(directory, plan, lambda: when + timedelta(seconds=0.2 * next(seconds))), redactor=self._redactor
        )
        (directory / PLAN).write_text(to_record(plan, self._redactor))
        self._carry_out(receipt, changes)
        return directory

    def _change(self, number: int) -> Change:
        chance, person = self._chance, self._people[number]
        action = chance.choices((Action.UPDATE, Action.CREATE, Action.DEACTIVATE, Action.REACTIVATE), (90, 4, 3, 3))[0]
        values = {
            "externalId": person["objectId"],
            "userName": person["userPrincipalName"],
            "name.givenName": person["givenName"],
            "name.familyName": person["surname"],
            "locale": person["preferredLanguage"].replace("-", "_"),
            "timezone": person["timezone"],
            f"{paths.ENTERPRISE}:employeeNumber": person["employeeId"],
            f"{paths.ENTERPRISE}:costCenter": person["costCenter"],
            f"{paths.ENTERPRISE}:division": person["division"],
            f"{paths.ENTERPRISE}:department": f"{chance.choice(DEPARTMENTS)} {chance.randrange(97)}",
            "active": action is not Action.REACTIVATE,
        }
        after = {**values, "active": action is not Action.DEACTIVATE}
        if action is Action.UPDATE:
            after[f"{paths.ENTERPRISE}:department"] = f"{chance.choice(DEPARTMENTS)} {chance.randrange(97)} now"
        created = action is Action.CREATE
        return Change(
            *(person["userPrincipalName"], action),
            ActionReason.NOT_IN_TARGET if created else ActionReason.ATTRIBUTES_DIFFER,
            "",
            None if created else f"GN-{number:07d}",
            {} if created else values,
            after,
        )

    def _carry_out(self, receipt: Receipt, changes: tuple[Change, ...]) -> None:
        counts: dict[Result, int] = {}
        for change in changes:
            paths = [each.path for each in change.attribute_changes()]
            live_id = change.live_id or f"GN-{int(change.key[7:14]):07d}"
            before = change.before if change.live_id is not None else None
            receipt.started(change.address, change.action, change.live_id, paths, before=before)
            result = Result.DONE if self._chance.random() > 0.02 else Result.FAILED
            message = "" if result is Result.DONE else 'the service answered 400: value "x" is not allowed'
            receipt.finished(Outcome(change, result, message, live_id if result is Result.DONE else change.live_id))
            counts[result] = counts.get(result, 0) + 1
        receipt.close(counts)


def copy_last(plans: Path, into: Path) -> None:
    """Copy the last of the records in `plans`: the same drift is found with it, but there is no long record."""
    last = max(plans.iterdir(), key=lambda path: (path / RECEIPT).read_text())
    shutil.copytree(last, into / last.name)


def put_on_branch(root: Path, directories: Iterator[Path]) -> None:
    """Commit each record to the record branch, and delete it from the disk."""
    importing = subprocess.Popen(["git", "fast-import", "--quiet"], cwd=root, stdin=subprocess.PIPE)
    assert importing.stdin is not None
    for number, directory in enumerate(directories):
        subject = f"Record {directory.name}"
        head = f"commit refs/heads/reconciler-record\ncommitter bot <bot@example.com> {BEGIN + number} +0000\n"
        importing.stdin.write(f"{head}data {len(subject)}\n{subject}\n".encode())
        for path in sorted(directory.iterdir()):
            importing.stdin.write(data(f"M 100644 inline plans/{directory.name}/{path.name}", path.read_text()))
        shutil.rmtree(directory)
    importing.stdin.close()
    importing.wait()


def measure(root: Path, *arguments: str) -> str:
    """Run the command; return a line: CPU seconds (with those of children), peak MiB, exit code, lines of output."""
    environment = {
        **os.environ,
        "RECONCILER_TOKEN": "benchmark",
        "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
        "RECONCILER_RECORD_KEY": KEY,
    }
    began = time.monotonic()
    process = subprocess.Popen(
        [COMMAND, *arguments], cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    lines = sum(1 for _ in process.stdout)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == 1 and lines == 0:
        sys.stderr.write(errors.decode()[:400])
    cpu, seconds = usage.ru_utime + usage.ru_stime, time.monotonic() - began
    memory = f"{usage.ru_maxrss // 1024:5} MiB"
    return (
        f"{cpu:7.2f} s CPU {seconds:7.2f} s {memory} exit {process.returncode} {lines:6} lines  {' '.join(arguments)}"
    )


def commands(users: int) -> Iterator[tuple[str, ...]]:
    user = f"person.{users // 2:07}@example.com"
    yield "log", user, "-q"
    yield "log", user, "-q"
    yield "log", "-q"
    yield "status", "-q"
    yield "plan", "--summary", "-q"
    yield "drift", "--summary", "-q"
    yield "explain", user, "--offline", "-q"
    yield "rollback", "HEAD~100", "--dry-run", "-q"
    yield "report", "-o", "report", "-q"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--commits", type=int, default=5000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--branch", action="store_true")
    parser.add_argument("--digest", action="store_true")
    parser.add_argument("--only", help="measure only the command that begins with this")
    parser.add_argument("--keep", type=Path, help="a directory to keep the repositories in, or to find them in")
    options = parser.parse_args()
    server = subprocess.Popen(
        [
            *(sys.executable, HERE / "bench_server.py", "--users", str(options.users), "--port", str(PORT)),
            *("--commits", str(options.commits), "--drift", str(DRIFT)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    server.stdout.readline()
    try:
        with tempfile.TemporaryDirectory(prefix="reconciler-record-", dir=_memory()) as folder:
            for number in options.records:
                root = (
                    options.keep or Path(folder)
                ) / f"{number}{'-branch' * options.branch}{'-digest' * options.digest}"
                if not root.exists():
                    make(root, number, options)
                print(f"{number} applies on record, {options.commits} commits, {options.users} users", flush=True)  # noqa: T201
                for arguments in commands(options.users):
                    if options.only is None or " ".join(arguments).startswith(options.only):
                        print(measure(root, *arguments), flush=True)  # noqa: T201
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(10)


def make(root: Path, number: int, options: argparse.Namespace) -> None:
    """Make the repository and its record."""
    root.mkdir(parents=True)
    text = settings(branch=options.branch, digest=options.digest)
    make_repository(root, options.commits, options.users, options.files, text)
    listed = subprocess.run(
        ["git", "rev-list", "--reverse", "HEAD"], cwd=root, check=True, capture_output=True, text=True
    )
    redactor = Redactor(KEY.encode()) if options.digest else NO_REDACTION
    directories = Applies(options.users, listed.stdout.split(), redactor).write(root / "plans", number)
    if options.branch:
        put_on_branch(root, directories)
    else:
        for _ in directories:
            pass


def _memory() -> str | None:
    """A directory in memory, if there is one: the writer waits for the disk after every line."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


if __name__ == "__main__":
    main()
