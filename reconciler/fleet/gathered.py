"""Gather the results of a run from the directories of its shards. They can be artifacts of other jobs: untrusted.

What is invalid, of another run or another commit counts as missing, and a missing result is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.system_limits import describe_os_error
from reconciler.core.tenant_names import is_tenant_name
from reconciler.core.text import quote
from reconciler.core.untrusted_values import parse_count
from reconciler.errors import ExitCode, PlanFileError, UsageError
from reconciler.fleet.exit_codes import GOOD, fold_exit_codes
from reconciler.fleet.model import MAX_TENANTS
from reconciler.fleet.plan_counts import count_saved_plan
from reconciler.fleet.result import COUNTS, MAX_BYTES, TenantResult, from_json
from reconciler.fleet.run_identity import is_same_run
from reconciler.record.files import read_beginning
from reconciler.record.layout import PLAN, RESULT

MAX_DIRECTORIES = 1_024
_MAX_ENTRIES = 4 * MAX_TENANTS
_WITH_PLAN = ("plan", "drift")
"""Verbs that save a plan."""
NO_RESULT = "no result"
OTHER_COMMIT = "the result is of another commit, "
"""What the reason begins with, before the commit."""
_OTHER_VERB = "the result is of the verb "
_FUTURE = "a result began in the future: correct the clock of that machine, remove the result, and run the tenant again"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which results count: those of one verb, commit and run that did not begin after `until`, seconds since 1970."""

    verb: str
    commit: str
    run: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The results of the expected tenants by name, and why the others have none.

    `ignored`: how many results are about tenants that were not expected.
    """

    results: Mapping[str, TenantResult]
    missing: Mapping[str, str] = field(default_factory=dict)
    ignored: int = 0

    @property
    def sandbox(self) -> bool:
        """Whether the results are of the sandbox: they say nothing of the targets of the tenants."""
        return any(each.sandbox for each in self.results.values())

    @property
    def total(self) -> int:
        """How many tenants were expected."""
        return len(self.results) + len(self.missing)

    @property
    def failed(self) -> dict[str, str]:
        """Why each tenant failed that did, by name; a missing result is a failure."""
        found = {name: _explain(each) for name, each in self.results.items() if each.exit_code not in GOOD}
        return dict(sorted({**found, **self.missing}.items()))

    @property
    def held(self) -> frozenset[str]:
        """The tenants with changes that an apply did not send, or would not, because provisioning is switched off."""
        return frozenset(name for name, each in self.results.items() if each.held)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the run as a whole."""
        codes = [each.exit_code for each in self.results.values()]
        return fold_exit_codes([*codes, *(ExitCode.ERROR for _ in self.missing)])

    @property
    def counts(self) -> dict[str, int]:
        """The counts of all tenants together."""
        return {name: count for name in COUNTS if (count := self.count(name))}

    def count(self, *names: str) -> int:
        """Return the sum of these counts of all tenants."""
        return sum(each.counts.get(name, 0) for each in self.results.values() for name in names)


def _explain(result: TenantResult) -> str:
    return result.error or f"exit code {result.exit_code}"


def gather_results(directories: Sequence[Path], expected: Collection[str], wanted: Wanted) -> Gathered:
    """Read `DIR/TENANT/result.json` of each directory. Of two results of a tenant that of the later attempt counts.

    Of two of one attempt the one that began later counts, of two that began at once the worse. One that begins in the
    future leaves the tenant without a result: the order is not known. Raises `UsageError` for a directory that is none
    or too large, and for results of the sandbox among those of targets.
    """
    if len(directories) > MAX_DIRECTORIES:
        raise UsageError(f"more than {MAX_DIRECTORIES:,} directories", "Put the results of several shards into one.")
    names = frozenset(expected)
    results: dict[str, TenantResult] = {}
    why: dict[str, str] = {}
    first: dict[bool, str] = {}
    future: set[str] = set()
    ignored = 0
    for directory in directories:
        for name in _list_tenants(directory):
            if name not in names:
                ignored += 1
                continue
            found = _read_result(directory / name, name, wanted)
            if isinstance(found, str):
                why[name] = found
                continue
            if wanted.until is not None and found.began > wanted.until:
                future.add(name)
            first.setdefault(found.sandbox, name)
            if name not in results or _rank(found) > _rank(results[name]):
                results[name] = found
    _check_same_target(first)
    for name in future:
        del results[name]
        why[name] = _FUTURE
    missing = {name: why.get(name, NO_RESULT) for name in sorted(names) if name not in results}
    return Gathered(dict(sorted(results.items())), missing, ignored)


def check_verb_of_results(gathered: Gathered, verb: str) -> None:
    """Raise `UsageError` if no result counts and some are of another verb: --verb is wrong, no tenant failed."""
    why = (each for each in gathered.missing.values() if each.startswith(_OTHER_VERB))
    others = sorted({each.removeprefix(_OTHER_VERB).partition(",")[0] for each in why})
    if others and not gathered.results:
        raise UsageError(
            f"the results are of {' and '.join(others)}, none is of {verb}",
            f"Choose another --verb, or name the directories that `reconciler fleet {verb} -o` wrote to.",
        )


def _check_same_target(first: Mapping[bool, str]) -> None:
    """Raise if there are results of the sandbox and of targets. `first`: a tenant with each of them."""
    if len(first) > 1:
        raise UsageError(
            f"the result of {quote(first[True])} is of the sandbox, that of {quote(first[False])} of its target",
            "Name directories with results of one kind. Those of a run with --sandbox say nothing of the targets.",
        )


def _rank(result: TenantResult) -> tuple[int, int, int]:
    attempt = parse_count(result.run.partition("/")[2]) or 0
    return attempt, result.began, 0 if result.exit_code in GOOD else 1


def _list_tenants(directory: Path) -> Iterator[str]:
    try:
        with os.scandir(directory) as entries:
            for number, entry in enumerate(entries):
                if number >= _MAX_ENTRIES:
                    raise UsageError(f"{directory} has more than {_MAX_ENTRIES:,} entries", "Name other directories.")
                if is_tenant_name(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield entry.name
    except OSError as exc:
        summary = f"{quote(str(directory))} cannot be read: {describe_os_error(exc)}"
        raise UsageError(summary, "Name the directories that -o of the verb wrote to.") from exc


def _read_result(folder: Path, name: str, wanted: Wanted) -> TenantResult | str:
    """Return the result of a tenant, or why there is none that counts."""
    content = read_beginning(folder / RESULT, MAX_BYTES + 1, follow_links=False)
    if content is None:
        return NO_RESULT
    try:
        result = from_json(content)
    except PlanFileError as exc:
        return f"{exc.summary}: it does not count"
    why = _find_mismatch(result, name, wanted)
    if why is None and result.verb in _WITH_PLAN and result.exit_code in GOOD:
        why = _find_other_plan(folder / PLAN, result)
    return result if why is None else f"{why}: it does not count"


def _find_mismatch(result: TenantResult, name: str, wanted: Wanted) -> str | None:
    if result.tenant != name:
        return "the result is about another tenant"
    if result.verb != wanted.verb:
        return f"{_OTHER_VERB}{result.verb}, not {wanted.verb}"
    if result.commit != wanted.commit:
        return f"{OTHER_COMMIT}{result.commit[:12]}"
    return None if is_same_run(result.run, wanted.run) else f"the result is of another run, {quote(result.run)}"


def _find_other_plan(path: Path, result: TenantResult) -> str | None:
    """Return why the saved plan is not that of the result. What is reviewed, and what guards count, has to be it."""
    plan = count_saved_plan(path)
    if plan is None or plan.plan_id != result.plan_id:
        return "plan.json is not the plan of the result"
    said = {name: count for name, count in result.counts.items() if count}
    return None if plan.counts == said else "the counts are not those of plan.json"
