"""Jobs of a fleet's queue as text. What comes from a row is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.core.text import HIDDEN, escape_control, pluralize, shorten
from reconciler.fleet.cluster_job import STALLED, ClusterJob
from reconciler.fleet.result import TenantResult
from reconciler.render.fleet_words import HIDDEN_VALUES

_LABELS = {"todo": "waiting", "doing": "running"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def render_jobs(jobs: Sequence[ClusterJob]) -> str:
    """Return a line for each job and the totals; what is stalled says how to go on."""
    lines = [render_job(job) for job in jobs]
    totals = Counter(job.state for job in jobs)
    lines.append(", ".join(f"{count:,} {label_state(state)}" for state, count in totals.items()) or "No jobs.")
    stalled = [job.number for job in jobs if job.state == STALLED]
    if stalled:
        lines += ["", explain_stalled(stalled)]
    if any(job.result is not None and HIDDEN in job.result.error for job in jobs):
        lines += ["", HIDDEN_VALUES]
    return "\n".join(lines) + "\n"


def explain_stalled(numbers: Sequence[int]) -> str:
    """Return what stalled jobs are, and what to do about them."""
    return (
        f"{pluralize(len(numbers), 'job')} stalled: the worker has not been heard of. The tenant stays locked, and\n"
        "nothing runs again by itself. Make sure that the worker and its processes have ended, then queue it again:\n"
        f"  reconciler fleet requeue {numbers[0]}"
    )


def render_job(job: ClusterJob) -> str:
    """Return one line: number, state, tenant, verb, worker, since when, and its error."""
    task = f"{job.task.tenant}  {job.task.verb}" if job.task is not None else "(not a task of fleet submit)"
    worker = f"  {escape_control(shorten(job.worker, 60))}" if job.worker else ""
    error = f"  {describe_result(job.result)}" if job.result is not None else ""
    return f"{job.number:>6}  {label_state(job.state):<9}  {task}{worker}  {_describe_age(job.seconds)}{error}"


def label_state(state: str) -> str:
    """Return the word for a state of a job."""
    return _LABELS.get(state, state)


def describe_result(result: TenantResult) -> str:
    """Return the counts of a result, and its error or that it is held, on one line."""
    counts = [f"{count:,} {name}" for name, count in result.counts.items() if count and name != "unchanged"]
    why = [escape_control(result.error)] if result.error else ["held"] if result.held else []
    return f"exit {result.exit_code}" + "".join(f", {each}" for each in [*counts, *why])


def render_summary(results: Iterable[TenantResult], missing: int) -> str:
    """Return the totals of a run."""
    codes = Counter(result.exit_code for result in results)
    good = codes.pop(0, 0) + codes.pop(2, 0)
    parts = [
        f"{pluralize(good, 'tenant')} done",
        *(f"{count:,} with exit code {code}" for code, count in codes.items()),
    ]
    return ", ".join([*parts, *([f"{missing:,} without a result"] if missing else [])]) + "."


def _describe_age(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s ago"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min ago"
    return f"{seconds / _HOUR:.0f} h ago" if seconds < 2 * _DAY else f"{seconds / _DAY:,.0f} days ago"
