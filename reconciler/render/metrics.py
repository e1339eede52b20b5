"""Metrics in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/), version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

PREFIX = "reconciler_"
HELP: Mapping[str, str] = {
    "info": "The program and what it works on; always 1.",
    "run_timestamp_seconds": "When this run ended.",
    "run_duration_seconds": "How long this run took.",
    "run_exit_code": "Exit code of this run: 0 done, 1 error, 2 changes, 3 blocked, 4 stale, 5 some users failed.",
    "last_apply_timestamp_seconds": "When the last apply on record began.",
    "last_success_timestamp_seconds": "When the last apply on record that ended without a failure began.",
    "healthy": "1 if the last applies on record leave nothing that needs attention, as `status` says.",
    "quarantine": "1 if the target is in quarantine.",
    "failing_users": "Users whose changes keep failing.",
    "unapplied_commits": "Commits that changed the desired state since the last complete apply.",
    "provisioning_enabled": "0 if provisioning is off in settings.yaml.",
    "credential_expiry_timestamp_seconds": "Beginning of the day (UTC) on which a credential expires.",
    "plan_complete": "1 if the read of the target was complete.",
    "plan_blocked": "1 if a guard blocks the plan.",
    "changes_planned": "Changes of the plan, by action.",
    "users_in_error": "Users that could not be planned.",
    "live_users": "Accounts of the target, by whether they are managed.",
    "changes_applied": "Changes of this apply, by action and result.",
    "drift": "Accounts that were edited in the target since an apply left them as desired.",
    "import_people": "Users of this import, by what happens to their entries.",
    "import_blocked": "1 if a guard blocks the import.",
}
"""The name of each metric without the prefix, and what it is. All are gauges. Their order is that of the output."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of the metric `name` (a key of `HELP`). `labels`: none of them may name a user."""

    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


def render_metrics(samples: Iterable[Sample], common: tuple[tuple[str, str], ...] = ()) -> str:
    """Render samples by metric, in the order of `HELP`; `common`: labels of every sample, such as the target."""
    return "".join(f"{line}\n" for line in _lines(list(samples), common))


def _lines(samples: list[Sample], common: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for name, text in HELP.items():
        found = [sample for sample in samples if sample.name == name]
        if found:
            yield f"# HELP {PREFIX}{name} {_escape(text)}"
            yield f"# TYPE {PREFIX}{name} gauge"
        yield from (f"{PREFIX}{name}{_format_labels((*common, *each.labels))} {_format(each.value)}" for each in found)


def _format_labels(labels: tuple[tuple[str, str], ...]) -> str:
    listed = ",".join(f'{name}="{_escape(value, quoted=True)}"' for name, value in labels)
    return f"{{{listed}}}" if listed else ""


def _escape(text: str, *, quoted: bool = False) -> str:
    """Escape text for a line of the format; lone surrogates, which UTF-8 cannot write, become `?`."""
    text = text.replace("\\", r"\\").replace("\n", r"\n").encode("utf-8", "replace").decode()
    return text.replace('"', r"\"") if quoted else text


def _format(value: float) -> str:
    """Format without an exponent, which some readers of the format do not know."""
    return f"{value:.3f}".rstrip("0").rstrip(".")
