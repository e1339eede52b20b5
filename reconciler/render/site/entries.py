"""Entries of the timeline on the pages of the report site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.history.outcomes import TimelineEntry
from reconciler.render.history import page_entries
from reconciler.render.style import HIDDEN, Style


def site_entries(entries: Sequence[TimelineEntry], style: Style) -> Iterator[dict[str, Any]]:
    """Yield the texts of each entry. Redacted, they have no author: such a site may be public, a log is not."""
    for entry in page_entries(entries, style):
        yield {**entry, "author": HIDDEN} if style.redact else entry
