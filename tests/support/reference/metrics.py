"""docs/reference/metrics.md: every metric that `--metrics` writes."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.plan import Action, Result
from reconciler.render.metrics import HELP, PREFIX
from reconciler.sources.import_report import ImportAction
from support.reference.markdown import code, page, prose, table

LABELS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "info": {"version": ()},
    "credential_expiry_timestamp_seconds": {"credential": ("token", "client_secret", "graph_credential")},
    "changes_planned": {"action": tuple(each.value for each in Action)},
    "changes_applied": {
        "action": tuple(each.value for each in Action),
        "result": tuple(each.value for each in Result),
    },
    "live_users": {"state": ("managed", "unmanaged")},
    "import_people": {"change": tuple(each.value for each in ImportAction)},
}
"""The labels of a metric beside those that all have, each with its values."""
INTRODUCTION = """\
`plan`, `apply`, `drift`, `status`, `import entra` and `import csv` write these with `--metrics FILE`, in Prometheus'
text format, when the run ends, however it ends. [Watch a connection](../monitoring.md) says how to collect them, and
has alerts. Each has the labels `command`, `profile`, `target` (the address, or `sandbox:`) and, if `settings.yaml`
names one, `tenant`. What a run does not know is absent, never 0. No label names a user. This page is generated: `make
reference`."""


def render_metrics_page() -> str:
    """Return the page."""
    rows = [(code(PREFIX + name), "gauge", labels_of(name), prose(text)) for name, text in HELP.items()]
    return page("# Metrics", INTRODUCTION, table(("name", "type", "further labels", "value"), rows))


def labels_of(name: str) -> str:
    """Return the labels of a metric, with their values."""
    return ", ".join(
        f"{code(label)}: {', '.join(map(code, values))}" if values else code(label)
        for label, values in LABELS.get(name, {}).items()
    )
