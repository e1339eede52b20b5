"""The terminal of a tenant's process: a file, and the first error on one line for the result."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import escape_control, redact_quoted, shorten
from reconciler.errors import ReconcilerError
from reconciler.session.fleet.known_names import hide_values
from reconciler.session.terminal import Terminal

_ABOVE = re.compile(r"^(\.\./)+")
_LONGEST = 240
"""Characters, so that a result stays small."""


class TenantTerminal(Terminal):
    """Remembers the first error, without the values that are quoted in it; with `redact` without any quoted word."""

    def __init__(self, *, redact: bool) -> None:
        super().__init__(no_color=True, redact=redact, quiet=False, verbose=False)
        self.first_error = ""
        self._hide = redact_quoted if redact else hide_values

    def error(self, error: ReconcilerError) -> None:
        """Write an error."""
        self._remember(error.summary)
        super().error(error)

    def diagnostics(self, items: Sequence[Diagnostic], command: str = "") -> None:
        """Write diagnostics."""
        first = next((each for each in items if each.severity is Severity.ERROR), None)
        if first is not None:
            # A file of a layer is named from the root of the fleet, as `fleet validate` does.
            origin = _ABOVE.sub("", str(first.origin)) if first.origin else ""
            self._remember(f"{origin}: {first.summary}" if origin else first.summary)
        super().diagnostics(items, command)

    def _remember(self, text: str) -> None:
        self.first_error = self.first_error or shorten(escape_control(self._hide(text)), _LONGEST)
