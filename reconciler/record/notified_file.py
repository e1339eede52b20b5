"""Read and write what was last notified about a target (`record.notified`)."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.model import Target
from reconciler.errors import PlanFileError
from reconciler.record.files import read_file, write_private_bytes
from reconciler.record.layout import name_notified
from reconciler.record.notified import MAX_BYTES, Notified, format_notified, parse_notified


def read_notified(plans: Path, target: Target) -> Notified:
    """Return what was notified about `target`; nothing if there is no file, or none that can be read."""
    try:
        return parse_notified(read_file(plans / name_notified(target.tenant), MAX_BYTES))
    except PlanFileError:
        return Notified()


def write_notified(plans: Path, target: Target, notified: Notified) -> None:
    """Write what was notified about `target`. Raises `PlanFileError`."""
    write_private_bytes(plans / name_notified(target.tenant), format_notified(notified))
