"""The benchmark suite: one command that shows where the time goes.

    .venv/bin/python tests/benchmarks/suite.py                 the small sizes, a minute or two
    .venv/bin/python tests/benchmarks/suite.py --full --write  all sizes, into docs/performance.md
    .venv/bin/python tests/benchmarks/suite.py --check         fails if a ratio is much worse than the stored one
    .venv/bin/python tests/benchmarks/suite.py --store         stores the ratios of the small sizes

Each line is a whole process beside its floor, the least that a process needs for the same work, measured in turn in the
same run. Seconds depend on the machine; the ratio counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

import fleet_measures
import measures
from measures import Row

HERE = Path(__file__).parent
STORED = HERE / "stored_ratios.json"
REPORT = HERE.parents[1] / "docs" / "performance.md"
WORSE = 1.5
"""How many times the stored ratio a ratio may be."""
TRIES = 3
"""How often a measure is made before its ratio is called worse."""
_BEGIN, _END = "<!-- {}: made by tests/benchmarks/suite.py -->\n", "<!-- end of the {} -->\n"

SMALL: tuple[measures.Measure, ...] = (
    ("plan", measures.plan, {"users": 10_000, "runs": 5}),
    ("slow-plan", measures.slow_plan, {"users": 10_000, "milliseconds": 50, "runs": 3}),
    ("incremental", measures.incremental, {"users": 10_000, "runs": 5}),
    ("validate", measures.validate, {"users": 10_000, "runs": 5}),
    ("export", measures.export, {"users": 10_000, "runs": 3}),
    ("import", measures.import_people, {"users": 5_000, "runs": 5}),
    ("apply", measures.apply, {"changes": 300, "limit": 100, "runs": 1}),
    ("log", measures.log, {"commits": 1_200, "users": 2_000, "runs": 3}),
    ("status", measures.status, {"records": 500, "users": 2_000, "runs": 3}),
    ("help", measures.start, {"runs": 10}),
    ("fleet", fleet_measures.plan, {"tenants": 100, "users": 20}),
    ("fleet", fleet_measures.gates, {"tenants": 1_000, "users": 5}),
    ("fleet", fleet_measures.rate, {"limit": 100, "seconds": 5}),
)
FULL: tuple[measures.Measure, ...] = (
    ("plan", measures.plan, {"users": 10_000, "runs": 5}),
    ("plan", measures.plan, {"users": 100_000, "runs": 3}),
    ("plan", measures.plan, {"users": 1_000_000, "runs": 1}),
    ("slow-plan", measures.slow_plan, {"users": 100_000, "milliseconds": 20, "runs": 1}),
    ("slow-plan", measures.slow_plan, {"users": 100_000, "milliseconds": 50, "runs": 1}),
    ("incremental", measures.incremental, {"users": 10_000, "runs": 3}),
    ("incremental", measures.incremental, {"users": 100_000, "runs": 3}),
    ("incremental", measures.incremental, {"users": 1_000_000, "runs": 1}),
    ("validate", measures.validate, {"users": 100_000, "runs": 3}),
    ("export", measures.export, {"users": 100_000, "runs": 1}),
    ("import", measures.import_people, {"users": 10_000, "runs": 3}),
    ("import", measures.import_people, {"users": 100_000, "runs": 1}),
    ("apply", measures.apply, {"changes": 1_500, "limit": 25, "runs": 1}),
    ("apply", measures.apply, {"changes": 1_500, "limit": 100, "runs": 1}),
    ("apply", measures.apply, {"changes": 1_500, "limit": 500, "runs": 1}),
    ("log", measures.log, {"commits": 5_000, "users": 20_000, "runs": 3}),
    ("status", measures.status, {"records": 10_000, "users": 20_000, "runs": 3}),
    ("help", measures.start, {"runs": 5}),
    ("fleet", fleet_measures.plan, {"tenants": 200, "users": 20}),
    ("fleet", fleet_measures.plan, {"tenants": 1_000, "users": 20}),
    ("fleet", fleet_measures.plan, {"tenants": 10_000, "users": 20}),
    ("fleet", fleet_measures.gates, {"tenants": 1_000, "users": 20}),
    ("fleet", fleet_measures.gates, {"tenants": 10_000, "users": 20}),
    ("fleet", fleet_measures.rate, {"limit": 25, "seconds": 20}),
    ("fleet", fleet_measures.rate, {"limit": 100, "seconds": 20}),
)
_HEAD = ("measure", "seconds", "floor", "floor's seconds", "ratio", "peak MiB", "requests")


def run(chosen: Iterable[measures.Measure], scratch: Path) -> Iterator[Row]:
    """Run the measures; yield their rows as they come."""
    for _, function, arguments in chosen:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            yield from function(Path(folder), **arguments)


def find_worse(rows: Iterable[Row], stored: dict[str, float]) -> list[str]:
    """Return a line for each row whose ratio is much worse than the stored one, or that has none."""
    found = []
    for row in rows:
        before = stored.get(row.name)
        if before is None:
            found.append(f"{row.name}: no ratio is stored. Run suite.py --store.")
        elif row.ratio > WORSE * before:
            found.append(f"{row.name}: {row.ratio:.2f} times the floor, and {before:.2f} is stored")
    return found


def check(chosen: Sequence[measures.Measure], scratch: Path, stored: dict[str, float]) -> list[str]:
    """Return what got worse. What looks worse is measured again, and the best counts: what else runs only adds."""
    worse: list[str] = []
    for measure in chosen:
        best: dict[str, Row] = {}
        for _ in range(TRIES):
            rows = list(run([measure], scratch))
            show(rows)
            best = {row.name: min(row, best.get(row.name, row), key=attrgetter("ratio")) for row in rows}
            if not find_worse(best.values(), stored):
                break
        worse += find_worse(best.values(), stored)
    return worse


def render_row(row: Row) -> str:
    """Return a line of the Markdown table."""
    requests = "" if row.requests is None else f"{row.requests:,}"
    cells = (
        *(f"{row.name}{row.note and f': {row.note}'}", f"{row.seconds:.2f}", row.floor, f"{row.floor_seconds:.2f}"),
        *(f"{row.ratio:.2f}", f"{row.peak_mib:,.0f}" if row.peak_mib else "", requests),
    )
    return f"| {' | '.join(cells)} |\n"


def render_table(rows: Iterable[Row]) -> str:
    """Return the Markdown table."""
    return f"| {' | '.join(_HEAD)} |\n|{' --- |' * len(_HEAD)}\n{''.join(map(render_row, rows))}"


def describe_machine() -> str:
    """Return the sentence that says where and when the table was measured, and of which commit."""
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=HERE, capture_output=True, check=True)
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": unknown")
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} at commit {commit.stdout.decode().strip()}: "
        f"{len(os.sched_getaffinity(0))} cores ({model.partition(': ')[2]}), "
        f"CPython {platform.python_version()}, servers on the same machine.\n"
    )


def write_report(rows: Sequence[Row]) -> None:
    """Replace the parts of docs/performance.md that the rows are of; the others stay."""
    text = REPORT.read_text("utf-8")
    for part in dict.fromkeys(row.part for row in rows):
        begin, end = _BEGIN.format(part), _END.format(part)
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        table = f"\n{describe_machine()}\n{render_table(row for row in rows if row.part == part)}\n"
        text = f"{before}{begin}{table}{end}{after}"
    REPORT.write_text(text, "utf-8")


def show(rows: Iterable[Row]) -> None:
    """Print rows as they come."""
    for row in rows:
        sys.stdout.write(render_row(row))
        sys.stdout.flush()


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help="measures to run, such as plan or apply; all without")
    parser.add_argument("--full", action="store_true", help="all sizes, up to a million users")
    parser.add_argument("--write", action="store_true", help="write the table to docs/performance.md")
    parser.add_argument("--store", action="store_true", help="store the ratios that --check compares with")
    parser.add_argument("--check", action="store_true", help="fail if a ratio is much worse than the stored one")
    parser.add_argument("--scratch", type=Path, help="where to put files; without, the temporary directory")
    return parser.parse_args()


def main() -> int:
    """Run the suite."""
    options = parse_arguments()
    chosen = [each for each in (FULL if options.full else SMALL) if not options.only or each[0] in options.only]
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        scratch = Path(folder)
        if options.check:
            worse = check(chosen, scratch, json.loads(STORED.read_text()))
            sys.stderr.write("".join(f"{line}\n" for line in worse))
            return 1 if worse else 0
        rows = []
        for row in run(chosen, scratch):
            show([row])
            rows.append(row)
    if options.store:
        known = json.loads(STORED.read_text()) if options.only and STORED.exists() else {}
        ratios = known | {row.name: round(row.ratio, 2) for row in rows}
        STORED.write_text(f"{json.dumps(ratios, indent=2)}\n", "utf-8")
    if options.write:
        write_report(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
