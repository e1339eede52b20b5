"""The question whether provisioning is on."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.planning.clock import format_minute
from reconciler.core.provisioning import SWITCH_ON
from reconciler.core.text import quote
from reconciler.desired.provisioning import read_provisioning
from reconciler.session.checks.context import CheckContext
from reconciler.session.provisioning_switch import find_time_of_switch

QUESTION = "provisioning"


def ask_provisioning(context: CheckContext) -> Iterator[Answer]:
    """Ask whether an apply would write, by settings.yaml."""
    if context.settings is None:  # pragma: no cover - `needs` says so
        return
    found = read_provisioning(context.settings)
    if found.enabled:
        yield Answer(QUESTION, CheckVerdict.OK, "on", facts=(("enabled", True), ("since", None)))
        return
    since = find_time_of_switch(context.workspace.state)
    when = f" since {format_minute(since)} UTC" if since is not None else ""
    why = f": {quote(found.reason)}" if found.reason else ""
    facts = (("enabled", False), ("since", since.isoformat() if since is not None else None))
    yield Answer(QUESTION, CheckVerdict.WARNING, f"off{when}{why}. Nothing is applied", (SWITCH_ON,), facts)
