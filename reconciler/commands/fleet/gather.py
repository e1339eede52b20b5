"""`fleet gather`: the results of all shards as one document, with one id for the plans of all tenants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from reconciler.commands.fleet.matrix import check_verb
from reconciler.core.text import format_names, pluralize
from reconciler.errors import ExitCode, PlanFileError
from reconciler.fleet.affected import Affected, find_affected
from reconciler.fleet.applied import APPLIED, read_applied, write_applied
from reconciler.fleet.drift_record import DriftCheck, find_began, read_drift, select_current, write_drift
from reconciler.fleet.exit_codes import GOOD, fold_exit_codes
from reconciler.fleet.fleet_guards import (
    BY_DEFAULTS,
    DIFFERENCES,
    FAILED,
    FleetVerdict,
    find_lifted,
    find_unproven,
    judge_blast_radius,
    judge_fleet,
    judge_totals,
    sum_totals,
)
from reconciler.fleet.fleet_plan import format_fleet_plan, identify_plans
from reconciler.fleet.gathered import NO_RESULT
from reconciler.fleet.later_apply import LaterApply, find_later_apply
from reconciler.fleet.model import Fleet
from reconciler.fleet.report import parse_report, read_report
from reconciler.fleet.result import VERBS, TenantResult
from reconciler.github.environment import read_workflow
from reconciler.record.files import write_private
from reconciler.render.fleet_page import render_fleet_page
from reconciler.session.fleet.cluster_checkout import find_changed_tenants
from reconciler.session.fleet.gathering import Gathering, GatherOptions, gather_other, leave_out_waiting, load_run
from reconciler.session.fleet.summary import check_fleet_format, find_pages, load_fleet_summary, render_fleet
from reconciler.session.fleet.tokens import refuse_shared_tokens
from reconciler.session.fleet.wave_gate import find_plan_id
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import current_time


@dataclass(frozen=True, slots=True)
class GatherOutput:
    """`out`: where the document is saved, default `fleet-VERB.json` in the directory; `page`: where the page is."""

    out: Path | None = None
    format: str = "text"
    page: Path | None = None


def run_gather(options: GatherOptions, output: GatherOutput, terminal: Terminal, today: date | None = None) -> ExitCode:
    """Save the document and the page, and print what happened in the format that was asked for.

    After an apply, the record says how far it came: the base of the next one. What was done on the sandbox is not on
    record. The exit code is the worst of all tenants'; a missing result counts as 1, and a guard
    across tenants that is exceeded as 3. Raises `SharedTokenError`: nothing is saved then.
    """
    check_verb(options.verb)
    check_fleet_format(output.format, terminal.style)
    gathering = load_run(options, terminal)
    refuse_shared_tokens(gathering.gathered.results.values())
    if options.verb == "apply":
        gathering = leave_out_waiting(gathering, options, terminal)
    verdicts = _judge(gathering, options.verb)
    document = format_fleet_plan(gathering.gathered, gathering.wanted, gathering.selected.affected, verdicts)
    file = output.out or _choose_file(options)
    _note_base(gathering, options, terminal)  # before the document of an earlier `gather` is replaced
    write_private(file, document)
    _record(gathering, options, terminal)
    whole_at = read_workflow().run_url
    summary = load_fleet_summary(parse_report(document), options.directories, terminal.style, whole_at)
    if output.page is not None:
        pages = find_pages(output.page.parent, summary)
        write_private(output.page, render_fleet_page(summary.view, terminal.style, pages))
    terminal.result(document if output.format == "json" else render_fleet(summary, output.format, terminal.style))
    if gathering.gathered.ignored:
        terminal.note(f"Ignored: {pluralize(gathering.gathered.ignored, 'result')} of other tenants.")
    terminal.note(f"Saved: {file}")
    lifted = _find_lifted(gathering, options, today or current_time().date())
    # A drift run writes nothing: it only says what an apply of its plans will ask for.
    blocked = [ExitCode.BLOCKED for each in verdicts if options.verb != "drift" and each.guard not in lifted]
    return fold_exit_codes([gathering.gathered.exit_code, *blocked])


def _find_lifted(gathering: Gathering, options: GatherOptions, today: date) -> frozenset[str]:
    """Return the guards that an approval lifts: of the plans that were reviewed, if all that were applied are these."""
    plan_id = find_plan_id(options, gathering) or identify_plans(gathering.gathered)
    return find_lifted(gathering.selected.fleet, plan_id, today) - {FAILED}


def _judge(gathering: Gathering, verb: str) -> list[FleetVerdict]:
    """Return the guards that `fleet gate` will find exceeded, as far as they can be judged before an apply."""
    fleet, affected = gathering.selected.fleet, gathering.selected.affected
    if verb == "drift":
        return list(judge_totals(fleet, sum_totals(gathering.gathered)))
    radius = judge_blast_radius(fleet, affected, None, None)
    return [*judge_fleet(fleet, gathering.gathered, affected), *([radius] if radius is not None else [])]


def _note_base(gathering: Gathering, options: GatherOptions, terminal: Terminal) -> None:
    """Note that tenants without a result can be those that the --base of the run left out."""
    gathered = gathering.gathered
    absent = sum(why == NO_RESULT for why in gathered.missing.values())
    if options.selection.base is not None or not absent or not gathered.results:
        return
    base = _find_earlier_base(options.directories)
    given = f"as before: --base {base[:12]}" if base is not None else "too: --base REF"
    terminal.note(f"{pluralize(absent, 'tenant')} without a result. If the run had --base, name it here, {given}.")


def _find_earlier_base(directories: Sequence[Path]) -> str | None:
    """Return the base of a document that an earlier `gather` left in one of the directories."""
    for file in (directory / f"fleet-{verb}.json" for directory in directories for verb in VERBS):
        with suppress(PlanFileError):
            if (base := read_report(file).base) is not None:
                return base
    return None


def _choose_file(options: GatherOptions) -> Path:
    folder = options.directories[0] if len(options.directories) == 1 else Path()
    return folder / f"fleet-{options.verb}.json"


def _record(gathering: Gathering, options: GatherOptions, terminal: Terminal) -> None:
    if options.verb != "plan" and gathering.gathered.sandbox:
        terminal.note("These results are of the sandbox: the record of the fleet stays as it is.")
    elif options.verb == "apply":
        _record_apply(gathering, options, terminal)
    elif options.verb == "drift":
        fleet = gathering.selected.fleet
        current = select_current(fleet.root, gathering.gathered.results)
        _record_drift(fleet, current)
        _record_due(fleet, current)


def _record_apply(gathering: Gathering, options: GatherOptions, terminal: Terminal) -> None:
    """Record the commit and the tenants that are open: of all that changed since the record, not only of this run.

    A change that was stopped at the first wave leaves that open, too: it has to be proven yet. So do files that are not
    as in the commit: what was applied is not what the record would say. A tenant that is held waits for its switch.
    Another version of the program leaves no tenant open: what it changes is what drift finds, and is reviewed there.
    What is due since a drift run stays due until an apply of the tenant that began later.
    """
    fleet, results = gathering.selected.fleet, gathering.gathered.results
    later = find_later_apply(fleet)
    if later is not None:
        _record_older(gathering, later, terminal)
        return
    pending = _find_pending(fleet, results.keys(), terminal)
    unproven = _find_unproven(gathering, options, pending)
    if unproven:
        terminal.note(
            f"Left open, as the first wave has not proven a change for {pluralize(len(unproven), 'tenant')}: look for"
            " drift there after its apply, and name that directory, too."
        )
    differ = find_changed_tenants(fleet) & results.keys()
    if differ:
        terminal.note(f"Not as in the commit, and so left open: {format_names(sorted(differ), 20)}.")
    done = {name for name, each in results.items() if each.exit_code in GOOD} - unproven - differ
    left = ((pending.reasons.keys() | gathering.gathered.failed.keys()) - done) | differ | gathering.gathered.held
    due = _find_due(fleet)
    late = (due & done) - select_current(fleet.root, results).keys()
    if late:
        terminal.note(f"Still due, because these applies began before the drift run: {format_names(sorted(late), 20)}.")
    due = (due - done) | late
    write_applied(fleet.root, gathering.wanted.commit, left, pending.added, unproven, due=due)


def _find_unproven(gathering: Gathering, options: GatherOptions, pending: Affected) -> frozenset[str]:
    """Return the tenants with a change for many that neither the first wave has proven nor an approval lifts."""
    fleet, results = gathering.selected.fleet, gathering.gathered.results
    plan_id = find_plan_id(options, gathering) or identify_plans(gathering.gathered)
    if BY_DEFAULTS in find_lifted(fleet, plan_id, current_time().date()):
        return frozenset()
    done = {name for name, each in results.items() if each.exit_code in GOOD} - gathering.gathered.held
    return find_unproven(fleet, pending, done, gather_other(gathering, options.directories, "drift"))


def _record_older(gathering: Gathering, later: LaterApply, terminal: Terminal) -> None:
    """Keep the later commit that was applied: only tenants with the same files there are as far as this run came.

    A tenant with other files stays as it is on record, unless something other than a refusal went wrong.
    """
    applied, gathered = later.applied, gathering.gathered
    terminal.note(f"The later commit {applied.commit[:12]} has been applied before: the record stays at that commit.")
    differ = later.different | find_changed_tenants(gathering.selected.fleet)
    good = {name for name, each in gathered.results.items() if each.exit_code in GOOD}
    refused = {name for name, each in gathered.results.items() if each.exit_code == ExitCode.STALE} & later.different
    done = good - differ - gathered.held
    failed = (
        (gathered.failed.keys() - refused) | ((good & differ) - later.different) | (gathered.held - later.different)
    )
    left = (set(applied.open) - done) | failed
    due = frozenset(applied.due) - done
    write_applied(gathering.selected.fleet.root, applied.commit, left, applied.new, applied.unproven, due=due)


def _find_pending(fleet: Fleet, reached: AbstractSet[str], terminal: Terminal) -> Affected:
    """Return what changed since the record. `reached`: the tenants of this run, the others wait for no new program."""
    changed = find_affected(fleet, APPLIED)
    others = changed.by_program_alone - reached
    waiting = changed.due_alone - reached
    if others:
        terminal.note(
            f"The version of the program changed since the last apply. For {pluralize(len(others), 'other tenant')}"
            " the next drift shows what it would change."
        )
    return changed.restrict(changed.reasons.keys() - others - waiting)


def _find_due(fleet: Fleet) -> frozenset[str]:
    applied = read_applied(fleet.root)
    names = {tenant.name for tenant in fleet.tenants}
    return frozenset(names.intersection(applied.due)) if applied is not None else frozenset()


def _record_due(fleet: Fleet, current: Mapping[str, TenantResult]) -> None:
    """Record in which tenants changes wait for an apply: the next one is about them, too, though no file changed.

    Without a record the next apply is about all tenants, as it is.
    """
    applied = read_applied(fleet.root)
    if applied is None:
        return
    found = {name for name, each in current.items() if _may_be_due(each)}
    settled = {name for name, each in current.items() if each.exit_code in GOOD}
    due = (_find_due(fleet) - settled) | found
    if due != frozenset(applied.due):
        write_applied(fleet.root, applied.commit, applied.open, applied.new, applied.unproven, due=due)


def _record_drift(fleet: Fleet, current: Mapping[str, TenantResult]) -> None:
    """Record when drift was looked for, for the tenants where that went well; what is known of others stays.

    A run that a guard blocks has compared the tenant, too, if it found what waits for an apply.
    """
    names = {tenant.name for tenant in fleet.tenants}
    known = {name: check for name, check in read_drift(fleet.root).items() if name in names}
    found = {
        name: DriftCheck(find_began(each), sum(each.counts.get(count, 0) for count in DIFFERENCES))
        for name, each in current.items()
        if each.exit_code in GOOD or _may_be_due(each)
    }
    write_drift(fleet.root, {**known, **found})


def _may_be_due(result: TenantResult) -> bool:
    """Whether a drift run found a change that waits for an apply, or may: the record does not always show it."""
    return any(result.counts.get(name) for name in ("not_applied", "may_wait"))
