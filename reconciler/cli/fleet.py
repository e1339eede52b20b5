"""The commands for a fleet: many tenants in one repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import lazy
from reconciler.cli.apps import fleet_app
from reconciler.cli.options import TERMINAL, CommonOptions, DataFormat, Only, PlanFormat, command

if TYPE_CHECKING:
    from reconciler.commands.fleet.apply import FleetApplyOptions
    from reconciler.session.fleet.fleet_run import FleetRunOptions
    from reconciler.session.fleet.selected import FleetSelection

_Verb = Annotated[str, typer.Option("--verb", metavar="plan|apply|drift", help="What is done.")]
_Plans = Annotated[
    Path | None,
    typer.Option(
        "--plans", metavar="DIR|FILE", help="The reviewed plans; without --base, only tenants that a fleet plan names."
    ),
]
_Terminal = Annotated[CommonOptions, Only("no_color", "quiet", "verbose")]


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """Options that select tenants, in the order in which `--help` lists them."""

    fleet: Annotated[Path, typer.Option("--fleet", metavar="DIR", help="Directory with fleet.yaml.")] = Path()
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="REF",
            help="Only tenants that changes since this commit affect; `applied`: since the last apply on record.",
        ),
    ] = None
    wave: Annotated[str | None, typer.Option("--wave", metavar="NAME", help="Only tenants of this wave.")] = None
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="I/N", help="Only this part of them, balanced by users.")
    ] = None
    slice: Annotated[
        str | None, typer.Option("--slice", metavar="I/N", help="Only this part of all tenants, by their names.")
    ] = None

    def selection(self, plans: Path | None = None) -> FleetSelection:
        """Return what is selected. `plans`: the reviewed plans."""
        return lazy.FleetSelection(self.fleet, self.base, self.wave, self.shard, self.slice, plans)


_Fleet = Annotated[FleetOptions, Only("fleet")]


@command(fleet_app)
def validate(
    chosen: Annotated[FleetOptions, Only("fleet", "base")],
    form: DataFormat = "text",
    *,
    common: Annotated[CommonOptions, Only("now", "no_color", "quiet", "verbose")],
) -> int:
    """Check fleet.yaml, all layers and all tenants; each error is reported once.

    With --base, the files of a tenant are checked only if a change affects it.
    """
    options = lazy.FleetValidateOptions(chosen.fleet, lazy.parse_now(common.now), form, chosen.base)
    return lazy.run_fleet_validate(options, common.terminal())


@command(fleet_app)
def explain(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Name of its folder.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="Such as settings.guards.removals, scope.sync, mappings.")],
    chosen: _Fleet,
    *,
    common: _Terminal,
) -> int:
    """Show where a value of a tenant comes from: the file and line that decide, and what they override."""
    return lazy.run_fleet_explain(lazy.FleetExplainOptions(chosen.fleet, tenant, key), common.terminal())


@command(fleet_app)
def matrix(
    chosen: Annotated[FleetOptions, Only("fleet", "base", "wave", "slice")],
    verb: _Verb = "plan",
    plans: _Plans = None,
    shards: Annotated[
        int | None,
        typer.Option("--shards", min=1, metavar="N", help="Into how many shards at most; default: as fleet.yaml says."),
    ] = None,
    *,
    common: _Terminal,
) -> int:
    """Divide the tenants of a run into shards, as the matrix of a workflow.

    Prints JSON, and sets the outputs `matrix` and `any` of a step.
    """
    return lazy.run_matrix(lazy.MatrixOptions(chosen.selection(plans), verb, shards), common.terminal())


@dataclass(frozen=True, slots=True)
class _EngineOptions:
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Keep plan, result and output of each tenant in DIR/TENANT."),
    ] = None
    at_once: Annotated[
        int | None,
        typer.Option("--at-once", min=1, metavar="N", help="Tenants at once; default and limit: as fleet.yaml says."),
    ] = None

    def build(self, chosen: FleetOptions, common: CommonOptions, plans: Path | None = None) -> FleetRunOptions:
        return lazy.FleetRunOptions(
            selection=chosen.selection(plans),
            out=self.out,
            at_once=self.at_once,
            now=common.now,
            sandbox=common.sandbox,
            no_cache=common.no_cache,
            redact=common.redact,
        )


_Common = Annotated[CommonOptions, Only("sandbox", "now", "no_cache", *TERMINAL)]
_DetailedExitcode = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit with 2 if there are changes.")]


@command(fleet_app)
def plan(
    chosen: FleetOptions, engine: _EngineOptions, *, detailed_exitcode: _DetailedExitcode = False, common: _Common
) -> int:
    """Show what would change for each tenant. Cannot write.

    Each tenant is planned by a process of its own, which fetches the tenant's token.
    """
    options = lazy.FleetPlanOptions(engine.build(chosen, common), detailed_exitcode)
    return lazy.run_fleet_plan(options, common.terminal())


Results = Annotated[
    list[Path] | None,
    typer.Option(
        "--results", metavar="DIR", help="Results of the waves before --wave, applies and drift runs. Repeatable."
    ),
]


@dataclass(frozen=True, slots=True)
class _ApplyOptions:
    plans: _Plans = None
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Skip the confirmation prompt.")] = False
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 4 if any change is not in the saved plan or differs from it.")
    ] = False
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Retry deferred users now.")] = False
    lock_timeout: Annotated[
        float, typer.Option("--lock-timeout", min=0, metavar="SECONDS", help="Wait for another apply to end.")
    ] = 0
    newest: Annotated[
        str | None,
        typer.Option("--newest", metavar="COMMIT", help="A tenant whose provisioning is off there is held, too."),
    ] = None
    results: Results = None

    def build(self, engine: _EngineOptions, chosen: FleetOptions, common: CommonOptions) -> FleetApplyOptions:
        """Return the options of an apply."""
        return lazy.FleetApplyOptions(
            engine.build(chosen, common, self.plans),
            self.plans,
            self.auto_approve,
            self.strict,
            self.retry_failed,
            self.lock_timeout,
            self.newest,
            tuple(self.results or ()),
        )


@command(fleet_app)
def apply(chosen: FleetOptions, execution: _ApplyOptions, engine: _EngineOptions, common: _Common) -> int:
    """Apply the plan of each tenant.

    Without reviewed plans, it plans first, shows the totals and asks. Each tenant has its own process, token, lock and
    record. A wave begins only if the gates after the earlier ones are open, by --results; else the exit code is 3.
    """
    return lazy.run_fleet_apply(execution.build(engine, chosen, common), common.terminal())


@command(fleet_app)
def drift(
    chosen: FleetOptions,
    engine: _EngineOptions,
    *,
    plans: _Plans = None,
    detailed_exitcode: _DetailedExitcode = False,
    common: _Common,
) -> int:
    """Show what was edited in the target of each tenant. Cannot write.

    With the plans of an apply, it looks at the same tenants.
    """
    options = lazy.FleetPlanOptions(engine.build(chosen, common, plans), detailed_exitcode)
    return lazy.run_fleet_drift(options, common.terminal())


_Directories = Annotated[
    list[Path], typer.Argument(metavar="DIR...", help="Directories that -o of the verb wrote to, one of each shard.")
]


@command(fleet_app)
def gather(
    directories: _Directories,
    chosen: Annotated[FleetOptions, Only("fleet", "base", "wave", "slice")],
    verb: _Verb = "plan",
    plans: _Plans = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Where to save it; default: fleet-VERB.json in the one DIR."),
    ] = None,
    format_: PlanFormat = "text",
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE", help="Save a page with all tenants, too. Pages of tenants are linked."),
    ] = None,
    *,
    common: Annotated[CommonOptions, Only(*TERMINAL)],
) -> int:
    """Gather the results of all shards: one document, and one ID for the plans of all tenants.

    Results of another commit or run do not count; a missing one is a failure. After an apply, fleet/applied.json says
    how far it came: `--base applied`. Then --plans names the plans that the apply was about.
    """
    options = lazy.GatherOptions(chosen.selection(plans), tuple(directories), verb)
    return lazy.run_gather(options, lazy.GatherOutput(out, format_, page), common.terminal())


@command(fleet_app)
def gate(
    directories: _Directories,
    chosen: Annotated[FleetOptions, Only("fleet", "base", "wave")],
    verb: _Verb = "apply",
    plans: _Plans = None,
    *,
    common: _Terminal,
) -> int:
    """Decide by the guards across tenants whether the next wave may begin.

    The exit code is 3 if not. Only results of this commit and run count; a missing one is a failure.
    """
    options = lazy.GatherOptions(chosen.selection(plans), tuple(directories), verb)
    return lazy.run_gate(options, common.terminal())


@command(fleet_app)
def status(chosen: Annotated[FleetOptions, Only("fleet")], output: DataFormat = "text", *, common: _Terminal) -> int:
    """Show which tenants need attention: failing, quarantined, left open, drifted, with credentials that end.

    It reads the records in the folders of the tenants: no network, no token. The exit code is 1 if there are some.
    """
    return lazy.run_fleet_status(chosen.fleet, output, common.terminal())


@command(fleet_app)
def retry(
    directories: _Directories,
    chosen: FleetOptions,
    execution: _ApplyOptions,
    engine: _EngineOptions,
    verb: _Verb = "apply",
    *,
    common: _Common,
) -> int:
    """Run a verb again for the tenants that failed or have no result; an apply for those of one wave.

    That is the first wave with such tenants, unless --wave names another. Without -o, the new results replace those in
    the one DIR. The other options are those of the verb.
    """
    again = execution.build(engine, chosen, common)
    return lazy.run_fleet_retry(lazy.FleetRetryOptions(tuple(directories), verb, again), common.terminal())
