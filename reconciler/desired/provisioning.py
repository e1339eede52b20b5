"""Whether an apply may write, by settings.yaml."""

from __future__ import annotations

from reconciler.core.provisioning import ON, Provisioning
from reconciler.desired.schema import Settings


def read_provisioning(settings: Settings) -> Provisioning:
    """Return whether an apply may write. A reason counts only while it may not."""
    found = settings.provisioning
    return ON if found.enabled else Provisioning(enabled=False, reason=found.reason or "")
