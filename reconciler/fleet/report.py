"""What a run did in a fleet, as its summaries show it: read from the document of `fleet gather`.

The document can come from an artifact of another job: it is bounded and read strictly. Texts are raw.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from reconciler.core.tenant_names import is_tenant_name
from reconciler.core.text import quote
from reconciler.errors import ExitCode, PlanFileError
from reconciler.fleet.exit_codes import GOOD
from reconciler.fleet.fleet_plan import FORMAT_VERSION, compute_fleet_plan_id
from reconciler.fleet.gathered import NO_RESULT
from reconciler.fleet.model import MAX_TENANTS
from reconciler.fleet.result import COUNTS, VERBS
from reconciler.record.files import read_file

_MAX_BYTES = 16 * 1024 * 1024
_MAX_COUNT = 100_000_000
_MAX_GUARDS = 20
_MAX_TEXT = 1_000
_HEX = re.compile(r"[0-9a-f]{7,64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RUN = re.compile(r"[\w.:/-]{1,100}", re.ASCII)
_AGAIN = "Make it again: `reconciler fleet gather DIR…`."
REMOVED = ("deactivate", "delete")
CREATED = ("create",)
NOT_APPLIED = "not_applied"
"""Of drift: changes that wait for an apply. They are no difference."""
REMOVALS_NOT_APPLIED = "removals_not_applied"
CHANGED = ("update", "adopt", "relink", "reactivate")


class TenantState(StrEnum):
    """How a run ended for one tenant."""

    MISSING = "missing"
    FAILED = "failed"
    STALE = "stale"
    PARTIAL = "partial"
    BLOCKED = "blocked"
    HELD = "held"
    CHANGED = "changed"
    SAME = "same"


_STATES = {
    ExitCode.BLOCKED: TenantState.BLOCKED,
    ExitCode.STALE: TenantState.STALE,
    ExitCode.PARTIAL: TenantState.PARTIAL,
}
GOOD_STATES = frozenset({TenantState.HELD, TenantState.CHANGED, TenantState.SAME})


@dataclass(frozen=True, slots=True)
class ReportedTenant:
    """One tenant. `problem`: why it failed or is blocked; "" if neither."""

    name: str
    state: TenantState
    counts: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    has_receipt: bool = False

    def count(self, *names: str) -> int:
        """Return the sum of these counts."""
        return sum(self.counts.get(name, 0) for name in names)


@dataclass(frozen=True, slots=True)
class ReportedGuard:
    """A guard across tenants that is exceeded: what was found, and how to go on."""

    guard: str
    found: str
    way_on: str


@dataclass(frozen=True, slots=True)
class FleetReport:
    """A run of one verb. `plan_id`: of the plans of all tenants; `base`: the commit compared with, if it is known.

    `renamed`: old name of a tenant by its new one.
    """

    verb: str
    plan_id: str
    commit: str
    run: str
    tenants: tuple[ReportedTenant, ...]
    base: str | None = None
    guards: tuple[ReportedGuard, ...] = ()
    released: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    changed_by_defaults: int = 0

    @property
    def has_plans(self) -> bool:
        """Whether there is a plan to approve."""
        return bool(self.of_state(*GOOD_STATES))

    def count(self, *names: str) -> int:
        """Return the sum of these counts of all tenants."""
        return sum(tenant.count(*names) for tenant in self.tenants)

    def of_state(self, *states: TenantState) -> tuple[ReportedTenant, ...]:
        """Return the tenants of these states, by name."""
        return tuple(tenant for tenant in self.tenants if tenant.state in states)


def read_report(path: Path) -> FleetReport:
    """Read the document. Raises `PlanFileError` for any other file."""
    return parse_report(read_file(path, _MAX_BYTES), quote(str(path)))


def parse_report(content: bytes | str, source: str = "the document") -> FleetReport:
    """Parse the document of `fleet gather`. Raises `PlanFileError`, which names the `source`, for any other."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise PlanFileError(f"{source} is not JSON", _AGAIN) from exc
    if not isinstance(found, dict) or found.get("format_version") != FORMAT_VERSION:
        raise PlanFileError(f"{source} is no summary of a fleet, or of another version", _AGAIN)
    try:
        return _parse(found)
    except (_InvalidError, KeyError) as exc:
        raise PlanFileError(f"{source} has an invalid field: {exc}", _AGAIN) from exc


class _InvalidError(Exception):
    """A field is invalid; the message names it."""


def _parse(found: dict[str, Any]) -> FleetReport:
    base = found.get("base")
    return FleetReport(
        verb=_choose(found, "verb", VERBS),
        plan_id=_parse_plan_id(found),
        commit=_match(found["commit"], _HEX, "commit"),
        run=_match(found["run"], _RUN, "run"),
        tenants=tuple(_parse_tenants(found)),
        base=_match(base, _HEX, "base") if base is not None else None,
        guards=tuple(_parse_guards(found.get("guards", []))),
        released=_names(found.get("released", []), "released"),
        new=_names(found.get("new", []), "new"),
        renamed=_parse_renamed(found.get("renamed", {})),
        changed_by_defaults=_count(found.get("changed_by_defaults", 0), "changed_by_defaults"),
    )


def _parse_plan_id(found: dict[str, Any]) -> str:
    plans = _mapping(found["tenants"], "tenants")
    if not all(is_tenant_name(name) for name in plans) or not all(_is_digest(each) for each in plans.values()):
        raise _InvalidError("tenants")
    counts = {name: _parse_counts(each) for name, each in _mapping(found["results"], "results").items()}
    failed = _mapping(found["failed"], "failed")
    if not all(map(is_tenant_name, failed)):  # the id is of their bytes: a lone surrogate has none
        raise _InvalidError("failed")
    if found["id"] != compute_fleet_plan_id(plans, counts, failed):
        raise _InvalidError("the id is not that of its plans")
    return str(found["id"])


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _parse_tenants(found: dict[str, Any]) -> Iterator[ReportedTenant]:
    """Yield the tenants by name: those with a result, and those that failed without one."""
    results, failed = _mapping(found["results"], "results"), _mapping(found["failed"], "failed")
    for name in sorted(results.keys() | failed.keys()):
        if not is_tenant_name(name):
            raise _InvalidError("the name of a tenant")
        problem = _text(failed.get(name, ""), "failed")
        if name not in results:
            # The state says as much.
            yield ReportedTenant(name, TenantState.MISSING, {}, problem if problem != NO_RESULT else "")
            continue
        result, counts = results[name], _parse_counts(results[name])
        state = _find_state(_count(result["exit_code"], "exit_code"), counts, held=_flag(result["held"], "held"))
        yield ReportedTenant(name, state, counts, problem, result.get("receipt") is not None)


def _parse_counts(result: Any) -> dict[str, int]:
    counts = _mapping(_mapping(result, "results")["counts"], "counts")
    if not counts.keys() <= set(COUNTS):
        raise _InvalidError("counts")
    return {key: _count(value, "counts") for key, value in counts.items()}


def _find_state(exit_code: int, counts: Mapping[str, int], *, held: bool) -> TenantState:
    if exit_code in GOOD:
        if held:
            return TenantState.HELD
        changes = any(counts.get(name) for name in (*REMOVED, *CREATED, *CHANGED))
        return TenantState.CHANGED if changes else TenantState.SAME
    return next((state for code, state in _STATES.items() if code == exit_code), TenantState.FAILED)


def _parse_guards(found: Any) -> Iterator[ReportedGuard]:
    if not isinstance(found, list) or len(found) > _MAX_GUARDS:
        raise _InvalidError("guards")
    for each in found:
        entry = _mapping(each, "guards")
        yield ReportedGuard(*(_text(entry[key], "guards") for key in ("guard", "found", "way_on")))


def _choose(found: dict[str, Any], key: str, choices: tuple[str, ...]) -> str:
    value = found[key]
    if value not in choices:
        raise _InvalidError(key)
    return str(value)


def _match(value: Any, pattern: re.Pattern[str], field_name: str) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise _InvalidError(field_name)
    return value


def _count(value: Any, field_name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_COUNT:
        raise _InvalidError(field_name)
    return value


def _flag(value: Any, field_name: str) -> bool:
    if not isinstance(value, bool):
        raise _InvalidError(field_name)
    return value


def _text(value: Any, field_name: str) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise _InvalidError(field_name)
    return value


def _mapping(value: Any, field_name: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_TENANTS:
        raise _InvalidError(field_name)
    return value


def _parse_renamed(value: Any) -> dict[str, str]:
    found = _mapping(value, "renamed")
    return dict(zip(_names(list(found), "renamed"), _names(list(found.values()), "renamed"), strict=True))


def _names(value: Any, field_name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_TENANTS or not all(map(_is_name, value)):
        raise _InvalidError(field_name)
    return tuple(value)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and is_tenant_name(value)
