"""Describe how the reviewed plan differs from a plan made now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deepdiff import DeepDiff

from reconciler.core.paths import shorten_path
from reconciler.core.plan import Change
from reconciler.core.plan_id import canonicalize_change
from reconciler.core.text import escape_control, quote
from reconciler.render.labels import ACTION_STYLES

_MAX = 20


def render_differences(pairs: Iterable[tuple[Change | None, Change | None]]) -> str:
    """Render one line for each change of a user that is new, no longer needed or different."""
    lines = [line for reviewed, now in pairs for line in _lines(reviewed, now)]
    if len(lines) > _MAX:
        lines = [*lines[:_MAX], f"and {len(lines) - _MAX:,} more"]
    return "\n".join(f"  {line}" for line in lines)


def render_difference(reviewed: Change | None, now: Change | None) -> str:
    """Render the differences of one user's change on one line, without the user."""
    change = now or reviewed
    head = f"{escape_control(change.address)}: " if change is not None else ""
    return "; ".join(line.removeprefix(head) for line in _lines(reviewed, now))


def _lines(reviewed: Change | None, now: Change | None) -> Iterator[str]:
    if now is not None and reviewed is None:
        yield f"{escape_control(now.address)}: would now be {ACTION_STYLES[now.action].past}, which was not reviewed"
    elif reviewed is not None and now is None:
        yield f"{escape_control(reviewed.address)}: no longer needs to be {ACTION_STYLES[reviewed.action].past}"
    elif reviewed is not None and now is not None:
        yield from (f"{escape_control(now.address)}: {line}" for line in _compare(reviewed, now))


def _compare(reviewed: Change, now: Change) -> Iterator[str]:
    difference = DeepDiff(
        canonicalize_change(reviewed), canonicalize_change(now), view="tree", ignore_private_variables=False
    )
    for level in (item for found in difference.values() for item in found):
        keys = [str(key) for key in level.path(output_format="list")]
        where = " ".join(shorten_path(key) for key in keys)
        yield f"{escape_control(where)} was {_shown(level.t1)}, is now {_shown(level.t2)}"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    return escape_control(str(value)) if isinstance(value, bool | int | None) else "absent"
