"""A run of many tenants as text: one line per tenant, and a table of what needs attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from reconciler.core.text import HIDDEN, escape_control, pluralize
from reconciler.errors import ExitCode
from reconciler.fleet.result import TenantResult
from reconciler.render.fleet_words import HIDDEN_VALUES, WORDS
from reconciler.render.style import BOLD, GREEN, RED, YELLOW, Style

MAX_ROWS = 50
_DONE = {"plan": ("to create", "to update", "to remove"), "drift": ("to create", "to update", "to remove")}
_APPLIED = ("created", "updated", "removed")
_UPDATES = ("update", "adopt", "relink", "reactivate")
_REMOVALS = ("deactivate", "delete")
_WAITING = "not_applied"
_ENDINGS = {
    ExitCode.OK: "ok",
    ExitCode.CHANGES: "ok",
    ExitCode.BLOCKED: "blocked",
    ExitCode.STALE: "stale",
    ExitCode.PARTIAL: "partly failed",
    ExitCode.ERROR: "failed",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.USAGE: "failed",
}
_COLORS = {"ok": GREEN, "blocked": YELLOW, "stale": YELLOW, "held": YELLOW}


def describe_ending(result: TenantResult) -> str:
    """Return how a tenant ended, in one or two words."""
    if result.held:
        return "held"
    return _ENDINGS[ExitCode(result.exit_code)] if result.exit_code in _ENDINGS else "failed"


def needs_attention(result: TenantResult) -> bool:
    """Whether a tenant ended otherwise than well."""
    return describe_ending(result) != "ok"


def has_changes(result: TenantResult) -> bool:
    """Whether anything is to be changed, or was, or waits for an apply."""
    return any(_count(result)) or bool(result.counts.get(_WAITING))


def render_tenant(result: TenantResult, style: Style) -> str:
    """Return one line about a tenant that has ended."""
    ending = describe_ending(result)
    counts = [f"{count:,} {word}" for count, word in zip(_count(result), _words(result.verb), strict=True) if count]
    failed = result.counts.get("failed", 0)
    counts += [f"{failed:,} failed"] if failed else []
    waiting = result.counts.get(_WAITING, 0)
    counts += [f"{waiting:,} not applied yet"] if waiting else []
    why = escape_control(result.error) or (WORDS[result.verb].held if result.held else "")
    facts = "" if why and not counts else f" ({', '.join(counts) or 'no changes'})"
    return f"{result.tenant}: {style.paint(ending, _COLORS.get(ending, RED))}{facts}{why and f': {why}'}"


def render_run(results: Sequence[TenantResult], style: Style) -> str:
    """Return the totals, and below them the tenants that failed or have changes: the most urgent first."""
    if not results:
        return "No tenants are selected."
    total: Counter[str] = Counter()
    for each in results:
        total.update(each.counts)
    words = _words(results[0].verb)
    sums = ", ".join(f"{count:,} {word}" for count, word in zip(_sum(total), words, strict=True))
    endings = Counter(describe_ending(each) for each in results)
    parts = ", ".join(f"{count:,} {ending}" for ending, count in sorted(endings.items(), key=_by_urgency))
    waiting = f", {total[_WAITING]:,} not applied yet" if total[_WAITING] else ""
    head = style.paint(f"{pluralize(len(results), 'tenant')}: {parts}.", BOLD)
    lines = [head, f"Users: {sums}, {total['unchanged']:,} unchanged, {total['failed']:,} failed{waiting}."]
    rows = sorted((each for each in results if needs_attention(each) or has_changes(each)), key=_rank)
    if rows:
        lines += ["", *(f"  {render_tenant(each, style)}" for each in rows[:MAX_ROWS])]
    if len(rows) > MAX_ROWS:
        lines.append(f"  and {pluralize(len(rows) - MAX_ROWS, 'more tenant')} with changes or failures.")
    if any(HIDDEN in each.error for each in results):
        lines += ["", HIDDEN_VALUES]
    return "\n".join(lines)


def _words(verb: str) -> tuple[str, str, str]:
    return _DONE.get(verb, _APPLIED)


def _count(result: TenantResult) -> tuple[int, int, int]:
    return _sum(result.counts)


def _sum(counts: Mapping[str, int]) -> tuple[int, int, int]:
    """Return the numbers of created, updated and removed users."""
    return (
        counts.get("create", 0),
        sum(counts.get(name, 0) for name in _UPDATES),
        sum(counts.get(name, 0) for name in _REMOVALS),
    )


_URGENCY = ("failed", "interrupted", "partly failed", "stale", "blocked", "held", "ok")


def _by_urgency(item: tuple[str, int]) -> int:
    return _URGENCY.index(item[0])


def _rank(result: TenantResult) -> tuple[int, int, int, str]:
    create, update, remove = _count(result)
    return _URGENCY.index(describe_ending(result)), -remove, -create - update, result.tenant
