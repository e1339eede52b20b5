"""The benchmark suite tested: what it calls worse, how it counts memory, and the table that it writes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import fleet_measures  # noqa: E402
import processes  # noqa: E402 - the scripts find each other in their folder
import suite  # noqa: E402
from measures import Row, compare, make_environment  # noqa: E402
from processes import Run  # noqa: E402

MIB = 1 << 20


def row(name: str, ratio: float, note: str = "") -> Row:
    return Row(name, "the floor", 2 * ratio, 2.0, ratio, 64.0, 12, note)


def test_a_ratio_is_worse_beyond_one_and_a_half_times_the_stored_one() -> None:
    stored = {"plan": 2.0, "apply": 1.0}
    assert suite.find_worse([row("plan", 3.0), row("apply", 1.5)], stored) == []
    assert suite.find_worse([row("plan", 3.01), row("apply", 1.51)], stored) == [
        "plan: 3.01 times the floor, and 2.00 is stored",
        "apply: 1.51 times the floor, and 1.00 is stored",
    ]


def test_a_measure_without_a_stored_ratio_is_not_passed_over() -> None:
    assert suite.find_worse([row("new", 1.0)], {}) == ["new: no ratio is stored. Run suite.py --store."]


@pytest.mark.parametrize(("ratios", "worse"), [([9.0, 9.0, 1.0], 0), ([9.0, 9.0, 9.0], 1), ([9.0, 1.0], 0), ([1.0], 0)])
def test_a_check_measures_again_before_it_fails(ratios: list[float], worse: int, tmp_path: Path) -> None:
    def measure(_scratch: Path) -> list[Row]:
        return [row("plan", ratios.pop(0))]

    assert len(suite.check([("plan", measure, {})], tmp_path, {"plan": 1.0})) == worse
    assert ratios == []


def test_of_several_measures_in_one_the_best_of_each_counts(tmp_path: Path) -> None:
    ratios = [(9.0, 1.0), (1.0, 9.0)]

    def measure(_scratch: Path) -> list[Row]:
        first, second = ratios.pop(0)
        return [row("plan", first), row("apply", second)]

    assert suite.check([("both", measure, {})], tmp_path, {"plan": 1.0, "apply": 1.0}) == []
    assert ratios == []


def test_the_ratio_compares_the_best_runs_and_the_row_shows_medians() -> None:
    pairs = [(Run(1.0, 1.0, 10), Run(4.0, 1, 50)), (Run(2.0, 1, 10), Run(2.0, 1, 60)), (Run(2.0, 1, 10), Run(3, 1, 70))]
    found = compare("plan", "the floor", pairs)
    assert (found.ratio, found.seconds, found.floor_seconds, found.peak_mib) == (2.0, 3.0, 2.0, 60)


def test_memory_of_children_counts_and_what_they_share_counts_once() -> None:
    code = f"""
import os, time
shared = bytearray(b"x") * (64 * {MIB})
child = os.fork()
if child == 0:
    own = bytearray(b"y") * (96 * {MIB})
    time.sleep(3)
    os._exit(0)
os.waitpid(child, 0)
"""
    # From a small process: the operating system counts what the one that starts another had before it.
    run = f"processes.timed([sys.executable, '-c', {code!r}], dict(os.environ))"
    measure = f"import os, sys, processes; print({run}.peak_mib)"
    ended = subprocess.run([sys.executable, "-c", measure], cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    assert 64 + 96 <= float(ended.stdout) < 64 + 96 + 60


def test_a_job_measures_what_a_desk_measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The parse cache is off in most jobs: a warm run would be a cold one."""
    of_a_job = {"CI", "GITLAB_CI", "GITHUB_ACTIONS", "RUNNER_TEMP", "RECONCILER_NO_CACHE", "PYTHONDONTWRITEBYTECODE"}
    for name in of_a_job:
        monkeypatch.setenv(name, "true")
    found = make_environment(tmp_path)
    assert not of_a_job & found.keys()
    assert found["PATH"] == os.environ["PATH"]


def test_another_exit_code_than_the_expected_ones_ends_the_suite() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such user')"]
    with pytest.raises(SystemExit, match="ended with 1: no such user"):
        processes.timed(command, dict(os.environ))
    assert processes.timed(command, dict(os.environ), {1}).seconds > 0


def test_the_report_keeps_its_text_and_gets_a_new_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "performance.md"
    report.write_text(f"# Title\n\n{suite._BEGIN.format('table')}old\n{suite._END.format('table')}\nAfter.\n")
    monkeypatch.setattr(suite, "REPORT", report)
    suite.write_report([row("`plan`", 1.5, "0.2% answered 429")])
    text = report.read_text()
    assert text.startswith("# Title\n")
    assert text.endswith("\nAfter.\n")
    assert "old" not in text
    assert "| `plan`: 0.2% answered 429 | 3.00 | the floor | 2.00 | 1.50 | 64 | 12 |\n" in text


def test_a_run_of_one_part_keeps_the_tables_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "performance.md"
    parts = [f"{suite._BEGIN.format(part)}old {part}\n{suite._END.format(part)}" for part in ("table", "fleet")]
    report.write_text("".join(parts))
    monkeypatch.setattr(suite, "REPORT", report)
    suite.write_report([replace(row("`fleet plan`", 0.1), part="fleet")])
    text = report.read_text()
    assert text.startswith(parts[0])
    assert "old fleet" not in text
    assert "| `fleet plan` |" in text


def test_each_part_that_is_measured_is_in_the_report() -> None:
    text = suite.REPORT.read_text()
    for part in ("table", fleet_measures.PART):
        assert text.count(suite._BEGIN.format(part)) == text.count(suite._END.format(part)) == 1


def test_every_stored_ratio_is_a_positive_number() -> None:
    stored = json.loads(suite.STORED.read_text())
    assert stored
    assert all(isinstance(ratio, float) and ratio > 0 for ratio in stored.values())
