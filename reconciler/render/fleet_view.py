"""A run of a fleet as its readers see it: totals, removals, tenants by attention, guards, what to do next.

Every output format renders a `FleetView` and decides only how it looks. Values are raw: each renderer escapes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.plan import Action
from reconciler.core.text import HIDDEN, pluralize
from reconciler.fleet.report import (
    CHANGED,
    CREATED,
    GOOD_STATES,
    NOT_APPLIED,
    REMOVALS_NOT_APPLIED,
    REMOVED,
    FleetReport,
    ReportedGuard,
    ReportedTenant,
    TenantState,
)
from reconciler.render.fleet_words import HIDDEN_VALUES, STATE_WORDS, WORDS, FleetWords
from reconciler.render.labels import format_numbers

_ATTENTION = (
    TenantState.MISSING,
    TenantState.FAILED,
    TenantState.STALE,
    TenantState.PARTIAL,
    TenantState.BLOCKED,
    TenantState.HELD,
    TenantState.CHANGED,
    TenantState.SAME,
)
"""States, from what asks for the most attention to what asks for none."""
_PLAIN = (TenantState.CHANGED, TenantState.SAME)
"""States that need no reason."""
_APPLIED_STATES = frozenset({TenantState.PARTIAL, TenantState.CHANGED, TenantState.SAME})
_COMPARED_STATES = _APPLIED_STATES | {TenantState.BLOCKED, TenantState.HELD}
TONES: Mapping[TenantState, str] = {
    TenantState.BLOCKED: "warn",
    TenantState.HELD: "warn",
    TenantState.CHANGED: "",
    TenantState.SAME: "",
}
"""How a state looks; "bad" if it is not here."""
_LIFTABLE = ("removals", "new_tenants", "tenants_changed_by_defaults")
_AGAIN = (TenantState.MISSING, TenantState.FAILED, TenantState.STALE, TenantState.PARTIAL)


@dataclass(frozen=True, slots=True)
class Figure:
    """One total, `of` tenants or users. `tone`: bad, warn or "" for a plain one."""

    of: str
    label: str
    count: int
    tone: str = ""


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant in the table. `label`: its state in words. The counts are of users."""

    name: str
    state: TenantState
    label: str
    removed: int
    created: int
    changed: int
    failed: int
    unchanged: int
    problem: str

    @property
    def is_quiet(self) -> bool:
        """Whether nothing happened: the row tells nothing that the totals do not."""
        return self.state is TenantState.SAME and not self.failed


@dataclass(frozen=True, slots=True)
class Problem:
    """Tenants that have the same state for the same reason."""

    state: TenantState
    label: str
    reason: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemovedUsers:
    """The first users that a tenant removes, and how many more there are."""

    tenant: str
    users: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about tenants: `{head}: {names}.` `{tail}`."""

    head: str
    names: tuple[str, ...] = ()
    tail: str = ""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do, and the command or the lines of YAML for it."""

    text: str
    lines: tuple[str, ...]
    language: str = "sh"


@dataclass(frozen=True, slots=True)
class FleetView:
    """What every output format shows, in this order. `rows` are all tenants, by attention."""

    verb: str
    title: str
    summary: str
    removals: str
    trouble: str
    figures: tuple[Figure, ...]
    words: FleetWords
    problems: tuple[Problem, ...]
    guards: tuple[ReportedGuard, ...]
    removed_users: tuple[RemovedUsers, ...]
    rows: tuple[TenantRow, ...]
    notes: tuple[Note, ...]
    steps: tuple[NextStep, ...]
    facts: tuple[tuple[str, str], ...]


def build_fleet_view(report: FleetReport, removed_users: Sequence[RemovedUsers] = (), whole_at: str = "") -> FleetView:
    """Put together what there is to say about a run. `whole_at`: where all of it is, such as the address of a run."""
    words = WORDS[report.verb]
    return FleetView(
        verb=report.verb,
        title=words.title,
        summary=_summarize(report, words),
        removals=_describe_removals(report, words),
        trouble=_describe_trouble(report),
        figures=tuple(_list_figures(report, words)),
        words=words,
        problems=tuple(_list_problems(report, words)),
        guards=report.guards,
        removed_users=tuple(removed_users),
        rows=tuple(_row(tenant, words) for tenant in sorted(report.tenants, key=_rank)),
        notes=tuple(_list_notes(report)),
        steps=tuple(_list_steps(report)),
        facts=tuple(_list_facts(report, whole_at)),
    )


def find_most_removals(report: FleetReport, most: int) -> tuple[str, ...]:
    """Return the tenants that remove the most users, at most so many."""
    found = sorted((each for each in report.tenants if each.count(*REMOVED, REMOVALS_NOT_APPLIED)), key=_rank)
    return tuple(tenant.name for tenant in found[:most])


def _rank(tenant: ReportedTenant) -> tuple[int, int, int, int, str]:
    """Order by removals, then failures, then changes."""
    changes = tenant.count(*CREATED, *CHANGED)
    return -tenant.count(*REMOVED), _ATTENTION.index(tenant.state), -tenant.count("failed"), -changes, tenant.name


def _row(tenant: ReportedTenant, words: FleetWords) -> TenantRow:
    return TenantRow(
        tenant.name,
        tenant.state,
        _label(tenant.state, words),
        tenant.count(*REMOVED),
        tenant.count(*CREATED),
        tenant.count(*CHANGED),
        tenant.count("failed"),
        tenant.count("unchanged"),
        _explain(tenant, words),
    )


def _explain(tenant: ReportedTenant, words: FleetWords) -> str:
    return words.held if tenant.state is TenantState.HELD else tenant.problem


def _label(state: TenantState, words: FleetWords) -> str:
    return {TenantState.CHANGED: words.changed, TenantState.SAME: words.same}.get(state) or STATE_WORDS[state]


def _summarize(report: FleetReport, words: FleetWords) -> str:
    total = len(report.tenants)
    if not total:
        return "No tenants are selected."
    counts = format_numbers({action: report.count(action) for action in Action}, done=words.done)
    failed = f", {report.count('failed'):,} failed" if report.count("failed") else ""
    reached = sum(_is_reached(tenant, words) for tenant in report.tenants)
    of = f"{reached:,} of " if reached != total else ""
    return f"{words.summary} {of}{pluralize(total, 'tenant')}: {counts}{failed}."


def _is_reached(tenant: ReportedTenant, words: FleetWords) -> bool:
    """Whether the verb was done for the tenant, at least in part; the lines below the summary name the others."""
    if tenant.count(*REMOVED, *CREATED, *CHANGED):
        return tenant.state is not TenantState.HELD or not words.done
    return tenant.state in (_APPLIED_STATES if words.done else _COMPARED_STATES)


def _describe_removals(report: FleetReport, words: FleetWords) -> str:
    removing = [tenant for tenant in report.tenants if tenant.count(*REMOVED)]
    if not removing:
        return ""
    count = report.count(*REMOVED)
    text = f"{pluralize(count, 'user')} {words.removed_one if count == 1 else words.removed_many}"
    text += f" in {pluralize(len(removing), 'tenant')}"
    waiting = {
        state: sum(tenant.count(*REMOVED) for tenant in removing if tenant.state is state)
        for state in (TenantState.BLOCKED, TenantState.HELD)
    }
    if waiting[TenantState.BLOCKED] == count:
        return f"{text}, if the guards that block it let it pass."
    if waiting[TenantState.HELD] == count:
        return f"{text} as soon as provisioning is switched on."
    parts = [f"{number:,} of them in {STATE_WORDS[state]} tenants" for state, number in waiting.items() if number]
    return f"{', '.join([text, *parts])}."


def _describe_trouble(report: FleetReport) -> str:
    """Return how many tenants need attention, as a sentence; "" if none does."""
    counted = [
        f"{len(found):,} {STATE_WORDS[state]}"
        for state in _ATTENTION
        if state not in GOOD_STATES and (found := report.of_state(state))
    ]
    if not counted:
        return ""
    count = sum(tenant.state not in GOOD_STATES for tenant in report.tenants)
    verb = "needs" if count == 1 else "need"
    return f"{count:,} of {pluralize(len(report.tenants), 'tenant')} {verb} attention: {', '.join(counted)}."


def _list_figures(report: FleetReport, words: FleetWords) -> Iterator[Figure]:
    yield Figure("tenants", "tenants", len(report.tenants))
    for state in _ATTENTION:
        count = len(report.of_state(state))
        if count or state in _PLAIN:
            yield Figure("tenants", _label(state, words), count, TONES.get(state, "bad"))
    removed = report.count(*REMOVED)
    yield Figure("users", f"users {words.columns[0]}", removed, "bad" if removed else "")
    yield Figure("users", f"users {words.columns[1]}", report.count(*CREATED))
    yield Figure("users", f"users {words.columns[2]}", report.count(*CHANGED))
    if failed := report.count("failed"):
        yield Figure("users", "users failed", failed, "bad")


def _list_problems(report: FleetReport, words: FleetWords) -> Iterator[Problem]:
    """Yield the tenants that failed, are blocked or held, those of one reason together, the largest group first."""
    for state in _ATTENTION:
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for tenant in report.of_state(state) if state not in _PLAIN else ():
            groups[_explain(tenant, words)].append(tenant.name)
        for reason, names in sorted(groups.items(), key=lambda item: (-len(item[1]), item[1][0])):
            yield Problem(state, STATE_WORDS[state], reason, tuple(names))


def _list_notes(report: FleetReport) -> Iterator[Note]:
    gone = tuple(name for name in report.released if name not in report.renamed.values())
    if gone:
        yield Note(pluralize(len(gone), "released tenant"), gone, "Nothing is written to a released tenant any more.")
    if report.renamed:
        pairs = tuple(f"{old} → {new}" for new, old in sorted(report.renamed.items()))
        yield Note("Renamed", pairs, "Each is a new tenant: record, lock and token are its own.")
    new = tuple(name for name in report.new if name not in report.renamed)
    if new:
        yield Note(pluralize(len(new), "new tenant"), new)
    if report.changed_by_defaults:
        tenants = pluralize(report.changed_by_defaults, "tenant")
        yield Note(f"Defaults, a group or the version of the program affect {tenants}.")
    if report.verb == "plan" and not report.has_plans:
        yield Note("There is nothing to approve: no tenant has a plan that can be applied.")
    yield from _note_waiting(report)
    if any(HIDDEN in tenant.problem for tenant in report.tenants):
        yield Note(HIDDEN_VALUES)
    if report.verb == "apply" and report.tenants:
        kept = sum(tenant.has_receipt for tenant in report.tenants)
        yield Note(f"{kept:,} of {pluralize(len(report.tenants), 'tenant')} left a receipt.")


def _note_waiting(report: FleetReport) -> Iterator[Note]:
    names = tuple(tenant.name for tenant in report.tenants if tenant.count(NOT_APPLIED))
    if not names:
        return
    count, removed = report.count(NOT_APPLIED), report.count(REMOVALS_NOT_APPLIED)
    text = f"{pluralize(count, 'change')} {'waits' if count == 1 else 'wait'} for an apply"
    text += f", {removed:,} of them {'removes' if removed == 1 else 'remove'} a user" if removed else ""
    yield Note(
        f"{text}, in {pluralize(len(names), 'tenant')}", names, "A date passed, or a merged change was not applied."
    )


def _list_steps(report: FleetReport) -> Iterator[NextStep]:
    if report.of_state(*_AGAIN):
        yield _retry(report)
    blocked = report.of_state(TenantState.BLOCKED)
    if blocked:
        yield NextStep(
            "See why a tenant is blocked, and how to approve it:", (f"reconciler show DIR/{blocked[0].name}/plan.json",)
        )
    held = report.of_state(TenantState.HELD)
    if held:
        text = "See where provisioning is switched off; once it is on, all of this is planned:"
        yield NextStep(text, (f"reconciler fleet explain {held[0].name} settings.provisioning",))
    liftable = (*_LIFTABLE, "failed") if report.verb == "drift" else _LIFTABLE
    lifts = [guard.guard for guard in report.guards if guard.guard in liftable]
    if lifts and report.verb != "apply" and report.has_plans:
        lines = (
            "approvals:",
            f"  - plan: {report.plan_id}",
            f"    lifts: [{', '.join(lifts)}]",
            "    until: YYYY-MM-DD",
            "    reason: why this is right",
        )
        yield NextStep("If this is right, approve exactly this plan in fleet.yaml:", lines, "yaml")


def _retry(report: FleetReport) -> NextStep:
    """Return the command for the tenants that failed. What selected them has to be the same, or others are run, too."""
    values = {"--base": "BASE" if report.base else "", "--plans": "PLANS" if report.verb == "apply" else ""}
    given = {option: value for option, value in values.items() if value}
    same = f", with the same {' and '.join(given)} as before" if given else ""
    words = ["reconciler fleet retry --verb", report.verb, *(f"{option} {value}" for option, value in given.items())]
    return NextStep(f"Correct what failed, then run only these tenants again{same}:", (f"{' '.join(words)} DIR…",))


def _list_facts(report: FleetReport, whole_at: str) -> Iterator[tuple[str, str]]:
    facts: Mapping[str, str] = {
        "Fleet plan": report.plan_id if report.verb != "apply" and report.has_plans else "",
        "Commit": report.commit,
        "Compared with": report.base or "",
        "Run": report.run,
        "All of it": whole_at,
    }
    return ((label, value) for label, value in facts.items() if value)
