"""The input of the guards, and what their messages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.plan import Change
from reconciler.core.text import quote


@dataclass(frozen=True, slots=True)
class GuardContext:
    """The input of the guards."""

    changes: Sequence[Change]
    desired: Sequence[DesiredUser]
    managed: Sequence[LiveUser]
    read_problem: str | None
    """Why the live read is incomplete or unreliable; None: it is complete."""
    recently_deleted: Mapping[str, date]
    """Folded user names of deleted accounts that the target still reserves, with the day they become free."""
    moved_from: str | None = None
    """The target of the applies on record, if none of them went to this target."""
    selected: Sequence[Change] | None = None
    """Those of `changes` that would be applied; None: all."""


def format_names(names: Sequence[str], limit: int = 5) -> str:
    """Return the first `limit` names, each in quotes, and the number of the others."""
    shown = ", ".join(quote(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"
