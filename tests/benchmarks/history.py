"""How long `log` takes: a repository of many commits and many users, made by git fast-import.

    .venv/bin/python tests/benchmarks/history.py --commits 5000 --users 20000 --files 40

Prints seconds and the peak of memory (MiB) of each command, run as a process of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from generate import people

COMMAND = Path(sys.executable).parent / "reconciler"
DEPARTMENTS = ("Engineering", "Sales", "Marketing", "Finance", "IT", "Legal")
BEGIN, SPACING = 1_700_000_000, 18_900
"""The time of the first commit, and the seconds between two: 5,000 of them are three years."""
SETTINGS = "target: {profile: apple-business-manager, base_url: 'https://federation.apple.com/feeds/business/scim'}\n"


_QUOTE = "'"


def item(user: dict[str, str]) -> str:
    """One entry."""
    return "".join(
        f"{'  ' if number else '- '}{key}: '{value.replace(_QUOTE, _QUOTE * 2)}'\n"
        for number, (key, value) in enumerate(user.items())
    )


def stream(commits: int, users: int, files: int, settings: str = SETTINGS) -> Iterator[bytes]:
    """A history for git fast-import: all users are added, then each commit edits one user of one file."""
    everybody = list(people(users, 1))
    size = -(-users // files)
    texts = [[item(user) for user in everybody[at : at + size]] for at in range(0, users, size)]
    yield head(0, "Begin")
    yield data("M 100644 inline desired-state/settings.yaml", settings)
    yield data("M 100644 inline desired-state/scope.yaml", "sync: all\n")
    for number in range(len(texts)):
        yield file(number, texts)
    for number, (who, department) in enumerate(edits(commits, users), start=1):
        everybody[who]["department"] = department
        texts[who // size][who % size] = item(everybody[who])
        yield head(number, f"Edit (#{number})")
        yield file(who // size, texts)


def edits(commits: int, users: int) -> Iterator[tuple[int, str]]:
    """Whom each commit but the first edits, by the number, and the department that they have then."""
    chance = random.Random(1)  # noqa: S311
    for number in range(1, commits):
        who = chance.randrange(users)
        yield who, f"{chance.choice(DEPARTMENTS)} {number % 97}"


def head(number: int, subject: str) -> bytes:
    text = f"commit refs/heads/main\ncommitter Grace Hopper <grace@example.com> {BEGIN + number * SPACING} +0000\n"
    return (text + f"data {len(subject)}\n{subject}\n").encode()


def file(number: int, texts: list[list[str]]) -> bytes:
    return data(f"M 100644 inline desired-state/users/team-{number:03}.yaml", "".join(texts[number]))


def data(line: str, text: str) -> bytes:
    content = text.encode()
    return f"{line}\ndata {len(content)}\n".encode() + content + b"\n"


def make_repository(root: Path, commits: int, users: int, files: int, settings: str = SETTINGS) -> None:
    """Make a repository in the empty directory `root`, and check its last commit out."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=root, check=True)
    importing = subprocess.Popen(["git", "fast-import", "--quiet"], cwd=root, stdin=subprocess.PIPE)
    assert importing.stdin is not None
    for part in stream(commits, users, files, settings):
        importing.stdin.write(part)
    importing.stdin.close()
    importing.wait()
    subprocess.run(["git", "reset", "--quiet", "--hard"], cwd=root, check=True)


def measure(root: Path, *arguments: str) -> str:
    """Run the command and return a line: seconds, peak MiB, exit code, lines of output."""
    began = time.monotonic()
    process = subprocess.Popen([COMMAND, *arguments], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    lines = sum(1 for _ in process.stdout)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    memory = f"{usage.ru_maxrss // 1024:5} MiB"
    return f"{seconds:7.2f} s {memory} exit {process.returncode} {lines:6} lines  {' '.join(arguments)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=5000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--keep", type=Path, help="an empty directory to keep the repository in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reconciler-history-") as folder:
        root = options.keep or Path(folder)
        began = time.monotonic()
        make_repository(root, options.commits, options.users, options.files)
        size = sum(path.stat().st_size for path in (root / ".git").rglob("*") if path.is_file()) >> 20
        made = f"made in {time.monotonic() - began:.0f} s, {size} MiB of git"
        print(f"{options.commits} commits, {options.users} users in {options.files} files: {made}")  # noqa: T201
        user = f"person.{options.users // 2:07}@example.com"
        for arguments in (
            ("log",),
            ("log", "--limit", "1000", "-q"),
            ("log", user),
            ("log", user, "--attribute", "department"),
            ("log", "--attribute", "department", "--since", "2023-12-01"),
            ("log", user, "--format", "html"),
            ("rollback", "HEAD~1000", "--dry-run"),
        ):
            print(measure(root, *arguments), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
