"""The gathered results of a fleet, and the verdicts of its guards, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.text import escape_control, format_names, pluralize, shorten
from reconciler.fleet.fleet_guards import FleetVerdict
from reconciler.fleet.gathered import Gathered
from reconciler.fleet.result import COUNTS

_MOST = 50
"""Failed tenants that are named one by one."""
_LONGEST = 300
_WORDS = {
    "not_applied": "not applied",
    "removals_not_applied": "removals not applied",
    "may_wait": "not attributed",
}


def render_gathered(gathered: Gathered, title: str) -> str:
    """Return the totals, and which tenants failed and why. `title`: what was gathered, to begin a sentence."""
    return "\n".join(_list_lines(gathered, title)) + "\n"


def _list_lines(gathered: Gathered, title: str) -> Iterator[str]:
    failed = gathered.failed
    good = gathered.total - len(failed)
    yield f"{title}: {good:,} of {pluralize(gathered.total, 'tenant')} without failure."
    counts = [f"{_WORDS.get(name, name)} {count:,}" for name in COUNTS if (count := gathered.count(name))]
    if counts:
        yield f"Users: {', '.join(counts)}."
    if gathered.held:
        names = format_names(sorted(gathered.held), _MOST)
        verbs = {gathered.results[name].verb for name in gathered.held}
        end = "Nothing was sent; the changes stay open" if verbs == {"apply"} else "An apply sends nothing to them"
        yield f"Held, because provisioning is switched off: {names}. {end}."
    if gathered.ignored:
        yield f"Ignored: {pluralize(gathered.ignored, 'result')} of other tenants."
    if failed:
        yield f"\n{pluralize(len(failed), 'tenant')} failed:"
        yield from (f"  {name}: {escape_control(shorten(why, _LONGEST))}" for name, why in list(failed.items())[:_MOST])
        if len(failed) > _MOST:
            yield f"  and {len(failed) - _MOST:,} more"


def render_gate(name: str, verdicts: Sequence[FleetVerdict], lifted: Sequence[FleetVerdict]) -> str:
    """Return what a gate decides and why."""
    lines = [f"The guard {each.guard} is lifted by an approval: {escape_control(each.found)}." for each in lifted]
    for each in verdicts:
        lines += [f"The guard {each.guard} blocks: {escape_control(each.found)}.", f"  {escape_control(each.way_on)}"]
    lines.append(f"The gate {name} is {'closed' if verdicts else 'open'}.")
    return "\n".join(lines) + "\n"
