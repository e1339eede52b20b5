"""The status of each tenant of a fleet: from the records in its folders and the dates in its settings. No network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from reconciler.apply.quarantine import assess
from reconciler.core.expiry import ExpiryFinding, assess_credentials
from reconciler.desired.directory import Directory
from reconciler.desired.layout import list_layers
from reconciler.desired.provisioning import read_provisioning
from reconciler.errors import PlanFileError
from reconciler.fleet.applied import AppliedFleet, read_applied
from reconciler.fleet.drift_record import DriftCheck, read_drift
from reconciler.fleet.model import Fleet, Tenant
from reconciler.record.reader import read_all_runs
from reconciler.record.runs import place_quarantines
from reconciler.render.fleet_status import TenantStatus
from reconciler.session.expiry import read_credentials

_DATES = (b"_expires", b"token_issued")
"""What a settings.yaml holds that says when a credential ends: the others need not be parsed, and there are many."""
_SWITCH = b"provisioning"
_WORDS = frozenset({*_DATES, _SWITCH})
_LONGEST = 1024 * 1024


def read_fleet_status(fleet: Fleet, now: datetime) -> Iterator[TenantStatus]:
    """Yield the status of each tenant, in the order of their names. Raises `PlanFileError`."""
    applied, drift = read_applied(fleet.root), read_drift(fleet.root)
    shared: dict[str, frozenset[bytes]] = {}
    for tenant in fleet.tenants:
        layers = list_layers(tenant.group)
        for layer in layers:
            if layer not in shared:
                shared[layer] = _find_words(fleet.root / layer)
        words = _find_words(fleet.root / tenant.folder).union(*(shared[layer] for layer in layers))
        yield _read_status(fleet.root, tenant, (applied, drift.get(tenant.name)), now, words)


def _read_status(
    root: Path,
    tenant: Tenant,
    known: tuple[AppliedFleet | None, DriftCheck | None],
    now: datetime,
    words: frozenset[bytes],
) -> TenantStatus:
    applied, drift = known
    folder = root / tenant.folder
    plans = folder / "plans"
    problem = ""
    try:
        health = assess(place_quarantines(read_all_runs(plans) if plans.is_dir() else (), now))
    except PlanFileError as exc:
        health, problem = assess(()), exc.summary
    last = health.last
    return TenantStatus(
        tenant.name,
        last_apply=(last.ended or last.began) if last is not None else None,
        successful=last is not None and last.successful,
        failing_users=len(health.failing_users),
        quarantined_since=health.quarantine.began if health.quarantine is not None else None,
        is_open=applied is not None and tenant.name in applied.open,
        is_due=applied is not None and tenant.name in applied.due,
        drift=drift,
        credential=_find_ending(folder, now) if words.intersection(_DATES) else None,
        is_held=_SWITCH in words and is_switched_off(folder),
        problem=problem,
    )


def _find_words(folder: Path) -> frozenset[bytes]:
    """Return which of the words a settings.yaml may have; one that cannot be read may have all."""
    try:
        handle = os.open(folder / "settings.yaml", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return frozenset()
    except OSError:
        return _WORDS
    try:
        content = os.read(handle, _LONGEST)
        return _WORDS if len(content) == _LONGEST else frozenset(word for word in _WORDS if word in content)
    except OSError:
        return _WORDS
    finally:
        os.close(handle)


def is_switched_off(folder: Path) -> bool:
    """Whether an apply sends nothing; False if the settings are invalid: then an apply fails."""
    settings = Directory(folder).read_settings()
    return settings is not None and not read_provisioning(settings.value).enabled


def _find_ending(folder: Path, now: datetime) -> ExpiryFinding | None:
    return next(iter(assess_credentials(read_credentials(folder), now.date(), used=True)), None)
