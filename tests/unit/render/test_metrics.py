from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.render.metrics import HELP, Sample, render_metrics


def test_metrics_are_grouped_and_in_a_fixed_order() -> None:
    samples = [
        Sample("changes_planned", 2, (("action", "create"),)),
        Sample("healthy", True),
        Sample("changes_planned", 0, (("action", "delete"),)),
    ]
    assert render_metrics(samples, (("command", "plan"),)) == (
        "# HELP reconciler_healthy 1 if the last applies on record leave nothing that needs attention, as `status`"
        " says.\n"
        "# TYPE reconciler_healthy gauge\n"
        'reconciler_healthy{command="plan"} 1\n'
        "# HELP reconciler_changes_planned Changes of the plan, by action.\n"
        "# TYPE reconciler_changes_planned gauge\n"
        'reconciler_changes_planned{command="plan",action="create"} 2\n'
        'reconciler_changes_planned{command="plan",action="delete"} 0\n'
    )


def test_nothing_is_written_of_what_is_not_known() -> None:
    assert not render_metrics([])
    assert render_metrics([Sample("quarantine", 0)]).endswith("\nreconciler_quarantine 0\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1795972373.867912, "1795972373.868"), (0.0, "0"), (True, "1"), (1e9, "1000000000"), (0.5, "0.5"), (-1, "-1")],
)
def test_values_have_no_exponent(value: float, text: str) -> None:
    assert render_metrics([Sample("healthy", value)]).split()[-1] == text


def test_a_label_cannot_add_a_line_or_a_label() -> None:
    hostile = 'x"} 1\nreconciler_healthy{a="\\\ud800'
    text = render_metrics([Sample("healthy", 1, (("target", hostile),))])
    assert text.splitlines()[2:] == ['reconciler_healthy{target="x\\"} 1\\nreconciler_healthy{a=\\"\\\\?"} 1']
    text.encode()


def test_every_metric_has_a_name_that_prometheus_accepts() -> None:
    for name in HELP:
        assert name.replace("_", "").isalnum(), name
        assert name.islower(), name


def test_the_documentation_lists_every_metric() -> None:
    docs = Path(__file__).parents[3] / "docs"
    listed = (docs / "reference" / "metrics.md").read_text()
    assert re.findall(r"^\| `reconciler_(\w+)`", listed, re.MULTILINE) == list(HELP)
    text = (docs / "monitoring.md").read_text()
    alerts = text[text.index("groups:") :]
    assert set(re.findall(r"reconciler_(\w+)", alerts)) <= HELP.keys()
