"""Whether an apply may write at all: `provisioning` of settings.yaml."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.text import quote

SWITCH_ON = (
    "To switch it on, set `provisioning: {enabled: true}` in settings.yaml. The plan of that change includes what is"
    " pending."
)
"""What to do if provisioning is off."""


@dataclass(frozen=True, slots=True)
class Provisioning:
    """`enabled` False: nothing is applied, and `reason` says why (untrusted text; "": not given).

    `switched`: the change set that was planned switched it on or off.
    """

    enabled: bool = True
    reason: str = ""
    switched: bool = False

    def __str__(self) -> str:
        """`off: "Move to a new tenant"`, `off` or `on`. The reason is in quotes."""
        if self.enabled:
            return "on"
        return f"off: {quote(self.reason)}" if self.reason else "off"


ON = Provisioning()
