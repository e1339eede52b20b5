"""The status of a target, from its record, its lock and the dates in settings.yaml. No network, no token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.apply.quarantine import Health, QuarantineState, assess
from reconciler.core.expiry import ConnectionCredential, CredentialKind, assess_credentials, is_proof_of_use
from reconciler.core.model import Target
from reconciler.core.refused_credentials import find_credential
from reconciler.desired.provisioning import read_provisioning
from reconciler.desired.schema import Settings
from reconciler.record.lock import describe_holder
from reconciler.record.refusal import read_refusal
from reconciler.record.runs import ApplyRun, Quarantine, QuarantineReason, place_quarantines
from reconciler.render.status import Status
from reconciler.session.expiry import read_credentials
from reconciler.session.provisioning_switch import find_time_of_switch
from reconciler.session.recorded_applies import read_applies
from reconciler.session.unapplied import find_unapplied_merges
from reconciler.session.workspace import Workspace, current_time


def read_status(workspace: Workspace, target: Target) -> Status:
    """Read the status of a target from the record and its lock."""
    address = workspace.address_lock(target)
    running = describe_holder(workspace.lock(target)) or (describe_holder(address) if address is not None else None)
    runs = read_applies(workspace, target, current_time())
    credentials, today = read_credentials(workspace.state), workspace.now.date()
    return Status(
        target,
        _assess(runs, running=running is not None),
        running,
        _find_refusal(workspace, target),
        find_unapplied_merges(workspace, runs),
        credentials=credentials,
        expiry=assess_credentials(credentials, today, used=_shows_use(credentials, runs)),
        today=today,
    )


def add_provisioning(status: Status, workspace: Workspace, settings: Settings) -> Status:
    """Return the status with whether provisioning is on, by the settings of the work tree, and since when it is off."""
    found = read_provisioning(settings)
    off_since = None if found.enabled else find_time_of_switch(workspace.state)
    return replace(status, provisioning=found, off_since=off_since)


def is_token_used(credentials: Sequence[ConnectionCredential], workspace: Workspace, target: Target) -> bool:
    """Whether an apply on record shows that the token is used: the service was read, whatever became of the changes."""
    return _shows_use(credentials, read_applies(workspace, target, current_time()))


def _shows_use(credentials: Sequence[ConnectionCredential], runs: Sequence[ApplyRun]) -> bool:
    token = find_credential(credentials, CredentialKind.TOKEN)
    return token is None or any(is_proof_of_use(token, run.began.date()) for run in runs)


def _assess(runs: list[ApplyRun], *, running: bool) -> Health:
    """Assess the health; an apply that is running has not failed, so the one before it counts."""
    if running and runs and runs[-1].ended is None:
        runs = runs[:-1]
    return assess(place_quarantines(runs, current_time()))


def _find_refusal(workspace: Workspace, target: Target) -> QuarantineState | None:
    found = read_refusal(workspace.history, target)
    if found is None:
        return None
    return QuarantineState(Quarantine(QuarantineReason.REFUSED, found.message), found.began, found.last, found.count)
